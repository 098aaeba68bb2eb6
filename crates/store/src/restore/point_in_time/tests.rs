//! One directed test a rule, and a model: whatever happened since, nothing comes back that was taken away.

use std::collections::{BTreeMap, BTreeSet};

use keyreeve_core::{
    access::Action,
    model::{
        AttributeKind, AttributeName, Counts, Credential, CredentialId, CredentialKind, Dates, KeyFormat,
        KeyId, KeyPolicy, KeyVersion, ObjectId, ObjectType, PrincipalId, RealmId, Revocation,
        RevocationReason, Role, Time, UsageMask, Value,
    },
    record::ServerData,
};
use uuid::Uuid;

use super::*;

type Map = BTreeMap<RecordKey, Record>;

struct Two<'a>(&'a Map, &'a Map);

impl States for Two<'_> {
    fn then(&self, key: &RecordKey) -> Result<Option<Record>> {
        Ok(self.0.get(key).cloned())
    }
    fn head(&self, key: &RecordKey) -> Result<Option<Record>> {
        Ok(self.1.get(key).cloned())
    }
}

fn map(records: impl IntoIterator<Item = Record>) -> Map {
    records.into_iter().map(|record| (record.key(), record)).collect()
}

fn merged(then: &Map, head: &Map, keep_new: bool) -> (Map, Preview) {
    let states = Two(then, head);
    let mut merge = Merge { states: &states, keep_new, preview: Preview::default() };
    let mut result = head.clone();
    for key in then.keys().chain(head.keys()).collect::<BTreeSet<_>>() {
        for change in merge.record(then.get(key).cloned(), head.get(key).cloned()).unwrap() {
            match change {
                Change::Put(record) => result.insert(record.key(), record),
                Change::Delete(key) => result.remove(&key),
                Change::Exported(..) | Change::Spent { .. } | Change::Drawn(..) => {
                    panic!("nothing is counted")
                }
            };
        }
    }
    (result, merge.preview)
}

fn object(id: u128) -> ManagedObject {
    ManagedObject {
        id: ObjectId(Uuid::from_u128(id)),
        realm: RealmId::DEFAULT,
        key: KeyId(Uuid::from_u128(id / 10)),
        version: (id % 10) as u32,
        revision: 1,
        object_type: ObjectType::SymmetricKey,
        subtype: None,
        state: State::Active,
        spec: None,
        format: KeyFormat::Raw,
        usage: UsageMask(12),
        parameters: Vec::new(),
        dates: Dates::default(),
        revocation: None,
        names: Vec::new(),
        groups: Vec::new(),
        links: Vec::new(),
        digests: Vec::new(),
        sensitive: true,
        always_sensitive: true,
        extractable: false,
        never_extractable: true,
        fresh: true,
        further: BTreeMap::new(),
        indices: BTreeMap::new(),
        erasure: None,
        mac: vec![1; 32],
    }
}

fn put(object: ManagedObject) -> Record {
    Record::Object(Arc::new(object))
}

fn key(id: u128, name: &str, versions: u32) -> Key {
    Key {
        id: KeyId(Uuid::from_u128(id)),
        realm: RealmId::DEFAULT,
        name: name.into(),
        owner: principal_id(1),
        created: Time(1),
        object_type: ObjectType::SymmetricKey,
        spec: None,
        versions: (1..=versions)
            .map(|number| KeyVersion {
                number,
                primary: ObjectId(Uuid::from_u128(id * 10 + u128::from(number))),
                public: None,
            })
            .collect(),
        policy: KeyPolicy::default(),
        tags: BTreeMap::new(),
        grants: Vec::new(),
    }
}

/// A key with its name and its versions' objects.
fn whole(key: Key) -> Vec<Record> {
    let name = Record::KeyName { realm: key.realm, name: key.name.clone(), key: key.id, alias: false };
    let objects: Vec<_> = key.objects().map(|id| put(object(id.0.as_u128()))).collect();
    [vec![Record::Key(Arc::new(key)), name], objects].concat()
}

