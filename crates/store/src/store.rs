//! The store: core's store port over journal and index, and what it takes to start and stop it.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    thread::JoinHandle,
};

use keyreeve_core::{
    Error, ErrorKind, Result,
    model::{Lsn, PrincipalId},
    ports::{
        seal::Sealer,
        store::{self as port, Commit, Committed, Completion, IndexHit, IndexRange, Order},
    },
    record::{Change, Entry, Record, RecordKey},
};
use parking_lot::Mutex;
use uuid::Uuid;

use crate::{
    audit,
    backup::{registered::Registered, store as backup},
    destroy::{self, Eraser, Places},
    disk::DiskLock,
    failure::{Failure, unavailable},
    feed::Watchers,
    index::{Index, applier::Applier, encoding},
    journal::{self, CommitError, Committer, ENTRY_BYTES_MAX, Journal, JournalError, Writer},
    marks::Marks,
    options::{StoreError, StoreOptions},
    recovery::{self, OpenTree, Recovered},
    restore,
    scribe::Scribe,
    sealing::{Place, RootKeeper, RootKey, RootSealer, Unlock},
    stage::{Prepared, Recent, StoreStage},
    work::{Work, WorkKind, Works},
};

/// An open store: this process owns its folder.
///
/// Dropping it stops it as `close` does.
pub struct Store {
    journal: Journal,
    committer: Arc<Committer<StoreStage>>,
    applier: Mutex<Option<JoinHandle<()>>>,
    index: Arc<Index>,
    failure: Arc<Failure>,
    published: Arc<AtomicU64>,
    watchers: Arc<Watchers>,
    marks: Arc<Marks>,
    sealer: Arc<RootSealer>,
    pub(crate) root: Arc<RootKeeper>,
    pub(crate) targets: Arc<Registered>,
    place: Place,
    reserve_bytes: u64,
    pub(crate) eraser: Arc<Eraser>,
    pub(crate) log: Arc<audit::Log>,
    erasing: Mutex<Option<JoinHandle<()>>>,
    pub(crate) works: Works,
    /// Let go last, after the threads have ended.
    _lock: Box<dyn DiskLock>,
}

impl Store {
    /// Makes a store in a folder that holds none: root.json, which any of `unlocks` opens, store.json, an empty journal.
    /// Opens nothing.
    ///
    /// # Errors
    /// `Exists` where there is one, `Lock` where another process is at it, and what the disk reports.
    pub fn create(options: &StoreOptions, unlocks: impl AsRef<[Unlock]>) -> Result<(), StoreError> {
        recovery::create(options, unlocks.as_ref())
    }

