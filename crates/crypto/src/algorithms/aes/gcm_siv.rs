//! AES-GCM-SIV: two messages under one nonce tell no more than whether they are equal.

use aws_lc_rs::aead;
use keyreeve_core::{Result, SecretBytes, model::CryptoParameters};

use crate::error::{crypto_failed, invalid, library, unsupported};

/// Length of a nonce in bytes.
pub(super) const NONCE_BYTES: usize = 12;
/// Length of the tag in bytes.
pub(super) const TAG_BYTES: usize = 16;

/// Encrypts `data` in place and gives the tag.
///
/// # Standard
/// RFC 8452 section 4.
///
/// # Errors
/// `Unsupported` for AES-192, `InvalidField` for a nonce of another length than 12 bytes.
pub(super) fn seal(key: &[u8], iv: &[u8], aad: &[u8], data: &mut [u8]) -> Result<Vec<u8>> {
    aead(key)?
        .seal_in_place_separate_tag(nonce(iv)?, aead::Aad::from(aad), data)
        .map(|tag| tag.as_ref().to_vec())
        .map_err(|_| invalid("the data is too long for GCM-SIV"))
}

/// # Standard
/// RFC 8452 section 5.
///
/// # Errors
/// As `seal`; `CryptoFailed`.
pub(super) fn open(key: &[u8], iv: &[u8], aad: &[u8], data: &[u8], tag: &[u8]) -> Result<SecretBytes> {
    let mut out = vec![0; data.len()];
    aead(key)?
        .open_separate_gather(nonce(iv)?, aead::Aad::from(aad), data, tag, &mut out)
        .map_err(|_| crypto_failed())?;
    Ok(SecretBytes::new(out))
}

/// Tags are whole: the mode has no short ones.
///
/// # Errors
/// `Unsupported` for any length but 16 bytes.
pub(super) fn check_tag(parameters: &CryptoParameters) -> Result<()> {
    match parameters.tag_length {
        None | Some(16) => Ok(()),
        Some(bytes) => Err(unsupported(format!("this mode has tags of {TAG_BYTES} bytes, not {bytes}"))),
    }
}

fn aead(key: &[u8]) -> Result<aead::LessSafeKey> {
    let algorithm = match key.len() {
        16 => &aead::AES_128_GCM_SIV,
        32 => &aead::AES_256_GCM_SIV,
        _ => return Err(unsupported("GCM-SIV is offered with AES-128 and AES-256")),
    };
    let unbound = aead::UnboundKey::new(algorithm, key).map_err(|_| library("take an AES key"))?;
    Ok(aead::LessSafeKey::new(unbound))
}

fn nonce(iv: &[u8]) -> Result<aead::Nonce> {
    aead::Nonce::try_assume_unique_for_key(iv)
        .map_err(|_| invalid(format!("the nonce has {} bytes, but GCM-SIV needs 12", iv.len())))
}
