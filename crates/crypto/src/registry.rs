//! Which algorithms there are: one line each, from name to what makes, parses and fits its keys. No cryptography here.

use std::sync::Arc;

use keyreeve_core::{
    Result,
    model::{Algorithm, KeyMaterial, KeySpec, UsageMask},
    ports::{
        crypto::{Generated, ParsedKey},
        rng::Rng,
    },
};

use crate::{
    algorithms::{aes, chacha20, ec, ed25519, hmac, ml_dsa, ml_kem, rsa, slh_dsa, triple_des},
    error::unsupported,
};

/// Which part of a key the material is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    /// The whole of a symmetric key.
    Secret,
    /// The private half of a pair.
    Private,
    /// The public half of a pair.
    Public,
}

/// What a key is parsed from.
pub(crate) struct Source<'a> {
    /// Which part of a key the material is.
    pub half: Half,
    /// What the caller says that it is; always there for symmetric keys.
    pub spec: Option<&'a KeySpec>,
    /// The material.
    pub material: &'a KeyMaterial,
    /// Where the key takes IVs and salts from.
    pub rng: &'a Arc<dyn Rng>,
}

/// Uses that fit a kind of key.
#[derive(Clone, Copy)]
pub(crate) struct Uses {
    /// Of the symmetric key or the private half.
    pub private: UsageMask,
    /// Of the public half.
    pub public: UsageMask,
    /// Those among them that a key gets by name only: beside its other uses they are better kept apart.
    pub by_name: UsageMask,
}

impl Uses {
    /// Uses without any that is better kept apart.
    pub(crate) fn new(private: UsageMask, public: UsageMask) -> Self {
        Self { private, public, by_name: UsageMask::NONE }
    }

    /// All that fit: (symmetric or private half, public half).
    pub(crate) fn fitting(self) -> (UsageMask, UsageMask) {
        (self.private, self.public)
    }

    /// Those of a key where nobody names any.
    pub(crate) fn default(self) -> (UsageMask, UsageMask) {
        (UsageMask(self.private.0 & !self.by_name.0), UsageMask(self.public.0 & !self.by_name.0))
    }
}

/// One algorithm.
pub(crate) struct Descriptor {
    algorithm: Algorithm,
    /// Uses that fit.
    pub usage: fn(&KeySpec) -> Uses,
    /// Makes a key.
    pub generate: fn(&KeySpec, &dyn Rng) -> Result<Generated>,
    /// Parses and validates a key.
    pub parse: fn(&Source<'_>) -> Result<Arc<dyn ParsedKey>>,
}

macro_rules! table {
    ($($algorithm:ident => $family:ident;)*) => {
        const TABLE: &[Descriptor] = &[$(Descriptor {
            algorithm: Algorithm::$algorithm,
            usage: $family::usage,
            generate: $family::generate,
            parse: $family::parse,
        }),*];
    };
}

table! {
    Aes => aes;
    TripleDes => triple_des;
    HmacSha1 => hmac;
    HmacSha224 => hmac;
    HmacSha256 => hmac;
    HmacSha384 => hmac;
    HmacSha512 => hmac;
    Rsa => rsa;
    Ec => ec;
    Ed25519 => ed25519;
    ChaCha20 => chacha20;
    ChaCha20Poly1305 => chacha20;
    MlKem512 => ml_kem;
    MlKem768 => ml_kem;
    MlKem1024 => ml_kem;
    MlDsa44 => ml_dsa;
    MlDsa65 => ml_dsa;
    MlDsa87 => ml_dsa;
    SlhDsaSha2_128s => slh_dsa;
    SlhDsaSha2_128f => slh_dsa;
    SlhDsaSha2_192s => slh_dsa;
    SlhDsaSha2_192f => slh_dsa;
    SlhDsaSha2_256s => slh_dsa;
    SlhDsaSha2_256f => slh_dsa;
    SlhDsaShake128s => slh_dsa;
    SlhDsaShake128f => slh_dsa;
    SlhDsaShake192s => slh_dsa;
    SlhDsaShake192f => slh_dsa;
    SlhDsaShake256s => slh_dsa;
    SlhDsaShake256f => slh_dsa;
}

/// The descriptor of an algorithm.
///
/// # Errors
/// `Unsupported` where nothing can be computed with it.
pub(crate) fn descriptor(algorithm: Algorithm) -> Result<&'static Descriptor> {
    TABLE
        .iter()
        .find(|descriptor| descriptor.algorithm == algorithm)
        .ok_or_else(|| unsupported(format!("algorithm {} is not offered", algorithm.word())))
}
