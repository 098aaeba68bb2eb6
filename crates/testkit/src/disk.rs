//! A disk in memory that loses, tears, refuses and rots what is written to it, as a seed decides.
//!
//! It keeps what a real machine keeps apart: what is on the medium, and what only the page cache holds. What the
//! bytes mean does not live here.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyreeve_store::disk::{Disk, DiskFile, DiskLock, LockError, OpenMode, parent};

use crate::random::Random;

const SECTOR_LEN: usize = 512;

/// A disk in memory with the crash behaviour of a real one; clones share the same disk.
///
/// Unsynced writes are lost, torn (a prefix, or some of their 512-byte sectors) or kept at a crash, each on its
/// own; so are names in a folder that was not synced. A failed sync drops what it should have written, while
/// readers go on seeing it.
#[derive(Clone, Default)]
pub struct FaultyDisk {
    state: Arc<Mutex<State>>,
}

impl FaultyDisk {
    /// An empty disk without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The disk as it would be found after a power loss now; locks are gone, planned faults too.
    pub fn crash(&self, seed: u64) -> FaultyDisk {
        let state = self.state();
        let mut random = Random::new(seed);
        let mut names = state.durable_names.clone();
        for change in &state.pending_names {
            if random.one_in(2) {
                change.apply(&mut names);
            }
        }
        // A name whose folder was lost is lost with it.
        let known: BTreeSet<PathBuf> = names.keys().cloned().collect();
        names
            .retain(|path, _| path.ancestors().skip(1).all(|dir| known.contains(dir) || !state.is_made(dir)));
        let files = state.files.iter().map(|file| {
            let bytes = file.after_crash(&mut random);
            Content { durable: bytes.clone(), seen: bytes, pending: Vec::new() }
        });
        let after = State {
            files: files.collect(),
            durable_names: names.clone(),
            names,
            capacity: state.capacity,
            mounts: state.mounts.clone(),
            unmounts: state.unmounts,
            ..State::default()
        };
        FaultyDisk { state: Arc::new(Mutex::new(after)) }
    }

    /// The disk as the next process finds it when this one was killed without a power loss.
    pub fn kill(&self) -> FaultyDisk {
        let mut after = self.state().clone();
        after.locks.clear();
        after.changes_left = None;
        after.failing_sync = None;
        FaultyDisk { state: Arc::new(Mutex::new(after)) }
    }

    /// How many changes (writes, syncs, names) were asked for so far.
    pub fn changes(&self) -> u64 {
        self.state().changes
    }

    /// Lets the power fail during the change number `count` from now, from 1: it and all later ones fail.
    pub fn fail_power_at(&self, count: u64) {
        self.state().changes_left = Some(count);
    }

    /// Lets the file sync number `count` from now, from 1, fail and drop what it should have written.
    pub fn fail_sync_at(&self, count: u64) {
        self.state().failing_sync = Some(count);
    }

    /// Sets how many bytes all files together may have; `None`: no limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }

    /// All files below a folder, by name.
    pub fn files(&self, dir: &Path) -> Vec<PathBuf> {
        let state = self.state();
        let files = state.names.iter().filter(|(_, node)| matches!(node, Node::File(_)));
        files.map(|(path, _)| path.clone()).filter(|path| path.starts_with(dir)).collect()
    }

    /// How many bytes all files have together.
    pub fn used(&self) -> u64 {
        self.state().used()
    }

    /// Lets bytes of a file rot on the medium: each is XORed with the byte at its place in `mask`.
    ///
    /// # Panics
    /// Where the file does not exist or is shorter.
    pub fn rot(&self, path: &Path, offset: u64, mask: &[u8]) {
        let mut state = self.state();
        let id = state.file_id(path).expect("a file to rot");
        let file = &mut state.files[id];
        for content in [&mut file.durable, &mut file.seen] {
            let at = offset as usize;
            for (byte, mask) in content[at..at + mask.len()].iter_mut().zip(mask) {
                *byte ^= mask;
            }
        }
    }

    /// What a reader sees in a file.
    ///
    /// # Panics
    /// Where the file does not exist.
    pub fn bytes(&self, path: &Path) -> Vec<u8> {
        let state = self.state();
        let id = state.file_id(path).expect("a file to look at");
        state.files[id].seen.clone()
    }

    /// Makes the folder at `path` a file system of its own, with what lay there when it was unmounted, under another
    /// number then; what lies in none is on the first one.
    pub fn mount(&self, path: &Path) {
        let state = &mut *self.state();
        state.mounts.insert(path.to_owned(), state.unmounts);
        state.names.extend(state.unmounted.remove(path).unwrap_or_default());
    }

