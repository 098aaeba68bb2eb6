//! What is counted: usage limits under concurrency, uses whatever becomes of the index, and material that comes twice.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use keyreeve_core::{
    Error, ErrorKind, SecretBytes,
    access::{Action, Caller},
    attributes::{AttributeEdit, new_usage_limits},
    engine::Engine,
    model::{
        BlockCipherMode, CryptoParameters, KeyFormat, KeyMaterial, KeyPolicy, Lsn, ObjectType, Role, Time,
        UsageLimits, UsageMask, UsageUnit,
    },
    operations::{
        Template,
        create::{Create, Created},
        decrypt::Decrypt,
        destroy::Destroy,
        encrypt::{Encrypt, Form},
        get::{Get, Protection},
        get_usage_allocation::GetUsageAllocation,
        modify_attributes::ModifyAttributes,
        obtain_lease::ObtainLease,
        register::Register,
        show::{Counted, Show},
    },
    record::{Change, Outcome},
    request::Reference,
};
use keyreeve_store::{EngineChoice, Store, engines::memory::MemoryEngine};

use super::bench::{House, active_key, engine as engine_of, known, principal, unlock};

const THREADS: usize = 64;

fn limited(name: &str, total: u64, unit: UsageUnit) -> Create {
    let key = active_key(name);
    let (attribute, value) = new_usage_limits(total, unit);
    let template = Template { further: [(attribute, vec![value])].into(), ..key.template };
    Create { template, ..key }
}

fn encrypt(engine: &Engine, caller: &Caller, key: &str, bytes: usize) -> Result<Vec<u8>, Error> {
    let operation = Encrypt {
        key: Reference::text(key),
        version: None,
        form: Form::Envelope { context: Vec::new() },
        plaintext: SecretBytes::new(vec![7; bytes]),
    };
    engine.execute(caller, &operation).map(|encrypted| encrypted.ciphertext.data)
}

fn decrypt(engine: &Engine, caller: &Caller, key: &str, data: Vec<u8>) {
    let form = Form::Envelope { context: Vec::new() };
    let operation = Decrypt { key: Reference::text(key), version: None, form, ciphertext: data, tag: None };
    engine.execute(caller, &operation).expect("decrypts");
}

fn counted(engine: &Engine, caller: &Caller, key: &str) -> Counted {
    let shown = engine.execute(caller, &Show { key: Reference::text(key) }).expect("may see it");
    *shown.counted.values().next().expect("has an object")
}

fn left(engine: &Engine, caller: &Caller, key: &str) -> u64 {
    counted(engine, caller, key).limits.expect("is limited").left
}

fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

/// How often a success and a failure of encrypting are on record.
fn on_record(engine: &Engine) -> (usize, usize) {
    let (mut after, mut found) = (Lsn::ZERO, (0, 0));
    loop {
        let entries = engine.store().journal(after, 1000).expect("reads");
        let Some(last) = entries.last() else { return found };
        after = last.lsn;
        for entry in entries.iter().filter(|entry| entry.draft.action == Action::Encrypt) {
            match entry.draft.outcome {
                Outcome::Success => found.0 += 1,
                Outcome::Denied | Outcome::Failed => found.1 += 1,
            }
        }
    }
}

fn reopened(house: House, with_index: bool) -> House {
    let House { disk, mut options, clock, store, engine } = house;
    store.close().expect("closes");
    drop((engine, store));
    if !with_index {
        options.engine = EngineChoice::Given(Arc::new(MemoryEngine::default()));
    }
    let store = Arc::new(Store::open(&options, &unlock()).expect("opens again"));
    let engine = engine_of(&store, &options);
    House { disk, options, clock, store, engine }
}

/// Encrypts on many threads at once; how often that was done.
fn rush(house: &House, caller: &Caller, key: &str, times: usize, bytes: usize) -> u64 {
    let done = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..times {
                    match encrypt(&house.engine, caller, key, bytes) {
                        Ok(_) => drop(done.fetch_add(1, Ordering::SeqCst)),
                        Err(error) => assert_eq!(error.kind(), ErrorKind::UsageLimitExceeded, "{error}"),
                    }
                }
            });
        }
    });
    done.into_inner()
}

