//! Golden data folders: one per released format, opened by every later version.
//!
//! tests/golden/v1 was written once (`KEYREEVE_WRITE_GOLDEN=1` writes it where it is missing) and is never changed.
//! What is in it: the data folder `data` with `entries`, in segments of 4 KiB, sealed under a passphrase, and its cell
//! `data.cell` beside it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use keyreeve_core::{
    SecretBytes,
    access::Action,
    model::{
        AttributeKind, AttributeName, Credential, CredentialId, CredentialKind, Digest, Grant, HashAlgorithm,
        Key, KeyFormat, KeyId, KeyPolicy, KeyVersion, Link, LinkType, Lsn, ManagedObject, ObjectId,
        ObjectType, Principal, PrincipalId, RealmId, Revocation, RevocationReason, Role, State, Time, Value,
    },
    ports::{
        seal::Sealer,
        store::{IndexRange, Store as _},
    },
    record::{Change, Entry, IndexKind, Record, RecordKey, ServerData},
};
use keyreeve_store::{Store, StoreOptions, Unlock};
use uuid::Uuid;

use crate::{HandClock, crypto, put, records};

const SECRET: &[u8; 32] = b"golden material of thirty-two by";

fn passphrase() -> Unlock {
    Unlock::Passphrase(SecretBytes::copy_from(b"golden passphrase of format 1"))
}

fn options(place: &Path) -> StoreOptions {
    let mut options = StoreOptions::new(place.join("data"), crypto(), Arc::new(HandClock::default()));
    options.journal.segment_bytes_max = 4096;
    options.journal.preallocate_bytes = 1024;
    options.journal.reserve_bytes = 1024;
    options.background = false;
    options
}

fn rich_object() -> Record {
    let Record::Object(object) = records::object(100, State::Compromised, &["golden", "or\u{e9}"]) else {
        panic!()
    };
    let vendor = AttributeName::Vendor { vendor: "x".into(), name: "colour".into() };
    let values = vec![
        Value::Text("blue".into()),
        Value::Integer(-5),
        Value::LongInteger(i64::MIN),
        Value::BigInteger(vec![0x80, 1]),
        Value::Enumeration(u32::MAX),
        Value::Boolean(true),
        Value::Bytes(vec![0, 255]),
        Value::Date(Time(-1)),
        Value::IntervalSeconds(9),
        Value::Structure(vec![("Field".into(), Value::Structure(vec![]))]),
    ];
    Record::Object(Arc::new(ManagedObject {
        revision: 7,
        revocation: Some(Revocation {
            reason: RevocationReason::Other(0x8000_0001),
            message: Some("lost".into()),
        }),
        links: vec![Link { kind: LinkType::PublicKey, target: "other".into() }],
        digests: vec![Digest { hash: HashAlgorithm::Sha256, value: vec![1; 32], format: KeyFormat::Raw }],
        indices: BTreeMap::new(),
        further: BTreeMap::from([
            (vendor, values),
            (AttributeName::Standard(AttributeKind::Comment), vec![Value::Text("c".into())]),
        ]),
        ..ManagedObject::clone(&object)
    }))
}

fn key() -> Record {
    Record::Key(Arc::new(Key {
        id: KeyId(Uuid::from_u128(101)),
        realm: RealmId::DEFAULT,
        name: "golden".into(),
        owner: PrincipalId(Uuid::from_u128(50)),
        created: Time(11),
        object_type: ObjectType::SymmetricKey,
        spec: None,
        versions: vec![KeyVersion { number: 1, primary: ObjectId(Uuid::from_u128(100)), public: None }],
        policy: KeyPolicy { exportable: true, ..KeyPolicy::default() },
        tags: BTreeMap::from([("team".into(), "red".into())]),
        grants: vec![Grant {
            principal: PrincipalId(Uuid::from_u128(51)),
            actions: BTreeSet::from([Action::Encrypt, Action::MacVerify]),
            expires: None,
            encryption_context: BTreeMap::new(),
        }],
    }))
}

fn people() -> [Record; 4] {
    let id = PrincipalId(Uuid::from_u128(50));
    let credential = |byte, kind| {
        let (created, expires) = (Time(12), Some(Time(13)));
        let id_of = CredentialId([byte; 32]);
        Record::Credential(Arc::new(Credential {
            id: id_of,
            principal: id,
            kind,
            created,
            expires,
            revoked: None,
            certificate: None,
        }))
    };
    [
        Record::Principal(Arc::new(Principal {
            id,
            realm: RealmId::DEFAULT,
            name: "alice".into(),
            roles: BTreeSet::from([Role::Admin, Role::Auditor]),
            groups: Default::default(),
            created: Time(10),
            revoked: Some(Time(14)),
            ends: None,
            credentials: vec![CredentialId([1; 32]), CredentialId([2; 32])],
            person: None,
            erased: None,
        })),
        Record::PrincipalName { realm: RealmId::DEFAULT, name: "alice".into(), principal: id },
        credential(1, CredentialKind::Token),
        credential(2, CredentialKind::Certificate { serial: vec![0, 200] }),
    ]
}

