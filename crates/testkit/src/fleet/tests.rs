//! Whether the fleet is what it says it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead as _, BufWriter, Write as _},
};

use keyreeve_core::{
    ErrorKind,
    access::Action,
    model::{KeyId, State, Time, UseKind},
    record::Outcome,
};

use serde_json::json;

use super::{
    Fleet, SEEDS_OF_FIGURES, SEEDS_OF_TUNING, attacks,
    calendar::{DAY, DAYS, HOUR, MINUTE},
    keys::{CANARIES, KEYS},
    members::{server, services},
    organisation::PRINCIPALS,
};

/// Of the first 60,000 lines of seed 3, on every machine.
const FINGERPRINT: &str = "749fac4a211181d7";

/// FNV-1a over all lines: one bit that differs shows.
fn fingerprint(fleet: &Fleet, entries: usize) -> u64 {
    let lines = fleet.journal().take(entries).map(|told| told.entry.line());
    lines
        .flat_map(String::into_bytes)
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn fleet_of_one_seed_is_the_same_every_time() {
    let first = fingerprint(&Fleet::new(3), 60_000);
    assert_eq!(first, fingerprint(&Fleet::new(3), 60_000));
    assert_ne!(first, fingerprint(&Fleet::new(4), 60_000));
    assert!(SEEDS_OF_TUNING.end() < SEEDS_OF_FIGURES.start());
    // Figures are told of these bytes: whoever changes the generator sees here that they have to be made anew.
    assert_eq!(format!("{first:016x}"), FINGERPRINT, "the fleet is another one");
}

#[test]
fn fleet_has_as_many_days_principals_and_keys_as_it_says() {
    let fleet = Fleet::new(1);
    let plan = fleet.plan();
    assert_eq!(plan.ring.keys.len(), KEYS);
    assert_eq!(plan.ring.keys.iter().filter(|key| key.canary).count(), CANARIES);
    let names: BTreeSet<_> = plan.ring.keys.iter().map(|key| &key.name).collect();
    assert_eq!(names.len(), KEYS, "two keys of one name");
    let members = &plan.organisation.members;
    let names: BTreeSet<_> = members.iter().map(|member| &member.name).collect();
    assert_eq!(names.len(), members.len(), "two principals of one name");
    for day in 0..DAYS {
        let noon = plan.calendar.at(day, 12 * HOUR);
        let there = members.iter().filter(|member| member.is_there(noon)).count();
        assert_eq!(there, PRINCIPALS, "day {day}");
    }
    let mut days = BTreeSet::new();
    let (mut lsn, mut back, mut last) = (None, 0, 0);
    let mut seen = BTreeSet::new();
    let mut kinds = BTreeMap::<_, u64>::new();
    for told in fleet.journal() {
        let entry = told.entry;
        assert_eq!(told.attack, None);
        assert!(lsn.is_none_or(|lsn: u64| lsn + 1 == entry.lsn), "a gap before {}", entry.lsn);
        lsn = Some(entry.lsn);
        if entry.time.0 < last {
            back += 1;
            assert!(last - entry.time.0 <= 1000, "the clock goes back by more than a second");
        }
        last = entry.time.0;
        days.insert(plan.calendar.day(entry.time.0));
        seen.insert(entry.principal_id);
        *kinds.entry(entry.action.word()).or_default() += 1;
    }
    let steps = plan.happenings.steps.iter().filter(|(_, step)| *step < 0).count();
    assert!(back <= steps, "{back} times back for {steps} steps");
    assert_eq!(days.len(), DAYS);
    assert!(seen.len() > PRINCIPALS, "only {} principals say anything", seen.len());
    let all: u64 = kinds.values().sum();
    assert!((500_000..800_000).contains(&all), "{all} entries: {kinds:?}");
    let docs = include_str!("../../../../docs/alerts.md").split_whitespace().collect::<Vec<_>>().join(" ");
    let thinned = [
        format!("one use of a service stands for {}", services::THINNED),
        format!("one in {} moves of the sink's cursor", server::CURSOR_MOVES_THINNED),
    ];
    thinned.iter().for_each(|told| assert!(docs.contains(told), "docs/alerts.md does not say: {told}"));
    assert!(kinds.len() > 30, "{kinds:?}");
}

/// Where its key is on record as destroyed, or in a state that does not serve, a use fails and says so; only where a key is
/// whole does it succeed.
#[test]
fn fleet_keys_live_by_the_rules() {
    let fleet = Fleet::new(2);
    let plan = fleet.plan();
    let keys: BTreeMap<KeyId, usize> =
        plan.ring.keys.iter().enumerate().map(|(place, key)| (key.id, place)).collect();
    let (mut uses, mut refused, mut ended) = (0, 0, BTreeSet::new());
    let (steps, mut others) = (4000, BTreeSet::new());
    for told in fleet.journal() {
        let entry = told.entry;
        let Some(place) = entry.key.and_then(|id| keys.get(&id).copied()) else {
            // The few that customers bring, and that somebody only tries something with.
            others.extend(entry.key);
            continue;
        };
        let key = plan.key(place);
        assert_eq!(entry.canary, key.canary);
        assert!(entry.time.0 >= key.made - steps, "{} before it was made", key.name);
        if entry.action == Action::Destroy && entry.outcome == Outcome::Success {
            ended.insert(key.id);
        }
        if entry.action.use_kind().is_none() {
            continue;
        }
        assert!(!key.canary, "somebody uses the canary {}", key.name);
        if entry.outcome == Outcome::Success {
            uses += 1;
            // A step of the clock blurs the moment itself.
            let states = [entry.time.0 - steps, entry.time.0 + steps].map(|at| key.state(at));
            assert!(states.iter().any(|state| matches!(state, State::Active | State::Deactivated)));
        } else if matches!(entry.reason, Some(ErrorKind::WrongState | ErrorKind::Destroyed)) {
            refused += 1;
        }
    }
    assert!(uses > 100_000, "{uses} uses");
    assert!((25..60).contains(&ended.len()), "{} destructions", ended.len());
    assert!(others.len() < 10, "{} keys that nobody planned", others.len());
    assert!(refused < 3000, "{refused} uses of keys that do not serve");
}

/// From what the journal says alone: nobody opens anything with a key that it says is erased, nobody protects with one that it
/// says was revoked, and the server gives neither another version. Not even where attackers were at work.
#[test]
fn fleet_journal_contradicts_itself_nowhere() {
    for fleet in [Fleet::new(10), Fleet::attacked(11)] {
        let (mut revoked, mut erased) = (BTreeSet::new(), BTreeSet::new());
        for told in fleet.journal() {
            let entry = told.entry;
            let done = entry.outcome == Outcome::Success;
            if let (Action::CompleteErasure, Some(detail)) = (entry.action, &entry.detail) {
                let name = detail.strip_prefix("key ").unwrap().split_once(" is erased").unwrap().0;
                erased.insert(name.to_owned());
            }
            if !done {
                continue;
            }
            let (Some(key), target) = (entry.key, entry.target.as_deref().unwrap_or_default()) else {
                continue;
            };
            let protects = entry.action.use_kind() == Some(UseKind::Protect);
            let renews = matches!(entry.action, Action::Rotate | Action::Rekey | Action::ImportVersion);
            let uses = entry.action.use_kind().is_some() || entry.action == Action::Get || renews;
            assert!(!(uses && erased.contains(target)), "{}", entry.line());
            assert!(!((protects || renews) && revoked.contains(&key)), "{}", entry.line());
            if entry.action == Action::Revoke {
                revoked.insert(key);
            }
        }
        assert!(revoked.len() > 60 && erased.len() > 20, "{} and {}", revoked.len(), erased.len());
    }
}

/// Writes the fleet of a seed to a file, to look at it with other tools: `KEYREEVE_FLEET=SEED,FILE`; with attacks as
/// `SEED-attacked,FILE`, and then `FILE.labels` tells where they are.
#[test]
fn fleet_can_be_written_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let wanted = std::env::var("KEYREEVE_FLEET").ok();
    // Where nobody wants it, a part shows that it can be written: the whole has 300 MB.
    let most = if wanted.is_some() { usize::MAX } else { 20_000 };
    let wanted = wanted.unwrap_or_else(|| format!("9-attacked,{}/fleet", folder.path().display()));
    let (seed, file) = wanted.split_once(',').unwrap();
    let fleet = match seed.strip_suffix("-attacked") {
        Some(seed) => Fleet::attacked(seed.parse().unwrap()),
        None => Fleet::new(seed.parse().unwrap()),
    };
    let mut lines = BufWriter::new(File::create(file).unwrap());
    let mut lsns = BTreeMap::<&str, Vec<u64>>::new();
    let mut count = 0;
    for told in fleet.journal().take(most) {
        writeln!(lines, "{}", told.entry.line()).unwrap();
        told.attack.into_iter().for_each(|attack| lsns.entry(attack).or_default().push(told.entry.lsn));
        count += 1;
    }
    lines.flush().unwrap();
    let mut labels = File::create(format!("{file}.labels")).unwrap();
    for label in fleet.labels() {
        let [begins, ends, by] = [label.begins, label.ends, label.notice_by].map(|at| Time(at).to_string());
        let lsns = lsns.remove(label.attack).unwrap_or_default();
        let line = json!({ "attack": label.attack, "begins": begins, "ends": ends, "notice_by": by, "about": label.about, "lsns": lsns });
        writeln!(labels, "{line}").unwrap();
    }
    let written = std::io::BufReader::new(File::open(file).unwrap());
    assert_eq!(written.lines().count(), count);
}

