//! `SoftwareCrypto`: core's crypto port on this machine's processor. Dispatches to the registry.

use std::sync::Arc;

use aws_lc_rs::{aead, constant_time, hkdf, hmac};
use keyreeve_core::{
    Error, Result, SecretBytes,
    model::{Algorithm, HashAlgorithm, Kdf, KeyMaterial, KeySpec, ObjectType, Split, UsageMask},
    ports::{
        crypto::{Crypto, Generated, ParsedKey, Running},
        rng::Rng,
    },
};

use crate::{
    ahead::{self, Ahead},
    der, digest,
    error::{crypto_failed, invalid, library, unsupported},
    kdf, pairwise,
    registry::{self, Half, Source},
    rng::SystemRng,
    selftest, sharing,
};

/// The software implementation of the crypto port.
pub struct SoftwareCrypto {
    rng: Arc<dyn Rng>,
    /// RSA keys that wait for somebody to want them.
    ahead: Option<Ahead>,
}

impl SoftwareCrypto {
    /// Software algorithms with the random number generator of the system.
    pub fn new() -> Self {
        Self::with_rng(Arc::new(SystemRng))
    }

    /// The same with another generator, for tests that must repeat: RSA and ML-KEM keys, encapsulations and signatures
    /// use the library's own all the same.
    pub fn with_rng(rng: Arc<dyn Rng>) -> Self {
        Self { rng, ahead: None }
    }

    /// The same with RSA keys made ahead on a thread of its own: up to `each_max` of each length, 0 for none, once a key
    /// of that length was asked for, and none any more five minutes after the last was.
    pub fn with_rsa_keys_ahead(mut self, each_max: usize) -> Self {
        let maker = Self { rng: Arc::clone(&self.rng), ahead: None };
        let make = move |spec: &KeySpec| maker.generate(spec);
        self.ahead = (each_max > 0).then(|| Ahead::start(each_max, ahead::KEPT, Box::new(make)));
        self
    }

    /// Runs one known answer of every family; takes some milliseconds.
    ///
    /// # Errors
    /// `Internal` naming the family that answered wrong: nothing must be computed then.
    pub fn self_test(&self) -> Result<()> {
        selftest::run(self)
    }
}

impl SoftwareCrypto {
    /// A key from the stock, tested when it was made.
    fn made_ahead(&self, spec: &KeySpec) -> Option<Generated> {
        let ahead = self.ahead.as_ref().filter(|_| spec.algorithm == Algorithm::Rsa)?;
        // INVARIANT: only kinds that can be made are asked for, so that the stock has a shelf for few lengths.
        matches!(spec.length_bits, 2048 | 3072 | 4096).then(|| ahead.take(spec)).flatten()
    }
}

impl Default for SoftwareCrypto {
    fn default() -> Self {
        Self::new()
    }
}

impl Rng for SoftwareCrypto {
    fn fill(&self, out: &mut [u8]) -> Result<()> {
        self.rng.fill(out)
    }
}

impl Crypto for SoftwareCrypto {
    fn generate(&self, spec: &KeySpec) -> Result<Generated> {
        if let Some(made) = self.made_ahead(spec) {
            return Ok(made);
        }
        let descriptor = registry::descriptor(spec.algorithm)?;
        let make = || (descriptor.generate)(spec, self.rng.as_ref());
        let generated = make()?;
        pairwise::check(self, &generated, &make)?;
        Ok(generated)
    }

    fn parse(
        &self,
        object_type: ObjectType,
        spec: Option<&KeySpec>,
        material: &KeyMaterial,
    ) -> Result<Arc<dyn ParsedKey>> {
        let half = match object_type {
            ObjectType::SymmetricKey => Half::Secret,
            ObjectType::PrivateKey => Half::Private,
            ObjectType::PublicKey => Half::Public,
            _ => return Err(unsupported("nothing can be computed with this kind of object")),
        };
        let algorithm = match (half, spec) {
            (Half::Secret, Some(spec)) => spec.algorithm,
            (Half::Secret, None) => return Err(invalid("a symmetric key needs its algorithm and length")),
            _ => der::algorithm(half, material)?,
        };
        let key = (registry::descriptor(algorithm)?.parse)(&Source { half, spec, material, rng: &self.rng })?;
        check_spec(spec, key.spec())?;
        Ok(key)
    }

