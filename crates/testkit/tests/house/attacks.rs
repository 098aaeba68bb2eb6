//! What one principal could try against another's keys, and a writer of the data folder against all. Each test is a
//! hole that a review found.

use std::{collections::BTreeMap, sync::Arc};

use keyreeve_core::{
    Error, ErrorKind, SecretBytes,
    access::{Action, Caller, rules},
    attributes::{AttributeEdit, new_usage_limits},
    engine::Engine,
    model::{
        Algorithm, AttributeKind, AttributeName, BlockCipherMode, CryptoParameters, Derivation,
        HashAlgorithm, Kdf, KeyFormat, KeyMaterial, KeyPolicy, KeySpec, Lsn, Name, ObjectId, ObjectType,
        PaddingMethod, Prf, Revocation, RevocationReason, Role, Split, SplitMethod, State, Time, UsageMask,
        UsageUnit, Value,
    },
    operations::{
        Activation, Template,
        access_rules::ApplyAccessRules,
        activate::Activate,
        aliases::SetAlias,
        change_key::{ChangeKey, PolicyChange},
        create::{Create, Created},
        create_split_key::CreateSplitKey,
        decrypt::Decrypt,
        derive_key::{DeriveKey, Product},
        destroy::Destroy,
        encrypt::{Encrypt, Form},
        erase::{Erase, Scope},
        get::{Get, Protection},
        grant::Grant,
        journal::{EntryFilter, ReadJournal},
        mac::Mac,
        modify_attributes::ModifyAttributes,
        register::Register,
        rekey::Rekey,
        revoke::Revoke,
        show::Show,
        wrap::Unwrap,
    },
    ports::store::{JOURNAL_BYTES_MAX, Store as _},
    record::{Change, Record, RecordKey},
    request::Reference,
};
use keyreeve_store::Store;

use super::bench::{House, engine, principal, unlock};

struct People {
    house: House,
    alice: Caller,
    mallory: Caller,
}

fn people() -> People {
    let house = House::new();
    let alice = principal(&house.engine, "alice", &[Role::User]);
    let mallory = principal(&house.engine, "mallory", &[Role::User]);
    People { house, alice, mallory }
}

fn new_key(name: &str) -> Create {
    Create {
        name: Some(name.into()),
        spec: KeySpec::from_name("aes-256").expect("known"),
        template: Template { activation: Activation::Now, extractable: Some(false), ..Template::default() },
        public: Template::default(),
        policy: KeyPolicy::default(),
        tags: BTreeMap::new(),
        usage_must_fit: false,
    }
}

fn make(engine: &Engine, caller: &Caller, create: &Create) -> Created {
    engine.execute(caller, create).expect("makes a key")
}

fn grant(engine: &Engine, caller: &Caller, key: &str, to: &str, actions: &[Action]) -> Result<(), Error> {
    let operation = Grant {
        key: Reference::text(key),
        principal: to.into(),
        actions: actions.iter().copied().collect(),
        expires: None,
        encryption_context: Default::default(),
    };
    engine.execute(caller, &operation).map(drop)
}

