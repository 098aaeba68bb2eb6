//! Algorithms, curves, hashes, and what kind of key is meant.
//!
//! # Standard
//! Names and codes follow KMIP 2.1 section 11 (Cryptographic Algorithm, Recommended Curve, Hashing Algorithm).

use serde::{Deserialize, Serialize};

/// A cryptographic algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// AES, FIPS 197.
    Aes,
    /// Triple DES, SP 800-67.
    TripleDes,
    /// HMAC with SHA-1.
    HmacSha1,
    /// HMAC with SHA-224.
    HmacSha224,
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-384.
    HmacSha384,
    /// HMAC with SHA-512.
    HmacSha512,
    /// RSA, RFC 8017.
    Rsa,
    /// Elliptic curves for signing and agreement (KMIP EC, ECDSA and ECDH all mean this).
    Ec,
    /// Ed25519, RFC 8032.
    Ed25519,
    /// ChaCha20, RFC 8439.
    ChaCha20,
    /// ChaCha20-Poly1305, RFC 8439.
    ChaCha20Poly1305,
    /// Any other code of KMIP's Cryptographic Algorithm list: kept and handed out, never computed with.
    Other(u32),
}

/// A named elliptic curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Curve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
    /// Any other code of KMIP's Recommended Curve list.
    Other(u32),
}

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HashAlgorithm {
    /// SHA-1: only where a protocol asks for it by name.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// SHA-512/256.
    Sha512_256,
    /// SHA3-256.
    Sha3_256,
    /// SHA3-384.
    Sha3_384,
    /// SHA3-512.
    Sha3_512,
    /// Any other code of KMIP's Hashing Algorithm list.
    Other(u32),
}

/// What key is meant: algorithm, length, and curve where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeySpec {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// Cryptographic length in bits (modulus, field or key size).
    pub length_bits: u32,
    /// The curve of an elliptic-curve key.
    pub curve: Option<Curve>,
}

const NAMED: &[(&str, Algorithm, u32, Option<Curve>)] = &[
    ("aes-128", Algorithm::Aes, 128, None),
    ("aes-192", Algorithm::Aes, 192, None),
    ("aes-256", Algorithm::Aes, 256, None),
    ("hmac-sha256", Algorithm::HmacSha256, 256, None),
    ("hmac-sha384", Algorithm::HmacSha384, 384, None),
    ("hmac-sha512", Algorithm::HmacSha512, 512, None),
    ("rsa-2048", Algorithm::Rsa, 2048, None),
    ("rsa-3072", Algorithm::Rsa, 3072, None),
    ("rsa-4096", Algorithm::Rsa, 4096, None),
    ("ec-p256", Algorithm::Ec, 256, Some(Curve::P256)),
    ("ec-p384", Algorithm::Ec, 384, Some(Curve::P384)),
    ("ec-p521", Algorithm::Ec, 521, Some(Curve::P521)),
    ("ed25519", Algorithm::Ed25519, 256, None),
];

impl KeySpec {
    /// The kind of key that CLI and REST call by this name, such as `aes-256` or `ec-p256`.
    pub fn from_name(name: &str) -> Option<Self> {
        let (_, algorithm, length_bits, curve) = *NAMED.iter().find(|(known, ..)| *known == name)?;
        Some(Self { algorithm, length_bits, curve })
    }

    /// All names that `from_name` takes, for help texts.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMED.iter().map(|(name, ..)| *name)
    }

    /// The name of this kind of key; kinds without a name of their own are written as algorithm and length.
    pub fn name(&self) -> String {
        let named = NAMED.iter().find(|(_, algorithm, length, curve)| {
            (*algorithm, *length, *curve) == (self.algorithm, self.length_bits, self.curve)
        });
        match named {
            Some((name, ..)) => (*name).to_owned(),
            None => format!("{}-{}", self.algorithm.word(), self.length_bits),
        }
    }
}

impl Algorithm {
    /// The algorithm's word in names, without length.
    pub fn word(self) -> String {
        match self {
            Self::Aes => "aes".into(),
            Self::TripleDes => "3des".into(),
            Self::HmacSha1 => "hmac-sha1".into(),
            Self::HmacSha224 => "hmac-sha224".into(),
            Self::HmacSha256 => "hmac-sha256".into(),
            Self::HmacSha384 => "hmac-sha384".into(),
            Self::HmacSha512 => "hmac-sha512".into(),
            Self::Rsa => "rsa".into(),
            Self::Ec => "ec".into(),
            Self::Ed25519 => "ed25519".into(),
            Self::ChaCha20 => "chacha20".into(),
            Self::ChaCha20Poly1305 => "chacha20-poly1305".into(),
            Self::Other(code) => format!("kmip-{code:#x}"),
        }
    }

    /// True for algorithms whose keys come as a private and a public one.
    pub fn is_asymmetric(self) -> bool {
        matches!(self, Self::Rsa | Self::Ec | Self::Ed25519)
    }
}