/// The changes of each entry; sealed records are made with the sealer.
fn entries(sealer: &dyn Sealer) -> Vec<Vec<Change>> {
    let sealed = |object| sealer.seal(&records::binding(object), &SecretBytes::copy_from(SECRET)).unwrap();
    let server = ServerData { name: "ca".into(), data: vec![1, 2, 3], sealed: Some(sealed(200)) };
    let mut entries = vec![
        vec![Change::Put(records::realm(1, "tenant"))],
        people().map(Change::Put).to_vec(),
        vec![
            Change::Put(records::object(100, State::Active, &["before"])),
            Change::Put(Record::Material(Arc::new(sealed(100)))),
            Change::Put(key()),
            Change::Put(records::key_name("golden", 101)),
        ],
        vec![Change::Put(Record::Server(Arc::new(server)))],
        vec![Change::Put(rich_object()), Change::Put(records::realm(2, "short"))],
        vec![Change::Delete(records::realm(2, "").key())],
    ];
    entries.extend((0..30).map(|_| Vec::new()));
    entries
}

fn write(place: &Path) {
    std::fs::create_dir(place).unwrap();
    Store::create(&options(place), passphrase()).unwrap();
    let store = Store::open(&options(place), &passphrase()).unwrap();
    for changes in entries(&*store.sealer()) {
        put(&store, changes);
    }
    store.close().unwrap();
    drop(store);
    std::fs::remove_dir_all(place.join("data/index")).unwrap();
    std::fs::remove_file(place.join("data/lock")).unwrap();
}

fn check(place: &Path) {
    let store = Store::open(&options(place), &passphrase()).unwrap();
    let end = store.published();
    let read = |key: &RecordKey| store.get(key).unwrap().as_deref().cloned();
    let there = [rich_object(), key(), records::realm(1, "tenant"), records::key_name("golden", 101)];
    for record in there.into_iter().chain(people()) {
        assert_eq!(read(&record.key()), Some(record));
    }
    assert_eq!(read(&records::realm(2, "").key()), None);

    let sealer = store.sealer();
    let Some(Record::Material(material)) = read(&RecordKey::Material(ObjectId(Uuid::from_u128(100)))) else {
        panic!()
    };
    let Some(Record::Server(server)) = read(&RecordKey::Server("ca".into())) else { panic!() };
    assert_eq!((server.data.as_slice(), material.leaf_index), ([1, 2, 3].as_slice(), 1));
    for (object, sealed) in [(100, &*material), (200, server.sealed.as_ref().unwrap())] {
        assert_eq!(sealer.open(&records::binding(object), sealed).unwrap().expose(), SECRET);
    }
    let fresh = sealer.seal(&records::binding(100), &SecretBytes::copy_from(SECRET)).unwrap();
    assert_eq!(fresh.leaf_index, 256, "leaf indexes go on in a new node");

    let (from, to) = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
    let range = IndexRange { realm: RealmId::DEFAULT, kind: IndexKind::ObjectName, from, to };
    assert_eq!(store.find(&range, None, 10).unwrap().len(), 2);
    assert_eq!(store.verify_journal().unwrap().0, store.published());
    let journal = store.journal(Lsn(0), 100).unwrap();
    let (own, ours): (Vec<Entry>, Vec<Entry>) =
        journal.into_iter().partition(|entry| entry.draft.action != records::draft(vec![]).action);
    assert!(own.iter().any(|entry| entry.lsn < end && entry.draft.action == Action::GrowTree));
    assert_eq!(ours.len(), 36);
    assert_eq!(ours[0].draft, records::draft(vec![Change::Put(records::realm(1, "tenant"))]));
    assert_eq!((ours[35].lsn, &ours[35].draft), (end, &records::draft(Vec::new())));
    let next = Lsn(store.published().0 + 1);
    assert_eq!(put(&store, vec![Change::Put(records::realm(3, "new"))]), next, "it goes on where it was");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[test]
fn the_golden_folder_of_format_1_opens() {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1");
    let folder = tempfile::tempdir().unwrap();
    let new = folder.path().join("new");
    write(&new);
    if std::env::var_os("KEYREEVE_WRITE_GOLDEN").is_some() && !golden.exists() {
        copy(&new, &golden);
    }
    // Both: what this version writes, and what the release wrote.
    check(&new);
    let old = folder.path().join("old");
    copy(&golden, &old);
    check(&old);
}
