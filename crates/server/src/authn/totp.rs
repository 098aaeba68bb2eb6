//! One-time codes by time. Not here: how the seed is kept, and that no code is taken twice (password).
//!
//! # Standard
//! RFC 6238 over RFC 4226 section 5.3: HMAC-SHA-1, six digits, 30 seconds.

use data_encoding::BASE32_NOPAD;
use keyreeve_core::model::{Algorithm, CryptoParameters, KeyFormat, KeyMaterial, KeySpec, ObjectType, Time};
use keyreeve_core::ports::crypto::Crypto;
use keyreeve_core::{Error, Result, SecretBytes};
use zeroize::Zeroizing;

/// Bytes of a seed: those of the hash (RFC 4226 section 4).
const SEED_BYTES: usize = 20;
const STEP_SECONDS: u64 = 30;
const DIGITS: usize = 6;
/// Steps before and after the server's own whose codes are taken: clocks differ.
const SKEW_STEPS: u64 = 1;

/// A new seed.
///
/// # Errors
/// The generator's.
pub(super) fn new_seed(crypto: &dyn Crypto) -> Result<SecretBytes> {
    let mut seed = [0; SEED_BYTES];
    crypto.fill(&mut seed)?;
    Ok(SecretBytes::take_from(&mut seed))
}

/// A seed as programs on phones take it. A secret.
pub(super) fn text(seed: &SecretBytes) -> Zeroizing<String> {
    Zeroizing::new(BASE32_NOPAD.encode(seed.expose()))
}

/// The time step whose code this is, near enough to now; none where it is wrong. Takes the same time for every code.
///
/// # Errors
/// The crypto port's.
pub(super) fn check(crypto: &dyn Crypto, seed: &SecretBytes, code: &str, now: Time) -> Result<Option<u64>> {
    let now = u64::try_from(now.seconds()).unwrap_or(0) / STEP_SECONDS;
    let mut taken = None;
    for step in now.saturating_sub(SKEW_STEPS)..=now.saturating_add(SKEW_STEPS) {
        if crypto.equal(code_of(crypto, seed, step)?.as_bytes(), code.as_bytes()) {
            taken = Some(step);
        }
    }
    Ok(taken)
}

/// The code of a time step.
///
/// # Errors
/// The crypto port's.
pub(super) fn code_of(crypto: &dyn Crypto, seed: &SecretBytes, step: u64) -> Result<Zeroizing<String>> {
    let length_bits = u32::try_from(seed.len() * 8).map_err(Error::internal)?;
    let spec = KeySpec { algorithm: Algorithm::HmacSha1, length_bits, curve: None };
    let material = KeyMaterial { format: KeyFormat::Raw, bytes: SecretBytes::copy_from(seed.expose()) };
    let key = crypto.parse(ObjectType::SymmetricKey, Some(&spec), &material)?;
    let mac = key.mac(&CryptoParameters::default(), &step.to_be_bytes())?;
    let short = || Error::internal("an HMAC that is too short");
    let offset = usize::from(mac.last().ok_or_else(short)? & 0xf);
    let word = mac.get(offset..).and_then(|rest| rest.first_chunk::<4>()).ok_or_else(short)?;
    let number = (u32::from_be_bytes(*word) & 0x7fff_ffff) % 10_u32.pow(DIGITS as u32);
    Ok(Zeroizing::new(format!("{number:0DIGITS$}")))
}

#[cfg(test)]
mod tests {
    use keyreeve_crypto::SoftwareCrypto;

    use super::*;

    /// RFC 6238 appendix B, of whose eight digits the last six are ours.
    #[test]
    fn the_published_codes_are_found_and_their_neighbours_taken() {
        let crypto = SoftwareCrypto::new();
        let seed = SecretBytes::copy_from(b"12345678901234567890");
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let step = u64::try_from(seconds).unwrap() / 30;
            let around = [(-60, false), (-30, true), (0, true), (30, true), (60, false)];
            for (later, taken) in around.into_iter().filter(|(later, _)| seconds + later >= 0) {
                let found = check(&crypto, &seed, code, Time::from_seconds(seconds + later)).unwrap();
                assert_eq!(found, taken.then_some(step), "{seconds} {later}");
            }
        }
        for wrong in ["", "28708", "2870820", "287083", "２８７０８２"] {
            assert_eq!(check(&crypto, &seed, wrong, Time::from_seconds(59)).unwrap(), None, "{wrong}");
        }
        assert_eq!(*text(&seed), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }
}
