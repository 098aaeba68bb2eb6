//! What ends a bench before its time: SIGINT or SIGTERM. The first one lets it stop asking and destroy its keys, the second
//! ends the program at once. Not here: what stops.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Longest pause between two looks.
const STEP: Duration = Duration::from_millis(20);
/// What a shell says of a program that SIGINT ended.
const EXIT_CODE: i32 = 130;

/// Whether it was asked to end.
#[derive(Clone)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Watches from now on.
    ///
    /// # Errors
    /// The system gives no resources.
    pub(super) fn watch() -> io::Result<Self> {
        let raised = Arc::new(AtomicBool::new(false));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        // Before this returns: what comes from now on is heard.
        let (int, term) = {
            let _inside = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        let seen = Arc::clone(&raised);
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || runtime.block_on(listen(int, term, &seen)))?;
        Ok(Self(raised))
    }

    /// True once it was asked to end.
    pub(super) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Waits until then, or until it is asked to end.
    pub(super) fn wait_until(&self, then: Instant) {
        loop {
            let left = then.saturating_duration_since(Instant::now());
            if left.is_zero() || self.is_raised() {
                return;
            }
            std::thread::sleep(left.min(STEP));
        }
    }
}

async fn listen(mut int: Signal, mut term: Signal, raised: &AtomicBool) {
    loop {
        tokio::select! {
            _ = int.recv() => {}
            _ = term.recv() => {}
        }
        if raised.swap(true, Ordering::Relaxed) {
            std::process::exit(EXIT_CODE);
        }
    }
}
