//! The self-tests against a port that computes everything wrongly: each of them must notice.

use keyreeve_core::{
    ErrorKind,
    model::{Split, UsageMask},
    ports::{
        crypto::{Ciphertext, Running},
        rng::Rng,
    },
};

use super::*;
use crate::SoftwareCrypto;

/// The software port, with the first byte of answers altered, and right signatures taken for wrong ones.
struct Spoiled(SoftwareCrypto, Which);

struct SpoiledKey(Arc<dyn ParsedKey>, Which);

/// Which method answers wrongly; none: all.
#[derive(Clone, Copy)]
struct Which(Option<&'static str>);

/// Every method that the self-tests ask.
const METHODS: &[&str] = &[
    "hash",
    "sha256",
    "hmac_sha256",
    "hkdf_sha256",
    "derive",
    "aead_seal",
    "aead_open",
    "encrypt",
    "decrypt",
    "open_envelope",
    "sign",
    "verify",
    "mac",
    "wrap",
    "unwrap",
    "agree",
];

impl Which {
    fn is(self, method: &str) -> bool {
        self.0.is_none_or(|only| only == method)
    }

    fn bytes(self, method: &str, mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.first_mut().into_iter().for_each(|first| *first ^= u8::from(self.is(method)));
        bytes
    }

    fn secret(self, method: &str, secret: SecretBytes) -> SecretBytes {
        SecretBytes::new(self.bytes(method, secret.expose().to_vec()))
    }

    fn array(self, method: &str, mut bytes: [u8; 32]) -> [u8; 32] {
        bytes[0] ^= u8::from(self.is(method));
        bytes
    }
}

impl Rng for Spoiled {
    fn fill(&self, out: &mut [u8]) -> Result<()> {
        self.0.fill(out)
    }
}

impl Crypto for Spoiled {
    fn generate(&self, spec: &KeySpec) -> Result<Generated> {
        self.0.generate(spec)
    }

    fn parse(
        &self,
        object_type: ObjectType,
        spec: Option<&KeySpec>,
        material: &KeyMaterial,
    ) -> Result<Arc<dyn ParsedKey>> {
        Ok(Arc::new(SpoiledKey(self.0.parse(object_type, spec, material)?, self.1)))
    }

    fn fitting_usage(&self, spec: &KeySpec) -> (UsageMask, UsageMask) {
        self.0.fitting_usage(spec)
    }

    fn default_usage(&self, spec: &KeySpec) -> (UsageMask, UsageMask) {
        self.0.default_usage(spec)
    }

    fn derive(&self, secret: &[u8], kdf: &Kdf, bytes: usize) -> Result<SecretBytes> {
        self.0.derive(secret, kdf, bytes).map(|it| self.1.secret("derive", it))
    }

    fn split(&self, secret: &[u8], split: &Split) -> Result<Vec<SecretBytes>> {
        self.0.split(secret, split)
    }

    fn join(&self, parts: &[(u32, &[u8])], split: &Split) -> Result<SecretBytes> {
        self.0.join(parts, split).map(|it| self.1.secret("join", it))
    }

    fn hash(&self, hash: HashAlgorithm, parts: &[&[u8]]) -> Result<Vec<u8>> {
        self.0.hash(hash, parts).map(|it| self.1.bytes("hash", it))
    }

    fn begin_hash(&self, hash: HashAlgorithm) -> Result<Box<dyn Running>> {
        self.0.begin_hash(hash)
    }

    fn sha256(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.1.array("sha256", self.0.sha256(parts))
    }

    fn hmac_sha256(&self, key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        self.1.array("hmac_sha256", self.0.hmac_sha256(key, parts))
    }

    fn hkdf_sha256(&self, salt: &[u8], ikm: &[u8], info: &[&[u8]]) -> SecretBytes {
        self.1.secret("hkdf_sha256", self.0.hkdf_sha256(salt, ikm, info))
    }

    fn aead_seal(&self, key: &[u8], nonce: &[u8; 12], aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        self.0.aead_seal(key, nonce, aad, plaintext).map(|it| self.1.bytes("aead_seal", it))
    }

    fn aead_open(&self, key: &[u8], nonce: &[u8; 12], aad: &[u8], sealed: &[u8]) -> Result<SecretBytes> {
        self.0.aead_open(key, nonce, aad, sealed).map(|it| self.1.secret("aead_open", it))
    }

    fn equal(&self, a: &[u8], b: &[u8]) -> bool {
        self.0.equal(a, b)
    }
}

impl ParsedKey for SpoiledKey {
    fn spec(&self) -> &KeySpec {
        self.0.spec()
    }

    fn encrypt(
        &self,
        parameters: &CryptoParameters,
        iv: Option<&[u8]>,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Ciphertext> {
        let sealed = self.0.encrypt(parameters, iv, aad, plaintext)?;
        Ok(Ciphertext {
            data: self.1.bytes("encrypt", sealed.data),
            iv: sealed.iv,
            tag: sealed.tag.map(|it| self.1.bytes("encrypt", it)),
        })
    }

    fn decrypt(
        &self,
        parameters: &CryptoParameters,
        iv: Option<&[u8]>,
        aad: &[u8],
        ciphertext: &[u8],
        tag: Option<&[u8]>,
    ) -> Result<SecretBytes> {
        self.0.decrypt(parameters, iv, aad, ciphertext, tag).map(|it| self.1.secret("decrypt", it))
    }

    fn seal_envelope(&self, owner: EnvelopeKey, context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        self.0.seal_envelope(owner, context, plaintext)
    }

    fn open_envelope(&self, owner: EnvelopeKey, context: &[u8], envelope: &[u8]) -> Result<SecretBytes> {
        self.0.open_envelope(owner, context, envelope).map(|it| self.1.secret("open_envelope", it))
    }

    fn sign(&self, parameters: &CryptoParameters, input: ToSign<'_>) -> Result<Vec<u8>> {
        self.0.sign(parameters, input).map(|it| self.1.bytes("sign", it))
    }

    fn verify(&self, parameters: &CryptoParameters, input: ToSign<'_>, signature: &[u8]) -> Result<bool> {
        self.0.verify(parameters, input, signature).map(|right| right ^ self.1.is("verify"))
    }

    fn mac(&self, parameters: &CryptoParameters, data: &[u8]) -> Result<Vec<u8>> {
        self.0.mac(parameters, data).map(|it| self.1.bytes("mac", it))
    }

    fn wrap(&self, parameters: &CryptoParameters, secret: &SecretBytes) -> Result<Vec<u8>> {
        self.0.wrap(parameters, secret).map(|it| self.1.bytes("wrap", it))
    }

    fn unwrap(&self, parameters: &CryptoParameters, wrapped: &[u8]) -> Result<SecretBytes> {
        self.0.unwrap(parameters, wrapped).map(|it| self.1.secret("unwrap", it))
    }

    fn agree(&self, peer_public: &[u8]) -> Result<SecretBytes> {
        self.0.agree(peer_public).map(|it| self.1.secret("agree", it))
    }

    fn public_key(&self) -> Result<Vec<u8>> {
        self.0.public_key()
    }
}

#[test]
fn every_self_test_notices_a_wrong_answer() {
    let spoiled = Spoiled(SoftwareCrypto::new(), Which(None));
    for (family, check) in CHECKS {
        assert!(!matches!(check(&spoiled), Ok(true)), "{family} takes a wrong answer for the known one");
    }
}

#[test]
fn no_method_may_answer_wrongly_alone() {
    run(&Spoiled(SoftwareCrypto::new(), Which(Some("none")))).expect("the port as it is");
    for method in METHODS {
        let spoiled = Spoiled(SoftwareCrypto::new(), Which(Some(method)));
        assert!(run(&spoiled).is_err(), "nothing notices that {method} answers wrongly");
    }
}

/// Nothing is computed where one fails: who starts the server gets the error, and no port.
#[test]
fn a_wrong_answer_is_an_error_that_names_the_family() {
    let refused = run(&Spoiled(SoftwareCrypto::new(), Which(None))).expect_err("a refusal");
    assert_eq!(refused.kind(), ErrorKind::Internal);
    assert!(refused.to_string().contains("self-test: hashes"), "{refused}");
}
