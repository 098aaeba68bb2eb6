//! Persons: what names them is in no byte outside of the cells but sealed, and erasing them leaves no way to it, while entries
//! and proofs stay what they are.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64},
    },
};

use keyreeve_core::{
    ErrorKind,
    access::Caller,
    engine::Engine,
    model::{
        Algorithm, CredentialId, CredentialKind, ErasureId, KeySpec, Lsn, ObjectType, PrincipalId, RealmId,
        RequestId, Role,
    },
    operations::{
        encrypt::{Encrypt, Form},
        erase_subject::EraseSubject,
        journal::{EntryFilter, ReadJournal},
        principals::{
            AddCredential, CreatePrincipal, ListPrincipals, NewCredential, RevokePrincipal, authenticate,
        },
        reseal::reseal_all,
        server::Initialize,
    },
    persons::ERASED,
    ports::{
        crypto::{Crypto, Generated},
        store::Store as _,
    },
    record::{Entry, Record, RecordKey},
    request::Reference,
};
use keyreeve_crypto::SoftwareCrypto;
use keyreeve_store::{
    EngineChoice, Store, StoreOptions,
    backup::{
        BackupKind, BackupOptions,
        targets::{KnownTargets, Targets as _},
    },
    disk::Disk as _,
    engines::memory::MemoryEngine,
    restore::{Plan, PointInTime, restore},
};
use keyreeve_testkit::recorder::RecordingDisk;
use uuid::Uuid;

use crate::bench::{HandClock, active_key, engine as engine_of, known, principal, system, unlock};

const TARGET: &str = "/backups/near";
const NAME: &str = "alice.liddell@example.com";
const SUBJECT: &str = "liddell-subject-7731";
const ADDRESS: &str = "192.0.2.77";

/// A store on a disk that keeps every byte ever written, with a target.
struct House {
    crypto: Arc<dyn Crypto>,
    clock: Arc<HandClock>,
    disk: RecordingDisk,
    targets: RecordingDisk,
    options: StoreOptions,
    store: Arc<Store>,
    engine: Arc<Engine>,
}

fn options(
    crypto: &Arc<dyn Crypto>,
    clock: &Arc<HandClock>,
    disk: &RecordingDisk,
    targets: &RecordingDisk,
) -> StoreOptions {
    let mut options = StoreOptions::new("/data", crypto.clone(), clock.clone());
    options.disk = Arc::new(disk.clone());
    options.engine = EngineChoice::Given(Arc::new(MemoryEngine::default()));
    options.targets = Some(Arc::new(KnownTargets::new(Arc::new(targets.clone()), crypto.clone())));
    options.background = false;
    options.journal.preallocate_bytes = 64 * 1024;
    options.journal.reserve_bytes = 64 * 1024;
    options
}

impl House {
    fn new() -> Self {
        let crypto: Arc<dyn Crypto> = Arc::new(SoftwareCrypto::new());
        let clock = Arc::new(HandClock(AtomicI64::new(1_000_000)));
        let (disk, targets) = (RecordingDisk::new(), RecordingDisk::new());
        targets.create_dir(Path::new("/backups")).expect("a folder");
        targets.sync_dir(Path::new("/")).expect("synced");
        let options = options(&crypto, &clock, &disk, &targets);
        Store::create(&options, unlock()).expect("a new store");
        let store = Arc::new(Store::open(&options, &unlock()).expect("opens"));
        let engine = engine_of(&store, &options);
        engine.execute(&system(), &Initialize).expect("initializes");
        store.register_target(TARGET, true, false).expect("is there");
        let house = Self { crypto, clock, disk, targets, options, store, engine };
        house.sign();
        house
    }

    fn sign(&self) {
        let spec = KeySpec { algorithm: Algorithm::Ed25519, length_bits: 256, curve: None };
        let Ok(Generated::Pair { private, .. }) = self.crypto.generate(&spec) else { panic!("a pair") };
        let signer = self.crypto.parse(ObjectType::PrivateKey, Some(&spec), &private).expect("just made");
        self.store.start_signing(signer);
    }

    fn settle(&self) {
        for _ in 0..8 {
            if !self.store.keep().expect("keeps") {
                return;
            }
        }
        panic!("something is left to do");
    }

    fn is_certified(&self, id: ErasureId) -> bool {
        self.store.get(&RecordKey::Certificate(id)).expect("reads").is_some()
    }

