//! Transparent key formats (keys as numbers) and the DER forms that core computes with. Formats that have no form here
//! are kept as they came.

use keyreeve_core::SecretBytes;
use keyreeve_core::model::{Curve, KeyFormat, KeyMaterial};
use keyreeve_crypto::{RsaNumbers, rsa_private_key};
use keyreeve_kmip::enums::{KeyFormatType, RecommendedCurve};
use keyreeve_kmip::objects::{KeyMaterial as Wire, TransparentKey};
use keyreeve_kmip::values::BigInteger;
use zeroize::Zeroizing;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
/// The first element of two that a choice names, explicitly tagged.
const CHOICE: u8 = 0xA0;

/// An elliptic curve whose keys have a DER form here.
struct NamedCurve {
    curve: RecommendedCurve,
    /// Its object identifier, encoded.
    oid: &'static [u8],
    /// Length of a private key in bytes.
    scalar_bytes: usize,
}

/// # Standard
/// RFC 5480 section 2.1.1.1; SEC 2 for secp256k1.
const CURVES: [NamedCurve; 4] = [
    NamedCurve {
        curve: RecommendedCurve::P256,
        oid: b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
        scalar_bytes: 32,
    },
    NamedCurve { curve: RecommendedCurve::P384, oid: b"\x06\x05\x2b\x81\x04\x00\x22", scalar_bytes: 48 },
    NamedCurve { curve: RecommendedCurve::P521, oid: b"\x06\x05\x2b\x81\x04\x00\x23", scalar_bytes: 66 },
    NamedCurve { curve: RecommendedCurve::Secp256k1, oid: b"\x06\x05\x2b\x81\x04\x00\x0a", scalar_bytes: 32 },
];

/// id-ecPublicKey, encoded.
///
/// # Standard
/// RFC 5480 section 2.1.1.
const EC_PUBLIC_KEY: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01";

/// The half of an EC key that a format is of; `None` for formats of other keys.
fn ec_half(format: KeyFormatType) -> Option<KeyFormat> {
    use KeyFormatType as Format;
    match format {
        Format::TransparentEcPrivateKey
        | Format::TransparentEcdsaPrivateKey
        | Format::TransparentEcdhPrivateKey => Some(KeyFormat::EcPrivateKey),
        Format::TransparentEcPublicKey
        | Format::TransparentEcdsaPublicKey
        | Format::TransparentEcdhPublicKey => Some(KeyFormat::Spki),
        _ => None,
    }
}

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
        KeyFormatType::TransparentRsaPrivateKey => rsa_private(key),
        format => match ec_half(format)? {
            KeyFormat::EcPrivateKey => ec_private(key),
            _ => ec_public(key),
        },
    }
}

fn rsa_private(key: &TransparentKey) -> Option<KeyMaterial> {
    let [modulus, public] = [&key.modulus, &key.public_exponent].map(bytes);
    let (modulus, public) = (modulus?, public?);
    let private = bytes(&key.private_exponent);
    let [p, q, exponent_p, exponent_q, coefficient] =
        [&key.p, &key.q, &key.prime_exponent_p, &key.prime_exponent_q, &key.crt_coefficient].map(bytes);
    if let (Some(private), Some(p), Some(q), Some(exponent_p), Some(exponent_q), Some(coefficient)) =
        (private, p, q, exponent_p, exponent_q, coefficient)
    {
        let version: &[u8] = &[0];
        let all = [version, modulus, public, private, p, q, exponent_p, exponent_q, coefficient];
        return Some(material(KeyFormat::Pkcs1, sequence(all)));
    }
    let primes = p.zip(q).map(|(p, q)| [p, q]);
    let numbers = RsaNumbers { modulus, public_exponent: public, private_exponent: private, primes };
    // What makes no key of the kinds that are computed with is kept as it came.
    let completed = rsa_private_key(&numbers).ok()?;
    Some(KeyMaterial { format: KeyFormat::Pkcs1, bytes: completed })
}

