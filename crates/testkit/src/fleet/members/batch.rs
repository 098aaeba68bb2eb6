//! Batch jobs: at the same time each night, in one go, much more at the end of a month; and the nightly backup with its
//! weekly drill.

use keyreeve_core::access::Action;

use super::Today;
use crate::fleet::{
    calendar::{MINUTE, SECOND},
    entry::Draft,
    organisation::Kind,
};

pub(super) fn day(today: &mut Today<'_>) {
    let plan = today.plan;
    let member = plan.member(today.member);
    if member.kind == Kind::Backup {
        return backup(today);
    }
    let statements = member.name.contains("statements") || member.name.contains("payroll");
    let month_end = plan.calendar.is_month_end(today.day);
    // Statements and pay are a matter of month ends; the others run every night, two of them not on Sundays.
    if statements && !month_end || member.name.contains("etl") && plan.calendar.weekday(today.day) == 6 {
        return;
    }
    let begins = (today.member * 7919 % 300) as i64 * MINUTE + 20 * MINUTE;
    let mut at = today.at(begins) + today.draw.between(0, 4 * SECOND);
    let much = if statements {
        9.0
    } else if month_end {
        3.0
    } else {
        1.0
    };
    let tonight = today.draw.log_normal(1.0, 0.25);
    let count = today.draw.poisson(member.rate * much * tonight).max(1);
    let protects = member.name.contains("archive") || member.name.contains("replicate") || statements;
    let keys = today.keys(at);
    if keys.is_empty() {
        return;
    }
    today.asks(at, Action::ListKeys, None);
    // An archive goes under one key a night; other jobs walk over all that they have.
    let first = today.day % keys.len();
    for number in 0..count {
        at += today.draw.log_normal(900.0, 0.8) as i64;
        let key = if protects { keys[first] } else { keys[number % keys.len()] };
        today.uses(at, if protects { Action::DataKey } else { Action::Decrypt }, key);
    }
}

/// A backup each night; on Sundays a drill, too.
fn backup(today: &mut Today<'_>) {
    let at = today.at(90 * MINUTE) + today.draw.between(0, 3 * SECOND);
    run(today, at, "full backup to s3://kms-backup, up to entry ", true);
    if today.plan.calendar.weekday(today.day) == 6 {
        let records = 14_000 + today.day * 40;
        let told = format!(
            "drill from s3://kms-backup up to the newest entry: all {records} records are what is here"
        );
        run(today, at + 40 * MINUTE, &told, false);
    }
    if let Some(key) = today.keys(at).first().copied() {
        today.uses(at + 12 * MINUTE, Action::DataKey, key);
    }
}

fn run(today: &mut Today<'_>, at: i64, told: &str, tells_position: bool) {
    let took = (today.draw.log_normal(4.0, 0.4) * MINUTE as f64) as i64 + 30 * SECOND;
    today.asks(at, Action::Backup, Some("begins"));
    today.drafts.push(Draft::system(at + took - 20, Action::Initialize).target("backups").changes(1));
    today.asks(at + took, Action::Backup, Some(told));
    if let (true, Some(done)) = (tells_position, today.drafts.last_mut()) {
        done.tells_position = true;
    }
}
