//! Key derivation functions over the bytes of a secret. Whose secret it is and what becomes of the result is the
//! caller's business.

use aws_lc_rs::{cmac, hkdf, hmac, pbkdf2};
use keyreeve_core::{
    Result, SecretBytes,
    model::{HashAlgorithm, Kdf, Prf},
    ports::crypto::Running,
};
use std::num::NonZeroU32;
use zeroize::Zeroizing;

use crate::{
    digest,
    error::{invalid, library, unsupported},
};

/// Most iterations of PBKDF2 over all blocks of its output: some seconds of one core.
const ITERATIONS_MAX: u64 = 10_000_000;

/// Derives `bytes` bytes from `secret`.
///
/// INVARIANT: nothing here gives out what the data envelope derives from the same key. Its message keys are HMACs, under
/// an HMAC keyed by its label, of a text that ends in a zero byte; only HKDF lets the caller key an HMAC over the secret
/// by choice (the salt), and what it then computes ends in a counter that is never zero.
///
/// # Errors
/// `InvalidField` for more bytes than the function gives, an empty secret, or too much work; `Unsupported` for a hash.
pub(crate) fn derive(secret: &[u8], kdf: &Kdf, bytes: usize) -> Result<SecretBytes> {
    if secret.is_empty() {
        return Err(invalid("nothing can be derived from an empty secret"));
    }
    let mut out = Zeroizing::new(vec![0; bytes]);
    match kdf {
        Kdf::Hkdf { hash, salt, info } => hkdf(secret, *hash, salt, info, &mut out)?,
        Kdf::Counter { prf, fixed_input } => counter(&Keyed::new(*prf, secret)?, fixed_input, &mut out)?,
        Kdf::Feedback { prf, iv, fixed_input } => {
            feedback(&Keyed::new(*prf, secret)?, iv, fixed_input, &mut out)?;
        }
        Kdf::Pbkdf2 { hash, salt, iterations } => pbkdf2(secret, *hash, salt, *iterations, &mut out)?,
        Kdf::Hash { hash } => {
            let digest = digest::hash(digest::algorithm(*hash)?, &[secret]);
            take_leftmost(digest.as_ref(), &mut out)?;
        }
        Kdf::Hmac { hash, data } => {
            let code = digest::hmac(&hmac::Key::new(hmac_algorithm(*hash)?, secret), &[data]);
            take_leftmost(code.as_ref(), &mut out)?;
        }
    }
    Ok(SecretBytes::new(std::mem::take(&mut *out)))
}

/// # Standard
/// RFC 5869.
fn hkdf(secret: &[u8], hash: HashAlgorithm, salt: &[u8], info: &[u8], out: &mut [u8]) -> Result<()> {
    let algorithm = match hash {
        HashAlgorithm::Sha1 => hkdf::HKDF_SHA1_FOR_LEGACY_USE_ONLY,
        HashAlgorithm::Sha256 => hkdf::HKDF_SHA256,
        HashAlgorithm::Sha384 => hkdf::HKDF_SHA384,
        HashAlgorithm::Sha512 => hkdf::HKDF_SHA512,
        _ => return Err(unsupported("HKDF is offered with SHA-1, SHA-256, SHA-384 and SHA-512")),
    };
    let prk = hkdf::Salt::new(algorithm, salt).extract(secret);
    prk.expand(&[info], Bytes(out.len()))
        .and_then(|okm| okm.fill(out))
        .map_err(|_| invalid("HKDF gives at most 255 times the length of its hash"))
}

/// A length, as the library wants it told.
struct Bytes(usize);

impl hkdf::KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

/// # Standard
/// RFC 8018 section 5.2.
fn pbkdf2(secret: &[u8], hash: HashAlgorithm, salt: &[u8], iterations: u32, out: &mut [u8]) -> Result<()> {
    let algorithm = match hash {
        HashAlgorithm::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
        HashAlgorithm::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        HashAlgorithm::Sha384 => pbkdf2::PBKDF2_HMAC_SHA384,
        HashAlgorithm::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        _ => return Err(unsupported("PBKDF2 is offered with SHA-1, SHA-256, SHA-384 and SHA-512")),
    };
    let blocks = out.len().div_ceil(digest::algorithm(hash)?.output_len()) as u64;
    let iterations =
        NonZeroU32::new(iterations).ok_or_else(|| invalid("PBKDF2 needs 1 iteration or more"))?;
    if u64::from(iterations.get()) * blocks > ITERATIONS_MAX {
        return Err(invalid(format!(
            "{iterations} iterations for {} bytes are too much work: {ITERATIONS_MAX} for all blocks are the most",
            out.len()
        )));
    }
    pbkdf2::derive(algorithm, iterations, salt, secret, out);
    Ok(())
}

