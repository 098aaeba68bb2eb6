//! AES keys: which mode a request means, and GCM as the default. The other modes are in the files beside this one.

mod block;
mod gcm;
mod wrap;

use std::sync::Arc;

use aws_lc_rs::aead;
use keyreeve_core::{
    Result, SecretBytes,
    model::{BlockCipherMode, CryptoParameters, KeyFormat, KeyMaterial, KeySpec, PaddingMethod, UsageMask},
    ports::{
        crypto::{Ciphertext, EnvelopeKey, Generated, ParsedKey},
        rng::Rng,
    },
};

use super::{RawKey, iv_or_random, required_iv, split_tag, tag_bytes};
use crate::{
    envelope,
    error::{crypto_failed, invalid, library, unsupported},
    registry::{Source, Uses},
};

/// Length of a nonce made here, and of the only one that the fast path takes, in bytes.
const GCM_NONCE_BYTES: usize = 12;

/// CMAC and the block modes run the same cipher under the same key: a key that makes MACs is best made for that.
pub(crate) fn usage(spec: &KeySpec) -> Uses {
    let data = UsageMask::ENCRYPT | UsageMask::DECRYPT | UsageMask::DERIVE;
    let single = UsageMask::WRAP | UsageMask::UNWRAP | UsageMask::MAC | UsageMask::MAC_VERIFY;
    let private = if spec.length_bits <= 256 { data | single } else { data };
    Uses { private, public: UsageMask::NONE, by_name: UsageMask::MAC | UsageMask::MAC_VERIFY }
}

pub(crate) fn generate(spec: &KeySpec, rng: &dyn Rng) -> Result<Generated> {
    gcm_algorithm(spec.length_bits)?;
    super::generate_raw(spec, rng)
}

pub(crate) fn parse(source: &Source<'_>) -> Result<Arc<dyn ParsedKey>> {
    let raw = RawKey::parse(source)?;
    let unbound = aead::UnboundKey::new(gcm_algorithm(raw.spec.length_bits)?, raw.bytes.expose())
        .map_err(|_| library("take an AES key"))?;
    Ok(Arc::new(AesKey { raw, gcm: aead::LessSafeKey::new(unbound), rng: Arc::clone(source.rng) }))
}

fn gcm_algorithm(length_bits: u32) -> Result<&'static aead::Algorithm> {
    match length_bits {
        128 => Ok(&aead::AES_128_GCM),
        192 => Ok(&aead::AES_192_GCM),
        256 => Ok(&aead::AES_256_GCM),
        other => Err(invalid(format!("AES keys have 128, 192 or 256 bits, not {other}"))),
    }
}

/// An AES key with its GCM tables precomputed. Holds secrets.
///
/// # Standard
/// FIPS 197.
struct AesKey {
    raw: RawKey,
    gcm: aead::LessSafeKey,
    rng: Arc<dyn Rng>,
}

impl ParsedKey for AesKey {
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
        let mode = mode(parameters);
        if matches!(mode, BlockCipherMode::Gcm | BlockCipherMode::Aead) {
            return self.encrypt_gcm(parameters, iv, aad, plaintext);
        }
        check_block_mode(mode, parameters, aad)?;
        let key = self.raw.bytes.expose();
        if mode == BlockCipherMode::Ecb {
            let data = block::encrypt_ecb(key, padded(parameters)?, plaintext)?;
            return Ok(Ciphertext { data, ..Ciphertext::default() });
        }
        let (iv, ours) = iv_or_random(self.rng.as_ref(), parameters, iv, block::BLOCK_BYTES)?;
        let data = match mode {
            BlockCipherMode::Cbc => block::encrypt_cbc(key, &iv, padded(parameters)?, plaintext)?,
            _ => block::apply_ctr(key, &iv, plaintext)?,
        };
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
        let mode = mode(parameters);
        if matches!(mode, BlockCipherMode::Gcm | BlockCipherMode::Aead) {
            return self.decrypt_gcm(parameters, iv, aad, ciphertext, tag);
        }
        check_block_mode(mode, parameters, aad)?;
        if tag.is_some() {
            return Err(invalid("a tag belongs to GCM, and this is another mode"));
        }
        let key = self.raw.bytes.expose();
        match mode {
            BlockCipherMode::Ecb => block::decrypt_ecb(key, padded(parameters)?, ciphertext),
            BlockCipherMode::Cbc => {
                block::decrypt_cbc(key, required_iv(iv)?, padded(parameters)?, ciphertext)
            }
            _ => block::apply_ctr(key, required_iv(iv)?, ciphertext).map(SecretBytes::new),
        }
    }

    fn seal_envelope(&self, owner: EnvelopeKey, context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        envelope::seal(self.raw.bytes.expose(), self.rng.as_ref(), owner, context, plaintext)
    }

    fn open_envelope(&self, owner: EnvelopeKey, context: &[u8], envelope: &[u8]) -> Result<SecretBytes> {
        envelope::open(self.raw.bytes.expose(), owner, context, envelope)
    }

    fn mac(&self, parameters: &CryptoParameters, data: &[u8]) -> Result<Vec<u8>> {
        self.raw.mac(parameters, data)
    }

    fn wrap(&self, parameters: &CryptoParameters, secret: &SecretBytes) -> Result<Vec<u8>> {
        wrap::wrap(self.raw.bytes.expose(), wrap::padded(parameters)?, secret)
    }

    fn unwrap(&self, parameters: &CryptoParameters, wrapped: &[u8]) -> Result<SecretBytes> {
        wrap::unwrap(self.raw.bytes.expose(), wrap::padded(parameters)?, wrapped)
    }

    fn export(&self, format: KeyFormat) -> Result<KeyMaterial> {
        self.raw.export(format)
    }
}

