//! The bare RSA operations, for paddings that the library does not have. Not here: the paddings (`mixed`).
//!
//! The private one takes the same time for every input: its arithmetic does (crypto-bigint), and its base is blinded, so
//! that nobody chooses what the secret exponent meets. What comes of it is tried with the public exponent before it is
//! used, so that a fault of the machine gives nothing away.

use crypto_bigint::{
    BoxedUint, Odd,
    modular::{BoxedMontyForm, BoxedMontyParams},
};
use keyreeve_core::{Result, SecretBytes, ports::rng::Rng};
use pkcs1::{RsaPrivateKeyRef, RsaPublicKeyRef, UintRef};
use zeroize::Zeroize;

use crate::error::{crypto_failed, library};

/// Numbers below a modulus.
struct Ring {
    modulus: Odd<BoxedUint>,
    parameters: BoxedMontyParams,
    bytes: usize,
}

/// `number` to the power of the public exponent: as many bytes as the modulus.
///
/// # Errors
/// `CryptoFailed` where the number is not below the modulus.
pub(super) fn public(pkcs1: &[u8], number: &[u8]) -> Result<SecretBytes> {
    let key = RsaPublicKeyRef::try_from(pkcs1).map_err(|_| library("read an RSA key"))?;
    let ring = Ring::new(&key.modulus)?;
    let power = ring.number(number)?.pow(&public_exponent(&key.public_exponent)?);
    Ok(ring.bytes(&power))
}

/// `number` to the power of the private exponent: as many bytes as the modulus. Holds secrets.
///
/// # Errors
/// `CryptoFailed` where the number is not below the modulus, or a fault was found.
pub(super) fn private(pkcs1: &SecretBytes, number: &[u8], rng: &dyn Rng) -> Result<SecretBytes> {
    let key = RsaPrivateKeyRef::try_from(pkcs1.expose()).map_err(|_| library("read an RSA key"))?;
    let ring = Ring::new(&key.modulus)?;
    // All that may fail comes first: the private exponent is wiped whatever was asked.
    let number = ring.number(number)?;
    let (blind, unblind) = ring.blinding(rng)?;
    let public = public_exponent(&key.public_exponent)?;
    let mut private = ring.exponent(&key.private_exponent)?;
    let blinded = number.mul(&blind.pow(&public)).pow(&private);
    private.zeroize();
    let power = blinded.mul(&unblind);
    if power.pow(&public).retrieve() != number.retrieve() {
        return Err(crypto_failed());
    }
    Ok(ring.bytes(&power))
}

impl Ring {
    fn new(modulus: &UintRef<'_>) -> Result<Self> {
        let bytes = modulus.as_bytes().len();
        let number = BoxedUint::from_be_slice(modulus.as_bytes(), bits(bytes)).ok();
        let modulus = number.and_then(|number| Odd::new(number).into_option());
        let modulus = modulus.ok_or_else(|| library("compute with an RSA modulus"))?;
        Ok(Self { parameters: BoxedMontyParams::new(modulus.clone()), modulus, bytes })
    }

    fn number(&self, bytes: &[u8]) -> Result<BoxedMontyForm> {
        let number = BoxedUint::from_be_slice(bytes, bits(self.bytes)).map_err(|_| crypto_failed())?;
        if bytes.len() != self.bytes || number >= *self.modulus.as_ref() {
            return Err(crypto_failed());
        }
        Ok(BoxedMontyForm::new(number, &self.parameters))
    }

    /// An exponent, as long as the modulus whatever its value.
    fn exponent(&self, exponent: &UintRef<'_>) -> Result<BoxedUint> {
        BoxedUint::from_be_slice(exponent.as_bytes(), bits(self.bytes))
            .map_err(|_| library("compute with an RSA exponent"))
    }

    /// A random number and its inverse.
    fn blinding(&self, rng: &dyn Rng) -> Result<(BoxedMontyForm, BoxedMontyForm)> {
        let mut bytes = vec![0; self.bytes];
        // One try in the worst case fails half of the time.
        for _ in 0..128 {
            rng.fill(&mut bytes)?;
            let Ok(number) = self.number(&bytes) else { continue };
            let inverse = number.invert().into_option();
            bytes.zeroize();
            if let Some(inverse) = inverse {
                return Ok((number, inverse));
            }
        }
        Err(library("draw a number below an RSA modulus"))
    }

    fn bytes(&self, number: &BoxedMontyForm) -> SecretBytes {
        let mut number = number.retrieve();
        let mut bytes = number.to_be_bytes();
        number.zeroize();
        let kept = SecretBytes::copy_from(&bytes[bytes.len() - self.bytes..]);
        bytes.zeroize();
        kept
    }
}

/// A public exponent, as long as it is: what it takes tells nothing that is not known.
fn public_exponent(exponent: &UintRef<'_>) -> Result<BoxedUint> {
    BoxedUint::from_be_slice(exponent.as_bytes(), bits(exponent.as_bytes().len()))
        .map_err(|_| library("compute with an RSA exponent"))
}

/// Bits of whole limbs that so many bytes need.
fn bits(bytes: usize) -> u32 {
    (bytes.next_multiple_of(8) * 8) as u32
}
