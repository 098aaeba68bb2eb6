//! Work that requests go before: on processors that they leave idle, but at no less than a pace. What the work is does not
//! live here.

use std::{
    panic,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Bytes a second that are worked on at least, a piece of work more or less and as far as work at the usual priority is as
/// fast: whoever waits for it may hold what grows meanwhile.
const BYTES_PER_SECOND_MIN: u64 = 64 << 20;

/// The last of all.
const LOWEST: i32 = 19;

/// What is kept of having been faster, in seconds.
const AHEAD_SECONDS_MAX: f64 = 1.0;

/// Works on bytes at the lowest priority that threads have, while that is fast enough.
#[derive(Default)]
pub(crate) struct Leisure {
    /// Seconds by which it is before its least pace; negative where it is behind.
    ahead: f64,
}

impl Leisure {
    /// Does some work on so many bytes, and waits for it.
    ///
    /// INVARIANT: it takes no lock that a request may want: who holds one would not get on while others are busy.
    pub(crate) fn run<T: Send>(&mut self, bytes: usize, work: impl Fn() -> T + Sync) -> T {
        let began = Instant::now();
        let result = if self.is_behind() { work() } else { leisurely(&work) };
        self.count(bytes, began.elapsed());
        result
    }

    /// Counts work that is done. What went fast does not let what follows be slow for long.
    fn count(&mut self, bytes: usize, took: Duration) {
        let due = bytes as f64 / BYTES_PER_SECOND_MIN as f64;
        self.ahead = (self.ahead + due - took.as_secs_f64()).min(AHEAD_SECONDS_MAX);
    }

    fn is_behind(&self) -> bool {
        self.ahead < 0.0
    }
}

/// Works in a thread of its own, since a thread cannot take back that it has stepped behind others.
fn leisurely<T: Send>(work: &(impl Fn() -> T + Sync)) -> T {
    let step_back = || {
        static IS_TOLD: AtomicBool = AtomicBool::new(false);
        if let Err(error) = lower_priority(LOWEST)
            && !IS_TOLD.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(%error, "full backups cannot let requests go first");
        }
        work()
    };
    thread::scope(|scope| {
        match thread::Builder::new().name("leisurely".into()).spawn_scoped(scope, step_back) {
            Ok(thread) => thread.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked)),
            // No thread is to be had: it is done all the same.
            Err(_) => work(),
        }
    })
}

/// Has this thread step back behind others for good: `niceness` is 1 to 19, the last. On Linux a priority belongs to a thread;
/// elsewhere it would be that of the whole process, and stays as it is.
///
/// # Errors
/// The system's.
#[cfg(target_os = "linux")]
pub fn lower_priority(niceness: i32) -> std::io::Result<()> {
    Ok(rustix::process::setpriority_process(None, niceness)?)
}

/// See there.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn lower_priority(_: i32) -> std::io::Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    #[test]
    fn work_steps_behind_requests_and_whoever_asked_for_it_does_not() {
        let before = getpriority_process(None).unwrap();
        assert_eq!(Leisure::default().run(7, || getpriority_process(None).unwrap()), 19);
        assert_eq!(getpriority_process(None).unwrap(), before);
    }

    #[test]
    fn work_that_is_behind_waits_for_nobody() {
        let is_here = |leisure: &mut Leisure| {
            let here = thread::current().id();
            leisure.run(0, || thread::current().id() == here)
        };
        let second = BYTES_PER_SECOND_MIN as usize;
        let mut leisure = Leisure::default();
        leisure.count(60 * second, Duration::from_secs(1));
        assert!(!is_here(&mut leisure), "it is ahead");
        leisure.count(second, Duration::from_secs(3));
        assert!(is_here(&mut leisure), "a minute's work in a second is no credit for a minute");
    }

    #[test]
    #[should_panic(expected = "as it was told")]
    fn work_that_panics_is_not_lost() {
        Leisure::default().run(1, || panic!("as it was told"));
    }
}