fn get(engine: &Engine, caller: &Caller, key: &str) -> Result<(), Error> {
    let operation = Get {
        key: Reference::text(key),
        version: None,
        public: false,
        format: None,
        protection: Protection::Plain,
    };
    engine.execute(caller, &operation).map(drop)
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

fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

fn vendor(name: &str) -> AttributeName {
    AttributeName::Vendor { vendor: "x".into(), name: name.into() }
}

fn add(name: AttributeName, value: Value, key: &str) -> ModifyAttributes {
    ModifyAttributes { key: Reference::text(key), edits: vec![AttributeEdit::Add { name, value }] }
}

#[test]
fn an_operator_cannot_give_itself_the_use_of_a_key() {
    let People { house, alice, .. } = people();
    let operator = principal(&house.engine, "operator", &[Role::Operator]);
    let mut create = new_key("payroll");
    create.template.extractable = Some(true);
    create.policy.exportable = true;
    make(&house.engine, &alice, &create);
    assert_eq!(
        kind(grant(&house.engine, &operator, "payroll", "operator", &[Action::Get])),
        Some(ErrorKind::Denied)
    );
    assert_eq!(kind(get(&house.engine, &operator, "payroll")), Some(ErrorKind::Denied));
}

#[test]
fn a_name_never_stands_for_another_keys_id() {
    let People { house, alice, mallory } = people();
    let own = make(&house.engine, &alice, &new_key("own"));
    let trap = own.key.to_string();
    for name in [trap.clone(), trap.to_uppercase(), own.primary.to_string()] {
        assert_eq!(
            kind(house.engine.execute(&mallory, &new_key(&name))),
            Some(ErrorKind::AlreadyExists),
            "{name}"
        );
    }
    let shown = house.engine.execute(&alice, &Show { key: Reference::text(&trap) }).expect("hers");
    assert_eq!(shown.key.id, own.key);
}

#[test]
fn a_destroyed_key_takes_no_name_from_its_successor_and_leaves_its_own_to_nobody_else() {
    let People { house, alice, mallory } = people();
    let engine = &house.engine;
    let mut create = new_key("payments");
    create.template.names = vec![Name { value: "payments".into(), is_uri: false }];
    let old = make(engine, &mallory, &create);
    let destroy = |id: String| Destroy { key: Reference::text(id), deactivate: true, at_once: true };
    engine.execute(&mallory, &destroy(old.key.to_string())).expect("destroys its own");
    // A name that others may still send to is not for the taking; an administrator may hand it on.
    assert_eq!(kind(engine.execute(&alice, &create)), Some(ErrorKind::AlreadyExists));
    let admin = principal(engine, "admin", &[Role::Admin]);
    let new = make(engine, &admin, &create);
    let delete = ModifyAttributes {
        key: Reference::Object(old.primary),
        edits: vec![AttributeEdit::Delete {
            name: AttributeName::Standard(keyreeve_core::model::AttributeKind::Name),
            at: None,
        }],
    };
    assert!(engine.execute(&mallory, &delete).is_err());
    let shown = engine.execute(&admin, &Show { key: Reference::text("payments") }).expect("keeps its name");
    assert_eq!(shown.key.id, new.key);
}

#[test]
fn a_new_version_is_never_weaker_than_the_old() {
    let People { house, alice, mallory } = people();
    make(&house.engine, &alice, &new_key("vault"));
    grant(&house.engine, &alice, "vault", "mallory", &[Action::Rekey, Action::Get]).expect("grants");
    for weaker in [
        Template { extractable: Some(true), ..Template::default() },
        Template { usage: Some(UsageMask(u32::MAX)), ..Template::default() },
    ] {
        let rekey =
            Rekey { key: Reference::text("vault"), activation: None, template: Some(weaker), public: None };
        assert_eq!(kind(house.engine.execute(&mallory, &rekey)), Some(ErrorKind::Denied));
    }
    assert_eq!(kind(get(&house.engine, &mallory, "vault")), Some(ErrorKind::NotExtractable));
}

#[test]
fn a_full_object_can_still_be_revoked() {
    let People { house, alice, .. } = people();
    make(&house.engine, &alice, &new_key("full"));
    for size in [200_000, 20_000, 2_000, 200, 20, 2] {
        let mut number = 0;
        loop {
            number += 1;
            let filler = add(vendor(&format!("{size}-{number}")), Value::Text("x".repeat(size)), "full");
            match house.engine.execute(&alice, &filler) {
                Ok(_) => assert!(number < 1000, "attributes have no limit"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::TooLarge);
                    break;
                }
            }
        }
    }
    let revoke = Revoke {
        key: Reference::text("full"),
        revocation: Revocation { reason: RevocationReason::KeyCompromise, message: Some("stolen".into()) },
        compromise_occurrence: None,
    };
    house.engine.execute(&alice, &revoke).expect("is revoked");
}

#[test]
fn no_client_makes_a_record_that_the_store_cannot_read_again() {
    let People { house, alice, .. } = people();
    make(&house.engine, &alice, &new_key("deep"));
    let nested = |depth| {
        (0..depth).fold(Value::Integer(1), |value, _| Value::Structure(vec![("Field".to_owned(), value)]))
    };
    assert_eq!(
        kind(house.engine.execute(&alice, &add(vendor("deep"), nested(20), "deep"))),
        Some(ErrorKind::TooLarge)
    );
    house.engine.execute(&alice, &add(vendor("deep"), nested(7), "deep")).expect("within the limit");
    let House { options, store, engine: old, .. } = house;
    drop(old);
    store.close().expect("closes");
    drop(store);
    let store = Arc::new(Store::open(&options, &unlock()).expect("opens again"));
    engine(&store, &options).execute(&alice, &Show { key: Reference::text("deep") }).expect("is there");
}

