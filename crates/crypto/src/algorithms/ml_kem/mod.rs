//! ML-KEM keys: encryption to the public key, by HPKE.

use std::sync::Arc;

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    kem::{self, DecapsulationKey, EncapsulationKey, ML_KEM_512, ML_KEM_768, ML_KEM_1024},
};
use keyreeve_core::{
    Result, SecretBytes,
    model::{Algorithm, CryptoParameters, KeyFormat, KeyMaterial, KeySpec, UsageMask},
    ports::{
        crypto::{Ciphertext, EnvelopeKey, Generated, ParsedKey},
        rng::Rng,
    },
};

use crate::{
    der,
    error::{crypto_failed, invalid, library, unsupported},
    hpke::{self, Aead, Bound, Kem},
    registry::{Half, Source, Uses},
    rng::drawn_anew,
};
use encoding::{expanded, expanded_key};

mod encoding;

/// A parameter set with what the library calls it.
///
/// # Standard
/// FIPS 203 section 8; the identifiers of HPKE's registry.
struct Set {
    spec: KeySpec,
    algorithm: &'static kem::Algorithm,
    kem: Kem,
    /// Offset of the encapsulation key in the decapsulation key, and its length.
    public_at: usize,
    public_bytes: usize,
}

static SETS: [Set; 3] = [
    Set {
        spec: KeySpec { algorithm: Algorithm::MlKem512, length_bits: 6_400, curve: None },
        algorithm: &ML_KEM_512,
        kem: Kem { id: 0x40, kdf: hpke::HKDF_SHA256, enc_bytes: 768 },
        public_at: 768,
        public_bytes: 800,
    },
    Set {
        spec: KeySpec { algorithm: Algorithm::MlKem768, length_bits: 9_472, curve: None },
        algorithm: &ML_KEM_768,
        kem: Kem { id: 0x41, kdf: hpke::HKDF_SHA256, enc_bytes: 1088 },
        public_at: 1152,
        public_bytes: 1184,
    },
    Set {
        spec: KeySpec { algorithm: Algorithm::MlKem1024, length_bits: 12_544, curve: None },
        algorithm: &ML_KEM_1024,
        kem: Kem { id: 0x42, kdf: hpke::HKDF_SHA384, enc_bytes: 1568 },
        public_at: 1536,
        public_bytes: 1568,
    },
];

pub(crate) fn usage(_: &KeySpec) -> Uses {
    Uses::new(UsageMask::DECRYPT, UsageMask::ENCRYPT)
}

/// The library's own generator is used, which begins anew; it gives out no seed, so the private key is kept expanded.
///
/// # Standard
/// FIPS 203 section 7.1.
pub(crate) fn generate(spec: &KeySpec, _: &dyn Rng) -> Result<Generated> {
    let set = set(spec.algorithm)?;
    if *spec != set.spec {
        return Err(invalid(format!("keys for {} have {} bits", set.spec.name(), set.spec.length_bits)));
    }
    let refused = |_| library("make an ML-KEM key");
    let private = drawn_anew(|| DecapsulationKey::generate(set.algorithm))?.map_err(refused)?;
    let public = private.encapsulation_key().and_then(|key| key.key_bytes()).map_err(refused)?;
    let private = private.key_bytes().map_err(refused)?;
    let spki = der::post_quantum_spki(spec.algorithm, public.as_ref())?;
    let pkcs8 = der::post_quantum_pkcs8(spec.algorithm, expanded(private.as_ref())?.expose())?;
    Ok(Generated::Pair {
        private: KeyMaterial { format: KeyFormat::Pkcs8, bytes: pkcs8 },
        public: KeyMaterial { format: KeyFormat::Spki, bytes: SecretBytes::new(spki) },
    })
}

pub(crate) fn parse(source: &Source<'_>) -> Result<Arc<dyn ParsedKey>> {
    let bytes = source.material.bytes.expose();
    let set = set(der::algorithm(source.half, source.material)?)?;
    match source.half {
        Half::Private => Ok(Arc::new(PrivateKey::parse(set, bytes)?)),
        Half::Public => Ok(Arc::new(PublicKey::parse(set, bytes.to_vec())?)),
        Half::Secret => Err(invalid("an ML-KEM key is private or public")),
    }
}

/// The public half.
struct PublicKey {
    set: &'static Set,
    spki: Vec<u8>,
    key: EncapsulationKey,
}

impl PublicKey {
    /// Encapsulates once: that is how the library checks the key.
    ///
    /// # Standard
    /// FIPS 203 section 7.2, the modulus check.
    fn parse(set: &'static Set, spki: Vec<u8>) -> Result<Self> {
        let refused = |_| invalid(format!("this is no public key for {}", set.spec.name()));
        let key = EncapsulationKey::new(set.algorithm, &der::public_key_bytes(&spki)?)
            .map_err(|_| invalid(format!("this is no public key for {}", set.spec.name())))?;
        key.encapsulate().map_err(refused)?;
        Ok(Self { set, spki, key })
    }

