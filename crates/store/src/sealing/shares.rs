//! Shamir's secret sharing over GF(256): any `threshold` shares of a secret give it back, fewer say nothing about it.
//! Splits epoch keys among cells, and what unlocks the root key among people. The field arithmetic is vsss-rs, which
//! takes the same time whatever the secret is; what is here is what people see of it.
//!
//! A recovery share is one line: `krs1.SET.THRESHOLD.INDEX.VALUE.CHECK`. SET: 16 hexadecimal digits, the same for all
//! shares made at one time; VALUE: 64, in groups of 8; CHECK: the first 8 of SHA-256("keyreeve/share-text/v1" || set 8
//! || threshold 1 || index 1 || value 32), so that a typing error is found before the share is used. Dashes, white
//! space and letter case say nothing. Its commitment, which lies in root.json, is SHA-256("keyreeve/share/v1" || set 8
//! || index 1 || value 32): it tells a wrong or mixed share from a right one, and nothing of the secret.

use std::convert::Infallible;

use keyreeve_core::{
    Error, ErrorKind, Result, SecretBytes,
    ports::{crypto::Crypto, rng::Rng},
};
use rand_core::{TryCryptoRng, TryRng};
use vsss_rs::{Gf256, IdentifierGf256};
use zeroize::Zeroizing;

use super::KEY_LEN;

pub(super) const SET_LEN: usize = 8;
const CHECK_LEN: usize = 4;
const PREFIX: &str = "krs1";
/// Bytes of the value whose digits stand together.
const GROUP_LEN: usize = 4;

/// One share of a secret. Holds a secret.
pub(crate) struct Share {
    /// From 1; the same index twice counts once.
    pub(crate) index: u8,
    /// As long as the secret.
    pub(crate) value: SecretBytes,
}

/// Splits a secret into `count` shares, of which `threshold` give it back: 2 to `count`.
///
/// # Errors
/// `InvalidField` for numbers that do not fit, `Unavailable` where randomness failed.
pub(crate) fn split(rng: &dyn Rng, secret: &SecretBytes, count: u8, threshold: u8) -> Result<Vec<Share>> {
    if threshold < 2 || threshold > count {
        let public = format!("{threshold} of {count} is no threshold: it must be 2 to the number of shares");
        return Err(Error::new(ErrorKind::InvalidField, public));
    }
    let mut random = Random { rng, failed: None };
    let ids = (1..=count).map(|index| IdentifierGf256(Gf256(index)));
    let (threshold, count) = (threshold.into(), count.into());
    let parts =
        Gf256::split_bytes_with_participant_ids_iter(threshold, count, secret.expose(), &mut random, ids);
    let parts: Vec<_> = parts.map_err(Error::internal)?.into_iter().map(Zeroizing::new).collect();
    random.failed.map_or(Ok(()), Err)?;
    let share = |part: &Zeroizing<Vec<u8>>| {
        let (index, value) = part.split_first()?;
        Some(Share { index: *index, value: SecretBytes::copy_from(value) })
    };
    parts.iter().map(share).collect::<Option<_>>().ok_or_else(|| Error::internal("a share came out empty"))
}

/// The secret of at least as many shares as its threshold; of fewer, or of shares that do not belong together, some
/// other bytes, so that the caller must have a check of its own.
///
/// # Errors
/// `InvalidField` for fewer than two shares, an index twice or 0, or lengths that differ.
pub(crate) fn combine<'a>(shares: impl IntoIterator<Item = &'a Share>) -> Result<SecretBytes> {
    let part = |share: &Share| {
        let mut part = Vec::with_capacity(1 + share.value.len());
        part.push(share.index);
        part.extend_from_slice(share.value.expose());
        part
    };
    let parts = Zeroizing::new(shares.into_iter().map(part).collect::<Vec<_>>());
    let secret = Gf256::combine_bytes(&*parts).map(SecretBytes::new);
    secret.map_err(|cause| {
        Error::new(ErrorKind::InvalidField, "these shares do not fit together").because(cause)
    })
}

/// A share of what unlocks the root key, as people keep it. Holds a secret.
pub(crate) struct RecoveryShare {
    pub(crate) set: [u8; SET_LEN],
    pub(crate) threshold: u8,
    pub(crate) share: Share,
}

