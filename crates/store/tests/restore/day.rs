//! Point in time to any second: a synthetic day, whose state at each second a plain model knows. KEYREEVE_LONG=1 asks for
//! each of its 86,400 seconds, and makes ten times as many changes.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::atomic::AtomicU64,
    thread,
};

use keyreeve_core::model::{RealmId, State};
use keyreeve_store::backup::{BackupKind, BackupOptions};
use keyreeve_testkit::random::Random;

use super::*;

/// When the day begins, in milliseconds.
const DAY: i64 = 20_000 * 86_400_000;
const SECONDS: i64 = 86_400;

/// What the model knows of a key.
#[derive(Clone, Debug)]
struct Known {
    name: String,
    groups: Vec<String>,
    state: State,
    exported: u64,
}

type Model = BTreeMap<u128, Known>;

/// The day as it went: what was so from when on.
struct Day {
    lost: Machine,
    /// Time in milliseconds, the newest entry then, and the state.
    moments: Vec<(i64, Lsn, Model)>,
    /// Entries that change anything.
    changing: BTreeSet<u64>,
}

impl Day {
    /// Makes so many changes, at random moments of the day; now and then everything is kept, and once in full.
    fn new(seed: u64, changes: usize) -> Self {
        let (lost, mut random, mut model) = (Machine::new(), Random::new(seed), Model::new());
        lost.set_time(DAY);
        let store = lost.created();
        let mut times: Vec<i64> = (0..changes).map(|_| random.below(SECONDS as u64 * 1000) as i64).collect();
        times.sort_unstable();
        let mut moments = vec![(DAY, store.published(), model.clone())];
        for (at, time) in times.iter().enumerate() {
            lost.set_time(DAY + time);
            change(&mut random, &store, &mut model);
            if random.one_in(4) {
                store.keep().unwrap();
            }
            if at == changes / 2 {
                store.backup(&lost.target(), BackupKind::Full, BackupOptions::default()).unwrap();
            }
            moments.push((DAY + time, store.published(), model.clone()));
        }
        keep(&store);
        let last = store.published();
        moments.push((DAY + times.last().unwrap(), last, model));
        let entries = store.journal(Lsn(0), usize::MAX).unwrap();
        let changing = entries.iter().filter(|entry| !entry.draft.changes.is_empty());
        let changing = changing.map(|entry| entry.lsn.0).collect();
        Self { lost, moments, changing }
    }

    /// The state at a time.
    fn at(&self, time: i64) -> &(i64, Lsn, Model) {
        &self.moments[self.moments.partition_point(|(from, _, _)| *from <= time) - 1]
    }

    fn newest(&self) -> &Model {
        &self.moments.last().unwrap().2
    }

    /// A machine with a copy of what lies at the targets.
    fn machine(&self) -> Machine {
        Machine { targets: self.lost.targets.kill(), ..Machine::beside(&self.lost.targets) }
    }

    /// The entry that is restored to for a time is the last one that had changed anything by then.
    fn assert_entry(&self, machine: &Machine, time: i64) {
        let from = machine.target();
        let plan = Plan { from: &*from, to: PointInTime::Time(Time(time)), keep_new: false, cell: None };
        let report = keyreeve_store::restore::preview(&machine.options(), &key_file(), &plan).unwrap();
        let (_, last, _) = self.at(time);
        assert!(report.lsn <= *last, "{time}: {} is later than {last}", report.lsn);
        let between = (Bound::Excluded(report.lsn.0), Bound::Included(last.0));
        let missing = self.changing.range(between).next();
        assert_eq!(missing, None, "{time}: it ends with {}", report.lsn);
    }

    /// Restores to an entry, and compares all that the model knows.
    fn assert_state(&self, to: PointInTime, then: &Model) {
        let machine = self.machine();
        machine.restore(to, false).unwrap();
        let store = machine.open().unwrap();
        let names: BTreeSet<&String> =
            self.moments.iter().flat_map(|(_, _, model)| model.values().map(|known| &known.name)).collect();
        for name in names {
            let owner =
                then.iter().find(|(_, known)| known.name == *name).map(|(id, _)| records::key_id(*id));
            let found = match get(&store, &RecordKey::KeyName(RealmId::DEFAULT, name.clone())) {
                Some(Record::KeyName { key, .. }) => Some(key),
                _ => None,
            };
            assert_eq!(found, owner, "{to:?}: {name}");
        }
        for (id, now) in self.newest() {
            assert_key(&store, *id, then.get(id), now);
        }
    }
}

