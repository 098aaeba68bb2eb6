//! ML-DSA keys: pure signatures over the message itself, with an empty context string.

use std::sync::Arc;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    signature::{
        self, KeyPair, ML_DSA_44, ML_DSA_44_SIGNING, ML_DSA_65, ML_DSA_65_SIGNING, ML_DSA_87,
        ML_DSA_87_SIGNING, PqdsaKeyPair, PqdsaSigningAlgorithm, PqdsaVerificationAlgorithm,
    },
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

const SEED_BYTES: usize = 32;

/// A parameter set with what the library calls it.
///
/// # Standard
/// FIPS 204 section 4.
struct Set {
    spec: KeySpec,
    signing: &'static PqdsaSigningAlgorithm,
    verification: &'static PqdsaVerificationAlgorithm,
}

static SETS: [Set; 3] = [
    Set {
        spec: KeySpec { algorithm: Algorithm::MlDsa44, length_bits: 10_496, curve: None },
        signing: &ML_DSA_44_SIGNING,
        verification: &ML_DSA_44,
    },
    Set {
        spec: KeySpec { algorithm: Algorithm::MlDsa65, length_bits: 15_616, curve: None },
        signing: &ML_DSA_65_SIGNING,
        verification: &ML_DSA_65,
    },
    Set {
        spec: KeySpec { algorithm: Algorithm::MlDsa87, length_bits: 20_736, curve: None },
        signing: &ML_DSA_87_SIGNING,
        verification: &ML_DSA_87,
    },
];

pub(crate) fn usage(_: &KeySpec) -> Uses {
    Uses::new(UsageMask::SIGN, UsageMask::VERIFY)
}

/// The private key is kept as its seed.
///
/// # Standard
/// FIPS 204 section 5.1.
pub(crate) fn generate(spec: &KeySpec, rng: &dyn Rng) -> Result<Generated> {
    let set = set(spec.algorithm)?;
    if *spec != set.spec {
        return Err(invalid(format!("keys for {} have {} bits", set.spec.name(), set.spec.length_bits)));
    }
    let mut seed = Zeroizing::new([0; SEED_BYTES]);
    rng.fill(seed.as_mut_slice())?;
    let pair =
        PqdsaKeyPair::from_seed(set.signing, seed.as_slice()).map_err(|_| library("make an ML-DSA key"))?;
    let pkcs8 = pair.to_pkcs8v1().map_err(|_| library("encode an ML-DSA key"))?;
    Ok(Generated::Pair {
        private: KeyMaterial { format: KeyFormat::Pkcs8, bytes: SecretBytes::copy_from(pkcs8.as_ref()) },
        public: KeyMaterial { format: KeyFormat::Spki, bytes: SecretBytes::new(spki(&pair)?) },
    })
}

pub(crate) fn parse(source: &Source<'_>) -> Result<Arc<dyn ParsedKey>> {
    let bytes = source.material.bytes.expose();
    let set = set(der::algorithm(source.half, source.material)?)?;
    match source.half {
        Half::Private => {
            let pair = PqdsaKeyPair::from_pkcs8(set.signing, bytes)
                .map_err(|_| invalid(format!("this is no private key for {}", set.spec.name())))?;
            let public = PublicKey::parse(set, spki(&pair)?)?;
            Ok(Arc::new(PrivateKey { public, pair, pkcs8: SecretBytes::copy_from(bytes) }))
        }
        Half::Public => Ok(Arc::new(PublicKey::parse(set, bytes.to_vec())?)),
        Half::Secret => Err(invalid("an ML-DSA key is private or public")),
    }
}

/// The public half.
struct PublicKey {
    set: &'static Set,
    spki: Vec<u8>,
    key: signature::ParsedPublicKey,
}

impl PublicKey {
    fn parse(set: &'static Set, spki: Vec<u8>) -> Result<Self> {
        let key = signature::ParsedPublicKey::new(set.verification, &spki)
            .map_err(|_| invalid(format!("this is no public key for {}", set.spec.name())))?;
        Ok(Self { set, spki, key })
    }
}

impl ParsedKey for PublicKey {
    fn spec(&self) -> &KeySpec {
        &self.set.spec
    }

    /// # Standard
    /// FIPS 204 section 5.3.
    fn verify(&self, parameters: &CryptoParameters, input: ToSign<'_>, signature: &[u8]) -> Result<bool> {
        Ok(self.key.verify_sig(message(parameters, input)?, signature).is_ok())
    }

    fn export(&self, format: KeyFormat) -> Result<KeyMaterial> {
        match format {
            KeyFormat::Spki => Ok(KeyMaterial { format, bytes: SecretBytes::copy_from(&self.spki) }),
            _ => Err(unsupported("an ML-DSA public key is exported as SubjectPublicKeyInfo")),
        }
    }

    fn public_key(&self) -> Result<Vec<u8>> {
        Ok(self.spki.clone())
    }
}

/// The private half with the public one inside. Holds secrets.
struct PrivateKey {
    public: PublicKey,
    pair: PqdsaKeyPair,
    /// As it came: with the seed, the expanded key, or both.
    pkcs8: SecretBytes,
}

impl ParsedKey for PrivateKey {
    fn spec(&self) -> &KeySpec {
        self.public.spec()
    }

    /// # Standard
    /// FIPS 204 section 5.2, hedged.
    fn sign(&self, parameters: &CryptoParameters, input: ToSign<'_>) -> Result<Vec<u8>> {
        let mut signature = vec![0; self.public.set.signing.signature_len()];
        self.pair
            .sign(message(parameters, input)?, &mut signature)
            .map_err(|_| library("sign with an ML-DSA key"))?;
        Ok(signature)
    }

    fn verify(&self, parameters: &CryptoParameters, input: ToSign<'_>, signature: &[u8]) -> Result<bool> {
        self.public.verify(parameters, input, signature)
    }

    fn export(&self, format: KeyFormat) -> Result<KeyMaterial> {
        match format {
            KeyFormat::Pkcs8 => {
                Ok(KeyMaterial { format, bytes: SecretBytes::copy_from(self.pkcs8.expose()) })
            }
            _ => Err(unsupported("an ML-DSA private key is exported as PKCS#8")),
        }
    }

    fn public_key(&self) -> Result<Vec<u8>> {
        self.public.public_key()
    }
}

fn set(algorithm: Algorithm) -> Result<&'static Set> {
    SETS.iter().find(|set| set.spec.algorithm == algorithm).ok_or_else(|| unsupported("not an ML-DSA key"))
}

fn message<'a>(parameters: &CryptoParameters, input: ToSign<'a>) -> Result<&'a [u8]> {
    if parameters.hash.is_some() || parameters.padding.is_some() || parameters.signature.is_some() {
        return Err(invalid("ML-DSA takes no hash, padding or signature scheme"));
    }
    match input {
        ToSign::Data(data) => Ok(data),
        ToSign::Digest(_) => Err(unsupported("ML-DSA signs messages, not digests")),
    }
}

fn spki(pair: &PqdsaKeyPair) -> Result<Vec<u8>> {
    let der: PublicKeyX509Der<'_> =
        pair.public_key().as_der().map_err(|_| library("encode an ML-DSA key"))?;
    Ok(der.as_ref().to_vec())
}
