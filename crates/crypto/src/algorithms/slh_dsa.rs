//! SLH-DSA keys: pure signatures over the message itself, hedged, with an empty context string. Signing takes from tens of
//! milliseconds (the `f` sets) to seconds (the `s` sets).

use std::{num::NonZeroU32, sync::Arc};

use fips205::traits::{KeyGen, SerDes, Signer, Verifier};
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

/// Tells by the public key, of a message, whether a signature is right; `None`: the key is none.
type Verify = fn(&[u8], &[u8], &[u8]) -> Option<bool>;

/// A parameter set with the library's functions for it.
///
/// # Standard
/// FIPS 205 section 11.
struct Set {
    spec: KeySpec,
    /// Private key from three seeds, one after the other: SK.seed, SK.prf, PK.seed.
    generate: fn(&[u8]) -> Option<SecretBytes>,
    /// Recomputes the root, and refuses a private key whose own is another.
    private: fn(&[u8]) -> Option<Box<dyn Signs>>,
    verify: Verify,
}

impl Set {
    /// Bytes of PK.seed with PK.root; a private key has twice as many.
    fn public_bytes(&self) -> usize {
        self.spec.length_bits as usize / 8
    }
}

/// A private key of any set. Holds secrets, and wipes them.
trait Signs: Send + Sync {
    fn sign(&self, rng: &dyn Rng, message: &[u8]) -> Option<Vec<u8>>;
}

macro_rules! sets {
    ($($algorithm:ident $bits:literal $module:ident;)*) => {
        $(impl Signs for fips205::$module::PrivateKey {
            fn sign(&self, rng: &dyn Rng, message: &[u8]) -> Option<Vec<u8>> {
                self.try_sign_with_rng(&mut Generator(rng), message, &[], true).ok().map(|signature| signature.to_vec())
            }
        })*

        static SETS: [Set; 12] = [$(Set {
            spec: KeySpec { algorithm: Algorithm::$algorithm, length_bits: $bits, curve: None },
            generate: |seeds| {
                let (seeds, rest) = seeds.as_chunks();
                let [sk_seed, sk_prf, pk_seed] = seeds else { return None };
                let (_, key) = fips205::$module::KG::keygen_from_seed::<{ fips205::$module::N }>(sk_seed, sk_prf, pk_seed);
                rest.is_empty().then(|| SecretBytes::take_from(&mut key.into_bytes()))
            },
            private: |bytes| {
                let bytes = Zeroizing::new(<[u8; fips205::$module::SK_LEN]>::try_from(bytes).ok()?);
                let key = fips205::$module::PrivateKey::try_from_bytes(*bytes).ok()?;
                Some(Box::new(key))
            },
            verify: |key, message, signature| {
                let key = fips205::$module::PublicKey::try_from_bytes(key.try_into().ok()?).ok()?;
                Some(key.verify(message, signature.try_into().ok()?, &[]))
            },
        }),*];
    };
}

sets! {
    SlhDsaSha2_128s 256 slh_dsa_sha2_128s;
    SlhDsaSha2_128f 256 slh_dsa_sha2_128f;
    SlhDsaSha2_192s 384 slh_dsa_sha2_192s;
    SlhDsaSha2_192f 384 slh_dsa_sha2_192f;
    SlhDsaSha2_256s 512 slh_dsa_sha2_256s;
    SlhDsaSha2_256f 512 slh_dsa_sha2_256f;
    SlhDsaShake128s 256 slh_dsa_shake_128s;
    SlhDsaShake128f 256 slh_dsa_shake_128f;
    SlhDsaShake192s 384 slh_dsa_shake_192s;
    SlhDsaShake192f 384 slh_dsa_shake_192f;
    SlhDsaShake256s 512 slh_dsa_shake_256s;
    SlhDsaShake256f 512 slh_dsa_shake_256f;
}

/// The house's generator by the library's trait.
struct Generator<'a>(&'a dyn Rng);

impl fips205::RngCore for Generator<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_ne_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_ne_bytes(bytes)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        // INVARIANT: the library signs with `try_fill_bytes` alone, so that a generator that fails is answered.
        self.try_fill_bytes(out).expect("random bytes");
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> std::result::Result<(), fips205::RngError> {
        self.0.fill(out).map_err(|_| NonZeroU32::MAX.into())
    }
}

impl fips205::CryptoRng for Generator<'_> {}

pub(crate) fn usage(_: &KeySpec) -> Uses {
    Uses::new(UsageMask::SIGN, UsageMask::VERIFY)
}

/// # Standard
/// FIPS 205 section 9.1 and algorithm 21.
pub(crate) fn generate(spec: &KeySpec, rng: &dyn Rng) -> Result<Generated> {
    let set = set(spec.algorithm)?;
    if *spec != set.spec {
        return Err(invalid(format!("keys for {} have {} bits", set.spec.name(), set.spec.length_bits)));
    }
    let mut seeds = Zeroizing::new(vec![0; set.public_bytes() / 2 * 3]);
    rng.fill(&mut seeds)?;
    let key = (set.generate)(&seeds).ok_or_else(|| library("make an SLH-DSA key"))?;
    let pkcs8 = der::post_quantum_pkcs8(spec.algorithm, key.expose())?;
    let spki = der::post_quantum_spki(spec.algorithm, public_half(set, &key))?;
    Ok(Generated::Pair {
        private: KeyMaterial { format: KeyFormat::Pkcs8, bytes: pkcs8 },
        public: KeyMaterial { format: KeyFormat::Spki, bytes: SecretBytes::new(spki) },
    })
}

