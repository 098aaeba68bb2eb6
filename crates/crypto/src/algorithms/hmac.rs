//! HMAC keys over SHA-1 and SHA-2. Verification is `mac` and a comparison in constant time by the caller.

use std::sync::Arc;

use aws_lc_rs::hmac;
use keyreeve_core::{
    Result,
    model::{Algorithm, CryptoParameters, HashAlgorithm, KeyFormat, KeyMaterial, KeySpec, UsageMask},
    ports::{
        crypto::{Generated, ParsedKey, Running},
        rng::Rng,
    },
};

use super::RawKey;
use crate::{
    digest,
    error::{invalid, unsupported},
    registry::{Source, Uses},
};

/// Lengths of new keys in bits.
const LENGTH_BITS: std::ops::RangeInclusive<u32> = 64..=4096;

pub(crate) fn usage(_: &KeySpec) -> Uses {
    Uses::new(UsageMask::MAC | UsageMask::MAC_VERIFY | UsageMask::DERIVE, UsageMask::NONE)
}

pub(crate) fn generate(spec: &KeySpec, rng: &dyn Rng) -> Result<Generated> {
    check_length(spec, &LENGTH_BITS)?;
    super::generate_raw(spec, rng)
}

pub(crate) fn parse(source: &Source<'_>) -> Result<Arc<dyn ParsedKey>> {
    let raw = RawKey::parse(source)?;
    // Keys of other systems may be shorter than ours, but never empty.
    check_length(&raw.spec, &(8..=*LENGTH_BITS.end()))?;
    let hmac = digest::hmac_algorithm(raw.spec.algorithm).ok_or_else(|| unsupported("not an HMAC"))?;
    let key = hmac::Key::new(hmac, raw.bytes.expose());
    Ok(Arc::new(HmacKey { raw, key }))
}

fn check_length(spec: &KeySpec, bits: &std::ops::RangeInclusive<u32>) -> Result<()> {
    match spec.length_bits {
        length if bits.contains(&length) && length.is_multiple_of(8) => Ok(()),
        length => Err(invalid(format!(
            "an HMAC key of {length} bits is not offered: {} to {} in steps of 8 are",
            bits.start(),
            bits.end()
        ))),
    }
}

/// An HMAC key, its inner and outer state precomputed. Holds secrets.
struct HmacKey {
    raw: RawKey,
    key: hmac::Key,
}

impl HmacKey {
    fn check(&self, parameters: &CryptoParameters) -> Result<()> {
        let own = self.raw.spec.algorithm;
        if parameters.algorithm.is_some_and(|asked| asked != own)
            || parameters.hash.is_some_and(|asked| Some(asked) != hash_of(own))
        {
            return Err(invalid(format!("this key makes {} only", own.word())));
        }
        Ok(())
    }
}

impl ParsedKey for HmacKey {
    fn spec(&self) -> &KeySpec {
        &self.raw.spec
    }

    /// # Standard
    /// FIPS 198-1.
    fn mac(&self, parameters: &CryptoParameters, data: &[u8]) -> Result<Vec<u8>> {
        self.check(parameters)?;
        Ok(digest::hmac(&self.key, &[data]).as_ref().to_vec())
    }

    fn begin_mac(&self, parameters: &CryptoParameters) -> Result<Box<dyn Running>> {
        self.check(parameters)?;
        Ok(digest::begin_hmac(&self.key))
    }

    fn export(&self, format: KeyFormat) -> Result<KeyMaterial> {
        self.raw.export(format)
    }
}

fn hash_of(algorithm: Algorithm) -> Option<HashAlgorithm> {
    match algorithm {
        Algorithm::HmacSha1 => Some(HashAlgorithm::Sha1),
        Algorithm::HmacSha224 => Some(HashAlgorithm::Sha224),
        Algorithm::HmacSha256 => Some(HashAlgorithm::Sha256),
        Algorithm::HmacSha384 => Some(HashAlgorithm::Sha384),
        Algorithm::HmacSha512 => Some(HashAlgorithm::Sha512),
        _ => None,
    }
}