impl AesKey {
    /// # Standard
    /// SP 800-38D section 7.1.
    fn encrypt_gcm(
        &self,
        parameters: &CryptoParameters,
        iv: Option<&[u8]>,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Ciphertext> {
        let tag_bytes = tag_bytes(parameters)?;
        let (iv, ours) = iv_or_random(self.rng.as_ref(), parameters, iv, GCM_NONCE_BYTES)?;
        let mut data = plaintext.to_vec();
        let tag = match fast_nonce(&iv, tag_bytes) {
            Some(nonce) => self
                .gcm
                .seal_in_place_separate_tag(nonce, aead::Aad::from(aad), &mut data)
                .map_err(|_| invalid("the data is too long for GCM"))?
                .as_ref()
                .to_vec(),
            None => gcm::seal(self.raw.bytes.expose(), &iv, aad, &mut data)?[..tag_bytes].to_vec(),
        };
        Ok(Ciphertext { data, iv: ours.then_some(iv), tag: Some(tag) })
    }

    /// # Standard
    /// SP 800-38D section 7.2.
    fn decrypt_gcm(
        &self,
        parameters: &CryptoParameters,
        iv: Option<&[u8]>,
        aad: &[u8],
        ciphertext: &[u8],
        tag: Option<&[u8]>,
    ) -> Result<SecretBytes> {
        let iv = required_iv(iv)?;
        let tag_bytes = tag_bytes(parameters)?;
        let (data, tag) = split_tag(ciphertext, tag, tag_bytes)?;
        let Some(nonce) = fast_nonce(iv, tag_bytes) else {
            return gcm::open(self.raw.bytes.expose(), iv, aad, data, tag);
        };
        let mut out = vec![0; data.len()];
        self.gcm
            .open_separate_gather(nonce, aead::Aad::from(aad), data, tag, &mut out)
            .map_err(|_| crypto_failed())?;
        Ok(SecretBytes::new(out))
    }
}

/// The nonce for the precomputed key, which takes 12 bytes and gives whole tags only.
fn fast_nonce(iv: &[u8], tag_bytes: usize) -> Option<aead::Nonce> {
    (tag_bytes == 16).then(|| aead::Nonce::try_assume_unique_for_key(iv).ok()).flatten()
}

/// The mode that the parameters mean: GCM where they say nothing.
fn mode(parameters: &CryptoParameters) -> BlockCipherMode {
    parameters.mode.unwrap_or(BlockCipherMode::Gcm)
}

/// Only CBC, ECB and CTR pass, and they authenticate nothing.
fn check_block_mode(mode: BlockCipherMode, parameters: &CryptoParameters, aad: &[u8]) -> Result<()> {
    match mode {
        BlockCipherMode::Cbc | BlockCipherMode::Ecb | BlockCipherMode::Ctr => {}
        BlockCipherMode::KeyWrap | BlockCipherMode::KeyWrapPadded => {
            return Err(unsupported("key wrap is for keys: use wrap and unwrap, or another mode for data"));
        }
        _ => return Err(unsupported("this block cipher mode is not offered: GCM, CBC, CTR and ECB are")),
    }
    if !aad.is_empty() || parameters.tag_length.is_some() {
        return Err(invalid("additional data and tags belong to GCM, and this is another mode"));
    }
    Ok(())
}

/// True for PKCS#5 padding, false for none.
fn padded(parameters: &CryptoParameters) -> Result<bool> {
    match parameters.padding {
        None | Some(PaddingMethod::None) => Ok(false),
        Some(PaddingMethod::Pkcs5) => Ok(true),
        Some(_) => Err(unsupported("this padding is not offered with AES: PKCS5 and none are")),
    }
}
