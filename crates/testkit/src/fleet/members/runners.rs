//! Runners of builds: made by a controller, at work from the first minute, from addresses that change every few hours, and
//! gone after a week or two.

use keyreeve_core::{ErrorKind, access::Action};

use super::{Kind, Today};
use crate::fleet::calendar::{HOUR, MINUTE, SECOND};

pub(super) fn day(today: &mut Today<'_>) {
    let plan = today.plan;
    let busy = if plan.calendar.is_work_day(today.day) { 7.0 } else { 1.2 };
    let builds = today.draw.poisson(busy * plan.member(today.member).rate);
    for _ in 0..builds {
        let hour = 7 * HOUR + today.draw.log_normal(4.0, 0.6).min(15.0) as i64 * HOUR;
        let minute = today.draw.between(0, HOUR);
        let at = today.at(hour + minute);
        build(today, at);
    }
}

fn build(today: &mut Today<'_>, at: i64) {
    let keys = today.keys(at);
    if keys.is_empty() {
        return;
    }
    let key = keys[today.draw.zipf(keys.len())];
    today.uses(at, Action::Decrypt, key);
    if today.draw.chance(0.6) {
        today.uses(at + 3 * MINUTE, Action::Sign, key);
    }
    if today.draw.chance(0.02) {
        // A build that somebody else's configuration was copied into.
        let others = today.plan.ring.keys.len();
        let other = today.draw.below(others);
        let draft = today.plan.about(&mut today.draw, today.member, at + SECOND, Action::Decrypt, other);
        let why = format!("{} may not decrypt here, nor know of it", today.plan.member(today.member).name);
        if !draft.entry.canary && today.plan.key(other).is_wanted(at) {
            today.drafts.push(draft.refused(ErrorKind::NotFound, why));
        }
    }
}

/// The controller makes and revokes them.
pub(super) fn control(today: &mut Today<'_>) {
    let plan = today.plan;
    let (from, to) = (today.at(0), plan.calendar.begin(today.day + 1));
    let runners: Vec<usize> = plan.organisation.of(Kind::Runner).collect();
    for runner in runners {
        let one = plan.member(runner);
        let changes =
            [(Some(one.joins), Action::CreatePrincipal, 3), (one.leaves, Action::RevokePrincipal, 2)];
        for (when, action, changes) in changes {
            let Some(at) = when.filter(|at| (from..to).contains(at)) else { continue };
            let draft = plan.asks(&mut today.draw, today.member, at, action);
            today.drafts.push(draft.target(one.name.clone()).changes(changes));
        }
        if (from..to).contains(&one.joins) {
            for (key, _) in &plan.ring.used[runner] {
                let told = format!("to {}", one.name);
                let grant = plan.about(&mut today.draw, today.member, one.joins + 500, Action::Grant, *key);
                today.drafts.push(grant.detail(told).changes(1));
            }
        }
    }
}
