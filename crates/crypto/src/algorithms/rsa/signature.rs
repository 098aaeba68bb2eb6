//! RSA signatures: PSS, the default, and PKCS#1 v1.5. Which of them, with what hash and salt, comes from the parameters.

use std::sync::OnceLock;

use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    rsa::{KeyPair, RsaParameters},
    signature::{
        self, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256,
        RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
        RSA_PKCS1_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
        RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaPssSaltLength, RsaSignatureEncoding,
    },
};
use keyreeve_core::{
    Result,
    model::{CryptoParameters, HashAlgorithm, MaskGenerator, PaddingMethod, SignatureScheme},
    ports::crypto::ToSign,
};

use super::mixed::{self, Hashes};
use crate::error::{invalid, library, unsupported};

/// Longest PSS salt that any key takes: 8192 bits with SHA-256, in bytes.
const SALT_BYTES_MAX: usize = 1024 - 32 - 2;

/// What the parameters mean.
struct Scheme {
    hash: HashAlgorithm,
    /// Hash of the mask of PSS.
    mask: HashAlgorithm,
    /// `None` for PKCS#1 v1.5.
    pss_salt_bytes: Option<usize>,
}

/// # Standard
/// RFC 8017 sections 8.1.1 and 8.2.1.
///
/// # Errors
/// `InvalidField` or `Unsupported` for parameters that do not fit.
pub(super) fn sign(
    pair: &KeyPair,
    key_bits: u32,
    parameters: &CryptoParameters,
    input: ToSign<'_>,
) -> Result<Vec<u8>> {
    let scheme = scheme(parameters, key_bits)?;
    let encoding = match scheme.pss_salt_bytes {
        Some(_) if scheme.mask != scheme.hash => {
            return Err(unsupported("PSS signatures are made with MGF1 over the same hash only"));
        }
        Some(salt_bytes) => &pss(scheme.hash, salt_bytes)?.0,
        None => pkcs1_encoding(scheme.hash)?,
    };
    let mut signature = vec![0; pair.public_modulus_len()];
    match input {
        ToSign::Data(data) => pair.sign(encoding, &SystemRandom::new(), data, &mut signature),
        ToSign::Digest(value) => pair.sign_digest(encoding, &imported(scheme.hash, value)?, &mut signature),
    }
    .map_err(|_| library("sign with an RSA key"))?;
    Ok(signature)
}

/// # Standard
/// RFC 8017 sections 8.1.2 and 8.2.2.
///
/// # Errors
/// `InvalidField` or `Unsupported` for parameters that do not fit.
pub(super) fn verify(
    public_pkcs1: &[u8],
    key_bits: u32,
    parameters: &CryptoParameters,
    input: ToSign<'_>,
    signature: &[u8],
) -> Result<bool> {
    use HashAlgorithm::{Sha256, Sha384, Sha512};
    let scheme = scheme(parameters, key_bits)?;
    let Some(salt_bytes) = scheme.pss_salt_bytes else {
        return verify_as(pkcs1_parameters(scheme.hash)?, scheme.hash, public_pkcs1, input, signature);
    };
    if scheme.mask != scheme.hash || !matches!(scheme.hash, Sha256 | Sha384 | Sha512) {
        let digest = match input {
            ToSign::Data(data) => crate::digest::hash(crate::digest::algorithm(scheme.hash)?, &[data]),
            ToSign::Digest(value) => imported(scheme.hash, value)?,
        };
        let longest = salt_bytes_max(scheme.hash, key_bits)?;
        let is_salt =
            |bytes: usize| bytes == salt_bytes || parameters.salt_length.is_none() && bytes == longest;
        let hashes = Hashes::new(scheme.hash, scheme.mask)?;
        return Ok(mixed::verify(public_pkcs1, key_bits, hashes, digest.as_ref(), signature, is_salt));
    }
    if verify_as(&pss(scheme.hash, salt_bytes)?.1, scheme.hash, public_pkcs1, input, signature)? {
        return Ok(true);
    }
    // A signature does not tell its salt's length. Where nobody else does, it is one of the two in use: that of the
    // hash, or as much as the key takes.
    let longest = salt_bytes_max(scheme.hash, key_bits)?;
    let guess = parameters.salt_length.is_none() && longest != salt_bytes;
    Ok(guess && verify_as(&pss(scheme.hash, longest)?.1, scheme.hash, public_pkcs1, input, signature)?)
}

fn verify_as(
    algorithm: &'static RsaParameters,
    hash: HashAlgorithm,
    public_pkcs1: &[u8],
    input: ToSign<'_>,
    signature: &[u8],
) -> Result<bool> {
    let key = signature::UnparsedPublicKey::new(algorithm, public_pkcs1);
    let verified = match input {
        ToSign::Data(data) => key.verify(data, signature),
        ToSign::Digest(value) => key.verify_digest(&imported(hash, value)?, signature),
    };
    Ok(verified.is_ok())
}

/// The hash of the message that the parameters mean.
///
/// # Errors
/// `InvalidField` or `Unsupported` for parameters that do not fit.
pub(super) fn message_hash(key_bits: u32, parameters: &CryptoParameters) -> Result<HashAlgorithm> {
    Ok(scheme(parameters, key_bits)?.hash)
}