/// # Standard
/// RFC 9909 sections 4 and 6: both halves as they are, without a layer of ASN.1 of their own.
pub(crate) fn parse(source: &Source<'_>) -> Result<Arc<dyn ParsedKey>> {
    let bytes = source.material.bytes.expose();
    let set = set(der::algorithm(source.half, source.material)?)?;
    match source.half {
        Half::Private => Ok(Arc::new(PrivateKey::parse(set, bytes, source.rng)?)),
        Half::Public => Ok(Arc::new(PublicKey::parse(set, bytes)?)),
        Half::Secret => Err(invalid("an SLH-DSA key is private or public")),
    }
}

/// The public half.
struct PublicKey {
    set: &'static Set,
    /// PK.seed and PK.root.
    key: Vec<u8>,
    spki: Vec<u8>,
}

impl PublicKey {
    fn parse(set: &'static Set, spki: &[u8]) -> Result<Self> {
        let key = der::public_key_bytes(spki)?;
        if key.len() != set.public_bytes() {
            return Err(invalid(format!("this is no public key for {}", set.spec.name())));
        }
        Ok(Self { set, key, spki: spki.to_vec() })
    }
}

impl ParsedKey for PublicKey {
    fn spec(&self) -> &KeySpec {
        &self.set.spec
    }

    /// # Standard
    /// FIPS 205 algorithm 24.
    fn verify(&self, parameters: &CryptoParameters, input: ToSign<'_>, signature: &[u8]) -> Result<bool> {
        let message = message(parameters, input)?;
        // A signature of another length is a wrong one.
        Ok((self.set.verify)(&self.key, message, signature).unwrap_or(false))
    }

    fn export(&self, format: KeyFormat) -> Result<KeyMaterial> {
        match format {
            KeyFormat::Spki => Ok(KeyMaterial { format, bytes: SecretBytes::copy_from(&self.spki) }),
            _ => Err(unsupported("an SLH-DSA public key is exported as SubjectPublicKeyInfo")),
        }
    }

    fn public_key(&self) -> Result<Vec<u8>> {
        Ok(self.spki.clone())
    }
}

/// The private half with the public one inside. Holds secrets.
struct PrivateKey {
    public: PublicKey,
    key: Box<dyn Signs>,
    /// As it came.
    pkcs8: SecretBytes,
    rng: Arc<dyn Rng>,
}

impl PrivateKey {
    fn parse(set: &'static Set, pkcs8: &[u8], rng: &Arc<dyn Rng>) -> Result<Self> {
        let bytes = der::private_key_bytes(pkcs8)?;
        let key = (set.private)(bytes.expose())
            .ok_or_else(|| invalid(format!("this is no private key for {}", set.spec.name())))?;
        let spki = der::post_quantum_spki(set.spec.algorithm, public_half(set, &bytes))?;
        let public = PublicKey::parse(set, &spki)?;
        Ok(Self { public, key, pkcs8: SecretBytes::copy_from(pkcs8), rng: Arc::clone(rng) })
    }
}

impl ParsedKey for PrivateKey {
    fn spec(&self) -> &KeySpec {
        self.public.spec()
    }

    /// # Standard
    /// FIPS 205 algorithm 22, hedged.
    fn sign(&self, parameters: &CryptoParameters, input: ToSign<'_>) -> Result<Vec<u8>> {
        let message = message(parameters, input)?;
        self.key.sign(self.rng.as_ref(), message).ok_or_else(|| library("sign with an SLH-DSA key"))
    }

    fn verify(&self, parameters: &CryptoParameters, input: ToSign<'_>, signature: &[u8]) -> Result<bool> {
        self.public.verify(parameters, input, signature)
    }

    fn export(&self, format: KeyFormat) -> Result<KeyMaterial> {
        match format {
            KeyFormat::Pkcs8 => {
                Ok(KeyMaterial { format, bytes: SecretBytes::copy_from(self.pkcs8.expose()) })
            }
            _ => Err(unsupported("an SLH-DSA private key is exported as PKCS#8")),
        }
    }

    fn public_key(&self) -> Result<Vec<u8>> {
        self.public.public_key()
    }
}

/// The second half of a private key.
fn public_half<'a>(set: &Set, private: &'a SecretBytes) -> &'a [u8] {
    &private.expose()[set.public_bytes()..]
}

fn set(algorithm: Algorithm) -> Result<&'static Set> {
    SETS.iter().find(|set| set.spec.algorithm == algorithm).ok_or_else(|| unsupported("not an SLH-DSA key"))
}

fn message<'a>(parameters: &CryptoParameters, input: ToSign<'a>) -> Result<&'a [u8]> {
    if parameters.hash.is_some() || parameters.padding.is_some() || parameters.signature.is_some() {
        return Err(invalid("SLH-DSA takes no hash, padding or signature scheme"));
    }
    match input {
        ToSign::Data(data) => Ok(data),
        ToSign::Digest(_) => Err(unsupported("SLH-DSA signs messages, not digests")),
    }
}
