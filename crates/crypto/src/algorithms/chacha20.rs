//! ChaCha20, the bare stream that KMIP asks for by name, and ChaCha20-Poly1305.

use std::sync::Arc;

use aws_lc_rs::{aead, constant_time::verify_slices_are_equal};
use chacha20::{
    ChaCha20, ChaCha20Legacy,
    cipher::{KeyIvInit, StreamCipher, StreamCipherSeek},
};
use keyreeve_core::{
    Result, SecretBytes,
    model::{
        Algorithm, BlockCipherMode, CryptoParameters, KeyFormat, KeyMaterial, KeySpec, PaddingMethod,
        UsageMask,
    },
    ports::{
        crypto::{Ciphertext, EnvelopeKey, Generated, ParsedKey, Running},
        rng::Rng,
    },
};

use super::{RawKey, iv_or_random, required_iv, split_tag, tag_bytes};
use crate::{
    envelope::{self, Suite},
    error::{crypto_failed, invalid, library, unsupported},
    registry::{Source, Uses},
};

const KEY_BITS: u32 = 256;
const NONCE_BYTES: usize = 12;
const BLOCK_BYTES: u64 = 64;
const TAG_BYTES: usize = 16;

pub(crate) fn usage(_: &KeySpec) -> Uses {
    Uses::new(UsageMask::ENCRYPT | UsageMask::DECRYPT | UsageMask::DERIVE, UsageMask::NONE)
}

pub(crate) fn generate(spec: &KeySpec, rng: &dyn Rng) -> Result<Generated> {
    check_length(spec)?;
    super::generate_raw(spec, rng)
}

pub(crate) fn parse(source: &Source<'_>) -> Result<Arc<dyn ParsedKey>> {
    let raw = RawKey::parse(source)?;
    check_length(&raw.spec)?;
    let rng = Arc::clone(source.rng);
    if raw.spec.algorithm == Algorithm::ChaCha20 {
        return Ok(Arc::new(StreamKey { raw, rng }));
    }
    let unbound = aead::UnboundKey::new(&aead::CHACHA20_POLY1305, raw.bytes.expose())
        .map_err(|_| library("take a ChaCha20-Poly1305 key"))?;
    Ok(Arc::new(AeadKey { raw, rng, aead: aead::LessSafeKey::new(unbound) }))
}

fn check_length(spec: &KeySpec) -> Result<()> {
    match spec.length_bits {
        KEY_BITS => Ok(()),
        other => Err(invalid(format!("ChaCha20 keys have {KEY_BITS} bits, not {other}"))),
    }
}

/// A ChaCha20 key: confidentiality only. Holds secrets.
struct StreamKey {
    raw: RawKey,
    rng: Arc<dyn Rng>,
}

impl ParsedKey for StreamKey {
    fn spec(&self) -> &KeySpec {
        &self.raw.spec
    }

    fn encrypt(
        &self,
        parameters: &CryptoParameters,
        iv: Option<&[u8]>,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Ciphertext> {
        check_stream(parameters, aad, None)?;
        let (iv, ours) = iv_or_random(self.rng.as_ref(), parameters, iv, NONCE_BYTES)?;
        let mut data = plaintext.to_vec();
        apply(self.raw.bytes.expose(), &iv, parameters.initial_counter_value.unwrap_or(0), &mut data)?;
        Ok(Ciphertext { data, iv: ours.then_some(iv), tag: None })
    }

    fn decrypt(
        &self,
        parameters: &CryptoParameters,
        iv: Option<&[u8]>,
        aad: &[u8],
        ciphertext: &[u8],
        tag: Option<&[u8]>,
    ) -> Result<SecretBytes> {
        check_stream(parameters, aad, tag)?;
        let mut data = ciphertext.to_vec();
        let counter = parameters.initial_counter_value.unwrap_or(0);
        apply(self.raw.bytes.expose(), required_iv(iv)?, counter, &mut data)?;
        Ok(SecretBytes::new(data))
    }

    fn mac(&self, parameters: &CryptoParameters, data: &[u8]) -> Result<Vec<u8>> {
        self.raw.mac(parameters, data)
    }

    fn begin_mac(&self, parameters: &CryptoParameters) -> Result<Box<dyn Running>> {
        self.raw.begin_mac(parameters)
    }

    fn export(&self, format: KeyFormat) -> Result<KeyMaterial> {
        self.raw.export(format)
    }
}

/// A ChaCha20-Poly1305 key. Holds secrets.
struct AeadKey {
    raw: RawKey,
    rng: Arc<dyn Rng>,
    aead: aead::LessSafeKey,
}

impl ParsedKey for AeadKey {
    fn spec(&self) -> &KeySpec {
        &self.raw.spec
    }

