//! RSA paddings with hashes that the library does not pair: OAEP whose mask has a hash of its own, or SHA-224, and
//! verifying PSS over SHA-1 and such masks. Signatures over SHA-1 are not made.

use aws_lc_rs::{constant_time, digest};
use keyreeve_core::{Result, SecretBytes, model::HashAlgorithm, ports::rng::Rng};

use super::bare;
use crate::{
    digest::{algorithm, hash},
    error::{crypto_failed, invalid},
};

/// The two hashes of a padding.
#[derive(Clone, Copy)]
pub(super) struct Hashes {
    main: &'static digest::Algorithm,
    mask: &'static digest::Algorithm,
}

impl Hashes {
    /// # Errors
    /// `Unsupported` for a hash.
    pub(super) fn new(main: HashAlgorithm, mask: HashAlgorithm) -> Result<Self> {
        Ok(Self { main: algorithm(main)?, mask: algorithm(mask)? })
    }

    /// Bytes of the main hash.
    pub(super) fn bytes(self) -> usize {
        self.main.output_len()
    }
}

/// # Standard
/// RFC 8017 section 7.1.1. The caller has checked that the plaintext fits.
pub(super) fn encrypt(
    pkcs1: &[u8],
    key_bytes: usize,
    hashes: Hashes,
    label: &[u8],
    plaintext: &[u8],
    rng: &dyn Rng,
) -> Result<Vec<u8>> {
    let mut seed = vec![0; hashes.bytes()];
    rng.fill(&mut seed)?;
    let room = key_bytes.checked_sub(1 + seed.len()).ok_or_else(|| invalid("this RSA key is too short"))?;
    let mut block = Vec::with_capacity(room);
    block.extend_from_slice(hash(hashes.main, &[label]).as_ref());
    let one = room.checked_sub(plaintext.len() + 1).filter(|one| *one >= block.len());
    block.resize(one.ok_or_else(|| invalid("the data is too long for this RSA key"))?, 0);
    block.push(1);
    block.extend_from_slice(plaintext);
    let block = masked(&SecretBytes::new(block), &seed, hashes.mask);
    let seed = masked(&SecretBytes::new(seed), block.expose(), hashes.mask);
    let message = SecretBytes::new([&[0], seed.expose(), block.expose()].concat());
    Ok(bare::public(pkcs1, message.expose())?.expose().to_vec())
}

/// # Standard
/// RFC 8017 section 7.1.2.
///
/// # Errors
/// `CryptoFailed`, in the same time whatever is wrong.
pub(super) fn decrypt(
    pkcs1: &SecretBytes,
    hashes: Hashes,
    label: &[u8],
    ciphertext: &[u8],
    rng: &dyn Rng,
) -> Result<SecretBytes> {
    let message = bare::private(pkcs1, ciphertext, rng)?;
    let (first, rest) = message.expose().split_first().ok_or_else(crypto_failed)?;
    let (seed, block) = rest.split_at_checked(hashes.bytes()).ok_or_else(crypto_failed)?;
    let seed = masked(&SecretBytes::copy_from(seed), block, hashes.mask);
    let block = masked(&SecretBytes::copy_from(block), seed.expose(), hashes.mask);
    let (label_hash, data) = block.expose().split_at_checked(hashes.bytes()).ok_or_else(crypto_failed)?;
    let labelled = constant_time::verify_slices_are_equal(label_hash, hash(hashes.main, &[label]).as_ref());
    // The data are zeros, a one, and the plaintext: the place of the one, or nothing where something else comes first.
    let (mut searching, mut wrong, mut start) = (1_usize, usize::from(labelled.is_err()), 0);
    wrong |= usize::from(*first);
    for (index, byte) in data.iter().enumerate() {
        let byte = usize::from(*byte);
        let is_zero = is_zero(byte);
        let is_one = self::is_zero(byte ^ 1);
        start |= (searching & is_one).wrapping_neg() & (index + 1);
        wrong |= searching & (1 ^ is_zero) & (1 ^ is_one);
        searching &= is_zero;
    }
    match std::hint::black_box(wrong | searching) {
        0 => data.get(start..).map(SecretBytes::copy_from).ok_or_else(crypto_failed),
        _ => Err(crypto_failed()),
    }
}

/// # Standard
/// RFC 8017 sections 8.1.2 and 9.1.2. `is_salt` says which lengths of the salt are right.
pub(super) fn verify(
    pkcs1: &[u8],
    key_bits: u32,
    hashes: Hashes,
    digest: &[u8],
    signature: &[u8],
    is_salt: impl Fn(usize) -> bool,
) -> bool {
    let opened = bare::public(pkcs1, signature).ok();
    let valid = opened.and_then(|message| {
        // The message has one bit less than the modulus.
        let bits = (key_bits as usize).checked_sub(1)?;
        let (above, message) =
            message.expose().split_at_checked(message.len().checked_sub(bits.div_ceil(8))?)?;
        let (message, [0xBC]) = message.split_last_chunk::<1>()? else { return None };
        let (block, opened) = message.split_at_checked(message.len().checked_sub(hashes.bytes())?)?;
        let mut data = masked(&SecretBytes::copy_from(block), opened, hashes.mask).expose().to_vec();
        let high = unused_bits(bits);
        if above.iter().any(|byte| *byte != 0) || block.first()? & high != 0 {
            return None;
        }
        *data.first_mut()? &= !high;
        let one = data.iter().position(|byte| *byte != 0)?;
        let salt = data.get(one + 1..).filter(|salt| data[one] == 1 && is_salt(salt.len()))?;
        let again = hash(hashes.main, &[&[0; 8], digest, salt]);
        Some(again.as_ref() == opened)
    });
    valid == Some(true)
}

/// The bits of the first byte of a number of so many bits that are none of its own.
fn unused_bits(bits: usize) -> u8 {
    match bits % 8 {
        0 => 0,
        used => !(0xFF >> (8 - used)),
    }
}

/// 1 for zero, else 0, without a branch.
fn is_zero(number: usize) -> usize {
    1 ^ ((number | number.wrapping_neg()) >> (usize::BITS - 1))
}

/// XOR with MGF1 of a seed.
///
/// # Standard
/// RFC 8017 appendix B.2.1.
fn masked(bytes: &SecretBytes, seed: &[u8], mask: &'static digest::Algorithm) -> SecretBytes {
    let mut out = Vec::with_capacity(bytes.len());
    for (chunk, counter) in bytes.expose().chunks(mask.output_len()).zip(0_u32..) {
        let mask = hash(mask, &[seed, &counter.to_be_bytes()]);
        out.extend(chunk.iter().zip(mask.as_ref()).map(|(byte, mask)| byte ^ mask));
    }
    SecretBytes::new(out)
}
