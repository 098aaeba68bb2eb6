//! The audit tree at a target: a static log by the paths of C2SP tlog-tiles, below `tTIMELINE/tree/`, so that whoever reads the
//! target proves what it holds without a server. Copied from the data folder's `tree/`, which the log makes; hashes and
//! signatures alone, no entry and no secret.
//!
//! INVARIANT: a checkpoint comes to a target after all the tiles of its tree.
//!
//! # Standard
//! C2SP tlog-tiles: `checkpoint` and `tile/LEVEL/INDEX[.p/WIDTH]`. Entry bundles are none: entries name people.

use std::{path::Path, sync::Arc};

use keyreeve_core::model::Time;
use serde::{Deserialize, Serialize};

use super::{
    BackupError,
    claim::Claim,
    targets::{PutIf, Target},
};
use crate::{
    audit::{Checkpoint, NOTE_BYTES_MAX, Note, TILE_HASHES, Tiles, origin, tile_path, tiles_of_edge},
    disk::{Disk, read_file},
    journal::Journal,
    sealing::Place,
};

/// Whole tiles of level 0 that go to a target at once: the journal does not wait for more.
const TILES_MAX: u64 = 32;
/// The right edge of the tree and its checkpoint are so old at a target, where all is well.
const EDGE_MS: i64 = 5_000;

/// The folder of a timeline's tree, with `/` at its end.
pub(crate) fn folder(timeline: u32) -> String {
    format!("t{timeline}/tree/")
}

/// What a path says below the folder of a tree; none where it does not lie in one.
fn inside(path: &str) -> Option<&str> {
    let (timeline, inside) = path.strip_prefix('t')?.split_once("/tree/")?;
    timeline.parse::<u32>().is_ok().then_some(inside)
}

/// Whether that is where a part of a tree lies.
pub(crate) fn is_tree(path: &str) -> bool {
    let is_number =
        |text: &str| !text.is_empty() && text.len() <= 3 && text.bytes().all(|c| c.is_ascii_digit());
    let is_tile = |tile: &str| {
        let mut parts = tile.split('/');
        parts.next().is_some_and(is_number)
            && parts.all(|part| is_number(part.strip_prefix('x').or(part.strip_suffix(".p")).unwrap_or(part)))
    };
    inside(path).is_some_and(|inside| {
        let is_file = is_folder(path) == Some(false);
        is_file
            && (matches!(inside, "checkpoint" | "keys.json" | "begin.json")
                || inside.strip_prefix("tile/").is_some_and(is_tile))
    })
}

/// Whether a path in a tree is a folder's, which the names of that specification tell; none outside of trees.
pub(crate) fn is_folder(path: &str) -> Option<bool> {
    let inside = inside(path)?;
    let name = inside.rsplit('/').next().unwrap_or_default();
    let is_level = inside.starts_with("tile/") && inside.matches('/').count() == 1;
    Some(inside == "tile" || is_level || name.starts_with('x') || name.ends_with(".p"))
}

/// The tree in the data folder.
pub(crate) struct LocalTree<'a> {
    pub(crate) disk: &'a Arc<dyn Disk>,
    /// `DIR/tree`.
    pub(crate) dir: &'a Path,
    pub(crate) here: Place,
    pub(crate) journal: &'a Journal,
}

/// Which entry the first leaf is.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Begin {
    /// The entry before it.
    behind: u64,
}

impl LocalTree<'_> {
    /// The entry behind which the timeline begins, as a file.
    fn begin(&self) -> Option<Vec<u8>> {
        let behind = self.journal.first().ok()?.0.checked_sub(1)?;
        serde_json::to_vec(&Begin { behind }).ok()
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        read_file(&**self.disk, &self.dir.join(name), NOTE_BYTES_MAX).ok()
    }

    /// The newest checkpoint of this timeline: how many leaves it covers, and its note.
    fn checkpoint(&self) -> Option<(u64, Vec<u8>)> {
        let note = self.read("checkpoint")?;
        let checkpoint = Checkpoint::parse(&Note::parse(&note).ok()?.text).ok()?;
        let is_ours = checkpoint.origin == origin(self.here.store, self.here.timeline);
        is_ours.then_some((checkpoint.size, note))
    }
}

/// How far the tree has come at a target.
#[derive(Default)]
pub(crate) struct TreeCopy {
    /// Leaves whose whole tiles are there; none before that was looked at.
    whole: Option<u64>,
    /// Leaves that the checkpoint there covers, and when it was written.
    published: u64,
    published_at: Option<Time>,
    /// Leaves of the checkpoint before: its edge stays for as long, for who is reading that.
    former: u64,
    /// When a tile could not be read here.
    stuck_at: Option<Time>,
}

