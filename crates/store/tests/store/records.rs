//! Records to fill a store with.

use std::{collections::BTreeMap, sync::Arc};

use keyreeve_core::{
    access::Action,
    model::{
        Algorithm, Dates, KeyFormat, KeyId, KeySpec, ManagedObject, Name, ObjectId, ObjectType, Principal,
        PrincipalId, RealmId, RequestId, State, Time, UsageMask,
    },
    ports::seal::SealBinding,
    record::{Change, EntryDraft, Outcome, Realm, Record},
};
use uuid::Uuid;

pub(crate) fn draft(changes: Vec<Change>) -> EntryDraft {
    EntryDraft {
        time: Time(1_234_567),
        realm: RealmId::DEFAULT,
        principal: PrincipalId::SYSTEM,
        principal_name: "system".into(),
        protocol: "test".into(),
        request: RequestId(Uuid::from_u128(7)),
        source: Some("[::1]:5".into()),
        action: Action::Create,
        key: Some(KeyId(Uuid::from_u128(8))),
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

pub(crate) fn realm(id: u128, name: &str) -> Record {
    Record::Realm(Realm {
        id: RealmId(Uuid::from_u128(id)),
        name: name.into(),
        created: Time(5),
        deleted: None,
    })
}

pub(crate) fn key_name(name: &str, key: u128) -> Record {
    Record::KeyName {
        realm: RealmId::DEFAULT,
        name: name.into(),
        key: KeyId(Uuid::from_u128(key)),
        alias: false,
    }
}

pub(crate) fn principal(id: u128, name: &str) -> Record {
    Record::Principal(Arc::new(Principal {
        id: PrincipalId(Uuid::from_u128(id)),
        realm: RealmId::DEFAULT,
        name: name.into(),
        roles: Default::default(),
        groups: Default::default(),
        created: Time(6),
        revoked: None,
        ends: None,
        credentials: Vec::new(),
        person: None,
        erased: None,
    }))
}

pub(crate) fn object(id: u128, state: State, names: &[&str]) -> Record {
    Record::Object(Arc::new(ManagedObject {
        id: ObjectId(Uuid::from_u128(id)),
        realm: RealmId::DEFAULT,
        key: KeyId(Uuid::from_u128(id + 1)),
        version: 1,
        revision: 1,
        object_type: ObjectType::SymmetricKey,
        subtype: None,
        state,
        spec: Some(KeySpec { algorithm: Algorithm::Aes, length_bits: 256, curve: None }),
        format: KeyFormat::Raw,
        usage: UsageMask(12),
        parameters: Vec::new(),
        dates: Dates { initial: Time(1), last_change: Time(2), ..Dates::default() },
        revocation: None,
        names: names.iter().map(|name| Name { value: (*name).into(), is_uri: false }).collect(),
        groups: vec!["group".into()],
        links: Vec::new(),
        digests: Vec::new(),
        sensitive: false,
        always_sensitive: false,
        extractable: true,
        never_extractable: false,
        fresh: true,
        erasure: None,
        further: BTreeMap::new(),
        indices: Default::default(),
        mac: vec![9; 32],
    }))
}

pub(crate) fn binding(object: u128) -> SealBinding {
    SealBinding {
        realm: RealmId::DEFAULT,
        object: ObjectId(Uuid::from_u128(object)),
        version: 1,
        object_type: ObjectType::SymmetricKey,
        algorithm: Some(Algorithm::Aes),
        length_bits: 256,
        format: KeyFormat::Raw,
        sensitive: true,
        extractable: false,
    }
}
