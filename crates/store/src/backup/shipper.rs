//! The shipper: one a registered target. Brings what is durable there as it grows, and root key file and anchor with it.
//!
//! One pass is `Shipper::keep`; a thread runs it on and on, or whoever drives the store by hand. What cannot be done now is
//! tried again; only a target that another machine has taken over ends the store.

use std::{
    num::NonZeroU64,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use keyreeve_core::{
    Error, ErrorKind, Result,
    model::{self, SealedNode, Time},
    ports::{
        cell::Cell,
        clock::Clock,
        crypto::{Crypto, ParsedKey},
    },
    record::{Record, RecordKey},
};
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::{
    BackupError,
    acknowledge::{Acknowledge, Acknowledger},
    anchor::{ANCHOR_PATH, Anchor},
    archive::{Archive, Source},
    checkpoints,
    claim::Claim,
    create::Busy,
    own::Own,
    pace::Pace,
    targets::{PutIf, Target},
    tree::{LocalTree, TreeCopy},
};
use crate::{
    audit::NOTE_BYTES_MAX, destroy::Replica, disk::read_file, failure::Failure, index::Index, journal::Lsn,
    restore::Base, sealing::Place,
};

/// Where the root key's file lies at a target: restoring takes it, and what unlocks it.
pub(crate) const ROOT_PATH: &str = "root.json";
/// The newest checkpoint of the audit tree, and the newest that was witnessed: in the folder `tree`, and at a target.
pub(crate) const CHECKPOINTS: [(&str, &str); 2] =
    [("checkpoint", "checkpoint.txt"), ("witnessed", "witnessed.txt")];

/// Whether that is where a checkpoint lies at a target.
pub(crate) fn is_checkpoint(path: &str) -> bool {
    CHECKPOINTS.iter().any(|(_, at)| *at == path)
}

const ANCHOR_MS: i64 = 1000;
/// A target that does not answer is asked again after this long at most.
const RETRY_DELAY_MAX: Duration = Duration::from_secs(30);

/// How archives are kept.
#[derive(Clone, Copy, Debug)]
pub struct ArchiveOptions {
    /// New entries wait this long for company before they are shipped, unless somebody waits for them.
    pub interval: Duration,
    /// At most this many bytes of the journal go to each target in a second, on average; none: no limit. What a new target, a
    /// new epoch or the end of the store waits for goes there at once.
    pub bytes_per_second_max: Option<NonZeroU64>,
    /// The recovery point objective: a target that is behind for longer is a breach, logged and reported.
    pub rpo_seconds_max: Option<u32>,
    /// When a change is answered.
    pub acknowledge: Acknowledge,
}

impl Default for ArchiveOptions {
    fn default() -> Self {
        let (interval, acknowledge) = (Duration::from_millis(200), Acknowledge::Local);
        Self { interval, bytes_per_second_max: None, rpo_seconds_max: Some(5), acknowledge }
    }
}

/// How a target stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetStatus {
    /// Its address.
    pub address: String,
    /// Whether an epoch key lies there.
    pub has_cell: bool,
    /// The first entry of this timeline that is there; a full backup must hold what was before.
    pub first: model::Lsn,
    /// The entry up to which all are there.
    pub shipped: model::Lsn,
    /// Entries that are not there yet.
    pub lag_entries: u64,
    /// For how long the target has been behind, in milliseconds.
    pub lag_ms: u64,
    /// The recovery point objective is not met now.
    pub breached: bool,
    /// Pieces of this timeline, and their bytes.
    pub pieces: (u64, u64),
    /// Why the last pass failed, where it did.
    pub trouble: Option<String>,
}