    /// Opens a store: takes the folder's lock, unlocks the root key, cuts a torn journal tail, catches the index up.
    ///
    /// # Errors
    /// `Missing` without a store, `Lock` where another process has it open, `Unlock` for a wrong passphrase,
    /// `Journal` and `Damaged` naming the place of damage.
    pub fn open(options: &StoreOptions, unlock: &Unlock) -> Result<Self, StoreError> {
        let Recovered { lock, file, root, journal, writer, index, applier, marks, last } =
            recovery::open(options, unlock)?;
        let place = file.place();
        let published = Arc::new(AtomicU64::new(last.0));
        let source =
            backup::source(options, place, &root, (journal.clone(), marks.clone(), published.clone()))?;
        let base = restore::Base::of(options, &file)?;
        if let Some(base) = &base {
            restore::claim_targets(options, (&file, base), &index, source.claimant)?;
        }
        let rollback = backup::guard(options, &index, &source)?;
        let OpenTree { tree, cell, threshold } = recovery::open_tree(options, place, &index)?;
        let sealer =
            Arc::new(RootSealer::new(options.crypto.clone(), root.root().clone(), place.store, tree.clone()));
        let shown = Shown { index: index.clone(), published: published.clone(), marks: marks.clone() };
        let Running { committer, applier, failure, watchers } =
            start_threads(options, (writer, applier, last), &shown, root.root().clone())?;
        let (clock, crypto) = (options.clock.clone(), options.crypto.clone());
        let scribe = Arc::new(Scribe {
            index: index.clone(),
            committer: committer.clone(),
            clock,
            crypto: crypto.clone(),
            failure: failure.clone(),
        });
        let places = Arc::new(Places::new(index.clone(), scribe.clone(), place, cell));
        tree.start(scribe.clone(), places.at_target(options.archive.acknowledge));
        let root = Arc::new(root);
        let parts = (index.clone(), scribe.clone(), places.clone());
        let targets = backup::reopen(options, (source, rollback, base), parts, root.clone());
        let targets = Arc::new(targets.map_err(StoreError::Open)?);
        let eraser = Arc::new(Eraser::new(destroy::Parts {
            here: place,
            crypto,
            index: index.clone(),
            scribe: scribe.clone(),
            published: published.clone(),
            tree,
            places,
            threshold_wanted: options.cells_threshold,
            threshold,
        }));
        restore::begin(options, &file, &scribe, &eraser)?;
        let thread = StoreError::io("start a thread for", &options.dir);
        let erasing =
            options.background.then(|| destroy::start(eraser.clone())).transpose().map_err(thread)?;
        let thread = StoreError::io("start a thread for", &options.dir);
        verify_older_segments(&journal, last, failure.clone()).map_err(thread)?;
        Ok(Self {
            log: audit::log(options, &file, (&journal, &marks, &published), &failure),
            journal,
            committer,
            applier: Mutex::new(Some(applier)),
            index,
            failure,
            published,
            watchers,
            marks,
            sealer,
            root,
            targets,
            place,
            reserve_bytes: options.journal.reserve_bytes,
            eraser,
            erasing: Mutex::new(erasing),
            works: Works::default(),
            _lock: lock,
        })
    }

    /// The store is to be closed soon: nothing that is written to a target waits to keep a rate any more.
    pub fn hurry(&self) {
        self.targets.hurry();
    }

    /// Commits what waits, marks a clean stop and lets the index catch up. Later commits are refused.
    ///
    /// # Errors
    /// `Stop` where the store had failed before, or the stop could not be marked.
    pub fn close(&self) -> Result<(), StoreError> {
        self.hurry();
        self.eraser.stop();
        if let Some(erasing) = self.erasing.lock().take() {
            // A panic there left something pending; the next start takes it up.
            let _ = erasing.join();
        }
        let stopped = self.committer.stop();
        self.log.stop();
        self.targets.stop();
        // The committer's end was the last that sent to the applier.
        if let Some(applier) = self.applier.lock().take() {
            // A panic there left the index behind; it is caught up on the next start.
            let _ = applier.join();
        }
        stopped.map_err(|error| StoreError::Stop(error.to_string()))?;
        self.failure.check().map_err(|error| StoreError::Stop(error.to_string()))
    }

    /// Seals and opens material under this store's root key.
    pub fn sealer(&self) -> Arc<dyn Sealer> {
        self.sealer.clone()
    }

    /// What it is at that takes long, the oldest first, and how far that has come.
    pub fn works(&self) -> Vec<Work> {
        self.works.now()
    }

    /// Bytes of disk that the journal holds back, so that destroying and revoking go on where the disk is full.
    pub fn reserve_bytes(&self) -> u64 {
        self.reserve_bytes
    }

    /// What was found to be damaged in the index since it was opened: the next start makes it anew.
    pub fn index_damage(&self) -> Option<String> {
        self.index.damage()
    }

    /// The store's random id.
    pub fn id(&self) -> Uuid {
        self.place.store
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(%error, "closing");
        }
    }
}

impl port::Store for Store {
    fn published(&self) -> Lsn {
        Lsn(self.published.load(Ordering::Acquire))
    }

    fn poll_published(&self, after: Lsn, context: &mut Context<'_>) -> Poll<Lsn> {
        self.watchers.poll(after, || self.published(), context)
    }

