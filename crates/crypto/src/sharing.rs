//! Splitting secrets into parts and joining them: XOR, and Shamir's polynomials over GF(2^8) and GF(2^16) as KMIP
//! represents those fields, which no library does. Prime fields are `prime`'s. Not here: who may.
//!
//! # Standard
//! KMIP 2.1 section 13.5. KMIP 1.4 names FIPS 197's polynomial for GF(2^8); its test cases, and 2.1, mean x^8 + x^4 +
//! x^3 + x^2 + 1. Of the product in GF(2^16) both print the constant term as ru + svm: what fits y^2 + y + m, and their
//! own formula of the inverse, is rum + sv.

use keyreeve_core::{
    Result, SecretBytes,
    model::{Split, SplitMethod},
    ports::rng::Rng,
};

use crate::error::{invalid, unsupported};

mod prime;

/// Elements of the field have so many bytes, as pairs (u, v), where u is 0 in the smaller field.
fn element_bytes(method: SplitMethod) -> Result<usize> {
    match method {
        SplitMethod::Gf256 => Ok(1),
        SplitMethod::Gf65536 => Ok(2),
        SplitMethod::Xor | SplitMethod::PrimeField | SplitMethod::Other(_) => Err(unsupported(
            "keys are split by XOR and by polynomials over GF(2^8), GF(2^16) and prime fields",
        )),
    }
}

/// All parts of a secret, in the order of their numbers, from 1.
///
/// # Errors
/// `Unsupported` for another method, `InvalidField` for a secret that has no whole number of elements, or no prime.
pub(crate) fn split(secret: &[u8], split: &Split, rng: &dyn Rng) -> Result<Vec<SecretBytes>> {
    if secret.is_empty() {
        return Err(invalid("there is nothing to split"));
    }
    if split.method == SplitMethod::PrimeField {
        return prime::split(secret, split, rng);
    }
    let random = || {
        let mut bytes = vec![0; secret.len()];
        rng.fill(&mut bytes).map(|()| SecretBytes::new(bytes))
    };
    let coefficients = (1..split.threshold).map(|_| random()).collect::<Result<Vec<_>>>()?;
    if split.method == SplitMethod::Xor {
        let last = coefficients.iter().fold(SecretBytes::copy_from(secret), |sum, part| xor(&sum, part));
        return Ok(coefficients.into_iter().chain([last]).collect());
    }
    let width = element_bytes(split.method)?;
    whole_elements(secret, width)?;
    let share = |identifier: u32| {
        // Horner's rule, from the highest power down to the secret itself.
        let powers = coefficients.iter().map(SecretBytes::expose).chain([secret]);
        powers.fold(SecretBytes::new(vec![0; secret.len()]), |sum, coefficient| {
            xor(&times(&sum, identifier as u16, width), &SecretBytes::copy_from(coefficient))
        })
    };
    Ok((1..=split.parts).map(share).collect())
}

/// The secret of these parts, each with its number. The caller has checked that there are enough, and none twice.
///
/// # Errors
/// `Unsupported` for another method, `InvalidField` for parts of different lengths, or that are not of the field.
pub(crate) fn join(parts: &[(u32, &[u8])], split: &Split) -> Result<SecretBytes> {
    if split.method == SplitMethod::PrimeField {
        return prime::join(parts, split);
    }
    let bytes = parts.first().map_or(0, |(_, part)| part.len());
    if bytes == 0 || parts.iter().any(|(_, part)| part.len() != bytes) {
        return Err(invalid("parts of one key have the same length, and are not empty"));
    }
    let nothing = SecretBytes::new(vec![0; bytes]);
    if split.method == SplitMethod::Xor {
        return Ok(parts.iter().fold(nothing, |sum, (_, part)| xor(&sum, &SecretBytes::copy_from(part))));
    }
    let width = element_bytes(split.method)?;
    whole_elements(parts[0].1, width)?;
    // Lagrange's polynomials at 0: their arguments are the parts' numbers, which are no secret.
    let weight = |own: u32| {
        let others = parts.iter().map(|(other, _)| *other as u16).filter(|other| *other != own as u16);
        others.fold(1, |product, other| multiply(product, multiply(other, inverse(other ^ own as u16))))
    };
    Ok(parts.iter().fold(nothing, |sum, (identifier, part)| {
        xor(&sum, &times(&SecretBytes::copy_from(part), weight(*identifier), width))
    }))
}

fn whole_elements(secret: &[u8], width: usize) -> Result<()> {
    if secret.len().is_multiple_of(width) {
        return Ok(());
    }
    Err(invalid("a secret of an odd number of bytes has no elements of GF(2^16): split it over GF(2^8)"))
}

