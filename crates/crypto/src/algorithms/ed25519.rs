//! Ed25519 keys: pure EdDSA over the message itself, never over a digest.

use std::sync::Arc;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    signature::{self, ED25519, Ed25519KeyPair, KeyPair},
};
use keyreeve_core::{
    Result, SecretBytes,
    model::{Algorithm, CryptoParameters, KeyFormat, KeyMaterial, KeySpec, UsageMask},
    ports::{
        crypto::{Generated, ParsedKey, ToSign},
        rng::Rng,
    },
};

use zeroize::Zeroizing;

use crate::{
    der,
    error::{invalid, library, unsupported},
    registry::{Half, Source, Uses},
};

const SPEC: KeySpec = KeySpec { algorithm: Algorithm::Ed25519, length_bits: 256, curve: None };

pub(crate) fn usage(_: &KeySpec) -> Uses {
    Uses::new(UsageMask::SIGN, UsageMask::VERIFY)
}

/// # Standard
/// RFC 8032 section 5.1.5.
pub(crate) fn generate(spec: &KeySpec, rng: &dyn Rng) -> Result<Generated> {
    if spec.length_bits != SPEC.length_bits {
        return Err(invalid(format!("Ed25519 keys have 256 bits, not {}", spec.length_bits)));
    }
    let mut seed = Zeroizing::new([0; 32]);
    rng.fill(seed.as_mut_slice())?;
    let pair =
        Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).map_err(|_| library("make an Ed25519 key"))?;
    Ok(Generated::Pair {
        private: KeyMaterial { format: KeyFormat::Pkcs8, bytes: pkcs8(&pair)? },
        public: KeyMaterial { format: KeyFormat::Spki, bytes: SecretBytes::new(spki(&pair)?) },
    })
}

pub(crate) fn parse(source: &Source<'_>) -> Result<Arc<dyn ParsedKey>> {
    let bytes = source.material.bytes.expose();
    match source.half {
        Half::Private => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(bytes)
                .map_err(|_| invalid("this is no Ed25519 private key"))?;
            let public = PublicKey::parse(&spki(&pair)?)?;
            Ok(Arc::new(PrivateKey { public, pair }))
        }
        Half::Public => Ok(Arc::new(PublicKey::parse(bytes)?)),
        Half::Secret => Err(invalid("an Ed25519 key is private or public")),
    }
}

/// The public half.
struct PublicKey {
    spki: Vec<u8>,
    key: signature::ParsedPublicKey,
}

impl PublicKey {
    fn parse(spki: &[u8]) -> Result<Self> {
        der::check_spki(spki)?;
        let key = signature::ParsedPublicKey::new(&ED25519, spki)
            .map_err(|_| invalid("this is no Ed25519 public key"))?;
        Ok(Self { spki: spki.to_vec(), key })
    }
}

impl ParsedKey for PublicKey {
    fn spec(&self) -> &KeySpec {
        &SPEC
    }

    /// # Standard
    /// RFC 8032 section 5.1.7.
    fn verify(&self, parameters: &CryptoParameters, input: ToSign<'_>, signature: &[u8]) -> Result<bool> {
        Ok(self.key.verify_sig(message(parameters, input)?, signature).is_ok())
    }

    fn export(&self, format: KeyFormat) -> Result<KeyMaterial> {
        match format {
            KeyFormat::Spki => Ok(KeyMaterial { format, bytes: SecretBytes::copy_from(&self.spki) }),
            _ => Err(unsupported("an Ed25519 public key is exported as SubjectPublicKeyInfo")),
        }
    }

    fn public_key(&self) -> Result<Vec<u8>> {
        Ok(self.spki.clone())
    }
}

/// The private half with the public one inside. Holds secrets.
struct PrivateKey {
    public: PublicKey,
    pair: Ed25519KeyPair,
}

impl ParsedKey for PrivateKey {
    fn spec(&self) -> &KeySpec {
        &SPEC
    }

    /// # Standard
    /// RFC 8032 section 5.1.6.
    fn sign(&self, parameters: &CryptoParameters, input: ToSign<'_>) -> Result<Vec<u8>> {
        let signature = self
            .pair
            .try_sign(message(parameters, input)?)
            .map_err(|_| library("sign with an Ed25519 key"))?;
        Ok(signature.as_ref().to_vec())
    }

    fn verify(&self, parameters: &CryptoParameters, input: ToSign<'_>, signature: &[u8]) -> Result<bool> {
        self.public.verify(parameters, input, signature)
    }

    fn export(&self, format: KeyFormat) -> Result<KeyMaterial> {
        match format {
            KeyFormat::Pkcs8 => Ok(KeyMaterial { format, bytes: pkcs8(&self.pair)? }),
            _ => Err(unsupported("an Ed25519 private key is exported as PKCS#8")),
        }
    }

    fn public_key(&self) -> Result<Vec<u8>> {
        self.public.public_key()
    }
}

fn message<'a>(parameters: &CryptoParameters, input: ToSign<'a>) -> Result<&'a [u8]> {
    if parameters.hash.is_some() || parameters.padding.is_some() || parameters.signature.is_some() {
        return Err(invalid("Ed25519 takes no hash, padding or signature scheme"));
    }
    match input {
        ToSign::Data(data) => Ok(data),
        ToSign::Digest(_) => Err(unsupported("Ed25519 signs messages, not digests")),
    }
}

/// # Standard
/// RFC 8410 section 7, version 1.
fn pkcs8(pair: &Ed25519KeyPair) -> Result<SecretBytes> {
    let der = pair.to_pkcs8v1().map_err(|_| library("encode an Ed25519 key"))?;
    Ok(SecretBytes::copy_from(der.as_ref()))
}

fn spki(pair: &Ed25519KeyPair) -> Result<Vec<u8>> {
    let der: PublicKeyX509Der<'_> =
        pair.public_key().as_der().map_err(|_| library("encode an Ed25519 key"))?;
    Ok(der.as_ref().to_vec())
}