#[test]
fn who_may_make_macs_with_a_key_cannot_open_its_envelopes() {
    let People { house, alice, mallory } = people();
    let mut create = new_key("both");
    create.template.usage = Some(UsageMask::ENCRYPT | UsageMask::DECRYPT | UsageMask::MAC);
    make(&house.engine, &alice, &create);
    grant(&house.engine, &alice, "both", "mallory", &[Action::Mac]).expect("grants");
    let envelope = encrypt(&house.engine, &alice, "both").expect("encrypts");
    // SP 800-108 in counter mode over the key's own bytes is a MAC over this: the commitment must not come out.
    let context_hash = house.options.crypto.sha256(&[b""]);
    for counter in 1..=2u32 {
        let mut data = counter.to_be_bytes().to_vec();
        data.extend_from_slice(b"keyreeve data envelope\0");
        data.extend_from_slice(&envelope[..58]);
        data.extend_from_slice(&context_hash);
        data.extend_from_slice(&512u32.to_be_bytes());
        let parameters = CryptoParameters { algorithm: Some(Algorithm::HmacSha256), ..Default::default() };
        let mac = Mac { key: Reference::text("both"), version: None, parameters, message: data.into() };
        let mac = house.engine.execute(&mallory, &mac).expect("may make MACs").mac;
        assert_ne!(mac, envelope[70..102]);
    }
}

#[test]
fn an_older_version_is_revoked_and_destroyed_whatever_the_newest_is() {
    let People { house, alice, .. } = people();
    let engine = &house.engine;
    make(engine, &alice, &new_key("line"));
    let rekey = Rekey {
        key: Reference::text("line"),
        activation: Some(Activation::Later),
        template: None,
        public: None,
    };
    let newest = engine.execute(&alice, &rekey).expect("a second version").primary;
    let revoke = Revoke {
        key: Reference::text("line"),
        revocation: Revocation { reason: RevocationReason::CessationOfOperation, message: None },
        compromise_occurrence: None,
    };
    engine.execute(&alice, &revoke).expect("the first is revoked");
    assert_eq!(kind(encrypt(engine, &alice, "line")), Some(ErrorKind::WrongState));
    engine
        .execute(&alice, &Destroy { key: Reference::Object(newest), deactivate: true, at_once: true })
        .expect("destroys one");
    engine
        .execute(&alice, &Destroy { key: Reference::text("line"), deactivate: true, at_once: true })
        .expect("and the other");
    let shown = engine.execute(&alice, &Show { key: Reference::text("line") }).expect("is known");
    assert!(shown.objects.iter().all(|(_, state)| *state == State::Destroyed));
}

#[test]
fn absent_and_hidden_look_the_same() {
    let People { house, alice, mallory } = people();
    make(&house.engine, &alice, &new_key("hidden"));
    let told = |name: &str| {
        let error = encrypt(&house.engine, &mallory, name).expect_err("refused");
        (error.kind(), error.public().to_owned())
    };
    assert_eq!(told("hidden"), told("absent"));
}

/// What finding out about a key takes, for who may know nothing of it.
fn effort(house: &House, who: &Caller, reference: Reference) -> rules::Effort {
    let operation = Encrypt {
        key: reference,
        version: None,
        form: Form::Envelope { context: Vec::new() },
        plaintext: SecretBytes::copy_from(b"attack at dawn"),
    };
    let prepared = house.engine.prepare(who, &operation);
    let effort = prepared.effort();
    assert_eq!(kind(house.engine.execute(who, &operation)), Some(ErrorKind::NotFound));
    effort
}

#[test]
fn absent_and_hidden_take_the_same_look_ups_and_decisions() {
    let People { house, alice, mallory } = people();
    let created = make(&house.engine, &alice, &new_key("hidden"));
    let alias = SetAlias { alias: "known-as".into(), key: Reference::text("hidden") };
    house.engine.execute(&alice, &alias).expect("has another name");
    let admin = principal(&house.engine, "admin", &[Role::Admin]);
    let nobody = uuid::Uuid::from_u128(7);
    // Without rules, with one that looks at everything, and with one that hides from whom all is open.
    let rules = [
        None,
        Some(
            r#"@id("all") permit (principal, action in Action::"use", resource) when { resource.state == "compromised" && resource.owner == Principal::"x" };"#,
        ),
        Some(
            r#"@id("some") forbid (principal in Role::"admin", action in Action::"use", resource) when { resource.owner == Principal::"alice" };"#,
        ),
    ];
    for text in rules {
        if let Some(text) = text {
            house.engine.execute(&admin, &ApplyAccessRules { text: text.into() }).expect("rules");
        }
        let wanted = effort(&house, &mallory, Reference::text("absent"));
        assert_eq!(wanted.decisions, 2);
        let hidden = [
            Reference::text("hidden"),
            Reference::text("known-as"),
            Reference::text(created.key.to_string()),
            Reference::text(created.primary.to_string()),
            Reference::Object(created.primary),
            Reference::Chosen("chosen".into()),
            Reference::Object(ObjectId(nobody)),
            Reference::text(nobody.to_string()),
        ];
        for reference in hidden {
            let told = format!("{reference:?} {text:?}");
            // The second time as the first: nothing is remembered of what was refused.
            for _ in 0..2 {
                assert_eq!(effort(&house, &mallory, reference.clone()), wanted, "{told}");
            }
        }
    }
}

