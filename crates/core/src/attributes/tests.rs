//! Tests of the rules and of the view.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{AttributeEdit, Change, Instance, describe, edit, rule};
use crate::{
    error::ErrorKind,
    model::{
        Algorithm, AttributeKind, AttributeName, Curve, Dates, KeyFormat, KeyId, KeySpec, ManagedObject,
        Name, ObjectId, ObjectType, RealmId, State, Time, UsageMask, Value,
    },
    operations::Activation,
};

const NOW: Time = Time(1_000_000);

pub(super) fn object(state: State) -> ManagedObject {
    ManagedObject {
        id: ObjectId(Uuid::nil()),
        realm: RealmId::DEFAULT,
        key: KeyId(Uuid::nil()),
        version: 1,
        revision: 1,
        object_type: ObjectType::SymmetricKey,
        subtype: None,
        state,
        spec: Some(KeySpec { algorithm: Algorithm::Aes, length_bits: 256, curve: None }),
        format: KeyFormat::Raw,
        usage: UsageMask::ENCRYPT,
        parameters: Vec::new(),
        dates: Dates::default(),
        revocation: None,
        names: vec![Name { value: "one".into(), is_uri: false }],
        groups: Vec::new(),
        links: Vec::new(),
        digests: Vec::new(),
        sensitive: true,
        always_sensitive: true,
        extractable: false,
        never_extractable: true,
        fresh: true,
        erasure: None,
        further: BTreeMap::new(),
        indices: BTreeMap::new(),
        mac: Vec::new(),
    }
}

fn standard(kind: AttributeKind) -> AttributeName {
    AttributeName::Standard(kind)
}

fn name(value: &str) -> Value {
    Value::Structure(vec![
        ("NameValue".into(), Value::Text(value.into())),
        ("NameType".into(), Value::Enumeration(1)),
    ])
}

fn refused(object: &ManagedObject, wanted: &AttributeEdit) -> ErrorKind {
    edit(&mut object.clone(), wanted, NOW).expect_err("a refusal").kind()
}

#[test]
fn what_the_server_sets_no_client_changes() {
    for kind in AttributeKind::ALL.iter().copied().filter(|kind| !rule(&standard(*kind)).given_by_client) {
        let (name, value) = (standard(kind), Value::Integer(1));
        let object = object(State::PreActive);
        let add = AttributeEdit::Add { name: name.clone(), value: value.clone() };
        assert_eq!(refused(&object, &add), ErrorKind::ReadOnlyAttribute, "{kind:?}");
        let modify = AttributeEdit::Modify { name: name.clone(), at: Instance::Only, value: value.clone() };
        assert_eq!(refused(&object, &modify), ErrorKind::ReadOnlyAttribute, "{kind:?}");
        let set = AttributeEdit::Set { name: name.clone(), value: value.clone() };
        assert_eq!(refused(&object, &set), ErrorKind::ReadOnlyAttribute, "{kind:?}");
        let delete = AttributeEdit::Delete { name: name.clone(), at: None };
        assert_eq!(refused(&object, &delete), ErrorKind::ReadOnlyAttribute, "{kind:?}");
        assert_eq!(
            describe([(name, value)]).expect_err("a refusal").kind(),
            ErrorKind::ReadOnlyAttribute,
            "{kind:?}"
        );
    }
}

#[test]
fn what_never_changes_is_not_deletable_either() {
    for kind in AttributeKind::ALL {
        let rule = rule(&standard(*kind));
        assert!(rule.change != Change::Never || !rule.deletable, "{kind:?}");
    }
}

#[test]
fn a_single_value_is_modified_and_not_added_twice() {
    let mut object = object(State::Active);
    let description = standard(AttributeKind::Description);
    let add = AttributeEdit::Add { name: description.clone(), value: Value::Text("first".into()) };
    edit(&mut object, &add, NOW).unwrap();
    assert_eq!(refused(&object, &add), ErrorKind::AlreadyExists);
    let value = Value::Text("second".into());
    let modify =
        AttributeEdit::Modify { name: description.clone(), at: Instance::Only, value: value.clone() };
    edit(&mut object, &modify, NOW).unwrap();
    assert_eq!(object.further[&description], [value]);
}

#[test]
fn one_of_several_values_is_named_by_index_or_value() {
    let mut object = object(State::Active);
    let names = standard(AttributeKind::Name);
    edit(&mut object, &AttributeEdit::Add { name: names.clone(), value: name("two") }, NOW).unwrap();
    let only = AttributeEdit::Modify { name: names.clone(), at: Instance::Only, value: name("three") };
    assert_eq!(refused(&object, &only), ErrorKind::Invalid);
    let beyond = AttributeEdit::Modify { name: names.clone(), at: Instance::Index(2), value: name("three") };
    assert_eq!(refused(&object, &beyond), ErrorKind::AttributeInstanceNotFound);
    let second = AttributeEdit::Modify { name: names.clone(), at: Instance::Index(1), value: name("three") };
    assert_eq!(edit(&mut object, &second, NOW).unwrap().index, 1);
    let first = AttributeEdit::Delete { name: names.clone(), at: Some(Instance::Equal(name("one"))) };
    edit(&mut object, &first, NOW).unwrap();
    assert_eq!(object.names, [Name { value: "three".into(), is_uri: false }]);
}