    /// Another machine in place of this one, from its target.
    fn restored(&self, to: PointInTime) -> Self {
        let disk = RecordingDisk::new();
        let options = options(&self.crypto, &self.clock, &disk, &self.targets);
        let from = KnownTargets::new(Arc::new(self.targets.clone()), self.crypto.clone());
        let from = from.open(TARGET).expect("a target");
        restore(&options, &unlock(), &Plan { from: &*from, to, keep_new: false, cell: None })
            .expect("restores");
        let store = Arc::new(Store::open(&options, &unlock()).expect("opens"));
        let engine = engine_of(&store, &options);
        let (crypto, clock, targets) = (self.crypto.clone(), self.clock.clone(), self.targets.clone());
        let house = Self { crypto, clock, disk, targets, options, store, engine };
        house.sign();
        house
    }

    /// Whether anything but a cell was ever written with this in it.
    fn is_written(&self, text: &str) -> bool {
        let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|found| found == text.as_bytes());
        self.disk.written().iter().chain(&self.targets.written()).any(|written| holds(&written.bytes))
    }

    fn entries(&self) -> Vec<Entry> {
        self.store.journal(Lsn(0), 10_000).expect("reads")
    }
}

fn credential(byte: u8, kind: CredentialKind) -> NewCredential {
    NewCredential { id: CredentialId([byte; 32]), kind, expires: None, is_given: false }
}

fn person(engine: &Engine, number: u8, name: &str) -> Caller {
    let create = CreatePrincipal {
        id: PrincipalId(Uuid::from_u128(0xABCD_0000 + u128::from(number))),
        name: name.into(),
        roles: [Role::User].into(),
        credentials: vec![credential(number, CredentialKind::Token)],
        person: true,
    };
    let made = engine.execute(&known(engine, "admin"), &create).expect("a new person");
    assert_eq!(made.principal.name, format!("person-0000abcd00{number:02x}"));
    caller(engine, number)
}

fn caller(engine: &Engine, number: u8) -> Caller {
    let principal = authenticate(&**engine.store(), CredentialId([number; 32]), &[], engine.clock().now());
    let source = format!("{ADDRESS}:4711").parse().expect("an address");
    Caller::authenticated(principal.expect("counts"), "test", Some(source), RequestId(Uuid::from_u128(9)))
}

fn by_name(engine: &Engine, name: &str, after: Lsn) -> usize {
    let filter = EntryFilter { principal: Some(name.into()), ..EntryFilter::default() };
    let read = ReadJournal { after, limit: 1000, filter };
    engine.execute(&known(engine, "admin"), &read).expect("may").entries.len()
}

/// Uses a key as the person, in vain and not.
fn work(engine: &Engine, caller: &Caller) {
    engine.execute(caller, &active_key("ledger")).expect("makes a key");
    let encrypt = |key: &str| Encrypt {
        key: Reference::text(key),
        version: None,
        form: Form::Envelope { context: Vec::new() },
        plaintext: keyreeve_core::SecretBytes::new(b"paper".to_vec()),
    };
    assert!(engine.execute(caller, &encrypt("ledger")).is_ok());
    let unknown = engine.execute(caller, &encrypt("keys-of-liddell")).map(drop);
    assert_eq!(unknown.map_err(|error| error.kind()), Err(ErrorKind::NotFound));
}

fn administer(engine: &Engine) {
    let admin = known(engine, "admin");
    let jwt = CredentialKind::Jwt {
        issuer: "https://issuer.example".into(),
        claim: "email".into(),
        subject: SUBJECT.into(),
    };
    let add = AddCredential { name: NAME.into(), credential: credential(99, jwt), replace: false };
    engine.execute(&admin, &add).expect("may");
    let list = ListPrincipals { after: None, limit: 10, only: Some(NAME.into()) };
    let listed = engine.execute(&admin, &list).expect("may").remove(0);
    assert_eq!(listed.person.as_deref(), Some(NAME));
    let shown = listed.credentials.iter().find_map(|credential| match &credential.kind {
        CredentialKind::Jwt { subject, .. } => Some(subject.clone()),
        _ => None,
    });
    assert_eq!(shown.as_deref(), Some(SUBJECT), "who may list clients sees it");
    let again = EraseSubject { name: NAME.into() };
    let refused = engine.execute(&admin, &again).map(drop).map_err(|error| error.kind());
    assert_eq!(refused, Err(ErrorKind::WrongState), "nobody is erased who may still come in");
    engine.execute(&admin, &RevokePrincipal { name: NAME.into(), leave_rules_stuck: false }).expect("may");
}

