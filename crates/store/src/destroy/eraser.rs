//! The eraser: one pass after the other over what is left to destroy, in a thread of its own or by hand.

use std::{
    collections::HashSet,
    io,
    ops::Bound,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use keyreeve_core::{
    Error, Result,
    model::{Erasure, ErasureId, Lsn, RealmId, StoredCertificate},
    ports::{
        crypto::{Crypto, ParsedKey},
        store::{IndexHit, IndexRange},
    },
    record::{IndexKind, Record, RecordKey},
};
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::{
    places::{Places, without_record},
    retry::Retry,
};
use crate::{
    index::Index,
    scribe::Scribe,
    sealing::{Place as Here, tree::KeyTree},
};

/// Leaves that one epoch change destroys at most.
const LEAVES_MAX: usize = 16_384;
/// Erasures that one epoch change serves at most, so that the entry that switches has room for them.
const ERASURES_MAX: usize = 4096;
/// Erasures looked at in one step.
const PAGE: usize = 256;
/// At most one epoch change in this time: what is asked meanwhile goes with the next.
const GATHER: Duration = Duration::from_secs(1);
/// And none before so much time has passed without another erasure, or `GATHER` with them: many that are asked for at once
/// go with one.
const PAUSE: Duration = Duration::from_millis(50);
/// How long the eraser waits before it tries again what a place kept it from, at first and at most.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What destroys for good. One for each open store.
pub(crate) struct Eraser {
    pub(crate) here: Here,
    pub(super) crypto: Arc<dyn Crypto>,
    pub(super) index: Arc<Index>,
    pub(crate) scribe: Arc<Scribe>,
    pub(super) published: Arc<AtomicU64>,
    pub(super) tree: Arc<KeyTree>,
    pub(crate) places: Arc<Places>,
    /// Shares that are wanted for an epoch key, once there are places enough.
    pub(super) threshold_wanted: u8,
    /// Shares that give the epoch key in force.
    pub(super) threshold: AtomicU8,
    pub(super) signer: OnceLock<Arc<dyn ParsedKey>>,
    pub(super) retry: Retry,
    /// The newest generation that this process has begun, and the targets that gave its nodes back: not asked again.
    pub(super) proven: Mutex<(u64, HashSet<String>)>,
    /// Held during a pass: one epoch change at a time.
    pass: Mutex<()>,
    signal: Mutex<Signal>,
    changed: Condvar,
}

/// What the eraser's thread and those who wait for it tell each other.
#[derive(Default)]
struct Signal {
    asked: bool,
    stop: bool,
    /// Passes done.
    passes: u64,
}

/// What an eraser is made of.
pub(crate) struct Parts {
    pub(crate) here: Here,
    pub(crate) crypto: Arc<dyn Crypto>,
    pub(crate) index: Arc<Index>,
    pub(crate) scribe: Arc<Scribe>,
    pub(crate) published: Arc<AtomicU64>,
    pub(crate) tree: Arc<KeyTree>,
    pub(crate) places: Arc<Places>,
    pub(crate) threshold_wanted: u8,
    pub(crate) threshold: u8,
}

impl Eraser {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { here, crypto, index, scribe, published, tree, places, threshold_wanted, threshold } =
            parts;
        Self {
            here,
            crypto,
            index,
            scribe,
            published,
            tree,
            places,
            threshold_wanted,
            threshold: AtomicU8::new(threshold),
            signer: OnceLock::new(),
            retry: Retry::default(),
            proven: Mutex::default(),
            pass: Mutex::default(),
            signal: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Signs certificates from now on; a second key is not taken.
    pub(crate) fn start_signing(&self, signer: Arc<dyn ParsedKey>) {
        // The first one stays: it is the one that anchors were given out with.
        let _ = self.signer.set(signer);
        self.wake();
    }

    /// Does all that can be done now, and tells whether something is left.
    ///
    /// # Errors
    /// Those of the journal and of the index. What a place keeps from being done is no error.
    pub(crate) fn pass(&self) -> Result<bool> {
        let left = {
            let _one = self.pass.lock();
            self.abandon_unfinished()?;
            // Before an epoch change would put a new key where the old one is missed.
            self.settle()?;
            let asked = self.asked()?;
            let is_wanted = !asked.is_empty() || self.wants_other_shares()?;
            if is_wanted && self.may_change_epoch() && self.attempt(&asked, false)? {
                self.settle()?;
            }
            self.complete()?
        };
        self.signal.lock().passes += 1;
        self.changed.notify_all();
        Ok(left)
    }

    /// Puts an epoch in force in which every slot that no node was made under is a fresh one, with what is asked to be
    /// destroyed, before a restored store takes requests.
    ///
    /// # Errors
    /// `Unavailable` where too few places can be reached; those of the journal and of the index.
    pub(crate) fn refresh(&self) -> Result<()> {
        let _one = self.pass.lock();
        self.abandon_unfinished()?;
        self.settle()?;
        self.change_epoch(&self.asked()?, true)?;
        self.settle()?;
        self.complete().map(drop)
    }

    /// Keeps the eraser from working while the result lives: who lets a place go must not meet a pass that still counts it
    /// in, and brings it an epoch key that nobody would ask for any more.
    pub(crate) fn pause(&self) -> MutexGuard<'_, ()> {
        self.pass.lock()
    }

    /// An epoch change that what it needs may keep from happening: then nothing has changed, and it is tried later.
    fn attempt(&self, asked: &[Arc<Erasure>], fresh_unused: bool) -> Result<bool> {
        match self.change_epoch(asked, fresh_unused) {
            Ok(()) => Ok(true),
            // Where the store itself has failed, its own error follows with the next entry.
            Err(error) => {
                self.scribe.failure.check()?;
                tracing::warn!(%error, erasures = asked.len(), "what is destroyed cannot be erased yet");
                Ok(false)
            }
        }
    }

    /// Erasures that no epoch change has served yet, oldest first, as many as one can serve.
    fn asked(&self) -> Result<Vec<Arc<Erasure>>> {
        let (mut asked, mut leaves) = (Vec::new(), 0);
        self.each_erasure(|erasure| {
            if erasure.switched.is_none() {
                leaves += erasure.objects.len();
                if asked.len() == ERASURES_MAX || leaves > LEAVES_MAX && !asked.is_empty() {
                    return Ok(false);
                }
                asked.push(erasure);
            }
            Ok(true)
        })?;
        Ok(asked)
    }

    /// Goes over the erasures that are not complete, oldest first, until `visit` says that it has enough.
    pub(super) fn each_erasure(&self, mut visit: impl FnMut(Arc<Erasure>) -> Result<bool>) -> Result<()> {
        let (from, to) = (Bound::Unbounded, Bound::Unbounded);
        let range = IndexRange { realm: RealmId::DEFAULT, kind: IndexKind::Erasure, from, to };
        let mut after: Option<IndexHit> = None;
        loop {
            let hits = self.index.find(&range, after.as_ref(), PAGE)?;
            for hit in &hits {
                match self.index.get(&RecordKey::Erasure(ErasureId(hit.id)))?.as_deref() {
                    Some(Record::Erasure(erasure)) if visit(erasure.clone())? => {}
                    Some(Record::Erasure(_)) => return Ok(()),
                    _ => return Err(without_record("erasure")),
                }
            }
            after = hits.last().cloned();
            if hits.len() < PAGE {
                return Ok(());
            }
        }
    }

    /// The newest entry that is sure to be durable.
    pub(super) fn durable(&self) -> Lsn {
        Lsn(self.published.load(Ordering::Acquire))
    }

    /// Lets the thread look for work now.
    pub(crate) fn wake(&self) {
        self.signal.lock().asked = true;
        self.changed.notify_all();
    }

    /// Lets the thread end; its current pass is finished.
    pub(crate) fn stop(&self) {
        self.signal.lock().stop = true;
        self.changed.notify_all();
    }

    /// The certificate of an erasure, where it comes within this time.
    ///
    /// # Errors
    /// `NotFound` where there is no such erasure; those of the index.
    pub(crate) fn wait(&self, id: ErasureId, timeout: Duration) -> Result<Option<Arc<StoredCertificate>>> {
        let deadline = Instant::now() + timeout;
        loop {
            let passes = self.signal.lock().passes;
            if let Some(Record::Certificate(found)) = self.index.get(&RecordKey::Certificate(id))?.as_deref()
            {
                return Ok(Some(found.clone()));
            }
            if self.index.get(&RecordKey::Erasure(id))?.is_none() {
                return Err(Error::not_found("erasure"));
            }
            let mut signal = self.signal.lock();
            while signal.passes == passes {
                if signal.stop || self.changed.wait_until(&mut signal, deadline).timed_out() {
                    return Ok(None);
                }
            }
        }
    }

    fn run(&self) {
        let mut retry = RETRY.0;
        loop {
            let began = Instant::now();
            let left = self.pass().unwrap_or_else(|error| {
                tracing::warn!(%error, "the eraser tries again later");
                true
            });
            retry = if left { (retry * 2).min(RETRY.1) } else { RETRY.0 };
            let next = Instant::now() + if left { retry } else { RETRY.1 };
            let mut signal = self.signal.lock();
            while !signal.stop && !signal.asked && !self.changed.wait_until(&mut signal, next).timed_out() {}
            self.gather(&mut signal, began + GATHER);
            if signal.stop {
                return;
            }
            signal.asked = false;
        }
    }

    /// What else is asked goes with it: waits until `earliest`, and as long as more comes without a pause.
    fn gather(&self, signal: &mut MutexGuard<'_, Signal>, earliest: Instant) {
        let latest = earliest.max(Instant::now() + GATHER);
        while !signal.stop && Instant::now() < latest {
            signal.asked = false;
            let until = earliest.max(Instant::now() + PAUSE);
            while !signal.stop && !signal.asked && !self.changed.wait_until(signal, until).timed_out() {}
            if !signal.asked {
                return;
            }
        }
    }
}

/// Starts the eraser's thread.
///
/// # Errors
/// The operating system's.
pub(crate) fn start(eraser: Arc<Eraser>) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("eraser".into()).spawn(move || eraser.run())
}