fn principal_id(id: u128) -> PrincipalId {
    PrincipalId(Uuid::from_u128(id))
}

fn principal(id: u128, roles: &[Role]) -> Principal {
    Principal {
        id: principal_id(id),
        realm: RealmId::DEFAULT,
        name: format!("p{id}"),
        roles: roles.iter().copied().collect(),
        groups: Default::default(),
        created: Time(1),
        revoked: None,
        ends: None,
        credentials: vec![CredentialId([id as u8; 32])],
        person: None,
        erased: None,
    }
}

fn credential(number: u8, principal: u128, revoked: Option<Time>) -> Record {
    Record::Credential(Arc::new(Credential {
        id: CredentialId([number; 32]),
        principal: principal_id(principal),
        kind: CredentialKind::Token,
        created: Time(1),
        expires: None,
        revoked,
        certificate: None,
    }))
}

fn found(map: &Map, id: u128) -> &ManagedObject {
    match &map[&RecordKey::Object(ObjectId(Uuid::from_u128(id)))] {
        Record::Object(object) => object,
        _ => panic!("another record"),
    }
}

fn found_key(map: &Map, id: u128) -> &Key {
    match &map[&RecordKey::Key(KeyId(Uuid::from_u128(id)))] {
        Record::Key(key) => key,
        _ => panic!("another record"),
    }
}

#[test]
fn attributes_go_back() {
    let then = map([put(object(11))]);
    let head = map([put(ManagedObject { groups: vec!["new".into()], revision: 5, ..object(11) })]);
    let (result, preview) = merged(&then, &head, false);
    assert!(found(&result, 11).groups.is_empty());
    assert_eq!((preview.changes.count, preview.stays.count), (1, 0));
}

#[test]
fn an_object_that_only_went_through_revisions_is_left_alone() {
    let then = map([put(object(11))]);
    let head = map([put(ManagedObject { revision: 5, mac: vec![2; 32], ..object(11) })]);
    assert_eq!(merged(&then, &head, false), (head, Preview::default()));
}

#[test]
fn what_was_destroyed_since_stays_destroyed() {
    let then = map(whole(key(1, "k", 1)));
    let mut head = then.clone();
    let gone = ManagedObject { state: State::Destroyed, mac: Vec::new(), ..object(11) };
    head.insert(RecordKey::Object(gone.id), put(gone.clone()));
    for keep_new in [false, true] {
        let (result, preview) = merged(&then, &head, keep_new);
        assert_eq!(found(&result, 11), &gone);
        assert_eq!(preview.stays.lines[0].why, "version 1 was destroyed since");
        assert_eq!(preview.stays.lines[0].name, "k");
    }
    // And what is gone altogether is gone.
    head.remove(&RecordKey::Object(gone.id));
    assert_eq!(merged(&then, &head, false).0, head);
}

#[test]
fn what_was_revoked_since_stays_revoked_and_keeps_its_dates() {
    let then = map([put(object(11))]);
    let revocation = Some(Revocation { reason: RevocationReason::Superseded, message: None });
    let dates = Dates { deactivation: Some(Time(9)), ..Dates::default() };
    let groups = vec!["new".into()];
    let now = ManagedObject {
        state: State::Deactivated,
        revocation: revocation.clone(),
        dates,
        groups,
        ..object(11)
    };
    let (result, preview) = merged(&then, &map([put(now)]), false);
    let object = found(&result, 11);
    assert_eq!((object.state, &object.revocation, object.dates), (State::Deactivated, &revocation, dates));
    assert!(object.groups.is_empty(), "what is no revocation goes back");
    assert_eq!(preview.stays.count, 1);
}

