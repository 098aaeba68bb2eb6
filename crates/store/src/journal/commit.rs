//! Group commit: one thread that gathers what waits, lets the layer above decide it in order, and syncs it at once.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{io, thread};

use super::frame::{Builder, ENTRY_PREFIX_LEN, Kind};
use super::{ENTRY_BYTES_MAX, JournalError, Lsn, Position, Writer};

/// A frame closes when it holds this many bytes; the last entry may bring it over.
const FRAME_BYTES_TARGET: usize = 1 << 20;

/// What the layer above does in the commit thread, in the order of the entries.
pub trait Stage: Send + 'static {
    /// What callers submit.
    type Request: Send + 'static;
    /// What callers get back when the request is decided and durable.
    type Reply: Send + 'static;

    /// What a request takes, before it is staged.
    fn demand(request: &Self::Request) -> Demand;

    /// The time, Unix time in milliseconds.
    fn now_ms(&self) -> u64;

    /// Decides a request against all that was staged before it, and appends its entry to the empty `entry`.
    ///
    /// An entry has at most as many bytes as were demanded, and [`ENTRY_BYTES_MAX`]; a longer one stops the committer. The reply leaves when
    /// all of the batch is durable, a refusal too, since it may rest on an entry of the same batch.
    ///
    /// # Errors
    /// A refusal: the reply without an entry; `lsn` then goes to the next request.
    fn stage(
        &mut self,
        lsn: Lsn,
        time_ms: u64,
        request: Self::Request,
        entry: &mut Vec<u8>,
    ) -> Result<Self::Reply, Self::Reply>;

    /// All staged entries are durable: readers may see them. Called before the replies leave.
    fn publish(&mut self, committed: &Committed);

    /// The staged entries will never be durable: forget them.
    fn discard(&mut self);
}

/// What a request takes of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The length of its entry, at most.
    pub bytes: usize,
    /// Whether it goes on into the reserve where the disk is full.
    pub urgent: bool,
}

/// A range of entries that became durable together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The first of them.
    pub first: Lsn,
    /// The last of them.
    pub last: Lsn,
    /// When, Unix time in milliseconds; the same that was given to [`Stage::stage`].
    pub time_ms: u64,
    /// The point behind them.
    pub end: Position,
}

/// How requests are gathered.
#[derive(Clone, Copy, Debug)]
pub struct CommitOptions {
    /// At most this many entries in a frame.
    pub batch_entries_max: usize,
    /// How long a request may wait for company, at most 2 ms; zero: not at all.
    pub gather_delay: Duration,
    /// At most this many requests wait; further ones are told [`CommitError::Busy`].
    pub queue_requests_max: usize,
    /// And of so many bytes of entries in all; where none waits, one of any length does.
    pub queue_bytes_max: usize,
    /// After this long without a request, a marker says that the last frame was durable.
    pub idle_delay: Duration,
}

impl Default for CommitOptions {
    fn default() -> Self {
        CommitOptions {
            batch_entries_max: 256,
            gather_delay: Duration::ZERO,
            queue_requests_max: 4096,
            queue_bytes_max: 64 << 20,
            idle_delay: Duration::from_secs(1),
        }
    }
}

/// Why a request was not committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Too many requests wait; this one was not looked at.
    #[error("too many requests wait for the journal: try again")]
    Busy,
    /// The journal was stopped.
    #[error("the journal is stopped")]
    Stopped,
    /// The disk is full: nothing was written of this request. Once there is space, the journal goes on by itself.
    #[error("the disk of the journal is full: free space")]
    Full,
    /// Writing failed; the journal stopped. Whether the request is durable is known after the next start.
    #[error("the journal failed and stopped: {0}; see to the disk and start again")]
    Failed(Arc<str>),
}

