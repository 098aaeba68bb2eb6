//! Keeping the tree behind the journal: reads what is durable, writes tiles and signed checkpoints. Off the way of requests; all
//! of it can be computed from the journal again, and is where a crash took some.
//!
//! `DIR/tree/` holds `checkpoint`, `witnessed`, `keys.json` (`super::keys`) and the tiles.

use std::{
    io::ErrorKind,
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use keyreeve_core::{
    Error, ErrorKind as Kind, Result,
    ports::{clock::Clock, crypto::Crypto},
};
use parking_lot::{Condvar, Mutex};

use super::{
    checkpoint::{Checkpoint, CheckpointVerdict},
    keys::{LogKeys, origin},
    note::{NOTE_BYTES_MAX, Note},
    tiles::{Edge, Tiles},
};
use crate::{
    disk::{Disk, read_file, replace_file},
    failure::Failure,
    journal::{Journal, JournalError, Lsn, Sha256, leaf_hash},
    marks::Marks,
    sealing::Place,
};

/// A checkpoint covers entries that are so old at the latest, where all is well.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);

/// The newest checkpoint that witnesses have cosigned, in the folder of the tree.
pub(super) const WITNESSED: &str = "witnessed";

/// What the log of a store is made of.
pub(crate) struct Parts {
    pub(crate) here: Place,
    /// The entry behind which the journal of this timeline begins: leaf 0 is the next one.
    pub(crate) base: u64,
    pub(crate) dir: PathBuf,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) journal: Journal,
    pub(crate) marks: Arc<Marks>,
    pub(crate) published: Arc<AtomicU64>,
    pub(crate) crypto: Arc<dyn Crypto>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) failure: Arc<Failure>,
    /// Goes on where the journal is behind a checkpoint of its own.
    pub(crate) accept_rollback: bool,
    /// Whether it has a thread of its own.
    pub(crate) background: bool,
}

/// The tree of a store's journal.
pub(crate) struct Log {
    pub(crate) parts: Parts,
    pub(super) sha256: Sha256,
    pub(super) tiles: Tiles,
    keys: OnceLock<Arc<LogKeys>>,
    state: Mutex<Option<State>>,
    stopped: Mutex<bool>,
    /// What keeps the tree behind was told.
    troubled: AtomicBool,
    wake: Condvar,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// How far the tree has come.
pub(super) struct State {
    pub(super) edge: Edge,
    /// As it is on disk.
    written: Option<Edge>,
    /// The newest checkpoint, and its note.
    pub(super) checkpoint: Option<(Checkpoint, String)>,
}

impl Log {
    /// Names the log; reads and writes nothing.
    pub(crate) fn new(parts: Parts) -> Self {
        let crypto = parts.crypto.clone();
        let sha256: Sha256 = Arc::new(move |parts: &[&[u8]]| crypto.sha256(parts));
        let tiles = Tiles::new(parts.disk.clone(), &parts.dir);
        let (keys, state, stopped) = (OnceLock::new(), Mutex::new(None), Mutex::new(false));
        let (wake, thread, troubled) = (Condvar::new(), Mutex::new(None), AtomicBool::new(false));
        Self { parts, sha256, tiles, keys, state, stopped, troubled, wake, thread }
    }

    /// Signs checkpoints from now on.
    ///
    /// # Errors
    /// `Internal` for keys of another store, or without a thread.
    pub(crate) fn start(self: &Arc<Self>, keys: LogKeys) -> Result<()> {
        if keys.store() != self.parts.here.store {
            return Err(Error::internal("these keys sign the checkpoints of another store"));
        }
        if self.keys.set(Arc::new(keys)).is_err() || !self.parts.background {
            return Ok(());
        }
        let log = self.clone();
        let run = move || {
            let mut stopped = log.stopped.lock();
            while !*stopped {
                parking_lot::MutexGuard::unlocked(&mut stopped, || log.tell(log.pass()));
                if !*stopped {
                    log.wake.wait_for(&mut stopped, CHECKPOINT_EVERY);
                }
            }
        };
        let handle = thread::Builder::new().name("tree".into()).spawn(run).map_err(Error::internal)?;
        *self.thread.lock() = Some(handle);
        Ok(())
    }

    /// Ends the thread, then covers what is durable by a last checkpoint.
    pub(crate) fn stop(&self) {
        *self.stopped.lock() = true;
        self.wake.notify_all();
        if let Some(thread) = self.thread.lock().take() {
            // A panic there was told by its own hook; the next start computes what is missing.
            let _ = thread.join();
        }
        if self.parts.failure.check().is_ok() {
            self.tell(self.pass());
        }
    }

    /// Tells once what keeps the tree behind, until it has come on again.
    fn tell(&self, passed: Result<()>) {
        let is_told = self.troubled.swap(passed.is_err(), Ordering::Relaxed);
        if let Err(error) = passed
            && !is_told
        {
            tracing::warn!(%error, "the audit tree is behind the journal");
        }
    }

