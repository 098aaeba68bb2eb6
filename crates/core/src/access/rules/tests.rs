//! Rules against Cedar itself: the roles as text, the index against the full set, conditions, and what is refused.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use cedar_policy::{AuthorizationError, Authorizer, Decision as Answer, Effect, Policy, PolicyId, PolicySet};
use proptest::prelude::*;
use uuid::Uuid;

use super::{
    AccessRules, Facts, KeptDecisions, Question, ROLES, RuleSet, Said, Session,
    facts::{Asked, is_askable},
    parse, schema,
};
use crate::{
    access::{
        Action, Caller, Target,
        roles::{Circumstances, basis},
        tests::Empty,
    },
    error::ErrorKind,
    model::{
        Key, KeyId, KeyPolicy, ObjectType, Principal, PrincipalId, RealmId, RequestId, Role, State, Time,
    },
};

pub(in crate::access) fn principal(name: &str, roles: &[Role], groups: &[&str]) -> Arc<Principal> {
    let number = name.bytes().fold(1_u128, |number, byte| number * 256 + u128::from(byte));
    Arc::new(Principal {
        id: PrincipalId(Uuid::from_u128(number)),
        realm: RealmId::DEFAULT,
        name: name.into(),
        roles: roles.iter().copied().collect(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        created: Time(0),
        revoked: None,
        ends: None,
        credentials: Vec::new(),
        person: None,
        erased: None,
    })
}

pub(in crate::access) fn key(number: u128, name: &str, owner: PrincipalId) -> Arc<Key> {
    Arc::new(Key {
        id: KeyId(Uuid::from_u128(number)),
        realm: RealmId::DEFAULT,
        name: name.into(),
        owner,
        created: Time(0),
        object_type: ObjectType::SymmetricKey,
        spec: None,
        versions: Vec::new(),
        policy: KeyPolicy::default(),
        tags: BTreeMap::from([("team".to_owned(), "shop".to_owned())]),
        grants: Vec::new(),
    })
}

fn rules(text: &str) -> RuleSet {
    let mut stored = AccessRules::default();
    stored.apply(&parse(text).unwrap_or_else(|error| panic!("{error}")), Time(0), "root").unwrap();
    stored.compile(RealmId::DEFAULT).unwrap()
}

fn said(rules: &RuleSet, question: &Question<'_>, facts: &Facts) -> Said {
    rules.say(question, &rules.candidates(question, false), facts).unwrap()
}

fn facts() -> Facts {
    Facts {
        state: Some(State::Active),
        owner: Some("alice".into()),
        protocol: "rest",
        source: Some([192, 0, 2, 7].into()),
        time: Some(Time(1_800_000_000_000)),
        encryption_context: Some(vec![("customer".into(), "42".into())]),
        approvals: Some(0),
    }
}

#[test]
fn the_schema_names_every_action_that_rules_decide() {
    let known = schema::known().unwrap();
    for action in Action::ALL.iter().filter(|action| schema::group_word(action.group()).is_some()) {
        let line = format!("action \"{}\" in", action.word());
        assert!(known.text.contains(&line), "{action:?}");
    }
    assert!(!known.text.contains("apply-dates"), "the server's own actions are no rule's");
}

/// The table that decides, and the Cedar text that people read, for every action, role and relation to a key.
#[test]
fn the_roles_as_text_are_the_roles_that_decide() {
    let text: PolicySet = ROLES.parse().unwrap();
    let policies: Vec<Policy> = text
        .policies()
        .map(|policy| policy.new_id(PolicyId::new(policy.annotation("id").unwrap())))
        .collect();
    let rules = RuleSet::new(RealmId::DEFAULT, &policies).unwrap();
    let circumstances = Circumstances { now: Time(0), encryption_context: &[] };
    let (mut asked, mut allowed) = (0, 0);
    for bits in 0..16_u8 {
        let roles: Vec<Role> =
            (0..4).filter(|bit| bits & (1 << bit) != 0).map(|bit| Role::ALL[bit]).collect();
        let alice = principal("alice", &roles, &[]);
        let (own, others) = (key(1, "own", alice.id), key(2, "others", PrincipalId::SYSTEM));
        for action in Action::ALL.iter().copied() {
            for (target, owner) in [
                (Target::Key(&own), "alice"),
                (Target::Key(&others), "system"),
                (Target::Realm(RealmId::DEFAULT), ""),
            ] {
                let question = Question { principal: &alice, action, target };
                if !is_askable(&question) {
                    continue;
                }
                let facts = Facts { owner: Some(owner.into()), ..facts() };
                let by_text = matches!(said(&rules, &question, &facts), Said::Permitted(_));
                let by_table = basis(&alice, action, target, circumstances).is_some();
                assert_eq!(by_text, by_table, "{roles:?} {action:?} owner {owner:?}");
                asked += 1;
                allowed += u32::from(by_table);
            }
        }
    }
    assert!(asked > 1_000 && allowed > 100, "{asked} questions, {allowed} allowed");
}

#[test]
fn a_rule_that_forbids_comes_before_one_that_permits() {
    let rules = rules(
        "@id(\"shop\") permit (principal in Group::\"shop\", action in Action::\"use\", resource) \
         when { resource.name like \"shop-*\" };\n\
         @id(\"no-export\") forbid (principal, action == Action::\"get\", resource) unless { resource.exportable };",
    );
    let bob = principal("bob", &[], &["shop"]);
    let of_shop = key(1, "shop-cards", PrincipalId::SYSTEM);
    let other = key(2, "other", PrincipalId::SYSTEM);
    let ask = |action, key| {
        let question = Question { principal: &bob, action, target: Target::Key(key) };
        said(&rules, &question, &facts())
    };
    assert_eq!(ask(Action::Encrypt, &of_shop), Said::Permitted("shop".into()));
    assert_eq!(ask(Action::Get, &of_shop), Said::Forbidden("no-export".into()));
    assert_eq!(ask(Action::Encrypt, &other), Said::Nothing);
    assert_eq!(ask(Action::Destroy, &of_shop), Said::Nothing);
}

/// A condition that fails keeps nobody in, and lets nobody out.
#[test]
fn a_condition_that_fails_forbids_and_does_not_permit() {
    let text = "@id(\"tagged\") permit (principal, action in Action::\"use\", resource) \
                when { resource.hasTag(\"team\") && resource.getTag(\"team\") like \"*\" };\n\
                @id(\"huge\") forbid (principal in Group::\"counted\", action == Action::\"mac\", resource) \
                when { 9223372036854775807 + (if resource.exportable then 0 else 1) > 0 };";
    let rules = rules(text);
    let bob = principal("bob", &[], &["counted"]);
    let key = key(1, "*", PrincipalId::SYSTEM);
    let question = |action| Question { principal: &bob, action, target: Target::Key(&key) };
    assert_eq!(said(&rules, &question(Action::Sign), &facts()), Said::Permitted("tagged".into()));
    assert_eq!(said(&rules, &question(Action::Mac), &facts()), Said::Forbidden("huge".into()));
}

/// Names and labels are values and never patterns, whatever stands in them.
#[test]
fn wildcards_in_names_and_labels_are_themselves() {
    let rules = rules(
        "@id(\"a\") permit (principal, action == Action::\"sign\", resource) when { resource.name like \"team-\\*\" };\n\
         @id(\"b\") permit (principal == Principal::\"*\", action == Action::\"verify\", resource);\n\
         @id(\"c\") permit (principal in Group::\"*\", action == Action::\"mac\", resource);",
    );
    let bob = principal("bob", &[], &["shop"]);
    let star = principal("*", &[], &[]);
    let ask = |principal: &Arc<Principal>, action, name: &str| {
        let key = key(1, name, PrincipalId::SYSTEM);
        said(&rules, &Question { principal, action, target: Target::Key(&key) }, &facts())
    };
    assert_eq!(ask(&bob, Action::Sign, "team-x"), Said::Nothing);
    assert_eq!(ask(&bob, Action::Sign, "team-*"), Said::Permitted("a".into()));
    assert_eq!(ask(&bob, Action::Verify, "k"), Said::Nothing);
    assert_eq!(ask(&star, Action::Verify, "k"), Said::Permitted("b".into()));
    assert_eq!(ask(&bob, Action::Mac, "k"), Said::Nothing);
}

#[test]
fn conditions_see_state_labels_address_time_and_encryption_context() {
    for (condition, holds) in [
        ("resource.state == \"active\"", true),
        ("resource.state == \"compromised\"", false),
        ("resource.owner == Principal::\"alice\"", true),
        ("resource.owner == principal", false),
        ("resource.hasTag(\"team\") && resource.getTag(\"team\") == \"shop\"", true),
        ("context has source && context.source.isInRange(ip(\"192.0.2.0/24\"))", true),
        ("context has source && context.source.isInRange(ip(\"198.51.100.0/24\"))", false),
        ("context.time > datetime(\"2027-01-01\")", true),
        ("context.time > datetime(\"2028-01-01\")", false),
        ("context.protocol == \"rest\"", true),
        (
            "context.encryption_context.hasTag(\"customer\") && context.encryption_context.getTag(\"customer\") == \"42\"",
            true,
        ),
        ("context.encryption_context.hasTag(\"Customer\")", false),
        ("resource.protection == \"software\" && resource.object_type == \"symmetric-key\"", true),
    ] {
        let text = format!(
            "@id(\"r\") permit (principal, action == Action::\"decrypt\", resource) when {{ {condition} }};"
        );
        let rules = rules(&text);
        let (bob, key) = (principal("bob", &[], &[]), key(1, "k", PrincipalId::SYSTEM));
        let question = Question { principal: &bob, action: Action::Decrypt, target: Target::Key(&key) };
        let expected = if holds { Said::Permitted("r".into()) } else { Said::Nothing };
        assert_eq!(said(&rules, &question, &facts()), expected, "{condition}");
    }
}

#[test]
fn what_is_no_rule_is_refused_with_its_place() {
    let permit = "permit (principal, action, resource);";
    let deep = format!("@id(\"a\") permit (principal, action, resource) when {{ {} }};", "[".repeat(2_000));
    for (text, kind, told) in [
        (String::new(), ErrorKind::InvalidField, "there is no rule in it"),
        (permit.into(), ErrorKind::InvalidField, "rule 1 needs a name"),
        (format!("@id(\"Shop\") {permit}"), ErrorKind::InvalidField, "small letters"),
        (format!("@id(\"a\") {permit} @id(\"a\") {permit}"), ErrorKind::InvalidField, "two rules have the name"),
        (format!("@id(\"role-admin\") {permit}"), ErrorKind::InvalidField, "role-"),
        ("@id(\"a\")\n  permit (principal, action == Action::\"fly\", resource);".to_owned(), ErrorKind::InvalidField, "fly"),
        ("@id(\"a\")\npermit (principal action);".into(), ErrorKind::InvalidField, "line 2, column 19"),
        (
            "@id(\"a\") permit (principal == ?principal, action, resource);".into(),
            ErrorKind::InvalidField,
            "templates",
        ),
        (
            "@id(\"a\")\npermit (principal, action == Action::\"encrypt\", resource) when { resource.colour == 1 };".into(),
            ErrorKind::InvalidField,
            "line 2",
        ),
        (deep, ErrorKind::TooLarge, "words and signs"),
    ] {
        let error = parse(&text).err().unwrap_or_else(|| panic!("{text} was taken"));
        assert_eq!(error.kind(), kind, "{text}: {error}");
        assert!(error.public().contains(told), "{text}: {error}");
    }
}

/// What may just be deep enough runs on a small stack, from parsing to deciding and dropping.
#[test]
fn the_deepest_rule_fits_a_small_stack() {
    let permit = "@id(\"a\") permit (principal, action == Action::\"sign\", resource) when";
    let sets = format!("{}1{}", "[".repeat(14), "]".repeat(14));
    let texts = [
        format!("{permit} {{ {} true }};", "true && ".repeat(120)),
        format!("{permit} {{ {} 1 > 0 }};", "1 + ".repeat(180)),
        format!("{permit} {{ context{} }};", ".a".repeat(180)),
        format!("{permit} {{ {} true }};", "if true then true else ".repeat(70)),
        format!("{permit} {{ {sets}.isEmpty() }};"),
    ];
    let run = move || {
        for text in texts {
            // Cedar may refuse what is deep; it may not overflow.
            let Ok(parsed) = parse(&text) else { continue };
            let mut stored = AccessRules::default();
            stored.apply(&parsed, Time(0), "root").unwrap();
            let Ok(rules) = stored.compile(RealmId::DEFAULT) else { continue };
            let (bob, key) = (principal("bob", &[], &[]), key(1, "k", PrincipalId::SYSTEM));
            let question = Question { principal: &bob, action: Action::Sign, target: Target::Key(&key) };
            said(&rules, &question, &facts());
        }
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

fn scope() -> impl Strategy<Value = String> {
    let whom = prop_oneof![
        Just("principal"),
        Just("principal is Principal"),
        Just("principal == Principal::\"alice\""),
        Just("principal in Principal::\"bob\""),
        Just("principal in Group::\"shop\""),
        Just("principal is Principal in Group::\"bank\""),
        Just("principal in Role::\"user\""),
    ];
    let what = prop_oneof![
        Just("action"),
        Just("action == Action::\"encrypt\""),
        Just("action in Action::\"use\""),
        Just("action in [Action::\"manage\", Action::\"sign\"]"),
        Just("action in Action::\"make\""),
    ];
    let one = "Key::\"00000000-0000-0000-0000-000000000001\"";
    let realm = "Realm::\"00000000-0000-0000-0000-000000000000\"";
    let which = prop_oneof![
        Just("resource".to_owned()),
        Just("resource is Key".into()),
        Just("resource is Realm".into()),
        Just(format!("resource == {one}")),
        Just(format!("resource in {one}")),
        Just(format!("resource in {realm}")),
        Just(format!("resource == {realm}")),
        Just(format!("resource is Key in {realm}")),
        Just(format!("resource is Key in {one}")),
        Just("resource == Realm::\"00000000-0000-0000-0000-000000000009\"".into()),
    ];
    let condition = prop_oneof![
        3 => Just(""),
        1 => Just(" when { context.protocol == \"rest\" }"),
        1 => Just(" unless { principal in Group::\"shop\" }"),
        1 => Just(" when { context.protocol == \"kmip\" }"),
    ];
    let effect = prop_oneof![2 => Just("permit"), 1 => Just("forbid")];
    (effect, whom, what, which, condition).prop_map(|(effect, whom, what, which, condition)| {
        format!("{effect} ({whom}, {what}, {which}){condition};")
    })
}

proptest! {
    /// The index, and scopes compared here, give what Cedar gives over the full set.
    #[test]
    fn the_index_decides_as_the_full_set(texts in prop::collection::vec(scope(), 0..12)) {
        let policies: Vec<Policy> = texts
            .iter()
            .enumerate()
            .map(|(number, text)| Policy::parse(Some(PolicyId::new(format!("r{number}"))), text).unwrap())
            .collect();
        let full = PolicySet::from_policies(policies.clone()).unwrap();
        let rules = RuleSet::new(RealmId::DEFAULT, &policies).unwrap();
        let people = [
            principal("alice", &[Role::User], &["shop"]),
            principal("bob", &[], &["bank", "shop"]),
            principal("carol", &[Role::Auditor], &[]),
        ];
        let keys = [key(1, "one", PrincipalId::SYSTEM), key(2, "two", PrincipalId::SYSTEM)];
        let targets = [Target::Key(&keys[0]), Target::Key(&keys[1]), Target::Realm(RealmId::DEFAULT)];
        for who in &people {
            for action in [Action::Encrypt, Action::Sign, Action::Destroy, Action::Create] {
                for target in targets {
                    let question = Question { principal: who, action, target };
                    if !is_askable(&question) {
                        continue;
                    }
                    let asked = Asked::new(&question, &facts()).unwrap();
                    let answer = Authorizer::new().is_authorized(&asked.request, &full, &asked.entities);
                    let found = said(&rules, &question, &facts());
                    prop_assert_eq!(
                        answer.decision() == Answer::Allow,
                        matches!(found, Said::Permitted(_)),
                        "{:?} {:?} {}", texts, action, who.name
                    );
                    let reasons: BTreeSet<String> = answer.diagnostics().reason().map(ToString::to_string).collect();
                    match found {
                        Said::Permitted(rule) | Said::Forbidden(rule) => prop_assert!(reasons.contains(&*rule)),
                        Said::Nothing => prop_assert!(reasons.is_empty()),
                    }
                }
            }
        }
    }
}

/// Conditions that look at what a decision may be kept by, at what it may not, and at what rules are found by.
fn key_rule() -> impl Strategy<Value = String> {
    let condition = prop_oneof![
        Just("when { resource.name == \"one\" }"),
        Just("when { \"two\" == resource.name && context.protocol == \"rest\" }"),
        Just("when { context.protocol == \"kmip\" && resource.name == \"one\" }"),
        Just("when { resource.hasTag(\"team\") && resource.getTag(\"team\") == \"shop\" }"),
        Just(
            "when { resource.hasTag(\"team\") && resource.getTag(\"team\") == \"bank\" && resource.name == \"two\" }"
        ),
        // It fails where the label is missing, and then forbids.
        Just("when { resource.getTag(\"team\") == \"shop\" }"),
        Just("when { resource.exportable }"),
        Just("unless { resource.name == \"one\" }"),
        Just("when { context has source && context.source.isInRange(ip(\"192.0.2.0/24\")) }"),
        Just("when { context.time < datetime(\"1970-01-01T00:00:05Z\") }"),
        Just("when { context.encryption_context.hasTag(\"a\") }"),
        Just(""),
    ];
    let whom = prop_oneof![
        Just("principal"),
        Just("principal in Group::\"shop\""),
        Just("principal == Principal::\"bob\"")
    ];
    let which = prop_oneof![
        Just("resource"),
        Just("resource is Key"),
        Just("resource == Key::\"00000000-0000-0000-0000-000000000001\"")
    ];
    let effect = prop_oneof![2 => Just("permit"), 1 => Just("forbid")];
    (effect, whom, which, condition).prop_map(|(effect, whom, which, condition)| {
        format!("{effect} ({whom}, action, {which}) {condition};")
    })
}

proptest! {
    /// What is decided from an index and from decisions that were kept is what Cedar says of all rules at once; but that a
    /// rule that forbids, and fails, forbids.
    #[test]
    fn conditions_decide_as_the_full_set_also_from_what_was_kept(texts in prop::collection::vec(key_rule(), 0..10)) {
        let policies: Vec<Policy> = texts
            .iter()
            .enumerate()
            .map(|(number, text)| Policy::parse(Some(PolicyId::new(format!("r{number}"))), text).unwrap())
            .collect();
        let full = PolicySet::from_policies(policies.clone()).unwrap();
        let rules = Arc::new(RuleSet::new(RealmId::DEFAULT, &policies).unwrap());
        let people = [principal("alice", &[], &["shop"]), principal("bob", &[], &["bank"])];
        let mut of_bank = Key::clone(&key(2, "two", PrincipalId::SYSTEM));
        of_bank.tags.insert("team".into(), "bank".into());
        let mut without = Key::clone(&key(3, "two", PrincipalId::SYSTEM));
        without.tags.clear();
        let keys = [key(1, "one", PrincipalId::SYSTEM), Arc::new(of_bank), Arc::new(without)];
        let kept = KeptDecisions::new();
        let ways = [("rest", None, 0), ("kmip", Some([192, 0, 2, 7]), 0), ("rest", Some([192, 0, 3, 7]), 9_000)];
        // Twice: the second time from what was kept.
        for (protocol, source, time) in ways.into_iter().chain(ways) {
            let source = source.map(std::net::Ipv4Addr::from).map(|ip| std::net::SocketAddr::from((ip, 1)));
            let session = Session::new(&Empty, &kept, Time(time)).with_rules(&rules);
            for who in &people {
                let caller = Caller::authenticated(Arc::clone(who), protocol, source, RequestId(uuid::Uuid::nil()));
                for key in &keys {
                    let question = Question { principal: who, action: Action::Encrypt, target: Target::Key(key) };
                    let facts = Facts {
                        protocol,
                        source: source.map(|source| source.ip()),
                        time: Some(Time(time)),
                        encryption_context: Some(Vec::new()),
                        ..facts()
                    };
                    let asked = Asked::new(&question, &facts).unwrap();
                    let answer = Authorizer::new().is_authorized(&asked.request, &full, &asked.entities);
                    let failed: BTreeSet<String> = answer
                        .diagnostics()
                        .errors()
                        .map(|AuthorizationError::PolicyEvaluationError(error)| error.policy_id().to_string())
                        .collect();
                    let forbids = policies.iter().any(|policy| {
                        policy.effect() == Effect::Forbid && failed.contains(&policy.id().to_string())
                    });
                    let wanted = answer.decision() == Answer::Allow && !forbids;
                    let found = session.say(&caller, &question, false).unwrap();
                    prop_assert_eq!(
                        wanted,
                        matches!(found, Said::Permitted(_)),
                        "{:?} {} {} {}: {:?}", texts, who.name, key.name, protocol, found
                    );
                }
            }
        }
    }
}