#[test]
fn a_key_that_a_rule_names_which_looks_at_approvals_takes_no_more_than_others() {
    let People { house, alice, mallory } = people();
    let [named, other] = ["named", "other"].map(|name| make(&house.engine, &alice, &new_key(name)));
    let admin = principal(&house.engine, "admin", &[Role::Admin]);
    let text = format!(
        r#"@id("two") permit (principal == Principal::"alice", action in Action::"use", resource == Key::"{}") when {{ context.approvals >= 2 }};"#,
        named.key
    );
    house.engine.execute(&admin, &ApplyAccessRules { text }).expect("rules");
    let wanted = effort(&house, &mallory, Reference::text("absent"));
    for reference in [named.key, other.key].map(|key| Reference::text(key.to_string())) {
        assert_eq!(effort(&house, &mallory, reference.clone()), wanted, "{reference:?}");
    }
}

#[test]
fn an_altered_object_is_not_given_a_new_mac() {
    let People { house, alice, .. } = people();
    let engine = &house.engine;
    let created = make(engine, &alice, &new_key("kept"));
    // What a writer of the index could do: the same record, marked as extractable.
    let address = RecordKey::Object(created.primary);
    let Some(record) = house.store.get(&address).expect("reads") else { panic!("is there") };
    let Record::Object(object) = &*record else { panic!("is an object") };
    let mut altered = keyreeve_core::model::ManagedObject::clone(object);
    altered.extractable = true;
    house.tamper(vec![Change::Put(Record::Object(Arc::new(altered)))]);
    assert_eq!(kind(get(engine, &alice, "kept")), Some(ErrorKind::Internal));
    let harmless = add(vendor("note"), Value::Text("hello".into()), "kept");
    assert_eq!(kind(engine.execute(&alice, &harmless)), Some(ErrorKind::Internal));
    assert_eq!(kind(get(engine, &alice, "kept")), Some(ErrorKind::Internal));
}

#[test]
fn a_grant_to_decrypt_opens_nothing_else() {
    let People { house, alice, mallory } = people();
    let engine = &house.engine;
    make(engine, &alice, &new_key("shared"));
    let envelope = encrypt(engine, &alice, "shared").expect("encrypts");
    let decrypt = || Decrypt {
        key: Reference::text("shared"),
        version: None,
        form: Form::Envelope { context: Vec::new() },
        ciphertext: envelope.clone(),
        tag: None,
    };
    assert_eq!(kind(engine.execute(&mallory, &decrypt())), Some(ErrorKind::NotFound));
    grant(engine, &alice, "shared", "mallory", &[Action::Decrypt]).expect("grants");
    assert_eq!(engine.execute(&mallory, &decrypt()).expect("may").plaintext.expose(), b"attack at dawn");
    assert_eq!(kind(encrypt(engine, &mallory, "shared")), Some(ErrorKind::Denied));
    assert_eq!(kind(get(engine, &mallory, "shared")), Some(ErrorKind::Denied));
    assert_eq!(
        kind(engine.execute(&mallory, &Activate { key: Reference::text("shared") })),
        Some(ErrorKind::Denied)
    );
    grant(engine, &alice, "shared", "mallory", &[]).expect("takes it back");
    assert_eq!(kind(engine.execute(&mallory, &decrypt())), Some(ErrorKind::NotFound));
}

