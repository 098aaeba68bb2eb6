//! Nonces that are drawn at random under one key: only so many are good. Not here: drawing them (the crypto port). Data envelopes
//! have a key of their own each, and no such limit.

use crate::{
    error::{Error, ErrorKind, Result},
    model::{Algorithm, BlockCipherMode, CryptoParameters, ManagedObject},
    request::Context,
};

/// Nonces that may be on record as drawn under one key; those of requests that run at the same time come on top, and stay
/// below 2^32.
///
/// # Standard
/// SP 800-38D section 8.3.
const NONCES_MAX: u64 = (1 << 32) - (1 << 24);

/// Put on record at a time, so that hardly any request writes more for it than what it does. A restart loses what is left of
/// them.
const AT_A_TIME: u64 = 1024;

/// Counts the nonce that is drawn for a request, where one is and the key may draw another. The key must be parsed by now.
///
/// # Errors
/// `UsageLimitExceeded`.
pub(super) fn count(
    context: &mut Context<'_>,
    object: &ManagedObject,
    parameters: &CryptoParameters,
    iv: Option<&[u8]>,
) -> Result<()> {
    if iv.is_some() || !is_short(object, parameters) || context.take_nonce(object.id) {
        return Ok(());
    }
    if context.drawn(object.id)? >= NONCES_MAX {
        let public = "this key has encrypted or wrapped as often as random nonces are good for (2^32 times): make a new version";
        return Err(Error::new(ErrorKind::UsageLimitExceeded, public));
    }
    context.draw_nonces(object.id, AT_A_TIME);
    Ok(())
}

/// Whether its nonces have 12 bytes, of which no two may be the same: AES-GCM, which is AES without parameters too, and ChaCha20.
fn is_short(object: &ManagedObject, parameters: &CryptoParameters) -> bool {
    match object.spec.map(|spec| spec.algorithm) {
        Some(Algorithm::Aes) => {
            matches!(parameters.mode, None | Some(BlockCipherMode::Gcm | BlockCipherMode::Aead))
        }
        Some(Algorithm::ChaCha20 | Algorithm::ChaCha20Poly1305) => true,
        _ => false,
    }
}
