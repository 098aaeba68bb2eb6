//! AES keys: which mode a request means, GCM as the default, and MACs. The other modes are in the files beside this one.

mod block;
mod gcm;
mod gcm_siv;
mod siv;
mod wrap;
mod xts;

use std::sync::Arc;

use aws_lc_rs::aead;
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
    kdf,
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
    check_length(spec.length_bits)?;
    super::generate_raw(spec, rng)
}

pub(crate) fn parse(source: &Source<'_>) -> Result<Arc<dyn ParsedKey>> {
    let raw = RawKey::parse(source)?;
    check_length(raw.spec.length_bits)?;
    let gcm = gcm_algorithm(raw.spec.length_bits)
        .map(|algorithm| aead::UnboundKey::new(algorithm, raw.bytes.expose()).map(aead::LessSafeKey::new))
        .transpose()
        .map_err(|_| library("take an AES key"))?;
    Ok(Arc::new(AesKey { raw, gcm, rng: Arc::clone(source.rng) }))
}

/// 384 and 512 bits are two keys in one, for SIV and XTS.
fn check_length(length_bits: u32) -> Result<()> {
    match length_bits {
        128 | 192 | 256 | 384 | 512 => Ok(()),
        other => Err(invalid(format!(
            "AES keys have 128, 192 or 256 bits, or 384 or 512 for SIV and XTS, not {other}"
        ))),
    }
}

fn gcm_algorithm(length_bits: u32) -> Option<&'static aead::Algorithm> {
    match length_bits {
        128 => Some(&aead::AES_128_GCM),
        192 => Some(&aead::AES_192_GCM),
        256 => Some(&aead::AES_256_GCM),
        _ => None,
    }
}

/// An AES key with its GCM tables precomputed. Holds secrets.
///
/// # Standard
/// FIPS 197.
struct AesKey {
    raw: RawKey,
    /// `None` for two keys in one.
    gcm: Option<aead::LessSafeKey>,
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
        let mode = mode(parameters)?;
        match mode {
            BlockCipherMode::Gcm | BlockCipherMode::Aead => {
                return self.encrypt_gcm(parameters, iv, aad, plaintext);
            }
            BlockCipherMode::GcmSiv | BlockCipherMode::Siv => {
                return self.encrypt_synthetic(mode, parameters, iv, aad, plaintext);
            }
            _ => check_block_mode(mode, parameters, aad)?,
        }
        let key = self.raw.bytes.expose();
        if mode != BlockCipherMode::Xts {
            self.single()?;
        }
        if mode == BlockCipherMode::Ecb {
            let data = block::encrypt_ecb(key, padded(parameters)?, plaintext)?;
            return Ok(Ciphertext { data, ..Ciphertext::default() });
        }
        let (iv, ours) = iv_or_random(self.rng.as_ref(), parameters, iv, block::BLOCK_BYTES)?;
        let data = match mode {
            BlockCipherMode::Cbc => block::encrypt_cbc(key, &iv, padded(parameters)?, plaintext)?,
            BlockCipherMode::Xts => xts::encrypt(key, &iv, plaintext)?,
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
        let mode = mode(parameters)?;
        match mode {
            BlockCipherMode::Gcm | BlockCipherMode::Aead => {
                return self.decrypt_gcm(parameters, iv, aad, ciphertext, tag);
            }
            BlockCipherMode::GcmSiv | BlockCipherMode::Siv => {
                return self.decrypt_synthetic(mode, parameters, iv, aad, ciphertext, tag);
            }
            _ => check_block_mode(mode, parameters, aad)?,
        }
        if tag.is_some() {
            return Err(invalid("a tag belongs to an authenticated mode, and this is another"));
        }
        let key = self.raw.bytes.expose();
        if mode != BlockCipherMode::Xts {
            self.single()?;
        }
        match mode {
            BlockCipherMode::Xts => xts::decrypt(key, required_iv(iv)?, ciphertext),
            BlockCipherMode::Ecb => block::decrypt_ecb(key, padded(parameters)?, ciphertext),
            BlockCipherMode::Cbc => {
                block::decrypt_cbc(key, required_iv(iv)?, padded(parameters)?, ciphertext)
            }
            _ => block::apply_ctr(key, required_iv(iv)?, ciphertext).map(SecretBytes::new),
        }
    }

