//! Operators, administrators and auditors at work: they look after keys, people and the server, and read what happened.
//! What they planned, such as the ends of keys, is in the lives of keys; here is what comes up on a day.

use keyreeve_core::access::Action;

use super::{Kind, Today, people};
use crate::fleet::{
    calendar::{DAY, HOUR, MINUTE, SECOND},
    organisation::Member,
};

pub(super) fn day(today: &mut Today<'_>) {
    match today.plan.member(today.member).kind {
        Kind::Operator => operator(today),
        Kind::Administrator => administrator(today),
        _ => auditor(today),
    }
}

fn operator(today: &mut Today<'_>) {
    let Some(mut at) = people::morning(today) else { return };
    let realm = today.plan.member(today.member).realm;
    for _ in 0..today.draw.poisson(3.0) {
        at += 4 * MINUTE + (today.draw.exponential(60.0) * MINUTE as f64) as i64;
        if today.plan.calendar.hour(at) >= 18 {
            return;
        }
        today.asks(at, Action::ListKeys, None);
        for number in 0..today.draw.below(5) as i64 {
            let key = today.draw.below(today.plan.ring.keys.len());
            if today.plan.key(key).realm == realm && today.plan.key(key).is_wanted(at) {
                today.about(at + number * 20 * SECOND + 5000, Action::GetAttributes, key);
            }
        }
        if today.draw.chance(0.12) {
            grant(today, at + 3 * MINUTE);
        }
    }
}

/// Somebody asked to be let at a key, and uses it soon after.
fn grant(today: &mut Today<'_>, at: i64) {
    let plan = today.plan;
    let realm = plan.member(today.member).realm;
    let to = plan.someone(&mut today.draw, Kind::Service, realm, at);
    let fits = |place: &usize| {
        let key = plan.key(*place);
        key.realm == realm && key.is_wanted(at + DAY) && key.owner != to
    };
    let tried = today.draw.below(plan.ring.keys.len());
    let Some(key) = (tried..plan.ring.keys.len()).chain(0..tried).find(fits) else { return };
    let told = format!("to {}", plan.member(to).name);
    let draft = plan.about(&mut today.draw, today.member, at, Action::Grant, key).detail(told).changes(1);
    today.drafts.push(draft);
    let first = at + (today.draw.log_normal(20.0, 1.0) * MINUTE as f64) as i64;
    for number in 0..1 + today.draw.below(9) as i64 {
        let draft = plan.uses(&mut today.draw, to, first + number * 50 * SECOND, Action::Decrypt, key);
        today.drafts.push(draft);
    }
}

fn administrator(today: &mut Today<'_>) {
    let Some(mut at) = people::morning(today) else { return };
    for _ in 0..1 + today.draw.poisson(2.0) {
        at += 4 * MINUTE + (today.draw.exponential(70.0) * MINUTE as f64) as i64;
        if today.plan.calendar.hour(at) >= 18 {
            break;
        }
        match today.draw.below(4) {
            0 => today.asks(at, Action::ListPrincipals, None),
            1 => today.asks(at, Action::ListApprovals, None),
            2 => today.asks(at, Action::ReadJournal, None),
            _ => today.asks(at, Action::Status, Some("asked for the status")),
        }
    }
    turn_over(today);
}

/// The first administrator of the server makes who comes and revokes who leaves.
fn turn_over(today: &mut Today<'_>) {
    let plan = today.plan;
    let first = plan.organisation.of(Kind::Administrator).next();
    let (from, to) = (today.at(0), plan.calendar.begin(today.day + 1));
    let people: Vec<&Member> =
        plan.organisation.members.iter().filter(|member| member.kind.is_person()).collect();
    for person in people {
        // Who comes gets their place at the minute at which it becomes free.
        let turns =
            [(person.leaves, Action::RevokePrincipal, 2), (Some(person.joins), Action::CreatePrincipal, 3)];
        for (when, action, changes) in turns {
            let Some(at) = when.filter(|at| (from..to).contains(at) && first == Some(today.member)) else {
                continue;
            };
            let draft = plan.asks(&mut today.draw, today.member, at, action);
            today.drafts.push(draft.target(person.name.clone()).changes(changes));
        }
    }
}

fn auditor(today: &mut Today<'_>) {
    let plan = today.plan;
    let Some(at) = people::morning(today) else { return };
    let week = plan.happenings.audit_day;
    if (week..week + 5).contains(&today.day) {
        return audit(today, at + 20 * MINUTE);
    }
    if today.draw.chance(0.5) {
        for page in 0..today.draw.below(8) as i64 {
            today.asks(at + 30 * MINUTE + page * 15 * SECOND, Action::ReadJournal, None);
        }
    }
    if plan.calendar.weekday(today.day) == 0 {
        let mut draft = plan.asks(&mut today.draw, today.member, at + 2 * HOUR, Action::VerifyJournal);
        (draft.entry.detail, draft.tells_position) = (Some("verified up to ".to_owned()), true);
        today.drafts.push(draft);
    }
}

/// In the week of the audit everything of a realm is listed and looked at, canaries like all else, a fifth a day.
fn audit(today: &mut Today<'_>, mut at: i64) {
    let plan = today.plan;
    let (realm, part) = (plan.member(today.member).realm, plan.calendar.weekday(today.day));
    for _ in 0..6 {
        today.asks(at, Action::ListKeys, None);
        at += 3 * SECOND;
    }
    today.asks(at, Action::ShowAccessRules, None);
    today.asks(at + SECOND, Action::ListPrincipals, None);
    for place in 0..plan.ring.keys.len() {
        let key = plan.key(place);
        if key.realm == realm && place % 5 == part && key.made < at {
            at += today.draw.log_normal(700.0, 0.6) as i64;
            today.about(at, Action::GetAttributes, place);
        }
    }
    for page in 0..40 {
        today.asks(at + MINUTE + page * 4 * SECOND, Action::ReadJournal, None);
    }
}
