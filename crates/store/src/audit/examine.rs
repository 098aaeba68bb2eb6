//! Checking a data folder without a server and without any secret: chain, tree, signatures, states and certificates, against
//! what is kept elsewhere. Nothing is written.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use keyreeve_core::{Result, ports::crypto::Crypto};
use uuid::Uuid;

use super::{
    checkpoint::{Checkpoint, CheckpointVerdict},
    history::History,
    keys::{PublicKeys, origin},
    log::WITNESSED,
    note::{NOTE_BYTES_MAX, Note, NoteKey},
    tiles::{Edge, TILE_HASHES, Tiles, WholeTile},
};
use crate::{
    backup::anchor::Anchor,
    disk::{Disk, read_file},
    journal::{Examined, ExaminedFrame, Journal, Lsn, Sha256, leaf_hash},
    recovery::{StoreFile, parse_store_file},
};

/// Things that are told to be wrong at most; more are counted.
const WRONG_MAX: usize = 100;

/// What the folder is held against, kept where who can write the folder cannot.
#[derive(Clone, Copy, Default)]
pub struct Outside<'a> {
    /// An anchor: it names who signs for the store, and an entry's frame.
    pub anchor: Option<&'a [u8]>,
    /// A checkpoint of the store's log.
    pub checkpoint: Option<&'a [u8]>,
    /// Witnesses that must have cosigned the checkpoint; where none is given, the folder's own that is witnessed.
    pub witnesses: &'a [NoteKey],
    /// How many of these must have cosigned it; none: each.
    pub witnesses_needed: Option<usize>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// At which entry; 0 where it is about none.
    pub lsn: u64,
    /// What.
    pub what: String,
}

/// What examining a folder came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examination {
    /// The store.
    pub store: Uuid,
    /// Its timeline.
    pub timeline: u32,
    /// The first entry in the folder, and the last one that was read.
    pub entries: (u64, u64),
    /// The last entry that a checkpoint covers: the one from outside, or else the folder's; 0: there is none.
    pub covered: u64,
    /// Entries behind that: nothing tells whether they are as they were written.
    pub unwitnessed: u64,
    /// When the last of the witnesses cosigned that checkpoint, in Unix seconds, where any were named and all have.
    pub witnessed_at: Option<u64>,
    /// Certificates of destruction.
    pub certificates: u64,
    /// Destructions that have none yet.
    pub pending: u64,
    /// Whether an anchor names who signs for this store.
    pub is_signer_known: bool,
    /// Bytes behind the last whole frame that are none: what a crash or a running server leaves.
    pub torn: Option<String>,
    /// What is wrong, in the order of the journal; at most a hundred.
    pub wrong: Vec<Wrong>,
    /// How much is wrong in all.
    pub wrong_count: u64,
}

impl Examination {
    pub(super) fn add(&mut self, lsn: u64, what: impl Into<String>) {
        self.wrong_count += 1;
        if self.wrong.len() < WRONG_MAX {
            self.wrong.push(Wrong { lsn, what: what.into() });
        }
    }
}

/// A checkpoint that the entries are held against.
pub(super) struct Wanted {
    pub(super) checkpoint: Checkpoint,
    pub(super) whose: &'static str,
    pub(super) is_met: bool,
}