/// Each seed has a place for each attack, with two weeks before it for rules to learn from.
#[test]
fn fleet_has_a_place_for_every_attack() {
    let some = SEEDS_OF_TUNING.take(if std::env::var_os("KEYREEVE_LONG").is_some() { 99 } else { 12 });
    for seed in some.chain(SEEDS_OF_FIGURES) {
        let fleet = Fleet::attacked(seed);
        let calendar = fleet.plan().calendar;
        assert_eq!(fleet.labels().len(), attacks::all().count());
        for label in fleet.labels() {
            assert!(label.begins > calendar.begin(14), "seed {seed}: no baseline: {label:?}");
            assert!(label.begins <= label.ends && !label.about.is_empty(), "seed {seed}: {label:?}");
            assert!(label.ends < calendar.end(), "seed {seed}: it is over before its end: {label:?}");
            assert!(label.notice_by <= label.ends + DAY, "seed {seed}: {label:?}");
        }
    }
}

#[test]
fn fleet_attacks_are_thirty_and_a_third_come_from_no_rule() {
    let names: BTreeSet<_> = attacks::all().map(|attack| attack.name).collect();
    let count = attacks::all().count();
    assert_eq!(names.len(), count, "two attacks of one name");
    assert!(count >= 30, "{count} attacks");
    let free = attacks::all().filter(|attack| attack.from_rule.is_none());
    let free = free.inspect(|attack| assert!(attack.source.len() > 10, "{} has no source", attack.name));
    assert!(free.count() * 3 >= count);
}