/// RFC 8017 section 9.1.1: emLen is the length of the modulus less one bit, in whole bytes.
fn salt_bytes_max(hash: HashAlgorithm, key_bits: u32) -> Result<usize> {
    let hash_bytes = crate::digest::algorithm(hash)?.output_len();
    Ok(((key_bits as usize).saturating_sub(1).div_ceil(8)).saturating_sub(hash_bytes + 2))
}

fn scheme(parameters: &CryptoParameters, key_bits: u32) -> Result<Scheme> {
    let (is_pss, named_hash) = match (parameters.signature, parameters.padding) {
        (Some(SignatureScheme::RsaPkcs1v15(hash)), None | Some(PaddingMethod::Pkcs1v15)) => {
            (false, Some(hash))
        }
        (Some(SignatureScheme::RsaPss(hash)), None | Some(PaddingMethod::Pss)) => (true, hash),
        (None, Some(PaddingMethod::Pkcs1v15)) => (false, None),
        (None, None | Some(PaddingMethod::Pss)) => (true, None),
        _ => {
            return Err(invalid("RSA signs by PSS or PKCS#1 v1.5: signature scheme or padding says another"));
        }
    };
    let hash = match (named_hash, parameters.hash) {
        (Some(named), Some(asked)) if named != asked => {
            return Err(invalid("the signature scheme and the hash algorithm contradict each other"));
        }
        (named, asked) => named.or(asked).unwrap_or(HashAlgorithm::Sha256),
    };
    if !is_pss {
        return Ok(Scheme { hash, mask: hash, pss_salt_bytes: None });
    }
    let mask = parameters.mask_generator.map_or(hash, |MaskGenerator::Mgf1(mask)| mask);
    if parameters.trailer_field.is_some_and(|field| field != 1) {
        return Err(unsupported("PSS is offered with trailer field 1 only"));
    }
    let hash_bytes = crate::digest::algorithm(hash)?.output_len();
    let salt_bytes = parameters.salt_length.map_or(hash_bytes, |bytes| bytes as usize);
    let salt_bytes_max = salt_bytes_max(hash, key_bits)?;
    if salt_bytes > salt_bytes_max {
        return Err(invalid(format!("a PSS salt of {salt_bytes} bytes: this key takes {salt_bytes_max}")));
    }
    Ok(Scheme { hash, mask, pss_salt_bytes: Some(salt_bytes) })
}

/// PSS with this hash and salt. The library wants parameters that live for ever, so each length used is made once.
fn pss(hash: HashAlgorithm, salt_bytes: usize) -> Result<&'static (RsaSignatureEncoding, RsaParameters)> {
    type Cell = OnceLock<(RsaSignatureEncoding, RsaParameters)>;
    static CELLS: [[Cell; SALT_BYTES_MAX + 1]; 3] =
        [const { [const { OnceLock::new() }; SALT_BYTES_MAX + 1] }; 3];
    let (row, encoding, parameters) = match hash {
        HashAlgorithm::Sha256 => (0, RSA_PSS_SHA256, RSA_PSS_2048_8192_SHA256),
        HashAlgorithm::Sha384 => (1, RSA_PSS_SHA384, RSA_PSS_2048_8192_SHA384),
        HashAlgorithm::Sha512 => (2, RSA_PSS_SHA512, RSA_PSS_2048_8192_SHA512),
        _ => return Err(unsupported("PSS signatures are made with SHA-256, SHA-384 and SHA-512")),
    };
    let cell = CELLS[row].get(salt_bytes).ok_or_else(|| invalid("the PSS salt is too long"))?;
    let salt = RsaPssSaltLength::Custom(salt_bytes as u16);
    Ok(cell.get_or_init(|| (encoding.with_pss_salt_length(salt), parameters.with_pss_salt_length(salt))))
}

fn pkcs1_encoding(hash: HashAlgorithm) -> Result<&'static RsaSignatureEncoding> {
    match hash {
        HashAlgorithm::Sha256 => Ok(&RSA_PKCS1_SHA256),
        HashAlgorithm::Sha384 => Ok(&RSA_PKCS1_SHA384),
        HashAlgorithm::Sha512 => Ok(&RSA_PKCS1_SHA512),
        _ => Err(unsupported("PKCS#1 v1.5 signatures are made with SHA-256, SHA-384 and SHA-512")),
    }
}

fn pkcs1_parameters(hash: HashAlgorithm) -> Result<&'static RsaParameters> {
    match hash {
        HashAlgorithm::Sha1 => Ok(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY),
        HashAlgorithm::Sha256 => Ok(&RSA_PKCS1_2048_8192_SHA256),
        HashAlgorithm::Sha384 => Ok(&RSA_PKCS1_2048_8192_SHA384),
        HashAlgorithm::Sha512 => Ok(&RSA_PKCS1_2048_8192_SHA512),
        _ => Err(unsupported("PKCS#1 v1.5 signatures are verified with SHA-1, SHA-256, SHA-384 and SHA-512")),
    }
}

fn imported(hash: HashAlgorithm, value: &[u8]) -> Result<digest::Digest> {
    let algorithm = crate::digest::algorithm(hash)?;
    digest::Digest::import_less_safe(value, algorithm).map_err(|_| {
        invalid(format!("the digest has {} bytes instead of {}", value.len(), algorithm.output_len()))
    })
}
