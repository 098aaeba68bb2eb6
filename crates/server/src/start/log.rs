//! Where log lines go: all to stderr, or under `dev` the requests to stdout and the rest to stderr. A reader that is
//! slow loses lines and never holds up the server (`lines`). What comes from outside (names, paths, messages) is made harmless
//! here, for every line at once. Not here: what is logged.

use std::fmt::{self, Write as _};
use std::sync::OnceLock;

use tracing::{Subscriber, field::Field};
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::filter::FilterExt as _;
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::fmt::format::{Format, Writer, debug_fn};
use tracing_subscriber::fmt::{FormatFields, MakeWriter};
use tracing_subscriber::layer::Filter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry, reload};

use super::lines::{LastLines, lines_to};
use crate::config::LogConfig;
use crate::execute::REQUEST_LOG;

/// Bytes of one value in a line, such as a name.
const VALUE_BYTES_MAX: usize = 1024;

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
    _last: [LastLines; 2],
}

/// Sets the levels of this process's log.
pub(crate) fn set_levels(config: &LogConfig) {
    // A process whose log is not ours keeps it as it is.
    let _ = LEVELS.get().map(|levels| levels.reload(targets(config)));
}

static LEVELS: OnceLock<reload::Handle<Targets, Registry>> = OnceLock::new();

/// What is configured was parsed before.
fn targets(config: &LogConfig) -> Targets {
    config.level.parse().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO))
}

impl Log {
    /// Starts logging for this process, at these levels until others are set.
    pub fn start(self, config: &LogConfig) -> LogGuard {
        let (levels, handle) = reload::Layer::new(targets(config));
        // Only the first subscriber of a process counts, and so do its levels.
        let _ = LEVELS.set(handle);
        let (stderr, last_on_stderr) = lines_to(std::io::stderr());
        let (stdout, last_on_stdout) = lines_to(std::io::stdout());
        // A process that has a subscriber already, such as a test, keeps it.
        let _ = self.subscriber(levels, stderr, stdout).try_init();
        LogGuard { _last: [last_on_stderr, last_on_stdout] }
    }

    fn subscriber<E, O>(
        self,
        levels: impl Filter<Registry> + Send + Sync + 'static,
        stderr: E,
        stdout: O,
    ) -> impl Subscriber + Send + Sync
    where
        E: for<'w> MakeWriter<'w> + Send + Sync + 'static,
        O: for<'w> MakeWriter<'w> + Send + Sync + 'static,
    {
        let dev = self == Self::Dev;
        let rest = lines(stderr)
            .with_filter(levels.and(filter_fn(move |metadata| !(dev && metadata.target() == REQUEST_LOG))));
        let requests = dev.then(|| {
            lines(stdout)
                .without_time()
                .with_level(false)
                .with_target(false)
                .with_filter(filter_fn(|metadata| metadata.target() == REQUEST_LOG))
        });
        tracing_subscriber::registry().with(rest).with(requests)
    }
}

fn lines<S, W>(
    writer: W,
) -> tracing_subscriber::fmt::Layer<S, impl for<'w> FormatFields<'w> + 'static, Format, W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    let fields = debug_fn(write_field).delimited(" ");
    tracing_subscriber::fmt::layer().with_ansi(false).fmt_fields(fields).with_writer(writer)
}

fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    if field.name() != "message" {
        write!(writer, "{}=", field.name())?;
    }
    write!(Harmless { writer, bytes_left: Some(VALUE_BYTES_MAX) }, "{value:?}")
}

/// Writes a value so that it stays within its line and its length, and shows nothing in another order than it has.
struct Harmless<'a, 'w> {
    writer: &'a mut Writer<'w>,
    /// Nothing once the value was cut.
    bytes_left: Option<usize>,
}

impl fmt::Write for Harmless<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Most text is such: as it is, at once.
        if let Some(left) = self.bytes_left.and_then(|left| left.checked_sub(text.len()))
            && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        {
            self.bytes_left = Some(left);
            return self.writer.write_str(text);
        }
        for c in text.chars() {
            let Some(left) = self.bytes_left else { break };
            self.bytes_left = left.checked_sub(c.len_utf8());
            match self.bytes_left {
                None => self.writer.write_char('…')?,
                Some(_) if c.is_control() || moves_text(c) => write!(self.writer, "{}", c.escape_default())?,
                Some(_) => self.writer.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Line and paragraph separators, and the controls that change the direction of text.
fn moves_text(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use tracing::{info, warn};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is on stderr and on stdout.
    fn logged(log: Log, events: impl FnOnce()) -> [String; 2] {
        let (stderr, stdout) = (Lines::default(), Lines::default());
        let (to_stderr, to_stdout) = (stderr.clone(), stdout.clone());
        let levels = Targets::new().with_default(LevelFilter::INFO);
        let writers = (move || to_stderr.clone(), move || to_stdout.clone());
        let subscriber = log.subscriber(levels, writers.0, writers.1);
        tracing::subscriber::with_default(subscriber, events);
        [stderr, stdout].map(|lines| String::from_utf8(lines.0.lock().clone()).unwrap())
    }

    const FORGED: &str = "a\nkeyreeve ready\r\u{9b}31m\u{1b}[31m\u{202e}b\u{2067}c\u{2028}d";

    #[test]
    fn no_value_ends_its_line_or_commands_a_terminal() {
        for log in [Log::Dev, Log::Server] {
            let [stderr, stdout] = logged(log, || {
                info!(target: REQUEST_LOG, object = %FORGED, detail = FORGED, method = ?FORGED, "{FORGED}");
                warn!(object = %FORGED, "{FORGED}");
            });
            let lines = stderr + &stdout;
            assert_eq!(lines.lines().count(), 2, "{lines:?}");
            assert!(!lines.lines().any(|line| line == "keyreeve ready"));
            let bad = |c: char| c != '\n' && (c.is_control() || moves_text(c));
            assert!(!lines.contains(bad), "{lines:?}");
            assert!(lines.contains(r"object=a\nkeyreeve ready\r\u{9b}31m"), "{lines:?}");
        }
    }

    #[test]
    fn a_value_is_cut_and_the_others_stay() {
        let long = "ä".repeat(1 << 19);
        let [_, line] = logged(Log::Dev, || {
            info!(target: REQUEST_LOG, object = %long, outcome = "ok", "rest {}", "GET");
        });
        assert!(line.len() < 2 * VALUE_BYTES_MAX, "{} bytes", line.len());
        assert!(line.starts_with("rest GET object=ää") && line.ends_with("ä… outcome=\"ok\"\n"), "{line}");
    }
}
