//! What a connection does, as others see it: when bytes last came or went, whether somebody works on an answer, whether a
//! request was authenticated, and whether it has to end for another. Not here: who decides that (limits).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// What one connection does.
pub(super) struct Activity {
    begin: Instant,
    /// Milliseconds from begin to when bytes last came or went.
    progress_ms: AtomicU64,
    working: Working,
    known: Known,
    end: Notify,
    #[cfg(test)]
    has_to_end: AtomicBool,
    #[cfg(test)]
    rested_ms: AtomicU64,
    #[cfg(test)]
    aged_ms: AtomicU64,
}

/// Whether somebody works on an answer: then the other end is silent because it waits.
#[derive(Clone, Default)]
pub struct Working(Arc<AtomicUsize>);

/// Whether a request of this connection was authenticated.
#[derive(Clone, Debug, Default)]
pub struct Known(Arc<AtomicBool>);

impl Known {
    /// One was.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Somebody works until this is dropped.
pub struct Work(Working);

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            begin: Instant::now(),
            progress_ms: AtomicU64::new(0),
            working: Working::default(),
            known: Known::default(),
            end: Notify::new(),
            #[cfg(test)]
            has_to_end: false.into(),
            #[cfg(test)]
            rested_ms: AtomicU64::new(0),
            #[cfg(test)]
            aged_ms: AtomicU64::new(0),
        }
    }

    /// Bytes came or went.
    pub(super) fn progress(&self) {
        let ms = u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.progress_ms.store(ms, Ordering::Relaxed);
    }

    /// For how long nothing came or went while nobody worked.
    pub(super) fn quiet(&self) -> Duration {
        if self.working.is_on() {
            return Duration::ZERO;
        }
        let progress = Duration::from_millis(self.progress_ms.load(Ordering::Relaxed));
        let quiet = self.begin.elapsed().saturating_sub(progress);
        #[cfg(test)]
        let quiet = quiet + Duration::from_millis(self.rested_ms.load(Ordering::Relaxed));
        quiet
    }

    /// How long it has been there.
    pub(super) fn age(&self) -> Duration {
        let age = self.begin.elapsed();
        #[cfg(test)]
        let age = age + Duration::from_millis(self.aged_ms.load(Ordering::Relaxed));
        age
    }

    /// Whether it is known who sends.
    pub(super) fn known(&self) -> &Known {
        &self.known
    }

    pub(super) fn working(&self) -> &Working {
        &self.working
    }

    pub(super) fn ask_to_end(&self) {
        #[cfg(test)]
        self.has_to_end.store(true, Ordering::Relaxed);
        self.end.notify_one();
    }

    /// Waits until it has to end.
    pub(super) async fn end_asked(&self) {
        self.end.notified().await;
    }
}

#[cfg(test)]
impl Activity {
    /// As if it had been quiet for so long.
    pub(super) fn rest(&self, time: Duration) {
        self.rested_ms.store(time.as_millis() as u64, Ordering::Relaxed);
    }

    /// As if it had been there for so long, busy all the time.
    pub(super) fn grow_old(&self, time: Duration) {
        self.aged_ms.store(time.as_millis() as u64, Ordering::Relaxed);
    }

    pub(super) fn has_to_end(&self) -> bool {
        self.has_to_end.load(Ordering::Relaxed)
    }
}

impl Working {
    /// Begins to work.
    pub fn begin(&self) -> Work {
        self.0.fetch_add(1, Ordering::Relaxed);
        Work(self.clone())
    }

    pub(super) fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