/// Examines the data folder of a store.
///
/// # Errors
/// Where the folder cannot be read, or holds no store: what is wrong with it is in the result.
pub fn examine(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    crypto: &Arc<dyn Crypto>,
    outside: Outside<'_>,
) -> Result<Examination, String> {
    let read = |path: PathBuf| match read_file(&**disk, &path, NOTE_BYTES_MAX) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => read.map(Some).map_err(|error| format!("cannot read {}: {error}", path.display())),
    };
    let path = dir.join("store.json");
    let file = read(path.clone())?.ok_or_else(|| format!("{} holds no store", dir.display()))?;
    let file = parse_store_file(&path, &file).map_err(|error| error.to_string())?;
    let here = file.place();
    let mut found = Examination { store: here.store, timeline: here.timeline, ..Examination::default() };
    let anchor = outside.anchor.and_then(|anchor| open_anchor(&mut found, &**crypto, anchor));
    found.is_signer_known = anchor.is_some();
    let keys = read(dir.join("tree/keys.json"))?;
    let keys = open_keys(&mut found, &**crypto, keys.as_deref(), anchor.as_ref().map(|(_, signer)| signer));
    let inside = read(dir.join("tree/checkpoint"))?;
    if inside.is_none() {
        // INVARIANT: who takes all signatures away has not made the journal good.
        let what = "tree/checkpoint is missing, so that nothing says up to where entries are signed for: a server that was killed \
                    within the first second of its life leaves it so; start and stop it in order";
        found.add(0, what);
    }
    let kept = match outside.witnesses {
        [] => None,
        _ => read(dir.join("tree").join(WITNESSED))?,
    };
    let kept = outside.checkpoint.or(kept.as_deref());
    if kept.is_none() && !outside.witnesses.is_empty() {
        found.add(0, "the folder has no checkpoint that was witnessed, and none was given");
    }
    let mut wanted = Vec::new();
    for (note, whose) in [(kept, "the checkpoint"), (inside.as_deref(), "the folder's checkpoint")] {
        let Some(note) = note else { continue };
        let checkpoint = open_checkpoint(&mut found, &**crypto, note, whose, keys.as_ref());
        if whose == "the checkpoint"
            && let Some(checkpoint) = &checkpoint
        {
            found.witnessed_at = cosigned(&mut found, &**crypto, (checkpoint, note), &outside);
        }
        wanted.extend(checkpoint.map(|checkpoint| Wanted { checkpoint, whose, is_met: false }));
    }
    let hasher = crypto.clone();
    let sha256: Sha256 = Arc::new(move |parts: &[&[u8]]| hasher.sha256(parts));
    let signer = anchor.as_ref().map(|(_, signer)| signer.clone());
    let signer = signer.or_else(|| keys.map(|keys| keys.signer));
    let mut walk = Walk {
        base: file.base().0,
        edge: Edge::new(sha256.clone()),
        tiles: Tiles::new(disk.clone(), &dir.join("tree")),
        signed: wanted.iter().map(|wanted| wanted.checkpoint.size).max().unwrap_or(0),
        wanted,
        anchor: anchor.map(|(anchor, _)| anchor).filter(|anchor| anchor.timeline == here.timeline),
        history: History::new(crypto.clone(), signer),
        sha256: sha256.clone(),
        found,
    };
    let journal = Journal::new(disk.clone(), dir.join("journal"), sha256);
    let examined = journal.examine(&mut |frame| walk.frame(frame));
    walk.end(examined.map_err(Wrong::from), &file);
    Ok(walk.found)
}

/// What is known on the way through the entries.
struct Walk {
    base: u64,
    sha256: Sha256,
    edge: Edge,
    tiles: Tiles,
    /// How many leaves are signed for.
    signed: u64,
    wanted: Vec<Wanted>,
    anchor: Option<Anchor>,
    history: History,
    found: Examination,
}

impl Walk {
    fn frame(&mut self, frame: ExaminedFrame<'_>) {
        for (lsn, entry) in frame.entries() {
            self.entry(lsn, entry);
        }
        if let Some(anchor) = self.anchor.take_if(|anchor| anchor.lsn <= frame.end.last().0)
            && (anchor.lsn, anchor.hash) != (frame.end.last().0, frame.end.hash)
        {
            self.found.add(anchor.lsn, "this is another entry than the one that was anchored");
        }
    }

