//! Storage appliances that fall silent, are taken for another, or are used to probe the server.

use keyreeve_core::{ErrorKind, access::Action};

use super::{Attack, Notice, scene::Scene};
use crate::fleet::{
    calendar::{DAY, HOUR, MINUTE, SECOND},
    happenings::Span,
    organisation::{Kind, with_port},
};

pub(super) const ATTACKS: [Attack; 3] = [
    Attack {
        name: "kmip-fuzzing",
        story: "On the certificate of an appliance come 400 requests in half an hour that cannot be meant: fields out of range, operations and formats that nobody offers.",
        from_rule: Some("malformed protocol requests"),
        source: "",
        notice: Notice::AfterBegin(2),
        days: 1,
        lay: kmip_fuzzing,
    },
    Attack {
        name: "dead-appliance",
        story: "An appliance that has asked on schedule for years asks no more, for three days.",
        from_rule: Some("a scheduled client that falls silent"),
        source: "",
        notice: Notice::AfterBegin(24),
        days: 4,
        lay: dead_appliance,
    },
    Attack {
        name: "imposter",
        story: "An appliance is gone for an hour. What comes then with its certificate has another address, asks every seven minutes, and gets every key once.",
        from_rule: None,
        source: "plain malice: an array that was carried out of the building, and its certificate with it",
        notice: Notice::AfterEnd(12),
        days: 3,
        lay: imposter,
    },
];

fn kmip_fuzzing(scene: &mut Scene<'_>) {
    let appliance = scene.victim_with(Kind::Appliance, 5);
    let mut at = scene.between(0, 0, 23);
    let faults = [
        (Action::Register, ErrorKind::InvalidField, "the key block's key value is required and missing"),
        (Action::Locate, ErrorKind::InvalidField, "Maximum Items must not be negative"),
        (Action::Create, ErrorKind::Unsupported, "the cryptographic algorithm 0x7fffffff is not offered"),
        (Action::Get, ErrorKind::Unsupported, "the key format type 0x80000001 is not offered"),
        (Action::Derive, ErrorKind::Invalid, "the derivation parameters contradict each other"),
        (Action::ModifyAttributes, ErrorKind::InvalidField, "the date is out of range"),
        (Action::Check, ErrorKind::NotFound, "no such key or object"),
    ];
    for _ in 0..400 {
        let source = scene.own(appliance, at);
        let (action, kind, why) = *scene.draw.pick(&faults);
        let draft = scene.asks(appliance, at, source, action).failed(kind, why);
        scene.add(draft);
        at += scene.draw.exponential(4500.0) as i64;
    }
}

fn dead_appliance(scene: &mut Scene<'_>) {
    let appliance = scene.victim(Kind::Appliance);
    let from = scene.between(0, 0, 23);
    let silent = Span { from, to: from + 3 * DAY };
    scene.plan.silent.push((silent, appliance));
    scene.missing = Some((silent, scene.plan.member(appliance).name.clone()));
}

fn imposter(scene: &mut Scene<'_>) {
    let appliance = scene.victim_with(Kind::Appliance, 10);
    let gone = scene.between(0, 20, 23);
    let silent = Span { from: gone, to: gone + 2 * DAY };
    scene.plan.silent.push((silent, appliance));
    let host = 2 + scene.draw.below(250) as u8;
    let mut at = gone + HOUR;
    let keys = scene.keys_of(appliance, at, 200);
    for number in 0..keys.len() + 60 {
        let source = with_port(&mut scene.draw, [10, 30, 240, host]);
        if number == 0 {
            let found = format!("{} found", keys.len());
            let locate = scene.asks(appliance, at, source, Action::Locate).detail(found);
            scene.add(locate);
        } else if let Some(key) = keys.get(number - 1) {
            let mut get = scene.plan.uses_from(appliance, at, source, Action::Get, *key);
            get.entry.changes = u32::from(get.entry.reason.is_none());
            scene.add(get);
        } else {
            let query = scene.asks(appliance, at, source, Action::Query);
            scene.add(query);
            at += 7 * MINUTE;
        }
        at += scene.draw.between(200, 2 * SECOND);
    }
}