    fn is_full(&self) -> bool {
        self.committer.is_full()
    }

    fn get(&self, key: &RecordKey) -> Result<Option<Arc<Record>>> {
        self.failure.check()?;
        self.index.get(key)
    }

    fn find_in(
        &self,
        order: Order,
        range: &IndexRange,
        beyond: Option<&IndexHit>,
        limit: usize,
    ) -> Result<Vec<IndexHit>> {
        self.failure.check()?;
        self.index.find_in(order, range, beyond, limit)
    }

    fn commit(&self, commit: Commit, done: Completion) {
        // What the server does by itself is answered to nobody.
        let is_own = commit.entry.principal == PrincipalId::SYSTEM;
        let prepared = match self.failure.check().and_then(|()| prepare(commit)) {
            Ok(prepared) => prepared,
            Err(error) => return done(Err(error)),
        };
        // Refused before it is on record, where no target could have it.
        let targets = match is_own || prepared.changes.is_empty() || !self.targets.waits() {
            true => None,
            false if self.targets.are_well() => Some(self.targets.clone()),
            false => return done(Err(no_target())),
        };
        let failure = self.failure.clone();
        let erases = |change: &Change| matches!(change, Change::Put(Record::Erasure(_)));
        let eraser = prepared.changes.iter().any(erases).then(|| self.eraser.clone());
        self.committer.submit(prepared, move |result| {
            // A durable entry that readers cannot see is not answered as done.
            let reply = result.map_err(refused).and_then(|reply| failure.check().map(|()| reply));
            match (targets, reply) {
                (Some(targets), Ok(Committed::Done(lsn))) => {
                    targets.answer_at_target(journal::Lsn(lsn.0), done)
                }
                (_, reply) => done(reply),
            }
            eraser.into_iter().for_each(|eraser| eraser.wake());
        });
    }

    fn journal_within(&self, after: Lsn, limit: usize, bytes_left: &mut usize) -> Result<Vec<Entry>> {
        let (from, until) = (journal::Lsn(after.0.saturating_add(1)), journal::Lsn(self.published().0));
        let mut entries = Vec::new();
        if limit == 0 || from > until {
            return Ok(entries);
        }
        let reader = match self.marks.before(from) {
            Some(position) => self.journal.read_from(position, until),
            None => self.journal.read(from, until),
        };
        let mut reader = reader.map_err(read_failure)?;
        while let Some(frame) = reader.next_frame().map_err(read_failure)? {
            for (lsn, bytes) in frame.entries().filter(|(lsn, _)| *lsn >= from) {
                entries.push(encoding::decode_entry(Lsn(lsn.0), bytes)?);
                *bytes_left = bytes_left.saturating_sub(bytes.len());
                if entries.len() == limit || *bytes_left == 0 {
                    return Ok(entries);
                }
            }
            self.marks.add(frame.end);
        }
        Ok(entries)
    }

    fn journal_begins(&self) -> Result<Lsn> {
        self.journal.first().map(|first| Lsn(first.0)).map_err(read_failure)
    }

    fn verify_journal(&self) -> Result<(Lsn, [u8; 32])> {
        let (until, work) = (self.published().0, self.works.begin(WorkKind::VerifyJournal));
        let mut told = |lsn: journal::Lsn| work.tell("reading the journal", lsn.0, Some(until));
        let verified = self.journal.verify_telling(journal::Lsn(until), &mut told).map_err(read_failure)?;
        Ok((Lsn(verified.end.last().0), verified.end.hash))
    }

    fn prove(&self, query: port::TreeQuery) -> Result<port::TreeProof> {
        self.log.prove(query)
    }
}

/// What readers see of what is committed.
struct Shown {
    index: Arc<Index>,
    published: Arc<AtomicU64>,
    marks: Arc<Marks>,
}

/// The threads that commit, and that carry what is committed into the index.
struct Running {
    committer: Arc<Committer<StoreStage>>,
    applier: JoinHandle<()>,
    failure: Arc<Failure>,
    watchers: Arc<Watchers>,
}