    fn entry(&mut self, lsn: Lsn, entry: &[u8]) {
        if lsn.0 <= self.base {
            return self.found.add(lsn.0, "an entry from before the restore lies in the folder");
        }
        let found = &mut self.found;
        self.history.take(lsn, entry, &mut |what| found.add(lsn.0, what));
        let mut whole = Vec::new();
        self.edge.push(leaf_hash(&self.sha256, entry), &mut whole);
        let size = self.edge.size();
        if size <= self.signed {
            whole.iter().for_each(|tile| self.tile(tile));
        }
        for wanted in self.wanted.iter_mut().filter(|wanted| wanted.checkpoint.size == size) {
            wanted.is_met = true;
            if self.edge.root() != wanted.checkpoint.root {
                let what = format!("entries up to this one are not those that {} covers", wanted.whose);
                self.found.add(lsn.0, what);
            }
        }
    }

    /// Holds a tile that came out whole against the one on disk.
    fn tile(&mut self, tile: &WholeTile) {
        let leaf = tile.index << (8 * tile.level);
        let first = self.base + (leaf << 8) + 1;
        let stored = match self.tiles.get(tile.level, tile.index, TILE_HASHES) {
            Ok(Some(stored)) => stored,
            Ok(None) => {
                return self.found.add(first, format!("the tree lacks its tile at level {}", tile.level));
            }
            Err(error) => return self.found.add(first, format!("a tile cannot be read: {error}")),
        };
        let pairs = tile.bytes.chunks(32).zip(stored.chunks(32));
        let Some(at) = pairs.into_iter().position(|(ours, theirs)| ours != theirs) else { return };
        let (lsn, what) = match tile.level {
            0 => (first + at as u64, "this entry is another one than the tree's leaf"),
            _ => (first, "a tile of the tree from here on is not that of the entries"),
        };
        self.found.add(lsn, what);
    }

    fn end(&mut self, examined: Result<Examined, Wrong>, file: &StoreFile) {
        let last = self.base + self.edge.size();
        match examined {
            Err(Wrong { lsn, what }) => self.found.add(lsn, what),
            Ok(examined) => {
                let identity = file.identity();
                if examined.identity != identity {
                    self.found
                        .add(0, "the journal belongs to another store or timeline than store.json says");
                }
                if examined.first.0 != self.base + 1 {
                    self.found
                        .add(examined.first.0, "the journal begins at another entry than store.json says");
                }
                self.found.entries = (examined.first.0, last);
                self.found.torn = examined.torn;
            }
        }
        for wanted in self.wanted.iter().filter(|wanted| !wanted.is_met) {
            let what = format!(
                "the journal ends here, and {} covers entries up to {}",
                wanted.whose,
                self.base + wanted.checkpoint.size
            );
            self.found.add(last, what);
        }
        if let Some(anchor) = &self.anchor {
            let what = format!("the journal ends here, and the store had come to entry {}", anchor.lsn);
            self.found.add(last, what);
        }
        let covering = self.wanted.first().map_or(0, |wanted| wanted.checkpoint.size);
        self.found.covered = if covering == 0 { 0 } else { self.base + covering };
        self.found.unwitnessed = self.edge.size().saturating_sub(covering);
        self.found.certificates = self.history.certificates;
        self.found.pending = self.history.pending();
        self.found.wrong.sort_by_key(|wrong| wrong.lsn);
    }
}

pub(super) fn open_anchor(
    found: &mut Examination,
    crypto: &dyn Crypto,
    bytes: &[u8],
) -> Option<(Anchor, Vec<u8>)> {
    match Anchor::open(crypto, bytes) {
        Ok((anchor, _)) if anchor.store != found.store => {
            found.add(0, format!("the anchor is of another store, {}", anchor.store));
            None
        }
        Ok((anchor, _)) if anchor.timeline > found.timeline => {
            found.add(0, format!("the anchor is of a later timeline, {}", anchor.timeline));
            None
        }
        Ok(opened) => Some(opened),
        Err(error) => {
            found.add(0, format!("the anchor: {}", error.public()));
            None
        }
    }
}