#[test]
fn what_names_a_person_stands_sealed_and_is_gone_for_good_once_it_is_erased() {
    let house = House::new();
    let engine = &house.engine;
    principal(engine, "admin", &[Role::Admin]);
    let (alice, bob) = (person(engine, 1, NAME), person(engine, 2, "bob@example.com"));
    work(engine, &alice);
    let target = house.store.open_target(TARGET).expect("a target");
    house.store.backup(&target, BackupKind::Full, BackupOptions::default()).expect("backs up");
    let while_there = house.store.published();
    administer(engine);
    for canary in [NAME, SUBJECT, ADDRESS, "keys-of-liddell", "bob@example.com"] {
        assert!(!house.is_written(canary), "{canary} stands in what was written");
    }
    assert!(by_name(engine, NAME, Lsn(0)) >= 3, "it is shown as long as it is there");
    let failed = house.entries().into_iter().map(|entry| engine.reveal(entry));
    let mut failed = failed.filter(|entry| entry.draft.target.as_deref() == Some("keys-of-liddell"));
    let source = failed.next().expect("is revealed").draft.source.expect("is there");
    assert_eq!(source, format!("{ADDRESS}:4711"));

    let before = house.entries();
    let erased = engine.execute(&known(engine, "admin"), &EraseSubject { name: NAME.into() }).expect("may");
    house.settle();
    assert!(house.is_certified(erased.erasure), "it has a certificate");
    assert_gone(engine, Lsn(0));
    assert_eq!(house.entries()[..before.len()], before[..], "no entry has changed, nor any leaf of the tree");
    assert_eq!(engine.principal_named(RealmId::DEFAULT, "bob@example.com").expect("reads"), Some(bob.id()));
    let words = erased.principal.name.clone();
    let again = engine.execute(&known(engine, "admin"), &EraseSubject { name: words }).map(drop);
    assert_eq!(again.map_err(|error| error.kind()), Err(ErrorKind::WrongState));

    // Restored from a full backup of when the person was there, to then and to now.
    for to in [PointInTime::Lsn(while_there), PointInTime::Latest] {
        let restored = house.restored(to);
        assert_gone(&restored.engine, restored.store.published());
        let found = restored.engine.principal_named(RealmId::DEFAULT, "bob@example.com").expect("reads");
        assert_eq!(found, Some(bob.id()), "others are found by the key of names that is in force");
    }
}

/// Nothing leads to the person, or from it to a name.
fn assert_gone(engine: &Engine, after: Lsn) {
    assert_eq!(engine.principal_named(RealmId::DEFAULT, NAME).expect("reads"), None);
    let id = PrincipalId(Uuid::from_u128(0xABCD_0001));
    let record = engine.store().get(&RecordKey::Principal(id)).expect("reads");
    let Some(Record::Principal(principal)) = record.as_deref() else { panic!("is known by its word") };
    assert!(principal.erased.is_some() && principal.revoked.is_some());
    assert_eq!(engine.name_for_people(principal).expect("reads"), ERASED);
    assert_eq!(by_name(engine, NAME, after), 0);
    let list = ListPrincipals { after: None, limit: 10, only: Some(principal.name.clone()) };
    let listed = engine.execute(&known(engine, "admin"), &list).expect("may").remove(0);
    assert_eq!(listed.person.as_deref(), Some(ERASED));
    let all = listed.credentials.iter().map(|credential| format!("{:?}", credential.kind));
    assert!(all.clone().all(|kind| !kind.contains(SUBJECT)), "{:?}", all.collect::<Vec<_>>());
    for entry in engine.store().journal(after, 10_000).expect("reads") {
        if entry.draft.personal.is_some() && entry.draft.principal == id {
            let revealed = engine.reveal(entry).draft;
            assert_eq!((&*revealed.principal_name, revealed.source, revealed.target), (ERASED, None, None));
        }
    }
}

#[test]
fn personal_fields_open_in_their_own_entry_alone() {
    let house = House::new();
    let engine = &house.engine;
    principal(engine, "admin", &[Role::Admin]);
    let alice = person(engine, 1, NAME);
    work(engine, &alice);
    // Also after all was sealed anew under another root key.
    assert_eq!(house.store.replace_root(&unlock(), &[unlock()]).expect("replaces it"), 2);
    let caller = || Ok(system());
    let sealed = AtomicU64::new(0);
    reseal_all(engine, &caller, 2, &[], &sealed).expect("seals anew");
    house.settle();
    let record = house.store.get(&RecordKey::Principal(alice.id())).expect("reads");
    let Some(Record::Principal(record)) = record.as_deref() else { panic!("is known") };
    let fresh = engine_of(&house.store, &house.options);
    assert_eq!(fresh.name_for_people(record).expect("opens"), NAME);
    assert_eq!(fresh.principal_named(RealmId::DEFAULT, NAME).expect("opens"), Some(alice.id()));
    let of_alice: Vec<_> =
        house.entries().into_iter().filter(|entry| entry.draft.personal.is_some()).collect();
    let mut moved = of_alice[0].clone();
    assert_eq!(engine.reveal(moved.clone()).draft.principal_name, NAME);
    moved.draft.time.0 += 1;
    let revealed = engine.reveal(moved).draft;
    assert_eq!(revealed.source, None);
    assert!(revealed.detail.is_some_and(|detail| detail.contains("altered")));
}