#[test]
fn usage_limits_hold_exactly_on_many_threads() {
    let house = House::new();
    let alice = principal(&house.engine, "alice", &[Role::User]);
    house.engine.execute(&alice, &limited("uses", 500, UsageUnit::Uses)).expect("makes a key");
    house.engine.execute(&alice, &limited("bytes", 500, UsageUnit::Bytes)).expect("makes a key");
    assert_eq!(rush(&house, &alice, "uses", 10, 3), 500);
    assert_eq!(rush(&house, &alice, "bytes", 2, 7), 71);
    assert_eq!(on_record(&house.engine), (571, THREADS * 12 - 571), "refusals are on record too");

    let mut house = house;
    for with_index in [true, false] {
        house = reopened(house, with_index);
        let alice = known(&house.engine, "alice");
        assert_eq!(left(&house.engine, &alice, "uses"), 0);
        assert_eq!(kind(encrypt(&house.engine, &alice, "uses", 1)), Some(ErrorKind::UsageLimitExceeded));
    }
    let alice = known(&house.engine, "alice");
    assert_eq!(left(&house.engine, &alice, "bytes"), 3);
    assert_eq!(kind(encrypt(&house.engine, &alice, "bytes", 4)), Some(ErrorKind::UsageLimitExceeded));
    encrypt(&house.engine, &alice, "bytes", 3).expect("that much is left");
    assert_eq!(kind(encrypt(&house.engine, &alice, "bytes", 1)), Some(ErrorKind::UsageLimitExceeded));
}

#[test]
fn what_is_spent_of_usage_limits_stays_spent() {
    let house = House::new();
    let (engine, alice) = (&house.engine, principal(&house.engine, "alice", &[Role::User]));
    engine.execute(&alice, &limited("k", 10, UsageUnit::Uses)).expect("makes a key");
    let allocate = |units| {
        let operation = GetUsageAllocation { key: Reference::text("k"), units };
        engine.execute(&alice, &operation).map(drop)
    };
    let set = |total| {
        let (name, value) = new_usage_limits(total, UsageUnit::Uses);
        let edits = vec![AttributeEdit::Set { name, value }];
        engine.execute(&alice, &ModifyAttributes { key: Reference::text("k"), edits }).map(drop)
    };
    set(20).expect("nothing is spent yet");
    allocate(15).expect("is left");
    assert_eq!(kind(allocate(6)), Some(ErrorKind::UsageLimitExceeded));
    assert_eq!(kind(set(100)), Some(ErrorKind::ReadOnlyAttribute));
    let ciphertext = encrypt(engine, &alice, "k", 9).expect("is left");
    let limits = UsageLimits { total: 20, left: 4, unit: UsageUnit::Uses };
    assert_eq!(counted(engine, &alice, "k").limits, Some(limits));
    allocate(4).expect("is left");
    assert_eq!(kind(encrypt(engine, &alice, "k", 9)), Some(ErrorKind::UsageLimitExceeded));
    decrypt(engine, &alice, "k", ciphertext);
    engine.execute(&alice, &active_key("free")).expect("makes a key");
    let none = GetUsageAllocation { key: Reference::text("free"), units: 1 };
    assert_eq!(kind(engine.execute(&alice, &none)), Some(ErrorKind::AttributeNotFound));
}

#[test]
fn uses_are_counted_whatever_becomes_of_the_index() {
    // Beyond what the index is told of at once, and not a multiple of it.
    const USES: u64 = 5000;
    let house = House::new();
    let alice = principal(&house.engine, "alice", &[Role::User]);
    house.engine.execute(&alice, &active_key("k")).expect("makes a key");
    let fresh = counted(&house.engine, &alice, "k");
    assert_eq!(fresh, Counted { uses: None, limits: None, exported: 0 });
    let ciphertext = encrypt(&house.engine, &alice, "k", 8).expect("works");
    house.clock.0.fetch_add(1000, Ordering::SeqCst);
    for _ in 0..USES - 1 {
        encrypt(&house.engine, &alice, "k", 8).expect("works");
    }
    house.clock.0.fetch_add(1000, Ordering::SeqCst);
    decrypt(&house.engine, &alice, "k", ciphertext);
    let check = |house: &House| {
        let alice = known(&house.engine, "alice");
        let uses = counted(&house.engine, &alice, "k").uses.expect("was used");
        assert_eq!((uses.protect, uses.process), (USES, 1));
        assert_eq!((uses.first, uses.last), (Time(1_000_000), Time(1_002_000)));
    };
    check(&house);
    let house = reopened(house, true);
    check(&house);
    let house = reopened(house, false);
    check(&house);
    check(&reopened(house, true));
}