/// # Standard
/// SP 800-108r1 section 4.1, with a counter of 32 bits before the fixed input.
fn counter(prf: &Keyed, fixed_input: &[u8], out: &mut [u8]) -> Result<()> {
    for (round, block) in (1u32..).zip(out.chunks_mut(prf.output_bytes())) {
        let made = prf.run(&[&round.to_be_bytes(), fixed_input])?;
        block.copy_from_slice(&made[..block.len()]);
    }
    Ok(())
}

/// # Standard
/// SP 800-108r1 section 4.2, with a counter of 32 bits between the block before and the fixed input.
fn feedback(prf: &Keyed, iv: &[u8], fixed_input: &[u8], out: &mut [u8]) -> Result<()> {
    let mut before = Zeroizing::new(iv.to_vec());
    for (round, block) in (1u32..).zip(out.chunks_mut(prf.output_bytes())) {
        before = prf.run(&[&before, &round.to_be_bytes(), fixed_input])?;
        block.copy_from_slice(&before[..block.len()]);
    }
    Ok(())
}

/// A pseudorandom function with its key. Holds secrets.
// One at a time, on the stack of one derivation.
#[expect(clippy::large_enum_variant)]
enum Keyed {
    Hmac(hmac::Key),
    Cmac(cmac::Key),
}

impl Keyed {
    fn new(prf: Prf, secret: &[u8]) -> Result<Self> {
        match prf {
            Prf::Hmac(hash) => Ok(Self::Hmac(hmac::Key::new(hmac_algorithm(hash)?, secret))),
            Prf::Cmac => Ok(Self::Cmac(cmac_key(secret)?)),
        }
    }

    /// Length of one output in bytes.
    fn output_bytes(&self) -> usize {
        match self {
            Self::Hmac(key) => key.algorithm().tag_len(),
            Self::Cmac(key) => key.algorithm().tag_len(),
        }
    }

    fn run(&self, parts: &[&[u8]]) -> Result<Zeroizing<Vec<u8>>> {
        Ok(Zeroizing::new(match self {
            Self::Hmac(key) => digest::hmac(key, parts).as_ref().to_vec(),
            Self::Cmac(key) => cmac(key, parts)?.as_ref().to_vec(),
        }))
    }
}

/// The CMAC key of an AES key's bytes.
///
/// # Standard
/// SP 800-38B.
///
/// # Errors
/// `InvalidField` for another length than 16, 24 or 32 bytes.
pub(crate) fn cmac_key(key: &[u8]) -> Result<cmac::Key> {
    let algorithm = match key.len() {
        16 => cmac::AES_128,
        24 => cmac::AES_192,
        32 => cmac::AES_256,
        _ => return Err(invalid("CMAC needs an AES key of 128, 192 or 256 bits")),
    };
    cmac::Key::new(algorithm, key).map_err(|_| library("take a CMAC key"))
}

/// Begins a CMAC.
pub(crate) fn begin_cmac(key: &cmac::Key) -> Box<dyn Running> {
    Box::new(Authenticating(cmac::Context::with_key(key)))
}

/// Holds a secret.
struct Authenticating(cmac::Context);

impl Running for Authenticating {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.0.update(data).map_err(|_| library("compute a CMAC"))
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        Ok(self.0.sign().map_err(|_| library("compute a CMAC"))?.as_ref().to_vec())
    }
}

/// CMAC over the parts one after the other, 16 bytes.
///
/// # Standard
/// SP 800-38B section 6.2.
pub(crate) fn cmac(key: &cmac::Key, parts: &[&[u8]]) -> Result<cmac::Tag> {
    let mut context = cmac::Context::with_key(key);
    parts
        .iter()
        .try_for_each(|part| context.update(part))
        .and_then(|()| context.sign())
        .map_err(|_| library("compute a CMAC"))
}

fn hmac_algorithm(hash: HashAlgorithm) -> Result<hmac::Algorithm> {
    Ok(match hash {
        HashAlgorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        HashAlgorithm::Sha224 => hmac::HMAC_SHA224,
        HashAlgorithm::Sha256 => hmac::HMAC_SHA256,
        HashAlgorithm::Sha384 => hmac::HMAC_SHA384,
        HashAlgorithm::Sha512 => hmac::HMAC_SHA512,
        _ => return Err(unsupported("HMAC is offered with SHA-1 and SHA-2")),
    })
}

fn take_leftmost(made: &[u8], out: &mut [u8]) -> Result<()> {
    let had = made.len();
    let cut = made.get(..out.len());
    out.copy_from_slice(
        cut.ok_or_else(|| invalid(format!("this derivation gives {had} bytes, and more are asked for")))?,
    );
    Ok(())
}