#[test]
fn an_activation_date_is_fixed_once_the_object_is_active() {
    let date = standard(AttributeKind::ActivationDate);
    let add = AttributeEdit::Add { name: date.clone(), value: Value::Date(Time(NOW.0 + 5000)) };
    let mut pre_active = object(State::PreActive);
    edit(&mut pre_active, &add, NOW).unwrap();
    assert_eq!(pre_active.state, State::PreActive);
    assert_eq!(refused(&object(State::Active), &add), ErrorKind::WrongState);
    let past = AttributeEdit::Modify { name: date, at: Instance::Only, value: Value::Date(Time(NOW.0 - 1)) };
    edit(&mut pre_active, &past, NOW).unwrap();
    assert_eq!(pre_active.state, State::Active, "a date in the past moves the object at once");
}

#[test]
fn sensitive_once_lifted_was_not_always() {
    let mut object = object(State::Active);
    let set = |name: AttributeKind, truth| AttributeEdit::Set {
        name: standard(name),
        value: Value::Boolean(truth),
    };
    edit(&mut object, &set(AttributeKind::Sensitive, false), NOW).unwrap();
    edit(&mut object, &set(AttributeKind::Sensitive, true), NOW).unwrap();
    assert!(object.sensitive && !object.always_sensitive);
    edit(&mut object, &set(AttributeKind::Extractable, true), NOW).unwrap();
    edit(&mut object, &set(AttributeKind::Extractable, false), NOW).unwrap();
    assert!(!object.extractable && !object.never_extractable);
}

#[test]
fn a_value_of_another_type_is_refused() {
    let object = object(State::PreActive);
    for kind in
        [AttributeKind::Name, AttributeKind::Link, AttributeKind::ObjectGroup, AttributeKind::UsageLimits]
    {
        let add = AttributeEdit::Add { name: standard(kind), value: Value::Integer(1) };
        assert_eq!(refused(&object, &add), ErrorKind::InvalidField, "{kind:?}");
    }
}

#[test]
fn a_description_of_a_new_object_reads_every_kind_of_attribute() {
    let curve = Value::Structure(vec![("RecommendedCurve".into(), Value::Enumeration(Curve::P256.code()))]);
    let described = describe([
        (standard(AttributeKind::CryptographicAlgorithm), Value::Enumeration(0x06)),
        (standard(AttributeKind::CryptographicDomainParameters), curve),
        (standard(AttributeKind::CryptographicUsageMask), Value::Integer(3)),
        (standard(AttributeKind::Name), name("new")),
        (standard(AttributeKind::ActivationDate), Value::Date(NOW)),
        (AttributeName::Vendor { vendor: "x".into(), name: "id".into() }, Value::Text("7".into())),
    ])
    .unwrap();
    let spec = described.spec().unwrap();
    assert_eq!(spec, KeySpec { algorithm: Algorithm::Ec, length_bits: 256, curve: Some(Curve::P256) });
    assert_eq!(described.template.usage, Some(UsageMask(3)));
    assert_eq!(described.template.activation, Activation::At(NOW));
    // The client's own code of the algorithm, its domain parameters and the vendor attribute.
    assert_eq!(described.template.further.len(), 3);
    let twice = standard(AttributeKind::CryptographicLength);
    let repeated = describe([(twice.clone(), Value::Integer(128)), (twice, Value::Integer(256))]);
    assert_eq!(repeated.expect_err("a refusal").kind(), ErrorKind::InvalidField);
}

#[test]
fn a_promise_to_rotate_is_taken_only_of_what_the_server_can_make_anew() {
    let add =
        AttributeEdit::Add { name: standard(AttributeKind::RotateAutomatic), value: Value::Boolean(true) };
    edit(&mut object(State::Active), &add, NOW).unwrap();
    let mut opaque = object(State::Active);
    (opaque.object_type, opaque.spec) = (ObjectType::OpaqueObject, None);
    assert_eq!(edit(&mut opaque, &add, NOW).expect_err("a refusal").kind(), ErrorKind::InvalidField);
    let mut public = object(State::Active);
    public.object_type = ObjectType::PublicKey;
    assert_eq!(edit(&mut public.clone(), &add, NOW).expect_err("a refusal").kind(), ErrorKind::InvalidField);
    let target = "019a0000-0000-7000-8000-000000000000".to_owned();
    public.links.push(crate::model::Link { kind: crate::model::LinkType::PrivateKey, target });
    edit(&mut public, &add, NOW).unwrap();
}
