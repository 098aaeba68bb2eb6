//! RSA encryption: OAEP, the default, and PKCS#1 v1.5 for protocols that ask for it by name.

use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512,
    OaepAlgorithm, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, Pkcs1PrivateDecryptingKey,
    Pkcs1PublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use keyreeve_core::{
    Result, SecretBytes,
    model::{CryptoParameters, HashAlgorithm, MaskGenerator, PaddingMethod},
};
use zeroize::Zeroize;

use super::mixed::{self, Hashes};
use crate::{
    der,
    error::{crypto_failed, invalid, library, unsupported},
    rng::SystemRng,
};

/// How data is padded before the RSA operation.
enum Padding<'a> {
    Oaep {
        algorithm: &'static OaepAlgorithm,
        hash_bytes: usize,
        label: Option<&'a [u8]>,
    },
    /// As the library does not do it.
    Mixed {
        hashes: Hashes,
        label: &'a [u8],
    },
    Pkcs1v15,
}

/// A public key, ready to encrypt.
pub(super) struct Encrypting {
    oaep: OaepPublicEncryptingKey,
    pkcs1v15: Pkcs1PublicEncryptingKey,
    pkcs1: Vec<u8>,
}

impl Encrypting {
    /// Validates and takes a SubjectPublicKeyInfo, and the same key as PKCS#1.
    ///
    /// # Errors
    /// `InvalidField` where the numbers are no RSA key.
    pub(super) fn parse(spki: &[u8], pkcs1: &[u8]) -> Result<Self> {
        let refused = |_| invalid("the numbers of the RSA public key are not those of an RSA key");
        let key = PublicEncryptingKey::from_der(spki).map_err(refused)?;
        let again = PublicEncryptingKey::from_der(spki).map_err(refused)?;
        Ok(Self {
            oaep: OaepPublicEncryptingKey::new(key).map_err(|_| library("take an RSA key"))?,
            pkcs1v15: Pkcs1PublicEncryptingKey::new(again).map_err(|_| library("take an RSA key"))?,
            pkcs1: pkcs1.to_vec(),
        })
    }

    /// # Standard
    /// RFC 8017 sections 7.1.1 and 7.2.1.
    ///
    /// # Errors
    /// `InvalidField` for data that is too long; `Unsupported` for other padding.
    pub(super) fn encrypt(&self, parameters: &CryptoParameters, plaintext: &[u8]) -> Result<Vec<u8>> {
        let padding = padding(parameters)?;
        let key_bytes = self.oaep.key_size_bytes();
        let overhead_bytes = match padding {
            Padding::Oaep { hash_bytes, .. } => 2 * hash_bytes + 2,
            Padding::Mixed { hashes, .. } => 2 * hashes.bytes() + 2,
            Padding::Pkcs1v15 => 11,
        };
        let plaintext_bytes_max = key_bytes.saturating_sub(overhead_bytes);
        if plaintext.len() > plaintext_bytes_max {
            return Err(invalid(format!(
                "{} bytes are too long for this RSA key and padding: {plaintext_bytes_max} bytes fit",
                plaintext.len()
            )));
        }
        let mut out = vec![0; key_bytes];
        match padding {
            Padding::Oaep { algorithm, label, .. } => {
                self.oaep.encrypt(algorithm, plaintext, &mut out, label).map(|out| out.len())
            }
            Padding::Mixed { hashes, label } => {
                return mixed::encrypt(&self.pkcs1, key_bytes, hashes, label, plaintext, &SystemRng);
            }
            Padding::Pkcs1v15 => self.pkcs1v15.encrypt(plaintext, &mut out).map(|out| out.len()),
        }
        .map_err(|_| library("encrypt with an RSA key"))?;
        Ok(out)
    }
}

/// A private key, ready to decrypt. Holds secrets.
pub(super) struct Decrypting {
    oaep: OaepPrivateDecryptingKey,
    pkcs1v15: Pkcs1PrivateDecryptingKey,
    pkcs1: SecretBytes,
}

