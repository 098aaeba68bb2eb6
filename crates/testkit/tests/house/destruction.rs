//! Destruction as people see it: waiting periods, erasure of many keys, exports, and reading the past.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use keyreeve_core::{
    Error, ErrorKind, SecretBytes,
    access::{Action, Caller},
    attributes::AttributeEdit,
    engine::Engine,
    model::{
        AttributeKind, AttributeName, Erasure, KeyPolicy, KeySpec, Lsn, ManagedObject, Name, ObjectId, Place,
        PlaceKind, PrincipalId, RealmId, RequestId, Role, State, Time, Value,
    },
    operations::{
        Activation, Template,
        activate::Activate,
        apply_dates::{Applied, ApplyDates},
        as_of::{AsOf, ShowAsOf},
        cancel_destroy::CancelDestroy,
        check::Check,
        create::Create,
        decrypt::Decrypt,
        destroy::{Destroy, Destroyed},
        encrypt::{Encrypt, Form},
        erase::{Erase, Erased, Scope},
        erasures::{ErasureStatus, ListErasures, ShowDestruction, ShowErasure},
        get::{Get, Protection},
        modify_attributes::ModifyAttributes,
        principals::new_id,
        realms::{self, CreateRealm},
        rekey::Rekey,
        restore_key::RestoreKey,
        show::{Show, Shown},
    },
    record::{Change, Record, RecordKey},
    request::Reference,
};
use keyreeve_store::Store;
use uuid::Uuid;

use crate::bench::{House, engine as engine_of, known, principal, system, unlock};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn new_key(name: &str, policy: KeyPolicy) -> Create {
    Create {
        name: Some(name.into()),
        spec: KeySpec::from_name("aes-256").expect("known"),
        template: Template { activation: Activation::Now, ..Template::default() },
        public: Template::default(),
        policy,
        tags: BTreeMap::new(),
        usage_must_fit: false,
    }
}

fn waits(days: u16) -> KeyPolicy {
    KeyPolicy { exportable: true, destroy_waiting_days: Some(days), ..KeyPolicy::default() }
}

fn destroy(engine: &Engine, caller: &Caller, key: &str, at_once: bool) -> Result<Destroyed, Error> {
    engine.execute(caller, &Destroy { key: Reference::text(key), deactivate: true, at_once })
}

fn get(engine: &Engine, caller: &Caller, key: &str) -> Result<(), Error> {
    let protection = Protection::Plain;
    let get = Get { key: Reference::text(key), version: None, public: false, format: None, protection };
    engine.execute(caller, &get).map(drop)
}

fn encrypt(engine: &Engine, caller: &Caller, key: &str) -> Result<Vec<u8>, Error> {
    let operation = Encrypt {
        key: Reference::text(key),
        version: None,
        form: Form::Envelope { context: Vec::new() },
        plaintext: SecretBytes::copy_from(b"attack at dawn"),
    };
    engine.execute(caller, &operation).map(|encrypted| encrypted.ciphertext.data)
}

fn show(engine: &Engine, caller: &Caller, key: &str) -> Shown {
    engine.execute(caller, &Show { key: Reference::text(key) }).expect("is known")
}

fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

fn erasure(engine: &Engine, caller: &Caller) -> Vec<Arc<Erasure>> {
    let page =
        engine.execute(caller, &ListErasures { after: None, limit: 1000 }).expect("is an administrator");
    let pending = page.erasures.into_iter().map(|status| match status {
        ErasureStatus::Pending { erasure, .. } => erasure,
        ErasureStatus::Complete(certificate) => panic!("listed as pending: {}", certificate.text),
    });
    pending.collect()
}

