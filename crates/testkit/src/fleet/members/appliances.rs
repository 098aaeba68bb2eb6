//! Storage appliances over KMIP: they ask for their keys on a schedule of their own, in UTC, whatever the day; get one for
//! a new volume; and now and then restart, and ask for all of them at once.

use keyreeve_core::access::Action;

use super::Today;
use crate::fleet::calendar::{HOUR, MINUTE, SECOND};

pub(super) fn day(today: &mut Today<'_>) {
    let (from, to) = (today.at(0), today.plan.calendar.begin(today.day + 1));
    // Half an hour to two hours between polls, by what the vendor thought right; to the second.
    let pause = [30, 60, 60, 120][today.member % 4] * MINUTE;
    let phase = (today.member as i64 * 97_731) % pause;
    let mut at = from.div_euclid(pause) * pause + phase;
    while at < to {
        if at >= from {
            let late = today.draw.between(0, 1500);
            poll(today, at + late);
        }
        at += pause;
    }
    if today.draw.chance(0.012) {
        let begun = from + today.draw.between(0, 23 * HOUR);
        restart(today, begun);
    }
}

/// Looks whether the server and one of its keys are there.
fn poll(today: &mut Today<'_>, at: i64) {
    today.asks(at, Action::Query, None);
    let keys = today.keys(at);
    if keys.is_empty() {
        return;
    }
    let key = keys[today.draw.zipf(keys.len())];
    today.about(at + 30, Action::GetAttributes, key);
    if today.draw.chance(0.3) {
        let mut draft = today.plan.uses(&mut today.draw, today.member, at + 60, Action::Get, key);
        // Handing out is counted.
        draft.entry.changes = u32::from(draft.entry.reason.is_none());
        today.drafts.push(draft);
    }
}

/// Every volume wants its key again.
fn restart(today: &mut Today<'_>, begun: i64) {
    today.asks(begun, Action::Query, None);
    let found = format!("{} found", today.keys(begun).len());
    today.asks(begun + SECOND, Action::Locate, Some(&found));
    let mut at = begun + 2 * SECOND;
    for key in today.keys(begun) {
        at += today.draw.log_normal(70.0, 0.5) as i64;
        let mut draft = today.plan.uses(&mut today.draw, today.member, at, Action::Get, key);
        draft.entry.changes = u32::from(draft.entry.reason.is_none());
        today.drafts.push(draft);
    }
}
