//! Transparent key formats (keys as numbers) and the DER forms that core computes with. Formats that have no form here
//! are kept as they came.

use keyreeve_core::SecretBytes;
use keyreeve_core::model::{KeyFormat, KeyMaterial};
use keyreeve_kmip::enums::KeyFormatType;
use keyreeve_kmip::objects::TransparentKey;
use keyreeve_kmip::values::BigInteger;
use zeroize::Zeroizing;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

/// The material behind the numbers; `None` for a format, or a choice of numbers, that has no DER form.
pub(super) fn to_material(format: KeyFormatType, key: &TransparentKey) -> Option<KeyMaterial> {
    match format {
        KeyFormatType::TransparentSymmetricKey => {
            Some(material(KeyFormat::Raw, key.key.as_ref()?.expose().to_vec()))
        }
        KeyFormatType::TransparentRsaPublicKey => {
            let numbers = [key.modulus.as_ref()?, key.public_exponent.as_ref()?];
            Some(material(KeyFormat::Pkcs1, sequence(numbers.map(|number| number.0.expose()))))
        }
        KeyFormatType::TransparentRsaPrivateKey => {
            let numbers = [
                key.modulus.as_ref()?,
                key.public_exponent.as_ref()?,
                key.private_exponent.as_ref()?,
                key.p.as_ref()?,
                key.q.as_ref()?,
                key.prime_exponent_p.as_ref()?,
                key.prime_exponent_q.as_ref()?,
                key.crt_coefficient.as_ref()?,
            ]
            .map(|number| number.0.expose());
            let [modulus, public, private, p, q, exponent_p, exponent_q, coefficient] = numbers;
            let version: &[u8] = &[0];
            let all = [version, modulus, public, private, p, q, exponent_p, exponent_q, coefficient];
            Some(material(KeyFormat::Pkcs1, sequence(all)))
        }
        _ => None,
    }
}

/// The format in which core gives the numbers of a transparent format; `None` where it does not.
pub(super) fn der_of(format: KeyFormatType) -> Option<KeyFormat> {
    match format {
        KeyFormatType::TransparentSymmetricKey => Some(KeyFormat::Raw),
        KeyFormatType::TransparentRsaPublicKey | KeyFormatType::TransparentRsaPrivateKey => {
            Some(KeyFormat::Pkcs1)
        }
        _ => None,
    }
}

/// The numbers in a material of the format that `der_of` names; `None` where it is not what it should be.
pub(super) fn from_material(format: KeyFormatType, bytes: &[u8]) -> Option<TransparentKey> {
    let number = |bytes: &[u8]| Some(BigInteger(bytes.to_vec().into()));
    match format {
        KeyFormatType::TransparentSymmetricKey => {
            Some(TransparentKey { key: Some(bytes.to_vec().into()), ..TransparentKey::default() })
        }
        KeyFormatType::TransparentRsaPublicKey => {
            let [modulus, public] = integers(bytes)?.try_into().ok()?;
            Some(TransparentKey {
                modulus: number(modulus),
                public_exponent: number(public),
                ..TransparentKey::default()
            })
        }
        KeyFormatType::TransparentRsaPrivateKey => {
            let [_, modulus, public, private, p, q, exponent_p, exponent_q, coefficient] =
                integers(bytes)?.try_into().ok()?;
            Some(TransparentKey {
                modulus: number(modulus),
                public_exponent: number(public),
                private_exponent: number(private),
                p: number(p),
                q: number(q),
                prime_exponent_p: number(exponent_p),
                prime_exponent_q: number(exponent_q),
                crt_coefficient: number(coefficient),
                ..TransparentKey::default()
            })
        }
        _ => None,
    }
}

fn material(format: KeyFormat, bytes: Vec<u8>) -> KeyMaterial {
    KeyMaterial { format, bytes: SecretBytes::new(bytes) }
}

/// A DER sequence of non-negative integers, given big-endian with any number of leading zeros.
fn sequence<const N: usize>(numbers: [&[u8]; N]) -> Vec<u8> {
    let room = numbers.iter().map(|number| number.len() + 8).sum();
    let mut body = Zeroizing::new(Vec::with_capacity(room));
    for number in numbers {
        let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len().saturating_sub(1));
        let digits = number.get(start..).unwrap_or_default();
        let sign = digits.first().is_none_or(|byte| byte & 0x80 != 0);
        header(&mut body, INTEGER, digits.len() + usize::from(sign));
        if sign {
            body.push(0);
        }
        body.extend_from_slice(digits);
    }
    let mut out = Vec::with_capacity(body.len() + 8);
    header(&mut out, SEQUENCE, body.len());
    out.extend_from_slice(&body);
    out
}

fn header(out: &mut Vec<u8>, tag: u8, length: usize) {
    out.push(tag);
    if length < 0x80 {
        out.push(length as u8);
        return;
    }
    let bytes = length.to_be_bytes();
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(0);
    out.push(0x80 | (bytes.len() - start) as u8);
    out.extend_from_slice(&bytes[start..]);
}

/// The integers of a DER sequence that holds nothing else.
fn integers(der: &[u8]) -> Option<Vec<&[u8]>> {
    let (body, []) = element(der, SEQUENCE)? else { return None };
    let (mut rest, mut found) = (body, Vec::new());
    while !rest.is_empty() {
        let (number, after) = element(rest, INTEGER)?;
        found.push(number);
        rest = after;
    }
    Some(found)
}

fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        short @ 0..0x80 => (usize::from(*short), rest),
        long => {
            let (bytes, rest) =
                rest.split_at_checked(usize::from(long & 0x7F)).filter(|(bytes, _)| bytes.len() <= 4)?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
    };
    (*first == tag).then(|| rest.split_at_checked(length)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_as_they_went() {
        let long = [0x81; 300];
        let der = sequence([&[0], &[0, 0, 0x7F], &[0x80], &long]);
        let numbers = integers(&der).unwrap();
        assert_eq!(numbers[0], [0]);
        assert_eq!(numbers[1], [0x7F]);
        assert_eq!(numbers[2], [0, 0x80]);
        assert_eq!(numbers[3][1..], long);
    }

    #[test]
    fn truncated_and_foreign_der_is_refused() {
        let der = sequence([&[5], &[0x80; 200]]);
        for end in 0..der.len() {
            assert!(integers(&der[..end]).is_none(), "cut at {end}");
        }
        assert!(integers(&[SEQUENCE, 3, 0x04, 1, 0]).is_none());
        assert!(integers(&[SEQUENCE, 0x85, 1, 1, 1, 1, 1]).is_none());
    }
}
