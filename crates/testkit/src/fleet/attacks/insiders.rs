//! Harm by those who may do what they do.

use keyreeve_core::access::Action;

use super::{Attack, Notice, scene::Scene};
use crate::fleet::{
    calendar::{DAY, HOUR, MINUTE, SECOND},
    organisation::Kind,
};

pub(super) const ATTACKS: [Attack; 3] = [
    Attack {
        name: "before-leaving",
        story: "On ten evenings of their last three weeks somebody who leaves opens thirty customers' files, each under a key that they may use and never did.",
        from_rule: None,
        source: "CERT's guide to insider threats (2022): most thefts are in the last thirty days",
        notice: Notice::AfterEnd(24),
        days: 1,
        lay: before_leaving,
    },
    Attack {
        name: "night-signing",
        story: "The credentials of a runner sign forty times in a night on which nothing is built, with a key that signs releases.",
        from_rule: None,
        source: "3CX (2023): malware that was signed by those who built the product",
        notice: Notice::AfterEnd(24),
        days: 1,
        lay: night_signing,
    },
    Attack {
        name: "quiet-revocations",
        story: "An operator takes sixty keys that are in use out of use, one every hour or so over three days, so that it looks like tidying. Services begin to fail.",
        from_rule: None,
        source: "plain malice: sabotage that looks like housekeeping",
        notice: Notice::AfterEnd(12),
        days: 4,
        lay: quiet_revocations,
    },
];

fn before_leaving(scene: &mut Scene<'_>) {
    let late = scene.plan.calendar.begin(0) + 38 * DAY;
    let members = scene.plan.organisation.members.iter().enumerate();
    let leavers: Vec<usize> = members
        .filter(|(_, one)| one.kind.is_person() && one.leaves.is_some_and(|leaves| leaves > late))
        .map(|(place, _)| place)
        .collect();
    let leaver = *scene.draw.pick(&leavers);
    let (of, leaves) = (scene.plan.member(leaver).realm, scene.plan.member(leaver).leaves.unwrap_or(late));
    let last = scene.plan.calendar.day(leaves);
    let evenings: Vec<usize> =
        (last.saturating_sub(21)..last).filter(|day| scene.plan.calendar.is_work_day(*day)).collect();
    for chosen in scene.draw.sample(10, evenings.len()) {
        let mut at = scene.plan.calendar.at(evenings[chosen], 18 * HOUR + 20 * MINUTE);
        at += scene.draw.between(0, 50 * MINUTE);
        for key in scene.keys(at, 30, |plan, key| plan.key(key).realm == of && plan.key(key).owner != leaver)
        {
            let source = scene.own(leaver, at);
            scene.uses(leaver, at, source, Action::Decrypt, key);
            at += (scene.draw.log_normal(35.0, 0.6) * SECOND as f64) as i64 + SECOND;
        }
    }
}

fn night_signing(scene: &mut Scene<'_>) {
    let runner = scene.victim(Kind::Runner);
    let mut at = scene.between(0, 1, 3);
    let of = scene.plan.member(runner).realm;
    let signs = |key: &crate::fleet::keys::Key| key.realm == of && key.name.contains("/sign-");
    let keys = scene.keys(at, 1, |plan, key| signs(plan.key(key)));
    for _ in 0..40 {
        let source = scene.own(runner, at);
        scene.uses(runner, at, source, Action::Sign, keys[0]);
        at += (scene.draw.exponential(150.0) * SECOND as f64) as i64 + SECOND;
    }
}

fn quiet_revocations(scene: &mut Scene<'_>) {
    let operator = scene.victim(Kind::Operator);
    let of = scene.plan.member(operator).realm;
    let mut at = scene.between(0, 8, 11);
    let used: Vec<bool> = {
        let mut used = vec![false; scene.plan.ring.keys.len()];
        scene
            .plan
            .ring
            .used
            .iter()
            .flat_map(|keys| keys.iter().take(8))
            .for_each(|(key, _)| used[*key] = true);
        used
    };
    for key in scene.keys_to_end(at, 60, |plan, key| plan.key(key).realm == of && used[key]) {
        let source = scene.own(operator, at);
        let revoke = scene.about(operator, at, source, Action::Revoke, key);
        scene.add(revoke.changes(1));
        scene.plan.ring.keys[key].set(at, keyreeve_core::model::State::Deactivated);
        at += (scene.draw.log_normal(65.0, 0.3) * MINUTE as f64) as i64 + scene.draw.between(0, MINUTE);
    }
}
