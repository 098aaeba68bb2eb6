//! Cryptoperiods: how long a key of a kind protects (originator usage), and how long it processes what it protected (recipient
//! usage).
//!
//! # Standard
//! NIST SP 800-57 part 1 rev. 5 section 5.3.5 and 5.3.6, table 1.

use serde::{Deserialize, Serialize};

use crate::model::{ObjectType, UsageMask};

/// What a key is for, as table 1 tells keys apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyUse {
    /// Signs, or verifies signatures (types 1 and 2).
    Signature,
    /// A symmetric key that makes and checks MACs (type 3).
    Authentication,
    /// A symmetric key that encrypts data (type 6).
    DataEncryption,
    /// A symmetric key that wraps keys (type 7).
    KeyWrapping,
    /// A symmetric key that others are derived from (type 9).
    KeyDerivation,
    /// One of a pair that encrypts or wraps (types 10 and 11).
    KeyTransport,
    /// One of a pair that agrees on keys (types 13 and 14).
    KeyAgreement,
}

/// Days from the beginning of a key's use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Period {
    /// So long it protects.
    pub protect_days: u16,
    /// So long it processes; `None`: as long as it is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_days: Option<u16>,
}

impl KeyUse {
    /// Every use.
    pub const ALL: &[Self] = &[
        Self::Signature,
        Self::Authentication,
        Self::DataEncryption,
        Self::KeyWrapping,
        Self::KeyDerivation,
        Self::KeyTransport,
        Self::KeyAgreement,
    ];

    /// The word in documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Authentication => "authentication",
            Self::DataEncryption => "data-encryption",
            Self::KeyWrapping => "key-wrapping",
            Self::KeyDerivation => "key-derivation",
            Self::KeyTransport => "key-transport",
            Self::KeyAgreement => "key-agreement",
        }
    }

    /// What a key with these uses is for; of several the first of this list. `None` for what is no key, or has no use.
    pub fn of(object_type: ObjectType, usage: UsageMask) -> Option<Self> {
        let any = |wanted: UsageMask| usage.0 & wanted.0 != 0;
        match object_type {
            ObjectType::SymmetricKey if any(UsageMask::ENCRYPT | UsageMask::DECRYPT) => {
                Some(Self::DataEncryption)
            }
            ObjectType::SymmetricKey if any(UsageMask::WRAP | UsageMask::UNWRAP) => Some(Self::KeyWrapping),
            ObjectType::SymmetricKey if any(UsageMask::MAC | UsageMask::MAC_VERIFY) => {
                Some(Self::Authentication)
            }
            ObjectType::SymmetricKey if any(UsageMask::DERIVE) => Some(Self::KeyDerivation),
            ObjectType::PrivateKey | ObjectType::PublicKey => {
                let transports =
                    UsageMask::ENCRYPT | UsageMask::DECRYPT | UsageMask::WRAP | UsageMask::UNWRAP;
                if any(UsageMask::SIGN | UsageMask::VERIFY) {
                    Some(Self::Signature)
                } else if any(transports) {
                    Some(Self::KeyTransport)
                } else if any(UsageMask::AGREE | UsageMask::DERIVE) {
                    Some(Self::KeyAgreement)
                } else {
                    None
                }
            }
            _ => None,
        }
    }
}