#[test]
fn a_schedule_of_destruction_is_that_of_now_either_way() {
    let waits = |at: Option<i64>| {
        let dates = Dates { destruction: at.map(Time), ..Dates::default() };
        map([put(ManagedObject { dates, ..object(11) })])
    };
    let (result, preview) = merged(&waits(None), &waits(Some(7)), false);
    assert_eq!((found(&result, 11).dates.destruction, preview.stays.count), (Some(Time(7)), 1));
    let (result, _) = merged(&waits(Some(7)), &waits(None), false);
    assert_eq!(found(&result, 11).dates.destruction, None, "a cancelled destruction must not run");
}

#[test]
fn what_has_happened_does_not_unhappen() {
    let then = map([put(object(11))]);
    let now = ManagedObject {
        fresh: false,
        always_sensitive: false,
        never_extractable: false,
        groups: vec!["new".into()],
        ..object(11)
    };
    let (result, _) = merged(&then, &map([put(now)]), false);
    let object = found(&result, 11);
    assert!(!object.fresh && !object.always_sensitive && !object.never_extractable);
}

#[test]
fn usage_limits_never_go_back() {
    let limited = |left: i64| {
        let parts = vec![
            ("UsageLimitsTotal".to_owned(), Value::LongInteger(100)),
            ("UsageLimitsCount".to_owned(), Value::LongInteger(left)),
            ("UsageLimitsUnit".to_owned(), Value::Enumeration(2)),
        ];
        let name = AttributeName::Standard(AttributeKind::UsageLimits);
        ManagedObject { further: [(name, vec![Value::Structure(parts)])].into(), ..object(11) }
    };
    let head = map([put(limited(40))]);
    assert_eq!(merged(&map([put(limited(90))]), &head, false).0, head);
    let mut skipped = limited(40);
    assert!(keyreeve_core::restored::skip_limits(&mut skipped));
    assert_eq!(skipped, limited(39));
    assert!(!keyreeve_core::restored::skip_limits(&mut object(11)));
}

#[test]
fn new_keys_and_versions_go_unless_they_are_kept() {
    let then = map(whole(key(1, "old", 1)));
    let head = map([whole(key(1, "old", 2)), whole(key(2, "new", 1))].concat());
    let (result, preview) = merged(&then, &head, false);
    assert_eq!(result, then);
    let gone: Vec<_> = preview.disappears.lines.iter().map(|line| (line.what, line.name.as_str())).collect();
    assert_eq!(gone, [("version", "old"), ("key", "new")]);
    assert_eq!(merged(&then, &head, true).0, head);
}

#[test]
fn names_follow_their_keys() {
    // Then: 1 is a, 2 is b. Since: they changed names, by way of a third.
    let then = map([whole(key(1, "a", 1)), whole(key(2, "b", 1))].concat());
    let head = map([whole(key(1, "b", 1)), whole(key(2, "a", 1))].concat());
    assert_eq!(merged(&then, &head, false).0, then);
    // A new key took the name of one that was renamed.
    let head = map([whole(key(1, "z", 1)), whole(key(2, "b", 1)), whole(key(3, "a", 1))].concat());
    assert_eq!(merged(&then, &head, false).0, then);
    let (result, _) = merged(&then, &head, true);
    let third = found_key(&result, 3);
    assert_eq!((third.name.clone(), found_key(&result, 1).name.as_str()), (third.id.to_string(), "a"));
    for record in result.values() {
        if let Record::Key(key) = record {
            let name = RecordKey::KeyName(key.realm, key.name.clone());
            assert_eq!(
                result[&name],
                Record::KeyName { realm: key.realm, name: key.name.clone(), key: key.id, alias: false }
            );
        }
    }
    let names = result.keys().filter(|key| matches!(key, RecordKey::KeyName(..))).count();
    assert_eq!(names, 3, "no name is left behind");
}