/// What all shippers of a store share.
pub(crate) struct Shipping {
    pub(crate) source: Arc<Source>,
    /// What a restored store brings to each target first.
    pub(crate) base: Option<Arc<Base>>,
    pub(crate) index: Arc<Index>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) crypto: Arc<dyn Crypto>,
    pub(crate) failure: Arc<Failure>,
    /// The bytes of root.json as they are now.
    pub(crate) root_file: Box<dyn Fn() -> Result<Vec<u8>> + Send + Sync>,
    /// What anchors are signed with, once the server has given it.
    pub(crate) signer: OnceLock<Arc<dyn ParsedKey>>,
    pub(crate) acknowledger: Acknowledger,
    pub(crate) options: ArchiveOptions,
    /// What no target may lie in, around or upon.
    pub(crate) own: Own,
    /// Held by who makes a full backup or prunes.
    pub(crate) busy: Busy,
    /// The store is being closed: nobody begins or waits any more.
    pub(crate) stopping: AtomicBool,
}

impl Shipping {
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

/// Keeps one target up to date.
pub(crate) struct Shipper {
    shared: Arc<Shipping>,
    target: Arc<dyn Target>,
    has_cell: bool,
    pace: Pace,
    /// Held by who waits and ships.
    owed: Mutex<Owed>,
    work: Mutex<Work>,
    seen: Mutex<Seen>,
    shipped: AtomicU64,
    abandoned: AtomicBool,
    wake: Condvar,
    state: Mutex<Thread>,
}

/// Bytes that were written and not waited for yet.
#[derive(Default)]
struct Owed {
    shipped: u64,
    /// Waited for while nothing is to be shipped: what is new does not wait for what was merged.
    merged: u64,
}

#[derive(Default)]
struct Work {
    archive: Option<Archive>,
    root_file: Option<Vec<u8>>,
    anchored: Option<(Lsn, u64)>,
    anchored_at: Option<Time>,
    /// The checkpoints of the audit tree as they lie at the target.
    checkpoints: [Option<Vec<u8>>; 2],
    /// Those that were not put there: told once.
    refused: [Option<Vec<u8>>; 2],
    checkpoints_at: Option<Time>,
    tree: TreeCopy,
}

/// What status tells; its lock is never held while the target is asked.
#[derive(Default)]
struct Seen {
    first: u64,
    pieces: (u64, u64),
    /// Since when the target is behind.
    behind_since: Option<Time>,
    breached: bool,
    trouble: Option<String>,
}

#[derive(Default)]
struct Thread {
    stopped: bool,
    kicked: bool,
    handle: Option<JoinHandle<()>>,
}

impl Shipper {
    /// A shipper to a target that this machine has claimed, or had claimed.
    pub(crate) fn new(shared: Arc<Shipping>, target: Arc<dyn Target>, has_cell: bool) -> Self {
        let bytes_per_second_max = shared.options.bytes_per_second_max;
        Self {
            pace: Pace { clock: shared.clock.clone(), bytes_per_second_max },
            owed: Mutex::default(),
            shared,
            target,
            has_cell,
            work: Mutex::default(),
            seen: Mutex::default(),
            shipped: AtomicU64::new(0),
            abandoned: AtomicBool::new(false),
            wake: Condvar::new(),
            state: Mutex::default(),
        }
    }

    /// The target itself.
    pub(crate) fn target(&self) -> &Arc<dyn Target> {
        &self.target
    }

    /// Ships in a thread of its own, until `stop`.
    ///
    /// # Errors
    /// The operating system's, where it grants no thread.
    pub(crate) fn start(self: &Arc<Self>) -> std::io::Result<()> {
        let shipper = self.clone();
        let handle = thread::Builder::new().name("ship".into()).spawn(move || shipper.run())?;
        self.state.lock().handle = Some(handle);
        Ok(())
    }

    /// Ends the thread and waits for it; what is durable and not shipped is shipped by the next start.
    pub(crate) fn stop(&self) {
        let handle = {
            let mut state = self.state.lock();
            state.stopped = true;
            state.handle.take()
        };
        self.wake.notify_all();
        if let Some(handle) = handle {
            // A panic there was logged by its own hook; nothing of the archive is lost.
            let _ = handle.join();
        }
    }

