//! The codes by which KMIP calls the model's enumerations: one table each, both directions.
//!
//! # Standard
//! KMIP 2.1 section 11 (enumerations). What it has no code for has one here among the extensions, 8B52xxxx.

use super::{
    Algorithm, BlockCipherMode, Curve, HashAlgorithm, KeyFormat, LinkType, ObjectType, PaddingMethod,
    RevocationReason, SignatureScheme, State,
};

/// Open enumerations: a code without a name survives as `Other`.
macro_rules! open {
    ($($type:ident { $($variant:ident = $code:literal,)* })*) => {$(
        impl $type {
            /// The code in KMIP's list.
            pub fn code(self) -> u32 {
                match self {
                    $(Self::$variant => $code,)*
                    Self::Other(code) => code,
                }
            }

            /// The value of a code in KMIP's list.
            pub fn from_code(code: u32) -> Self {
                match code {
                    $($code => Self::$variant,)*
                    other => Self::Other(other),
                }
            }
        }
    )*};
}

open! {
    Algorithm {
        TripleDes = 0x02, Aes = 0x03, Rsa = 0x04, HmacSha1 = 0x07, HmacSha224 = 0x08, HmacSha256 = 0x09,
        HmacSha384 = 0x0A, HmacSha512 = 0x0B, Ec = 0x1A, ChaCha20 = 0x1C, ChaCha20Poly1305 = 0x1E, Ed25519 = 0x37,
        MlKem512 = 0x8B52_0001, MlKem768 = 0x8B52_0002, MlKem1024 = 0x8B52_0003, MlDsa44 = 0x8B52_0011,
        MlDsa65 = 0x8B52_0012, MlDsa87 = 0x8B52_0013,
        SlhDsaSha2_128s = 0x8B52_0021, SlhDsaSha2_128f = 0x8B52_0022, SlhDsaSha2_192s = 0x8B52_0023,
        SlhDsaSha2_192f = 0x8B52_0024, SlhDsaSha2_256s = 0x8B52_0025, SlhDsaSha2_256f = 0x8B52_0026,
        SlhDsaShake128s = 0x8B52_0027, SlhDsaShake128f = 0x8B52_0028, SlhDsaShake192s = 0x8B52_0029,
        SlhDsaShake192f = 0x8B52_002A, SlhDsaShake256s = 0x8B52_002B, SlhDsaShake256f = 0x8B52_002C,
    }
    Curve { P256 = 0x07, P384 = 0x0A, P521 = 0x0D, Secp256k1 = 0x19, Curve25519 = 0x45, }
    HashAlgorithm {
        Sha1 = 0x04, Sha224 = 0x05, Sha256 = 0x06, Sha384 = 0x07, Sha512 = 0x08, Sha512_256 = 0x0D, Sha3_256 = 0x0F,
        Sha3_384 = 0x10, Sha3_512 = 0x11,
    }
    KeyFormat { Raw = 0x01, Opaque = 0x02, Pkcs1 = 0x03, Pkcs8 = 0x04, Spki = 0x05, EcPrivateKey = 0x06, }
    BlockCipherMode {
        Cbc = 0x01, Ecb = 0x02, Ctr = 0x06, Cmac = 0x07, Gcm = 0x09, Xts = 0x0B, KeyWrapPadded = 0x0C, KeyWrap = 0x0D,
        Aead = 0x12, GcmSiv = 0x8B52_0001, Siv = 0x8B52_0002,
    }
    PaddingMethod { None = 0x01, Oaep = 0x02, Pkcs5 = 0x03, Pkcs1v15 = 0x08, Pss = 0x0A, }
    LinkType {
        Certificate = 0x101, PublicKey = 0x102, PrivateKey = 0x103, DerivationBase = 0x104, DerivedKey = 0x105,
        Replacement = 0x106, Replaced = 0x107, Parent = 0x108, Child = 0x109, Previous = 0x10A, Next = 0x10B,
        Pkcs12Certificate = 0x10C, Pkcs12Password = 0x10D, WrappingKey = 0x10E,
    }
    RevocationReason {
        Unspecified = 0x01, KeyCompromise = 0x02, CaCompromise = 0x03, AffiliationChanged = 0x04, Superseded = 0x05,
        CessationOfOperation = 0x06, PrivilegeWithdrawn = 0x07,
    }
}

