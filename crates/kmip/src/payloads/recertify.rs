//! ReCertify: makes a certificate in the place of an old one, for the same public key.

use super::certify::CertificateRequestValue;
use super::storage::ProtectionStorageMasks;
use crate::attributes::TemplateAttribute;
use crate::enums::CertificateRequestType;
use crate::schema::structure;
use crate::values::{Interval, UniqueIdentifier};

structure! {
    /// The request of ReCertify.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.45; KMIP 1.4, section 4.8.
    #[derive(Default)]
    ReCertifyRequest {
        /// The certificate; the ID placeholder when absent.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
        /// A certificate request that lies on the server.
        certificate_request_unique_identifier: Option<UniqueIdentifier> = CERTIFICATE_REQUEST_UNIQUE_IDENTIFIER, V2_0..;
        /// What the request here is.
        certificate_request_type: Option<CertificateRequestType> = CERTIFICATE_REQUEST_TYPE, V1_0..;
        /// The request.
        certificate_request_value: Option<CertificateRequestValue> = CERTIFICATE_REQUEST_VALUE, V1_0..;
        /// Seconds between the initial and the activation date of the new certificate.
        offset: Option<Interval> = OFFSET, V1_0..;
        /// Attributes of the new certificate.
        template_attribute: Option<TemplateAttribute> = TEMPLATE_ATTRIBUTE, V1_0..;
        /// Ways of storing that are acceptable.
        protection_storage_masks: Option<ProtectionStorageMasks> = PROTECTION_STORAGE_MASKS, V2_0..;
    }
}

structure! {
    /// The response of ReCertify.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.45; KMIP 1.4, section 4.8.
    ReCertifyResponse {
        /// The certificate.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
        /// Attributes that the server set otherwise than asked (1.x).
        template_attribute: Option<TemplateAttribute> = TEMPLATE_ATTRIBUTE, V1_0..V2_0;
    }
}
