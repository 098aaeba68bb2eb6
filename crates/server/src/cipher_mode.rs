//! The modes of a bare cipher that REST and the command line offer: one table of their words, what they are, and what belongs
//! to each. Not here: computing them (crypto), and which key has which (crypto).

use keyreeve_core::model::{BlockCipherMode, CryptoParameters, PaddingMethod};
use schemars::JsonSchema;
use serde::Deserialize;

/// Where the tag of a mode stands in a whole ciphertext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagPlace {
    /// Before the ciphertext.
    Beginning,
    /// Behind the ciphertext, or there is none.
    End,
}

macro_rules! modes {
    ($($mode:ident $word:literal $about:literal [$($field:literal)*] $tag:ident;)*) => {
        /// A mode that may be asked for. Not ECB, which tells what blocks are equal, nor RSA with PKCS#1 v1.5 padding, which
        /// leaks plaintexts to whoever may ask often.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
        pub enum CipherMode { $(#[doc = $about] #[serde(rename = $word)] $mode,)* }

        impl CipherMode {
            /// Every mode.
            pub const ALL: &[Self] = &[$(Self::$mode,)*];

            /// Its word.
            pub fn word(self) -> &'static str {
                match self { $(Self::$mode => $word,)* }
            }

            /// What it is, for people.
            pub fn about(self) -> &'static str {
                match self { $(Self::$mode => $about,)* }
            }

            /// The fields of a request that belong to it.
            pub(crate) fn fields(self) -> &'static [&'static str] {
                match self { $(Self::$mode => &[$($field),*],)* }
            }

            /// Where its tag stands.
            pub fn tag_place(self) -> TagPlace {
                match self { $(Self::$mode => TagPlace::$tag,)* }
            }
        }
    };
}

modes! {
    Gcm "gcm" "AES, SP 800-38D; the tag is at the end of the ciphertext" ["iv" "aad" "tag" "tag_length"] End;
    GcmSiv "gcm-siv" "AES-128 and AES-256, RFC 8452; the tag at the end" ["iv" "aad" "tag"] End;
    Siv "siv" "AES-256 and AES-512, RFC 5297; the tag at the beginning" ["iv" "aad" "tag"] Beginning;
    Aead "aead" "ChaCha20-Poly1305, RFC 8439; the tag at the end" ["iv" "aad" "tag" "tag_length"] End;
    Cbc "cbc" "AES, SP 800-38A; not authenticated" ["iv" "padding"] End;
    Ctr "ctr" "AES, SP 800-38A; not authenticated" ["iv"] End;
    Xts "xts" "AES-512, SP 800-38E; not authenticated" ["iv"] End;
    Oaep "oaep" "RSA, RFC 8017" ["hash"] End;
}

impl CipherMode {
    /// As core takes it.
    pub(crate) fn parameters(self) -> CryptoParameters {
        let mode = |mode| CryptoParameters { mode: Some(mode), ..CryptoParameters::default() };
        match self {
            Self::Gcm => mode(BlockCipherMode::Gcm),
            Self::GcmSiv => mode(BlockCipherMode::GcmSiv),
            Self::Siv => mode(BlockCipherMode::Siv),
            Self::Aead => mode(BlockCipherMode::Aead),
            Self::Cbc => mode(BlockCipherMode::Cbc),
            Self::Ctr => mode(BlockCipherMode::Ctr),
            Self::Xts => mode(BlockCipherMode::Xts),
            Self::Oaep => {
                CryptoParameters { padding: Some(PaddingMethod::Oaep), ..CryptoParameters::default() }
            }
        }
    }
}
