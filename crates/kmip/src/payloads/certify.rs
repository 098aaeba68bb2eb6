//! Certify: makes a certificate for a public key.

use super::storage::ProtectionStorageMasks;
use crate::attributes::TemplateAttribute;
use crate::enums::CertificateRequestType;
use crate::error::DecodeError;
use crate::schema::{Version, Wire, structure};
use crate::tags::Tag;
use crate::ttlv::Value;
use crate::ttlv::binary::Writer;
use crate::values::UniqueIdentifier;

/// A certificate request in a payload, as its type says. Its tag is Certificate Request in 1.x.
///
/// # Standard
///
/// KMIP 2.1, section 6.1.6; KMIP 1.4, section 4.7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRequestValue(pub Vec<u8>);

impl Wire for CertificateRequestValue {
    fn tag(declared: Tag, version: Version) -> Tag {
        if version < Version::V2_0 { Tag::CERTIFICATE_REQUEST } else { declared }
    }

    fn read(value: &mut Value, version: Version) -> Result<Self, DecodeError> {
        Vec::read(value, version).map(Self)
    }

    fn write(&self, writer: &mut Writer, tag: Tag) {
        writer.byte_string(tag, &self.0);
    }
}

#[cfg(test)]
impl crate::schema::Sample for CertificateRequestValue {
    fn sample() -> Self {
        Self(vec![0x30, 0])
    }
}

structure! {
    /// The request of Certify.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.6; KMIP 1.4, section 4.7.
    #[derive(Default)]
    CertifyRequest {
        /// The public key or the certificate request; without a request here, the ID placeholder when absent.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
        /// What the request here is.
        certificate_request_type: Option<CertificateRequestType> = CERTIFICATE_REQUEST_TYPE, V1_0..;
        /// The request.
        certificate_request_value: Option<CertificateRequestValue> = CERTIFICATE_REQUEST_VALUE, V1_0..;
        /// Attributes of the certificate.
        template_attribute: Option<TemplateAttribute> = TEMPLATE_ATTRIBUTE, V1_0..;
        /// Ways of storing that are acceptable.
        protection_storage_masks: Option<ProtectionStorageMasks> = PROTECTION_STORAGE_MASKS, V2_0..;
    }
}

structure! {
    /// The response of Certify.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.6; KMIP 1.4, section 4.7.
    CertifyResponse {
        /// The certificate.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
        /// Attributes that the server set otherwise than asked (1.x).
        template_attribute: Option<TemplateAttribute> = TEMPLATE_ATTRIBUTE, V1_0..V2_0;
    }
}
