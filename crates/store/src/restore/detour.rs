//! The way round what is damaged at a target: an older full backup with the pieces behind it, or other pieces that hold the
//! same entries. Which ways there are is told by `archive`.
//!
//! INVARIANT: every way that is tried ends at the same entry, so no detour loses anything but counts of uses, which stand
//! in full backups alone.

use std::collections::BTreeSet;

use keyreeve_core::{Error, ErrorKind};
use serde::Serialize;

use super::archive::{Archive, Way, full_name};
use crate::{
    backup::{BackupError, piece::PieceName},
    journal::Lsn,
    options::{StoreError, said},
};

/// Something at a target that could not be used. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Its path at the target.
    pub object: String,
    /// What is wrong with it.
    pub what: String,
}

/// What no way leads over any more.
#[derive(Default)]
pub(super) struct Avoided {
    /// By timeline; `None` for the empty store.
    fulls: BTreeSet<(u32, Option<Lsn>)>,
    pieces: BTreeSet<PieceName>,
    /// Pieces that are avoided since they do not continue another one, with that one, which may be the wrong one of both.
    suspects: Vec<(PieceName, PieceName)>,
    damages: Vec<Damage>,
}

impl Avoided {
    pub(super) fn has_full(&self, timeline: u32, full: Option<Lsn>) -> bool {
        self.fulls.contains(&(timeline, full))
    }

    pub(super) fn has_piece(&self, piece: &PieceName) -> bool {
        self.pieces.contains(piece)
    }

    /// False where it was avoided already.
    fn add(&mut self, way: &Way, damage: &Damage) -> bool {
        let is_new = match (PieceName::parse(&damage.object), full_name(&damage.object)) {
            (Some(piece), _) => self.pieces.insert(piece),
            (None, Some((timeline, lsn))) => self.fulls.insert((timeline, Some(lsn))),
            // A chunk, or a record that came with the full backup.
            (None, None) => self.fulls.insert((way.timeline, way.full)),
        };
        self.note(damage.clone());
        is_new
    }

    /// A piece does not continue the one before.
    pub(super) fn suspect(&mut self, before: PieceName, piece: PieceName) {
        self.suspects.push((before, piece));
    }

    /// Where no way leads round a piece that does not continue another one: avoids that one instead. False where there is
    /// no such piece.
    fn suspect_another(&mut self) -> bool {
        let Some((before, piece)) = self.suspects.pop() else { return false };
        self.pieces.remove(&piece);
        self.damages.retain(|damage| damage.object != piece.path());
        self.pieces.insert(before);
        self.note(Damage { object: before.path(), what: format!("{} does not continue it", piece.path()) });
        true
    }

    /// Has it told.
    pub(super) fn note(&mut self, damage: Damage) {
        if !self.damages.contains(&damage) {
            self.damages.push(damage);
        }
    }
}

impl Archive<'_> {
    /// Attempts something on the wanted way and, where what lies on it is damaged, on another one to the same entry, until
    /// it is done. The damage is in [`Self::damages`] then.
    ///
    /// # Errors
    /// Of the attempt, where it is of no damage, or the first damage leaves no other way; `NoWay` naming each damage.
    pub(super) fn on_a_whole_way<T>(
        &self,
        wanted: &Way,
        mut attempt: impl FnMut(&Way) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut last = None;
        loop {
            let way = match self.around(wanted) {
                Some(way) => way,
                None if self.avoided.lock().suspect_another() => continue,
                None => break,
            };
            let error = match attempt(&way) {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let Some(damage) = damage(&way, &error) else { return Err(error) };
            // Nothing is blamed for a target that is out of reach meanwhile.
            self.target.list("t").map_err(BackupError::from)?;
            tracing::warn!(object = damage.object, what = damage.what, "damaged: another way is looked for");
            if !self.avoided.lock().add(&way, &damage) {
                return Err(error);
            }
            last = Some(error);
        }
        match (self.damages().as_slice(), last) {
            ([_], Some(only)) => Err(only),
            (damages, _) => {
                let told = |damage: &Damage| format!("{}: {}", damage.object, damage.what);
                let what = damages.iter().map(told).collect::<Vec<_>>().join("; ");
                Err(BackupError::NoWay { target: self.target.address().to_owned(), what }.into())
            }
        }
    }

    /// What was found to be damaged so far.
    pub(super) fn damages(&self) -> Vec<Damage> {
        self.avoided.lock().damages.clone()
    }

    /// What cannot be read is as damaged as what does not open, where all else at the target can be.
    pub(super) fn unreadable(&self, object: &str, error: BackupError) -> BackupError {
        match error {
            BackupError::Target(error) if self.target.list("t").is_ok() => {
                BackupError::damaged(object, format!("it cannot be read: {error}"))
            }
            error => error,
        }
    }
}

/// What an attempt on a way has found to be damaged; none where it failed for another reason.
fn damage(way: &Way, error: &StoreError) -> Option<Damage> {
    let of_record = |error: &Error| error.kind() != ErrorKind::Unavailable;
    match error {
        StoreError::Backup(BackupError::Damaged { object, what }) => {
            Some(Damage { object: object.clone(), what: what.clone() })
        }
        StoreError::Restore(error) | StoreError::Backup(BackupError::Other(error)) if of_record(error) => {
            Some(Damage { object: way.begin(), what: said(error) })
        }
        _ => None,
    }
}
