//! DER structures of asymmetric keys: which algorithm an encoding holds, and RSA keys from one encoding to another.
//! Curve points and the meaning of numbers are checked by the algorithms.

use keyreeve_core::{
    Result, SecretBytes,
    model::{Algorithm, Curve, KeyFormat, KeyMaterial},
};
use pkcs1::{RsaPrivateKeyRef, RsaPublicKeyRef, UintRef};
use pkcs8::{
    AlgorithmIdentifierRef, ObjectIdentifier, PrivateKeyInfoRef, SubjectPublicKeyInfoRef,
    der::{Decode, Encode, asn1::BitStringRef, asn1::OctetStringRef},
};

use zeroize::Zeroizing;

use crate::{
    error::{invalid, library, unsupported},
    registry::Half,
};

/// # Standard
/// RFC 5480 section 2.1.1.
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// # Standard
/// RFC 8410 section 3.
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// # Standard
/// RFC 8410 section 3.
pub(crate) const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");
/// Parameter sets of post-quantum algorithms with their object identifiers.
///
/// # Standard
/// RFC 9935 section 3, RFC 9881 section 2 and RFC 9909 section 3.
const POST_QUANTUM: [(Algorithm, ObjectIdentifier); 18] = [
    (Algorithm::MlKem512, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.4.1")),
    (Algorithm::MlKem768, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.4.2")),
    (Algorithm::MlKem1024, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.4.3")),
    (Algorithm::MlDsa44, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17")),
    (Algorithm::MlDsa65, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18")),
    (Algorithm::MlDsa87, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19")),
    (Algorithm::SlhDsaSha2_128s, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.20")),
    (Algorithm::SlhDsaSha2_128f, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.21")),
    (Algorithm::SlhDsaSha2_192s, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.22")),
    (Algorithm::SlhDsaSha2_192f, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.23")),
    (Algorithm::SlhDsaSha2_256s, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.24")),
    (Algorithm::SlhDsaSha2_256f, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.25")),
    (Algorithm::SlhDsaShake128s, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.26")),
    (Algorithm::SlhDsaShake128f, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.27")),
    (Algorithm::SlhDsaShake192s, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.28")),
    (Algorithm::SlhDsaShake192f, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.29")),
    (Algorithm::SlhDsaShake256s, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.30")),
    (Algorithm::SlhDsaShake256f, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.31")),
];

/// The algorithm that an encoding of a private or public key tells.
///
/// # Standard
/// RFC 5208, RFC 5280 section 4.1.2.7, RFC 8017 appendix A.1, RFC 5915.
///
/// # Errors
/// `InvalidField` where the encoding is malformed or of the wrong half; `Unsupported` for other algorithms.
pub(crate) fn algorithm(half: Half, material: &KeyMaterial) -> Result<Algorithm> {
    let bytes = material.bytes.expose();
    let oid = match (half, material.format) {
        (Half::Private | Half::Public, KeyFormat::Pkcs1) => return Ok(Algorithm::Rsa),
        (Half::Private, KeyFormat::EcPrivateKey) => return Ok(Algorithm::Ec),
        (Half::Private, KeyFormat::Pkcs8) => private_key_info(bytes)?.algorithm.oid,
        (Half::Public, KeyFormat::Spki) => public_key_info(bytes)?.algorithm.oid,
        (Half::Private, _) => return Err(invalid("a private key comes as PKCS#8, PKCS#1 or EC private key")),
        (_, _) => return Err(invalid("a public key comes as SubjectPublicKeyInfo or PKCS#1")),
    };
    match oid {
        pkcs1::ALGORITHM_OID => Ok(Algorithm::Rsa),
        EC_PUBLIC_KEY | X25519 => Ok(Algorithm::Ec),
        ED25519 => Ok(Algorithm::Ed25519),
        other => POST_QUANTUM
            .iter()
            .find(|(_, known)| *known == other)
            .map(|(algorithm, _)| *algorithm)
            .ok_or_else(|| unsupported(format!("keys of the algorithm {other} are not offered"))),
    }
}

/// True for keys on Curve25519 in Montgomery form.
pub(crate) fn is_x25519(material: &KeyMaterial) -> bool {
    let bytes = material.bytes.expose();
    match material.format {
        KeyFormat::Pkcs8 => private_key_info(bytes).is_ok_and(|info| info.algorithm.oid == X25519),
        KeyFormat::Spki => public_key_info(bytes).is_ok_and(|info| info.algorithm.oid == X25519),
        _ => false,
    }
}

/// The bytes of an X25519 public key.
///
/// # Errors
/// `InvalidField` where it is a key of another kind.
pub(crate) fn x25519_public_key(spki: &[u8]) -> Result<Vec<u8>> {
    match public_key_info(spki)?.algorithm.oid {
        X25519 => public_key_bytes(spki),
        _ => Err(invalid("the peer's public key is none of X25519")),
    }
}

/// What a SubjectPublicKeyInfo holds.
///
/// # Errors
/// `InvalidField`.
pub(crate) fn public_key_bytes(spki: &[u8]) -> Result<Vec<u8>> {
    let info = public_key_info(spki)?;
    info.subject_public_key.as_bytes().map(<[u8]>::to_vec).ok_or_else(|| malformed("SubjectPublicKeyInfo"))
}

/// SubjectPublicKeyInfo of a post-quantum key.
pub(crate) fn post_quantum_spki(algorithm: Algorithm, public: &[u8]) -> Result<Vec<u8>> {
    let algorithm = AlgorithmIdentifierRef { oid: post_quantum_oid(algorithm)?, parameters: None };
    let subject_public_key = BitStringRef::from_bytes(public).map_err(|_| library("encode a public key"))?;
    SubjectPublicKeyInfoRef { algorithm, subject_public_key }
        .to_der()
        .map_err(|_| library("encode a public key"))
}

/// PKCS#8 around what the algorithm calls its private key. Holds secrets.
pub(crate) fn post_quantum_pkcs8(algorithm: Algorithm, private: &[u8]) -> Result<SecretBytes> {
    pkcs8_of(post_quantum_oid(algorithm)?, private)
}

/// What a PKCS#8 holds, without its first layer. Holds secrets.
///
/// # Errors
/// `InvalidField`.
pub(crate) fn private_key_bytes(pkcs8: &[u8]) -> Result<SecretBytes> {
    Ok(SecretBytes::copy_from(private_key_info(pkcs8)?.private_key.as_bytes()))
}

/// The bytes of a private key of RFC 8410, which is an octet string within the one of PKCS#8. Holds secrets.
///
/// # Errors
/// `InvalidField`.
pub(crate) fn curve_private_key(pkcs8: &[u8]) -> Result<SecretBytes> {
    let inner = private_key_bytes(pkcs8)?;
    let key = <&OctetStringRef>::from_der(inner.expose()).map_err(|_| malformed("PKCS#8"))?;
    Ok(SecretBytes::copy_from(key.as_bytes()))
}

/// PKCS#8 around a private key of RFC 8410. Holds secrets.
///
/// # Standard
/// RFC 8410 section 7, version 1.
pub(crate) fn curve_pkcs8(oid: ObjectIdentifier, key: &[u8]) -> Result<SecretBytes> {
    let refused = |_| library("encode a private key");
    let inner = OctetStringRef::new(key).map_err(refused)?.to_der().map(SecretBytes::new).map_err(refused)?;
    pkcs8_of(oid, inner.expose())
}

/// A private key on this curve in SEC 1, without the public half. Holds secrets.
///
/// # Standard
/// RFC 5915 section 3, RFC 5480 section 2.1.1.1.
///
/// # Errors
/// `Unsupported` for a curve without a name here.
pub(crate) fn sec1(curve: Curve, scalar: &[u8]) -> Result<SecretBytes> {
    const NAMES: [(Curve, &[u8]); 4] = [
        (Curve::P256, b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"),
        (Curve::P384, b"\x06\x05\x2b\x81\x04\x00\x22"),
        (Curve::P521, b"\x06\x05\x2b\x81\x04\x00\x23"),
        (Curve::Secp256k1, b"\x06\x05\x2b\x81\x04\x00\x0a"),
    ];
    let (_, oid) =
        NAMES.iter().find(|(known, _)| *known == curve).ok_or_else(|| unsupported("no such curve"))?;
    // INVARIANT: all four are shorter than 128 bytes together, so that every length is one byte.
    let body_bytes = 3 + 2 + scalar.len() + 2 + oid.len();
    let mut out = Zeroizing::new(Vec::with_capacity(2 + body_bytes));
    out.extend_from_slice(&[0x30, body_bytes as u8, 2, 1, 1, 4, scalar.len() as u8]);
    out.extend_from_slice(scalar);
    out.extend_from_slice(&[0xa0, oid.len() as u8]);
    out.extend_from_slice(oid);
    Ok(SecretBytes::new(std::mem::take(&mut *out)))
}

fn post_quantum_oid(algorithm: Algorithm) -> Result<ObjectIdentifier> {
    let known = POST_QUANTUM.iter().find(|(known, _)| *known == algorithm);
    known.map(|(_, oid)| *oid).ok_or_else(|| library("name an algorithm"))
}

fn pkcs8_of(oid: ObjectIdentifier, private: &[u8]) -> Result<SecretBytes> {
    let refused = |_| library("encode a private key");
    let private_key = OctetStringRef::new(private).map_err(refused)?;
    let algorithm = AlgorithmIdentifierRef { oid, parameters: None };
    PrivateKeyInfoRef::new(algorithm, private_key).to_der().map(SecretBytes::new).map_err(refused)
}

/// The PKCS#1 RSAPrivateKey within `material`, checked for structure only. Holds secrets.
///
/// # Errors
/// `InvalidField`.
pub(crate) fn rsa_private(material: &KeyMaterial) -> Result<SecretBytes> {
    let bytes = material.bytes.expose();
    let inner = match material.format {
        KeyFormat::Pkcs8 => private_key_info(bytes)?.private_key.as_bytes(),
        _ => bytes,
    };
    rsa_private_key(inner)?;
    Ok(SecretBytes::copy_from(inner))
}

/// The PKCS#1 RSAPublicKey within `material`, checked for structure only.
///
/// # Errors
/// `InvalidField`.
pub(crate) fn rsa_public(material: &KeyMaterial) -> Result<Vec<u8>> {
    let bytes = material.bytes.expose();
    let inner = match material.format {
        KeyFormat::Spki => {
            let info = public_key_info(bytes)?;
            info.subject_public_key.as_bytes().ok_or_else(|| malformed("SubjectPublicKeyInfo"))?
        }
        _ => bytes,
    };
    rsa_public_key(inner)?;
    Ok(inner.to_vec())
}

/// The public half (PKCS#1) of a private key (PKCS#1).
///
/// # Errors
/// `InvalidField`.
pub(crate) fn rsa_public_of_private(pkcs1: &[u8]) -> Result<Vec<u8>> {
    rsa_private_key(pkcs1)?.public_key().to_der().map_err(|_| library("encode a public key"))
}

/// Length in bits of the modulus of a public key (PKCS#1).
///
/// # Errors
/// `InvalidField`.
pub(crate) fn rsa_modulus_bits(pkcs1: &[u8]) -> Result<u32> {
    let key = rsa_public_key(pkcs1)?;
    Ok(bits(&key.modulus))
}

/// PKCS#8 around a PKCS#1 private key. Holds secrets.
///
/// # Standard
/// RFC 5208 section 5.
pub(crate) fn rsa_pkcs8(pkcs1: &[u8]) -> Result<SecretBytes> {
    let private_key = OctetStringRef::new(pkcs1).map_err(|_| malformed("PKCS#1"))?;
    PrivateKeyInfoRef::new(pkcs1::ALGORITHM_ID, private_key)
        .to_der()
        .map(SecretBytes::new)
        .map_err(|_| library("encode a private key"))
}

/// SubjectPublicKeyInfo around a PKCS#1 public key.
///
/// # Standard
/// RFC 3279 section 2.3.1.
pub(crate) fn rsa_spki(pkcs1: &[u8]) -> Result<Vec<u8>> {
    let algorithm: AlgorithmIdentifierRef<'_> = pkcs1::ALGORITHM_ID;
    let subject_public_key = BitStringRef::from_bytes(pkcs1).map_err(|_| malformed("PKCS#1"))?;
    SubjectPublicKeyInfoRef { algorithm, subject_public_key }
        .to_der()
        .map_err(|_| library("encode a public key"))
}

/// Checks that the bytes are one SubjectPublicKeyInfo and nothing more.
///
/// # Errors
/// `InvalidField`.
pub(crate) fn check_spki(bytes: &[u8]) -> Result<()> {
    public_key_info(bytes).map(|_| ())
}

/// Checks that an elliptic-curve key names its curve; written-out curve numbers can lie. SEC 1 keys pass: the library
/// compares theirs with the curve asked for.
///
/// # Standard
/// RFC 5480 section 2.1.1: specifiedCurve must not be used.
///
/// # Errors
/// `InvalidField`.
pub(crate) fn check_named_curve(format: KeyFormat, bytes: &[u8]) -> Result<()> {
    let algorithm = match format {
        KeyFormat::Pkcs8 => private_key_info(bytes)?.algorithm,
        KeyFormat::Spki => public_key_info(bytes)?.algorithm,
        _ => return Ok(()),
    };
    match algorithm.oid == EC_PUBLIC_KEY && algorithm.parameters_oid().is_ok() {
        true => Ok(()),
        false => Err(invalid("an EC key names its curve; written-out curve parameters are not accepted")),
    }
}

fn private_key_info(bytes: &[u8]) -> Result<PrivateKeyInfoRef<'_>> {
    PrivateKeyInfoRef::from_der(bytes).map_err(|_| malformed("PKCS#8"))
}

fn public_key_info(bytes: &[u8]) -> Result<SubjectPublicKeyInfoRef<'_>> {
    SubjectPublicKeyInfoRef::from_der(bytes).map_err(|_| malformed("SubjectPublicKeyInfo"))
}

fn rsa_private_key(bytes: &[u8]) -> Result<RsaPrivateKeyRef<'_>> {
    RsaPrivateKeyRef::from_der(bytes).map_err(|_| malformed("PKCS#1"))
}

fn rsa_public_key(bytes: &[u8]) -> Result<RsaPublicKeyRef<'_>> {
    RsaPublicKeyRef::from_der(bytes).map_err(|_| malformed("PKCS#1"))
}

fn bits(number: &UintRef<'_>) -> u32 {
    let bytes = number.as_bytes();
    let leading = bytes.first().map_or(0, |first| first.leading_zeros());
    (bytes.len() as u32 * 8).saturating_sub(leading)
}

fn malformed(encoding: &str) -> keyreeve_core::Error {
    invalid(format!("the key is not valid {encoding} in DER"))
}