/// What is restored of a key: as it was then, but for what must not come back.
fn assert_key(store: &Store, id: u128, then: Option<&Known>, now: &Known) {
    let key = get(store, &RecordKey::Key(records::key_id(id)));
    let (Some(then), object) = (then, records::object(store, id)) else {
        assert!(key.is_none() && records::object(store, id).is_none(), "{id} was made later");
        assert!(records::material(store, id).is_none(), "{id} was made later");
        return;
    };
    let (Some(Record::Key(key)), Some(object)) = (key, object) else { panic!("{id} is missing") };
    assert_eq!(key.name, then.name, "{id}");
    assert_eq!(records::exported(store, id), now.exported, "counters of {id} never go back");
    if now.state == State::Destroyed {
        assert_eq!((object.state, &object.groups), (State::Destroyed, &now.groups), "{id}");
        assert!(records::material(store, id).is_none(), "{id} is destroyed");
        return;
    }
    let state = if now.state == State::Compromised { now.state } else { then.state };
    assert_eq!((object.state, &object.groups), (state, &then.groups), "{id}");
    assert_eq!(object.revocation.is_some(), state == State::Compromised, "{id}");
    records::assert_opens(store, id);
}

/// Changes something.
fn change(random: &mut Random, store: &Store, model: &mut Model) {
    let alive = model.iter().filter(|(_, known)| known.state != State::Destroyed);
    let alive: Vec<u128> = alive.map(|(id, _)| *id).collect();
    let serial = store.published().0;
    if alive.len() < 2 || random.one_in(4) {
        let (id, name) = (model.len() as u128 + 1, format!("key made at {serial}"));
        put(store, records::create(store, id, &name));
        model.insert(id, Known { name, groups: Vec::new(), state: State::Active, exported: 0 });
        return;
    }
    let id = alive[random.below(alive.len() as u64) as usize];
    let known = model.get_mut(&id).unwrap();
    match random.below(8) {
        0 => {
            put(store, records::destroy(store, id));
            known.state = State::Destroyed;
        }
        1 => {
            put(store, records::revoke(store, id));
            known.state = State::Compromised;
        }
        2 | 3 => {
            known.name = format!("key renamed at {serial}");
            put(store, records::rename(store, id, &known.name));
        }
        4 => {
            known.exported += 3;
            put(store, vec![Change::Exported(records::object_id(id), 3)]);
        }
        _ => {
            known.groups = vec![format!("group of {serial}")];
            put(store, records::regroup(store, id, &[&known.groups[0]]));
        }
    }
}

/// Runs on all processors.
fn on_all(seconds: &[i64], work: impl Fn(&[i64]) + Sync) {
    let workers = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    thread::scope(|scope| {
        let parts = seconds.chunks(seconds.len().div_ceil(workers));
        parts.for_each(|part| drop(scope.spawn(|| work(part))));
    });
}

#[test]
fn any_second_of_a_day_can_be_restored_to() {
    let is_long = std::env::var_os("KEYREEVE_LONG").is_some();
    let day = Day::new(11, if is_long { 400 } else { 40 });
    // Each second, or some, and all about a change: the one in which it falls, and those around it.
    let seconds: Vec<i64> = if is_long {
        (0..SECONDS).collect()
    } else {
        let mut random = Random::new(12);
        let changes = day.moments.iter().flat_map(|(time, _, _)| {
            let second = (time - DAY) / 1000;
            second.saturating_sub(1).max(0)..(second + 2).min(SECONDS)
        });
        let some = (0..200).map(|_| random.below(SECONDS as u64) as i64);
        changes.chain(some).chain([0, SECONDS - 1]).collect::<BTreeSet<_>>().into_iter().collect()
    };
    let asked = AtomicU64::new(0);
    on_all(&seconds, |part| {
        let machine = day.machine();
        for second in part {
            day.assert_entry(&machine, DAY + second * 1000);
            asked.fetch_add(1, Ordering::Relaxed);
        }
    });
    assert_eq!(asked.into_inner(), seconds.len() as u64);
    // The same entry gives the same state: each that any second of the day is restored to, by the first one that is.
    let mut firsts: Vec<i64> = (0..SECONDS).collect();
    firsts.dedup_by_key(|second| day.at(DAY + *second * 1000).1);
    assert!(firsts.len() > day.moments.len() / 2, "{} states", firsts.len());
    on_all(&firsts, |part| {
        for second in part {
            let time = DAY + second * 1000;
            day.assert_state(PointInTime::Time(Time(time)), &day.at(time).2);
        }
    });
}
