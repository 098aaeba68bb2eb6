//! What a decision costs with a thousand rules: `KEYREEVE_LONG=1 cargo nextest run --release -p keyreeve-core -E
//! 'test(access::speed)' --no-capture` prints it. In the normal run few are made, and only that they are right is checked.

#![allow(clippy::print_stdout, reason = "figures are what it is for")]

use std::{hint::black_box, sync::Arc, time::Instant};

use super::{
    Action, Caller, Decision, Target,
    rules::{
        AccessRules, KeptDecisions, Question, Session, parse,
        tests::{key, principal},
    },
    tests::Empty,
};
use crate::model::{PrincipalId, RealmId, RequestId, Role, Time};

const RULES: usize = 1_000;

/// A quarter each by principal, group, key and action; every other has a condition.
fn thousand_rules() -> String {
    (0..RULES)
        .map(|number| {
            let of = number / 4;
            let scope = match number % 4 {
                0 => format!("principal == Principal::\"p{of}\", action in Action::\"use\", resource"),
                1 => format!("principal in Group::\"g{of}\", action in Action::\"use\", resource"),
                2 => format!(
                    "principal, action == Action::\"decrypt\", resource == Key::\"00000000-0000-0000-0000-{:012x}\"",
                    1_000 + of
                ),
                _ => format!("principal in Group::\"g{of}\", action == Action::\"sign\", resource"),
            };
            let condition = match of % 2 {
                0 => " when { resource.name like \"k*\" && context.protocol == \"test\" }",
                _ => "",
            };
            format!("@id(\"r{number}\") permit ({scope}){condition};\n")
        })
        .collect()
}

/// As docs/access.md writes them: the key in the condition, by its name or its label.
fn thousand_rules_by_condition() -> String {
    (0..RULES)
        .map(|number| {
            let of = number / 2;
            let condition = match number % 2 {
                0 => format!("resource.name == \"k{of}\" && context.protocol == \"test\""),
                _ => format!("resource.hasTag(\"team\") && resource.getTag(\"team\") == \"t{of}\""),
            };
            format!("@id(\"r{number}\") permit (principal, action in Action::\"use\", resource) when {{ {condition} }};\n")
        })
        .collect()
}

#[test]
fn decisions_with_a_thousand_rules_that_name_their_keys_in_conditions() {
    let long = std::env::var_os("KEYREEVE_LONG").is_some();
    let rounds = if long { 20_000_u128 } else { 50 };
    let mut stored = AccessRules::default();
    stored.apply(&parse(&thousand_rules_by_condition()).unwrap(), Time(0), "root").unwrap();
    let rules = Arc::new(stored.compile(RealmId::DEFAULT).unwrap());
    let kept = KeptDecisions::new();
    let session = Session::new(&Empty, &kept, Time(0)).with_rules(&rules);
    let who = principal("p", &[], &[]);
    let caller = Caller::authenticated(Arc::clone(&who), "test", None, RequestId(uuid::Uuid::nil()));
    for (what, name, allowed) in [("by name", "k7", true), ("by nothing", "other", false)] {
        let keys: Vec<_> =
            (0..rounds).map(|number| key(10_000 + number, name, PrincipalId::SYSTEM)).collect();
        let begin = Instant::now();
        for key in &keys {
            let question = Question { principal: &who, action: Action::Encrypt, target: Target::Key(key) };
            let decision = black_box(super::decide(&session, &caller, question)).unwrap();
            assert_eq!(decision.allows(), allowed, "{what}");
        }
        if long {
            println!("a decision by conditions, {what}: {} ns", begin.elapsed().as_nanos() / rounds);
        }
    }
}

#[test]
fn decisions_with_a_thousand_rules() {
    let long = std::env::var_os("KEYREEVE_LONG").is_some();
    let rounds = if long { 20_000_u128 } else { 50 };
    let mut stored = AccessRules::default();
    stored.apply(&parse(&thousand_rules()).unwrap(), Time(0), "root").unwrap();
    let rules = Arc::new(stored.compile(RealmId::DEFAULT).unwrap());
    let kept = KeptDecisions::new();
    let session = Session::new(&Empty, &kept, Time(0)).with_rules(&rules);
    let keys: Vec<_> = (0..rounds).map(|number| key(10_000 + number, "k1", PrincipalId::SYSTEM)).collect();
    // p0 and g0 have conditions, p1 and g1 none.
    for (what, name, group, hot) in [
        ("by role alone", "nobody", "none", false),
        ("cold, without a condition", "p1", "g1", false),
        ("cold, with conditions", "p0", "g0", false),
        ("hot, with conditions", "p0", "g0", true),
    ] {
        let roles: &[Role] = if name == "nobody" { &[Role::Admin] } else { &[] };
        let who = principal(name, roles, &[group]);
        let caller = Caller::authenticated(Arc::clone(&who), "test", None, RequestId(uuid::Uuid::nil()));
        let begin = Instant::now();
        for key in &keys {
            let key = if hot { &keys[0] } else { key };
            let question = Question { principal: &who, action: Action::Encrypt, target: Target::Key(key) };
            let decision = black_box(super::decide(&session, &caller, question)).unwrap();
            assert!(decision.allows() && decision != Decision::NothingAllows, "{what}");
        }
        if long {
            println!("a decision {what}: {} ns", begin.elapsed().as_nanos() / rounds);
        }
    }
}
