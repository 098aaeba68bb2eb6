//! Certificates and certificate requests.

use keyreeve_pki::{CertificateInfo, CertificateRequest, pem};

/// Certificates in PEM, or one in DER.
pub(super) fn certificate(bytes: &[u8]) -> bool {
    let certificates = pem::decode_certificates(bytes).unwrap_or_else(|_| vec![bytes.to_vec().into()]);
    certificates.iter().all(|certificate| {
        let read = CertificateInfo::read(certificate);
        let _ = read.as_ref().map(CertificateInfo::principal);
        read.is_ok()
    })
}

/// A certificate request in either.
pub(super) fn certificate_request(bytes: &[u8]) -> bool {
    CertificateRequest::read(bytes).is_ok()
}
