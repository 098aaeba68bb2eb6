//! Keys to fill a store with, sealed as core seals them.

use std::{collections::BTreeMap, sync::Arc};

use keyreeve_core::{
    SecretBytes,
    access::Action,
    model::{
        Algorithm, Dates, ErasedObject, Erasure, ErasureId, Key, KeyFormat, KeyId, KeyPolicy, KeySpec,
        KeyVersion, ManagedObject, ObjectId, ObjectType, PrincipalId, RealmId, RequestId, Revocation,
        RevocationReason, State, Time, UsageMask,
    },
    ports::seal::{SealBinding, SealedMaterial},
    record::{Change, EntryDraft, Outcome, Record, RecordKey},
    restored::revised,
};
use keyreeve_store::Store;
use uuid::Uuid;

use crate::{commit, get};

pub(crate) fn draft(changes: Vec<Change>) -> EntryDraft {
    EntryDraft {
        time: Time(1_234_567),
        realm: RealmId::DEFAULT,
        principal: PrincipalId::SYSTEM,
        principal_name: "system".into(),
        protocol: "test".into(),
        request: RequestId(Uuid::from_u128(7)),
        source: None,
        action: Action::Create,
        key: None,
        object: None,
        target: None,
        others: Vec::new(),
        canary: false,
        outcome: Outcome::Success,
        reason: None,
        detail: None,
        changes,
        touched: Vec::new(),
        personal: None,
    }
}

pub(crate) fn key_id(id: u128) -> KeyId {
    KeyId(Uuid::from_u128(id << 64))
}

pub(crate) fn object_id(id: u128) -> ObjectId {
    ObjectId(Uuid::from_u128(id << 64 | 1))
}

pub(crate) fn secret(id: u128) -> SecretBytes {
    SecretBytes::copy_from(format!("the secret of {id:>16}").as_bytes())
}

fn binding(object: &ManagedObject) -> SealBinding {
    SealBinding {
        realm: object.realm,
        object: object.id,
        version: object.version,
        object_type: object.object_type,
        algorithm: object.spec.map(|spec| spec.algorithm),
        length_bits: object.spec.map_or(0, |spec| spec.length_bits),
        format: object.format,
        sensitive: object.sensitive,
        extractable: object.extractable,
    }
}

/// Puts on record that a key encrypted at this time.
pub(crate) fn serve(store: &Store, id: u128, time: i64) {
    let (action, object) = (Action::Encrypt, Some(object_id(id)));
    commit(store, EntryDraft { action, object, time: Time(time), ..draft(Vec::new()) });
}

/// The changes that make a key with one version.
pub(crate) fn create(store: &Store, id: u128, name: &str) -> Vec<Change> {
    let object = ManagedObject {
        id: object_id(id),
        realm: RealmId::DEFAULT,
        key: key_id(id),
        version: 1,
        revision: 0,
        object_type: ObjectType::SymmetricKey,
        subtype: None,
        state: State::Active,
        spec: Some(KeySpec { algorithm: Algorithm::Aes, length_bits: 256, curve: None }),
        format: KeyFormat::Raw,
        usage: UsageMask(12),
        parameters: Vec::new(),
        dates: Dates { initial: Time(1), last_change: Time(2), ..Dates::default() },
        revocation: None,
        names: Vec::new(),
        groups: Vec::new(),
        links: Vec::new(),
        digests: Vec::new(),
        sensitive: false,
        always_sensitive: false,
        extractable: true,
        never_extractable: false,
        fresh: true,
        further: BTreeMap::new(),
        indices: BTreeMap::new(),
        erasure: None,
        mac: Vec::new(),
    };
    let sealed = store.sealer().seal(&binding(&object), &secret(id)).unwrap();
    let key = Key {
        id: key_id(id),
        realm: RealmId::DEFAULT,
        name: name.into(),
        owner: PrincipalId::SYSTEM,
        created: Time(1),
        object_type: ObjectType::SymmetricKey,
        spec: object.spec,
        versions: vec![KeyVersion { number: 1, primary: object.id, public: None }],
        policy: KeyPolicy::default(),
        tags: BTreeMap::new(),
        grants: Vec::new(),
    };
    vec![
        Change::Put(Record::KeyName { realm: key.realm, name: key.name.clone(), key: key.id, alias: false }),
        Change::Put(Record::Key(Arc::new(key))),
        Change::Put(Record::Object(revised(&*store.sealer(), object.clone(), &object, &sealed).unwrap())),
        Change::Put(Record::Material(Arc::new(sealed))),
    ]
}

