//! Power that somebody takes, or passes on, and uses.

use keyreeve_core::access::Action;

use super::{Attack, Notice, scene::Scene};
use crate::fleet::{
    calendar::{HOUR, MINUTE, SECOND},
    organisation::Kind,
};

pub(super) const ATTACKS: [Attack; 6] = [
    Attack {
        name: "self-grant",
        story: "An administrator lets themselves use a customer's key in the afternoon, decrypts a few times, and takes the grant back.",
        from_rule: Some("an administrator acting on a key that they also use"),
        source: "",
        notice: Notice::AfterBegin(4),
        days: 1,
        lay: self_grant,
    },
    Attack {
        name: "grant-then-use",
        story: "An operator lets a service at 25 keys that it never used, at ten in the evening; ten minutes later it opens something with each.",
        from_rule: Some("a policy or grant change followed by first use"),
        source: "",
        notice: Notice::AfterEnd(6),
        days: 1,
        lay: grant_then_use,
    },
    Attack {
        name: "borrowed-roles",
        story: "A developer is made an administrator for a quarter of an hour, looks at who there is and at all keys, opens two, and is a developer again.",
        from_rule: None,
        source: "plain malice: power that is gone before anybody looks",
        notice: Notice::AfterEnd(12),
        days: 1,
        lay: borrowed_roles,
    },
    Attack {
        name: "credential-at-once",
        story: "At three in the morning an administrator's account makes a client with a plain name, which lists keys and decrypts within a minute, from elsewhere.",
        from_rule: Some("a policy or grant change followed by first use"),
        source: "",
        notice: Notice::AfterEnd(6),
        days: 1,
        lay: credential_at_once,
    },
    Attack {
        name: "lateral-movement",
        story: "From one machine of the organisation come, within hours, the credentials of nine principals of all four realms, a few requests each.",
        from_rule: None,
        source: "CircleCI (January 2023): the tokens of many, taken from one machine",
        notice: Notice::AfterEnd(12),
        days: 1,
        lay: lateral_movement,
    },
    Attack {
        name: "rubber-stamping",
        story: "One person with two accounts: thirty requests to hand keys out, each approved within two seconds, on a holiday or weekend.",
        from_rule: None,
        source: "plain malice: four eyes of one head",
        notice: Notice::AfterEnd(12),
        days: 2,
        lay: rubber_stamping,
    },
];

fn self_grant(scene: &mut Scene<'_>) {
    scene.on_day(|plan, day| plan.calendar.is_work_day(day));
    let administrator = scene.victim(Kind::Administrator);
    let mut at = scene.between(0, 13, 17);
    let of = scene.plan.member(administrator).realm;
    let keys = scene.keys(at, 1, |plan, key| plan.key(key).realm == of);
    let (key, name) = (keys[0], scene.plan.member(administrator).name.clone());
    let source = scene.own(administrator, at);
    let grant = scene.about(administrator, at, source, Action::Grant, key);
    scene.add(grant.detail(format!("to {name}")).changes(1));
    for _ in 0..7 {
        at += (scene.draw.exponential(70.0) * SECOND as f64) as i64 + SECOND;
        let source = scene.own(administrator, at);
        scene.uses(administrator, at, source, Action::Decrypt, key);
    }
    let source = scene.own(administrator, at + MINUTE);
    let back = scene.about(administrator, at + MINUTE, source, Action::Grant, key);
    scene.add(back.detail(format!("to {name}")).changes(1));
}

fn grant_then_use(scene: &mut Scene<'_>) {
    let service = scene.victim(Kind::Service);
    let operator = scene.colleague(Kind::Operator, service);
    let mut at = scene.between(0, 21, 23);
    let (of, name) = (scene.plan.member(service).realm, scene.plan.member(service).name.clone());
    let keys = scene.keys(at, 25, |plan, key| plan.key(key).realm == of && plan.key(key).owner != service);
    for key in &keys {
        let source = scene.own(operator, at);
        let grant = scene.about(operator, at, source, Action::Grant, *key);
        scene.add(grant.detail(format!("to {name}")).changes(1));
        at += scene.draw.between(900, 4000);
    }
    at += 10 * MINUTE;
    for key in keys {
        for _ in 0..2 {
            let source = scene.own(service, at);
            scene.uses(service, at, source, Action::Decrypt, key);
            at += (scene.draw.exponential(5.0) * SECOND as f64) as i64 + 300;
        }
    }
}