fn register(name: &str, object_type: ObjectType, bytes: &[u8], reject: bool) -> Register {
    Register {
        name: Some(name.into()),
        object_type,
        spec: keyreeve_core::model::KeySpec::from_name("aes-256")
            .filter(|_| object_type == ObjectType::SymmetricKey),
        material: KeyMaterial { format: KeyFormat::Raw, bytes: SecretBytes::copy_from(bytes) },
        template: Template::default(),
        digested: None,
        policy: KeyPolicy { exportable: true, reject_duplicates: reject, ..KeyPolicy::default() },
        tags: BTreeMap::new(),
    }
}

/// What SP 800-38D section 8.3 allows, less what may run at once.
const NONCES_MAX: u64 = (1 << 32) - (1 << 24);
/// Nonces that are put on record at a time.
const AT_A_TIME: usize = 1024;

#[test]
fn nonces_that_are_drawn_under_a_key_are_counted_up_to_their_limit() {
    let mut house = House::new();
    let alice = principal(&house.engine, "alice", &[Role::User]);
    house.engine.execute(&alice, &register("kept", ObjectType::SymmetricKey, &[5; 32], false)).expect("kept");
    let make = |house: &House, name: &str, usage: [UsageMask; 2]| {
        let key = active_key(name);
        let usage = Some(UsageMask(usage[0].0 | usage[1].0));
        let key = Create { template: Template { usage, ..key.template }, ..key };
        house.engine.execute(&alice, &key).expect("makes a key").primary
    };
    let wrapping = make(&house, "wrapping", [UsageMask::WRAP, UsageMask::UNWRAP]);
    let encrypting = make(&house, "encrypting", [UsageMask::ENCRYPT, UsageMask::DECRYPT]);
    let by_mode = |mode| CryptoParameters { mode: Some(mode), ..CryptoParameters::default() };
    let wrap = |engine: &Engine, mode| {
        let (key, parameters) = (Reference::text("wrapping"), Some(by_mode(mode)));
        let protection = Protection::Wrapped { key, parameters, frame: None };
        let get =
            Get { key: Reference::text("kept"), version: None, public: false, format: None, protection };
        engine.execute(&known(engine, "alice"), &get).map(drop)
    };
    let encrypt = |engine: &Engine, parameters: CryptoParameters, iv: Option<Vec<u8>>| {
        let form = Form::Raw { parameters, iv, aad: Vec::new() };
        let (key, plaintext) = (Reference::text("encrypting"), SecretBytes::new(vec![1; 32]));
        engine.execute(&known(engine, "alice"), &Encrypt { key, version: None, form, plaintext }).map(drop)
    };
    let by_gcm = |engine: &Engine| {
        let bare = CryptoParameters { random_iv: Some(true), ..CryptoParameters::default() };
        [wrap(engine, BlockCipherMode::Gcm), encrypt(engine, bare, None)]
    };
    house.tamper(vec![Change::Drawn(wrapping, NONCES_MAX - 1), Change::Drawn(encrypting, NONCES_MAX - 1)]);
    for number in 0..AT_A_TIME {
        assert!(by_gcm(&house.engine).iter().all(Result::is_ok), "{number}: of those on record");
    }
    for with_index in [true, false] {
        for told in by_gcm(&house.engine) {
            assert_eq!(kind(told), Some(ErrorKind::UsageLimitExceeded));
        }
        assert!(wrap(&house.engine, BlockCipherMode::KeyWrapPadded).is_ok(), "which draws no nonce");
        assert!(encrypt(&house.engine, by_mode(BlockCipherMode::Gcm), Some(vec![7; 12])).is_ok(), "nor this");
        let siv = CryptoParameters { random_iv: Some(true), ..by_mode(BlockCipherMode::GcmSiv) };
        assert!(encrypt(&house.engine, siv, None).is_ok(), "which bears nonces that meet");
        house = reopened(house, with_index);
    }
    assert!(by_gcm(&house.engine).into_iter().all(|told| kind(told) == Some(ErrorKind::UsageLimitExceeded)));
}