impl Decrypting {
    /// Validates and takes a PKCS#1 private key.
    ///
    /// # Errors
    /// `InvalidField` where the numbers do not belong together.
    pub(super) fn parse(pkcs1: &SecretBytes) -> Result<Self> {
        let key = PrivateDecryptingKey::from_pkcs8(der::rsa_pkcs8(pkcs1.expose())?.expose())
            .map_err(|_| invalid("the numbers of the RSA private key do not belong together"))?;
        Ok(Self {
            oaep: OaepPrivateDecryptingKey::new(key.clone()).map_err(|_| library("take an RSA key"))?,
            pkcs1v15: Pkcs1PrivateDecryptingKey::new(key).map_err(|_| library("take an RSA key"))?,
            pkcs1: SecretBytes::copy_from(pkcs1.expose()),
        })
    }

    /// # Standard
    /// RFC 8017 sections 7.1.2 and 7.2.2.
    ///
    /// # Errors
    /// `CryptoFailed`; `Unsupported` for other padding.
    pub(super) fn decrypt(&self, parameters: &CryptoParameters, ciphertext: &[u8]) -> Result<SecretBytes> {
        let padding = padding(parameters)?;
        let mut out = vec![0; self.oaep.min_output_size()];
        let length = match padding {
            Padding::Oaep { algorithm, label, .. } => {
                self.oaep.decrypt(algorithm, ciphertext, &mut out, label).map(|out| out.len())
            }
            Padding::Mixed { hashes, label } => {
                return mixed::decrypt(&self.pkcs1, hashes, label, ciphertext, &SystemRng);
            }
            Padding::Pkcs1v15 => self.pkcs1v15.decrypt(ciphertext, &mut out).map(|out| out.len()),
        };
        let Ok(length) = length else {
            out.zeroize();
            return Err(crypto_failed());
        };
        out.truncate(length);
        Ok(SecretBytes::new(out))
    }
}

/// RSA knows neither IV nor additional data nor tag.
///
/// # Errors
/// `InvalidField` where there is one.
pub(super) fn check_plain(iv: Option<&[u8]>, aad: &[u8], tag: Option<&[u8]>) -> Result<()> {
    match iv.is_none() && aad.is_empty() && tag.is_none() {
        true => Ok(()),
        false => Err(invalid("RSA takes no IV, no additional data and no tag")),
    }
}

/// Keys are wrapped by OAEP only.
///
/// # Errors
/// `Unsupported`.
pub(super) fn check_wrap(parameters: &CryptoParameters) -> Result<()> {
    match parameters.padding {
        None | Some(PaddingMethod::Oaep) if parameters.mode.is_none() => Ok(()),
        _ => Err(unsupported("RSA wraps keys by OAEP only")),
    }
}

fn padding(parameters: &CryptoParameters) -> Result<Padding<'_>> {
    if parameters.mode.is_some() {
        return Err(unsupported("RSA has no block cipher mode"));
    }
    match parameters.padding {
        None | Some(PaddingMethod::Oaep) => {}
        Some(PaddingMethod::Pkcs1v15) => return Ok(Padding::Pkcs1v15),
        Some(_) => return Err(unsupported("RSA encrypts by OAEP or PKCS#1 v1.5")),
    }
    let hash = parameters.hash.unwrap_or(HashAlgorithm::Sha256);
    let mask = parameters.mask_generator.map_or(hash, |MaskGenerator::Mgf1(mask)| mask);
    if mask != hash || hash == HashAlgorithm::Sha224 {
        let label = parameters.oaep_label.as_deref().unwrap_or_default();
        return Ok(Padding::Mixed { hashes: Hashes::new(hash, mask)?, label });
    }
    let (algorithm, hash_bytes) = match hash {
        HashAlgorithm::Sha1 => (&OAEP_SHA1_MGF1SHA1, 20),
        HashAlgorithm::Sha256 => (&OAEP_SHA256_MGF1SHA256, 32),
        HashAlgorithm::Sha384 => (&OAEP_SHA384_MGF1SHA384, 48),
        HashAlgorithm::Sha512 => (&OAEP_SHA512_MGF1SHA512, 64),
        _ => return Err(unsupported("OAEP is offered with SHA-1, SHA-224, SHA-256, SHA-384 and SHA-512")),
    };
    Ok(Padding::Oaep { algorithm, hash_bytes, label: parameters.oaep_label.as_deref() })
}
