//! Where log lines go: all to stderr, or under `dev` the requests to stdout and the rest to stderr. A reader that is
//! slow loses lines and never holds up the server. Not here: what is logged.

use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::execute::REQUEST_LOG;

/// Where log lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// All to stderr, with time.
    Server,
    /// Requests to stdout, the rest to stderr.
    Dev,
}

/// Writes out the last lines when dropped.
pub struct LogGuard {
    _workers: Vec<WorkerGuard>,
}

impl Log {
    /// Starts logging for this process. `filter` names levels, such as `warn` or `info,keyreeve_store=debug`; where it
    /// cannot be read, or there is none, `info` holds.
    pub fn start(self, filter: Option<&str>) -> LogGuard {
        let levels: Targets = filter
            .and_then(|filter| filter.parse().ok())
            .unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
        let (stderr, stderr_worker) = lossy(std::io::stderr());
        let (stdout, stdout_worker) = lossy(std::io::stdout());
        let dev = self == Self::Dev;
        let rest = fmt::layer()
            .with_ansi(false)
            .with_writer(stderr)
            .with_filter(filter_fn(move |metadata| !(dev && metadata.target() == REQUEST_LOG)))
            .with_filter(levels);
        let requests = dev.then(|| {
            fmt::layer()
                .with_ansi(false)
                .without_time()
                .with_level(false)
                .with_target(false)
                .with_writer(stdout)
                .with_filter(filter_fn(|metadata| metadata.target() == REQUEST_LOG))
        });
        // A process that has a subscriber already, such as a test, keeps it.
        let _ = tracing_subscriber::registry().with(rest).with(requests).try_init();
        LogGuard { _workers: vec![stderr_worker, stdout_worker] }
    }
}

fn lossy(writer: impl std::io::Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default().lossy(true).finish(writer)
}
