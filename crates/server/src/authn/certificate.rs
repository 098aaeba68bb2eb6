//! Client certificates as proof: the peer holds the private key, TLS has checked that and the house's signature, or that
//! exactly this certificate was pinned. Not here: whether the certificate still counts, which the store knows.

use std::fmt;
use std::sync::Arc;

use keyreeve_core::engine::Engine;
use keyreeve_core::model::{CredentialId, CredentialKind, Time};
use keyreeve_core::operations::principals::NewCredential;
use keyreeve_core::record::{Record, RecordKey};
use keyreeve_pki::CertificateInfo;
use rustls::pki_types::CertificateDer;

use crate::listen::PinnedCertificates;

/// What a certificate is looked up by: the SHA-256 of its public key.
pub fn proof(certificate: &CertificateInfo) -> CredentialId {
    CredentialId(certificate.spki_sha256)
}

/// The credential that a freshly issued certificate is.
pub fn credential(certificate: &CertificateInfo) -> NewCredential {
    of_kind(certificate, CredentialKind::Certificate { serial: certificate.serial.as_bytes().to_vec() })
}

/// The credential that somebody else's certificate is, taken as it is.
pub fn pinned_credential(certificate: &CertificateInfo) -> NewCredential {
    of_kind(certificate, CredentialKind::Pinned { sha256: certificate.sha256.to_vec() })
}

fn of_kind(certificate: &CertificateInfo, kind: CredentialKind) -> NewCredential {
    let expires = Some(Time::from_seconds(certificate.not_after_seconds));
    let is_given = matches!(kind, CredentialKind::Pinned { .. });
    NewCredential { id: proof(certificate), kind, expires, is_given }
}

/// The certificates that are on record as pinned.
pub struct Pinned {
    engine: Arc<Engine>,
}

impl Pinned {
    /// Those in this engine's store.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pinned")
    }
}

impl PinnedCertificates for Pinned {
    fn holds(&self, certificate: &CertificateDer<'_>) -> bool {
        let Ok(info) = CertificateInfo::read(certificate) else { return false };
        // What the store cannot tell is not taken.
        let Ok(Some(record)) = self.engine.store().get(&RecordKey::Credential(proof(&info))) else {
            return false;
        };
        match &*record {
            Record::Credential(credential) => {
                let pinned = CredentialKind::Pinned { sha256: info.sha256.to_vec() };
                credential.kind == pinned && credential.revoked.is_none()
            }
            _ => false,
        }
    }
}