fn xor(a: &SecretBytes, b: &SecretBytes) -> SecretBytes {
    SecretBytes::new(a.expose().iter().zip(b.expose()).map(|(a, b)| a ^ b).collect())
}

/// Every element of `width` bytes times a factor.
fn times(secret: &SecretBytes, factor: u16, width: usize) -> SecretBytes {
    let mut out = Vec::with_capacity(secret.len());
    for element in secret.expose().chunks_exact(width) {
        let number = element.iter().fold(0, |number, byte| number << 8 | u16::from(*byte));
        let product = multiply(number, factor).to_be_bytes();
        out.extend_from_slice(&product[2 - width..]);
    }
    SecretBytes::new(out)
}

/// Product in GF(2^16), as GF(2^8)[y] / (y^2 + y + m); of elements of GF(2^8) it is their product there. Takes the same
/// time for all.
fn multiply(a: u16, b: u16) -> u16 {
    const M: u8 = 0x3A;
    let ([r, s], [u, v]) = (a.to_be_bytes(), b.to_be_bytes());
    let (high, low) = (multiply_bytes(r, u), multiply_bytes(s, v));
    let middle = multiply_bytes(r ^ s, u ^ v);
    u16::from_be_bytes([middle ^ low, low ^ multiply_bytes(high, M)])
}

/// Product in GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1, in the same time for all.
fn multiply_bytes(mut a: u8, b: u8) -> u8 {
    let mut product = 0;
    for bit in 0..8 {
        product ^= a & (b >> bit & 1).wrapping_neg();
        a = a << 1 ^ 0x1D & (a >> 7).wrapping_neg();
    }
    product
}

/// 1/a: a to the power of 2^16 - 2. Zero has none, and gives zero.
fn inverse(a: u16) -> u16 {
    let (mut power, mut product) = (a, 1);
    for _ in 1..16 {
        power = multiply(power, power);
        product = multiply(product, power);
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SystemRng;

    fn way(method: SplitMethod, parts: u32, threshold: u32) -> Split {
        Split { method, parts, threshold, prime_field: None, origin: None }
    }

    #[test]
    fn any_parts_that_are_enough_make_the_secret() {
        let secret: Vec<u8> = (0..32).collect();
        for (method, threshold) in [(SplitMethod::Gf256, 3), (SplitMethod::Gf65536, 3), (SplitMethod::Xor, 5)]
        {
            let split_in = way(method, 5, threshold);
            let shares = split(&secret, &split_in, &SystemRng).unwrap();
            assert_eq!(shares.len(), 5);
            let numbered: Vec<(u32, &[u8])> = (1..).zip(shares.iter().map(SecretBytes::expose)).collect();
            assert_eq!(join(&numbered, &split_in).unwrap().expose(), secret);
            let some = [numbered[4], numbered[0], numbered[2]];
            assert_eq!(join(&some, &split_in).unwrap().expose() == secret, method != SplitMethod::Xor);
            assert_ne!(join(&some[..2], &split_in).unwrap().expose(), secret);
        }
    }

    /// The shares of KMIP's test case SJ-2: they show which polynomial the field is made with.
    #[test]
    fn shares_of_others_are_understood() {
        let share = |text: &str| hex::decode(text).unwrap();
        let (first, third) =
            (share("66C46A7754F94DE420C7B1A7FFF5EC56"), share("A855B891F61AD9217240D8EC061E37DA"));
        let joined = join(&[(1, &first), (3, &third)], &way(SplitMethod::Gf256, 4, 2)).unwrap();
        assert_eq!(joined.expose(), share("0102030405060708090A0B0C0D0E0F10"));
    }

    #[test]
    fn both_fields_are_fields() {
        for a in (1..=u16::MAX).step_by(7) {
            assert_eq!(multiply(a, inverse(a)), 1, "{a:#x}");
            assert_eq!(multiply(a, 1), a);
            let (b, c) = (a.rotate_left(5), a ^ 0x5A5A);
            assert_eq!(multiply(a, b ^ c), multiply(a, b) ^ multiply(a, c));
            assert_eq!(multiply(multiply(a, b), c), multiply(a, multiply(b, c)));
        }
        assert!((0..=0xFF).all(|a: u16| multiply(a, 0xC7) <= 0xFF), "the smaller field is not closed");
    }

    #[test]
    fn odd_and_empty_secrets_are_refused() {
        assert!(split(&[1, 2, 3], &way(SplitMethod::Gf65536, 3, 2), &SystemRng).is_err());
        assert!(split(&[], &way(SplitMethod::Gf256, 3, 2), &SystemRng).is_err());
        assert!(split(&[1], &way(SplitMethod::Other(5), 3, 2), &SystemRng).is_err());
        assert!(join(&[(1, &[1]), (2, &[1, 2])], &way(SplitMethod::Gf256, 3, 2)).is_err());
    }
}