#[test]
fn hardly_any_encryption_writes_more_for_its_nonce() {
    let house = House::new();
    let alice = principal(&house.engine, "alice", &[Role::User]);
    house.engine.execute(&alice, &active_key("raw")).expect("makes a key");
    let first = house.engine.store().published();
    for _ in 0..AT_A_TIME + 1 {
        let parameters = CryptoParameters { random_iv: Some(true), ..CryptoParameters::default() };
        let form = Form::Raw { parameters, iv: None, aad: Vec::new() };
        let (key, plaintext) = (Reference::text("raw"), SecretBytes::new(vec![1; 32]));
        house.engine.execute(&alice, &Encrypt { key, version: None, form, plaintext }).expect("encrypts");
    }
    let entries = house.engine.store().journal(first, 4 * AT_A_TIME).expect("reads");
    let counted = entries.iter().flat_map(|entry| &entry.draft.changes).collect::<Vec<_>>();
    assert!(matches!(counted[..], [Change::Drawn(_, 1024), Change::Drawn(_, 1024)]), "{counted:?}");
}

#[test]
fn material_that_comes_twice_is_told_to_those_who_may_know() {
    let house = House::new();
    let engine = &house.engine;
    let alice = principal(engine, "alice", &[Role::User]);
    let bob = principal(engine, "bob", &[Role::User]);
    let aes = |name: &str, byte: u8, reject| register(name, ObjectType::SymmetricKey, &[byte; 32], reject);
    let made = |caller: &Caller, operation: &Register| -> Created {
        engine.execute(caller, operation).expect("registers")
    };
    let first = made(&alice, &aes("first", 1, false));
    assert_eq!(first.duplicate_of, None);
    assert_eq!(made(&alice, &aes("other", 2, true)).duplicate_of, None);
    assert_eq!(made(&alice, &aes("again", 1, false)).duplicate_of, Some(first.primary));
    assert_eq!(made(&bob, &aes("bob's", 1, false)).duplicate_of, None, "bob may not know of it");
    let detail = || {
        let last = engine.store().journal(Lsn(engine.store().published().0 - 1), 1).expect("reads");
        last[0].draft.detail.clone().expect("tells of it")
    };
    assert!(!detail().contains(&first.primary.to_string()), "bob reads it in the history of his own key");
    made(&alice, &aes("once more", 1, false));
    assert_eq!(detail(), format!("the same material as object {}", first.primary));
    let refused = |caller: &Caller, name: &str| {
        let error = engine.execute(caller, &aes(name, 1, true)).expect_err("is there");
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        error.public().to_owned()
    };
    assert!(refused(&alice, "third").contains("\"first\""));
    assert!(!refused(&bob, "third").contains("first"));

    // Also where it is destroyed, and where the server made it and gave it out.
    let destroy = Destroy { key: Reference::text("first"), deactivate: true, at_once: true };
    engine.execute(&alice, &destroy).expect("destroys");
    assert_eq!(made(&alice, &aes("fourth", 1, false)).duplicate_of, Some(first.primary));
    let own = Create {
        template: Template { extractable: Some(true), sensitive: Some(false), ..active_key("own").template },
        policy: KeyPolicy { exportable: true, ..KeyPolicy::default() },
        ..active_key("own")
    };
    let own = engine.execute(&alice, &own).expect("makes a key");
    let key = Reference::text("own");
    let get = Get { key, version: None, public: false, format: None, protection: Protection::Plain };
    let given = engine.execute(&alice, &get).expect("gives it out").material;
    let back = register("back", ObjectType::SymmetricKey, given.bytes.expose(), false);
    assert_eq!(made(&alice, &back).duplicate_of, Some(own.primary));

    // What could be guessed is not compared.
    for name in ["password", "the same password"] {
        let secret = register(name, ObjectType::SecretData, b"hunter2", true);
        assert_eq!(made(&alice, &secret).duplicate_of, None);
    }
}

#[test]
fn leases_are_as_long_as_the_policy_says() {
    let house = House::new();
    let (engine, alice) = (&house.engine, principal(&house.engine, "alice", &[Role::User]));
    let policy = KeyPolicy { lease_seconds: Some(60), ..KeyPolicy::default() };
    engine.execute(&alice, &Create { policy, ..active_key("short") }).expect("makes a key");
    engine.execute(&alice, &active_key("usual")).expect("makes a key");
    let lease = |key: &str| engine.execute(&alice, &ObtainLease { key: Reference::text(key) });
    assert_eq!(lease("short").expect("is active").lease_seconds, 60);
    assert_eq!(lease("usual").expect("is active").lease_seconds, 3600);
    let destroy = Destroy { key: Reference::text("short"), deactivate: true, at_once: true };
    engine.execute(&alice, &destroy).expect("destroys");
    assert_eq!(kind(lease("short")), Some(ErrorKind::Destroyed));
}
