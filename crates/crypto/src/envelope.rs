//! The data envelope: the house's own ciphertext, byte by byte in docs/envelope.md. One derived key a message, so no
//! nonce limit to exhaust; a commitment, so that a ciphertext opens under one key only. Knows no wire protocol.

use aws_lc_rs::{
    aead,
    constant_time::verify_slices_are_equal,
    hmac,
    kdf::{KbkdfCtrHmacAlgorithmId, get_kbkdf_ctr_hmac_algorithm, kbkdf_ctr_hmac},
};
use keyreeve_core::{
    Result, SecretBytes,
    model::KeyId,
    ports::{crypto::EnvelopeKey, rng::Rng},
};
use zeroize::Zeroizing;

use crate::{
    digest,
    error::{crypto_failed, invalid, library, unsupported},
};

const MAGIC: &[u8; 4] = b"KRVE";
const VERSION: u8 = 1;
const LABEL: &[u8] = b"keyreeve data envelope";

/// What seals a message; its key is derived by HMAC-SHA-256 in either.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Suite {
    /// AES-256-GCM: for AES keys.
    Aes256Gcm = 1,
    /// ChaCha20-Poly1305: for ChaCha20-Poly1305 keys.
    ChaCha20Poly1305 = 2,
}

impl Suite {
    fn from_code(code: u8) -> Option<Self> {
        [Self::Aes256Gcm, Self::ChaCha20Poly1305].into_iter().find(|suite| *suite as u8 == code)
    }

    fn algorithm(self) -> &'static aead::Algorithm {
        match self {
            Self::Aes256Gcm => &aead::AES_256_GCM,
            Self::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
        }
    }
}

/// Offsets of the fields; each one begins where the one before ends.
const SUITE_AT: usize = 5;
const KEY_AT: usize = 6;
const KEY_VERSION_AT: usize = 22;
const SALT_AT: usize = 26;
const IV_AT: usize = 58;
const COMMITMENT_AT: usize = 70;
/// Length of the header in bytes; the ciphertext begins here.
const HEADER_BYTES: usize = 102;
const TAG_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// Reads whose key and which version of it sealed an envelope, without opening it: nothing is proven yet.
///
/// # Errors
/// `InvalidField` where the bytes are no envelope; `Unsupported` for a version or suite of a later server.
pub fn envelope_owner(envelope: &[u8]) -> Result<EnvelopeKey> {
    let (header, _, _) = split(envelope)?;
    let mut key = [0; 16];
    key.copy_from_slice(&header[KEY_AT..KEY_VERSION_AT]);
    let mut version = [0; 4];
    version.copy_from_slice(&header[KEY_VERSION_AT..SALT_AT]);
    Ok(EnvelopeKey { key: KeyId(uuid::Uuid::from_bytes(key)), version: u32::from_be_bytes(version) })
}

