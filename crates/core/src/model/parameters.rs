//! Cryptographic parameters: how a key is used in one operation.
//!
//! # Standard
//! KMIP 2.1 section 4.17 (Cryptographic Parameters).

use serde::{Deserialize, Serialize};

use super::HashAlgorithm;

/// Mode of a block cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum BlockCipherMode {
    /// Cipher block chaining, SP 800-38A.
    Cbc,
    /// Electronic code book: only where a protocol asks for it by name.
    Ecb,
    /// Counter mode, SP 800-38A.
    Ctr,
    /// Galois counter mode, SP 800-38D.
    Gcm,
    /// XEX with ciphertext stealing, SP 800-38E: the key is two AES keys.
    Xts,
    /// Cipher-based MAC, SP 800-38B: for MACs only.
    Cmac,
    /// AES-GCM-SIV, RFC 8452. KMIP has no code for it: one of the extensions.
    GcmSiv,
    /// AES-SIV, RFC 5297: the key is two AES keys. KMIP has no code for it: one of the extensions.
    Siv,
    /// AES key wrap, RFC 3394 (KMIP NISTKeyWrap).
    KeyWrap,
    /// AES key wrap with padding, RFC 5649.
    KeyWrapPadded,
    /// Authenticated encryption of an algorithm that has only one way (KMIP AEAD, for ChaCha20-Poly1305).
    Aead,
    /// Any other code of KMIP's Block Cipher Mode list.
    Other(u32),
}

/// How data is padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PaddingMethod {
    /// No padding: the length must fit.
    None,
    /// PKCS#5 / PKCS#7 block padding.
    Pkcs5,
    /// RSA OAEP, RFC 8017.
    Oaep,
    /// RSA PKCS#1 v1.5.
    Pkcs1v15,
    /// RSA PSS, RFC 8017.
    Pss,
    /// Any other code of KMIP's Padding Method list.
    Other(u32),
}

/// Digital signature scheme with its hash, where a protocol names both at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SignatureScheme {
    /// RSASSA-PKCS1-v1_5.
    RsaPkcs1v15(HashAlgorithm),
    /// RSASSA-PSS; `None`: the hash is given apart.
    RsaPss(Option<HashAlgorithm>),
    /// ECDSA.
    Ecdsa(HashAlgorithm),
    /// Any other code of KMIP's Digital Signature Algorithm list.
    Other(u32),
}

/// Mask generator of OAEP and PSS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MaskGenerator {
    /// MGF1 with this hash.
    Mgf1(HashAlgorithm),
}

/// How a key is used; every field that is `None` takes the key's or the algorithm's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct CryptoParameters {
    /// Block cipher mode.
    pub mode: Option<BlockCipherMode>,
    /// Padding.
    pub padding: Option<PaddingMethod>,
    /// Hash of a signature, MAC or OAEP.
    pub hash: Option<HashAlgorithm>,
    /// Signature scheme.
    pub signature: Option<SignatureScheme>,
    /// Algorithm where the key alone does not tell (a MAC made with an AES key, say).
    pub algorithm: Option<super::Algorithm>,
    /// The server chooses the IV or nonce.
    pub random_iv: Option<bool>,
    /// IV length in bytes.
    pub iv_length: Option<u32>,
    /// Authentication tag length in bytes.
    pub tag_length: Option<u32>,
    /// Fixed field of a counter or deterministic nonce, in bits.
    pub fixed_field_length_bits: Option<u32>,
    /// Invocation field of a deterministic nonce, in bits.
    pub invocation_field_length_bits: Option<u32>,
    /// Counter width in bits.
    pub counter_length_bits: Option<u32>,
    /// First value of a counter.
    pub initial_counter_value: Option<u32>,
    /// PSS salt length in bytes.
    pub salt_length: Option<u32>,
    /// Mask generator of OAEP and PSS.
    pub mask_generator: Option<MaskGenerator>,
    /// OAEP label ("P source").
    #[serde(with = "serde_bytes")]
    pub oaep_label: Option<Vec<u8>>,
    /// PSS trailer field.
    pub trailer_field: Option<u32>,
    /// KMIP Key Role Type, kept as it came.
    pub key_role_type: Option<u32>,
}
