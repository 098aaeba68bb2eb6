//! Keys that are destroyed, replaced, used up, or turned against their owners.

use keyreeve_core::{
    access::Action,
    model::{KeyId, ObjectId, State},
};

use super::{Attack, Notice, scene::Scene};
use crate::fleet::{
    calendar::{DAY, HOUR, MINUTE, SECOND},
    organisation::Kind,
};

pub(super) const ATTACKS: [Attack; 6] = [
    Attack {
        name: "mass-destruction",
        story: "On a Saturday night the accounts of an operator and an administrator ask for, approve and begin the destruction of 120 keys within the hour.",
        from_rule: Some("destruction or its scheduling"),
        source: "",
        notice: Notice::AfterBegin(2),
        days: 2,
        lay: mass_destruction,
    },
    Attack {
        name: "ransom",
        story: "A service's credentials import a key, open with the service's keys all that there is and encrypt it again under the young one, a thousand times in a night.",
        from_rule: Some("bulk encryption under a young or imported key"),
        source: "",
        notice: Notice::AfterBegin(4),
        days: 2,
        lay: ransom,
    },
    Attack {
        name: "import-over",
        story: "An operator imports a version of their own into another's key, so that from then on the owner encrypts under what they know.",
        from_rule: Some("import or replacement"),
        source: "",
        notice: Notice::AfterBegin(4),
        days: 1,
        lay: import_over,
    },
    Attack {
        name: "compromised-key",
        story: "A key is revoked as compromised in the morning. From noon on somebody outside opens with it what they took before, and tries to encrypt.",
        from_rule: Some("use of a disabled, deactivated, compromised or pending key"),
        source: "",
        notice: Notice::AfterEnd(6),
        days: 1,
        lay: compromised_key,
    },
    Attack {
        name: "retired-key",
        story: "A key was taken out of use. For half a day afterwards somebody with the credentials of a service tries to encrypt under it, and opens with it what the service does not ask for.",
        from_rule: Some("use of a disabled, deactivated, compromised or pending key"),
        source: "",
        notice: Notice::AfterEnd(12),
        days: 2,
        lay: retired_key,
    },
    Attack {
        name: "used-up",
        story: "Round the clock for ten days a service's credentials encrypt a little more than the service does, all under one key with usage limits, until those refuse.",
        from_rule: None,
        source: "plain malice: denial of service through a counter",
        notice: Notice::AfterEnd(24),
        days: 11,
        lay: used_up,
    },
];

fn mass_destruction(scene: &mut Scene<'_>) {
    scene.on_day(|plan, day| plan.calendar.weekday(day) == 5);
    let operator = scene.victim_of_customers(Kind::Operator);
    let administrator = scene.colleague(Kind::Administrator, operator);
    let mut at = scene.at(0, 22 * HOUR) + scene.draw.between(0, 4 * HOUR);
    let of = scene.plan.member(operator).realm;
    let (asked, by) =
        (scene.plan.member(operator).name.clone(), scene.plan.member(administrator).name.clone());
    for key in scene.keys_to_end(at, 120, |plan, key| plan.key(key).realm == of) {
        let (approval, source, other) = (scene.id(), scene.outside(), scene.outside());
        let propose = scene.about(operator, at, source.clone(), Action::Propose, key);
        scene.add(propose.detail(format!("asks for approval {approval} to destroy")).changes(1));
        let approve = scene.about(administrator, at + 3000, other, Action::Approve, key);
        let approve = approve.target(approval.to_string()).detail(format!("{asked} asked to destroy"));
        scene.add(approve.changes(1));
        let destroy = scene.about(operator, at + 6000, source, Action::Destroy, key);
        let told = format!("approved by {by} ({approval}); in 7 days, unless it is taken back");
        scene.add(destroy.detail(told).changes(1));
        // While it waits it serves nobody, and then the server does what it was told.
        scene.plan.ring.keys[key].set(at + 6000, State::Deactivated);
        let over = at + 6000 + 7 * DAY;
        scene.plan.ring.keys[key].set(over, State::Destroyed);
        if over < scene.plan.calendar.end() {
            crate::fleet::lives::complete(scene.plan, key, over, &mut scene.draw);
        }
        at += scene.draw.between(10 * SECOND, 30 * SECOND);
    }
}