fn borrowed_roles(scene: &mut Scene<'_>) {
    let developer = scene.victim(Kind::Developer);
    let administrator = scene.colleague(Kind::Administrator, developer);
    let at = scene.between(0, 11, 20);
    let name = scene.plan.member(developer).name.clone();
    for (when, told) in [(at, "roles admin; groups "), (at + 15 * MINUTE, "roles user; groups ")] {
        let source = scene.own(administrator, when);
        let change = scene.asks(administrator, when, source, Action::ChangePrincipal);
        scene.add(change.target(name.clone()).detail(told).changes(1));
    }
    let of = scene.plan.member(developer).realm;
    let keys = scene.keys(at, 2, |plan, key| plan.key(key).realm == of && plan.key(key).owner != developer);
    let mut then = at + 40 * SECOND;
    for action in [Action::ListPrincipals, Action::ListKeys, Action::ShowAccessRules, Action::ListKeys] {
        let source = scene.own(developer, then);
        let draft = scene.asks(developer, then, source, action);
        scene.add(draft);
        then += scene.draw.between(20 * SECOND, 50 * SECOND);
    }
    for key in keys {
        let source = scene.own(developer, then);
        scene.uses(developer, then, source, Action::Decrypt, key);
        then += scene.draw.between(20 * SECOND, 90 * SECOND);
    }
}

fn credential_at_once(scene: &mut Scene<'_>) {
    let administrator = scene.victim(Kind::Administrator);
    let mut at = scene.between(0, 2, 4);
    let realm = scene.plan.member(administrator).realm;
    let source = scene.outside();
    scene.logs_in(administrator, at, source);
    at += 50 * SECOND;
    let (source, made) = (scene.outside(), scene.newcomer("svc-monitoring-2", realm, at));
    let create = scene.asks(administrator, at, source, Action::CreatePrincipal);
    scene.add(create.target(made.name.clone()).changes(3));
    at += 30 * SECOND;
    let source = scene.outside();
    scene.add(made.asks(at, source, Action::ListKeys));
    for key in scene.keys(at, 8, |plan, key| plan.key(key).realm == realm) {
        at += (scene.draw.exponential(8.0) * SECOND as f64) as i64 + 400;
        let source = scene.outside();
        scene.uses_as(&made, at, source, Action::Decrypt, key);
    }
}

fn lateral_movement(scene: &mut Scene<'_>) {
    let mut at = scene.between(0, 0, 16);
    for number in 0..9 {
        let kind = [Kind::Service, Kind::Batch, Kind::Developer][number % 3];
        let member = scene.victim(kind);
        for round in 0..2 + scene.draw.below(4) {
            let source = scene.inside();
            let keys = scene.keys_of(member, at, 6);
            if round == 0 || keys.is_empty() {
                let draft = scene.asks(member, at, source, Action::ListKeys);
                scene.add(draft);
            } else {
                let key = *scene.draw.pick(&keys);
                scene.uses(member, at, source, Action::Decrypt, key);
            }
            at += (scene.draw.exponential(30.0) * SECOND as f64) as i64 + SECOND;
        }
        at += (scene.draw.exponential(25.0) * MINUTE as f64) as i64 + 4 * MINUTE;
    }
}

fn rubber_stamping(scene: &mut Scene<'_>) {
    scene.on_day(|plan, day| !plan.calendar.is_work_day(day));
    let operator = scene.victim(Kind::Operator);
    let administrator = scene.colleague(Kind::Administrator, operator);
    let mut at = scene.at(0, 14 * HOUR) + scene.draw.between(0, 5 * HOUR);
    let of = scene.plan.member(operator).realm;
    let keys = scene.keys(at, 30, |plan, key| plan.key(key).realm == of);
    let (asked, by) =
        (scene.plan.member(operator).name.clone(), scene.plan.member(administrator).name.clone());
    for key in keys {
        let (approval, source) = (scene.id(), scene.own(operator, at));
        let propose = scene.about(operator, at, source.clone(), Action::Propose, key);
        scene.add(propose.detail(format!("asks for approval {approval} to get")).changes(1));
        let approved = at + scene.draw.between(700, 1900);
        let approve = scene.about(administrator, approved, source.clone(), Action::Approve, key);
        let approve = approve.target(approval.to_string()).detail(format!("{asked} asked to get"));
        scene.add(approve.changes(1));
        let mut get = scene.plan.uses_from(operator, approved + 900, source, Action::Get, key);
        get.entry.detail = Some(format!("approved by {by} ({approval})"));
        get.entry.changes = 4;
        scene.add(get);
        at += scene.draw.between(4 * SECOND, 15 * SECOND);
    }
}