fn start_threads(
    options: &StoreOptions,
    (writer, applier, last): (Writer, Applier, Lsn),
    shown: &Shown,
    root: RootKey,
) -> Result<Running, StoreError> {
    let failure = Arc::new(Failure::new(options.on_failure.clone()));
    let watchers = Arc::new(Watchers::default());
    let thread = StoreError::io("start a thread for", &options.dir);
    let (sender, applier) = applier.start(failure.clone()).map_err(thread)?;
    let stage = StoreStage {
        root,
        clock: options.clock.clone(),
        index: shown.index.clone(),
        applier: sender,
        failure: failure.clone(),
        published: shown.published.clone(),
        watchers: watchers.clone(),
        marks: shown.marks.clone(),
        recent: Recent::new(last),
        staged: Vec::new(),
        staged_uses: Vec::new(),
        staged_spent: HashMap::new(),
        told: last.0,
    };
    let failed = failure.clone();
    let on_failure = move |error: &CommitError| failed.report(error.to_string());
    let thread = StoreError::io("start a thread for", &options.dir);
    let committer = Committer::start(writer, stage, options.commit, on_failure).map_err(thread)?;
    Ok(Running { committer: Arc::new(committer), applier, failure, watchers })
}

/// Damage is told to whoever may read the journal, with its place; all else is for the log.
fn read_failure(error: JournalError) -> Error {
    match error {
        JournalError::Damaged { .. } => Error::new(ErrorKind::CryptoFailed, error.to_string()),
        JournalError::Pruned { first, .. } => {
            let public = format!("{error}: ask for entries after {}", first.0.saturating_sub(1));
            Error::new(ErrorKind::Unavailable, public)
        }
        error => Error::internal(error),
    }
}

/// Verifies what opening did not read, in the background: the older segments. On damage the store fails, as if it had
/// been found in opening; a large journal does not delay the start.
fn verify_older_segments(journal: &Journal, last: Lsn, failure: Arc<Failure>) -> std::io::Result<()> {
    let journal = journal.clone();
    let verify = move || match journal.verify_older(journal::Lsn(last.0)) {
        Ok(()) => {}
        // Nothing is known to be damaged: the next start reads it again.
        Err(error @ JournalError::Io { .. }) => tracing::error!(%error, "older segments cannot be verified"),
        Err(error) => failure.report(format!("{error}; docs/runbooks/damaged-journal.md tells the way out")),
    };
    std::thread::Builder::new().name("verify".into()).spawn(verify).map(drop)
}

pub(crate) fn prepare(commit: Commit) -> Result<Prepared> {
    let Commit { as_of, reads, valid_until, drawn, entry: draft } = commit;
    let entry = encoding::EncodedEntry::new(&draft)?;
    if entry.len() > ENTRY_BYTES_MAX {
        let public =
            format!("one request may change at most {ENTRY_BYTES_MAX} bytes; this one would {}", entry.len());
        return Err(Error::new(ErrorKind::TooLarge, public));
    }
    let urgent = draft.is_urgent();
    let used = draft.used().map(|(object, kind)| (object, kind, draft.time));
    Ok(Prepared { as_of, reads, valid_until, drawn, entry, changes: draft.changes, used, urgent })
}

fn no_target() -> Error {
    unavailable("no backup target can be reached now, and changes are to be at one before they are answered")
}

pub(crate) fn refused(error: CommitError) -> Error {
    match error {
        CommitError::Busy => unavailable("too many requests wait for the journal: try again"),
        CommitError::Stopped => unavailable("the server is stopping"),
        CommitError::Full => {
            unavailable("the disk is full: only what destroys or revokes goes on; free space")
        }
        CommitError::Failed(_) => unavailable(
            "the server's journal has failed; whether this is on record shows once the server runs again: look before you \
             do it again",
        )
        .because(error),
    }
}
