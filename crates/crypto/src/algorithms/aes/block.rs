//! AES in CBC, ECB and CTR mode with or without PKCS#5 padding: confidentiality only, for protocols that ask by name.

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext,
    UnboundCipherKey,
};
use keyreeve_core::{Result, SecretBytes};
use zeroize::Zeroize;

use crate::error::{crypto_failed, invalid, library};

/// Length of a block, an IV and a counter block in bytes.
pub(super) const BLOCK_BYTES: usize = 16;

/// # Standard
/// SP 800-38A section 6.1; padding by RFC 5652 section 6.3.
///
/// # Errors
/// `InvalidField` where the plaintext does not fill its blocks and padding is not asked for.
pub(super) fn encrypt_ecb(key: &[u8], padded: bool, plaintext: &[u8]) -> Result<Vec<u8>> {
    let mut data = pad(padded, plaintext)?;
    EncryptingKey::ecb(unbound(key)?)
        .and_then(|key| key.less_safe_encrypt(&mut data, EncryptionContext::None))
        .map_err(|_| library("encrypt"))?;
    Ok(data)
}

/// # Errors
/// `CryptoFailed`.
pub(super) fn decrypt_ecb(key: &[u8], padded: bool, ciphertext: &[u8]) -> Result<SecretBytes> {
    let key = DecryptingKey::ecb(unbound(key)?).map_err(|_| library("take an AES key"))?;
    decrypt(&key, DecryptionContext::None, padded, ciphertext)
}

/// # Standard
/// SP 800-38A section 6.2; padding by RFC 5652 section 6.3.
///
/// # Errors
/// `InvalidField` for an IV of another length, or a plaintext that does not fill its blocks unpadded.
pub(super) fn encrypt_cbc(key: &[u8], iv: &[u8], padded: bool, plaintext: &[u8]) -> Result<Vec<u8>> {
    let mut data = pad(padded, plaintext)?;
    let context = EncryptionContext::Iv128((&iv_block(iv)?).into());
    EncryptingKey::cbc(unbound(key)?)
        .and_then(|key| key.less_safe_encrypt(&mut data, context))
        .map_err(|_| library("encrypt"))?;
    Ok(data)
}

/// # Errors
/// `InvalidField` for an IV of another length; `CryptoFailed`.
pub(super) fn decrypt_cbc(key: &[u8], iv: &[u8], padded: bool, ciphertext: &[u8]) -> Result<SecretBytes> {
    let context = DecryptionContext::Iv128((&iv_block(iv)?).into());
    let key = DecryptingKey::cbc(unbound(key)?).map_err(|_| library("take an AES key"))?;
    decrypt(&key, context, padded, ciphertext)
}

/// Encrypts or decrypts: both are the same in CTR mode. `iv` is the whole first counter block.
///
/// # Standard
/// SP 800-38A section 6.5.
///
/// # Errors
/// `InvalidField` for a counter block of another length.
pub(super) fn apply_ctr(key: &[u8], iv: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    let mut data = data.to_vec();
    let context = EncryptionContext::Iv128((&iv_block(iv)?).into());
    EncryptingKey::ctr(unbound(key)?)
        .and_then(|key| key.less_safe_encrypt(&mut data, context))
        .map_err(|_| library("encrypt"))?;
    Ok(data)
}

fn unbound(key: &[u8]) -> Result<UnboundCipherKey> {
    let algorithm = match key.len() {
        16 => &AES_128,
        24 => &AES_192,
        _ => &AES_256,
    };
    UnboundCipherKey::new(algorithm, key).map_err(|_| library("take an AES key"))
}

fn iv_block(iv: &[u8]) -> Result<[u8; BLOCK_BYTES]> {
    iv.try_into().map_err(|_| invalid(format!("the IV has {} bytes, but this mode needs 16", iv.len())))
}

fn pad(padded: bool, plaintext: &[u8]) -> Result<Vec<u8>> {
    let missing = BLOCK_BYTES - plaintext.len() % BLOCK_BYTES;
    if !padded && missing != BLOCK_BYTES {
        return Err(invalid("the data does not fill its blocks of 16 bytes: ask for PKCS5 padding"));
    }
    let mut data = Vec::with_capacity(plaintext.len() + BLOCK_BYTES);
    data.extend_from_slice(plaintext);
    if padded {
        data.resize(plaintext.len() + missing, missing as u8);
    }
    Ok(data)
}

fn decrypt(
    key: &DecryptingKey,
    context: DecryptionContext,
    padded: bool,
    ciphertext: &[u8],
) -> Result<SecretBytes> {
    if !ciphertext.len().is_multiple_of(BLOCK_BYTES) || (padded && ciphertext.is_empty()) {
        return Err(crypto_failed());
    }
    let mut data = ciphertext.to_vec();
    key.decrypt(&mut data, context).map_err(|_| library("decrypt"))?;
    let length = if padded { unpadded_bytes(&data) } else { Some(data.len()) };
    match length {
        Some(length) => {
            data.truncate(length);
            Ok(SecretBytes::new(data))
        }
        None => {
            data.zeroize();
            Err(crypto_failed())
        }
    }
}

/// Length of the plaintext without its padding; looks at the whole last block whatever it holds, so that the time
/// taken does not tell where wrong padding went wrong.
fn unpadded_bytes(padded: &[u8]) -> Option<usize> {
    let last_block = padded.last_chunk::<BLOCK_BYTES>()?;
    let padding = last_block[BLOCK_BYTES - 1];
    let mut wrong = u8::from(padding == 0) | u8::from(usize::from(padding) > BLOCK_BYTES);
    for (from_end, byte) in last_block.iter().rev().enumerate() {
        let belongs = u8::from(from_end < usize::from(padding)).wrapping_neg();
        wrong |= belongs & (byte ^ padding);
    }
    (wrong == 0).then(|| padded.len() - usize::from(padding))
}