fn ransom(scene: &mut Scene<'_>) {
    let service = scene.victim_with(Kind::Service, 6);
    let mut at = scene.between(0, 22, 24);
    let made = KeyId::from_parts(at as u64, &scene.draw.ten_bytes());
    let object = ObjectId::from_parts(at as u64, &scene.draw.ten_bytes());
    let name = format!("{}/data-v2", scene.plan.member(service).name);
    let source = scene.inside();
    let mut import = scene.asks(service, at, source, Action::Register).target(name.clone()).changes(5);
    (import.entry.key, import.entry.object) = (Some(made), Some(object));
    scene.add(import);
    let keys = scene.keys_of(service, at, 40);
    at += 10 * MINUTE;
    for number in 0..1000 {
        let source = scene.inside();
        scene.uses(service, at, source.clone(), Action::Decrypt, keys[number % keys.len()]);
        let mut encrypt = scene.asks(service, at + 25, source, Action::Encrypt).target(name.clone());
        (encrypt.entry.key, encrypt.entry.object) = (Some(made), Some(object));
        scene.add(encrypt);
        at += scene.draw.exponential(15.0 * SECOND as f64) as i64 + 40;
    }
}

fn import_over(scene: &mut Scene<'_>) {
    let service = scene.victim_with(Kind::Service, 2);
    let operator = scene.colleague(Kind::Operator, service);
    let at = scene.between(0, 9, 20);
    let key = scene.keys_of(service, at, 1)[0];
    let source = scene.own(operator, at);
    let object = scene.plan.ring.keys[key].add_version(at, &mut scene.draw);
    let mut import = scene.about(operator, at, source, Action::ImportVersion, key).changes(4);
    import.entry.object = Some(object);
    scene.add(import);
}

fn compromised_key(scene: &mut Scene<'_>) {
    let service = scene.victim_with(Kind::Service, 3);
    let operator = scene.colleague(Kind::Operator, service);
    let revoked = scene.between(0, 8, 11);
    let key = scene.key_to_end(service, revoked);
    // That an operator revokes it is no attack.
    let source = scene.own(operator, revoked);
    let revoke = scene.about(operator, revoked, source, Action::Revoke, key);
    scene.add_innocent(revoke.changes(1));
    let stolen = &mut scene.plan.ring.keys[key];
    stolen.set(revoked, State::Compromised);
    stolen.ends = Some(revoked);
    let mut at = scene.at(0, 12 * HOUR) + scene.draw.between(0, 3 * HOUR);
    for number in 0..30 {
        let source = scene.outside();
        let action = if number % 6 == 5 { Action::Encrypt } else { Action::Decrypt };
        scene.uses(service, at, source, action, key);
        at += (scene.draw.exponential(200.0) * SECOND as f64) as i64 + SECOND;
    }
}

fn retired_key(scene: &mut Scene<'_>) {
    let service = scene.victim_with(Kind::Service, 5);
    let operator = scene.colleague(Kind::Operator, service);
    let retired = scene.between(0, 9, 15);
    let key = scene.key_to_end(service, retired);
    // Taking it out of use is no attack.
    let source = scene.own(operator, retired);
    let revoke = scene.about(operator, retired, source, Action::Revoke, key);
    scene.add_innocent(revoke.changes(1));
    let old = &mut scene.plan.ring.keys[key];
    old.set(retired, State::Deactivated);
    old.ends = Some(retired);
    let mut at = retired + scene.draw.between(HOUR, 4 * HOUR);
    for number in 0..36 {
        let source = scene.own(service, at);
        let action = if number % 3 == 2 { Action::Decrypt } else { Action::Encrypt };
        scene.uses(service, at, source, action, key);
        at += (scene.draw.exponential(18.0) * MINUTE as f64) as i64 + SECOND;
    }
}

fn used_up(scene: &mut Scene<'_>) {
    let service = scene.victim_with(Kind::Service, 2);
    let begin = scene.between(0, 0, 6);
    let key = scene.keys_of(service, begin, 1)[0];
    let mut at = begin;
    while at < begin + 10 * DAY {
        let source = scene.own(service, at);
        scene.uses(service, at, source, Action::Encrypt, key);
        at += 12 * MINUTE + (scene.draw.exponential(8.0) * MINUTE as f64) as i64;
    }
    for _ in 0..20 {
        let source = scene.own(service, at);
        let refused = scene.about(service, at, source, Action::Encrypt, key);
        let why = "the usage limits of the key leave 0 units";
        scene.add(refused.refused(keyreeve_core::ErrorKind::UsageLimitExceeded, why));
        at += scene.draw.between(10 * SECOND, 90 * SECOND);
    }
}
