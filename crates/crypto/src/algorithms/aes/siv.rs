//! AES-SIV: authenticated encryption whose IV follows from key and message, with or without a nonce. The key is two
//! AES keys: the first half authenticates, the second encrypts.

use aes::{Aes128, Aes192, Aes256};
use aes_siv::{KeyInit, Tag, siv::CmacSiv};
use keyreeve_core::{Result, SecretBytes};
use zeroize::Zeroizing;

use crate::error::{crypto_failed, library, unsupported};

/// Length of the synthetic IV, which is the tag, in bytes.
pub(super) const TAG_BYTES: usize = 16;

/// Runs `$body` with the cipher of the key's length as `$cipher`.
macro_rules! with_cipher {
    ($key:expr, $cipher:ident => $body:expr) => {
        match $key.len() {
            32 => {
                let mut $cipher =
                    CmacSiv::<Aes128>::new_from_slice($key).map_err(|_| library("take a key"))?;
                $body
            }
            48 => {
                let mut $cipher =
                    CmacSiv::<Aes192>::new_from_slice($key).map_err(|_| library("take a key"))?;
                $body
            }
            64 => {
                let mut $cipher =
                    CmacSiv::<Aes256>::new_from_slice($key).map_err(|_| library("take a key"))?;
                $body
            }
            _ => return Err(unsupported("SIV needs a key of 256, 384 or 512 bits: two AES keys")),
        }
    };
}

/// Encrypts `data` in place and gives the tag. Without a nonce the same message gives the same ciphertext.
///
/// # Standard
/// RFC 5297 sections 2.6 and 3; the additional data is the first header, the nonce the last.
///
/// # Errors
/// `Unsupported` for a key of another length.
pub(super) fn seal(key: &[u8], nonce: Option<&[u8]>, aad: &[u8], data: &mut [u8]) -> Result<Vec<u8>> {
    let headers = headers(nonce, aad);
    let sealed = with_cipher!(key, cipher => {
        cipher.encrypt_inout_detached(headers.into_iter().flatten(), data.into())
    });
    sealed.map(|tag| tag.to_vec()).map_err(|_| library("encrypt"))
}

/// # Standard
/// RFC 5297 section 2.7.
///
/// # Errors
/// `Unsupported` for a key of another length; `CryptoFailed`.
pub(super) fn open(
    key: &[u8],
    nonce: Option<&[u8]>,
    aad: &[u8],
    data: &[u8],
    tag: &[u8],
) -> Result<SecretBytes> {
    let tag = Tag::try_from(tag).map_err(|_| crypto_failed())?;
    let headers = headers(nonce, aad);
    let mut out = Zeroizing::new(data.to_vec());
    let opened = with_cipher!(key, cipher => {
        cipher.decrypt_inout_detached(headers.into_iter().flatten(), out.as_mut_slice().into(), &tag)
    });
    opened.map_err(|_| crypto_failed())?;
    Ok(SecretBytes::new(std::mem::take(&mut *out)))
}

/// Additional data and nonce; neither of them is no header at all, as the standard's deterministic use has it.
fn headers<'a>(nonce: Option<&'a [u8]>, aad: &'a [u8]) -> [Option<&'a [u8]>; 2] {
    [(nonce.is_some() || !aad.is_empty()).then_some(aad), nonce]
}