    /// Ends shipping at once: nothing is begun any more. The thread is not waited for, which may itself wait for a target
    /// that does not answer.
    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
        self.state.lock().stopped = true;
        self.wake.notify_all();
    }

    /// # Errors
    /// `Unavailable` once the target was let go.
    fn check_kept(&self) -> Result<()> {
        match self.abandoned.load(Ordering::Acquire) {
            false => Ok(()),
            true => Err(Error::new(ErrorKind::Unavailable, format!("{} was let go", self.address()))),
        }
    }

    /// Has the thread ship at once.
    pub(crate) fn kick(&self) {
        self.state.lock().kicked = true;
        self.wake.notify_all();
    }

    /// Ships all that is durable now, and sees to root key file, merging and anchor.
    ///
    /// # Errors
    /// What kept it from that; noted for the status too.
    pub(crate) fn keep(&self) -> Result<(), BackupError> {
        while self.pass()?.is_some() {}
        Ok(())
    }

    /// As [`Self::keep`], at once, whatever the rate.
    ///
    /// # Errors
    /// As [`Self::keep`].
    pub(crate) fn keep_now(&self) -> Result<(), BackupError> {
        while self.pass_with(&mut Owed::default())?.is_some() {}
        Ok(())
    }

    /// Ships what is durable up to an entry, at the rate; told the bytes of each piece that is shipped.
    ///
    /// # Errors
    /// As [`Self::keep`], and those of `told`, which end it.
    pub(crate) fn keep_until(
        &self,
        until: Lsn,
        told: &mut dyn FnMut(u64) -> Result<(), BackupError>,
    ) -> Result<(), BackupError> {
        // On a busy server there is always more: that is the next one's.
        while let Some(bytes) = self.pass()? {
            told(bytes)?;
            if self.shipped.load(Ordering::Acquire) >= until.0 {
                break;
            }
        }
        Ok(())
    }

    /// Has the next pass look at what is there, since something was removed.
    pub(crate) fn look_again(&self) {
        self.work.lock().archive = None;
    }

    /// Whether the last pass met no trouble.
    pub(crate) fn is_well(&self) -> bool {
        self.seen.lock().trouble.is_none()
    }

    /// How the target stands.
    pub(crate) fn status(&self) -> TargetStatus {
        let (last, shipped) = (self.shared.source.last().0, self.shipped.load(Ordering::Acquire));
        let seen = self.seen.lock();
        TargetStatus {
            address: self.target.address().to_owned(),
            has_cell: self.has_cell,
            first: model::Lsn(seen.first),
            shipped: model::Lsn(shipped),
            lag_entries: last.saturating_sub(shipped),
            lag_ms: self.lag_ms(&seen),
            breached: self.is_breached(&seen),
            pieces: seen.pieces,
            trouble: seen.trouble.clone(),
        }
    }

    fn run(&self) {
        let interval = self.shared.options.interval;
        let mut delay = interval;
        loop {
            delay = match self.pass() {
                Ok(Some(_)) => Duration::ZERO,
                Ok(None) => interval,
                Err(_) => (delay * 2).clamp(interval, RETRY_DELAY_MAX),
            };
            let mut state = self.state.lock();
            if !state.stopped && !state.kicked && !delay.is_zero() {
                self.wake.wait_for(&mut state, delay);
            }
            state.kicked = false;
            if state.stopped || self.shared.failure.check().is_err() {
                break;
            }
        }
        if self.is_well() && self.check_kept().is_ok() && self.shared.failure.check().is_ok() {
            // What is missing after trouble now is shipped after the next start.
            let _ = self.keep_now();
        }
    }

    /// Ships one piece and gives its bytes, or sees to what is there where nothing is left to ship.
    fn pass(&self) -> Result<Option<u64>, BackupError> {
        // INVARIANT: taken before `work`, which who holds a claim or looks at the archive must not wait for so long.
        let mut owed = self.owed.lock();
        owed.shipped = self.pace.wait(owed.shipped, || self.waits_on());
        owed.merged = self.pace.wait(owed.merged, || !self.is_behind() && self.waits_on());
        self.pass_with(&mut owed)
    }

