//! RSA private keys that come as numbers, not all of which PKCS#1 needs are there. Not here: whether the numbers make a key
//! (parsing tries them).

use crypto_bigint::{BoxedUint, Gcd as _, NonZero};
use keyreeve_core::{Result, SecretBytes};
use pkcs1::{RsaPrivateKeyRef, UintRef, der::Encode as _};
use zeroize::{Zeroize as _, Zeroizing};

use crate::error::{invalid, library};

/// Longest modulus that is completed, in bytes: the longest that is computed with.
const MODULUS_BYTES_MAX: usize = 1024;
/// Longest public exponent, in bytes: what is longer is no small number, on which the prime factors' recovery rests.
const PUBLIC_EXPONENT_BYTES_MAX: usize = 8;

/// Numbers of an RSA private key, big-endian, with any zeros in front. Holds secrets.
pub struct RsaNumbers<'a> {
    /// The modulus.
    pub modulus: &'a [u8],
    /// The public exponent.
    pub public_exponent: &'a [u8],
    /// The private exponent; not needed beside the prime factors.
    pub private_exponent: Option<&'a [u8]>,
    /// The prime factors; not needed beside the private exponent.
    pub primes: Option<[&'a [u8]; 2]>,
}

/// The private key in PKCS#1 (DER), with the numbers that are not given. Takes some milliseconds. Holds secrets.
///
/// # Errors
/// `InvalidField` where the numbers are too long, too few, or do not belong together.
///
/// # Standard
/// SP 800-56B revision 2 appendix C.2; RFC 8017 appendix A.1.2.
pub fn rsa_private_key(numbers: &RsaNumbers<'_>) -> Result<SecretBytes> {
    let modulus = trimmed(numbers.modulus);
    let exponent = trimmed(numbers.public_exponent);
    if !(64..=MODULUS_BYTES_MAX).contains(&modulus.len()) || exponent.len() > PUBLIC_EXPONENT_BYTES_MAX {
        return Err(invalid("RSA numbers: a modulus of 512 to 8192 bits and a public exponent of up to 64"));
    }
    let ring = Ring { bits: ((modulus.len() * 2 + 16).next_multiple_of(8) * 8) as u32 };
    let n = ring.number(modulus)?;
    let e = ring.number(exponent)?;
    let given = match numbers.private_exponent {
        Some(d) if trimmed(d).len() <= modulus.len() => Some(Zeroizing::new(ring.number(d)?)),
        Some(_) => return Err(apart()),
        None => None,
    };
    let [p, q] = match (numbers.primes, &given) {
        (Some([p, q]), _) => [ring.number(p)?, ring.number(q)?].map(Zeroizing::new),
        (None, Some(d)) => ring.factors(&n, &e, d)?,
        (None, None) => return Err(invalid("an RSA key needs its private exponent, or its prime factors")),
    };
    if p.checked_mul(&*q).into_option().map(Zeroizing::new).as_deref() != Some(&n) {
        return Err(apart());
    }
    let [below_p, below_q] = [ring.below(&p)?, ring.below(&q)?];
    let d = match given {
        Some(d) => d,
        None => ring.private_exponent(&e, &below_p, &below_q)?,
    };
    let exponents = [&below_p, &below_q].map(|below| Zeroizing::new(d.rem(&**below)));
    let odd = p.to_odd().into_option().ok_or_else(apart)?;
    let coefficient = q.rem(&NonZero::new((*p).clone()).into_option().ok_or_else(apart)?);
    let coefficient = Zeroizing::new(coefficient).invert_odd_mod(&odd).into_option().ok_or_else(apart)?;
    encoded([&n, &e, &d, &p, &q, &exponents[0], &exponents[1], &Zeroizing::new(coefficient)])
}

/// Numbers of one width, which holds what is computed of them.
struct Ring {
    bits: u32,
}

impl Ring {
    fn number(&self, bytes: &[u8]) -> Result<BoxedUint> {
        BoxedUint::from_be_slice(trimmed(bytes), self.bits).map_err(|_| apart())
    }

    fn one(&self) -> BoxedUint {
        BoxedUint::one_with_precision(self.bits)
    }

    /// One below a prime factor.
    fn below(&self, prime: &BoxedUint) -> Result<Zeroizing<NonZero<BoxedUint>>> {
        let below = prime.wrapping_sub(self.one());
        NonZero::new(below).into_option().map(Zeroizing::new).ok_or_else(apart)
    }

    /// The inverse of the public exponent.
    fn private_exponent(
        &self,
        e: &BoxedUint,
        below_p: &NonZero<BoxedUint>,
        below_q: &NonZero<BoxedUint>,
    ) -> Result<Zeroizing<BoxedUint>> {
        let product = below_p.checked_mul(&**below_q).into_option().map(Zeroizing::new).ok_or_else(apart)?;
        let shared =
            Zeroizing::new(NonZero::new(below_p.gcd(&**below_q).get()).into_option().ok_or_else(apart)?);
        let least = NonZero::new(product.wrapping_div(&*shared)).into_option().ok_or_else(apart)?;
        e.invert_mod(&least).into_option().map(Zeroizing::new).ok_or_else(apart)
    }