/// The handle through which requests are submitted; dropping it stops the journal as [`Committer::stop`] does.
pub struct Committer<S: Stage> {
    sender: RwLock<Option<SyncSender<Submitted<S>>>>,
    queued_bytes: Arc<AtomicUsize>,
    queue_bytes_max: usize,
    ended: Arc<OnceLock<CommitError>>,
    full: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl<S: Stage> Committer<S> {
    /// Starts the commit thread; `on_failure` is called in it when it ends in any way but a clean stop.
    ///
    /// # Errors
    /// The operating system's, where it grants no thread.
    pub fn start(
        writer: Writer,
        stage: S,
        options: CommitOptions,
        on_failure: impl FnOnce(&CommitError) + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(options.queue_requests_max);
        let ended = Arc::new(OnceLock::new());
        let full = Arc::new(AtomicBool::new(false));
        let ending = Ending { ended: ended.clone(), on_failure: Some(Box::new(on_failure)) };
        let worker = Worker {
            writer,
            stage,
            options,
            receiver,
            builder: Builder::default(),
            entry: Vec::new(),
            waiting: Vec::new(),
            marked: true,
            full: full.clone(),
        };
        let thread = thread::Builder::new().name("journal".into()).spawn(move || worker.run(ending))?;
        Ok(Committer {
            sender: RwLock::new(Some(sender)),
            queued_bytes: Arc::default(),
            queue_bytes_max: options.queue_bytes_max,
            ended,
            full,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Submits a request; `done` is called exactly once, in the commit thread or, on refusal, in this one.
    ///
    /// Never blocks on the disk. `done` must not block.
    pub fn submit(
        &self,
        request: S::Request,
        done: impl FnOnce(Result<S::Reply, CommitError>) + Send + 'static,
    ) {
        let waiter = Waiter(Some(Box::new(done)));
        if let Some(error) = self.ended.get() {
            return waiter.complete(Err(error.clone()));
        }
        let Some(queued) = self.queue(S::demand(&request).bytes) else {
            return waiter.complete(Err(CommitError::Busy));
        };
        let sent = match &*self.sender.read().unwrap_or_else(PoisonError::into_inner) {
            Some(sender) => sender.try_send(Submitted { request, waiter, _queued: queued }),
            None => return waiter.complete(Err(CommitError::Stopped)),
        };
        match sent {
            Err(TrySendError::Full(Submitted { waiter, .. })) => waiter.complete(Err(CommitError::Busy)),
            Err(TrySendError::Disconnected(Submitted { waiter, .. })) => {
                waiter.complete(Err(self.ended.get().cloned().unwrap_or(CommitError::Stopped)));
            }
            Ok(()) => {}
        }
    }

    /// Takes a place in the queue for an entry; none where too many bytes wait.
    fn queue(&self, bytes: usize) -> Option<Queued> {
        let waiting = self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        let queued = Queued { all: self.queued_bytes.clone(), bytes };
        (waiting == 0 || waiting.saturating_add(bytes) <= self.queue_bytes_max).then_some(queued)
    }

    /// Whether the disk is full: requests that are not urgent get [`CommitError::Full`].
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Commits what waits, marks a clean stop, and waits for it; further requests get [`CommitError::Stopped`].
    ///
    /// # Errors
    /// Why the committer had ended before, or that the stop could not be marked.
    pub fn stop(&self) -> Result<(), CommitError> {
        drop(self.sender.write().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The thread itself may be the last that has the handle, in a completion: it ends by itself.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id()) {
            // A panic there is told by `ended`.
            let _ = thread.join();
        }
        match self.ended.get() {
            None | Some(CommitError::Stopped) => Ok(()),
            Some(error) => Err(error.clone()),
        }
    }
}

impl<S: Stage> Drop for Committer<S> {
    fn drop(&mut self) {
        // Whoever wants to know how it ended has stopped it.
        let _ = self.stop();
    }
}

impl<S: Stage> fmt::Debug for Committer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Committer").field("ended", &self.ended.get()).finish_non_exhaustive()
    }
}

struct Submitted<S: Stage> {
    request: S::Request,
    waiter: Waiter<S::Reply>,
    _queued: Queued,
}

/// The place of an entry in the queue, given back when dropped.
struct Queued {
    all: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

type Done<R> = Box<dyn FnOnce(Result<R, CommitError>) + Send>;

/// Who waits, and what the request came to.
type Waiting<R> = (Waiter<R>, Result<R, CommitError>);

/// Whoever waits for a reply.
///
/// INVARIANT: each is told exactly once, also when the thread ends with it in hand or in the queue.
struct Waiter<R>(Option<Done<R>>);

impl<R> Waiter<R> {
    fn complete(mut self, result: Result<R, CommitError>) {
        if let Some(done) = self.0.take() {
            done(result);
        }
    }
}

impl<R> Drop for Waiter<R> {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            done(Err(CommitError::Failed("the commit thread ended".into())));
        }
    }
}

type OnFailure = Box<dyn FnOnce(&CommitError) + Send>;

/// Records how the thread ended, also when it panicked.
struct Ending {
    ended: Arc<OnceLock<CommitError>>,
    on_failure: Option<OnFailure>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let error = self.ended.get_or_init(|| CommitError::Failed("the commit thread panicked".into()));
        if let (Some(on_failure), false) = (self.on_failure.take(), *error == CommitError::Stopped) {
            on_failure(error);
        }
    }
}