    /// Whether who keeps to the rate waits on; meanwhile a breach is told, and who has waited for the target too long.
    fn waits_on(&self) -> bool {
        self.begin();
        self.shared.acknowledger.reached(Lsn(0));
        !self.shared.is_stopping() && !self.state.lock().stopped
    }

    /// A pass without waiting, which adds to the bytes that were written.
    fn pass_with(&self, owed: &mut Owed) -> Result<Option<u64>, BackupError> {
        let mut work = self.work.lock();
        let begin = self.begin();
        let passed = self.ship_or_tend(&mut work, begin.1, owed);
        self.note(&mut work, begin, passed.as_ref().err());
        passed
    }

    /// When a pass begins, and up to which entry all was durable then.
    fn begin(&self) -> (Time, Lsn) {
        let begin = (self.shared.clock.now(), self.shared.source.last());
        // Before the target is asked, which may take long to answer.
        self.look(begin, &mut self.seen.lock());
        begin
    }

    fn ship_or_tend(&self, work: &mut Work, until: Lsn, owed: &mut Owed) -> Result<Option<u64>, BackupError> {
        self.check_kept()?;
        // First: who restores opens with it what is shipped from now on. Neither this nor the anchor waits for a quiet
        // moment, which a busy store never has.
        self.put_root_file(work)?;
        let archive = self.archive(work)?;
        let shipped = archive.ship_next(until)?;
        match shipped {
            Some(bytes) => owed.shipped += bytes,
            None if owed.merged == 0 => owed.merged = archive.merge()?,
            None => {}
        }
        self.put_anchor(work)?;
        self.put_checkpoints(work)?;
        owed.shipped += self.put_tree(work)?;
        Ok(shipped)
    }

