//! The rules of alerts on the fleet: how often they cry wolf, and which attacks they notice in time. Not here: the rules
//! (core/alerts), and the fleet (testkit/fleet). `KEYREEVE_ALERT_SEEDS=1,2,3` names the seeds; 1000 to 1004 are for the figures in
//! docs/alerts.md, and nobody looks at what they give while rules are tuned.

#![allow(clippy::print_stdout, reason = "it prints the figures")]

use std::collections::{BTreeMap, BTreeSet};

use keyreeve_core::{
    alerts::{Finding, Observed, Severity, Watch},
    model::Lsn,
};
use keyreeve_testkit::fleet::{Fleet, attacks::Label, entry::Entry};

/// Weeks of a fleet.
const WEEKS: f64 = 90.0 / 7.0;

fn observed(entry: &Entry) -> Observed {
    Observed {
        lsn: Lsn(entry.lsn),
        time: entry.time,
        realm: entry.realm,
        principal: entry.principal_id,
        name: entry.principal.to_string(),
        by_kmip: entry.protocol == "kmip",
        source: entry.source.as_deref().and_then(|source| Some(source.rsplit_once(':')?.0.to_owned())),
        action: entry.action,
        key: entry.key,
        target: entry.target.as_deref().map(str::to_owned),
        outcome: entry.outcome,
        reason: entry.reason,
        canary: entry.canary,
    }
}

/// What is told of a fleet, and which entries are each attack's own.
fn told(fleet: &Fleet) -> (Vec<Finding>, BTreeMap<&'static str, BTreeSet<Lsn>>) {
    let (mut watch, mut found, mut own) = (Watch::default(), Vec::new(), BTreeMap::new());
    for told in fleet.journal() {
        if let Some(attack) = told.attack {
            own.entry(attack).or_insert_with(BTreeSet::new).insert(Lsn(told.entry.lsn));
        }
        found.extend(watch.observe(&observed(&told.entry)));
    }
    (found, own)
}

/// How many of these findings are of each rule, those who only inform left out.
fn by_rule(found: &[Finding]) -> BTreeMap<(Severity, &'static str), usize> {
    let mut counts = BTreeMap::new();
    for finding in found.iter().filter(|finding| finding.severity > Severity::Inform) {
        *counts.entry((finding.severity, finding.rule)).or_default() += 1;
    }
    counts
}

/// The first that notices an attack in time, and does more than inform: by its own entries, or by what is missing. A clock that was
/// set is nobody's entry: it counts by when that was.
fn noticed<'f>(label: &Label, own: Option<&BTreeSet<Lsn>>, found: &'f [Finding]) -> Option<&'f Finding> {
    const BEFORE_ITS_FIRST_ENTRY_MS: i64 = 10 * 60_000;
    let time = label.begins - BEFORE_ITS_FIRST_ENTRY_MS..=label.notice_by;
    found.iter().find(|finding| {
        let shows = match own {
            _ if label.attack == "clock-set-back" => {
                finding.rule == "clock-step" && time.contains(&finding.since.0)
            }
            Some(own) if label.entries > 0 && !finding.subject.starts_with("sink/") => {
                finding.evidence.iter().any(|lsn| own.contains(lsn))
            }
            // What is missing has no entries.
            _ => {
                label.about.iter().any(|about| **about == *finding.subject) && time.contains(&finding.time.0)
            }
        };
        shows && finding.severity > Severity::Inform && finding.time.0 <= label.notice_by
    })
}

/// Those that the rules of today are there for.
const EXPECTED: &[&str] = &[
    "mass-destruction",
    "brute-force",
    "quiet-revocations",
    "wrapped-exports",
    "backup-at-night",
    "canary",
    "silenced-sink",
    "clock-set-back",
    "unknown-emergency",
    "kmip-fuzzing",
    "dead-appliance",
    "self-grant",
];

#[test]
fn the_rules_notice_what_they_are_for_and_seldom_cry_wolf() {
    let seeds = std::env::var("KEYREEVE_ALERT_SEEDS").unwrap_or_else(|_| "1".into());
    for seed in seeds.split(',').map(|seed| seed.parse::<u64>().unwrap()) {
        let (calm, _) = told(&Fleet::new(seed));
        let counts = by_rule(&calm);
        let pages: usize = counts
            .iter()
            .filter(|((severity, _), _)| *severity == Severity::Page)
            .map(|(_, count)| count)
            .sum();
        let warns: usize = counts.values().sum::<usize>() - pages;
        println!(
            "seed {seed}: {:.2} pages and {:.2} warnings a week: {counts:?}",
            pages as f64 / WEEKS,
            warns as f64 / WEEKS
        );
        let fleet = Fleet::attacked(seed);
        let (found, own) = told(&fleet);
        let (mut caught, mut missed) = (Vec::new(), Vec::new());
        for label in fleet.labels() {
            match noticed(label, own.get(label.attack), &found) {
                Some(finding) => caught.push((label.attack, finding.rule)),
                None => missed.push(label.attack),
            }
        }
        println!(
            "seed {seed}: {} of {} attacks noticed: {caught:?}; not: {missed:?}",
            caught.len(),
            caught.len() + missed.len()
        );
        for attack in EXPECTED {
            assert!(!missed.contains(attack), "seed {seed}: {attack} was not noticed");
        }
        assert!(
            pages as f64 / WEEKS <= 1.0,
            "seed {seed}: {pages} pages in a quarter in which nobody means harm"
        );
    }
}
