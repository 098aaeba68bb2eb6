//! ReProvision: asks for another certificate in the place of the one by which the client proves itself.

use crate::objects::{Certificate, CertificateRequest};
use crate::schema::structure;
use crate::values::UniqueIdentifier;

structure! {
    /// The request of ReProvision. With neither field the server makes a key pair and its certificate.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.48.
    #[derive(Default)]
    ReProvisionRequest {
        /// The request to be signed.
        certificate_request: Option<CertificateRequest> = CERTIFICATE_REQUEST, V2_0..;
        /// The certificate that takes the place of the old one.
        certificate: Option<Certificate> = CERTIFICATE, V2_0..;
    }
}

structure! {
    /// The response of ReProvision.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.48.
    ReProvisionResponse {
        /// The private key where the server made one, else the certificate.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V2_0..;
    }
}