impl ObjectType {
    const CODES: &[(Self, u32)] = &[
        (Self::Certificate, 0x01),
        (Self::SymmetricKey, 0x02),
        (Self::PublicKey, 0x03),
        (Self::PrivateKey, 0x04),
        (Self::SplitKey, 0x05),
        (Self::Template, 0x06),
        (Self::SecretData, 0x07),
        (Self::OpaqueObject, 0x08),
        (Self::PgpKey, 0x09),
        (Self::CertificateRequest, 0x0A),
    ];

    /// The code in KMIP's list.
    pub fn code(self) -> u32 {
        Self::CODES.iter().find(|(known, _)| *known == self).map_or(0, |(_, code)| *code)
    }

    /// The kind of this code, where KMIP has one.
    pub fn from_code(code: u32) -> Option<Self> {
        Self::CODES.iter().find(|(_, known)| *known == code).map(|(kind, _)| *kind)
    }
}

impl State {
    /// The code in KMIP's list, which has no Suspended: a suspended object shows as Deactivated there.
    pub fn code(self) -> u32 {
        match self {
            Self::PreActive => 1,
            Self::Active => 2,
            Self::Suspended | Self::Deactivated => 3,
            Self::Compromised => 4,
            Self::Destroyed => 5,
            Self::DestroyedCompromised => 6,
        }
    }

    /// The state of this code, where KMIP has one.
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state != Self::Suspended && state.code() == code)
    }
}

const SIGNATURES: &[(SignatureScheme, u32)] = {
    use HashAlgorithm::{Sha1, Sha3_256, Sha3_384, Sha3_512, Sha224, Sha256, Sha384, Sha512};
    use SignatureScheme::{Ecdsa, RsaPkcs1v15, RsaPss};
    &[
        (RsaPkcs1v15(Sha1), 0x03),
        (RsaPkcs1v15(Sha224), 0x04),
        (RsaPkcs1v15(Sha256), 0x05),
        (RsaPkcs1v15(Sha384), 0x06),
        (RsaPkcs1v15(Sha512), 0x07),
        (RsaPss(None), 0x08),
        (Ecdsa(Sha1), 0x0C),
        (Ecdsa(Sha224), 0x0D),
        (Ecdsa(Sha256), 0x0E),
        (Ecdsa(Sha384), 0x0F),
        (Ecdsa(Sha512), 0x10),
        (RsaPkcs1v15(Sha3_256), 0x11),
        (RsaPkcs1v15(Sha3_384), 0x12),
        (RsaPkcs1v15(Sha3_512), 0x13),
    ]
};

impl SignatureScheme {
    /// The code in KMIP's list; 0, which KMIP does not use, for a combination that it cannot name.
    pub fn code(self) -> u32 {
        match self {
            Self::Other(code) => code,
            Self::RsaPss(_) => 0x08,
            known => SIGNATURES.iter().find(|(scheme, _)| *scheme == known).map_or(0, |(_, code)| *code),
        }
    }

    /// The scheme of a code in KMIP's list.
    pub fn from_code(code: u32) -> Self {
        SIGNATURES.iter().find(|(_, known)| *known == code).map_or(Self::Other(code), |(scheme, _)| *scheme)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_come_back_as_they_went() {
        for code in 0..0x200 {
            assert_eq!(Algorithm::from_code(code).code(), code);
            assert_eq!(Curve::from_code(code).code(), code);
            assert_eq!(HashAlgorithm::from_code(code).code(), code);
            assert_eq!(KeyFormat::from_code(code).code(), code);
            assert_eq!(BlockCipherMode::from_code(code).code(), code);
            assert_eq!(PaddingMethod::from_code(code).code(), code);
            assert_eq!(LinkType::from_code(code).code(), code);
            assert_eq!(RevocationReason::from_code(code).code(), code);
            assert_eq!(SignatureScheme::from_code(code).code(), code);
        }
    }

    #[test]
    fn every_object_type_has_its_own_code() {
        for (kind, code) in ObjectType::CODES {
            assert_eq!(ObjectType::from_code(*code), Some(*kind));
            assert_eq!(kind.code(), *code);
        }
        assert_eq!(ObjectType::from_code(0x0B), None);
    }
}