    /// The archive, opened where it is not.
    fn archive<'a>(&self, work: &'a mut Work) -> Result<&'a mut Archive, BackupError> {
        if work.archive.is_none() {
            let claimant = self.shared.source.claimant;
            let claim = match &self.shared.base {
                Some(base) => base.claim(&self.target, claimant)?,
                None => Claim::resume(self.target.clone(), claimant)?,
            };
            work.archive = Some(Archive::open(self.shared.source.clone(), self.target.clone(), claim)?);
        }
        work.archive.as_mut().ok_or_else(|| Error::internal("an archive was opened and is not there").into())
    }

    fn put_root_file(&self, work: &mut Work) -> Result<(), BackupError> {
        let bytes = (self.shared.root_file)()?;
        if work.root_file.as_ref() != Some(&bytes) {
            self.archive(work)?.claim().check()?;
            self.target.put(ROOT_PATH, &bytes, PutIf::Always)?;
            work.root_file = Some(bytes);
        }
        Ok(())
    }

    /// Writes an anchor where the last is over a second old and something has changed.
    fn put_anchor(&self, work: &mut Work) -> Result<(), BackupError> {
        let Some(signer) = self.shared.signer.get() else { return Ok(()) };
        let now = self.shared.clock.now();
        let recent = work.anchored_at.is_some_and(|at| (0..ANCHOR_MS).contains(&now.0.saturating_sub(at.0)));
        let generation = match self.shared.index.get(&RecordKey::Tree)?.as_deref() {
            Some(Record::Tree(head)) => head.generation,
            _ => 0,
        };
        let archive = self.archive(work)?;
        let (last, Some(hash)) = (archive.last(), archive.hash()) else { return Ok(()) };
        if recent || work.anchored == Some((last, generation)) {
            return Ok(());
        }
        let claimant = self.shared.source.claimant;
        let (store, timeline) = (claimant.store, claimant.timeline);
        let anchor = Anchor { store, timeline, generation, lsn: last.0, hash, time: now };
        let bytes = anchor.sign(&**signer)?;
        self.archive(work)?.claim().check()?;
        self.target.put(ANCHOR_PATH, &bytes, PutIf::Always)?;
        (work.anchored, work.anchored_at) = (Some((last, generation)), Some(now));
        Ok(())
    }

    /// Copies the newest checkpoints of the audit tree to where who writes the data folder may not write, a second apart at
    /// least. None takes the place of a newer or another one.
    fn put_checkpoints(&self, work: &mut Work) -> Result<(), BackupError> {
        let now = self.shared.clock.now();
        let recent =
            work.checkpoints_at.is_some_and(|at| (0..ANCHOR_MS).contains(&now.0.saturating_sub(at.0)));
        if recent {
            return Ok(());
        }
        work.checkpoints_at = Some(now);
        let Own { disk, dir, .. } = &self.shared.own;
        let Some(signer) = self.shared.signer.get() else { return Ok(()) };
        let signer = signer.public_key()?;
        let Ok(statement) = read_file(&**disk, &dir.join("tree/keys.json"), NOTE_BYTES_MAX) else {
            return Ok(());
        };
        for (at, (name, path)) in CHECKPOINTS.into_iter().enumerate() {
            // There may be none yet; and what cannot be read here holds up no archive.
            let Ok(bytes) = read_file(&**disk, &dir.join("tree").join(name), NOTE_BYTES_MAX) else {
                continue;
            };
            if work.checkpoints[at].as_ref() == Some(&bytes) || work.refused[at].as_ref() == Some(&bytes) {
                continue;
            }
            self.archive(work)?.claim().check()?;
            let there = match &work.checkpoints[at] {
                Some(there) => Some(there.clone()),
                None => self.target.get(path)?.map(|(bytes, _)| bytes),
            };
            let whose = (&*statement, &*signer);
            match checkpoints::refused(&*self.shared.crypto, whose, there.as_deref(), &bytes) {
                None => {
                    self.target.put(path, &bytes, PutIf::Always)?;
                    work.checkpoints[at] = Some(bytes);
                }
                Some(why) => {
                    tracing::warn!(
                        target = self.target.address(),
                        path,
                        why,
                        "a checkpoint of this folder does not take the place of the one at a target"
                    );
                    work.refused[at] = Some(bytes);
                }
            }
        }
        Ok(())
    }

    /// Brings the audit tree on there; how many bytes that took.
    fn put_tree(&self, work: &mut Work) -> Result<u64, BackupError> {
        let (now, claimant) = (self.shared.clock.now(), self.shared.source.claimant);
        let Own { disk, dir, .. } = &self.shared.own;
        let here = Place { store: claimant.store, timeline: claimant.timeline };
        let mut copy = std::mem::take(&mut work.tree);
        let tree = LocalTree { disk, dir: &dir.join("tree"), here, journal: &self.shared.source.journal };
        let brought = copy.bring(&tree, (&*self.target, self.archive(work)?.claim()), now);
        // Where that broke off, the next pass looks at what is there anew.
        if brought.is_ok() {
            work.tree = copy;
        }
        brought
    }

    /// Tells those who wait, and the status, how far the target has come; ends the store where it is fenced.
    fn note(&self, work: &mut Work, begin: (Time, Lsn), error: Option<&BackupError>) {
        let mut seen = self.seen.lock();
        // Where it cannot be reached as well: who has waited too long is told.
        self.shared.acknowledger.reached(work.archive.as_ref().map_or(Lsn(0), Archive::last));
        if let Some(archive) = &work.archive {
            self.shipped.store(archive.last().0, Ordering::Release);
            (seen.first, seen.pieces) = (archive.first().0, archive.size());
        }
        let trouble = error.map(ToString::to_string);
        if trouble != seen.trouble {
            match &trouble {
                Some(trouble) => {
                    tracing::warn!(target = self.target.address(), %trouble, "archiving has stopped")
                }
                None => tracing::info!(target = self.target.address(), "archiving goes on"),
            }
        }
        seen.trouble = trouble;
        if let Some(BackupError::Fenced { .. }) = error {
            self.shared.failure.report(seen.trouble.clone().unwrap_or_default());
        }
        // Whatever was wrong: what is there is looked at anew, since somebody may have mended it.
        if error.is_some() {
            work.archive = None;
        }
        self.look(begin, &mut seen);
    }

    /// Sees whether the target is behind, and tells of a breach once.
    fn look(&self, (at, until): (Time, Lsn), seen: &mut Seen) {
        let (shipped, behind) = (self.shipped.load(Ordering::Acquire), self.is_behind());
        // What it lacks became durable after the pass began that brought all there was.
        let since = seen.behind_since.filter(|_| shipped < until.0).unwrap_or(at);
        seen.behind_since = behind.then_some(since);
        let breached = self.is_breached(seen);
        if breached && !seen.breached {
            let lag_ms = self.lag_ms(seen);
            tracing::warn!(target = self.target.address(), lag_ms, "the recovery point objective is not met");
        }
        seen.breached = breached;
    }

    fn is_behind(&self) -> bool {
        self.shared.source.last().0 > self.shipped.load(Ordering::Acquire)
    }

    fn is_breached(&self, seen: &Seen) -> bool {
        let max = self.shared.options.rpo_seconds_max;
        max.is_some_and(|seconds| self.lag_ms(seen) > u64::from(seconds) * 1000)
    }

    fn lag_ms(&self, seen: &Seen) -> u64 {
        let now = self.shared.clock.now();
        seen.behind_since.map_or(0, |since| u64::try_from(now.0.saturating_sub(since.0)).unwrap_or(0))
    }

    /// Does something with the archive, noting how it went.
    fn with_archive<T>(
        &self,
        act: impl FnOnce(&mut Archive) -> Result<T, BackupError>,
    ) -> Result<T, BackupError> {
        let mut work: MutexGuard<'_, Work> = self.work.lock();
        let begin = self.begin();
        let kept = self.check_kept().map_err(BackupError::from);
        let done = kept.and_then(|()| self.archive(&mut work)).and_then(act);
        self.note(&mut work, begin, done.as_ref().err());
        done
    }
}

