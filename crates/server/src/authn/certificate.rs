//! Client certificates as proof: the peer holds the private key, TLS has checked that and the house's signature.
//! Not here: whether the certificate still counts, which the store knows.

use keyreeve_core::model::{CredentialId, CredentialKind, Time};
use keyreeve_core::operations::principals::NewCredential;
use keyreeve_pki::CertificateInfo;

/// What a certificate is looked up by: the SHA-256 of its public key.
pub fn proof(certificate: &CertificateInfo) -> CredentialId {
    CredentialId(certificate.spki_sha256)
}

/// The credential that a freshly issued certificate is.
pub fn credential(certificate: &CertificateInfo) -> NewCredential {
    NewCredential {
        id: proof(certificate),
        kind: CredentialKind::Certificate { serial: certificate.serial.as_bytes().to_vec() },
        expires: Some(Time::from_seconds(certificate.not_after_seconds)),
    }
}
