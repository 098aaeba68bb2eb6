//! Every state of a history can be had back, and is what a plain model says it was.

use std::collections::BTreeMap;

use keyreeve_core::record::index_terms;
use keyreeve_testkit::random::Random;

use super::*;

/// Names and groups of keys, by id.
type Model = BTreeMap<u128, (String, Vec<String>)>;

fn step(random: &mut Random, store: &Store, model: &mut Model, next: &mut u128) {
    let known: Vec<u128> = model.keys().copied().collect();
    if known.is_empty() || random.one_in(3) {
        *next += 1;
        let name = format!("key {next}");
        put(store, records::create(store, *next, &name));
        model.insert(*next, (name, Vec::new()));
    } else {
        let id = known[random.below(known.len() as u64) as usize];
        let group = format!("group {}", random.below(1000));
        put(store, records::regroup(store, id, &[&group]));
        model.get_mut(&id).unwrap().1 = vec![group];
    }
}

fn assert_is(store: &Store, model: &Model, next: u128) {
    for id in 1..=next {
        let Some((name, groups)) = model.get(&id) else {
            assert!(records::object(store, id).is_none() && records::material(store, id).is_none(), "{id}");
            assert!(get(store, &RecordKey::Key(records::key_id(id))).is_none(), "{id}");
            continue;
        };
        records::assert_opens(store, id);
        assert_eq!(&records::object(store, id).unwrap().groups, groups, "{id}");
        match get(store, &RecordKey::Key(records::key_id(id))) {
            Some(record @ Record::Key(_)) => assert!(!index_terms(&record).is_empty()),
            _ => panic!("key {id} is missing"),
        }
        let address = RecordKey::KeyName(keyreeve_core::model::RealmId::DEFAULT, name.clone());
        assert!(get(store, &address).is_some(), "{name}");
    }
}

#[test]
fn every_entry_of_a_history_can_be_restored_to() {
    let lost = Machine::new();
    let store = lost.created();
    let (mut random, mut model, mut next) = (Random::new(7), Model::new(), 0);
    let mut states = Vec::new();
    for round in 0..40 {
        step(&mut random, &store, &mut model, &mut next);
        states.push((store.published(), model.clone()));
        if round % 7 == 0 {
            store.keep().unwrap();
        }
    }
    keep(&store);
    drop(store);
    for (lsn, model) in &states {
        let machine = Machine::beside(&lost.targets);
        let report = machine.restore(PointInTime::Lsn(*lsn), false).unwrap();
        assert_eq!(report.lsn, *lsn);
        // Each start claims the target for a timeline of its own: only some go as far.
        if lsn.0 % 5 == 0 {
            let target = lost.targets.clone();
            let copy = Machine { targets: target.kill(), ..machine };
            assert_is(&copy.open().unwrap(), model, next);
        }
    }
}

#[test]
fn what_was_destroyed_later_stays_so_and_what_is_new_is_kept_where_that_is_wanted() {
    let lost = Machine::new();
    let store = lost.created();
    put(&store, records::create(&store, 1, "one"));
    let then = put(&store, records::create(&store, 2, "two"));
    put(&store, records::regroup(&store, 1, &["later"]));
    put(&store, records::destroy(&store, 2));
    put(&store, records::create(&store, 3, "three"));
    keep(&store);
    drop(store);
    for keep_new in [false, true] {
        let machine = Machine { targets: lost.targets.kill(), ..Machine::beside(&lost.targets) };
        let report = machine.restore(PointInTime::Lsn(then), keep_new).unwrap();
        assert_eq!(report.preview.stays.count, 1, "{:?}", report.preview);
        let store = machine.open().unwrap();
        records::assert_opens(&store, 1);
        assert!(records::object(&store, 1).unwrap().groups.is_empty());
        assert!(records::material(&store, 2).is_none());
        assert!(records::object(&store, 2).unwrap().state.is_destroyed());
        assert_eq!(records::material(&store, 3).is_some(), keep_new);
    }
}

#[test]
fn a_point_before_an_earlier_restore_is_still_there() {
    let lost = Machine::new();
    let store = lost.created();
    let first = put(&store, records::create(&store, 1, "one"));
    put(&store, records::create(&store, 2, "two"));
    keep(&store);
    drop(store);
    let second = Machine::beside(&lost.targets);
    second.restore(PointInTime::Lsn(first), false).unwrap();
    let store = second.open().unwrap();
    assert!(records::object(&store, 2).is_none());
    put(&store, records::create(&store, 3, "three"));
    keep(&store);
    drop(store);
    let third = Machine::beside(&lost.targets);
    let report = third.restore(PointInTime::Lsn(first), false).unwrap();
    let gone: Vec<_> = report.preview.disappears.lines.iter().map(|line| line.name.as_str()).collect();
    assert_eq!((report.lsn, gone), (first, vec!["three"]));
    records::assert_opens(&third.open().unwrap(), 1);
}