    fn seal(&self, aead: Aead, bound: Bound<'_>, plaintext: &[u8]) -> Result<Vec<u8>> {
        let encapsulated = drawn_anew(|| self.key.encapsulate())?;
        let (enc, secret) = encapsulated.map_err(|_| library("encapsulate"))?;
        hpke::seal(&self.set.kem, aead, (secret.as_ref(), enc.as_ref()), bound, plaintext)
    }
}

impl ParsedKey for PublicKey {
    fn spec(&self) -> &KeySpec {
        &self.set.spec
    }

    /// # Standard
    /// FIPS 203 section 7.2, RFC 9180 section 6.1.
    fn encrypt(
        &self,
        parameters: &CryptoParameters,
        iv: Option<&[u8]>,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Ciphertext> {
        let aead = hpke::aead(parameters, iv, None)?;
        Ok(Ciphertext {
            data: self.seal(aead, Bound { info: &[], aad }, plaintext)?,
            ..Ciphertext::default()
        })
    }

    fn seal_envelope(&self, _: EnvelopeKey, context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        self.seal(hpke::AES_256_GCM, Bound { info: context, aad: &[] }, plaintext)
    }

    fn export(&self, format: KeyFormat) -> Result<KeyMaterial> {
        match format {
            KeyFormat::Spki => Ok(KeyMaterial { format, bytes: SecretBytes::copy_from(&self.spki) }),
            _ => Err(unsupported("an ML-KEM public key is exported as SubjectPublicKeyInfo")),
        }
    }

    fn public_key(&self) -> Result<Vec<u8>> {
        Ok(self.spki.clone())
    }
}

/// The private half with the public one inside. Holds secrets.
struct PrivateKey {
    public: PublicKey,
    key: DecapsulationKey,
    /// As it came.
    pkcs8: SecretBytes,
}

impl PrivateKey {
    /// Encapsulates and decapsulates once: only a key whose parts belong together gives the same secret twice.
    ///
    /// # Standard
    /// FIPS 203 section 7.3, the checks of a decapsulation key.
    fn parse(set: &'static Set, pkcs8: &[u8]) -> Result<Self> {
        let refused = || invalid(format!("this is no private key for {}", set.spec.name()));
        let expanded = expanded_key(set.spec.algorithm, der::private_key_bytes(pkcs8)?.expose())?;
        let key = DecapsulationKey::new(set.algorithm, expanded.expose()).map_err(|_| refused())?;
        let public = expanded.expose().get(set.public_at..set.public_at + set.public_bytes);
        let spki = der::post_quantum_spki(set.spec.algorithm, public.ok_or_else(refused)?)?;
        let public = PublicKey::parse(set, spki)?;
        let (enc, secret) = public.key.encapsulate().map_err(|_| refused())?;
        let again = key.decapsulate(enc).map_err(|_| refused())?;
        verify_slices_are_equal(secret.as_ref(), again.as_ref()).map_err(|_| refused())?;
        Ok(Self { public, key, pkcs8: SecretBytes::copy_from(pkcs8) })
    }

    /// # Standard
    /// FIPS 203 section 7.3; a wrong encapsulation gives a secret that nobody else has.
    fn open(&self, aead: Aead, bound: Bound<'_>, sealed: &[u8]) -> Result<SecretBytes> {
        let decapsulate = |enc: &[u8]| {
            let secret = self.key.decapsulate(enc.into()).map_err(|_| crypto_failed())?;
            Ok(SecretBytes::copy_from(secret.as_ref()))
        };
        hpke::open(&self.public.set.kem, aead, decapsulate, bound, sealed)
    }
}

impl ParsedKey for PrivateKey {
    fn spec(&self) -> &KeySpec {
        self.public.spec()
    }

    fn encrypt(
        &self,
        parameters: &CryptoParameters,
        iv: Option<&[u8]>,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Ciphertext> {
        self.public.encrypt(parameters, iv, aad, plaintext)
    }

    fn decrypt(
        &self,
        parameters: &CryptoParameters,
        iv: Option<&[u8]>,
        aad: &[u8],
        ciphertext: &[u8],
        tag: Option<&[u8]>,
    ) -> Result<SecretBytes> {
        self.open(hpke::aead(parameters, iv, tag)?, Bound { info: &[], aad }, ciphertext)
    }

    fn seal_envelope(&self, owner: EnvelopeKey, context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        self.public.seal_envelope(owner, context, plaintext)
    }

    fn open_envelope(&self, _: EnvelopeKey, context: &[u8], envelope: &[u8]) -> Result<SecretBytes> {
        self.open(hpke::AES_256_GCM, Bound { info: context, aad: &[] }, envelope)
    }

    fn export(&self, format: KeyFormat) -> Result<KeyMaterial> {
        match format {
            KeyFormat::Pkcs8 => {
                Ok(KeyMaterial { format, bytes: SecretBytes::copy_from(self.pkcs8.expose()) })
            }
            _ => Err(unsupported("an ML-KEM private key is exported as PKCS#8")),
        }
    }

    fn public_key(&self) -> Result<Vec<u8>> {
        self.public.public_key()
    }
}

fn set(algorithm: Algorithm) -> Result<&'static Set> {
    SETS.iter().find(|set| set.spec.algorithm == algorithm).ok_or_else(|| unsupported("not an ML-KEM key"))
}

#[cfg(test)]
mod tests;