    /// The statement that says who signs checkpoints.
    ///
    /// # Errors
    /// `Unavailable` without keys.
    pub(super) fn statement(&self) -> Result<String> {
        let keys = self.keys.get().ok_or_else(unsigned)?;
        Ok(String::from_utf8_lossy(keys.statement()).into_owned())
    }

    /// The verifier keys of this log's checkpoints.
    ///
    /// # Errors
    /// `Unavailable` without keys.
    pub(super) fn verifiers(&self) -> Result<Vec<String>> {
        let keys = self.keys.get().ok_or_else(unsigned)?;
        let keys = keys.public()?.note_keys(&self.origin())?;
        Ok(keys.iter().map(|key| key.text(&*self.parts.crypto)).collect())
    }

    /// Keeps a checkpoint of this log that witnesses have cosigned.
    ///
    /// # Errors
    /// `Invalid` for another log's, `Internal` where it cannot be written.
    pub(super) fn keep_witnessed(&self, note: &Note) -> Result<()> {
        if Checkpoint::parse(&note.text)?.origin != self.origin() {
            return Err(Error::new(Kind::Invalid, "this checkpoint is of another log"));
        }
        self.write(WITNESSED, note.to_text().as_bytes())
    }

    /// The checkpoint of this log that was kept by `keep_witnessed` last; that file is not vouched for by anybody but those
    /// who signed it.
    ///
    /// # Errors
    /// `Internal` where it cannot be read.
    pub(super) fn witnessed(&self) -> Result<Option<(Checkpoint, String)>> {
        let Some(bytes) = self.read(WITNESSED)? else { return Ok(None) };
        let note = Note::parse(&bytes)?;
        let checkpoint = Checkpoint::parse(&note.text)?;
        // Of the timeline before a restore.
        Ok((checkpoint.origin == self.origin()).then(|| (checkpoint, note.to_text())))
    }

    fn origin(&self) -> String {
        origin(self.parts.here.store, self.parts.here.timeline)
    }

    /// Brings tree and checkpoint up to what is durable; nothing without keys.
    ///
    /// # Errors
    /// `Unavailable` once the store has failed; `Internal` for files that cannot be read or written.
    fn pass(&self) -> Result<()> {
        match self.keys.get() {
            Some(keys) => self.bring(&mut self.state.lock(), keys).map(drop),
            None => Ok(()),
        }
    }

    /// Brings tree and checkpoint up to what is durable, and works with them.
    ///
    /// # Errors
    /// `Unavailable` without keys, as [`Log::pass`], and those of `work`.
    pub(super) fn with<T>(&self, work: impl FnOnce(&State, &(Checkpoint, String)) -> Result<T>) -> Result<T> {
        let keys = self.keys.get().ok_or_else(unsigned)?;
        let mut held = self.state.lock();
        let state = self.bring(&mut held, keys)?;
        let checkpoint = state.checkpoint.as_ref().ok_or_else(unsigned)?;
        work(state, checkpoint)
    }

