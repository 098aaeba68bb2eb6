//! Defaults and constraints below the front-ends: who sets them, and that no protocol goes around them.

use keyreeve_core::{
    ErrorKind,
    model::{AttributeKind, AttributeName, ObjectRule, ObjectType, Role, RuleKind, Value},
    operations::{
        object_rules::{SetObjectRules, ShowObjectRules},
        show::Show,
    },
    request::Reference,
};

use super::bench::{House, active_key, principal};

fn set(kind: RuleKind, attribute: AttributeKind, value: Value) -> SetObjectRules {
    let rule = ObjectRule {
        object_types: vec![ObjectType::SymmetricKey],
        groups: Vec::new(),
        attributes: vec![(AttributeName::Standard(attribute), value)],
    };
    SetObjectRules { kind, rules: vec![rule] }
}

#[test]
fn an_administrator_sets_rules_and_everybody_comes_under_them() {
    let house = House::new();
    let engine = &house.engine;
    let admin = principal(engine, "admin", &[Role::Admin]);
    let others = [Role::User, Role::Operator, Role::Auditor]
        .map(|role| principal(engine, &format!("{role:?}"), &[role]));
    let comment = || Value::Text("by default".to_owned());
    let defaults = set(RuleKind::Defaults, AttributeKind::Comment, comment());
    let constraints = set(RuleKind::Constraints, AttributeKind::CryptographicLength, Value::Integer(128));
    for other in &others {
        for rules in [&defaults, &constraints] {
            let refused = engine.execute(other, rules).expect_err("is for administrators");
            assert_eq!(refused.kind(), ErrorKind::Denied);
        }
        for kind in [RuleKind::Defaults, RuleKind::Constraints] {
            assert_eq!(engine.execute(other, &ShowObjectRules { kind }).expect("everybody may read"), []);
        }
    }
    engine.execute(&admin, &defaults).expect("sets");
    engine.execute(&others[0], &active_key("with a comment")).expect("makes");
    let shown = engine.execute(&others[0], &Show { key: Reference::text("with a comment") }).expect("shows");
    let name = AttributeName::Standard(AttributeKind::Comment);
    assert_eq!(shown.objects[0].0.further.get(&name), Some(&vec![comment()]));
    engine.execute(&admin, &constraints).expect("sets");
    for caller in [&admin, &others[0]] {
        let refused = engine.execute(caller, &active_key("too long")).expect_err("is refused");
        assert_eq!(refused.kind(), ErrorKind::ConstraintViolation);
    }
}