impl RecoveryShare {
    /// Splits a new secret.
    ///
    /// # Errors
    /// As [`split`].
    pub(crate) fn split(
        crypto: &dyn Crypto,
        secret: &SecretBytes,
        count: u8,
        threshold: u8,
    ) -> Result<Vec<Self>> {
        let mut set = [0; SET_LEN];
        crypto.fill(&mut set)?;
        let shares = split(crypto, secret, count, threshold)?;
        Ok(shares.into_iter().map(|share| Self { set, threshold, share }).collect())
    }

    /// Reads the line that [`RecoveryShare::line`] wrote.
    ///
    /// # Errors
    /// What is wrong, where it is no share, or one with a typing error; says nothing of its digits.
    pub(crate) fn parse(crypto: &dyn Crypto, line: &SecretBytes) -> Result<Self, &'static str> {
        let kept = line.expose().iter().filter(|byte| !byte.is_ascii_whitespace() && **byte != b'-');
        let text = Zeroizing::new(kept.map(u8::to_ascii_lowercase).collect::<Vec<_>>());
        let fields: Vec<&[u8]> = text.split(|byte| *byte == b'.').collect();
        let &[prefix, set, threshold, index, value, check] = &*fields else {
            return Err("it is no recovery share: krs1.SET.THRESHOLD.INDEX.VALUE.CHECK in one line");
        };
        if prefix != PREFIX.as_bytes() {
            return Err("it is no recovery share: it does not begin with krs1");
        }
        let share = Share { index: number(index)?, value: digits::<KEY_LEN>(value)? };
        let set: [u8; SET_LEN] = array(&digits::<SET_LEN>(set)?);
        let parsed = Self { set, threshold: number(threshold)?, share };
        match crypto.equal(&parsed.check(crypto), digits::<CHECK_LEN>(check)?.expose()) {
            true => Ok(parsed),
            false => Err(MISTYPED),
        }
    }

    /// The share as one line, without a line end. Holds a secret.
    pub(crate) fn line(&self, crypto: &dyn Crypto) -> SecretBytes {
        let mut line = Vec::with_capacity(2 * LINE_LEN_ABOUT);
        let head =
            [PREFIX, &hex::encode(self.set), &self.threshold.to_string(), &self.share.index.to_string()];
        line.extend_from_slice(head.join(".").as_bytes());
        line.push(b'.');
        for (at, byte) in self.share.value.expose().iter().enumerate() {
            if at > 0 && at % GROUP_LEN == 0 {
                line.push(b'-');
            }
            line.extend([byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
        }
        line.push(b'.');
        line.extend_from_slice(hex::encode(self.check(crypto)).as_bytes());
        SecretBytes::new(line)
    }

    /// What root.json keeps of the share.
    pub(crate) fn commitment(&self, crypto: &dyn Crypto) -> [u8; 32] {
        let Share { index, value } = &self.share;
        crypto.sha256(&[b"keyreeve/share/v1", &self.set, &[*index], value.expose()])
    }

    fn check(&self, crypto: &dyn Crypto) -> [u8; CHECK_LEN] {
        let Share { index, value } = &self.share;
        let parts: [&[u8]; 4] =
            [b"keyreeve/share-text/v1", &self.set, &[self.threshold, *index], value.expose()];
        let sum = crypto.sha256(&parts);
        std::array::from_fn(|at| sum[at])
    }
}

/// Room for a line: growing would leave a copy behind.
const LINE_LEN_ABOUT: usize = 128;

const MISTYPED: &str = "it has a typing error";

fn digits<const LEN: usize>(text: &[u8]) -> Result<SecretBytes, &'static str> {
    let mut bytes = Zeroizing::new([0; LEN]);
    hex::decode_to_slice(text, &mut *bytes).map_err(|_| MISTYPED)?;
    Ok(SecretBytes::take_from(&mut *bytes))
}

fn array<const LEN: usize>(bytes: &SecretBytes) -> [u8; LEN] {
    std::array::from_fn(|at| bytes.expose().get(at).copied().unwrap_or_default())
}

fn number(text: &[u8]) -> Result<u8, &'static str> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(MISTYPED)
}

/// The house's randomness for vsss-rs. A failure is kept and told afterwards: that crate knows none.
struct Random<'a> {
    rng: &'a dyn Rng,
    failed: Option<Error>,
}

impl TryRng for Random<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        if let Err(error) = self.rng.fill(bytes) {
            self.failed.get_or_insert(error);
        }
        Ok(())
    }
}

impl TryCryptoRng for Random<'_> {}

#[cfg(test)]
mod tests {
    use keyreeve_crypto::SoftwareCrypto;

