//! Pruning against a plain model: every state that is to be kept and could be restored still can be.

use std::{collections::BTreeSet, ops::RangeInclusive};

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    backup::{
        catalogue::ArchivedPiece,
        manifest::{ChunkRef, FullPoint},
    },
    journal::Lsn,
};

const HOUR_MS: i64 = 60 * 60 * 1000;

/// What happened, in order. An entry takes an hour.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// So many entries are written and shipped as one piece.
    Ship(u64),
    /// A full backup; false: it is damaged.
    Full(bool),
    /// So many entries back the history branches off, and goes on as another timeline.
    Restore(u64),
}

/// All that is at the target, and the last LSN of the present timeline with the time.
#[derive(Default)]
struct History {
    catalogue: Catalogue,
    timeline: u32,
    last: u64,
    hour: i64,
    /// When each entry was written.
    written: Vec<((u32, u64), i64)>,
}

impl History {
    fn new(events: &[Event]) -> Self {
        let mut history = Self { timeline: 1, ..Self::default() };
        for event in events {
            match event {
                Event::Ship(count) => history.ship(*count),
                Event::Full(is_whole) => history.full(*is_whole),
                Event::Restore(back) => {
                    history.last = history.last.saturating_sub(*back).max(1);
                    history.timeline += 1;
                    history.hour += 1;
                    history.full(true);
                }
            }
        }
        history.catalogue.fulls.sort_by_key(|full| (full.manifest.point.timeline, full.manifest.point.lsn));
        history.catalogue.pieces.sort_by_key(|piece| (piece.timeline, piece.first, piece.last));
        history
    }

    fn ship(&mut self, count: u64) {
        let (first, begin) = (self.last + 1, self.hour + 1);
        for _ in 0..count {
            self.last += 1;
            self.hour += 1;
            self.written.push(((self.timeline, self.last), self.hour));
        }
        self.catalogue.pieces.push(ArchivedPiece {
            path: format!("piece {} {first} {}", self.timeline, self.last),
            bytes: 1,
            store: Uuid::nil(),
            timeline: self.timeline,
            first: Lsn(first),
            last: Lsn(self.last),
            first_time: Time(begin * HOUR_MS),
            last_time: Time(self.hour * HOUR_MS),
            previous: [0; 32],
            hash: [0; 32],
        });
    }

    fn full(&mut self, is_whole: bool) {
        let lsn = Lsn(self.last);
        let (store, hash, time) = (Uuid::nil(), [0; 32], Time(self.hour * HOUR_MS));
        let point = FullPoint { store, timeline: self.timeline, lsn, hash, time };
        // Chunks are shared by neighbours.
        let chunk = |number: u64| ChunkRef {
            id: [number as u8; 16],
            sha256: [0; 32],
            bytes: 1,
            plain_bytes: 1,
            rows: 1,
        };
        let chunks = vec![chunk(self.last / 4), chunk(self.last / 8 + 100)];
        let manifest = Manifest { point, root_version: 1, generation: 0, rows: 2, chunks };
        self.catalogue.fulls.retain(|full| full.manifest.path() != manifest.path());
        self.catalogue.fulls.push(FullBackup { manifest, is_whole });
    }
}

/// Whether a state can be restored from what is there: from a full backup before it, or the beginning, by pieces.
fn is_restorable(catalogue: &Catalogue, timeline: u32, lsn: u64) -> bool {
    let fulls =
        catalogue.fulls.iter().filter(|full| full.is_whole && full.manifest.point.timeline == timeline);
    let begins = fulls.map(|full| full.manifest.point.lsn.0).chain((timeline == 1).then_some(0));
    let pieces: Vec<RangeInclusive<u64>> = catalogue
        .pieces
        .iter()
        .filter(|piece| piece.timeline == timeline)
        .map(|piece| piece.first.0..=piece.last.0)
        .collect();
    begins
        .filter(|begin| *begin <= lsn)
        .any(|begin| (begin + 1..=lsn).all(|at| pieces.iter().any(|piece| piece.contains(&at))))
}

