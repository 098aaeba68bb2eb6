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
    /// Elliptic curves for signing and agreement (KMIP EC, ECDSA and ECDH all mean this), X25519 among them.
    Ec,
    /// Ed25519, RFC 8032.
    Ed25519,
    /// ChaCha20, RFC 8439.
    ChaCha20,
    /// ChaCha20-Poly1305, RFC 8439.
    ChaCha20Poly1305,
    /// ML-KEM-512, FIPS 203. KMIP 2.1 has no codes for the post-quantum algorithms: theirs are extensions.
    MlKem512,
    /// ML-KEM-768, FIPS 203.
    MlKem768,
    /// ML-KEM-1024, FIPS 203.
    MlKem1024,
    /// ML-DSA-44, FIPS 204.
    MlDsa44,
    /// ML-DSA-65, FIPS 204.
    MlDsa65,
    /// ML-DSA-87, FIPS 204.
    MlDsa87,
    /// SLH-DSA-SHA2-128s, FIPS 205.
    SlhDsaSha2_128s,
    /// SLH-DSA-SHA2-128f, FIPS 205.
    SlhDsaSha2_128f,
    /// SLH-DSA-SHA2-192s, FIPS 205.
    SlhDsaSha2_192s,
    /// SLH-DSA-SHA2-192f, FIPS 205.
    SlhDsaSha2_192f,
    /// SLH-DSA-SHA2-256s, FIPS 205.
    SlhDsaSha2_256s,
    /// SLH-DSA-SHA2-256f, FIPS 205.
    SlhDsaSha2_256f,
    /// SLH-DSA-SHAKE-128s, FIPS 205.
    SlhDsaShake128s,
    /// SLH-DSA-SHAKE-128f, FIPS 205.
    SlhDsaShake128f,
    /// SLH-DSA-SHAKE-192s, FIPS 205.
    SlhDsaShake192s,
    /// SLH-DSA-SHAKE-192f, FIPS 205.
    SlhDsaShake192f,
    /// SLH-DSA-SHAKE-256s, FIPS 205.
    SlhDsaShake256s,
    /// SLH-DSA-SHAKE-256f, FIPS 205.
    SlhDsaShake256f,
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
    /// SEC 2 secp256k1.
    Secp256k1,
    /// Curve25519 in Montgomery form, RFC 7748: keys of X25519.
    Curve25519,
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
    /// Cryptographic length in bits: of the key, the modulus or the field; of post-quantum keys the public key's.
    pub length_bits: u32,
    /// The curve of an elliptic-curve key.
    pub curve: Option<Curve>,
}

