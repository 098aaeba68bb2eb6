//! Services: they encrypt, decrypt, sign and check all day, as many as their customers let them, some keys far more than
//! others; after a deploy they read their keys anew, and try a client that is wrongly configured again and again.

use keyreeve_core::{ErrorKind, access::Action};

use super::Today;
use crate::fleet::{
    calendar::{HOUR, MINUTE, SECOND},
    entry::Draft,
    happenings::Wrong,
};

/// One use of a service on record stands for so many in life: at the rates of real ones ninety days would be hundreds of
/// millions.
pub const THINNED: u32 = 200;

pub(super) fn day(today: &mut Today<'_>) {
    let member = today.plan.member(today.member);
    let plan = today.plan;
    // Some days are busier than others; offices rest on weekends, shoppers do not.
    let weekend = plan.calendar.weekday(today.day) >= 5 || !plan.calendar.is_work_day(today.day);
    let rest = match (weekend, member.rhythm[3] > 20, member.realm == 1) {
        (false, _, _) | (true, true, _) => 1.0,
        (true, false, true) => 1.25,
        (true, false, false) => 0.22,
    };
    let month_end = if plan.calendar.is_month_end(today.day) && member.realm == 2 { 1.7 } else { 1.0 };
    let expected = member.rate * rest * month_end * today.draw.log_normal(1.0, 0.18);
    for hour in 0..24 {
        let from = today.at(hour as i64 * HOUR);
        let load = plan.happenings.load(today.member, member.realm, from + 15 * MINUTE);
        let wave = today.draw.log_normal(1.0, 0.2);
        let count = today.draw.poisson(expected * load * wave * f64::from(member.rhythm[hour]) / 1040.0);
        let mut left = count;
        while left > 0 {
            // What comes together comes together: most alone, some in a run of a few seconds.
            let run = (today.draw.log_normal(1.0, 0.9) as usize).clamp(1, left);
            let mut at = from + today.draw.between(0, HOUR);
            for _ in 0..run {
                use_some(today, at);
                at += today.draw.log_normal(350.0, 1.0) as i64;
            }
            left -= run;
        }
    }
    deploys(today);
    wrong(today);
}

fn use_some(today: &mut Today<'_>, at: i64) {
    let member = today.plan.member(today.member);
    if today.plan.happenings.wrong(today.member, at) == Some(Wrong::Certificate) {
        return;
    }
    let keys = today.keys(at);
    if keys.is_empty() {
        return;
    }
    let place = keys[today.draw.zipf(keys.len())];
    let protects = today.draw.below(100) < usize::from(member.protects);
    let makes_data_keys = today.plan.key(place).name.contains("/files-");
    let action = match (protects, makes_data_keys) {
        (true, true) => Action::DataKey,
        (true, false) => Action::Encrypt,
        (false, _) => Action::Decrypt,
    };
    let mut draft = today.plan.uses(&mut today.draw, today.member, at, action, place);
    let works = draft.entry.reason.is_none();
    let action = draft.entry.action;
    if works && action == Action::Decrypt && today.draw.chance(0.0015) {
        draft = draft.failed(ErrorKind::CryptoFailed, "decryption failed");
    } else if works && matches!(action, Action::Verify | Action::MacVerify) {
        draft = draft.detail(if today.draw.chance(0.995) { "valid" } else { "not valid" });
    }
    today.drafts.push(draft);
}

/// A new version reads the keys that it is configured with, and opens its own secrets.
fn deploys(today: &mut Today<'_>) {
    let (from, to) = (today.at(0), today.plan.calendar.begin(today.day + 1));
    let plan = today.plan;
    let deploys = &plan.happenings.deploys[today.member];
    for begun in deploys.iter().filter(|at| (from..to).contains(*at)) {
        let keys = today.keys(*begun);
        for pod in 0..2 + today.draw.below(3) as i64 {
            let mut at = begun + pod * 45 * SECOND;
            for key in keys.iter().take(30) {
                at += today.draw.log_normal(60.0, 0.6) as i64;
                today.about(at, Action::GetAttributes, *key);
                if today.draw.chance(0.2) {
                    today.uses(at + 25, Action::Decrypt, *key);
                }
            }
        }
    }
}

/// Tries what is refused every ten to thirty seconds, for hours, day and night.
fn wrong(today: &mut Today<'_>) {
    let (plan, to) = (today.plan, today.plan.calendar.begin(today.day + 1));
    let found = plan.happenings.wrong.iter().find(|(_, of, _)| *of == today.member);
    let Some((span, _, wrong)) = found else { return };
    let mut at = span.from.max(today.at(0));
    while at < span.to.min(to) {
        let source = plan.source(&mut today.draw, today.member, at);
        let member = plan.member(today.member);
        let draft = match wrong {
            Wrong::Certificate => {
                let why = format!("a credential of {} that has expired", member.name);
                Draft::stranger(at, member.protocol(), source, why)
            }
            Wrong::Grant => {
                let key = wrong_key(today);
                let why = format!("{} may not encrypt here, nor know of it", member.name);
                let mut draft = plan.uses_from(today.member, at, source, Action::Encrypt, key);
                draft.entry.object = None;
                draft.refused(ErrorKind::NotFound, why)
            }
        };
        today.drafts.push(draft);
        at += today.draw.between(10 * SECOND, 30 * SECOND);
    }
    if *wrong == Wrong::Grant && (today.at(0)..to).contains(&span.to) {
        let (key, at) = (wrong_key(today), span.to);
        let operator = plan.someone(&mut today.draw, super::Kind::Operator, plan.key(key).realm, at);
        let told = format!("to {}", plan.member(today.member).name);
        let grant = plan.about(&mut today.draw, operator, at, Action::Grant, key).detail(told).changes(1);
        today.drafts.push(grant);
        for number in 0..6 {
            today.uses(at + 15 * SECOND + number * 4 * SECOND, Action::Encrypt, key);
        }
    }
}

/// The key that the client should have been granted: another service's, of its realm, that stays in use.
fn wrong_key(today: &Today<'_>) -> usize {
    let plan = today.plan;
    let of = plan.member(today.member).realm;
    let fits = |key: &usize| {
        let key = plan.key(*key);
        let own = key.owner == today.member || key.canary;
        key.realm == of && !own && key.ends.is_none() && key.made < plan.calendar.begin(0)
    };
    let from = today.member * 37 % plan.ring.keys.len();
    let found = (from..plan.ring.keys.len()).chain(0..from).find(fits);
    found.unwrap_or(0)
}