#[test]
fn grants_and_roles_are_those_that_both_times_allow() {
    let grant = |actions: &[Action]| Grant {
        principal: principal_id(2),
        actions: actions.iter().copied().collect(),
        expires: None,
        encryption_context: Default::default(),
    };
    let with = |actions: &[Action]| Key { grants: vec![grant(actions)], ..key(1, "k", 1) };
    let then = map(whole(with(&[Action::Encrypt, Action::Sign])));
    for (now, left) in [
        (vec![Action::Encrypt, Action::Decrypt], vec![grant(&[Action::Encrypt])]),
        (vec![Action::Decrypt], vec![]),
    ] {
        let (result, preview) = merged(&then, &map(whole(with(&now))), true);
        assert_eq!(found_key(&result, 1).grants, left);
        assert_eq!(preview.stays.count, 1);
    }
    let person = |roles: &[Role]| map([Record::Principal(Arc::new(principal(1, roles)))]);
    let (result, _) =
        merged(&person(&[Role::Admin, Role::User]), &person(&[Role::User, Role::Auditor]), false);
    assert_eq!(result, person(&[Role::User]));
}

#[test]
fn revoked_principals_and_credentials_stay_revoked_and_nobody_known_is_shut_out() {
    let known = Record::Principal(Arc::new(principal(1, &[Role::User])));
    let then = map([known.clone(), credential(1, 1, None)]);
    let out = Principal { revoked: Some(Time(8)), ..principal(1, &[Role::User]) };
    let head = map([Record::Principal(Arc::new(out)), credential(1, 1, Some(Time(8)))]);
    assert_eq!(merged(&then, &head, false).0, head);
    // Renewed since: the old one stays revoked, so the new one must stay too.
    let renewed = Principal {
        credentials: vec![CredentialId([1; 32]), CredentialId([2; 32])],
        ..principal(1, &[Role::User])
    };
    let head =
        map([Record::Principal(Arc::new(renewed)), credential(1, 1, Some(Time(8))), credential(2, 1, None)]);
    assert_eq!(merged(&then, &head, false).0, head);
    // A principal made since goes with its credential.
    let mut later = then.clone();
    later.extend(map([Record::Principal(Arc::new(principal(3, &[Role::Admin]))), credential(3, 3, None)]));
    assert_eq!(merged(&then, &later, false).0, then);
    assert_eq!(merged(&then, &later, true).0, later);
}

#[test]
fn an_erased_person_stays_erased_and_the_newest_key_of_names_leads_to_the_others() {
    let person = |id, erased| {
        let record = Principal { person: Some(object(id).id), erased, ..principal(id, &[Role::User]) };
        Record::Principal(Arc::new(record))
    };
    let leads = |name: &str, id| {
        let (realm, name) = (RealmId::DEFAULT, name.to_owned());
        Record::PrincipalName { realm, name, principal: principal_id(id) }
    };
    let kept = |id: u128| {
        let (name, data) = (format!("person/{}", object(id).id), principal_id(id).as_bytes().to_vec());
        Record::Server(Arc::new(ServerData { name, data, sealed: None }))
    };
    let then =
        map([person(1, None), person(2, None), leads("~old-1", 1), leads("~old-2", 2), kept(1), kept(2)]);
    let now = [person(1, Some(Time(8))), person(2, None), leads("~new-2", 2), kept(2)];
    let head = map([now.clone().to_vec(), vec![person(3, None), leads("~new-3", 3), kept(3)]].concat());
    assert_eq!(merged(&then, &head, false).0, map(now), "who was made since goes with all that names it");
    assert_eq!(merged(&then, &head, true).0, head);
}

#[test]
fn sealing_and_counts_are_always_those_of_now() {
    let counts = |exported| Record::Counts(Counts { exported, ..Counts::none(object(11).id) });
    let then = map([put(object(11)), counts(1)]);
    let head = map([put(object(11)), counts(5)]);
    assert_eq!(merged(&then, &head, false).0, head);
    let head = map([
        put(object(11)),
        put(object(12)),
        Record::Counts(Counts { exported: 1, ..Counts::none(object(12).id) }),
    ]);
    assert_eq!(merged(&map([put(object(11))]), &head, false).0, map([put(object(11))]));
}
