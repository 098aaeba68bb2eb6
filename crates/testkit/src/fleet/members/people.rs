//! People at desks who use keys: they log in in the morning, mistype, look things up, try things with keys of their own,
//! and open a few files. Not here: those who look after keys and server.

use keyreeve_core::{ErrorKind, access::Action};

use super::{Kind, Today};
use crate::fleet::{
    calendar::{HOUR, MINUTE, SECOND},
    entry::Draft,
};

pub(super) fn day(today: &mut Today<'_>) {
    let Some(mut at) = morning(today) else { return };
    let kind = today.plan.member(today.member).kind;
    let busy = today.plan.member(today.member).rate;
    let sessions = 1 + today.draw.poisson(1.6 * busy);
    for _ in 0..sessions {
        at += 5 * MINUTE + (today.draw.exponential(80.0) * MINUTE as f64) as i64;
        if today.plan.calendar.hour(at) >= 19 {
            break;
        }
        match kind {
            Kind::Analyst => files(today, at),
            _ => trial(today, at),
        }
    }
    // A deadline now and then.
    if today.draw.chance(0.02) {
        let late = today.at(21 * HOUR) + (today.draw.exponential(50.0) * MINUTE as f64) as i64;
        log_in(today, late);
        trial(today, late + 2 * MINUTE);
    }
}

/// Logs in, on a day on which the member works; when they are in.
pub(super) fn morning(today: &mut Today<'_>) -> Option<i64> {
    let plan = today.plan;
    let off = !plan.calendar.is_work_day(today.day) || plan.happenings.is_on_leave(today.member, today.day);
    if off || today.draw.chance(0.12) {
        return None;
    }
    let early = (today.member as i64 * 13 % 90) * MINUTE;
    let at =
        today.at(7 * HOUR + 30 * MINUTE + early) + (today.draw.log_normal(12.0, 0.8) * MINUTE as f64) as i64;
    let second = today.draw.between(0, MINUTE);
    Some(log_in(today, at + second))
}

/// With mistakes: a password typed wrongly, a name that nobody has. When it succeeded.
pub(super) fn log_in(today: &mut Today<'_>, mut at: i64) -> i64 {
    let (plan, name) = (today.plan, today.plan.member(today.member).name.clone());
    let mut mistakes = 0;
    while mistakes < 4 && today.draw.chance(0.06 + 0.25 * f64::from(u8::from(mistakes > 0))) {
        mistakes += 1;
        let why = match today.draw.chance(0.15) {
            true => "a login by a password under a name that has none".to_owned(),
            false => format!("a wrong password of {name}"),
        };
        let source = plan.source(&mut today.draw, today.member, at);
        today.drafts.push(Draft::stranger(at, "rest", source, why));
        at += (today.draw.log_normal(9.0, 0.5) * SECOND as f64) as i64 + SECOND;
    }
    let token = format!("token {}", today.draw.digest());
    let draft = plan.asks(&mut today.draw, today.member, at, Action::Login);
    today.drafts.push(draft.target(name).detail(token).changes(2));
    at
}

/// A developer tries something with a key of their own.
fn trial(today: &mut Today<'_>, mut at: i64) {
    if today.draw.chance(0.4) {
        today.asks(at, Action::ListKeys, None);
    }
    let keys = today.keys(at);
    if keys.is_empty() {
        return;
    }
    for _ in 0..1 + today.draw.below(6) {
        at += (today.draw.log_normal(25.0, 1.0) * SECOND as f64) as i64 + 800;
        let key = *today.draw.pick(&keys);
        let action =
            *today.draw.pick(&[Action::Encrypt, Action::Decrypt, Action::GetAttributes, Action::Sign]);
        match action {
            Action::GetAttributes => today.about(at, action, key),
            _ => today.uses(at, action, key),
        }
        if today.draw.chance(0.04) {
            mistype(today, at + 2 * SECOND);
        }
    }
}

/// A name that no key has.
fn mistype(today: &mut Today<'_>, at: i64) {
    let draft = today.plan.asks(&mut today.draw, today.member, at, Action::Encrypt);
    let name = format!("{}/tset-0001", today.plan.member(today.member).name);
    today.drafts.push(draft.target(name).failed(ErrorKind::NotFound, "no such key or object"));
}

/// An analyst opens a handful of files, all under one key or two.
fn files(today: &mut Today<'_>, mut at: i64) {
    let keys = today.keys(at);
    if keys.is_empty() {
        return;
    }
    let key = keys[today.draw.zipf(keys.len())];
    for _ in 0..today.draw.log_normal(5.0, 0.7).clamp(1.0, 40.0) as usize {
        at += (today.draw.log_normal(20.0, 0.9) * SECOND as f64) as i64 + 500;
        today.uses(at, Action::Decrypt, key);
    }
}
