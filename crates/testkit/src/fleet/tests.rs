//! Whether the fleet is what it says it is.

use std::collections::{BTreeMap, BTreeSet};

use keyreeve_core::{
    ErrorKind,
    access::Action,
    model::{KeyId, State},
    record::Outcome,
};

use super::{
    Fleet, SEEDS_OF_FIGURES, SEEDS_OF_TUNING,
    calendar::DAYS,
    keys::{CANARIES, KEYS},
    organisation::PRINCIPALS,
};

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
        let noon = plan.calendar.at(day, 12 * super::calendar::HOUR);
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
    assert!((200_000..2_000_000).contains(&all), "{all} entries: {kinds:?}");
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
    let steps = 4000;
    for told in fleet.journal() {
        let entry = told.entry;
        let Some(place) = entry.key.map(|id| keys[&id]) else { continue };
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
    assert!(refused < 3000, "{refused} uses of keys that do not serve");
}

/// Writes the fleet of a seed to a file, to look at it with other tools: `KEYREEVE_FLEET=SEED,FILE`.
#[test]
fn fleet_can_be_written_to_a_file() {
    let Some(wanted) = std::env::var_os("KEYREEVE_FLEET") else { return };
    let wanted = wanted.into_string().unwrap();
    let (seed, file) = wanted.split_once(',').unwrap();
    let mut file = std::io::BufWriter::new(std::fs::File::create(file).unwrap());
    for told in Fleet::new(seed.parse().unwrap()).journal() {
        std::io::Write::write_all(&mut file, format!("{}\n", told.entry.line()).as_bytes()).unwrap();
    }
}