impl TreeCopy {
    /// Brings tiles and checkpoint on, by a bounded number of tiles; how many bytes that took. What cannot be read here holds up
    /// no archive: it is tried again.
    ///
    /// # Errors
    /// `Fenced`, `Mismatch`, `Target`.
    pub(crate) fn bring(
        &mut self,
        from: &LocalTree<'_>,
        (target, claim): (&dyn Target, &Claim),
        now: Time,
    ) -> Result<u64, BackupError> {
        let is_recent =
            |at: Option<Time>| at.is_some_and(|at| (0..EDGE_MS).contains(&now.0.saturating_sub(at.0)));
        if is_recent(self.stuck_at) {
            return Ok(0);
        }
        let Some((size, note)) = from.checkpoint() else { return Ok(0) };
        let folder = folder(from.here.timeline);
        let whole = match self.whole {
            Some(whole) => whole,
            None => {
                self.published = size_at(target, &folder)?;
                self.published
            }
        };
        // One that has more leaves is of a journal that was given up: it is written over.
        let whole = if whole > size { 0 } else { whole };
        self.published = self.published.min(size);
        self.whole = Some(whole);
        let until = size.min((whole / TILE_HASHES as u64).saturating_add(TILES_MAX) * TILE_HASHES as u64);
        let publishes = until == size && self.published != size && !is_recent(self.published_at);
        let mut wanted: Vec<_> = whole_between(whole, until).collect();
        if publishes {
            wanted.extend(tiles_of_edge(size));
        }
        if wanted.is_empty() && !publishes {
            return Ok(0);
        }
        claim.check()?;
        let (tiles, mut bytes) = (Tiles::new(from.disk.clone(), from.dir), 0);
        let mut put = |name: &str, content: &[u8]| {
            bytes += content.len() as u64;
            target.put(&format!("{folder}{name}"), content, PutIf::Always)
        };
        for (level, index, width) in &wanted {
            // The edge moves on while it is read; the next time, there is another one.
            let Ok(Some(tile)) = tiles.get(*level, *index, *width) else {
                self.stuck_at = Some(now);
                return Ok(bytes);
            };
            put(&format!("tile/{}", tile_path(*level, *index, *width)), &tile)?;
        }
        self.whole = Some(until);
        if publishes && let (Some(keys), Some(begin)) = (from.read("keys.json"), from.begin()) {
            put("begin.json", &begin)?;
            put("keys.json", &keys)?;
            put("checkpoint", &note)?;
            let before = std::mem::replace(&mut self.published, size);
            let gone = std::mem::replace(&mut self.former, before);
            self.published_at = Some(now);
            wanted.extend(tiles_of_edge(before));
            for (level, index, width) in tiles_of_edge(gone).filter(|tile| !wanted.contains(tile)) {
                target.delete(&format!("{folder}tile/{}", tile_path(level, index, width)))?;
            }
        }
        Ok(bytes)
    }
}

/// The entry behind which a timeline's tree at a target begins; none where that is not there, or cannot be read.
///
/// # Errors
/// `Target`.
pub(crate) fn begin(target: &dyn Target, timeline: u32) -> Result<Option<u64>, BackupError> {
    let bytes = target.get_range(&format!("{}begin.json", folder(timeline)), 0, NOTE_BYTES_MAX as u64)?;
    let begin = bytes.and_then(|bytes| serde_json::from_slice::<Begin>(&bytes).ok());
    Ok(begin.map(|begin| begin.behind))
}

/// How many leaves the checkpoint at a target covers; 0 without a readable one.
fn size_at(target: &dyn Target, folder: &str) -> Result<u64, BackupError> {
    let note = target.get_range(&format!("{folder}checkpoint"), 0, NOTE_BYTES_MAX as u64)?;
    let read = |note: Vec<u8>| Checkpoint::parse(&Note::parse(&note).ok()?.text).ok();
    Ok(note.and_then(read).map_or(0, |checkpoint| checkpoint.size))
}

/// The tiles that become whole while a tree grows: level, index, width.
fn whole_between(from: u64, until: u64) -> impl Iterator<Item = (u64, u64, usize)> {
    (0..8).flat_map(move |level| {
        let whole = |size: u64| size.checked_shr(8 * (level as u32 + 1)).unwrap_or(0);
        (whole(from)..whole(until)).map(move |index| (level, index, TILE_HASHES))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_become_whole_once_and_the_edge_is_what_is_left() {
        let whole = |from, until| whole_between(from, until).collect::<Vec<_>>();
        assert_eq!(whole(0, 255), []);
        assert_eq!(whole(255, 256), [(0, 0, 256)]);
        assert_eq!(whole(65_279, 65_536), [(0, 254, 256), (0, 255, 256), (1, 0, 256)]);
        assert_eq!(tiles_of_edge(65_537).collect::<Vec<_>>(), [(0, 256, 1), (2, 0, 1)]);
        assert_eq!(tiles_of_edge(0).count(), 0);
    }

    #[test]
    fn a_tree_is_told_from_what_is_none() {
        for path in ["t1/tree/checkpoint", "t12/tree/keys.json", "t1/tree/tile/0/x001/234.p/17"] {
            assert!(is_tree(path), "{path}");
        }
        let folders = ["t1/tree/tile", "t1/tree/tile/0", "t1/tree/tile/0/x001", "t1/tree/tile/0/x001/234.p"];
        let none = [
            "tree/checkpoint",
            "t1/tree/other",
            "t1/tree/tile/0/a",
            "tx/tree/checkpoint",
            "t1/tree/tile/0/001.new",
        ];
        for path in none.iter().chain(&folders) {
            assert!(!is_tree(path), "{path}");
        }
        assert!(folders.iter().all(|path| is_folder(path) == Some(true)));
        assert_eq!((is_folder("t1/tree/tile/0/001"), is_folder("t1/pieces")), (Some(false), None));
    }
}