fn pruned(catalogue: &Catalogue, plan: &PrunePlan) -> Catalogue {
    let gone: BTreeSet<_> = plan.removed.iter().map(|listed| listed.path.as_str()).collect();
    let mut left = catalogue.clone();
    left.fulls.retain(|full| !gone.contains(full.manifest.path().as_str()));
    left.pieces.retain(|piece| !gone.contains(piece.path.as_str()));
    for full in &mut left.fulls {
        let manifest = &full.manifest;
        full.is_whole &=
            manifest.chunks.iter().all(|chunk| !gone.contains(manifest.chunk_path(chunk).as_str()));
    }
    left
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        5 => (1..6_u64).prop_map(Event::Ship),
        3 => prop::bool::weighted(0.9).prop_map(Event::Full),
        1 => (0..9_u64).prop_map(Event::Restore),
    ];
    prop::collection::vec(event, 1..40)
}

proptest! {
    #[test]
    fn what_is_to_be_kept_can_be_restored(events in events(), count in 0..4_u32, days in 0..4_u32, entries_days in 0..6_u32, later in 0..60_i64) {
        let history = History::new(&events);
        let retention = Retention { full_count_min: count, days_min: days, entries_days_min: entries_days };
        let now = Time((history.hour + later) * HOUR_MS);
        let plan = PrunePlan::new(&history.catalogue, retention, None, now);
        let left = pruned(&history.catalogue, &plan);

        let since = now.0 - i64::from(days) * DAY_MS;
        let whole: Vec<_> = history.catalogue.fulls.iter().filter(|full| full.is_whole).collect();
        let newest = whole.get(whole.len().saturating_sub(count.max(1) as usize)).map(|full| full.manifest.point);
        for ((timeline, lsn), hour) in &history.written {
            let is_young = hour * HOUR_MS >= since;
            let is_behind = newest.is_none_or(|point| (*timeline, *lsn) >= (point.timeline, point.lsn.0));
            if (is_young || is_behind) && is_restorable(&history.catalogue, *timeline, *lsn) {
                // What a timeline did after the kept ones branched off is nobody's present or past any more.
                let kept_timelines = plan.kept_fulls.first().map_or(0, |manifest| manifest.point.timeline);
                prop_assert!(
                    is_restorable(&left, *timeline, *lsn) || *timeline < kept_timelines,
                    "entry {} of timeline {} with {:?}", lsn, timeline, retention
                );
            }
        }
        // Entries that are young enough are there, of the timelines that are kept; and nothing is missing between.
        let entries_since = now.0 - i64::from(entries_days) * DAY_MS;
        let kept_timeline = plan.kept_fulls.first().map_or(0, |manifest| manifest.point.timeline);
        let holds = |catalogue: &Catalogue, timeline, lsn| {
            let mut pieces = catalogue.pieces.iter();
            pieces.any(|piece| piece.timeline == timeline && (piece.first.0..=piece.last.0).contains(&lsn))
        };
        for ((timeline, lsn), hour) in &history.written {
            let is_wanted = entries_days > 0 && hour * HOUR_MS >= entries_since && *timeline >= kept_timeline;
            if is_wanted && holds(&history.catalogue, *timeline, *lsn) {
                prop_assert!(holds(&left, *timeline, *lsn), "entry {} of timeline {}", lsn, timeline);
            }
        }
        // Full backups that were whole and stay are whole still, and one stays where there was one.
        prop_assert!(plan.kept_fulls.iter().all(|kept| left.fulls.iter().any(|full| full.is_whole && full.manifest == *kept)));
        prop_assert_eq!(plan.kept_fulls.is_empty(), whole.is_empty());
        // Archiving goes on behind the newest piece, unless it is one of a timeline that nothing is kept of.
        let timeline_min = plan.kept_fulls.first().map_or(0, |manifest| manifest.point.timeline);
        let last = |catalogue: &Catalogue| {
            let pieces = catalogue.pieces.iter().map(|piece| (piece.timeline, piece.last));
            pieces.filter(|(timeline, _)| *timeline >= timeline_min).max()
        };
        prop_assert_eq!(last(&left), last(&history.catalogue));
        // Nothing is left for a second time.
        prop_assert!(PrunePlan::new(&left, retention, None, now).removed.is_empty());
    }
}