fn bytes(number: &Option<BigInteger>) -> Option<&[u8]> {
    number.as_ref().map(|number| number.0.expose())
}

fn named_curve(key: &TransparentKey) -> Option<&'static NamedCurve> {
    CURVES.iter().find(|named| Some(named.curve) == key.recommended_curve)
}

/// # Standard
/// RFC 5915 section 3.
fn ec_private(key: &TransparentKey) -> Option<KeyMaterial> {
    let named = named_curve(key)?;
    let number = bytes(&key.d)?;
    let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    let digits = number.get(start..)?;
    // One that is too long stays so, and is refused as the private key that it is not.
    let zeros = named.scalar_bytes.saturating_sub(digits.len());
    let mut body = Zeroizing::new(Vec::with_capacity(digits.len() + zeros + 32));
    body.extend_from_slice(&[INTEGER, 1, 1]);
    header(&mut body, OCTET_STRING, zeros + digits.len());
    let length = body.len() + zeros;
    body.resize(length, 0);
    body.extend_from_slice(digits);
    header(&mut body, CHOICE, named.oid.len());
    body.extend_from_slice(named.oid);
    Some(material(KeyFormat::EcPrivateKey, around(SEQUENCE, &body)))
}

/// # Standard
/// RFC 5480 section 2.
fn ec_public(key: &TransparentKey) -> Option<KeyMaterial> {
    let named = named_curve(key)?;
    let point = key.q_string.as_ref()?;
    let mut body = around(SEQUENCE, &[EC_PUBLIC_KEY, named.oid].concat());
    header(&mut body, BIT_STRING, point.len() + 1);
    body.push(0);
    body.extend_from_slice(point);
    Some(material(KeyFormat::Spki, around(SEQUENCE, &body)))
}

fn around(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 8);
    header(&mut out, tag, body.len());
    out.extend_from_slice(body);
    out
}

/// The format in which core gives the numbers of a transparent format; `None` where it does not.
pub(super) fn der_of(format: KeyFormatType) -> Option<KeyFormat> {
    match format {
        KeyFormatType::TransparentSymmetricKey => Some(KeyFormat::Raw),
        KeyFormatType::TransparentRsaPublicKey | KeyFormatType::TransparentRsaPrivateKey => {
            Some(KeyFormat::Pkcs1)
        }
        format => ec_half(format),
    }
}

/// Key Material as a format has it, of a material in the format that `der_of` names or any other: numbers, or bytes.
pub(super) fn key_material(format: KeyFormatType, curve: Option<Curve>, bytes: &[u8]) -> Wire {
    match from_material(format, curve, bytes) {
        Some(numbers) => Wire::Transparent(Box::new(numbers)),
        None => Wire::Bytes(bytes.to_vec().into()),
    }
}

/// The numbers in a material of the format that `der_of` names; `None` where it is not what it should be.
fn from_material(format: KeyFormatType, curve: Option<Curve>, bytes: &[u8]) -> Option<TransparentKey> {
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
        format => {
            let curve = curve?.code();
            let numbers =
                TransparentKey { recommended_curve: Some(curve.into()), ..TransparentKey::default() };
            match ec_half(format)? {
                KeyFormat::EcPrivateKey => {
                    let (body, []) = element(bytes, SEQUENCE)? else { return None };
                    let (_, body) = element(body, INTEGER)?;
                    let (scalar, _) = element(body, OCTET_STRING)?;
                    // A Big Integer has a sign.
                    let unsigned = Zeroizing::new([&[0], scalar].concat());
                    Some(TransparentKey { d: number(&unsigned), ..numbers })
                }
                _ => {
                    let (body, []) = element(bytes, SEQUENCE)? else { return None };
                    let (_, body) = element(body, SEQUENCE)?;
                    let (point, []) = element(body, BIT_STRING)? else { return None };
                    let (0, point) = point.split_first().map(|(unused, point)| (*unused, point))? else {
                        return None;
                    };
                    Some(TransparentKey { q_string: Some(point.to_vec()), ..numbers })
                }
            }
        }
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
