//! Imported keys: validated once, and kept parsed from then on.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use keyreeve_core::{
    ErrorKind, Result, SecretBytes,
    engine::Engine,
    model::{
        CryptoParameters, HashAlgorithm, Kdf, KeyFormat, KeyMaterial, KeyPolicy, KeySpec, ObjectType, Role,
        Split, UsageMask,
    },
    operations::{
        Activation, Template,
        destroy::Destroy,
        encrypt::{Encrypt, Form},
        import::{Brought, Decoded, Import, ImportVersion},
        register::Register,
        sign::{Input, Sign},
    },
    ports::{
        crypto::{Crypto, Generated, ParsedKey, Running},
        rng::Rng,
    },
    request::Reference,
};
use keyreeve_crypto::SoftwareCrypto;

use super::bench::{House, principal};

/// The software port, which counts what it parses.
#[derive(Default)]
struct Counting {
    inner: SoftwareCrypto,
    parsed: AtomicUsize,
}

impl Rng for Counting {
    fn fill(&self, out: &mut [u8]) -> Result<()> {
        self.inner.fill(out)
    }
}

impl Crypto for Counting {
    fn generate(&self, spec: &KeySpec) -> Result<Generated> {
        self.inner.generate(spec)
    }

    fn parse(
        &self,
        object_type: ObjectType,
        spec: Option<&KeySpec>,
        material: &KeyMaterial,
    ) -> Result<Arc<dyn ParsedKey>> {
        self.parsed.fetch_add(1, Ordering::SeqCst);
        self.inner.parse(object_type, spec, material)
    }

    fn fitting_usage(&self, spec: &KeySpec) -> (UsageMask, UsageMask) {
        self.inner.fitting_usage(spec)
    }

    fn default_usage(&self, spec: &KeySpec) -> (UsageMask, UsageMask) {
        self.inner.default_usage(spec)
    }

    fn derive(&self, secret: &[u8], kdf: &Kdf, bytes: usize) -> Result<SecretBytes> {
        self.inner.derive(secret, kdf, bytes)
    }

    fn split(&self, secret: &[u8], split: &Split) -> Result<Vec<SecretBytes>> {
        self.inner.split(secret, split)
    }

    fn join(&self, parts: &[(u32, &[u8])], split: &Split) -> Result<SecretBytes> {
        self.inner.join(parts, split)
    }

    fn hash(&self, hash: HashAlgorithm, parts: &[&[u8]]) -> Result<Vec<u8>> {
        self.inner.hash(hash, parts)
    }

    fn begin_hash(&self, hash: HashAlgorithm) -> Result<Box<dyn Running>> {
        self.inner.begin_hash(hash)
    }

    fn sha256(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.inner.sha256(parts)
    }

    fn hmac_sha256(&self, key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        self.inner.hmac_sha256(key, parts)
    }

    fn hkdf_sha256(&self, salt: &[u8], ikm: &[u8], info: &[&[u8]]) -> SecretBytes {
        self.inner.hkdf_sha256(salt, ikm, info)
    }

    fn aead_seal(&self, key: &[u8], nonce: &[u8; 12], aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        self.inner.aead_seal(key, nonce, aad, plaintext)
    }

    fn aead_open(&self, key: &[u8], nonce: &[u8; 12], aad: &[u8], sealed: &[u8]) -> Result<SecretBytes> {
        self.inner.aead_open(key, nonce, aad, sealed)
    }

    fn equal(&self, a: &[u8], b: &[u8]) -> bool {
        self.inner.equal(a, b)
    }
}

fn template() -> Template {
    Template { activation: Activation::Now, ..Template::default() }
}

fn pkcs8(name: &str) -> Vec<u8> {
    let generated = SoftwareCrypto::new().generate(&KeySpec::from_name(name).unwrap()).unwrap();
    let Generated::Pair { private, .. } = generated else { panic!("{name}: no pair") };
    private.bytes.expose().to_vec()
}