    /// The prime factors, the larger one first.
    fn factors(&self, n: &BoxedUint, e: &BoxedUint, d: &BoxedUint) -> Result<[Zeroizing<BoxedUint>; 2]> {
        let modulus = NonZero::new(n.clone()).into_option().ok_or_else(apart)?;
        let product = e.checked_mul(d).into_option().map(Zeroizing::new).ok_or_else(apart)?;
        let multiple = Zeroizing::new(product.wrapping_sub(self.one()));
        let shared = Zeroizing::new(n.wrapping_sub(self.one()).gcd(&*multiple));
        let a = multiple.checked_mul(&*shared).into_option().map(Zeroizing::new).ok_or_else(apart)?;
        let (m, r) = a.div_rem(&modulus);
        let (m, r) = (Zeroizing::new(m), Zeroizing::new(r));
        let more = NonZero::new(m.wrapping_add(self.one())).into_option().ok_or_else(apart)?;
        let sum = Zeroizing::new(n.wrapping_sub(&*r).wrapping_div(&more).wrapping_add(self.one()));
        let square = sum.checked_mul(&*sum).into_option().map(Zeroizing::new).ok_or_else(apart)?;
        let four = n.checked_mul(self.number(&[4])?).into_option().ok_or_else(apart)?;
        let (rest, borrowed) = square.underflowing_sub(&four);
        let rest = Zeroizing::new(rest);
        if bool::from(borrowed) {
            return Err(apart());
        }
        let difference = rest.checked_sqrt().into_option().map(Zeroizing::new).ok_or_else(apart)?;
        let half = |twice: BoxedUint| Zeroizing::new(Zeroizing::new(twice).shr(1));
        Ok([half(sum.wrapping_add(&*difference)), half(sum.wrapping_sub(&*difference))])
    }
}

fn encoded(numbers: [&BoxedUint; 8]) -> Result<SecretBytes> {
    let mut bytes = numbers.map(BoxedUint::to_be_bytes);
    let out = {
        let uint =
            |index: usize| UintRef::new(trimmed(&bytes[index])).map_err(|_| library("encode an RSA key"));
        RsaPrivateKeyRef {
            modulus: uint(0)?,
            public_exponent: uint(1)?,
            private_exponent: uint(2)?,
            prime1: uint(3)?,
            prime2: uint(4)?,
            exponent1: uint(5)?,
            exponent2: uint(6)?,
            coefficient: uint(7)?,
            other_prime_infos: None,
        }
        .to_der()
    };
    bytes.iter_mut().for_each(|bytes| bytes.zeroize());
    out.map(SecretBytes::new).map_err(|_| library("encode an RSA key"))
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    bytes.get(start..).unwrap_or_default()
}

fn apart() -> keyreeve_core::Error {
    invalid("the numbers of the RSA private key do not belong together")
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use keyreeve_core::model::{KeyFormat, KeyMaterial};

    use super::*;

    fn made() -> SecretBytes {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let bytes = SecretBytes::copy_from(pkcs8.as_ref());
        crate::der::rsa_private(&KeyMaterial { format: KeyFormat::Pkcs8, bytes }).unwrap()
    }

    #[test]
    fn what_is_not_given_follows_from_what_is() {
        for _ in 0..4 {
            let whole = made();
            let key = RsaPrivateKeyRef::try_from(whole.expose()).unwrap();
            let (d, p, q) = (key.private_exponent.as_bytes(), key.prime1.as_bytes(), key.prime2.as_bytes());
            for (private_exponent, primes) in
                [(Some(d), None), (Some(d), Some([p, q])), (None, Some([p, q])), (None, Some([q, p]))]
            {
                let numbers = RsaNumbers {
                    modulus: key.modulus.as_bytes(),
                    public_exponent: key.public_exponent.as_bytes(),
                    private_exponent,
                    primes,
                };
                let completed = rsa_private_key(&numbers).unwrap();
                let again = RsaPrivateKeyRef::try_from(completed.expose()).unwrap();
                assert!(again.modulus == key.modulus);
                let factors = [again.prime1, again.prime2];
                assert!(factors.contains(&key.prime1) && factors.contains(&key.prime2));
                KeyPair::from_der(completed.expose()).unwrap();
            }
        }
    }

    #[test]
    fn numbers_that_do_not_belong_together_make_no_key() {
        let (one, other) = (made(), made());
        let key = RsaPrivateKeyRef::try_from(one.expose()).unwrap();
        let foreign = RsaPrivateKeyRef::try_from(other.expose()).unwrap();
        let refused = |private_exponent, primes| {
            let modulus = key.modulus.as_bytes();
            let public_exponent = key.public_exponent.as_bytes();
            rsa_private_key(&RsaNumbers { modulus, public_exponent, private_exponent, primes }).is_err()
        };
        let d = key.private_exponent.as_bytes();
        assert!(refused(None, None));
        assert!(refused(Some(foreign.private_exponent.as_bytes()), None));
        assert!(refused(Some(&[]), None));
        assert!(refused(Some(&[1]), None));
        assert!(refused(Some(d), Some([key.prime1.as_bytes(), foreign.prime2.as_bytes()])));
        assert!(refused(Some(d), Some([&[], &[]])));
        assert!(refused(Some(d), Some([key.modulus.as_bytes(), &[1]])));
    }
}
