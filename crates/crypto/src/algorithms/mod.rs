//! One file an algorithm family; `registry` lists them. Here only what symmetric families share: raw key material.

pub(crate) mod aes;
pub(crate) mod chacha20;
pub(crate) mod ec;
pub(crate) mod ed25519;
pub(crate) mod hmac;
pub(crate) mod ml_dsa;
pub(crate) mod ml_kem;
pub(crate) mod rsa;
pub(crate) mod slh_dsa;
pub(crate) mod triple_des;
mod x25519;

use keyreeve_core::{
    Result, SecretBytes,
    model::{CryptoParameters, KeyFormat, KeyMaterial, KeySpec},
    ports::{
        crypto::{Generated, Running},
        rng::Rng,
    },
};

use crate::{
    digest,
    error::{invalid, unsupported, wrong_usage},
    registry::{Half, Source},
};

/// The bytes of a symmetric key with what they are. Holds secrets.
struct RawKey {
    spec: KeySpec,
    bytes: SecretBytes,
}

impl RawKey {
    /// Takes raw material whose length is what its spec says.
    ///
    /// # Errors
    /// `InvalidField`.
    fn parse(source: &Source<'_>) -> Result<Self> {
        let Some(spec) = source.spec else {
            return Err(invalid("a symmetric key needs its algorithm and length"));
        };
        if source.half != Half::Secret || source.material.format != KeyFormat::Raw {
            return Err(invalid(format!(
                "a key for {} is symmetric and its format is Raw",
                spec.algorithm.word()
            )));
        }
        let bytes = source.material.bytes.expose();
        if bytes.len() != material_bytes(spec) {
            return Err(invalid(format!(
                "the key has {} bytes, which does not fit the length of {} bits",
                bytes.len(),
                spec.length_bits
            )));
        }
        Ok(Self { spec: *spec, bytes: SecretBytes::copy_from(bytes) })
    }

    /// The same bytes again, for the caller that may have them.
    ///
    /// # Errors
    /// `Unsupported` for any other format.
    fn export(&self, format: KeyFormat) -> Result<KeyMaterial> {
        match format {
            KeyFormat::Raw => Ok(KeyMaterial { format, bytes: SecretBytes::copy_from(self.bytes.expose()) }),
            _ => Err(unsupported("a symmetric key is exported in the format Raw only")),
        }
    }

    /// HMAC with the bytes of any symmetric key, where the parameters ask for it by name.
    ///
    /// # Errors
    /// `WrongUsage` where they do not.
    fn mac(&self, parameters: &CryptoParameters, data: &[u8]) -> Result<Vec<u8>> {
        Ok(digest::hmac(&self.hmac_key(parameters)?, &[data]).as_ref().to_vec())
    }

    /// Begins what `mac` makes.
    ///
    /// # Errors
    /// As `mac`.
    fn begin_mac(&self, parameters: &CryptoParameters) -> Result<Box<dyn Running>> {
        Ok(digest::begin_hmac(&self.hmac_key(parameters)?))
    }

    fn hmac_key(&self, parameters: &CryptoParameters) -> Result<aws_lc_rs::hmac::Key> {
        let hmac = parameters.algorithm.and_then(digest::hmac_algorithm).ok_or_else(|| {
            wrong_usage("a MAC with this key needs an HMAC algorithm in the cryptographic parameters")
        })?;
        Ok(aws_lc_rs::hmac::Key::new(hmac, self.bytes.expose()))
    }
}

/// Bytes of raw material that a symmetric key of this kind has.
fn material_bytes(spec: &KeySpec) -> usize {
    match spec.algorithm {
        keyreeve_core::model::Algorithm::TripleDes => triple_des::material_bytes(spec.length_bits),
        _ => spec.length_bits as usize / 8,
    }
}

/// A new symmetric key of random bytes. The caller has checked the length.
///
/// # Errors
/// Those of the generator.
fn generate_raw(spec: &KeySpec, rng: &dyn Rng) -> Result<Generated> {
    let mut bytes = vec![0; material_bytes(spec)];
    rng.fill(&mut bytes)?;
    Ok(Generated::Symmetric(KeyMaterial { format: KeyFormat::Raw, bytes: SecretBytes::new(bytes) }))
}

/// The caller's IV, or a random one of `length_bytes`: (IV, true where it is ours and must be returned).
///
/// # Errors
/// `InvalidField` where the caller both gave one and asked for a random one, or for another length.
fn iv_or_random(
    rng: &dyn Rng,
    parameters: &CryptoParameters,
    given: Option<&[u8]>,
    length_bytes: usize,
) -> Result<(Vec<u8>, bool)> {
    match given {
        Some(_) if parameters.random_iv == Some(true) => {
            Err(invalid("an IV was given and a random one asked for: choose one of them"))
        }
        Some(iv) => Ok((iv.to_vec(), false)),
        None => {
            if parameters.iv_length.is_some_and(|asked| asked as usize != length_bytes) {
                return Err(invalid(format!("random IVs of this mode have {length_bytes} bytes")));
            }
            let mut iv = vec![0; length_bytes];
            rng.fill(&mut iv)?;
            Ok((iv, true))
        }
    }
}

/// The IV that decryption cannot do without.
///
/// # Errors
/// `Invalid` where there is none: the request lacks a part.
fn required_iv(given: Option<&[u8]>) -> Result<&[u8]> {
    let missing = "decryption in this mode needs the IV or nonce that encryption used";
    given.ok_or_else(|| keyreeve_core::Error::new(keyreeve_core::ErrorKind::Invalid, missing))
}

/// Ciphertext and tag: the tag given apart, or else the last `tag_bytes` of the data.
///
/// # Errors
/// `CryptoFailed` where there are not as many bytes.
fn split_tag<'a>(
    ciphertext: &'a [u8],
    tag: Option<&'a [u8]>,
    tag_bytes: usize,
) -> Result<(&'a [u8], &'a [u8])> {
    match tag {
        Some(tag) if tag.len() == tag_bytes => Ok((ciphertext, tag)),
        Some(_) => Err(crate::error::crypto_failed()),
        None => {
            let data_bytes =
                ciphertext.len().checked_sub(tag_bytes).ok_or_else(crate::error::crypto_failed)?;
            Ok(ciphertext.split_at(data_bytes))
        }
    }
}

/// Length of the tag in bytes: 12 to 16, else 16.
///
/// # Standard
/// SP 800-38D section 5.2.1.2, without the short tags of its appendix C.
///
/// # Errors
/// `Unsupported` for any other length.
fn tag_bytes(parameters: &CryptoParameters) -> Result<usize> {
    match parameters.tag_length {
        None => Ok(16),
        Some(bytes @ 12..=16) => Ok(bytes as usize),
        Some(bytes) => Err(unsupported(format!("a tag of {bytes} bytes is not offered: 12 to 16 bytes are"))),
    }
}
