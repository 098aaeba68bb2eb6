//! AES key wrap with and without padding. By the `aes-kw` crate for all lengths: the library has none for AES-192 and
//! leaves its copy of the key in memory.

use aes::{
    Aes128, Aes192, Aes256,
    cipher::{BlockCipherDecrypt, BlockCipherEncrypt, BlockSizeUser, KeyInit, consts::U16},
};
use aes_kw::{AesKw, AesKwp};
use keyreeve_core::{
    Result, SecretBytes,
    model::{BlockCipherMode, CryptoParameters},
};
use zeroize::Zeroize;

use crate::error::{crypto_failed, invalid, library, unsupported};

/// Longest key that is wrapped, in bytes; bounds what one request can make us compute.
const SECRET_BYTES_MAX: usize = 1 << 20;
/// Length of the integrity value in front, and the step of lengths without padding, in bytes.
const SEMIBLOCK_BYTES: usize = 8;

/// True for key wrap with padding, false for key wrap, the default.
///
/// # Errors
/// `Unsupported` for any other mode.
pub(super) fn padded(parameters: &CryptoParameters) -> Result<bool> {
    match parameters.mode {
        None | Some(BlockCipherMode::KeyWrap) => Ok(false),
        Some(BlockCipherMode::KeyWrapPadded) => Ok(true),
        Some(_) => Err(unsupported("keys are wrapped by AES key wrap, with or without padding, only")),
    }
}

/// # Standard
/// RFC 3394 section 2.2.1; with padding RFC 5649 section 4.1.
///
/// # Errors
/// `InvalidField` for a secret of a length that cannot be wrapped.
pub(super) fn wrap(key: &[u8], padded: bool, secret: &SecretBytes) -> Result<Vec<u8>> {
    let length = secret.len();
    if length == 0 || length > SECRET_BYTES_MAX {
        return Err(invalid("a key of 1 byte to 1 MiB can be wrapped"));
    }
    if !padded && (length < 2 * SEMIBLOCK_BYTES || !length.is_multiple_of(SEMIBLOCK_BYTES)) {
        return Err(invalid("key wrap takes 16 bytes or more in steps of 8: use key wrap with padding"));
    }
    let run = match key.len() {
        16 => wrap_with::<Aes128>,
        24 => wrap_with::<Aes192>,
        _ => wrap_with::<Aes256>,
    };
    run(key, padded, secret.expose())
}

/// # Standard
/// RFC 3394 section 2.2.2; with padding RFC 5649 section 4.2.
///
/// # Errors
/// `CryptoFailed`.
pub(super) fn unwrap(key: &[u8], padded: bool, wrapped: &[u8]) -> Result<SecretBytes> {
    let shortest = if padded { 2 } else { 3 } * SEMIBLOCK_BYTES;
    if wrapped.len() < shortest || wrapped.len() > SECRET_BYTES_MAX + 2 * SEMIBLOCK_BYTES {
        return Err(crypto_failed());
    }
    let run = match key.len() {
        16 => unwrap_with::<Aes128>,
        24 => unwrap_with::<Aes192>,
        _ => unwrap_with::<Aes256>,
    };
    run(key, padded, wrapped)
}

fn wrap_with<C>(key: &[u8], padded: bool, secret: &[u8]) -> Result<Vec<u8>>
where
    C: KeyInit + BlockSizeUser<BlockSize = U16> + BlockCipherEncrypt,
{
    let mut out = vec![0; secret.len().next_multiple_of(SEMIBLOCK_BYTES) + SEMIBLOCK_BYTES];
    let done = if padded {
        AesKwp::<C>::new_from_slice(key).is_ok_and(|kek| kek.wrap_key(secret, &mut out).is_ok())
    } else {
        AesKw::<C>::new_from_slice(key).is_ok_and(|kek| kek.wrap_key(secret, &mut out).is_ok())
    };
    if done { Ok(out) } else { Err(library("wrap a key")) }
}

fn unwrap_with<C>(key: &[u8], padded: bool, wrapped: &[u8]) -> Result<SecretBytes>
where
    C: KeyInit + BlockSizeUser<BlockSize = U16> + BlockCipherDecrypt,
{
    let mut out = vec![0; wrapped.len() - SEMIBLOCK_BYTES];
    let length = if padded {
        AesKwp::<C>::new_from_slice(key)
            .ok()
            .and_then(|kek| kek.unwrap_key(wrapped, &mut out).ok().map(<[u8]>::len))
    } else {
        AesKw::<C>::new_from_slice(key)
            .ok()
            .and_then(|kek| kek.unwrap_key(wrapped, &mut out).ok().map(<[u8]>::len))
    };
    match length {
        Some(length) => {
            out.truncate(length);
            Ok(SecretBytes::new(out))
        }
        None => {
            out.zeroize();
            Err(crypto_failed())
        }
    }
}
