//! Every named kind of key through the whole house, and keys derived from keys.

use keyreeve_core::{
    Error, ErrorKind, SecretBytes,
    access::Caller,
    engine::Engine,
    model::{
        BlockCipherMode, CryptoParameters, Derivation, HashAlgorithm, Kdf, KeyPolicy, KeySpec, LinkType,
        ObjectId, Prf, Role, UsageMask,
    },
    operations::{
        Activation, Template,
        create::{Create, Created},
        decrypt::Decrypt,
        derive_key::{DeriveKey, Product},
        encrypt::{Encrypt, Form},
        get::{Get, Protection},
        mac::Mac,
        parts::PartOf,
        rekey::Rekey,
        sign::{Input, Sign},
        stream::{BeginStream, Streamed},
        verify::Verify,
    },
    ports::crypto::Crypto,
    record::{Record, RecordKey},
    request::Reference,
};
use keyreeve_crypto::SoftwareCrypto;

use crate::bench::{House, active_key, principal};

fn made(name: &str, kind: &str) -> Create {
    let policy = KeyPolicy { exportable: true, ..KeyPolicy::default() };
    let key = active_key(name);
    Create { spec: KeySpec::from_name(kind).expect("known"), public: key.template.clone(), policy, ..key }
}

fn envelope() -> Form {
    Form::Envelope { context: b"context".to_vec() }
}

fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

fn plain(engine: &Engine, caller: &Caller, key: &str) -> Vec<u8> {
    let key = Reference::text(key);
    let protection = Protection::Plain;
    let get = Get { key, version: None, public: false, format: None, protection };
    engine.execute(caller, &get).expect("may leave").material.bytes.expose().to_vec()
}