    /// # Standard
    /// RFC 8439 section 2.8.
    fn encrypt(
        &self,
        parameters: &CryptoParameters,
        iv: Option<&[u8]>,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Ciphertext> {
        check_aead(parameters)?;
        let tag_bytes = tag_bytes(parameters)?;
        let (iv, ours) = iv_or_random(self.rng.as_ref(), parameters, iv, NONCE_BYTES)?;
        let mut data = plaintext.to_vec();
        let tag = self.seal(&iv, aad, &mut data)?;
        Ok(Ciphertext { data, iv: ours.then_some(iv), tag: Some(tag.as_ref()[..tag_bytes].to_vec()) })
    }

    /// # Standard
    /// RFC 8439 section 2.8.
    fn decrypt(
        &self,
        parameters: &CryptoParameters,
        iv: Option<&[u8]>,
        aad: &[u8],
        ciphertext: &[u8],
        tag: Option<&[u8]>,
    ) -> Result<SecretBytes> {
        check_aead(parameters)?;
        let iv = required_iv(iv)?;
        let (data, tag) = split_tag(ciphertext, tag, tag_bytes(parameters)?)?;
        if tag.len() < TAG_BYTES {
            return self.open_short_tag(iv, aad, data, tag);
        }
        let mut out = vec![0; data.len()];
        self.aead
            .open_separate_gather(nonce(iv)?, aead::Aad::from(aad), data, tag, &mut out)
            .map_err(|_| crypto_failed())?;
        Ok(SecretBytes::new(out))
    }

    fn seal_envelope(&self, owner: EnvelopeKey, context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        let rng = self.rng.as_ref();
        envelope::seal(Suite::ChaCha20Poly1305, self.raw.bytes.expose(), rng, owner, context, plaintext)
    }

    fn open_envelope(&self, owner: EnvelopeKey, context: &[u8], envelope: &[u8]) -> Result<SecretBytes> {
        envelope::open(Suite::ChaCha20Poly1305, self.raw.bytes.expose(), owner, context, envelope)
    }

    fn mac(&self, parameters: &CryptoParameters, data: &[u8]) -> Result<Vec<u8>> {
        self.raw.mac(parameters, data)
    }

    fn begin_mac(&self, parameters: &CryptoParameters) -> Result<Box<dyn Running>> {
        self.raw.begin_mac(parameters)
    }

    fn export(&self, format: KeyFormat) -> Result<KeyMaterial> {
        self.raw.export(format)
    }
}

impl AeadKey {
    fn seal(&self, iv: &[u8], aad: &[u8], data: &mut [u8]) -> Result<aead::Tag> {
        self.aead
            .seal_in_place_separate_tag(nonce(iv)?, aead::Aad::from(aad), data)
            .map_err(|_| invalid("the data is too long for ChaCha20-Poly1305"))
    }

    /// The library opens whole tags only: decrypt, seal again, and compare the beginning of the tags.
    fn open_short_tag(&self, iv: &[u8], aad: &[u8], data: &[u8], tag: &[u8]) -> Result<SecretBytes> {
        let mut out = data.to_vec();
        apply(self.raw.bytes.expose(), iv, 1, &mut out)?;
        let plaintext = SecretBytes::new(out);
        let expected = self.seal(iv, aad, &mut plaintext.expose().to_vec())?;
        verify_slices_are_equal(&expected.as_ref()[..tag.len()], tag).map_err(|_| crypto_failed())?;
        Ok(plaintext)
    }
}

fn nonce(iv: &[u8]) -> Result<aead::Nonce> {
    aead::Nonce::try_assume_unique_for_key(iv)
        .map_err(|_| invalid(format!("the nonce has {} bytes, but ChaCha20-Poly1305 needs 12", iv.len())))
}

/// Encrypts or decrypts from block `counter` on: a nonce of 12 bytes, or of 8 in the cipher's first form.
///
/// # Standard
/// RFC 8439 section 2.4.
fn apply(key: &[u8], nonce: &[u8], counter: u32, data: &mut [u8]) -> Result<()> {
    let too_long = |_| invalid("the data is longer than the counter can count");
    let at = u64::from(counter) * BLOCK_BYTES;
    match nonce.len() {
        8 => {
            let mut cipher =
                ChaCha20Legacy::new_from_slices(key, nonce).map_err(|_| library("take a key"))?;
            cipher.try_seek(at).and_then(|()| cipher.try_apply_keystream(data)).map_err(too_long)
        }
        12 => {
            let mut cipher = ChaCha20::new_from_slices(key, nonce).map_err(|_| library("take a key"))?;
            cipher.try_seek(at).and_then(|()| cipher.try_apply_keystream(data)).map_err(too_long)
        }
        other => Err(invalid(format!("the nonce has {other} bytes, but ChaCha20 needs 12 or 8"))),
    }
}

fn check_stream(parameters: &CryptoParameters, aad: &[u8], tag: Option<&[u8]>) -> Result<()> {
    if parameters.mode.is_some() {
        return Err(unsupported("ChaCha20 has no block cipher mode"));
    }
    if !aad.is_empty() || tag.is_some() || parameters.tag_length.is_some() {
        return Err(invalid("ChaCha20 authenticates nothing: use a ChaCha20-Poly1305 key"));
    }
    Ok(())
}

fn check_aead(parameters: &CryptoParameters) -> Result<()> {
    match (parameters.mode, parameters.padding) {
        (None | Some(BlockCipherMode::Aead), None | Some(PaddingMethod::None)) => Ok(()),
        _ => Err(unsupported("ChaCha20-Poly1305 has one mode only, AEAD, and no padding")),
    }
}