#[test]
fn a_grant_to_modify_attributes_changes_nothing_for_good() {
    let People { house, alice, mallory } = people();
    let engine = &house.engine;
    make(engine, &alice, &new_key("shared"));
    let change = |policy| ChangeKey { policy, ..ChangeKey::tags(Reference::text("shared"), BTreeMap::new()) };
    let longer = change(PolicyChange { destroy_waiting_days: Some(3650), ..PolicyChange::default() });
    let lease = change(PolicyChange { lease_seconds: Some(60), ..PolicyChange::default() });
    let set = |kind, value| {
        let name = AttributeName::Standard(kind);
        ModifyAttributes { key: Reference::text("shared"), edits: vec![AttributeEdit::Set { name, value }] }
    };
    let sensitive = set(AttributeKind::Sensitive, Value::Boolean(true));
    let ended = set(AttributeKind::DeactivationDate, Value::Date(Time(2_000_000)));
    let stopped = set(AttributeKind::ProtectStopDate, Value::Date(Time(2_000_000)));
    let (name, value) = new_usage_limits(1, UsageUnit::Uses);
    let AttributeName::Standard(limits) = name else { panic!("{name:?}") };
    let limited = set(limits, value);
    grant(engine, &alice, "shared", "mallory", &[Action::ModifyAttributes]).expect("grants");
    assert_eq!(kind(engine.execute(&mallory, &lease)), Some(ErrorKind::Denied));
    let both = [Action::ModifyAttributes, Action::ChangePolicy];
    grant(engine, &alice, "shared", "mallory", &both).expect("grants");
    engine.execute(&mallory, &lease).expect("may be undone, so may be done");
    assert_eq!(kind(engine.execute(&mallory, &longer)), Some(ErrorKind::Denied));
    assert_eq!(kind(engine.execute(&mallory, &sensitive)), Some(ErrorKind::Denied));
    for for_good in [&ended, &stopped, &limited] {
        assert_eq!(kind(engine.execute(&mallory, for_good)), Some(ErrorKind::Denied));
    }
    let more = [Action::ModifyAttributes, Action::ChangePolicy, Action::Destroy, Action::Revoke];
    grant(engine, &alice, "shared", "mallory", &more).expect("grants");
    engine.execute(&mallory, &longer).expect("may destroy");
    engine.execute(&mallory, &ended).expect("may revoke");
    engine.execute(&alice, &sensitive).expect("owns it");
}

#[test]
fn a_grant_to_encrypt_decrypts_nothing_by_its_own_choice_of_iv() {
    let People { house, alice, mallory } = people();
    let engine = &house.engine;
    make(engine, &alice, &new_key("stream"));
    grant(engine, &alice, "stream", "mallory", &[Action::Encrypt]).expect("grants");
    for mode in [BlockCipherMode::Gcm, BlockCipherMode::Ctr] {
        let raw = |iv: Option<Vec<u8>>, data: &[u8]| Encrypt {
            key: Reference::text("stream"),
            version: None,
            form: Form::Raw {
                parameters: CryptoParameters { mode: Some(mode), ..Default::default() },
                iv,
                aad: Vec::new(),
            },
            plaintext: SecretBytes::copy_from(data),
        };
        let secret = engine.execute(&alice, &raw(None, b"attack at dawn")).expect("encrypts").ciphertext;
        let again = raw(secret.iv.clone(), &secret.data);
        assert_eq!(kind(engine.execute(&mallory, &again)), Some(ErrorKind::Denied));
        engine.execute(&mallory, &raw(None, b"hers")).expect("may encrypt, the server choosing the IV");
        engine.execute(&alice, &again).expect("her own key");
    }
}

/// The bare block function makes the key stream of every mode: GCM's first block comes of the nonce and the counter 2.
#[test]
fn a_grant_to_encrypt_or_derive_gives_no_bare_block_function() {
    let People { house, alice, mallory } = people();
    let engine = &house.engine;
    make(engine, &alice, &new_key("blocks"));
    let mut one_way = new_key("one-way");
    one_way.template.usage = Some(UsageMask::ENCRYPT);
    make(engine, &alice, &one_way);
    for key in ["blocks", "one-way"] {
        grant(engine, &alice, key, "mallory", &[Action::Encrypt, Action::Derive]).expect("grants");
    }
    let (iv, block) = (Some(vec![0; 16]), [7; 16]);
    let parameters = |mode| CryptoParameters { mode: Some(mode), ..Default::default() };
    let raw = |key: &str, mode, iv: &Option<Vec<u8>>| {
        let form = Form::Raw { parameters: parameters(mode), iv: iv.clone(), aad: Vec::new() };
        let plaintext = SecretBytes::copy_from(&block);
        Encrypt { key: Reference::text(key), version: None, form, plaintext }
    };
    let derive = |name: &str, mode, iv: &Option<Vec<u8>>| DeriveKey {
        key: Reference::text("blocks"),
        version: None,
        derivation: Derivation::Encrypt {
            parameters: parameters(mode),
            iv: iv.clone(),
            data: block.to_vec(),
        },
        product: Product::Secret { bytes: 16 },
        name: Some(name.into()),
        template: Template::default(),
        policy: KeyPolicy::default(),
        tags: BTreeMap::new(),
        usage_must_fit: false,
    };
    for (name, mode, iv) in [
        ("by ECB", BlockCipherMode::Ecb, &None),
        ("by CBC", BlockCipherMode::Cbc, &iv),
        ("by CTR", BlockCipherMode::Ctr, &iv),
    ] {
        let encrypt = raw("blocks", mode, iv);
        assert_eq!(kind(engine.execute(&mallory, &encrypt)), Some(ErrorKind::Denied), "{name}");
        engine.execute(&alice, &encrypt).expect("her own key");
        assert_eq!(kind(engine.execute(&alice, &raw("one-way", mode, iv))), Some(ErrorKind::WrongUsage));
        assert_eq!(
            kind(engine.execute(&mallory, &derive(name, mode, iv))),
            Some(ErrorKind::Denied),
            "{name}"
        );
        engine.execute(&alice, &derive(name, mode, iv)).expect("her own key");
    }
    for key in ["blocks", "one-way"] {
        let random = raw(key, BlockCipherMode::Cbc, &None);
        engine.execute(&mallory, &random).expect("may encrypt, the server choosing the IV");
    }
}

