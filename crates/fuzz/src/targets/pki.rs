//! Certificates, certificate requests, PKCS#12 files.

use keyreeve_pki::{
    CertificateInfo, CertificateRequest, SubjectName, fuzzing, pem, subject_names, validate_chain, wanted_of,
};

/// The moment for which chains are validated, in Unix seconds.
const AT_SECONDS: i64 = 1_767_225_600;

/// Every kind of name.
const NAMES: [SubjectName; 5] =
    [SubjectName::Uri, SubjectName::Dns, SubjectName::Email, SubjectName::Subject, SubjectName::PublicKey];

/// Certificates in PEM, or one in DER; also as a chain.
pub(super) fn certificate(bytes: &[u8]) -> bool {
    let certificates = pem::decode_certificates(bytes).unwrap_or_else(|_| vec![bytes.to_vec().into()]);
    let chain: Vec<&[u8]> = certificates.iter().take(16).map(|certificate| certificate.as_ref()).collect();
    let _ = validate_chain(&chain, AT_SECONDS);
    certificates.iter().all(|certificate| {
        let _ = wanted_of(certificate);
        // Whom an organisation's certificate is for.
        for kind in NAMES {
            let names = subject_names(certificate, kind).unwrap_or_default();
            assert!(!names.concat().chars().any(char::is_control), "a name speaks to a terminal");
        }
        let read = CertificateInfo::read(certificate);
        let _ = read.as_ref().map(CertificateInfo::principal);
        read.is_ok()
    })
}

/// A certificate request in either.
pub(super) fn certificate_request(bytes: &[u8]) -> bool {
    CertificateRequest::read(bytes).map(CertificateRequest::into_wanted).is_ok()
}

/// A layer of a PKCS#12 file under a known password: the first byte says which, so that what lies behind a MAC and behind a
/// cipher is reached.
pub(super) fn pkcs12(bytes: &[u8]) -> bool {
    let Some((layer, bytes)) = bytes.split_first() else { return false };
    fuzzing::pkcs12(*layer, bytes)
}
