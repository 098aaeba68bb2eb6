//! Secrets in several parts, of which a number together makes the whole again. What computes them is the crypto port's.

use super::{AttributeName, ManagedObject, ObjectType, Value};
use crate::error::{Error, ErrorKind, Result};

/// How a secret is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitMethod {
    /// Random parts whose XOR is the secret: all of them are needed.
    Xor,
    /// Shamir's sharing of pairs of bytes, in the field GF(2^16).
    Gf65536,
    /// Shamir's sharing of the whole secret as one number, in a prime field.
    PrimeField,
    /// Shamir's sharing of single bytes, in the field GF(2^8).
    Gf256,
    /// Any other code of KMIP's Split Key Method list: kept, never computed with.
    Other(u32),
}

/// A way to split a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// How.
    pub method: SplitMethod,
    /// Parts in all, 2 to 255.
    pub parts: u32,
    /// Parts that are needed, 1 to `parts`.
    pub threshold: u32,
    /// The prime of a prime field, big-endian.
    pub prime_field: Option<Vec<u8>>,
    /// Tells the parts that one split made from those of any other; `None` for parts that were registered.
    pub origin: Option<Vec<u8>>,
}

/// Parts of one secret at most: their identifiers are elements of the smaller field.
const PARTS_MAX: u32 = 255;

const PARTS: &str = "Split Key Parts";
const IDENTIFIER: &str = "Key Part Identifier";
const THRESHOLD: &str = "Split Key Threshold";
const METHOD: &str = "Split Key Method";
const PRIME_FIELD: &str = "Prime Field Size";
const ORIGIN: &str = "Split Key Origin";

impl SplitMethod {
    /// The method of KMIP's code.
    pub fn from_code(code: u32) -> Self {
        match code {
            1 => Self::Xor,
            2 => Self::Gf65536,
            3 => Self::PrimeField,
            4 => Self::Gf256,
            other => Self::Other(other),
        }
    }

    /// KMIP's code.
    pub fn code(self) -> u32 {
        match self {
            Self::Xor => 1,
            Self::Gf65536 => 2,
            Self::PrimeField => 3,
            Self::Gf256 => 4,
            Self::Other(code) => code,
        }
    }
}

impl Split {
    /// Whether the numbers fit one another.
    ///
    /// # Errors
    /// `InvalidField`.
    pub fn check(&self) -> Result<()> {
        let fits = (2..=PARTS_MAX).contains(&self.parts) && (1..=self.parts).contains(&self.threshold);
        if !fits {
            let public = format!("a key is split into 2 to {PARTS_MAX} parts, of which 1 to all are needed");
            return Err(Error::new(ErrorKind::InvalidField, public));
        }
        if self.method == SplitMethod::Xor && self.threshold != self.parts {
            let public = "with XOR all parts are needed: the threshold is the number of parts";
            return Err(Error::new(ErrorKind::InvalidField, public));
        }
        Ok(())
    }

    /// What a part bears beside its material: attributes that only the server sets.
    ///
    /// # Errors
    /// `InvalidField` where there is no such part.
    pub fn attributes(&self, identifier: u32) -> Result<Vec<(AttributeName, Vec<Value>)>> {
        self.check()?;
        if !(1..=self.parts).contains(&identifier) {
            let public = format!("the parts are numbered from 1 to {}", self.parts);
            return Err(Error::new(ErrorKind::InvalidField, public));
        }
        let number = |number: u32| Value::Integer(number as i32);
        let mut attributes = vec![
            (own(PARTS), vec![number(self.parts)]),
            (own(IDENTIFIER), vec![number(identifier)]),
            (own(THRESHOLD), vec![number(self.threshold)]),
            (own(METHOD), vec![Value::Enumeration(self.method.code())]),
        ];
        if let Some(prime) = &self.prime_field {
            attributes.push((own(PRIME_FIELD), vec![Value::BigInteger(prime.clone())]));
        }
        if let Some(origin) = &self.origin {
            attributes.push((own(ORIGIN), vec![Value::Bytes(origin.clone())]));
        }
        Ok(attributes)
    }

    /// Whether the parts of both fit one another, as far as their numbers tell.
    pub fn is_shaped_like(&self, other: &Self) -> bool {
        Self { origin: None, ..self.clone() } == Self { origin: None, ..other.clone() }
    }

    /// How the secret was split that this is a part of, and which part; `None` for any other object.
    pub fn of(object: &ManagedObject) -> Option<(Self, u32)> {
        let value = |name: &str| object.further.get(&own(name)).and_then(|values| values.first());
        let number = |name: &str| match value(name) {
            Some(Value::Integer(number)) => u32::try_from(*number).ok(),
            _ => None,
        };
        let method = match value(METHOD) {
            Some(Value::Enumeration(code)) => SplitMethod::from_code(*code),
            _ => return None,
        };
        let prime_field = match value(PRIME_FIELD) {
            Some(Value::BigInteger(prime)) => Some(prime.clone()),
            _ => None,
        };
        let origin = match value(ORIGIN) {
            Some(Value::Bytes(origin)) => Some(origin.clone()),
            _ => None,
        };
        let (parts, threshold) = (number(PARTS)?, number(THRESHOLD)?);
        let split = Self { method, parts, threshold, prime_field, origin };
        (object.object_type == ObjectType::SplitKey).then_some((split, number(IDENTIFIER)?))
    }
}

/// Custom attributes whose name starts with `y-` are the server's.
fn own(name: &str) -> AttributeName {
    AttributeName::Vendor { vendor: "y".to_owned(), name: name.to_owned() }
}
