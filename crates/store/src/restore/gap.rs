//! What a target once had and has no more: found by what lies behind it, and by the store's anchor. No earlier state is
//! taken for the wanted one: who gives up what is missing says so. Damage, which can still be seen, is `detour`'s.

use std::fmt::{Display, Formatter, Result};

use super::archive::{Archive, Way};
use crate::{
    backup::{BackupError, targets::Target},
    journal::Lsn,
};

/// Something that is missing behind an entry, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    what: String,
    /// The entry before it, which can be restored.
    reached: Lsn,
}

impl Gap {
    /// Entries of a timeline, the first and the last one that are missing; how that is known.
    pub(super) fn between(timeline: u32, (first, last): (Lsn, Lsn), known: &str) -> Self {
        let what = format!("entries {first} to {last} of timeline {timeline} are missing: {known}");
        Self { what, reached: Lsn(first.0 - 1) }
    }

    /// As a restore is refused that would leave it out.
    pub(super) fn refusal(self, target: &dyn Target) -> BackupError {
        BackupError::Gap { target: target.address().to_owned(), what: self.what, reached: self.reached.0 }
    }
}

impl Display for Gap {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        formatter.write_str(&self.what)
    }
}

impl Archive<'_> {
    /// What is missing behind the newest state that can be put together here.
    pub(super) fn missing_behind(&self, head: &Way) -> Option<Gap> {
        let (number, reached) = (head.timeline, head.lsn);
        let anchor = self.anchor.as_ref();
        let begun = anchor.map_or(0, |anchor| anchor.timeline).max(self.timeline_max());
        if begun > number {
            let what =
                format!("the store has come to timeline {begun}, and what that begins with is missing");
            return Some(Gap { what, reached });
        }
        let anchored = anchor.filter(|anchor| anchor.timeline == number && anchor.lsn > reached.0);
        let signed = anchored.map(|anchor| format!("the signed anchor tells of entry {}", anchor.lsn));
        let listed = self.piece_behind(number, reached);
        let lies = listed.map(|piece| format!("{} lies behind them", piece.path()));
        let last = match (listed, anchored) {
            (Some(piece), _) => Lsn(piece.first.0 - 1),
            (None, anchored) => Lsn(anchored?.lsn),
        };
        let known: Vec<_> = lies.into_iter().chain(signed).collect();
        Some(Gap::between(number, (reached.plus(1), last), &known.join(", and ")))
    }
}