/// The keys of the store's checkpoints, where the folder names them as the anchor's signer would.
pub(super) fn open_keys(
    found: &mut Examination,
    crypto: &dyn Crypto,
    statement: Option<&[u8]>,
    pinned: Option<&Vec<u8>>,
) -> Option<PublicKeys> {
    match PublicKeys::open(crypto, statement?) {
        Ok(keys) if keys.store != found.store => found.add(0, "tree/keys.json is of another store"),
        Ok(keys) if pinned.is_some_and(|pinned| *pinned != keys.signer) => {
            found.add(0, "tree/keys.json is signed by another key than the anchor names");
        }
        Ok(keys) => return Some(keys),
        Err(error) => found.add(0, format!("tree/keys.json: {}", error.public())),
    }
    None
}

pub(super) fn open_checkpoint(
    found: &mut Examination,
    crypto: &dyn Crypto,
    bytes: &[u8],
    whose: &'static str,
    keys: Option<&PublicKeys>,
) -> Option<Checkpoint> {
    let read = Note::parse(bytes).and_then(|note| Ok((Checkpoint::parse(&note.text)?, note)));
    let (checkpoint, note) = match read {
        Ok(read) => read,
        Err(error) => {
            found.add(0, format!("{whose}: {}", error.public()));
            return None;
        }
    };
    let expected = origin(found.store, found.timeline);
    if checkpoint.origin != expected {
        found.add(0, format!("{whose} is of the log {:?}, this is {expected}", checkpoint.origin));
        return None;
    }
    let Some(keys) = keys.and_then(|keys| keys.note_keys(&expected).ok()) else {
        found.add(0, format!("{whose} cannot be checked: tree/keys.json does not say who signs"));
        // The entries are held against it all the same.
        return Some(checkpoint);
    };
    for (key, name) in keys.iter().zip(["Ed25519", "ML-DSA-44"]) {
        match checkpoint.verdict(&note, key, crypto) {
            CheckpointVerdict::Signed(_) => {}
            CheckpointVerdict::Unsigned => {
                found.add(0, format!("{whose} is not signed by the store's {name} key"))
            }
            CheckpointVerdict::Wrong => found.add(0, format!("{whose}: its {name} signature is wrong")),
        }
    }
    Some(checkpoint)
}

/// When the last of the witnesses cosigned the checkpoint, where as many have as are needed.
pub(super) fn cosigned(
    found: &mut Examination,
    crypto: &dyn Crypto,
    (checkpoint, note): (&Checkpoint, &[u8]),
    outside: &Outside<'_>,
) -> Option<u64> {
    let note = Note::parse(note).ok()?;
    let (witnesses, mut missing) = (outside.witnesses, Vec::new());
    let needed = outside.witnesses_needed.unwrap_or(witnesses.len());
    let mut times = Vec::with_capacity(witnesses.len());
    for key in witnesses {
        if key.name == checkpoint.origin {
            found.add(0, format!("{} is the log itself, and no witness of it", key.name));
            continue;
        }
        match checkpoint.verdict(&note, key, crypto) {
            CheckpointVerdict::Signed(time) => times.extend(time),
            CheckpointVerdict::Unsigned => {
                missing.push(format!("the checkpoint is not cosigned by the witness {}", key.name));
            }
            CheckpointVerdict::Wrong => {
                found.add(0, format!("the cosignature of the witness {} is wrong", key.name));
            }
        }
    }
    if times.len() >= needed {
        return times.iter().max().copied();
    }
    missing.into_iter().for_each(|what| found.add(0, what));
    if needed != witnesses.len() {
        found.add(
            0,
            format!("{} witnesses have cosigned the checkpoint, and {needed} are needed", times.len()),
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_store_is_told_apart_from_a_wrong_one() {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(crate::disk::RealDisk);
        let crypto: Arc<dyn Crypto> = Arc::new(keyreeve_crypto::SoftwareCrypto::new());
        let refused = examine(&disk, folder.path(), &crypto, Outside::default()).unwrap_err();
        assert!(refused.contains("holds no store"), "{refused}");
    }
}