/// A page of history ends with what was looked at, however little of it is shown, and the next one goes on.
#[test]
fn a_history_of_large_entries_comes_in_pages_of_bounded_cost() {
    const MIB: usize = 1 << 20;
    let People { house, alice, .. } = people();
    let engine = &house.engine;
    let rounds = JOURNAL_BYTES_MAX / MIB + 4;
    for number in 0..rounds {
        let register = Register {
            name: Some(format!("large {number}")),
            object_type: ObjectType::OpaqueObject,
            spec: None,
            material: KeyMaterial {
                format: KeyFormat::Raw,
                bytes: SecretBytes::new(vec![number as u8; MIB]),
            },
            template: Template::default(),
            digested: None,
            policy: KeyPolicy::default(),
            tags: BTreeMap::new(),
        };
        engine.execute(&alice, &register).expect("registers");
    }
    let last = Reference::text(format!("large {}", rounds - 1));
    let filter = EntryFilter { key: Some(last), ..EntryFilter::default() };
    let page = |after| {
        engine.execute(&alice, &ReadJournal { after, limit: 1000, filter: filter.clone() }).expect("reads")
    };
    let first = page(Lsn::ZERO);
    assert!(first.entries.is_empty(), "what was looked at is about other keys");
    let second = page(first.next.expect("there is more"));
    assert_eq!(second.entries[0].draft.action, Action::Register);
    assert!(second.entries[0].changes > 0 && second.entries[0].draft.changes.is_empty());
    assert_eq!(second.next, None);
}

/// With the right to derive, and a product that leaves, anybody would make MACs, and as many as he likes.
#[test]
fn a_derivation_is_a_use_and_no_way_around_the_right_to_mac_or_encrypt() {
    let People { house, alice, mallory } = people();
    let engine = &house.engine;
    for (name, spec) in [("hmac", "hmac-sha256"), ("aes", "aes-256")] {
        let mut create = new_key(name);
        create.spec = KeySpec::from_name(spec).expect("known");
        let (attribute, value) = new_usage_limits(3, UsageUnit::Uses);
        create.template.further.insert(attribute, vec![value]);
        make(engine, &alice, &create);
    }
    let mut to_mac = new_key("to mac");
    to_mac.template.usage = Some(UsageMask::MAC_VERIFY | UsageMask::DERIVE);
    make(engine, &alice, &to_mac);
    let hash = HashAlgorithm::Sha256;
    let functions = || {
        [
            Kdf::Hmac { hash, data: b"data".to_vec() },
            Kdf::Counter { prf: Prf::Hmac(hash), fixed_input: b"data".to_vec() },
            Kdf::Feedback { prf: Prf::Hmac(hash), iv: Vec::new(), fixed_input: b"data".to_vec() },
            Kdf::Pbkdf2 { hash, salt: b"data".to_vec(), iterations: 1000 },
        ]
    };
    let derive = |key: &str, derivation| derive_secret(key, derivation);
    let hkdf = || Derivation::Kdf(Kdf::Hkdf { hash, salt: Vec::new(), info: b"data".to_vec() });
    grant(engine, &alice, "hmac", "mallory", &[Action::Derive]).expect("grants");
    for function in functions() {
        let refused = engine.execute(&mallory, &derive("hmac", Derivation::Kdf(function)));
        assert_eq!(kind(refused), Some(ErrorKind::Denied));
    }
    engine.execute(&mallory, &derive("hmac", hkdf())).expect("makes no MAC");
    grant(engine, &alice, "hmac", "mallory", &[Action::Derive, Action::Mac]).expect("grants");
    let [by_hmac, by_counter, by_feedback, _] = functions().map(Derivation::Kdf);
    engine.execute(&mallory, &derive("hmac", by_hmac)).expect("may");
    engine.execute(&mallory, &derive("hmac", by_counter)).expect("may");
    let fourth = engine.execute(&mallory, &derive("hmac", by_feedback));
    assert_eq!(kind(fourth), Some(ErrorKind::UsageLimitExceeded));
    let [by_hmac, ..] = functions().map(Derivation::Kdf);
    engine
        .execute(&alice, &derive("to mac", by_hmac))
        .expect("has the right to, whatever the mask of before says");

    let encrypting = || Derivation::Encrypt {
        parameters: CryptoParameters { mode: Some(BlockCipherMode::Ctr), ..Default::default() },
        iv: Some(vec![0; 16]),
        data: vec![0; 16],
    };
    grant(engine, &alice, "aes", "mallory", &[Action::Derive, Action::Decrypt]).expect("grants");
    assert_eq!(kind(engine.execute(&mallory, &derive("aes", encrypting()))), Some(ErrorKind::Denied));
    let all = [Action::Derive, Action::Decrypt, Action::Encrypt];
    grant(engine, &alice, "aes", "mallory", &all).expect("grants");
    for _ in 0..3 {
        engine.execute(&mallory, &derive("aes", encrypting())).expect("may");
    }
    let fourth = engine.execute(&mallory, &derive("aes", encrypting()));
    assert_eq!(kind(fourth), Some(ErrorKind::UsageLimitExceeded));
}

