//! Verifying a certificate of destruction, with nothing but its file and perhaps an anchor that names who may sign.

use keyreeve_crypto::SoftwareCrypto;
use keyreeve_store::signed;
use serde_json::Value;

/// A certificate whose signature is right.
#[derive(Debug)]
pub struct Verdict {
    /// What it says.
    pub certificate: Value,
    /// Who signed: SubjectPublicKeyInfo in DER, hexadecimal.
    pub signer: String,
    /// Whether an anchor names this signer. Without one, anybody could have signed it.
    pub is_signer_known: bool,
}

/// Why a file is no certificate that counts.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotValid(String);

/// Verifies a certificate; `anchor` is a file that `init` wrote, or that lies at a backup target.
///
/// # Errors
/// Where a file is not what it should be, a signature is wrong, or the signer is another one than the anchor names.
pub fn verify(file: &[u8], anchor: Option<&[u8]>) -> Result<Verdict, NotValid> {
    let crypto = SoftwareCrypto::new();
    let open = |kind, text: &[u8]| {
        signed::verify(kind, text, &crypto).map_err(|error| NotValid(error.public().to_owned()))
    };
    let verified = open("certificate", file)?;
    let pinned = anchor.map(|anchor| open("anchor", anchor)).transpose()?;
    if pinned.as_ref().is_some_and(|anchor| anchor.signer != verified.signer) {
        let text = "the certificate is signed by another key than the anchor names: it is forged, or another store's";
        return Err(NotValid(text.to_owned()));
    }
    let (signer, is_signer_known) = (hex::encode(verified.signer), pinned.is_some());
    Ok(Verdict { certificate: verified.value, signer, is_signer_known })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use keyreeve_core::model::{Algorithm, KeySpec, ObjectType};
    use keyreeve_core::ports::crypto::{Crypto as _, Generated, ParsedKey};
    use serde_json::json;

    use super::*;

    fn signer() -> Arc<dyn ParsedKey> {
        let spec = KeySpec { algorithm: Algorithm::Ed25519, length_bits: 256, curve: None };
        let crypto = SoftwareCrypto::new();
        let Ok(Generated::Pair { private, .. }) = crypto.generate(&spec) else { panic!("a pair") };
        crypto.parse(ObjectType::PrivateKey, Some(&spec), &private).unwrap()
    }

    #[test]
    fn a_certificate_is_worth_as_much_as_the_anchor_that_names_its_signer() {
        let (ours, theirs) = (signer(), signer());
        let certificate = signed::sign("certificate", json!({ "scope": "key demo" }), &*ours).unwrap();
        let anchor = |signer: &dyn ParsedKey| signed::sign("anchor", json!({ "lsn": 1 }), signer).unwrap();
        let verify = |text: &str, anchor: Option<&str>| verify(text.as_bytes(), anchor.map(str::as_bytes));
        assert!(!verify(&certificate, None).unwrap().is_signer_known);
        let good = verify(&certificate, Some(&anchor(&*ours))).unwrap();
        assert!(good.is_signer_known);
        assert_eq!(good.certificate["scope"], "key demo");
        assert!(verify(&certificate, Some(&anchor(&*theirs))).is_err());
        assert!(verify(&certificate, Some(&certificate)).is_err(), "a certificate is no anchor");
        assert!(verify(&certificate.replace("demo", "other"), Some(&anchor(&*ours))).is_err());
    }
}