const NAMED: &[(&str, Algorithm, u32, Option<Curve>)] = &[
    ("aes-128", Algorithm::Aes, 128, None),
    ("aes-192", Algorithm::Aes, 192, None),
    ("aes-256", Algorithm::Aes, 256, None),
    ("aes-512", Algorithm::Aes, 512, None),
    ("chacha20-poly1305", Algorithm::ChaCha20Poly1305, 256, None),
    ("hmac-sha256", Algorithm::HmacSha256, 256, None),
    ("hmac-sha384", Algorithm::HmacSha384, 384, None),
    ("hmac-sha512", Algorithm::HmacSha512, 512, None),
    ("rsa-2048", Algorithm::Rsa, 2048, None),
    ("rsa-3072", Algorithm::Rsa, 3072, None),
    ("rsa-4096", Algorithm::Rsa, 4096, None),
    ("ec-p256", Algorithm::Ec, 256, Some(Curve::P256)),
    ("ec-p384", Algorithm::Ec, 384, Some(Curve::P384)),
    ("ec-p521", Algorithm::Ec, 521, Some(Curve::P521)),
    ("secp256k1", Algorithm::Ec, 256, Some(Curve::Secp256k1)),
    ("ed25519", Algorithm::Ed25519, 256, None),
    ("x25519", Algorithm::Ec, 256, Some(Curve::Curve25519)),
    ("ml-dsa-44", Algorithm::MlDsa44, 10_496, None),
    ("ml-dsa-65", Algorithm::MlDsa65, 15_616, None),
    ("ml-dsa-87", Algorithm::MlDsa87, 20_736, None),
    ("slh-dsa-sha2-128s", Algorithm::SlhDsaSha2_128s, 256, None),
    ("slh-dsa-sha2-128f", Algorithm::SlhDsaSha2_128f, 256, None),
    ("slh-dsa-sha2-192s", Algorithm::SlhDsaSha2_192s, 384, None),
    ("slh-dsa-sha2-192f", Algorithm::SlhDsaSha2_192f, 384, None),
    ("slh-dsa-sha2-256s", Algorithm::SlhDsaSha2_256s, 512, None),
    ("slh-dsa-sha2-256f", Algorithm::SlhDsaSha2_256f, 512, None),
    ("slh-dsa-shake-128s", Algorithm::SlhDsaShake128s, 256, None),
    ("slh-dsa-shake-128f", Algorithm::SlhDsaShake128f, 256, None),
    ("slh-dsa-shake-192s", Algorithm::SlhDsaShake192s, 384, None),
    ("slh-dsa-shake-192f", Algorithm::SlhDsaShake192f, 384, None),
    ("slh-dsa-shake-256s", Algorithm::SlhDsaShake256s, 512, None),
    ("slh-dsa-shake-256f", Algorithm::SlhDsaShake256f, 512, None),
    ("ml-kem-512", Algorithm::MlKem512, 6_400, None),
    ("ml-kem-768", Algorithm::MlKem768, 9_472, None),
    ("ml-kem-1024", Algorithm::MlKem1024, 12_544, None),
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

    /// Security strength in bits, 256 at most; `None` where it is not known.
    ///
    /// # Standard
    /// SP 800-57 part 1 rev. 5, section 5.6.1, tables 2 and 3; FIPS 203 to 205 for their categories.
    pub fn security_strength_bits(&self) -> Option<u32> {
        use Algorithm as A;
        Some(match self.algorithm {
            A::Aes
            | A::HmacSha1
            | A::HmacSha224
            | A::HmacSha256
            | A::HmacSha384
            | A::HmacSha512
            | A::ChaCha20
            | A::ChaCha20Poly1305 => self.length_bits.min(256),
            A::TripleDes => {
                if self.length_bits < 168 {
                    80
                } else {
                    112
                }
            }
            A::Rsa => match self.length_bits {
                ..2048 => 80,
                2048..3072 => 112,
                3072..7680 => 128,
                7680..15360 => 192,
                15360.. => 256,
            },
            // Curve25519 and secp256k1 count as P-256 does.
            A::Ec | A::Ed25519 => match self.length_bits {
                ..224 => 80,
                224..250 => 112,
                250..384 => 128,
                384..512 => 192,
                512.. => 256,
            },
            A::MlKem512 | A::MlDsa44 => 128,
            A::MlKem768 | A::MlDsa65 => 192,
            A::MlKem1024 | A::MlDsa87 => 256,
            A::SlhDsaSha2_128s | A::SlhDsaSha2_128f | A::SlhDsaShake128s | A::SlhDsaShake128f => 128,
            A::SlhDsaSha2_192s | A::SlhDsaSha2_192f | A::SlhDsaShake192s | A::SlhDsaShake192f => 192,
            A::SlhDsaSha2_256s | A::SlhDsaSha2_256f | A::SlhDsaShake256s | A::SlhDsaShake256f => 256,
            A::Other(_) => return None,
        })
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
            // Those of one kind have its name.
            post_quantum => NAMED
                .iter()
                .find(|(_, known, ..)| *known == post_quantum)
                .map_or_else(|| format!("kmip-{:#x}", post_quantum.code()), |(name, ..)| (*name).to_owned()),
        }
    }

    /// The length in bits of an algorithm whose keys have one length only.
    pub fn only_length_bits(self) -> Option<u32> {
        let fixed = self == Self::Ed25519 || self.is_post_quantum();
        NAMED.iter().find(|(_, known, ..)| fixed && *known == self).map(|(_, _, length, _)| *length)
    }

    /// True for algorithms that quantum computers are not known to break: no key of elliptic curves or RSA.
    ///
    /// # Standard
    /// NIST IR 8547 section 2.
    pub fn is_post_quantum(self) -> bool {
        use Algorithm::{MlDsa44, MlDsa65, MlDsa87, MlKem512, MlKem768, MlKem1024};
        matches!(self, MlKem512 | MlKem768 | MlKem1024 | MlDsa44 | MlDsa65 | MlDsa87) || self.is_slh_dsa()
    }

    /// True for SLH-DSA, in any of its parameter sets.
    pub fn is_slh_dsa(self) -> bool {
        use Algorithm as A;
        matches!(
            self,
            A::SlhDsaSha2_128s
                | A::SlhDsaSha2_128f
                | A::SlhDsaSha2_192s
                | A::SlhDsaSha2_192f
                | A::SlhDsaSha2_256s
                | A::SlhDsaSha2_256f
                | A::SlhDsaShake128s
                | A::SlhDsaShake128f
                | A::SlhDsaShake192s
                | A::SlhDsaShake192f
                | A::SlhDsaShake256s
                | A::SlhDsaShake256f
        )
    }

    /// True for algorithms whose keys come as a private and a public one.
    pub fn is_asymmetric(self) -> bool {
        matches!(self, Self::Rsa | Self::Ec | Self::Ed25519) || self.is_post_quantum()
    }
}
