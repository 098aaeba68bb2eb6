//! Retention: which full backups and pieces a target keeps. The plan is pure; carrying it out removes and does no more.
//!
//! Kept are the newest full backups, those of the last days with the one before, which these days begin with, all of
//! later timelines, all pieces behind the oldest that is kept, and those whose entries are to be kept for longer.
//!
//! INVARIANT: a state that lies in the time to be kept, or behind the newest full backups, can be restored after pruning
//! if it could before. A full backup holds every node of the key tree as of its LSN, replaced ones that a place may need
//! included, so no piece before the oldest one that is kept holds a node that is still reachable.

use std::collections::HashSet;

use keyreeve_core::model::Time;
use serde::{Deserialize, Serialize};

use super::{
    BackupError,
    catalogue::{Catalogue, FullBackup},
    manifest::Manifest,
    targets::{Listed, Target},
};
use crate::{
    faults::{Fault, breaks},
    journal::Lsn,
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What is kept at a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// So many of the newest full backups, at least; 0 counts as 1.
    pub full_count_min: u32,
    /// Every state of so many past days.
    pub days_min: u32,
    /// Every entry of so many past days, of the timelines of which a full backup stays: for who asks later who did what.
    #[serde(default)]
    pub entries_days_min: u32,
}

/// What pruning would remove, and frees in bytes. The objects come in the order of their removal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrunePlan {
    /// Objects to be removed: manifests first, so that no backup is ever there in part.
    pub removed: Vec<Listed>,
    /// The full backups that stay.
    pub kept_fulls: Vec<Manifest>,
}

impl PrunePlan {
    /// Bytes that are freed.
    pub fn bytes(&self) -> u64 {
        self.removed.iter().map(|listed| listed.bytes).sum()
    }

    /// Decides what of a catalogue is no longer needed at `now`. `read_back_from`: entries from there on stay, for a target
    /// whose cell is behind and waits for them to be read back.
    pub fn new(catalogue: &Catalogue, retention: Retention, read_back_from: Option<Lsn>, now: Time) -> Self {
        let whole: Vec<_> = catalogue.fulls.iter().filter(|full| full.is_whole).collect();
        let Some(first) = first_kept(&whole, retention, now) else {
            // Without a full backup every piece is needed, and loose chunks may be the beginning of one.
            return Self::default();
        };
        let kept: Vec<_> = whole[first.unwrap_or(0)..].iter().map(|full| &full.manifest).collect();
        // They come by timeline.
        let timeline_min = first.and(kept.first()).map_or(0, |manifest| manifest.point.timeline);
        // Entries up to here are needed no more; none where the days to be kept begin before every full backup.
        let lsn_min = first.and(kept.iter().map(|manifest| manifest.point.lsn).min()).unwrap_or(Lsn(0));
        let lsn_min = lsn_min.min(before_young(catalogue, timeline_min, retention, now));
        let lsn_min = read_back_from.map_or(lsn_min, |from| lsn_min.min(Lsn(from.0.saturating_sub(1))));
        // Of the present timeline the newest piece stays: archiving goes on behind it.
        let newest = catalogue.pieces.iter().max_by_key(|piece| (piece.timeline, piece.last));
        let mut removed = Vec::new();
        for full in whole.iter().filter(|full| !kept.contains(&&full.manifest)) {
            removed.push(Listed { path: full.manifest.path(), bytes: full.manifest.own_bytes() });
        }
        for piece in &catalogue.pieces {
            // What a timeline did after the kept ones had left it is no state that can be asked for.
            let is_left = piece.timeline < timeline_min;
            if is_left || piece.last <= lsn_min && Some(piece) != newest || breaks(Fault::PruneByAge) {
                removed.push(Listed { path: piece.path.clone(), bytes: piece.bytes });
            }
        }
        removed.extend(unnamed_chunks(catalogue, &kept));
        removed.extend(catalogue.loose.iter().cloned());
        Self { removed, kept_fulls: kept.into_iter().cloned().collect() }
    }
}

/// Removes what a plan says; `check` is asked before each object, told how many are gone, and makes sure that the target is
/// still ours. May be interrupted: the next plan removes the rest.
///
/// # Errors
/// `Target`, and what `check` reports.
pub(crate) fn carry_out(
    plan: &PrunePlan,
    target: &dyn Target,
    check: &dyn Fn(u64) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    for (gone, listed) in (0..).zip(&plan.removed) {
        check(gone)?;
        target.delete(&listed.path)?;
    }
    Ok(())
}

/// The first full backup that stays, with all behind it, of those that are whole, by timeline and LSN. `Some(None)`: all
/// stay, and what lies before them too. `None`: there is none.
fn first_kept(whole: &[&FullBackup], retention: Retention, now: Time) -> Option<Option<usize>> {
    let since = Time(now.0.saturating_sub(i64::from(retention.days_min).saturating_mul(DAY_MS)));
    let count = usize::try_from(retention.full_count_min.max(1)).unwrap_or(usize::MAX);
    let newest = whole.len().saturating_sub(count);
    // The last one before the days to be kept is where they begin.
    let begin = whole.iter().rposition(|full| full.manifest.point.time <= since);
    (!whole.is_empty()).then(|| begin.map(|begin| begin.min(newest)))
}

/// The entry before all pieces that are young enough to be kept for what their entries say. By entry, not by time, so that a
/// clock that was set leaves no gap.
fn before_young(catalogue: &Catalogue, timeline_min: u32, retention: Retention, now: Time) -> Lsn {
    let days = i64::from(retention.entries_days_min);
    let since = Time(now.0.saturating_sub(days.saturating_mul(DAY_MS)));
    let pieces = catalogue.pieces.iter();
    let young = pieces.filter(|piece| days > 0 && piece.timeline >= timeline_min && piece.last_time >= since);
    young.map(|piece| Lsn(piece.first.0.saturating_sub(1))).min().unwrap_or(Lsn(u64::MAX))
}

/// Chunks that only removed full backups name. Those of full backups that are not whole stay, as these do.
fn unnamed_chunks(catalogue: &Catalogue, kept: &[&Manifest]) -> Vec<Listed> {
    let stays = |full: &FullBackup| !full.is_whole || kept.contains(&&full.manifest);
    let chunks = |full: &FullBackup| {
        let manifest = full.manifest.clone();
        let chunks = full.manifest.chunks.clone();
        chunks.into_iter().map(move |chunk| (manifest.chunk_path(&chunk), u64::from(chunk.bytes)))
    };
    let mut named: HashSet<String> =
        catalogue.fulls.iter().filter(|full| stays(full)).flat_map(chunks).map(|(path, _)| path).collect();
    let mut unnamed = Vec::new();
    for full in catalogue.fulls.iter().filter(|full| !stays(full)) {
        for (path, bytes) in chunks(full) {
            if named.insert(path.clone()) {
                unnamed.push(Listed { path, bytes });
            }
        }
    }
    unnamed
}

#[cfg(test)]
mod tests;