pub(crate) fn object(store: &Store, id: u128) -> Option<Arc<ManagedObject>> {
    match get(store, &RecordKey::Object(object_id(id)))? {
        Record::Object(object) => Some(object),
        _ => panic!("another record"),
    }
}

pub(crate) fn material(store: &Store, id: u128) -> Option<Arc<SealedMaterial>> {
    match get(store, &RecordKey::Material(object_id(id)))? {
        Record::Material(sealed) => Some(sealed),
        _ => panic!("another record"),
    }
}

/// The change that sets the groups of a key's object.
pub(crate) fn regroup(store: &Store, id: u128, groups: &[&str]) -> Vec<Change> {
    let (now, sealed) = (object(store, id).unwrap(), material(store, id).unwrap());
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    let next = ManagedObject { groups, ..(*now).clone() };
    vec![Change::Put(Record::Object(revised(&*store.sealer(), next, &now, &sealed).unwrap()))]
}

/// The changes that revoke a key's object as compromised.
pub(crate) fn revoke(store: &Store, id: u128) -> Vec<Change> {
    let (now, sealed) = (object(store, id).unwrap(), material(store, id).unwrap());
    let revocation = Some(Revocation { reason: RevocationReason::KeyCompromise, message: None });
    let next = ManagedObject { state: State::Compromised, revocation, ..(*now).clone() };
    vec![Change::Put(Record::Object(revised(&*store.sealer(), next, &now, &sealed).unwrap()))]
}

/// The changes that give a key another name.
pub(crate) fn rename(store: &Store, id: u128, name: &str) -> Vec<Change> {
    let Some(Record::Key(key)) = get(store, &RecordKey::Key(key_id(id))) else { panic!("key {id}") };
    let renamed = Key { name: name.into(), ..Key::clone(&key) };
    vec![
        Change::Delete(RecordKey::KeyName(key.realm, key.name.clone())),
        Change::Put(Record::KeyName { realm: key.realm, name: name.into(), key: key.id, alias: false }),
        Change::Put(Record::Key(Arc::new(renamed))),
    ]
}

/// How often a key's material left the store.
pub(crate) fn exported(store: &Store, id: u128) -> u64 {
    match get(store, &RecordKey::Counts(object_id(id))) {
        Some(Record::Counts(counts)) => counts.exported,
        _ => 0,
    }
}

/// The changes that destroy a key, its erasure among them.
pub(crate) fn destroy(store: &Store, id: u128) -> Vec<Change> {
    let (now, sealed) = (object(store, id).unwrap(), material(store, id).unwrap());
    let gone = ManagedObject {
        state: State::Destroyed,
        revision: now.revision + 1,
        erasure: Some(ErasureId(Uuid::from_u128(id))),
        mac: Vec::new(),
        ..(*now).clone()
    };
    let erasure = Erasure {
        id: ErasureId(Uuid::from_u128(id)),
        realm: RealmId::DEFAULT,
        asked: Time(3),
        principal: PrincipalId::SYSTEM,
        principal_name: "system".into(),
        scope: format!("key {id}"),
        objects: vec![ErasedObject {
            object: now.id,
            key: now.key,
            version: 1,
            object_type: now.object_type,
            leaf_index: sealed.leaf_index,
        }],
        switched: None,
        switched_at: None,
    };
    vec![
        Change::Put(Record::Object(Arc::new(gone))),
        Change::Delete(RecordKey::Material(now.id)),
        Change::Put(Record::Erasure(Arc::new(erasure))),
    ]
}

/// Checks that a key is there and that its material opens.
pub(crate) fn assert_opens(store: &Store, id: u128) {
    let (object, sealed) =
        (object(store, id).expect("the object"), material(store, id).expect("its material"));
    let opened = store.sealer().open(&binding(&object), &sealed).expect("it opens");
    assert!(opened.expose() == secret(id).expose());
}
