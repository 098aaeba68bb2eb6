//! What the server writes by itself on a day: starts and stops, where its sink has come to, floods that it counted; and
//! the monitor that asks how it is. What it does with keys when their dates come is in the lives of keys.

use keyreeve_core::access::Action;

use super::{Kind, Today};
use crate::fleet::{
    calendar::{HOUR, MINUTE, SECOND},
    draw::Draw,
    entry::Draft,
    happenings::Wrong,
    plan::Plan,
};

/// A sink's cursor moves every ten seconds while there is news; one move in so many is on record here.
pub const CURSOR_MOVES_THINNED: u32 = 60;

/// SHA-256 of the configuration that all agreed on.
pub const CONFIGURATION: &str = "5f1d0a44c9be7a3a2f1c7c4dd9f3a9f2b1f0f2f8f52b1b4db2e6f4ce27a4d3b7";

/// What a start says.
pub fn started(configuration: &str) -> String {
    format!(
        "version 0.1.0, REST on 10.30.0.10:8443, KMIP on 10.30.0.10:5696, root key locked by key file, configuration SHA-256 {configuration}"
    )
}

pub(super) fn monitor(today: &mut Today<'_>) {
    let to = today.plan.calendar.begin(today.day + 1);
    let mut at = today.at(0) + 7 * SECOND;
    while at < to {
        let shift = today.draw.between(0, 900);
        today.asks(at + shift, Action::Status, Some("asked for the status"));
        at += 15 * MINUTE;
    }
}

pub(super) fn day(plan: &Plan, day: usize, mut draw: Draw, drafts: &mut Vec<Draft>) {
    let (from, to) = (plan.calendar.begin(day), plan.calendar.begin(day + 1));
    let today = |at: i64| (from..to).contains(&at);
    for restart in &plan.happenings.restarts {
        if today(restart.from) {
            drafts.push(Draft::system(restart.from - 1, Action::Stop).detail("stopped in order"));
        }
        if today(restart.to) {
            drafts.push(Draft::system(restart.to, Action::Start).detail(started(CONFIGURATION)));
        }
    }
    let mut at = from + draw.between(0, 10 * SECOND);
    while at < to {
        if !plan.deaf.iter().chain(&plan.happenings.hiccups).any(|span| span.holds(at)) {
            let mut moved = Draft::system(at, Action::MoveCursor).target("sink/siem").changes(1);
            moved.entry.detail = None;
            drafts.push(moved);
        }
        at += i64::from(CURSOR_MOVES_THINNED) * 10 * SECOND + draw.between(0, 600);
    }
    for (span, member, wrong) in &plan.happenings.wrong {
        let over = span.to + 2 * MINUTE;
        if today(over) && *wrong == Wrong::Certificate {
            let count = (span.to - span.from) / HOUR * 7 + 3;
            let told =
                format!("{count} failed authentications, a minute ago or more, are not on record one by one");
            drafts.push(Draft::system(over, Action::CountFailures).detail(told));
            let operator = plan.someone(&mut draw, Kind::Administrator, plan.member(*member).realm, over);
            let renewed = plan.asks(&mut draw, operator, span.to - MINUTE, Action::RenewCredential);
            drafts.push(renewed.target(plan.member(*member).name.clone()).changes(2));
        }
    }
}
