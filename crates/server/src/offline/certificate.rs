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
