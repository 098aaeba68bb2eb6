//! What the schedule does, on a clock that is moved by hand.

use std::sync::atomic::AtomicI64;

use keyreeve_core::SecretBytes;
use keyreeve_core::operations::server::Initialize;
use keyreeve_core::ports::clock::Clock;
use keyreeve_store::{StoreOptions, Unlock};

use super::*;
use crate::start::open::crypto;

const HOUR_MS: i64 = 60 * 60 * 1000;
const SCHEDULE: Schedule = Schedule { full_every_hours: 24, drill_every_days: 3, window_hours: (22, 4) };

struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::SeqCst))
    }

    fn wait(&self, duration: std::time::Duration) {
        self.0.fetch_add(duration.as_millis() as i64, Ordering::SeqCst);
    }
}

struct Place {
    folder: tempfile::TempDir,
    clock: Arc<HandClock>,
    backups: Backups,
}

impl Place {
    /// A store with a registered target, at the hour 0.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(HandClock(AtomicI64::new(0)));
        let crypto = crypto().unwrap();
        let unlock = || Unlock::KeyFile(SecretBytes::copy_from("5a".repeat(32).as_bytes()));
        let mut options = StoreOptions::new(folder.path().join("data"), crypto.clone(), clock.clone());
        options.background = false;
        Store::create(&options, [unlock()]).unwrap();
        let store = Arc::new(Store::open(&options, &unlock()).unwrap());
        let engine = Arc::new(Engine::new(store.clone(), store.sealer(), crypto, clock.clone()));
        engine.execute(&Caller::system(request_id(&engine).unwrap()), &Initialize).unwrap();
        store.register_target(folder.path().join("target").to_str().unwrap(), true, false).unwrap();
        let settings = Settings {
            acknowledge: Acknowledge::Local,
            bytes_per_second_max: None,
            schedule: SCHEDULE,
            retention: Retention { full_count_min: 1, days_min: 1, entries_days_min: 0 },
        };
        let scratch = folder.path().join("drill.sqlite");
        let backups = Backups::new(engine, store, settings, (scratch, Memory::Locked));
        Self { folder, clock, backups }
    }

    /// Runs what is due at an hour; what went on record meanwhile.
    fn at(&self, hours: i64) -> (Result<()>, Vec<String>) {
        self.clock.0.store(hours * HOUR_MS, Ordering::SeqCst);
        let before = self.backups.store.published();
        let ended = self.backups.run_due();
        let entries = self.backups.store.journal(before, 100).unwrap();
        let scheduled = entries.into_iter().filter(|entry| entry.draft.action == Action::Backup);
        (ended, scheduled.filter_map(|entry| entry.draft.detail.clone()).collect())
    }

    fn last(&self) -> (Option<i64>, Option<i64>) {
        let hours = |time: Option<Time>| time.map(|time| time.0 / HOUR_MS);
        let last = self.backups.last().unwrap();
        (hours(last.full), hours(last.drill))
    }

    fn fulls(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("target/t1/full")).map_or(0, Iterator::count)
    }
}

fn begins(told: &[String], with: &[&str]) -> bool {
    told.len() == with.len() && told.iter().zip(with).all(|(told, with)| told.starts_with(with))
}

#[test]
fn full_backups_pruning_and_drills_run_in_their_window_and_go_on_record() {
    let place = Place::new();
    assert!(place.at(12).1.is_empty() && place.fulls() == 0, "the window is closed");
    let (ended, told) = place.at(23);
    ended.unwrap();
    assert!(begins(&told, &["full backup to", "drill from"]), "{told:?}");
    assert_eq!((place.last(), place.fulls()), ((Some(23), Some(23)), 1));
    assert!(place.at(24).1.is_empty(), "done is done");
    for day in 1..=2 {
        let (ended, told) = place.at(23 + 24 * day);
        ended.unwrap();
        assert!(told[0].starts_with("full backup to") && !told.iter().any(|told| told.starts_with("drill")));
    }
    let (ended, told) = place.at(23 + 24 * 3);
    ended.unwrap();
    assert!(begins(&told, &["full backup to", "pruned ", "drill from"]), "{told:?}");
    // Nothing else has changed since the day before: the newest one has all states of that day.
    assert_eq!((place.last(), place.fulls()), ((Some(95), Some(95)), 1));
}

#[test]
fn a_drill_that_fails_is_told_and_is_due_again() {
    let place = Place::new();
    place.at(23).0.unwrap();
    place.at(23 + 24).0.unwrap();
    place.at(23 + 48).0.unwrap();
    let scratch = place.folder.path().join("drill.sqlite");
    std::fs::create_dir(&scratch).unwrap();
    assert!(place.at(23 + 72).0.is_err(), "there is no room for it");
    assert_eq!(place.last(), (Some(95), Some(23)), "the backup was made, and the drill is due again");
    std::fs::remove_dir(&scratch).unwrap();
    let (ended, told) = place.at(23 + 73);
    ended.unwrap();
    assert!(begins(&told, &["drill from"]), "{told:?}");
    assert_eq!(place.last(), (Some(95), Some(96)));
}