    use super::*;

    fn secret() -> SecretBytes {
        SecretBytes::new((0..32).collect())
    }

    fn shares(count: u8, threshold: u8) -> Vec<RecoveryShare> {
        RecoveryShare::split(&SoftwareCrypto::new(), &secret(), count, threshold).unwrap()
    }

    /// The secret of the shares whose bits are set.
    fn of(shares: &[RecoveryShare], chosen: u32) -> Result<SecretBytes> {
        let chosen = shares.iter().enumerate().filter(|(at, _)| chosen >> at & 1 == 1);
        combine(chosen.map(|(_, share)| &share.share))
    }

    #[test]
    fn any_threshold_of_shares_gives_the_secret_and_fewer_do_not() {
        for (count, threshold) in [(2, 2), (3, 2), (5, 3), (6, 6)] {
            let shares = shares(count, threshold);
            for chosen in 0..1u32 << count {
                let right = of(&shares, chosen).is_ok_and(|found| found.expose() == secret().expose());
                assert_eq!(right, chosen.count_ones() >= threshold.into(), "{count} {threshold} {chosen:b}");
            }
        }
        assert_eq!(shares(255, 255).len(), 255);
    }

    /// Lagrange's rule worked out by hand: over GF(2^8) mod x^8+x^4+x^3+x+1, f(x) = 0x2a + 0x80 x.
    #[test]
    fn the_field_is_that_of_aes() {
        let share = |index, value| Share { index, value: SecretBytes::new(vec![value]) };
        let found = combine(&[share(1, 0xaa), share(2, 0x31)]).unwrap();
        assert_eq!(found.expose(), [0x2a]);
    }

    #[test]
    fn thresholds_that_protect_nothing_are_refused() {
        for (count, threshold) in [(0, 0), (5, 0), (5, 1), (1, 1), (2, 3)] {
            assert!(
                split(&SoftwareCrypto::new(), &secret(), count, threshold).is_err(),
                "{count} {threshold}"
            );
        }
        let shares = shares(3, 2);
        assert!(combine([&shares[0].share, &shares[0].share]).is_err(), "a share counted twice");
    }

    #[test]
    fn a_share_is_read_back_from_its_line() {
        let crypto = SoftwareCrypto::new();
        for share in shares(11, 10) {
            let line = share.line(&crypto);
            assert!(line.len() <= 2 * LINE_LEN_ABOUT);
            let text = std::str::from_utf8(line.expose()).unwrap();
            for text in [text.to_owned(), text.to_uppercase(), format!(" {}\n", text.replace('-', " "))] {
                let read = RecoveryShare::parse(&crypto, &SecretBytes::new(text.into_bytes())).unwrap();
                assert_eq!((read.set, read.threshold, read.share.index), (share.set, 10, share.share.index));
                assert_eq!(read.share.value.expose(), share.share.value.expose());
                assert_eq!(read.commitment(&crypto), share.commitment(&crypto));
            }
        }
    }

    #[test]
    fn any_typing_error_is_found() {
        let crypto = SoftwareCrypto::new();
        let line = shares(3, 2)[1].line(&crypto);
        let refused = |text: Vec<u8>| RecoveryShare::parse(&crypto, &SecretBytes::new(text)).is_err();
        for at in 0..line.len() {
            let mut altered = line.expose().to_vec();
            if altered[at] == b'-' {
                continue;
            }
            altered[at] = if altered[at] == b'7' { b'1' } else { b'7' };
            assert!(refused(altered), "character {at}");
            assert!(refused(line.expose()[..at].to_vec()), "cut at {at}");
            let mut swapped = line.expose().to_vec();
            if at + 1 < swapped.len() && swapped[at] != swapped[at + 1] && !b".-".contains(&swapped[at]) {
                swapped.swap(at, at + 1);
                assert!(swapped[at] == b'-' || refused(swapped), "swapped at {at}");
            }
        }
        assert!(refused([line.expose(), b"0"].concat()));
        assert!(refused(b"".to_vec()));
    }

    #[test]
    fn failing_randomness_makes_no_shares() {
        struct Dry;
        impl Rng for Dry {
            fn fill(&self, _: &mut [u8]) -> Result<()> {
                Err(Error::new(ErrorKind::Unavailable, "no randomness"))
            }
        }
        let kind = split(&Dry, &secret(), 5, 3).map(|_| ()).unwrap_err().kind();
        assert_eq!(kind, ErrorKind::Unavailable);
    }
}