struct Worker<S: Stage> {
    writer: Writer,
    stage: S,
    options: CommitOptions,
    receiver: Receiver<Submitted<S>>,
    builder: Builder,
    entry: Vec<u8>,
    waiting: Vec<Waiting<S::Reply>>,
    /// Whether the last frame is named durable by a frame behind it, or is itself such a frame.
    marked: bool,
    full: Arc<AtomicBool>,
}

impl<S: Stage> Worker<S> {
    fn run(mut self, ending: Ending) {
        let ended = match self.serve() {
            Ok(()) => self.stop_cleanly(),
            Err(error) => {
                let error = self.stop_after(error);
                // Before anyone is told: who asks from now on must not be answered differently.
                let _ = ending.ended.set(error.clone());
                for (waiter, _) in self.waiting.drain(..) {
                    waiter.complete(Err(error.clone()));
                }
                while let Ok(Submitted { waiter, .. }) = self.receiver.try_recv() {
                    waiter.complete(Err(error.clone()));
                }
                return;
            }
        };
        let _ = ending.ended.set(ended);
    }

    /// Commits batches until all handles are gone.
    fn serve(&mut self) -> Result<(), JournalError> {
        loop {
            let first = if self.marked && !self.writer.is_full() {
                self.receiver.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                self.receiver.recv_timeout(self.options.idle_delay)
            };
            match first {
                Ok(first) => self.batch(first)?,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {
                    self.writer.refill()?;
                    self.full.store(self.writer.is_full(), Ordering::Relaxed);
                    if !std::mem::replace(&mut self.marked, true) {
                        self.writer.mark(&mut self.builder, Kind::Synced, self.stage.now_ms())?;
                    }
                }
            }
        }
    }

    fn batch(&mut self, first: Submitted<S>) -> Result<(), JournalError> {
        let time_ms = self.stage.now_ms();
        let deadline =
            (!self.options.gather_delay.is_zero()).then(|| Instant::now() + self.options.gather_delay);
        self.writer.refill()?;
        self.builder.clear();
        let mut next = Some(first);
        while let Some(Submitted { request, waiter, .. }) = next {
            let demand = S::demand(&request);
            let len = self.builder.frame_len() + ENTRY_PREFIX_LEN + demand.bytes;
            let answer = match self.writer.has_room(len, demand.urgent)? {
                true => Ok(self.stage(time_ms, request, demand.bytes)),
                false => Err(CommitError::Full),
            };
            self.waiting.push((waiter, answer));
            let closed = self.waiting.len() >= self.options.batch_entries_max
                || self.builder.frame_len() >= FRAME_BYTES_TARGET;
            next = if closed { None } else { self.gather(deadline) };
        }
        if self.builder.count() > 0 {
            self.write(time_ms)?;
        }
        // Before anyone is told of it.
        self.full.store(self.writer.is_full(), Ordering::Relaxed);
        for (waiter, answer) in self.waiting.drain(..) {
            waiter.complete(answer);
        }
        Ok(())
    }

    fn stage(&mut self, time_ms: u64, request: S::Request, bytes_max: usize) -> S::Reply {
        self.entry.clear();
        let lsn = self.writer.position().next.plus(self.builder.count().into());
        match self.stage.stage(lsn, time_ms, request, &mut self.entry) {
            Ok(reply) => {
                let within = self.entry.len() <= bytes_max.min(ENTRY_BYTES_MAX);
                assert!(within, "the stage made an entry over the limit");
                self.builder.push(&self.entry);
                reply
            }
            Err(refusal) => refusal,
        }
    }

    fn gather(&self, deadline: Option<Instant>) -> Option<Submitted<S>> {
        match self.receiver.try_recv() {
            Ok(command) => Some(command),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                let left = deadline?.checked_duration_since(Instant::now())?;
                self.receiver.recv_timeout(left).ok()
            }
        }
    }

    fn write(&mut self, time_ms: u64) -> Result<(), JournalError> {
        let first = self.writer.position().next;
        let end = self.writer.append(&mut self.builder, Kind::Entries, time_ms)?;
        self.marked = false;
        self.stage.publish(&Committed { first, last: end.last(), time_ms, end });
        Ok(())
    }

    fn stop_cleanly(self) -> CommitError {
        let Worker { writer, stage, mut builder, .. } = self;
        match writer.stop(&mut builder, stage.now_ms()) {
            Ok(_) => CommitError::Stopped,
            Err(error) => CommitError::Failed(error.to_string().into()),
        }
    }

    /// Ends after an error: nothing is tried again.
    fn stop_after(&mut self, error: JournalError) -> CommitError {
        tracing::error!(%error, "the journal stops");
        self.stage.discard();
        CommitError::Failed(error.to_string().into())
    }
}