fn numbers(plan: &PrunePlan) -> (usize, usize) {
    let manifests = plan.removed.iter().filter(|listed| listed.path.ends_with(".krm")).count();
    let pieces = plan.removed.iter().filter(|listed| listed.path.starts_with("piece")).count();
    (manifests, pieces)
}

#[test]
fn old_backups_and_their_pieces_go_and_damaged_ones_do_not_count() {
    use Event::{Full, Ship};
    let day = [Ship(12), Ship(12), Full(true)];
    let mut history = History::new(&day.repeat(10));
    let plan = |history: &History, count, days| {
        let retention = Retention { full_count_min: count, days_min: days, entries_days_min: 0 };
        PrunePlan::new(&history.catalogue, retention, None, Time(history.hour * HOUR_MS))
    };
    assert_eq!(numbers(&plan(&history, 3, 0)), (7, 16));
    assert_eq!(
        numbers(&plan(&history, 0, 0)),
        (9, 19),
        "one stays, and the piece that archiving goes on behind"
    );
    assert_eq!(numbers(&plan(&history, 1, 4)), (5, 12), "four days, and the backup that they begin with");
    assert_eq!(numbers(&plan(&history, 99, 0)), (0, 2), "what lies before all of them was not to be kept");
    for full in &mut history.catalogue.fulls[8..] {
        full.is_whole = false;
    }
    assert_eq!(numbers(&plan(&history, 1, 0)), (7, 16), "the newest that can be restored stays");
}

#[test]
fn entries_stay_for_longer_than_the_states_that_can_be_restored() {
    use Event::{Full, Ship};
    let day = [Ship(12), Ship(12), Full(true)];
    let history = History::new(&day.repeat(10));
    let plan = |entries_days_min| {
        let retention = Retention { full_count_min: 1, days_min: 0, entries_days_min };
        PrunePlan::new(&history.catalogue, retention, None, Time(history.hour * HOUR_MS))
    };
    assert_eq!(numbers(&plan(0)), (9, 19));
    assert_eq!(
        numbers(&plan(4)),
        (9, 11),
        "eight pieces of twelve hours, and the one that ends as they begin"
    );
    assert_eq!(numbers(&plan(99)), (9, 0));
}

#[test]
fn nothing_is_left_of_a_timeline_without_a_backup() {
    use Event::{Full, Restore, Ship};
    let history = History::new(&[Ship(12), Full(true), Ship(12), Restore(0)]);
    let retention = Retention { full_count_min: 1, days_min: 0, entries_days_min: 0 };
    let plan = PrunePlan::new(&history.catalogue, retention, None, Time(history.hour * HOUR_MS));
    assert_eq!(numbers(&plan), (1, 2), "a piece without the backup before it would look like a gap");
}

#[test]
fn what_is_to_be_read_back_stays() {
    use Event::{Full, Ship};
    let history = History::new(&[Ship(4), Ship(4), Ship(4), Full(true)]);
    let retention = Retention { full_count_min: 1, days_min: 0, entries_days_min: 0 };
    let plan = |from| PrunePlan::new(&history.catalogue, retention, from, Time(history.hour * HOUR_MS));
    assert_eq!(numbers(&plan(None)), (0, 2));
    assert_eq!(numbers(&plan(Some(Lsn(6)))), (0, 1), "the piece with entry 6 and all behind it");
    assert_eq!(numbers(&plan(Some(Lsn(1)))), (0, 0));
}

#[test]
fn loose_chunks_go_once_there_is_a_backup() {
    let loose = Listed { path: "loose".into(), bytes: 5 };
    let mut history = History::new(&[Event::Ship(3)]);
    history.catalogue.loose.push(loose.clone());
    let retention = Retention { full_count_min: 1, days_min: 0, entries_days_min: 0 };
    assert_eq!(PrunePlan::new(&history.catalogue, retention, None, Time(0)), PrunePlan::default());
    history.full(true);
    let plan = PrunePlan::new(&history.catalogue, retention, None, Time(0));
    assert_eq!(plan.removed, [loose]);
    assert_eq!(plan.bytes(), 5);
}