    fn fitting_usage(&self, spec: &KeySpec) -> (UsageMask, UsageMask) {
        registry::descriptor(spec.algorithm)
            .map_or((UsageMask::NONE, UsageMask::NONE), |descriptor| (descriptor.usage)(spec).fitting())
    }

    fn default_usage(&self, spec: &KeySpec) -> (UsageMask, UsageMask) {
        registry::descriptor(spec.algorithm)
            .map_or((UsageMask::NONE, UsageMask::NONE), |descriptor| (descriptor.usage)(spec).default())
    }

    fn derive(&self, secret: &[u8], kdf: &Kdf, bytes: usize) -> Result<SecretBytes> {
        kdf::derive(secret, kdf, bytes)
    }

    fn split(&self, secret: &[u8], split: &Split) -> Result<Vec<SecretBytes>> {
        sharing::split(secret, split, self.rng.as_ref())
    }

    fn join(&self, parts: &[(u32, &[u8])], split: &Split) -> Result<SecretBytes> {
        sharing::join(parts, split)
    }

    fn hash(&self, hash: HashAlgorithm, parts: &[&[u8]]) -> Result<Vec<u8>> {
        Ok(digest::hash(digest::algorithm(hash)?, parts).as_ref().to_vec())
    }

    fn begin_hash(&self, hash: HashAlgorithm) -> Result<Box<dyn Running>> {
        digest::begin(hash)
    }

    fn sha256(&self, parts: &[&[u8]]) -> [u8; 32] {
        digest::sha256(parts)
    }

    fn hmac_sha256(&self, key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(digest::hmac(&hmac::Key::new(hmac::HMAC_SHA256, key), parts).as_ref());
        out
    }

    fn hkdf_sha256(&self, salt: &[u8], ikm: &[u8], info: &[&[u8]]) -> SecretBytes {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(ikm);
        let mut out = vec![0; 32];
        prk.expand(info, hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut out))
            // INVARIANT: one block of output is far below HKDF's limit of 255, so expansion cannot fail.
            .expect("HKDF of 32 bytes");
        SecretBytes::new(out)
    }

    fn aead_seal(&self, key: &[u8], nonce: &[u8; 12], aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        let key = aead_key(key)?;
        let mut out = Vec::with_capacity(plaintext.len() + 16);
        out.extend_from_slice(plaintext);
        key.seal_in_place_append_tag(
            aead::Nonce::assume_unique_for_key(*nonce),
            aead::Aad::from(aad),
            &mut out,
        )
        .map_err(|_| library("seal"))?;
        Ok(out)
    }

    fn aead_open(&self, key: &[u8], nonce: &[u8; 12], aad: &[u8], sealed: &[u8]) -> Result<SecretBytes> {
        let key = aead_key(key)?;
        let data_bytes = sealed.len().checked_sub(16).ok_or_else(crypto_failed)?;
        let (data, tag) = sealed.split_at(data_bytes);
        let mut out = vec![0; data.len()];
        key.open_separate_gather(
            aead::Nonce::assume_unique_for_key(*nonce),
            aead::Aad::from(aad),
            data,
            tag,
            &mut out,
        )
        .map_err(|_| crypto_failed())?;
        Ok(SecretBytes::new(out))
    }

    fn equal(&self, a: &[u8], b: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(a, b).is_ok()
    }
}

fn aead_key(key: &[u8]) -> Result<aead::LessSafeKey> {
    let unbound = aead::UnboundKey::new(&aead::AES_256_GCM, key)
        .map_err(|_| Error::internal(format!("a sealing key of {} bytes instead of 32", key.len())))?;
    Ok(aead::LessSafeKey::new(unbound))
}

/// What the caller says of a key must be what its encoding says.
fn check_spec(said: Option<&KeySpec>, found: &KeySpec) -> Result<()> {
    match said {
        Some(said)
            if said.algorithm != found.algorithm
                || said.length_bits != found.length_bits
                || said.curve.is_some_and(|curve| found.curve != Some(curve)) =>
        {
            Err(invalid(format!("the material is a key for {}, not for {}", found.name(), said.name())))
        }
        _ => Ok(()),
    }
}
