//! Shamir's sharing in a prime field, whose prime the caller names: a secret is one number below it. Not here: the fields
//! of two elements' powers, and who may.
//!
//! # Standard
//! KMIP 2.1 section 13.1: the field is GF(Prime Field Size), a prime above 2^L for secrets of L bits.

use crypto_bigint::{
    BoxedUint, Odd,
    modular::{BoxedMontyForm, BoxedMontyParams},
};
use crypto_primes::{Flavor, is_prime};
use keyreeve_core::{Result, SecretBytes, model::Split, ports::rng::Rng};
use zeroize::{Zeroize as _, Zeroizing};

use crate::error::{crypto_failed, invalid, library};

/// Bytes of a prime at most: proving one of 4096 bits takes a tenth of a second.
const PRIME_BYTES_MAX: usize = 512;

/// A number below the prime. Holds secrets.
type Element = Zeroizing<BoxedMontyForm>;

/// A prime field.
struct Field {
    prime: Odd<BoxedUint>,
    parameters: BoxedMontyParams,
    /// Of the prime, and of each part.
    bytes: usize,
    /// Of a secret: as many as fit below the prime whatever they are.
    secret_bytes: usize,
}

/// All parts of a secret, in the order of their numbers, from 1: each as long as the prime.
///
/// # Errors
/// `InvalidField` where the prime is none, or does not fit the secret's length.
pub(super) fn split(secret: &[u8], split: &Split, rng: &dyn Rng) -> Result<Vec<SecretBytes>> {
    let field = Field::of(split)?;
    if field.secret_bytes != secret.len() {
        let bits = secret.len() * 8;
        return Err(invalid(format!(
            "a secret of {bits} bits is split in a field whose prime has {} to {} bits",
            bits + 1,
            bits + 8
        )));
    }
    if !is_prime(Flavor::Any, field.prime.as_ref()) {
        return Err(invalid("the Prime Field Size is not a prime"));
    }
    let coefficients = (1..split.threshold).map(|_| field.random(rng)).collect::<Result<Vec<_>>>()?;
    let secret = field.element(secret)?;
    let share = |identifier: u32| {
        let at = field.element(&identifier.to_be_bytes())?;
        // Horner's rule, from the highest power down to the secret itself.
        let powers = coefficients.iter().chain([&secret]);
        let sum = powers.fold(field.zero(), |sum, coefficient| {
            Zeroizing::new(Zeroizing::new(sum.mul(&at)).add(coefficient))
        });
        Ok(field.bytes_of(&sum))
    };
    (1..=split.parts).map(share).collect()
}

/// The secret of these parts, each with its number. The caller has checked that there are enough, and none twice.
///
/// # Errors
/// `InvalidField` for parts that are no numbers of the field, `CryptoFailed` where they make no secret.
pub(super) fn join(parts: &[(u32, &[u8])], split: &Split) -> Result<SecretBytes> {
    let field = Field::of(split)?;
    let mut secret = field.zero();
    for (own, part) in parts {
        if part.len() > field.bytes {
            return Err(invalid("a part of a key has at most as many bytes as the prime"));
        }
        // Lagrange's polynomials at 0: their arguments are the parts' numbers, which are no secret.
        let (mut over, mut under) = (field.element(&[1])?, field.element(&[1])?);
        let number = field.element(&own.to_be_bytes())?;
        for (other, _) in parts.iter().filter(|(other, _)| other != own) {
            let other = field.element(&other.to_be_bytes())?;
            over = Zeroizing::new(over.mul(&other));
            under = Zeroizing::new(under.mul(&other.sub(&number)));
        }
        let under = under.invert().into_option().ok_or_else(crypto_failed)?;
        let weighed = Zeroizing::new(field.element(part)?.mul(&over.mul(&under)));
        secret = Zeroizing::new(secret.add(&weighed));
    }
    let bytes = field.bytes_of(&secret);
    let (above, kept) = bytes.expose().split_at(field.bytes - field.secret_bytes);
    if above.iter().fold(0, |sum, byte| sum | byte) != 0 {
        return Err(crypto_failed());
    }
    Ok(SecretBytes::copy_from(kept))
}

impl Field {
    /// The field of a split, as far as its length goes: whether its prime is one was checked when it was split.
    fn of(split: &Split) -> Result<Self> {
        let prime = split.prime_field.as_deref().unwrap_or_default();
        if prime.first().is_some_and(|first| first & 0x80 != 0) {
            return Err(invalid("the Prime Field Size is negative"));
        }
        let zeros = prime.iter().take_while(|byte| **byte == 0).count();
        let prime = &prime[zeros..];
        let bytes = prime.len();
        if !(2..=PRIME_BYTES_MAX).contains(&bytes) {
            let bits = PRIME_BYTES_MAX * 8;
            return Err(invalid(format!("a prime field needs a Prime Field Size of 9 to {bits} bits")));
        }
        let number = BoxedUint::from_be_slice(prime, precision(bytes)).ok();
        let prime = number.and_then(|number| Odd::new(number).into_option());
        let prime = prime.ok_or_else(|| invalid("the Prime Field Size is not a prime"))?;
        let secret_bytes = (prime.as_ref().bits_vartime() as usize - 1) / 8;
        Ok(Self { parameters: BoxedMontyParams::new(prime.clone()), prime, bytes, secret_bytes })
    }