fn private(pkcs8: &[u8]) -> Brought {
    Brought {
        bytes: SecretBytes::copy_from(pkcs8),
        wrapping: None,
        decode: Box::new(|bytes| {
            let material = KeyMaterial { format: KeyFormat::Pkcs8, bytes };
            Ok(Decoded { object_type: ObjectType::PrivateKey, spec: None, material })
        }),
    }
}

#[test]
fn what_an_import_validated_is_not_parsed_again() {
    let (house, crypto) = (House::new(), Arc::new(Counting::default()));
    let engine = Engine::new(house.store.clone(), house.store.sealer(), crypto.clone(), house.clock.clone());
    let user = principal(&engine, "user", &[Role::User]);
    let parsed = || crypto.parsed.swap(0, Ordering::SeqCst);
    let register = |name: &str| Register {
        name: Some(name.into()),
        object_type: ObjectType::SymmetricKey,
        spec: KeySpec::from_name("aes-256"),
        material: KeyMaterial { format: KeyFormat::Raw, bytes: SecretBytes::new(vec![7; 32]) },
        template: template(),
        digested: None,
        policy: KeyPolicy::default(),
        tags: BTreeMap::new(),
    };
    let encrypt = Encrypt {
        key: Reference::text("aes"),
        version: None,
        form: Form::Envelope { context: Vec::new() },
        plaintext: SecretBytes::copy_from(b"text"),
    };
    engine.execute(&user, &register("aes")).unwrap();
    assert_eq!(parsed(), 1);
    engine.execute(&user, &encrypt).unwrap();
    assert_eq!(parsed(), 0, "the first use parsed the key again");

    let import = Import {
        name: "signer".into(),
        spec: None,
        brought: private(&pkcs8("ec-p256")),
        template: template(),
        policy: KeyPolicy::default(),
        tags: BTreeMap::new(),
    };
    engine.execute(&user, &import).unwrap();
    assert_eq!(parsed(), 1);
    let next = ImportVersion { key: Reference::text("signer"), brought: private(&pkcs8("ec-p256")) };
    engine.execute(&user, &next).unwrap();
    assert_eq!(parsed(), 1);
    let sign = Sign {
        key: Reference::text("signer"),
        version: None,
        parameters: CryptoParameters::default(),
        input: Input::Data(b"text".to_vec()),
    };
    engine.execute(&user, &sign).unwrap();
    assert_eq!(parsed(), 0, "the first signature parsed the key again");

    // What is destroyed is gone from there too.
    let destroy = Destroy { key: Reference::text("aes"), deactivate: true, at_once: true };
    engine.execute(&user, &destroy).unwrap();
    let refused = engine.execute(&user, &encrypt).map(drop).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Destroyed);
}

/// A request that broke off between reading a key and its entry proves nothing: the key may be destroyed by now.
#[test]
fn what_a_request_loaded_goes_with_it_where_no_commit_proved_it() {
    let (house, crypto) = (House::new(), Arc::new(Counting::default()));
    let engine = Engine::new(house.store.clone(), house.store.sealer(), crypto.clone(), house.clock.clone());
    let user = principal(&engine, "user", &[Role::User]);
    engine.execute(&user, &super::bench::active_key("k")).unwrap();
    let encrypt = Encrypt {
        key: Reference::text("k"),
        version: None,
        form: Form::Envelope { context: Vec::new() },
        plaintext: SecretBytes::copy_from(b"text"),
    };
    let parsed = || crypto.parsed.swap(0, Ordering::SeqCst);
    parsed();
    drop(engine.prepare(&user, &encrypt));
    assert_eq!(parsed(), 1);
    engine.execute(&user, &encrypt).unwrap();
    assert_eq!(parsed(), 1, "the key stayed though nothing was committed");
    drop(engine.prepare(&user, &encrypt));
    engine.execute(&user, &encrypt).unwrap();
    assert_eq!(parsed(), 0, "a commit proved it, and it stays");
}
