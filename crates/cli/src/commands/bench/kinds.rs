//! Kinds of keys by the names of `key create`, as KMIP asks for new ones of them, and how each encrypts and signs. Not here:
//! which of them the server has, which it says itself.

use keyreeve_kmip::attributes::{AttributeValue, CryptographicDomainParameters, CryptographicParameters};
use keyreeve_kmip::enums::{
    BlockCipherMode, CryptographicAlgorithm, DigitalSignatureAlgorithm, RecommendedCurve,
};
use keyreeve_kmip::values::CryptographicUsageMask;

/// Bytes of an authentication tag.
const TAG_BYTES: i32 = 16;
/// Codes that KMIP 2.1 has not: docs/algorithms.md, KMIP codes.
const SIV: BlockCipherMode = BlockCipherMode::Unnamed(0x8B52_0002);
const ML_KEM: u32 = 0x8B52_0000;
const ML_DSA: u32 = 0x8B52_0010;

/// How KMIP names a kind of key.
pub(super) struct Kind {
    algorithm: CryptographicAlgorithm,
    length_bits: Option<i32>,
    curve: Option<RecommendedCurve>,
    /// What it may be used for; of a pair, its private half.
    usage: CryptographicUsageMask,
    /// What the public half of a pair may be used for.
    public: Option<CryptographicUsageMask>,
}

impl Kind {
    /// The kind of this name.
    ///
    /// # Errors
    /// None is known here.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        use CryptographicAlgorithm as Code;
        use CryptographicUsageMask as Use;
        let symmetric = |algorithm, bits, usage| Self {
            algorithm,
            length_bits: Some(bits),
            curve: None,
            usage,
            public: None,
        };
        let pair = |algorithm, curve, usage, public| Self {
            algorithm,
            length_bits: None,
            curve,
            usage,
            public: Some(public),
        };
        let signing = |algorithm, curve| pair(algorithm, curve, Use::SIGN, Use::VERIFY);
        let opening = |algorithm, curve| pair(algorithm, curve, Use::DECRYPT, Use::ENCRYPT);
        let rsa = |bits| {
            let (private, public) = (Use::SIGN | Use::DECRYPT, Use::VERIFY | Use::ENCRYPT);
            Self { length_bits: Some(bits), ..pair(Code::Rsa, None, private, public) }
        };
        let (cipher, mac) = (Use::ENCRYPT | Use::DECRYPT, Use::MAC_GENERATE | Use::MAC_VERIFY);
        Ok(match name {
            "aes-128" => symmetric(Code::Aes, 128, cipher),
            "aes-192" => symmetric(Code::Aes, 192, cipher),
            "aes-256" => symmetric(Code::Aes, 256, cipher),
            "aes-512" => symmetric(Code::Aes, 512, cipher),
            "chacha20-poly1305" => symmetric(Code::ChaCha20Poly1305, 256, cipher),
            "hmac-sha256" => symmetric(Code::HmacSha256, 256, mac),
            "hmac-sha384" => symmetric(Code::HmacSha384, 384, mac),
            "hmac-sha512" => symmetric(Code::HmacSha512, 512, mac),
            "rsa-2048" => rsa(2048),
            "rsa-3072" => rsa(3072),
            "rsa-4096" => rsa(4096),
            "ec-p256" => signing(Code::Ec, Some(RecommendedCurve::P256)),
            "ec-p384" => signing(Code::Ec, Some(RecommendedCurve::P384)),
            "ec-p521" => signing(Code::Ec, Some(RecommendedCurve::P521)),
            "secp256k1" => signing(Code::Ec, Some(RecommendedCurve::Secp256k1)),
            "ed25519" => signing(Code::Ed25519, None),
            "x25519" => opening(Code::Ec, Some(RecommendedCurve::Curve25519)),
            "ml-kem-512" => opening(Code::Unnamed(ML_KEM + 1), None),
            "ml-kem-768" => opening(Code::Unnamed(ML_KEM + 2), None),
            "ml-kem-1024" => opening(Code::Unnamed(ML_KEM + 3), None),
            "ml-dsa-44" => signing(Code::Unnamed(ML_DSA + 1), None),
            "ml-dsa-65" => signing(Code::Unnamed(ML_DSA + 2), None),
            "ml-dsa-87" => signing(Code::Unnamed(ML_DSA + 3), None),
            other => {
                return Err(format!(
                    "no way is known to make {other:?} over KMIP: give --algorithm one of those in `key create --help`"
                ));
            }
        })
    }

    /// What it may be used for, and of a pair the public half.
    pub(super) fn usages(&self) -> (CryptographicUsageMask, Option<CryptographicUsageMask>) {
        (self.usage, self.public)
    }

    /// What says of a new object which kind it is.
    pub(super) fn attributes(&self) -> Vec<AttributeValue> {
        let domain = self
            .curve
            .map(|curve| CryptographicDomainParameters { qlength: None, recommended_curve: Some(curve) });
        let mut attributes = vec![AttributeValue::CryptographicAlgorithm(self.algorithm)];
        attributes.extend(self.length_bits.map(AttributeValue::CryptographicLength));
        attributes.extend(domain.map(AttributeValue::CryptographicDomainParameters));
        attributes
    }
}

/// How a key of this name encrypts over KMIP; nothing is said where the server's own choice is the only one, or a good one.
pub(super) fn cipher(name: &str) -> Option<CryptographicParameters> {
    let (mode, tag_length) = match name {
        "aes-128" | "aes-192" | "aes-256" => (BlockCipherMode::Gcm, Some(TAG_BYTES)),
        "aes-512" => (SIV, None),
        "chacha20-poly1305" => (BlockCipherMode::Aead, Some(TAG_BYTES)),
        _ => return None,
    };
    let block_cipher_mode = Some(mode);
    Some(CryptographicParameters { block_cipher_mode, tag_length, ..CryptographicParameters::default() })
}

/// The mode that a key of this name needs over REST, where it has no data envelope.
pub(super) fn mode(name: &str) -> Option<&'static str> {
    (name == "aes-512").then_some("siv")
}

/// How a key of this name signs over KMIP, where that has to be said.
pub(super) fn signature(name: &str) -> Option<CryptographicParameters> {
    let scheme = match name {
        "ec-p256" | "secp256k1" => DigitalSignatureAlgorithm::EcdsaWithSha256,
        "ec-p384" => DigitalSignatureAlgorithm::EcdsaWithSha384,
        "ec-p521" => DigitalSignatureAlgorithm::EcdsaWithSha512,
        _ => return None,
    };
    let digital_signature_algorithm = Some(scheme);
    Some(CryptographicParameters { digital_signature_algorithm, ..CryptographicParameters::default() })
}