#[test]
fn a_grant_to_split_a_key_gives_none() {
    let People { house, alice, mallory } = people();
    let engine = &house.engine;
    let mut whole = new_key("whole");
    (whole.template.extractable, whole.policy.exportable) = (Some(true), true);
    make(engine, &alice, &whole);
    let split = CreateSplitKey {
        key: Reference::text("whole"),
        split: Split { method: SplitMethod::Xor, parts: 2, threshold: 2, prime_field: None, origin: None },
        name: None,
        template: Template::default(),
        tags: BTreeMap::new(),
    };
    grant(engine, &alice, "whole", "mallory", &[Action::CreateSplitKey]).expect("grants");
    assert_eq!(kind(engine.execute(&mallory, &split)), Some(ErrorKind::Denied));
    grant(engine, &alice, "whole", "mallory", &[Action::CreateSplitKey, Action::Get]).expect("grants");
    assert_eq!(engine.execute(&mallory, &split).expect("may get it anyway").len(), 2);
}

/// What is kept of it is no key, and a secret that anybody has who saw it on its way.
#[test]
fn a_key_that_stays_wrapped_is_used_for_nothing() {
    let People { house, alice, .. } = people();
    let engine = &house.engine;
    let register = Register {
        name: Some("wrapped".into()),
        object_type: ObjectType::SymmetricKey,
        spec: Some(KeySpec { algorithm: Algorithm::Aes, length_bits: 256, curve: None }),
        material: KeyMaterial { format: KeyFormat::WRAPPED, bytes: SecretBytes::new(vec![7; 72]) },
        template: Template {
            activation: Activation::Now,
            usage: Some(UsageMask::ENCRYPT | UsageMask::DERIVE),
            ..Template::default()
        },
        digested: None,
        policy: KeyPolicy { exportable: true, ..KeyPolicy::default() },
        tags: BTreeMap::new(),
    };
    engine.execute(&alice, &register).expect("registers");
    let hash = HashAlgorithm::Sha256;
    let hkdf = Derivation::Kdf(Kdf::Hkdf { hash, salt: Vec::new(), info: Vec::new() });
    assert_eq!(kind(engine.execute(&alice, &derive_secret("wrapped", hkdf))), Some(ErrorKind::WrongUsage));
    let get = |protection| Get {
        key: Reference::text("wrapped"),
        version: None,
        public: false,
        format: None,
        protection,
    };
    assert_eq!(kind(engine.execute(&alice, &get(Protection::Plain))), Some(ErrorKind::WrongUsage));
    engine.execute(&alice, &get(Protection::AsItCame)).expect("as it came");
}

fn derive_secret(key: &str, derivation: Derivation) -> DeriveKey {
    DeriveKey {
        key: Reference::text(key),
        version: None,
        derivation,
        product: Product::Secret { bytes: 16 },
        name: None,
        template: Template::default(),
        policy: KeyPolicy::default(),
        tags: BTreeMap::new(),
        usage_must_fit: false,
    }
}

