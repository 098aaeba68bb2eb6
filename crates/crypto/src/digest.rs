//! Hash functions and HMAC over them: the table from the model's names to the library's. No keys are kept here.

use aws_lc_rs::{digest, hmac};
use keyreeve_core::{
    Result,
    model::{Algorithm, HashAlgorithm},
    ports::crypto::Running,
};

use crate::error::unsupported;

/// The library's hash of this name.
///
/// # Standard
/// FIPS 180-4 and FIPS 202.
///
/// # Errors
/// `Unsupported`.
pub(crate) fn algorithm(hash: HashAlgorithm) -> Result<&'static digest::Algorithm> {
    Ok(match hash {
        HashAlgorithm::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        HashAlgorithm::Sha224 => &digest::SHA224,
        HashAlgorithm::Sha256 => &digest::SHA256,
        HashAlgorithm::Sha384 => &digest::SHA384,
        HashAlgorithm::Sha512 => &digest::SHA512,
        HashAlgorithm::Sha512_256 => &digest::SHA512_256,
        HashAlgorithm::Sha3_256 => &digest::SHA3_256,
        HashAlgorithm::Sha3_384 => &digest::SHA3_384,
        HashAlgorithm::Sha3_512 => &digest::SHA3_512,
        HashAlgorithm::Other(code) => {
            return Err(unsupported(format!("hash algorithm {code:#x} is not offered")));
        }
    })
}

/// Hash of the parts one after the other.
pub(crate) fn hash(algorithm: &'static digest::Algorithm, parts: &[&[u8]]) -> digest::Digest {
    let mut context = digest::Context::new(algorithm);
    parts.iter().for_each(|part| context.update(part));
    context.finish()
}

/// Begins a hash.
///
/// # Errors
/// `Unsupported`.
pub(crate) fn begin(hash: HashAlgorithm) -> Result<Box<dyn Running>> {
    Ok(Box::new(Hashing(digest::Context::new(algorithm(hash)?))))
}

/// Begins an HMAC under a parsed key.
pub(crate) fn begin_hmac(key: &hmac::Key) -> Box<dyn Running> {
    Box::new(Authenticating(hmac::Context::with_key(key)))
}

struct Hashing(digest::Context);

impl Running for Hashing {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.0.update(data);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        Ok(self.0.finish().as_ref().to_vec())
    }
}

/// Holds a secret.
struct Authenticating(hmac::Context);

impl Running for Authenticating {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.0.update(data);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        Ok(self.0.sign().as_ref().to_vec())
    }
}

/// SHA-256 of the parts one after the other.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(hash(&digest::SHA256, parts).as_ref());
    out
}

/// The HMAC that this algorithm means, if it means one.
///
/// # Standard
/// FIPS 198-1, RFC 2104.
pub(crate) fn hmac_algorithm(algorithm: Algorithm) -> Option<hmac::Algorithm> {
    match algorithm {
        Algorithm::HmacSha1 => Some(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        Algorithm::HmacSha224 => Some(hmac::HMAC_SHA224),
        Algorithm::HmacSha256 => Some(hmac::HMAC_SHA256),
        Algorithm::HmacSha384 => Some(hmac::HMAC_SHA384),
        Algorithm::HmacSha512 => Some(hmac::HMAC_SHA512),
        _ => None,
    }
}

/// HMAC under a parsed key over the parts one after the other.
pub(crate) fn hmac(key: &hmac::Key, parts: &[&[u8]]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    parts.iter().for_each(|part| context.update(part));
    context.sign()
}