impl House {
    fn wait(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    fn reopened(self) -> Self {
        let Self { disk, options, clock, store, engine } = self;
        store.close().expect("closes");
        // Whoever holds the store holds its lock.
        drop((engine, store));
        let store = Arc::new(Store::open(&options, &unlock()).expect("opens again"));
        let engine = engine_of(&store, &options);
        Self { disk, options, clock, store, engine }
    }

    fn exported(&self, object: ObjectId) -> u64 {
        match self.engine.store().get(&RecordKey::Counts(object)).expect("reads").as_deref() {
            Some(Record::Counts(counts)) => counts.exported,
            other => panic!("no counts: {other:?}"),
        }
    }
}

#[test]
fn what_waits_for_its_destruction_serves_nobody_until_it_is_taken_back() {
    let house = House::new();
    let alice = principal(&house.engine, "alice", &[Role::User]);
    let engine = &house.engine;
    engine.execute(&alice, &new_key("ledger", waits(30))).expect("makes a key");
    let ciphertext = encrypt(engine, &alice, "ledger").expect("works");
    assert_eq!(destroy(engine, &alice, "ledger", false).expect("may").erasure, None);

    let house = house.reopened();
    let (engine, alice) = (&house.engine, known(&house.engine, "alice"));
    let shown = show(engine, &alice, "ledger");
    assert_eq!(
        (shown.objects[0].1, shown.objects[0].0.dates.destruction),
        (State::Active, Some(house.engine.clock().now().plus_days(30)))
    );
    let key = || Reference::text("ledger");
    let decrypt = || Decrypt {
        key: key(),
        version: None,
        form: Form::Envelope { context: Vec::new() },
        ciphertext: ciphertext.clone(),
        tag: None,
    };
    let check = Check { key: key(), units: None, usage: None, lease_seconds: None };
    let rekey = Rekey { key: key(), activation: None, template: None, public: None };
    for refused in [
        encrypt(engine, &alice, "ledger").err(),
        engine.execute(&alice, &decrypt()).err(),
        get(engine, &alice, "ledger").err(),
        engine.execute(&alice, &check).err(),
        engine.execute(&alice, &rekey).err(),
    ] {
        let refused = refused.expect("serves nobody");
        assert_eq!(refused.kind(), ErrorKind::WrongState);
        assert!(refused.public().contains("--cancel"), "{refused}");
    }
    // Asking again moves no date, and an early tick of the scheduler destroys nothing.
    house.wait(29 * DAY_MS);
    destroy(engine, &alice, "ledger", false).expect("may ask again");
    assert_eq!(engine.execute(&system(), &ApplyDates::default()).expect("ticks").moved, 0);
    engine.execute(&alice, &CancelDestroy { key: key() }).expect("takes it back");
    engine.execute(&alice, &decrypt()).expect("serves again");
    assert_eq!(kind(engine.execute(&alice, &CancelDestroy { key: key() })), Some(ErrorKind::WrongState));
    house.wait(2 * DAY_MS);
    assert!(!ApplyDates::is_due(&**engine.store(), RealmId::DEFAULT, engine.clock().now()).expect("reads"));
}

#[test]
fn a_waiting_period_ends_in_an_erasure_and_cannot_be_taken_back_then() {
    let house = House::new();
    let engine = &house.engine;
    let admin = principal(engine, "admin", &[Role::Admin, Role::User]);
    engine.execute(&admin, &new_key("ledger", waits(1))).expect("makes a key");
    engine
        .execute(
            &admin,
            &Rekey { key: Reference::text("ledger"), activation: None, template: None, public: None },
        )
        .expect("rotates");
    destroy(engine, &admin, "ledger", false).expect("may");
    house.wait(DAY_MS);
    let cancel = CancelDestroy { key: Reference::text("ledger") };
    assert_eq!(kind(engine.execute(&admin, &cancel)), Some(ErrorKind::WrongState));
    assert_eq!(engine.execute(&system(), &ApplyDates::default()).expect("ticks").moved, 2);
    assert_eq!(kind(engine.execute(&admin, &cancel)), Some(ErrorKind::Destroyed));
    assert_eq!(kind(encrypt(engine, &admin, "ledger")), Some(ErrorKind::Destroyed));
    let erasures = erasure(engine, &admin);
    assert_eq!(erasures.len(), 1);
    assert_eq!((erasures[0].principal, &*erasures[0].scope), (PrincipalId::SYSTEM, "key ledger"));
    assert_eq!(erasures[0].objects.len(), 2);
    for (object, state) in show(engine, &admin, "ledger").objects {
        assert_eq!((state, object.erasure), (State::Destroyed, Some(erasures[0].id)));
        assert_eq!(object.dates.destruction, None);
    }
}

#[test]
fn dates_move_the_objects_of_every_realm_and_on_record_there() {
    let house = House::new();
    let engine = &house.engine;
    let id = new_id(&**engine.crypto(), engine.clock().now()).expect("draws");
    let credentials = Vec::new();
    let create = CreateRealm {
        name: "other".into(),
        administrator_id: id,
        administrator: "alice".into(),
        credentials,
    };
    let realm = engine.execute(&system(), &create).expect("makes a realm");
    let record = engine.store().get(&RecordKey::Principal(id)).expect("reads");
    let Some(Record::Principal(alice)) = record.as_deref() else { panic!("no administrator") };
    let alice = Caller::authenticated(Arc::clone(alice), "test", None, RequestId(Uuid::nil()));
    engine.execute(&alice, &new_key("ledger", waits(1))).expect("makes a key");
    destroy(engine, &alice, "ledger", false).expect("may");
    house.wait(DAY_MS);
    assert!(!ApplyDates::is_due(&**engine.store(), RealmId::DEFAULT, engine.clock().now()).expect("reads"));
    assert!(ApplyDates::is_due(&**engine.store(), realm.id, engine.clock().now()).expect("reads"));
    assert_eq!(realms::made(&**engine.store(), realms::REALMS_MAX).expect("reads"), [realm.id]);
    let there = system().in_realm(realm.id);
    assert_eq!(engine.execute(&there, &ApplyDates::default()).expect("ticks").moved, 1);
    assert_eq!(kind(encrypt(engine, &alice, "ledger")), Some(ErrorKind::Destroyed));
    assert_eq!(erasure(engine, &alice)[0].realm, realm.id);
    // It does not reach what is elsewhere.
    let admin = principal(engine, "admin", &[Role::Admin]);
    assert!(erasure(engine, &admin).is_empty());
}

#[test]
fn damaged_objects_that_are_due_keep_no_other_from_moving() {
    let house = House::new();
    let engine = &house.engine;
    let admin = principal(engine, "admin", &[Role::Admin, Role::User]);
    let mut damaged = Vec::new();
    for number in 0..40 {
        let name = format!("key-{number:02}");
        engine.execute(&admin, &new_key(&name, waits(1))).expect("makes a key");
        destroy(engine, &admin, &name, false).expect("may");
        let (object, _) = show(engine, &admin, &name).objects.remove(0);
        // Due before all others, and not what the server wrote.
        if number < 39 {
            let mut altered = (*object).clone();
            altered.dates.destruction = altered.dates.destruction.map(|date| Time(date.0 - 1000));
            damaged.push(Change::Put(Record::Object(Arc::new(altered))));
        }
    }
    let Change::Put(Record::Object(first)) = damaged[0].clone() else { panic!("an object") };
    house.tamper(damaged);
    house.wait(DAY_MS);
    assert_eq!(engine.execute(&system(), &ApplyDates::default()).expect("ticks").moved, 1);
    assert_eq!(kind(encrypt(engine, &admin, "key-39")), Some(ErrorKind::Destroyed));
    let all = engine.execute(&system(), &ApplyDates::default()).expect("ticks");
    assert_eq!(all, Applied { moved: 0, behind: None }, "nothing else can be moved");
    // More of them than one entry looks at: the next one goes on behind them.
    for numbers in (0..4200).collect::<Vec<u128>>().chunks(200) {
        let copy =
            |number| Arc::new(ManagedObject { id: ObjectId(Uuid::from_u128(number)), ..(*first).clone() });
        house.tamper(numbers.iter().map(|number| Change::Put(Record::Object(copy(*number)))).collect());
    }
    engine.execute(&admin, &new_key("late", waits(1))).expect("makes a key");
    destroy(engine, &admin, "late", false).expect("may");
    house.wait(DAY_MS);
    let first = engine.execute(&system(), &ApplyDates::default()).expect("ticks");
    assert!(first.moved == 0 && first.behind.is_some(), "{first:?}");
    let second = engine.execute(&system(), &ApplyDates { behind: first.behind }).expect("ticks");
    assert_eq!(second, Applied { moved: 1, behind: None });
    assert_eq!(kind(encrypt(engine, &admin, "late")), Some(ErrorKind::Destroyed));
}

#[test]
fn the_policy_of_a_key_says_whether_it_is_destroyed_at_once() {
    let house = House::new();
    let alice = principal(&house.engine, "alice", &[Role::User]);
    let engine = &house.engine;
    let careful = KeyPolicy { destroy_at_once: false, ..waits(7) };
    engine.execute(&alice, &new_key("careful", careful)).expect("makes a key");
    engine.execute(&alice, &new_key("plain", waits(7))).expect("makes a key");
    let refused = destroy(engine, &alice, "careful", true).expect_err("wants to wait");
    assert_eq!(refused.kind(), ErrorKind::WrongUsage);
    assert!(refused.public().contains("7 days"), "{refused}");
    encrypt(engine, &alice, "careful").expect("nothing was done");
    destroy(engine, &alice, "plain", false).expect("waits");
    assert!(destroy(engine, &alice, "plain", true).expect("waits no longer").erasure.is_some());
    assert_eq!(kind(encrypt(engine, &alice, "plain")), Some(ErrorKind::Destroyed));
}

#[test]
fn the_entry_that_destroys_holds_the_erasure_of_every_leaf() {
    let house = House::new();
    let alice = principal(&house.engine, "alice", &[Role::User]);
    let engine = &house.engine;
    let mut pair = new_key("pair", KeyPolicy::default());
    pair.spec = KeySpec::from_name("ed25519").expect("known");
    let made = engine.execute(&alice, &pair).expect("makes a key");
    let leaf = |object: ObjectId| match engine.store().get(&RecordKey::Material(object)).unwrap().as_deref() {
        Some(Record::Material(material)) => material.leaf_index,
        other => panic!("no material: {other:?}"),
    };
    let leaves = [leaf(made.primary), leaf(made.public.expect("a pair"))];
    let before = engine.store().published();
    let destroyed = destroy(engine, &alice, "pair", true).expect("may");
    let entries = engine.store().journal(before, 10).expect("reads");
    let entry = entries.iter().find(|entry| entry.draft.action == Action::Destroy).expect("on record");
    let put = entry.draft.changes.iter().find_map(|change| match change {
        Change::Put(Record::Erasure(erasure)) => Some(erasure),
        _ => None,
    });
    let put = put.expect("an erasure in the same entry");
    assert_eq!((Some(put.id), put.realm, put.switched), (destroyed.erasure, RealmId::DEFAULT, None));
    assert_eq!(put.objects.iter().map(|object| object.leaf_index).collect::<Vec<_>>(), leaves);
    for object in &put.objects {
        assert!(entry.draft.changes.contains(&Change::Delete(RecordKey::Material(object.object))));
        assert_eq!(engine.store().get(&RecordKey::Material(object.object)).unwrap(), None);
    }
}

#[test]
fn every_answer_with_secret_material_is_counted_and_no_other() {
    let house = House::new();
    let alice = principal(&house.engine, "alice", &[Role::User]);
    let engine = &house.engine;
    let made = engine.execute(&alice, &new_key("exported", waits(0))).expect("makes a key");
    engine.execute(&alice, &new_key("wrapper", KeyPolicy::default())).expect("makes a key");
    for _ in 0..3 {
        get(engine, &alice, "exported").expect("may leave");
    }
    let wrapped = Get {
        key: Reference::text("exported"),
        version: None,
        public: false,
        format: None,
        protection: Protection::Wrapped { key: Reference::text("wrapper"), parameters: None, frame: None },
    };
    engine.execute(&alice, &wrapped).expect("leaves wrapped");
    let missing = Get { key: Reference::text("nothing"), ..wrapped };
    engine.execute(&alice, &missing).map(drop).expect_err("is not there");
    encrypt(engine, &alice, "exported").expect("leaves nothing");
    assert_eq!(house.exported(made.primary), 4);
    let mut pair = new_key("pair", KeyPolicy::default());
    pair.spec = KeySpec::from_name("ed25519").expect("known");
    let made = engine.execute(&alice, &pair).expect("makes a pair");
    let public = Get {
        key: Reference::text("pair"),
        version: None,
        public: true,
        format: None,
        protection: Protection::Plain,
    };
    engine.execute(&alice, &public).expect("is public");
    for object in [made.primary, made.public.expect("a pair")] {
        assert_eq!(engine.store().get(&RecordKey::Counts(object)).expect("reads"), None);
    }
}

fn tagged(name: &str, owner: &str, policy: KeyPolicy) -> Create {
    Create { tags: BTreeMap::from([("owner".into(), owner.into())]), ..new_key(name, policy) }
}

fn tag(owner: &str) -> Scope {
    Scope::Tag { name: "owner".into(), value: owner.into() }
}

/// Runs to the end; what each run did.
fn erase(engine: &Engine, caller: &Caller, scope: &Scope, at_once: bool) -> Vec<Erased> {
    let (mut runs, mut after) = (Vec::new(), None);
    loop {
        let erase = Erase { scope: scope.clone(), at_once, after };
        let erased = engine.execute(caller, &erase).expect("is an administrator");
        after = erased.next.clone();
        let more = erased.more;
        runs.push(erased);
        if !more {
            return runs;
        }
    }
}

#[test]
fn erasing_by_tag_takes_every_key_of_the_tag_and_goes_on_where_it_broke_off() {
    let house = House::new();
    let engine = &house.engine;
    let admin = principal(engine, "admin", &[Role::Admin]);
    // Large objects, so that one entry does not hold them all.
    for number in 0..100 {
        let mut create = tagged(&format!("alice-{number}"), "alice", KeyPolicy::default());
        let name = AttributeName::Standard(AttributeKind::Description);
        create.template.further.insert(name, vec![Value::Text("x".repeat(30_000))]);
        engine.execute(&admin, &create).expect("makes a key");
    }
    engine.execute(&admin, &tagged("bob", "bob", KeyPolicy::default())).expect("makes a key");
    let careful = KeyPolicy { destroy_at_once: false, ..waits(30) };
    engine.execute(&admin, &tagged("careful", "alice", careful)).expect("makes a key");

    // As if the server had stopped after the first entry.
    let first = engine
        .execute(&admin, &Erase { scope: tag("alice"), at_once: true, after: None })
        .expect("is an administrator");
    assert!(first.more && first.destroyed > 0 && first.destroyed < 100);
    let house = house.reopened();
    let (engine, admin) = (&house.engine, known(&house.engine, "admin"));
    let rest = erase(engine, &admin, &tag("alice"), true);
    assert_eq!(first.destroyed + rest.iter().map(|run| run.destroyed).sum::<usize>(), 100);
    assert_eq!(first.waiting + rest.iter().map(|run| run.waiting).sum::<usize>(), 1);
    for number in 0..100 {
        assert_eq!(show(engine, &admin, &format!("alice-{number}")).objects[0].1, State::Destroyed);
    }
    assert!(show(engine, &admin, "careful").objects[0].0.dates.destruction.is_some());
    encrypt(engine, &admin, "bob").expect("is nobody's of that tag");
    let erasures = erasure(engine, &admin);
    assert!(erasures.iter().all(|erasure| erasure.scope == "tag owner=alice"));
    assert_eq!(erasures.iter().map(|erasure| erasure.objects.len()).sum::<usize>(), 100);
    let again = erase(engine, &admin, &tag("alice"), true);
    assert_eq!(again, [Erased::default()]);
}

#[test]
fn erasing_a_realm_takes_everything_and_only_by_its_own_name() {
    let house = House::new();
    let engine = &house.engine;
    let admin = principal(engine, "admin", &[Role::Admin]);
    for number in 0..5 {
        engine.execute(&admin, &new_key(&format!("k{number}"), waits(3))).expect("makes a key");
    }
    let other = Erase { scope: Scope::Realm("other".into()), at_once: true, after: None };
    assert_eq!(kind(engine.execute(&admin, &other)), Some(ErrorKind::NotFound));
    let whole = Scope::Realm("default".into());
    let waiting = erase(engine, &admin, &whole, false);
    assert_eq!((waiting[0].waiting, waiting[0].destroyed, waiting[0].erasure), (5, 0, None));
    assert_eq!(erase(engine, &admin, &whole, false), [Erased::default()]);
    let gone = erase(engine, &admin, &whole, true);
    assert_eq!((gone[0].keys, gone[0].destroyed), (5, 5));
    assert_eq!(kind(encrypt(engine, &admin, "k4")), Some(ErrorKind::Destroyed));
}

#[test]
fn an_erasure_names_the_places_that_are_pending_until_its_certificate_is_there() {
    let house = House::new();
    let engine = &house.engine;
    let alice = principal(engine, "alice", &[Role::User]);
    let auditor = principal(engine, "auditor", &[Role::Auditor]);
    engine.execute(&alice, &new_key("k", KeyPolicy::default())).expect("makes a key");
    let id = destroy(engine, &alice, "k", true).expect("may").erasure.expect("at once");
    let seen = engine.execute(&alice, &ShowDestruction { key: Reference::text("k") }).expect("its own");
    assert_eq!((seen.waits_until, seen.erasures.len(), seen.erasures[0].id()), (None, 1, id));
    assert_eq!(kind(engine.execute(&alice, &ShowErasure { id })), Some(ErrorKind::Denied));
    assert_eq!(engine.execute(&auditor, &ShowErasure { id }).expect("an auditor").id(), id);
}

#[test]
fn a_place_is_clear_once_it_was_read_back_or_somebody_gave_his_word() {
    let place = Place {
        name: "machine-1".into(),
        kind: PlaceKind::Machine,
        has_cell: true,
        share: 1,
        threshold: 1,
        confirmed: 4,
        confirmed_at: None,
        lost: None,
        attested: None,
        domain: None,
        put: 0,
    };
    let attested = keyreeve_core::model::Attestation {
        by: "alice".into(),
        statement: "shredded".into(),
        at: Time(1),
        generation: 5,
    };
    assert!(place.is_clear_of_older_than(4) && !place.is_clear_of_older_than(5));
    assert!(Place { has_cell: false, ..place.clone() }.is_clear_of_older_than(u64::MAX));
    let lost = Place { lost: Some(Time(1)), ..place.clone() };
    assert!(!lost.is_clear_of_older_than(5));
    let vouched = Place { attested: Some(attested.clone()), ..lost };
    assert!(vouched.is_clear_of_older_than(9), "nothing is written to a lost place any more");
    let living = Place { attested: Some(attested), ..place };
    assert!(living.is_clear_of_older_than(5) && !living.is_clear_of_older_than(6));
}

fn named(value: &str) -> Name {
    Name { value: value.into(), is_uri: false }
}

fn rename(engine: &Engine, caller: &Caller, key: &str, from: &str, to: &str) {
    let name = AttributeName::Standard(AttributeKind::Name);
    let value = |text: &str| {
        let field = |name: &str, value| (name.to_owned(), value);
        Value::Structure(vec![
            field("NameValue", Value::Text(text.into())),
            field("NameType", Value::Enumeration(1)),
        ])
    };
    let edits = vec![
        AttributeEdit::Add { name: name.clone(), value: value(to) },
        AttributeEdit::Delete { name, at: Some(keyreeve_core::attributes::Instance::Equal(value(from))) },
    ];
    engine.execute(caller, &ModifyAttributes { key: Reference::text(key), edits }).expect("renames");
}

#[test]
fn a_key_is_shown_and_brought_back_as_it_was_and_never_out_of_destruction() {
    let house = House::new();
    let engine = &house.engine;
    let alice = principal(engine, "alice", &[Role::User]);
    let mut create = tagged("", "alice", waits(30));
    create.name = None;
    create.template.names = vec![named("payments")];
    create.template.activation = Activation::Later;
    engine.execute(&alice, &create).expect("makes a key");
    house.wait(1000);
    let then = engine.store().published();
    let time = engine.clock().now();
    house.wait(1000);
    let id = show(engine, &alice, "payments").key.id.to_string();
    rename(engine, &alice, &id, "payments", "renamed");
    engine.execute(&alice, &Activate { key: Reference::text(&id) }).expect("activates");
    destroy(engine, &alice, &id, false).expect("waits");

    for at in [AsOf::Lsn(then), AsOf::Time(time)] {
        let past = engine.execute(&alice, &ShowAsOf { key: Reference::text(&id), at }).expect("is on record");
        assert_eq!((&*past.key.name, past.objects[0].1), ("payments", State::PreActive));
        assert_eq!(past.objects[0].0.dates.destruction, None);
    }
    let early = ShowAsOf { key: Reference::text(&id), at: AsOf::Lsn(Lsn(1)) };
    assert_eq!(kind(engine.execute(&alice, &early)), Some(ErrorKind::NotFound));

    let restore = RestoreKey { key: Reference::text(&id), at: AsOf::Lsn(then) };
    assert_eq!(engine.execute(&alice, &restore).expect("waits only").len(), 1);
    let now = show(engine, &alice, "payments");
    assert_eq!(
        kind(engine.execute(&alice, &Show { key: Reference::text("renamed") })),
        Some(ErrorKind::NotFound)
    );
    assert_eq!((now.objects[0].1, now.objects[0].0.dates.destruction), (State::Active, None));
    encrypt(engine, &alice, "payments").expect("is in use again, with a MAC that holds");
    destroy(engine, &alice, "payments", true).expect("may");
    assert_eq!(kind(engine.execute(&alice, &restore)), Some(ErrorKind::Destroyed));
}

#[test]
fn restoring_a_key_makes_nothing_easier_to_take_away_and_ends_no_revocation() {
    let house = House::new();
    let engine = &house.engine;
    let alice = principal(engine, "alice", &[Role::User]);
    engine.execute(&alice, &new_key("k", waits(30))).expect("makes a key");
    get(engine, &alice, "k").expect("may leave");
    let then = engine.store().published();
    let set = |kind, value| AttributeEdit::Set {
        name: AttributeName::Standard(kind),
        value: Value::Boolean(value),
    };
    let edits = vec![set(AttributeKind::Sensitive, true), set(AttributeKind::Extractable, false)];
    engine.execute(&alice, &ModifyAttributes { key: Reference::text("k"), edits }).expect("tightens");
    let revoke = keyreeve_core::operations::revoke::Revoke {
        key: Reference::text("k"),
        revocation: keyreeve_core::model::Revocation {
            reason: keyreeve_core::model::RevocationReason::KeyCompromise,
            message: None,
        },
        compromise_occurrence: None,
    };
    engine.execute(&alice, &revoke).expect("revokes");
    engine.execute(&alice, &RestoreKey { key: Reference::text("k"), at: AsOf::Lsn(then) }).expect("restores");
    let (object, state) = show(engine, &alice, "k").objects.remove(0);
    assert_eq!((state, object.sensitive, object.extractable), (State::Compromised, true, false));
    assert!(object.revocation.is_some());
    assert_eq!(kind(get(engine, &alice, "k")), Some(ErrorKind::NotExtractable));
}