/// What is wrapped under a key is no message for who may decrypt with it, nor the other way around.
#[test]
fn a_grant_to_decrypt_unwraps_nothing_and_one_to_unwrap_decrypts_nothing() {
    let People { house, alice, mallory } = people();
    let engine = &house.engine;
    let mut rsa = new_key("rsa");
    rsa.spec = KeySpec::from_name("rsa-2048").expect("known");
    rsa.public.activation = Activation::Now;
    make(engine, &alice, &rsa);
    make(engine, &alice, &new_key("aes"));
    let mut for_data = new_key("for data");
    for_data.template.usage = Some(UsageMask::ENCRYPT | UsageMask::DECRYPT);
    make(engine, &alice, &for_data);
    let block = |key: &str, mode: BlockCipherMode| {
        let parameters =
            CryptoParameters { mode: Some(mode), padding: Some(PaddingMethod::None), ..Default::default() };
        let iv = (mode == BlockCipherMode::Cbc).then(|| vec![0; 16]);
        Decrypt {
            key: Reference::text(key),
            version: None,
            form: Form::Raw { parameters, iv, aad: Vec::new() },
            ciphertext: vec![7; 16],
            tag: None,
        }
    };
    let rsa_message = encrypt(engine, &alice, "rsa").expect("encrypts");
    let message = || Decrypt {
        key: Reference::text("rsa"),
        version: None,
        form: Form::Envelope { context: Vec::new() },
        ciphertext: rsa_message.clone(),
        tag: None,
    };
    let unwrap = || Unwrap {
        key: Reference::text("rsa"),
        version: None,
        parameters: None,
        iv: None,
        wrapped: rsa_message.clone(),
    };
    for key in ["aes", "for data", "rsa"] {
        grant(engine, &alice, key, "mallory", &[Action::Decrypt]).expect("grants");
    }
    for mode in [BlockCipherMode::Ecb, BlockCipherMode::Cbc] {
        assert_eq!(kind(engine.execute(&mallory, &block("aes", mode))), Some(ErrorKind::Denied));
        engine.execute(&alice, &block("aes", mode)).expect("her own key");
        engine.execute(&mallory, &block("for data", mode)).expect("nothing is wrapped under it");
    }
    assert_eq!(kind(engine.execute(&mallory, &message())), Some(ErrorKind::Denied));
    engine.execute(&alice, &message()).expect("her own key");
    grant(engine, &alice, "rsa", "mallory", &[Action::Unwrap]).expect("grants");
    assert_eq!(kind(engine.execute(&mallory, &unwrap())), Some(ErrorKind::Denied));
    for key in ["aes", "rsa"] {
        grant(engine, &alice, key, "mallory", &[Action::Unwrap, Action::Decrypt]).expect("grants");
    }
    engine.execute(&mallory, &block("aes", BlockCipherMode::Cbc)).expect("may both");
    engine.execute(&mallory, &message()).expect("may both");
    engine.execute(&mallory, &unwrap()).expect("may both");
}

/// Attributes of every version are written when a key is revoked: as a whole it must fit into an entry, always.
#[test]
fn a_key_takes_no_more_attributes_than_can_be_revoked_and_erased() {
    let People { house, alice, .. } = people();
    let engine = &house.engine;
    let admin = principal(engine, "admin", &[Role::Admin]);
    let mut create = new_key("large");
    create.template.further.insert(vendor("large"), vec![Value::Text("x".repeat(30_000))]);
    create.tags.insert("owner".into(), "x".into());
    make(engine, &alice, &create);
    let rekey = Rekey { key: Reference::text("large"), activation: None, template: None, public: None };
    let mut versions = 1;
    let refused = loop {
        match engine.execute(&alice, &rekey) {
            Ok(_) => versions += 1,
            Err(error) => break error.kind(),
        }
        assert!(versions < 200, "any number of versions");
    };
    assert_eq!(refused, ErrorKind::TooLarge);
    assert!(versions > 100, "{versions}");
    for number in 0..20 {
        // Up to what all of them may have together.
        let more = add(vendor(&format!("more {number}")), Value::Text("x".repeat(1_000)), "large");
        match engine.execute(&alice, &more) {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::TooLarge);
                break;
            }
        }
    }
    let revocation = Revocation { reason: RevocationReason::Superseded, message: None };
    let revoke = Revoke { key: Reference::text("large"), revocation, compromise_occurrence: None };
    engine.execute(&alice, &revoke).expect("is one entry");
    let scope = Scope::Tag { name: "owner".into(), value: "x".into() };
    let (mut after, mut runs, mut destroyed, mut keys) = (None, 0, 0, 0);
    loop {
        let erased = engine.execute(&admin, &Erase { scope: scope.clone(), at_once: true, after });
        let erased = erased.expect("an entry holds what it takes");
        (runs, destroyed, keys) = (runs + 1, destroyed + erased.destroyed, keys + erased.keys);
        after = erased.next;
        if !erased.more {
            break;
        }
    }
    assert!(runs > 1, "one entry took {destroyed}");
    assert_eq!((destroyed, keys), (versions, 1));
}