    fn zero(&self) -> Element {
        Zeroizing::new(BoxedMontyForm::zero(&self.parameters))
    }

    fn element(&self, bytes: &[u8]) -> Result<Element> {
        // What is longer than the prime has nothing but zeros before it, or is refused below.
        let cut = bytes.len().saturating_sub(self.bytes);
        let (above, bytes) = bytes.split_at(cut);
        let number = BoxedUint::from_be_slice(bytes, precision(self.bytes));
        let number = Zeroizing::new(number.map_err(|_| library("read a number of a field"))?);
        if above.iter().any(|byte| *byte != 0) || *number >= *self.prime.as_ref() {
            return Err(invalid("a part of a key is a number below the prime"));
        }
        Ok(Zeroizing::new(BoxedMontyForm::new((*number).clone(), &self.parameters)))
    }

    /// Any number of the field, each as likely as the others.
    fn random(&self, rng: &dyn Rng) -> Result<Element> {
        let mut bytes = Zeroizing::new(vec![0; self.bytes]);
        let unused_bits = (self.bytes * 8) as u32 - self.prime.as_ref().bits_vartime();
        // One try fails half of the time at worst.
        for _ in 0..128 {
            rng.fill(&mut bytes)?;
            bytes[0] &= u8::MAX >> unused_bits;
            if let Ok(element) = self.element(&bytes) {
                return Ok(element);
            }
        }
        Err(library("draw a number below a prime"))
    }

    /// As many bytes as the prime has.
    fn bytes_of(&self, element: &Element) -> SecretBytes {
        let number = Zeroizing::new(element.retrieve());
        let mut bytes = number.to_be_bytes();
        let kept = SecretBytes::copy_from(&bytes[bytes.len() - self.bytes..]);
        bytes.zeroize();
        kept
    }
}

/// Bits of whole limbs that so many bytes need.
fn precision(bytes: usize) -> u32 {
    (bytes.next_multiple_of(8) * 8) as u32
}

#[cfg(test)]
mod tests {
    use keyreeve_core::model::SplitMethod;

    use super::*;
    use crate::rng::SystemRng;

    fn way(prime: &str, parts: u32, threshold: u32) -> Split {
        let prime_field = Some(hex::decode(prime).unwrap());
        Split { method: SplitMethod::PrimeField, parts, threshold, prime_field, origin: None }
    }

    fn numbered(shares: &[SecretBytes]) -> Vec<(u32, &[u8])> {
        (1..).zip(shares.iter().map(SecretBytes::expose)).collect()
    }

    /// 2^127 - 1 has room for 15 bytes, 2^128 + 51 for 16.
    #[test]
    fn any_parts_that_are_enough_make_the_secret() {
        let mersenne = "7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF";
        let longer = "000000000000000100000000000000000000000000000033";
        for (prime, bytes) in [(mersenne, 15), (longer, 16)] {
            let secret: Vec<u8> = (0..bytes).collect();
            let way = way(prime, 5, 3);
            let shares = split(&secret, &way, &SystemRng).unwrap();
            let all = numbered(&shares);
            assert_eq!(join(&all, &way).unwrap().expose(), secret);
            assert_eq!(join(&[all[4], all[0], all[2]], &way).unwrap().expose(), secret);
            assert!(join(&all[..2], &way).map_or(true, |joined| joined.expose() != secret));
        }
    }

    /// Computed by hand: 1234 with the coefficients 166 and 94 modulo 65537 (those of a well known example).
    #[test]
    fn shares_of_others_are_understood() {
        let way = way("010001", 6, 3);
        let share = |x: u32| (1234 + 166 * x + 94 * x * x) % 65_537;
        let parts: Vec<[u8; 4]> = [2, 4, 5].map(share).map(u32::to_be_bytes).to_vec();
        let parts: Vec<(u32, &[u8])> =
            [2, 4, 5].into_iter().zip(parts.iter().map(|part| &part[1..])).collect();
        assert_eq!(join(&parts, &way).unwrap().expose(), 1234u16.to_be_bytes());
    }

    #[test]
    fn what_is_no_prime_or_does_not_fit_is_refused() {
        let refused = |prime: &str, secret: &[u8]| split(secret, &way(prime, 3, 2), &SystemRng).is_err();
        assert!(!refused("010001", &[1, 2]));
        assert!(refused("010001", &[1]), "too short a secret");
        assert!(refused("010001", &[1, 2, 3]), "too long a secret");
        assert!(!refused("010003", &[1, 2]), "65539 is a prime too");
        assert!(refused("010005", &[1, 2]), "65541 is 3 times 21847");
        assert!(refused("010000", &[1, 2]), "even");
        assert!(refused("8001", &[1]), "negative");
        assert!(refused("", &[1]) && refused("00", &[1]) && refused("07", &[]), "too small");
        assert!(refused(&format!("01{}", "00".repeat(PRIME_BYTES_MAX)), &[1; PRIME_BYTES_MAX]), "too large");
        let way = way("010001", 3, 2);
        assert!(join(&[(1, &[1, 0, 1]), (2, &[1])], &way).is_err(), "not below the prime");
        assert!(join(&[(1, &[0, 0, 0, 1]), (2, &[1])], &way).is_err(), "longer than the prime");
    }
}