impl Replica for Shipper {
    fn address(&self) -> &str {
        self.target.address()
    }

    fn check_claim(&self) -> Result<()> {
        self.with_archive(|archive| archive.claim().check()).map_err(told)
    }

    fn ship(&self, until: model::Lsn) -> Result<()> {
        let until = Lsn(until.0);
        let shipped = self.with_archive(|archive| {
            // What is durable is shipped by whole frames, so one that ends behind `until` may come along.
            while archive.ship_next(until)?.is_some() {}
            Ok(archive.last())
        });
        match shipped.map_err(told)? {
            last if last >= until => Ok(()),
            last => Err(Error::internal(format!("{} has come to entry {last}, not {until}", self.address()))),
        }
    }

    fn read_back(&self, from: model::Lsn, until: model::Lsn) -> Result<Vec<Arc<SealedNode>>> {
        self.with_archive(|archive| archive.nodes(Lsn(from.0), Lsn(until.0))).map_err(told)
    }

    fn first(&self) -> Result<model::Lsn> {
        self.with_archive(|archive| Ok(model::Lsn(archive.first().0))).map_err(told)
    }

    fn cell(&self) -> Result<Arc<dyn Cell>> {
        self.target.cell().map_err(|error| told(error.into()))
    }

    fn former_cell(&self) -> Result<Arc<dyn Cell>> {
        self.target.former_cell().map_err(|error| told(error.into()))
    }
}

/// What a backup's failure is to the rest of the store.
pub(crate) fn told(error: BackupError) -> Error {
    match error {
        BackupError::Other(error) => error,
        BackupError::Journal(error) => Error::internal(error),
        error => Error::new(ErrorKind::Unavailable, error.to_string()),
    }
}