    fn seal_envelope(&self, owner: EnvelopeKey, context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        envelope::seal(
            Suite::Aes256Gcm,
            self.raw.bytes.expose(),
            self.rng.as_ref(),
            owner,
            context,
            plaintext,
        )
    }

    fn open_envelope(&self, owner: EnvelopeKey, context: &[u8], envelope: &[u8]) -> Result<SecretBytes> {
        envelope::open(Suite::Aes256Gcm, self.raw.bytes.expose(), owner, context, envelope)
    }

    /// CMAC; HMAC with the key's bytes where the parameters name one.
    fn mac(&self, parameters: &CryptoParameters, data: &[u8]) -> Result<Vec<u8>> {
        if !is_cmac(parameters) {
            return self.raw.mac(parameters, data);
        }
        let key = kdf::cmac_key(self.raw.bytes.expose())?;
        Ok(kdf::cmac(&key, &[data])?.as_ref().to_vec())
    }

    fn begin_mac(&self, parameters: &CryptoParameters) -> Result<Box<dyn Running>> {
        if !is_cmac(parameters) {
            return self.raw.begin_mac(parameters);
        }
        Ok(kdf::begin_cmac(&kdf::cmac_key(self.raw.bytes.expose())?))
    }

    fn wrap(&self, parameters: &CryptoParameters, secret: &SecretBytes) -> Result<Vec<u8>> {
        self.single()?;
        wrap::wrap(self.raw.bytes.expose(), wrap::padded(parameters)?, secret)
    }

    fn unwrap(&self, parameters: &CryptoParameters, wrapped: &[u8]) -> Result<SecretBytes> {
        self.single()?;
        wrap::unwrap(self.raw.bytes.expose(), wrap::padded(parameters)?, wrapped)
    }

    fn export(&self, format: KeyFormat) -> Result<KeyMaterial> {
        self.raw.export(format)
    }
}

/// Whether a MAC with these parameters is CMAC, and not HMAC.
fn is_cmac(parameters: &CryptoParameters) -> bool {
    matches!(parameters.algorithm, None | Some(Algorithm::Aes))
        && matches!(parameters.mode, None | Some(BlockCipherMode::Cmac))
        && parameters.hash.is_none()
}

impl AesKey {
    /// The GCM key of a key that is one AES key and no more.
    ///
    /// # Errors
    /// `InvalidField` for two keys in one.
    fn single(&self) -> Result<&aead::LessSafeKey> {
        self.gcm.as_ref().ok_or_else(|| {
            let bits = self.raw.spec.length_bits;
            invalid(format!("an AES key of {bits} bits is two keys in one: ask for the mode SIV or XTS"))
        })
    }