    /// Takes the file system at `path` away: the folder is an empty one of the first file system then.
    pub fn unmount(&self, path: &Path) {
        let state = &mut *self.state();
        state.mounts.remove(path);
        state.unmounts += 1;
        let names = state.names.extract_if(.., |name, _| name != path && name.starts_with(path)).collect();
        state.unmounted.insert(path.to_owned(), names);
    }

    /// Lets a file be opened for reading only, or for writing again.
    pub fn set_read_only(&self, path: &Path, read_only: bool) {
        let files = &mut self.state().read_only;
        if read_only {
            files.insert(path.to_owned());
        } else {
            files.remove(path);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for FaultyDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        let writable = mode != OpenMode::Read;
        let id = match (state.file_id(path), mode) {
            (Ok(_), OpenMode::CreateNew) => return Err(ErrorKind::AlreadyExists.into()),
            (Ok(_), _) if writable && state.read_only.contains(path) => {
                return Err(ErrorKind::PermissionDenied.into());
            }
            (Ok(id), _) => id,
            (Err(_), OpenMode::CreateNew) => {
                state.change()?;
                let id = state.files.len();
                state.files.push(Content::default());
                state.rename(NameChange::Set(path.to_owned(), Node::File(id)));
                id
            }
            (Err(error), _) => return Err(error),
        };
        Ok(Box::new(FaultyFile { disk: self.clone(), id, writable }))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        if !state.names.contains_key(path) {
            state.change()?;
            state.rename(NameChange::Set(path.to_owned(), Node::Dir));
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        let inside = state.names.keys().filter(|path| parent(path) == dir);
        let names: Vec<String> =
            inside.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect();
        if names.is_empty() && !state.names.contains_key(dir) {
            return Err(ErrorKind::NotFound.into());
        }
        Ok(names)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.file_id(from)?;
        state.change()?;
        state.rename(NameChange::Move(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.file_id(path)?;
        state.change()?;
        state.rename(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        let state = &mut *state;
        let durable = &mut state.durable_names;
        state.pending_names.retain(|change| {
            let synced = change.dir() == dir;
            if synced {
                change.apply(durable);
            }
            !synced
        });
        Ok(())
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, LockError> {
        if !self.state().locks.insert(path.to_owned()) {
            return Err(LockError::Held { path: path.to_owned(), pid: Some(std::process::id()) });
        }
        Ok(Box::new(FaultyLock { disk: self.clone(), path: path.to_owned() }))
    }

    fn file_system(&self, path: &Path) -> Option<String> {
        let mounts = &self.state().mounts;
        let mount = path.ancestors().find_map(|mount| mounts.get_key_value(mount));
        let name = mount.map(|(mount, number)| format!("device {number} at {}", mount.display()));
        (!mounts.is_empty()).then(|| name.unwrap_or("first device".into()))
    }
}

struct FaultyFile {
    disk: FaultyDisk,
    id: usize,
    writable: bool,
}

impl FaultyFile {
    /// Does a change to the file; when the power fails in it, it is still pending and may survive in part.
    fn change(&self, change: Change) -> io::Result<()> {
        if !self.writable {
            return Err(ErrorKind::PermissionDenied.into());
        }
        let mut state = self.disk.state();
        let file = &state.files[self.id];
        let growth = change.end(file.seen.len()).saturating_sub(file.seen.len()) as u64;
        let fits = state.capacity.is_none_or(|capacity| state.used() + growth <= capacity);
        if growth > 0 && !fits {
            return Err(ErrorKind::StorageFull.into());
        }
        let powered = state.change();
        if powered.is_ok() || state.power_failed_now {
            let file = &mut state.files[self.id];
            change.apply(&mut file.seen);
            file.pending.push(change);
        }
        powered
    }
}

impl DiskFile for FaultyFile {
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
        let state = self.disk.state();
        let rest = state.files[self.id].seen.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.change(Change::Write(offset as usize, bytes.to_vec()))
    }

    fn preallocate(&self, len: u64) -> io::Result<()> {
        if len > self.len()? { self.change(Change::Length(len as usize)) } else { Ok(()) }
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.change(Change::Length(len as usize))
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().files[self.id].seen.len() as u64)
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.change()?;
        let fails = match &mut state.failing_sync {
            Some(left) => {
                *left = left.saturating_sub(1);
                *left == 0
            }
            None => false,
        };
        let file = &mut state.files[self.id];
        let pending = std::mem::take(&mut file.pending);
        if fails {
            state.failing_sync = None;
            return Err(io::Error::other("the disk failed to sync"));
        }
        for change in pending {
            change.apply(&mut file.durable);
        }
        Ok(())
    }
}

struct FaultyLock {
    disk: FaultyDisk,
    path: PathBuf,
}

impl DiskLock for FaultyLock {}

impl Drop for FaultyLock {
    fn drop(&mut self) {
        self.disk.state().locks.remove(&self.path);
    }
}

#[derive(Clone, Default)]
struct State {
    files: Vec<Content>,
    names: BTreeMap<PathBuf, Node>,
    durable_names: BTreeMap<PathBuf, Node>,
    pending_names: Vec<NameChange>,
    locks: BTreeSet<PathBuf>,
    /// Each with its number.
    mounts: BTreeMap<PathBuf, u64>,
    /// How often one was unmounted.
    unmounts: u64,
    read_only: BTreeSet<PathBuf>,
    /// What lies on each file system that was unmounted.
    unmounted: BTreeMap<PathBuf, BTreeMap<PathBuf, Node>>,
    changes: u64,
    changes_left: Option<u64>,
    power_failed_now: bool,
    failing_sync: Option<u64>,
    capacity: Option<u64>,
}

impl State {
    /// Counts a change; an error where the power fails in it or has failed.
    fn change(&mut self) -> io::Result<()> {
        self.changes += 1;
        let Some(left) = &mut self.changes_left else { return Ok(()) };
        self.power_failed_now = *left == 1;
        *left = left.saturating_sub(1);
        if *left == 0 { Err(io::Error::other("the power failed")) } else { Ok(()) }
    }

    fn rename(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.pending_names.push(change);
    }

    fn file_id(&self, path: &Path) -> io::Result<usize> {
        match self.names.get(path) {
            Some(Node::File(id)) => Ok(*id),
            _ => Err(ErrorKind::NotFound.into()),
        }
    }

    /// Whether the folder was made on this disk; others stand since before.
    fn is_made(&self, dir: &Path) -> bool {
        self.names.contains_key(dir)
    }

    fn used(&self) -> u64 {
        let files = self.names.values().filter_map(|node| match node {
            Node::File(id) => Some(self.files[*id].seen.len() as u64),
            Node::Dir => None,
        });
        files.sum()
    }
}

#[derive(Clone, Copy)]
enum Node {
    Dir,
    File(usize),
}

#[derive(Clone)]
enum NameChange {
    Set(PathBuf, Node),
    Move(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        match self {
            NameChange::Set(path, node) => {
                names.insert(path.clone(), *node);
            }
            NameChange::Move(from, to) => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
            NameChange::Remove(path) => {
                names.remove(path);
            }
        }
    }

    fn dir(&self) -> &Path {
        match self {
            NameChange::Set(path, _) | NameChange::Move(_, path) | NameChange::Remove(path) => parent(path),
        }
    }
}

/// A file: what is on the medium, what readers see, and the changes between the two.
#[derive(Clone, Default)]
struct Content {
    durable: Vec<u8>,
    seen: Vec<u8>,
    pending: Vec<Change>,
}

impl Content {
    /// Either the changes came in order and the last of them was cut at some byte, or each sector was on its own.
    ///
    /// Not both at once: a drive writes a sector whole or not at all, and a cut inside one is that of a write that
    /// the file system itself did not finish.
    fn after_crash(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        if random.one_in(2) {
            let done = random.below(self.pending.len() as u64 + 1) as usize;
            self.pending[..done].iter().for_each(|change| change.apply(&mut bytes));
            if let Some(Change::Write(offset, written)) = self.pending.get(done) {
                let kept = random.below(written.len() as u64 + 1) as usize;
                Change::Write(*offset, written[..kept].to_vec()).apply(&mut bytes);
            }
            return bytes;
        }
        for change in &self.pending {
            match (random.below(3), change) {
                (0, _) => {}
                (1, Change::Write(offset, written)) => {
                    let mut at = 0;
                    while at < written.len() {
                        let end = (SECTOR_LEN - (offset + at) % SECTOR_LEN + at).min(written.len());
                        if random.one_in(2) {
                            Change::Write(offset + at, written[at..end].to_vec()).apply(&mut bytes);
                        }
                        at = end;
                    }
                }
                _ => change.apply(&mut bytes),
            }
        }
        bytes
    }
}

#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        bytes.resize(self.end(bytes.len()), 0);
        if let Change::Write(offset, written) = self {
            bytes[*offset..offset + written.len()].copy_from_slice(written);
        }
    }

    /// How long a file of `len` bytes is afterwards.
    fn end(&self, len: usize) -> usize {
        match self {
            Change::Write(offset, written) => len.max(offset + written.len()),
            Change::Length(new) => *new,
        }
    }
}
