//! GCM with nonces and tags of unusual lengths, which the library does not take. The usual case is in `mod.rs`.

use aes::{
    Aes128, Aes192, Aes256,
    cipher::{BlockCipherEncrypt, BlockSizeUser, KeyInit, KeyIvInit, StreamCipher, consts::U16},
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use ctr::Ctr32BE;
use ghash::{GHash, universal_hash::UniversalHash};
use keyreeve_core::{Result, SecretBytes};
use zeroize::Zeroizing;

use crate::error::{crypto_failed, invalid, library};

/// Lengths of nonces in bytes: shorter ones would repeat too soon, longer ones carry nothing more.
const NONCE_BYTES: std::ops::RangeInclusive<usize> = 8..=128;

/// Encrypts `data` in place and gives the whole tag, of which the caller may keep the beginning.
///
/// # Standard
/// SP 800-38D section 7.1.
///
/// # Errors
/// `InvalidField` for a nonce outside 8 to 128 bytes.
pub(super) fn seal(key: &[u8], nonce: &[u8], aad: &[u8], data: &mut [u8]) -> Result<[u8; 16]> {
    let mut stream = start(key, nonce)?;
    stream.counter.apply_keystream(data);
    Ok(stream.tag(aad, data))
}

/// Decrypts where `tag` is the beginning of the whole tag; the caller has checked its length.
///
/// # Standard
/// SP 800-38D section 7.2.
///
/// # Errors
/// `InvalidField` for a nonce outside 8 to 128 bytes; `CryptoFailed`.
pub(super) fn open(key: &[u8], nonce: &[u8], aad: &[u8], data: &[u8], tag: &[u8]) -> Result<SecretBytes> {
    let mut stream = start(key, nonce)?;
    let expected = stream.tag(aad, data);
    let expected = expected.get(..tag.len()).ok_or_else(crypto_failed)?;
    verify_slices_are_equal(expected, tag).map_err(|_| crypto_failed())?;
    let mut out = data.to_vec();
    stream.counter.apply_keystream(&mut out);
    Ok(SecretBytes::new(out))
}

/// The key stream of one message, past the block that masks the tag. Holds secrets.
struct Stream {
    counter: Box<dyn StreamCipher>,
    ghash: GHash,
    mask: Zeroizing<[u8; 16]>,
}

impl Stream {
    fn tag(&self, aad: &[u8], ciphertext: &[u8]) -> [u8; 16] {
        let mut ghash = self.ghash.clone();
        ghash.update_padded(aad);
        ghash.update_padded(ciphertext);
        let mut tag = finish(ghash, aad.len(), ciphertext.len());
        tag.iter_mut().zip(self.mask.iter()).for_each(|(byte, mask)| *byte ^= mask);
        tag
    }
}

fn start(key: &[u8], nonce: &[u8]) -> Result<Stream> {
    if !NONCE_BYTES.contains(&nonce.len()) {
        return Err(invalid(format!(
            "a GCM nonce of {} bytes is not offered: {} to {} bytes are, 12 is best",
            nonce.len(),
            NONCE_BYTES.start(),
            NONCE_BYTES.end()
        )));
    }
    match key.len() {
        16 => start_with::<Aes128>(key, nonce),
        24 => start_with::<Aes192>(key, nonce),
        _ => start_with::<Aes256>(key, nonce),
    }
}

fn start_with<C>(key: &[u8], nonce: &[u8]) -> Result<Stream>
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + KeyInit + Clone + 'static,
{
    let cipher = C::new_from_slice(key).map_err(|_| library("take an AES key"))?;
    let mut hash_key = Zeroizing::new([0; 16]);
    cipher.encrypt_block((&mut *hash_key).into());
    let ghash = GHash::new((&*hash_key).into());
    let mut counter = Ctr32BE::<C>::new_from_slices(key, &first_counter(&ghash, nonce))
        .map_err(|_| library("start counting"))?;
    let mut mask = Zeroizing::new([0; 16]);
    counter.apply_keystream(mask.as_mut_slice());
    Ok(Stream { counter: Box::new(counter), ghash, mask })
}

/// The counter block J0.
fn first_counter(ghash: &GHash, nonce: &[u8]) -> [u8; 16] {
    if let Ok(nonce) = <[u8; 12]>::try_from(nonce) {
        let mut block = [0; 16];
        block[..12].copy_from_slice(&nonce);
        block[15] = 1;
        return block;
    }
    let mut ghash = ghash.clone();
    ghash.update_padded(nonce);
    finish(ghash, 0, nonce.len())
}

/// Ends a hash with the lengths of both parts in bits.
fn finish(mut ghash: GHash, first_bytes: usize, second_bytes: usize) -> [u8; 16] {
    let mut lengths = [0; 16];
    lengths[..8].copy_from_slice(&(first_bytes as u64 * 8).to_be_bytes());
    lengths[8..].copy_from_slice(&(second_bytes as u64 * 8).to_be_bytes());
    ghash.update(&[lengths.into()]);
    ghash.finalize().into()
}