    /// The modes whose IV follows from the message: a nonce that comes again gives little away.
    fn encrypt_synthetic(
        &self,
        mode: BlockCipherMode,
        parameters: &CryptoParameters,
        iv: Option<&[u8]>,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Ciphertext> {
        gcm_siv::check_tag(parameters)?;
        let (key, mut data) = (self.raw.bytes.expose(), plaintext.to_vec());
        if mode == BlockCipherMode::Siv && iv.is_none() && parameters.random_iv != Some(true) {
            let tag = siv::seal(key, None, aad, &mut data)?;
            return Ok(Ciphertext { data, iv: None, tag: Some(tag) });
        }
        let nonce_bytes = if mode == BlockCipherMode::Siv { siv::TAG_BYTES } else { gcm_siv::NONCE_BYTES };
        let (iv, ours) = iv_or_random(self.rng.as_ref(), parameters, iv, nonce_bytes)?;
        let tag = match mode {
            BlockCipherMode::Siv => siv::seal(key, Some(&iv), aad, &mut data)?,
            _ => gcm_siv::seal(key, &iv, aad, &mut data)?,
        };
        Ok(Ciphertext { data, iv: ours.then_some(iv), tag: Some(tag) })
    }

    fn decrypt_synthetic(
        &self,
        mode: BlockCipherMode,
        parameters: &CryptoParameters,
        iv: Option<&[u8]>,
        aad: &[u8],
        ciphertext: &[u8],
        tag: Option<&[u8]>,
    ) -> Result<SecretBytes> {
        gcm_siv::check_tag(parameters)?;
        let key = self.raw.bytes.expose();
        if mode == BlockCipherMode::GcmSiv {
            let (data, tag) = split_tag(ciphertext, tag, gcm_siv::TAG_BYTES)?;
            return gcm_siv::open(key, required_iv(iv)?, aad, data, tag);
        }
        // The standard puts SIV's tag in front of the ciphertext.
        let (data, tag) = match tag {
            Some(tag) => (ciphertext, tag),
            None => {
                let (tag, data) = ciphertext.split_at_checked(siv::TAG_BYTES).ok_or_else(crypto_failed)?;
                (data, tag)
            }
        };
        siv::open(key, iv, aad, data, tag)
    }

    /// # Standard
    /// SP 800-38D section 7.1.
    fn encrypt_gcm(
        &self,
        parameters: &CryptoParameters,
        iv: Option<&[u8]>,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Ciphertext> {
        let gcm = self.single()?;
        let tag_bytes = tag_bytes(parameters)?;
        let (iv, ours) = iv_or_random(self.rng.as_ref(), parameters, iv, GCM_NONCE_BYTES)?;
        let mut data = plaintext.to_vec();
        let tag = match fast_nonce(&iv, tag_bytes) {
            Some(nonce) => gcm
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
        let gcm = self.single()?;
        let iv = required_iv(iv)?;
        let tag_bytes = tag_bytes(parameters)?;
        let (data, tag) = split_tag(ciphertext, tag, tag_bytes)?;
        let Some(nonce) = fast_nonce(iv, tag_bytes) else {
            return gcm::open(self.raw.bytes.expose(), iv, aad, data, tag);
        };
        let mut out = vec![0; data.len()];
        gcm.open_separate_gather(nonce, aead::Aad::from(aad), data, tag, &mut out)
            .map_err(|_| crypto_failed())?;
        Ok(SecretBytes::new(out))
    }
}

/// The nonce for the precomputed key, which takes 12 bytes and gives whole tags only.
fn fast_nonce(iv: &[u8], tag_bytes: usize) -> Option<aead::Nonce> {
    (tag_bytes == 16).then(|| aead::Nonce::try_assume_unique_for_key(iv).ok()).flatten()
}

/// The mode that the parameters mean: GCM where they say nothing.
///
/// # Errors
/// `Unsupported` for a padding of RSA: whoever asks for it takes this for another key.
fn mode(parameters: &CryptoParameters) -> Result<BlockCipherMode> {
    use PaddingMethod::{Oaep, Pkcs1v15, Pss};
    match parameters.padding {
        Some(Oaep | Pkcs1v15 | Pss) => Err(unsupported("this padding is RSA's, and this is an AES key")),
        _ => Ok(parameters.mode.unwrap_or(BlockCipherMode::Gcm)),
    }
}

/// Only CBC, ECB, CTR and XTS pass, and they authenticate nothing.
fn check_block_mode(mode: BlockCipherMode, parameters: &CryptoParameters, aad: &[u8]) -> Result<()> {
    match mode {
        BlockCipherMode::Cbc | BlockCipherMode::Ecb | BlockCipherMode::Ctr | BlockCipherMode::Xts => {}
        BlockCipherMode::KeyWrap | BlockCipherMode::KeyWrapPadded => {
            return Err(unsupported("key wrap is for keys: use wrap and unwrap, or another mode for data"));
        }
        _ => {
            let offered = "GCM, GCM-SIV, SIV, XTS, CBC, CTR and ECB";
            return Err(unsupported(format!("this block cipher mode is not offered: {offered} are")));
        }
    }
    if !aad.is_empty() || parameters.tag_length.is_some() {
        return Err(invalid("additional data and tags belong to authenticated modes, and this is another"));
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
