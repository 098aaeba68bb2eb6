//! What a key may be used for.
//!
//! # Standard
//! KMIP 2.1 section 11.11 (bit values), SP 800-57 part 1 section 5.2.

use serde::{Deserialize, Serialize};

/// A set of uses, as KMIP's Cryptographic Usage Mask bits. Unknown bits are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UsageMask(pub u32);

macro_rules! usages {
    ($($name:ident = $bit:literal, $word:literal;)*) => {
        impl UsageMask {
            $(#[doc = concat!("May be used to `", $word, "`.")] pub const $name: Self = Self($bit);)*
            /// Each use with its word in CLI and REST, lowest bit first.
            pub const WORDS: &[(Self, &str)] = &[$((Self($bit), $word)),*];
        }
    };
}

usages! {
    SIGN = 0x1, "sign";
    VERIFY = 0x2, "verify";
    ENCRYPT = 0x4, "encrypt";
    DECRYPT = 0x8, "decrypt";
    WRAP = 0x10, "wrap";
    UNWRAP = 0x20, "unwrap";
    EXPORT = 0x40, "export";
    MAC = 0x80, "mac";
    MAC_VERIFY = 0x100, "mac-verify";
    DERIVE = 0x200, "derive";
    CONTENT_COMMITMENT = 0x400, "content-commitment";
    AGREE = 0x800, "agree";
    CERTIFICATE_SIGN = 0x1000, "certificate-sign";
    CRL_SIGN = 0x2000, "crl-sign";
    AUTHENTICATE = 0x10_0000, "authenticate";
    UNRESTRICTED = 0x20_0000, "unrestricted";
}

impl UsageMask {
    /// No use at all.
    pub const NONE: Self = Self(0);

    /// True where every use of `wanted` is allowed, by itself or by `unrestricted`.
    pub fn allows(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0 || self.0 & Self::UNRESTRICTED.0 != 0
    }

    /// The words of all uses in the set.
    pub fn words(self) -> Vec<&'static str> {
        Self::WORDS.iter().filter(|(bit, _)| self.0 & bit.0 != 0).map(|(_, word)| *word).collect()
    }

    /// The use of this word; `mac` means both making and verifying.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "mac" => Some(Self::MAC | Self::MAC_VERIFY),
            _ => Self::WORDS.iter().find(|(_, known)| *known == word).map(|(bit, _)| *bit),
        }
    }
}

impl std::ops::BitOr for UsageMask {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl std::ops::BitAnd for UsageMask {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}