/// Seals `plaintext` for `owner` under a key derived from `secret`, bound to `context`.
///
/// # Standard
/// SP 800-108r1 section 4.1 (KDF in counter mode), SP 800-38D (GCM), RFC 8439 (ChaCha20-Poly1305).
pub(crate) fn seal(
    suite: Suite,
    secret: &[u8],
    rng: &dyn Rng,
    owner: EnvelopeKey,
    context: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>> {
    let mut out = vec![0; HEADER_BYTES + plaintext.len() + TAG_BYTES];
    let (header, body) = out.split_at_mut(HEADER_BYTES);
    header[..MAGIC.len()].copy_from_slice(MAGIC);
    header[MAGIC.len()] = VERSION;
    header[SUITE_AT] = suite as u8;
    header[KEY_AT..KEY_VERSION_AT].copy_from_slice(owner.key.as_bytes());
    header[KEY_VERSION_AT..SALT_AT].copy_from_slice(&owner.version.to_be_bytes());
    rng.fill(&mut header[SALT_AT..COMMITMENT_AT])?;
    let context_hash = digest::sha256(&[context]);
    let derived = derive(secret, header, &context_hash)?;
    header[COMMITMENT_AT..].copy_from_slice(derived.commitment());
    let (data, tag) = body.split_at_mut(plaintext.len());
    derived
        .key(suite)?
        .seal_out_of_place_scatter(nonce(header)?, aad(header, &context_hash), plaintext, data, &[], tag)
        .map_err(|_| library("seal an envelope"))?;
    Ok(out)
}

/// Opens what `seal` made with the same secret, owner and context.
///
/// # Errors
/// `InvalidField` where the bytes are no envelope; `CryptoFailed` where anything is altered or does not belong.
pub(crate) fn open(
    suite: Suite,
    secret: &[u8],
    owner: EnvelopeKey,
    context: &[u8],
    envelope: &[u8],
) -> Result<SecretBytes> {
    let (header, data, tag) = split(envelope)?;
    if header[SUITE_AT] != suite as u8 || envelope_owner(envelope)? != owner {
        return Err(crypto_failed());
    }
    let context_hash = digest::sha256(&[context]);
    let derived = derive(secret, header, &context_hash)?;
    verify_slices_are_equal(&header[COMMITMENT_AT..], derived.commitment()).map_err(|_| crypto_failed())?;
    let mut out = vec![0; data.len()];
    derived
        .key(suite)?
        .open_separate_gather(nonce(header)?, aad(header, &context_hash), data, tag, &mut out)
        .map_err(|_| crypto_failed())?;
    Ok(SecretBytes::new(out))
}

/// Header, ciphertext and tag of an envelope of a version and suite that we know.
fn split(envelope: &[u8]) -> Result<(&[u8], &[u8], &[u8])> {
    if !envelope.starts_with(MAGIC) || envelope.len() < HEADER_BYTES + TAG_BYTES {
        return Err(invalid("this is no Keyreeve envelope, or not the whole of one"));
    }
    if envelope[MAGIC.len()] != VERSION || Suite::from_code(envelope[SUITE_AT]).is_none() {
        return Err(unsupported("this envelope was made by a later version of Keyreeve"));
    }
    let (header, body) = envelope.split_at(HEADER_BYTES);
    let (data, tag) = body.split_at(body.len() - TAG_BYTES);
    Ok((header, data, tag))
}

/// The message's key of 256 bits and its commitment. Holds secrets.
struct Derived(Zeroizing<[u8; 64]>);

impl Derived {
    fn key(&self, suite: Suite) -> Result<aead::LessSafeKey> {
        let unbound =
            aead::UnboundKey::new(suite.algorithm(), &self.0[..32]).map_err(|_| library("make a key"))?;
        Ok(aead::LessSafeKey::new(unbound))
    }

    fn commitment(&self) -> &[u8] {
        &self.0[32..]
    }
}

/// SP 800-108 counter mode with HMAC-SHA-256: Label, a zero byte, Context, and the length in bits as 32-bit integer.
/// Context is the header up to the IV (magic to salt) and the hash of the encryption context.
fn derive(secret: &[u8], header: &[u8], context_hash: &[u8; HASH_BYTES]) -> Result<Derived> {
    let mut info = [0; LABEL.len() + 1 + IV_AT + HASH_BYTES + 4];
    let (label, rest) = info.split_at_mut(LABEL.len());
    label.copy_from_slice(LABEL);
    rest[1..1 + IV_AT].copy_from_slice(&header[..IV_AT]);
    rest[1 + IV_AT..1 + IV_AT + HASH_BYTES].copy_from_slice(context_hash);
    rest[1 + IV_AT + HASH_BYTES..].copy_from_slice(&512u32.to_be_bytes());
    let mut out = Zeroizing::new([0; 64]);
    get_kbkdf_ctr_hmac_algorithm(KbkdfCtrHmacAlgorithmId::Sha256)
        .and_then(|algorithm| {
            kbkdf_ctr_hmac(algorithm, &derivation_key(secret)[..], &info, out.as_mut_slice()).ok()
        })
        .ok_or_else(|| library("derive a key"))?;
    Ok(Derived(out))
}

/// The key derivation key: HKDF-Extract (RFC 5869) of the key's bytes. Never those bytes themselves: whoever may make
/// MACs with the key could else compute message keys.
fn derivation_key(secret: &[u8]) -> Zeroizing<[u8; HASH_BYTES]> {
    let extracted = digest::hmac(&hmac::Key::new(hmac::HMAC_SHA256, LABEL), &[secret]);
    let mut key = Zeroizing::new([0; HASH_BYTES]);
    key.copy_from_slice(extracted.as_ref());
    key
}

/// Header and context hash, both of fixed length: the context itself may be long, its hash stands for it.
fn aad(header: &[u8], context_hash: &[u8; HASH_BYTES]) -> aead::Aad<[u8; HEADER_BYTES + HASH_BYTES]> {
    let mut aad = [0; HEADER_BYTES + HASH_BYTES];
    aad[..HEADER_BYTES].copy_from_slice(header);
    aad[HEADER_BYTES..].copy_from_slice(context_hash);
    aead::Aad::from(aad)
}

fn nonce(header: &[u8]) -> Result<aead::Nonce> {
    aead::Nonce::try_assume_unique_for_key(&header[IV_AT..COMMITMENT_AT]).map_err(|_| library("read an IV"))
}
