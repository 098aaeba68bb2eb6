//! Identifiers that clients choose when they import: what they lead to, and what nobody gains by them.

use std::collections::BTreeMap;

use keyreeve_core::{
    ErrorKind, SecretBytes,
    access::Caller,
    attributes::History,
    engine::Engine,
    error::Result,
    model::{KeyFormat, KeyMaterial, KeyPolicy, KeySpec, ObjectId, ObjectType, Role, State},
    operations::{
        Template, create::Created, destroy::Destroy, import_object::ImportObject, register::Register,
        show::Show,
    },
    request::Reference,
};
use uuid::Uuid;

use super::bench::{House, active_key, principal};

fn import(identifier: &str) -> ImportObject {
    let object = Register {
        name: None,
        object_type: ObjectType::SymmetricKey,
        spec: KeySpec::from_name("aes-256"),
        material: KeyMaterial { format: KeyFormat::Raw, bytes: SecretBytes::new(vec![7; 32]) },
        template: Template::default(),
        digested: None,
        policy: KeyPolicy::default(),
        tags: BTreeMap::new(),
    };
    let history = History { state: Some(State::Deactivated), ..History::default() };
    ImportObject { object, identifier: identifier.to_owned(), history }
}

fn shown(engine: &Engine, caller: &Caller, key: Reference) -> Result<ObjectId> {
    engine.execute(caller, &Show { key }).map(|shown| shown.objects[0].0.id)
}

fn refused(engine: &Engine, caller: &Caller, identifier: &str) -> (ErrorKind, String) {
    let error = engine.execute(caller, &import(identifier)).map(drop).expect_err("it is taken");
    (error.kind(), error.public().to_owned())
}

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

#[test]
fn an_identifier_leads_to_what_was_imported_under_it() {
    let People { house, alice, .. } = people();
    let engine = &house.engine;
    let id = Uuid::from_u128(0x1234_5678_9abc_4def_8123_4567_89ab_cdef);
    let Created { primary, .. } = engine.execute(&alice, &import(&id.to_string())).expect("imports");
    assert_eq!(primary, ObjectId(id), "an id that is free is the object's");
    let text = "volume 7 / key 1";
    let Created { primary, .. } = engine.execute(&alice, &import(text)).expect("imports");
    assert_eq!(shown(engine, &alice, Reference::object(text)).expect("is found"), primary);
    assert_eq!(shown(engine, &alice, Reference::Object(primary)).expect("is found"), primary);
    assert!(shown(engine, &alice, Reference::text(text)).is_err(), "it is no name");
    assert!(shown(engine, &alice, Reference::object("volume 7 / key 2")).is_err());
}

#[test]
fn an_identifier_is_given_once_and_says_nothing_of_who_has_it() {
    let People { house, alice, mallory } = people();
    let engine = &house.engine;
    let made = engine.execute(&alice, &active_key("hers")).expect("makes");
    let imported = engine.execute(&alice, &import("shared text")).expect("imports");
    let destroy = Destroy { key: Reference::Object(imported.primary), deactivate: false, at_once: true };
    let taken = refused(engine, &mallory, "shared text");
    assert_eq!(taken.0, ErrorKind::PreconditionFailed);
    engine.execute(&alice, &destroy).expect("destroys");
    for (who, identifier) in [
        (&mallory, "shared text".to_owned()),
        (&alice, "shared text".to_owned()),
        (&mallory, made.primary.to_string()),
        (&mallory, made.primary.to_string().to_uppercase()),
        (&alice, made.key.to_string()),
        (&alice, Uuid::nil().to_string()),
    ] {
        assert_eq!(refused(engine, who, &identifier), taken, "{identifier}");
    }
    for wrong in [String::new(), "line\nbreak".to_owned(), "x".repeat(1025)] {
        assert_eq!(refused(engine, &alice, &wrong).0, ErrorKind::InvalidField);
    }
}

/// What others call a key by leads to that key, and not to one that was imported under it.
#[test]
fn no_identifier_is_taken_that_is_a_name_and_no_name_that_is_an_identifier() {
    let People { house, alice, mallory } = people();
    let engine = &house.engine;
    let (named, spelled) = (Uuid::from_u128(0xabcd), Uuid::from_u128(0xabce));
    let (lower, upper) = (named.to_string(), spelled.to_string().to_uppercase());
    let first = engine.execute(&alice, &active_key(&lower)).expect("makes");
    let second = engine.execute(&alice, &active_key(&upper)).expect("makes");
    assert_eq!(refused(engine, &mallory, &lower).0, ErrorKind::PreconditionFailed);
    engine.execute(&mallory, &import(&upper)).expect("is no name as an id is spelled here");
    assert_eq!(shown(engine, &alice, Reference::text(&lower)).expect("hers"), first.primary);
    assert_eq!(shown(engine, &alice, Reference::text(&upper)).expect("hers"), second.primary);

    let imported = Uuid::from_u128(0xabcf);
    engine.execute(&alice, &import(&imported.to_string())).expect("imports");
    for name in [imported.to_string(), imported.simple().to_string().to_uppercase()] {
        let refused = engine.execute(&mallory, &active_key(&name)).map(drop).expect_err("is an identifier");
        assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
    }
}