/// What the labels say is what is there, and nothing of an attack is anywhere else.
#[test]
fn fleet_attacks_are_where_their_labels_say() {
    for seed in [5, 6] {
        let fleet = Fleet::attacked(seed);
        let mut found = BTreeMap::<&str, usize>::new();
        for told in fleet.journal() {
            let Some(attack) = told.attack else { continue };
            let at = told.entry.time.0;
            let label = fleet.labels().iter().find(|label| label.attack == attack).unwrap();
            // Who meets the server while it starts anew comes a little later; and one attack sets the clock back.
            let back = fleet.labels().iter().find(|label| label.attack == "clock-set-back").unwrap();
            let meets = label.begins <= back.ends && back.begins <= label.ends;
            let slack = 5 * MINUTE + if meets { 3 * HOUR } else { 0 };
            assert!((label.begins - slack..=label.ends + slack).contains(&at), "{attack} at {at}: {label:?}");
            *found.entry(attack).or_default() += 1;
        }
        for label in fleet.labels() {
            let count = found.get(label.attack).copied().unwrap_or_default();
            assert_eq!(count, label.entries, "seed {seed}: {label:?}");
        }
    }
}

/// Attacks that consist of nothing: what should be there is missing for as long as the label says.
#[test]
fn fleet_is_silent_where_a_label_says_so() {
    let fleet = Fleet::attacked(8);
    let span = |name: &str| {
        let label = fleet.labels().iter().find(|label| label.attack == name).unwrap();
        super::happenings::Span { from: label.begins + HOUR, to: label.ends - HOUR }
    };
    let (sink, dead) = (span("silenced-sink"), span("dead-appliance"));
    let named = |name: &str| {
        let label = fleet.labels().iter().find(|label| label.attack == name).unwrap();
        label.about.iter().cloned().collect::<Vec<_>>()
    };
    assert!(named("silenced-sink").iter().any(|name| &**name == "sink/siem"));
    let appliance = named("dead-appliance").remove(0);
    let (mut moves, mut polls) = (0, 0);
    for told in fleet.journal() {
        let entry = told.entry;
        let moved = entry.action == Action::MoveCursor;
        assert!(!(moved && sink.holds(entry.time.0)), "the sink is told something at {}", entry.time);
        assert!(!(entry.principal == appliance && dead.holds(entry.time.0)), "it asks at {}", entry.time);
        moves += usize::from(moved);
        polls += usize::from(entry.principal == appliance);
    }
    assert!(moves > 10_000 && polls > 1000, "{moves} {polls}");
}

/// A line of the fleet holds what docs/alerts.md says, in its order; the server's lines are held against it, too.
#[test]
fn fleet_docs_tell_every_field_of_a_line() {
    let text = include_str!("../../../../docs/alerts.md");
    let (_, section) = text.split_once("## A line of the journal").unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let told: Vec<&str> = rows.map(|(field, _)| field).collect();
    let mut entry = Fleet::new(1).journal().next().unwrap().entry;
    entry.canary = true;
    let line: serde_json::Value = serde_json::from_str(&entry.line()).unwrap();
    let written: BTreeSet<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(told.iter().copied().collect::<BTreeSet<_>>(), written);
    let places: Vec<_> = told.iter().map(|field| entry.line().find(&format!("\"{field}\":"))).collect();
    assert!(places.is_sorted(), "in another order: {told:?}");
    entry.canary = false;
    assert!(!entry.line().contains("canary"));
}

/// The table of docs/alerts.md; `KEYREEVE_WRITE_GOLDEN=1` writes it anew.
#[test]
fn fleet_docs_tell_every_attack() {
    const BEGIN: &str = "<!-- made by fleet_docs_tell_every_attack: begin -->\n";
    const END: &str = "<!-- made by fleet_docs_tell_every_attack: end -->\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/alerts.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (told, after) = rest.split_once(END).unwrap();
    let table = attacks::table();
    if std::env::var_os("KEYREEVE_WRITE_GOLDEN").is_some() {
        std::fs::write(path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert!(told == table, "docs/alerts.md tells other attacks: run this with KEYREEVE_WRITE_GOLDEN=1");
    }
}