    fn bring<'a>(&self, held: &'a mut Option<State>, keys: &LogKeys) -> Result<&'a State> {
        self.parts.failure.check()?;
        // Taken out while it changes: where that fails half way, the next pass reads it anew.
        let mut state = match held.take() {
            Some(state) => state,
            None => self.load(keys)?,
        };
        self.advance(&mut state)?;
        self.sign(&mut state, keys)?;
        Ok(held.insert(state))
    }

    /// Takes in the entries that the tree has not.
    fn advance(&self, state: &mut State) -> Result<()> {
        let until = Lsn(self.parts.published.load(Ordering::Acquire));
        self.grow(&mut state.edge, until)
    }

    /// Brings a tree up to an entry, and writes the tiles that become whole.
    fn grow(&self, edge: &mut Edge, until: Lsn) -> Result<()> {
        let from = Lsn(self.parts.base + edge.size() + 1);
        if from > until {
            return Ok(());
        }
        let reader = match self.parts.marks.before(from) {
            Some(position) => self.parts.journal.read_from(position, until),
            None => self.parts.journal.read(from, until),
        };
        let mut reader = reader.map_err(Error::internal)?;
        let mut whole = Vec::new();
        while let Some(frame) = reader.next_frame().map_err(Error::internal)? {
            for (_, entry) in frame.entries().filter(|(lsn, _)| *lsn >= from) {
                edge.push(leaf_hash(&self.sha256, entry), &mut whole);
            }
            for tile in whole.drain(..) {
                self.tiles.put(&tile).map_err(Error::internal)?;
            }
        }
        Ok(())
    }

    /// Writes the edge and a checkpoint of the tree, where there is more of it than the newest covers.
    fn sign(&self, state: &mut State, keys: &LogKeys) -> Result<()> {
        let size = state.edge.size();
        if size == 0 || state.checkpoint.as_ref().is_some_and(|(newest, _)| newest.size == size) {
            return Ok(());
        }
        let origin = self.origin();
        let checkpoint = Checkpoint { origin, size, root: state.edge.root() };
        let seconds = self.parts.clock.now().seconds();
        let note = keys.sign(&*self.parts.crypto, &checkpoint, u64::try_from(seconds).unwrap_or(0))?;
        self.tiles.put_edge(&state.edge, state.written.as_ref()).map_err(Error::internal)?;
        let text = note.to_text();
        self.write("checkpoint", text.as_bytes())?;
        state.written = Some(state.edge.clone());
        state.checkpoint = Some((checkpoint, text));
        Ok(())
    }

    /// The tree as the newest checkpoint has it, or none yet.
    ///
    /// # Errors
    /// `Unavailable` where the journal is not the one that was signed for: the store fails.
    fn load(&self, keys: &LogKeys) -> Result<State> {
        let dir = &self.parts.dir;
        self.parts.disk.create_dir(dir).map_err(Error::internal)?;
        if self.read("keys.json")?.as_deref() != Some(keys.statement()) {
            self.write("keys.json", keys.statement())?;
        }
        let fresh = || State { edge: Edge::new(self.sha256.clone()), written: None, checkpoint: None };
        let Some((checkpoint, text)) = self.own_checkpoint(keys)? else { return Ok(fresh()) };
        let size = checkpoint.size;
        let tiles = self.tiles.edge(self.sha256.clone(), size).map_err(Error::internal)?;
        let durable = self.parts.published.load(Ordering::Acquire).saturating_sub(self.parts.base);
        let fits = |edge: &Edge| edge.size() == size && edge.root() == checkpoint.root;
        if size <= durable {
            let edge = match tiles.filter(fits) {
                Some(edge) => edge,
                None => self.rebuilt(size)?,
            };
            if fits(&edge) {
                let written = Some(edge.clone());
                return Ok(State { edge, written, checkpoint: Some((checkpoint, text)) });
            }
        }
        let last = self.parts.base + size;
        let what = format!(
            "the journal is not the one that this store has signed a checkpoint of, up to entry {last}: go back to the newest \
             copy, or accept the loss with `--accept-rollback`"
        );
        if self.parts.accept_rollback {
            tracing::warn!("{what}: accepted, the tree begins anew");
            return Ok(fresh());
        }
        self.parts.failure.report(what);
        self.parts.failure.check().map(|()| fresh())
    }

    /// Computes the tree of this size from the journal, and its tiles.
    fn rebuilt(&self, size: u64) -> Result<Edge> {
        tracing::info!(size, "the audit tree is made anew from the journal");
        let mut edge = Edge::new(self.sha256.clone());
        self.grow(&mut edge, Lsn(self.parts.base + size))?;
        self.tiles.put_edge(&edge, None).map_err(Error::internal)?;
        Ok(edge)
    }

    /// The checkpoint on disk, where this store has signed it, in this timeline.
    fn own_checkpoint(&self, keys: &LogKeys) -> Result<Option<(Checkpoint, String)>> {
        let Some(bytes) = self.read("checkpoint")? else { return Ok(None) };
        let origin = self.origin();
        let read = Note::parse(&bytes).and_then(|note| Ok((Checkpoint::parse(&note.text)?, note)));
        let own = match read {
            Ok((checkpoint, note)) if checkpoint.origin == origin => {
                let keys = keys.public()?.note_keys(&origin)?;
                let is_signed = |key| {
                    let verdict = checkpoint.verdict(&note, key, &*self.parts.crypto);
                    matches!(verdict, CheckpointVerdict::Signed(_))
                };
                keys.iter().all(is_signed).then(|| (checkpoint.clone(), note.to_text()))
            }
            // Of the timeline before a restore.
            Ok(_) => return Ok(None),
            Err(_) => None,
        };
        if own.is_none() {
            tracing::warn!(
                "the checkpoint in {} is not this store's: it is made anew",
                self.parts.dir.display()
            );
        }
        Ok(own)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        match read_file(&*self.parts.disk, &self.parts.dir.join(name), NOTE_BYTES_MAX) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            read => read.map(Some).map_err(Error::internal),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        replace_file(&*self.parts.disk, &self.parts.dir.join(name), bytes).map_err(Error::internal)
    }
}

fn unsigned() -> Error {
    Error::new(Kind::Unavailable, "this store signs no checkpoints yet")
}

/// Damage in reading for a proof is the journal's to tell.
impl From<JournalError> for super::examine::Wrong {
    fn from(error: JournalError) -> Self {
        let lsn = match &error {
            JournalError::Damaged { lsn, .. } => lsn.0,
            _ => 0,
        };
        Self { lsn, what: error.to_string() }
    }
}