/// Made, used, rotated, used again: whatever its default uses are, the old version still serves.
#[test]
fn every_named_kind_of_key_lives() {
    let house = House::new();
    let caller = principal(&house.engine, "user", &[Role::User]);
    let run = &house.engine;
    // The small sets of SLH-DSA take seconds for each signature, and are keys like the fast ones.
    let small = |name: &str| name.starts_with("slh-dsa-") && name.ends_with('s');
    for name in KeySpec::names().filter(|name| !matches!(*name, "rsa-3072" | "rsa-4096") && !small(name)) {
        let key = || Reference::text(name);
        run.execute(&caller, &made(name, name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (private, public) = SoftwareCrypto::new().default_usage(&KeySpec::from_name(name).unwrap());
        let parameters = CryptoParameters::default;
        for round in 1..=2 {
            let data = format!("{name} {round}").into_bytes();
            if (private | public).allows(UsageMask::ENCRYPT | UsageMask::DECRYPT) {
                // RSA has no place for a context.
                let form =
                    if name.starts_with("rsa") { Form::Envelope { context: Vec::new() } } else { envelope() };
                let plaintext = SecretBytes::copy_from(&data);
                let encrypt = Encrypt { key: key(), version: None, form: form.clone(), plaintext };
                let done = run.execute(&caller, &encrypt).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(done.version, round);
                let (version, ciphertext) = (Some(done.version), done.ciphertext.data);
                let decrypt = Decrypt { key: key(), version, form, ciphertext, tag: None };
                let opened = run.execute(&caller, &decrypt).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(opened.plaintext.expose(), data);
            }
            if private.allows(UsageMask::SIGN) {
                let input = || Input::Data(data.clone());
                let sign = Sign { key: key(), version: None, parameters: parameters(), input: input() };
                let signature = run.execute(&caller, &sign).expect("signs").signature;
                let parameters = parameters();
                let verify = Verify { key: key(), version: None, parameters, input: input(), signature };
                assert!(run.execute(&caller, &verify).expect("verifies").valid, "{name}");
            }
            if private.allows(UsageMask::MAC) {
                let mac =
                    Mac { key: key(), version: None, parameters: parameters(), message: data.clone().into() };
                assert!(!run.execute(&caller, &mac).expect("makes a MAC").mac.is_empty());
            }
            if round == 1 {
                let rekey = Rekey { key: key(), activation: None, template: None, public: None };
                run.execute(&caller, &rekey).expect("rotates");
            }
        }
    }
}

fn streamed(house: &House, caller: &Caller, of: PartOf, version: Option<u32>) -> Result<Streamed, Error> {
    let begin =
        BeginStream { key: Reference::text("k"), version, parameters: CryptoParameters::default(), of };
    let mut stream = house.engine.execute(caller, &begin)?;
    stream.update(b"a message ")?;
    stream.update(b"that comes")?;
    stream.finish()
}

/// Whichever version signed, and whatever hash it takes: a stream is told what the whole message is told.
#[test]
fn a_stream_is_verified_by_every_version_that_verifies_the_whole() {
    let house = House::new();
    let caller = principal(&house.engine, "user", &[Role::User]);
    let run = &house.engine;
    let key = || Reference::text("k");
    let parameters = CryptoParameters::default;
    run.execute(&caller, &made("k", "ec-p256")).expect("makes");
    let whole = || Input::Data(b"a message that comes".to_vec());
    let sign = |version, input| Sign { key: key(), version, parameters: parameters(), input };
    let first = run.execute(&caller, &sign(Some(1), whole())).expect("signs").signature;
    let sha512 = CryptoParameters { hash: Some(HashAlgorithm::Sha512), ..parameters() };
    let other = || Some(Template { parameters: vec![sha512.clone()], ..Template::default() });
    for (version, activation) in [(2, Activation::Now), (3, Activation::Later)] {
        let rekey = Rekey { key: key(), activation: Some(activation), template: other(), public: other() };
        run.execute(&caller, &rekey).expect("rotates");
        for (input, valid) in [
            (whole(), true),
            (Input::Stream(streamed(&house, &caller, PartOf::Verify, None).expect("begins")), true),
            (Input::Data(b"another".to_vec()), false),
        ] {
            let signature = first.clone();
            let verify = Verify { key: key(), version: None, parameters: parameters(), input, signature };
            let verdict = run.execute(&caller, &verify).map(|verified| (verified.valid, verified.version));
            match valid {
                true => assert_eq!(verdict.expect("verifies"), (true, 1), "{version} versions"),
                false => assert!(!verdict.is_ok_and(|(valid, _)| valid)),
            }
        }
    }
    // A digest by one hash is never signed as one by another, nor told to be wrong.
    let stream = || Input::Stream(streamed(&house, &caller, PartOf::Sign, Some(1)).expect("begins"));
    assert!(run.execute(&caller, &sign(Some(1), stream())).is_ok());
    assert_eq!(kind(run.execute(&caller, &sign(Some(2), stream()))), Some(ErrorKind::Conflict));
    let (input, signature) = (stream(), first);
    let verify = Verify { key: key(), version: Some(2), parameters: parameters(), input, signature };
    assert_eq!(kind(run.execute(&caller, &verify)), Some(ErrorKind::Conflict));
}

fn derive(base: &str, name: &str, derivation: Derivation) -> DeriveKey {
    let template = active_key(name).template;
    DeriveKey {
        key: Reference::text(base),
        version: None,
        derivation,
        product: Product::Key(KeySpec::from_name("aes-256").expect("known")),
        name: Some(name.into()),
        template,
        policy: KeyPolicy { exportable: true, ..KeyPolicy::default() },
        tags: Default::default(),
        usage_must_fit: true,
    }
}

fn hkdf(info: &[u8]) -> Kdf {
    Kdf::Hkdf { hash: HashAlgorithm::Sha256, salt: b"salt".to_vec(), info: info.to_vec() }
}

fn links(house: &House, object: ObjectId, kind: LinkType) -> Vec<String> {
    let record = house.engine.store().get(&RecordKey::Object(object)).expect("reads");
    let Some(Record::Object(object)) = record.as_deref() else { panic!("no object") };
    object.links.iter().filter(|link| link.kind == kind).map(|link| link.target.clone()).collect()
}

/// What comes out is what the standard says, is a key like any other, and both know of one another.
#[test]
fn keys_are_derived_from_keys() {
    let house = House::new();
    let caller = principal(&house.engine, "user", &[Role::User]);
    let run = &house.engine;
    let base: Created = run.execute(&caller, &made("base", "aes-256")).expect("is made");
    let secret = plain(run, &caller, "base");
    let crypto = SoftwareCrypto::new();
    let counter = Kdf::Counter { prf: Prf::Cmac, fixed_input: b"label\0context".to_vec() };
    let kdfs = [hkdf(b"one"), hkdf(b"two"), counter];
    for (number, kdf) in kdfs.into_iter().enumerate() {
        let name = format!("derived-{number}");
        let derived =
            run.execute(&caller, &derive("base", &name, Derivation::Kdf(kdf.clone()))).expect("derives");
        let expected = crypto.derive(&secret, &kdf, 32).expect("derives");
        assert_eq!(plain(run, &caller, &name), expected.expose());
        assert_eq!(links(&house, derived.primary, LinkType::DerivationBase), [base.primary.to_string()]);
        assert_eq!(links(&house, base.primary, LinkType::DerivedKey).len(), number + 1);
    }
    let ecb = CryptoParameters { mode: Some(BlockCipherMode::Ecb), ..CryptoParameters::default() };
    let encrypted = Derivation::Encrypt { parameters: ecb, iv: None, data: vec![7; 32] };
    run.execute(&caller, &derive("base", "encrypted", encrypted)).expect("derives");
    let gcm = Derivation::Encrypt { parameters: CryptoParameters::default(), iv: None, data: vec![7; 32] };
    assert_eq!(kind(run.execute(&caller, &derive("base", "random", gcm))), Some(ErrorKind::InvalidField));
    let plaintext = SecretBytes::copy_from(b"text");
    let encrypt = Encrypt { key: Reference::text("encrypted"), version: None, form: envelope(), plaintext };
    run.execute(&caller, &encrypt).expect("a derived key is a key");
}

/// Both ends of an agreement get the same key.
#[test]
fn keys_are_agreed_on() {
    let house = House::new();
    let caller = principal(&house.engine, "user", &[Role::User]);
    let run = &house.engine;
    for curve in ["x25519", "ec-p256", "secp256k1"] {
        let ends = [format!("{curve}-here"), format!("{curve}-there")];
        let [here, there] = ends.each_ref().map(|name| {
            run.execute(&caller, &made(name, curve)).expect("is made");
            let (key, protection) = (Reference::text(name.as_str()), Protection::Plain);
            let get = Get { key, version: None, public: true, format: None, protection };
            run.execute(&caller, &get).expect("is public").material.bytes.expose().to_vec()
        });
        let [first, second] = [(&ends[0], &there), (&ends[1], &here)].map(|(end, peer)| {
            let name = format!("{end}-agreed");
            let agreement = Derivation::Agreement { peer: peer.clone(), kdf: Some(hkdf(b"info")) };
            run.execute(&caller, &derive(end, &name, agreement)).expect("agrees");
            plain(run, &caller, &name)
        });
        assert_eq!(first, second, "{curve}");
        let bare = Derivation::Agreement { peer: there.clone(), kdf: None };
        run.execute(&caller, &derive(&ends[0], &format!("{curve}-bare"), bare)).expect("agrees");
        assert_ne!(plain(run, &caller, &format!("{curve}-bare")), first);
    }
}

#[test]
fn who_may_not_derive_is_refused() {
    let house = House::new();
    let owner = principal(&house.engine, "owner", &[Role::User]);
    let run = &house.engine;
    let mut base = made("base", "aes-256");
    base.template.usage = Some(UsageMask::ENCRYPT);
    run.execute(&owner, &base).expect("is made");
    run.execute(&owner, &made("signing", "ed25519")).expect("is made");
    run.execute(&owner, &made("good", "hmac-sha256")).expect("is made");
    let kdf = || Derivation::Kdf(hkdf(b""));
    let refused = |caller: &Caller, operation: &DeriveKey| kind(run.execute(caller, operation));
    assert_eq!(refused(&owner, &derive("base", "new", kdf())), Some(ErrorKind::WrongUsage));
    assert_eq!(refused(&owner, &derive("signing", "new", kdf())), Some(ErrorKind::WrongUsage));
    let stranger = principal(run, "stranger", &[Role::User]);
    assert_eq!(refused(&stranger, &derive("good", "new", kdf())), Some(ErrorKind::NotFound));
    let auditor = principal(run, "auditor", &[Role::Auditor]);
    assert_eq!(refused(&auditor, &derive("good", "new", kdf())), Some(ErrorKind::Denied));
    let cmac = Derivation::Kdf(Kdf::Counter { prf: Prf::Cmac, fixed_input: Vec::new() });
    assert_eq!(refused(&owner, &derive("good", "new", cmac)), Some(ErrorKind::InvalidField));
    let mut pair = derive("good", "new", kdf());
    pair.product = Product::Key(KeySpec::from_name("ed25519").expect("known"));
    assert_eq!(refused(&owner, &pair), Some(ErrorKind::InvalidField));
    pair.product = Product::Secret { bytes: 8193 };
    assert_eq!(refused(&owner, &pair), Some(ErrorKind::InvalidField));
    pair.product = Product::Secret { bytes: 100 };
    run.execute(&owner, &pair).expect("derives a secret");
    // A secret is a base in its turn.
    run.execute(&owner, &derive("new", "from-secret", kdf())).expect("derives");
    assert_eq!(plain(run, &owner, "new").len(), 100);
}
