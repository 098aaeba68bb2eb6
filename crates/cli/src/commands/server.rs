//! `keyreeve server`, and the flags of a server's configuration.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use clap::Args;
use keyreeve_server::config::{Config, Once, Override, SETTINGS};
use keyreeve_server::offline::index::OnProgress;
use keyreeve_server::start::{self, Blame, Log, StartError, StopOn};

use crate::errors::{Failure, Kind, Result};
use crate::input;
use crate::output;
use crate::progress::Progress;

const EXAMPLES: &str = "\
Examples:
  keyreeve server --config /etc/keyreeve.toml
  KEYREEVE_LISTEN_HTTP=0.0.0.0:8443 keyreeve server --config /etc/keyreeve.toml

Every setting of the configuration can be given in the environment: KEYREEVE_ and its name in capitals, with _ for the
point, such as KEYREEVE_LIMITS_CONNECTIONS_MAX. KEYREEVE_LOG is log.level, such as debug.

SIGHUP, or `keyreeve reload`, lets the server read its configuration and certificate anew.";

/// Run the key manager on a folder that `init` made, until SIGTERM or SIGINT; SIGHUP reloads the configuration.
#[derive(Args)]
#[command(after_help = EXAMPLES, after_long_help = settings())]
pub(crate) struct Server {
    #[command(flatten)]
    server: ServerFlags,
    #[command(flatten)]
    once: OnceFlags,
}

/// What one start allows.
#[derive(Args)]
pub(super) struct OnceFlags {
    /// Take backup targets over that the machine before still writes to: it is fenced at its next write there
    #[arg(long)]
    take_over: bool,
    /// Go on with a data folder that an anchor shows to be an older copy; this goes on record
    #[arg(long)]
    accept_rollback: bool,
}

impl OnceFlags {
    pub(super) fn apply(&self, config: &mut Config) {
        let Self { take_over, accept_rollback } = *self;
        config.once = Once { take_over, accept_rollback };
    }
}

/// What a server and its preparation share: flag, then environment, then file.
#[derive(Args)]
pub(super) struct ServerFlags {
    /// Configuration in TOML
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder [data.dir]
    #[arg(long)]
    dir: Option<String>,
    /// File of the machine's epoch key, outside of the data folder [sealing.cell]
    #[arg(long, value_name = "FILE")]
    cell: Option<String>,
    /// Address of the REST API [listen.http]
    #[arg(long, value_name = "ADDRESS")]
    http: Option<String>,
    /// Address of KMIP [listen.kmip]
    #[arg(long, value_name = "ADDRESS")]
    kmip: Option<String>,
    /// File whose first line is the passphrase of the root key [unlock.passphrase_file]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<String>,
    /// File with the key that unlocks the root key [unlock.key_file]
    #[arg(long, value_name = "FILE")]
    key_file: Option<String>,
    /// File with recovery shares that unlock the root key, a share a line; repeat for more [unlock.share_files]
    #[arg(long = "share-file", value_name = "FILE")]
    share_files: Vec<String>,
}

/// The examples, and every setting with its default.
fn settings() -> String {
    SETTINGS.iter().fold(format!("{EXAMPLES}\n\nSettings:"), |text, setting| {
        let default = if setting.default.is_empty() { "none" } else { setting.default };
        format!("{text}\n  {}\n      {} [default: {default}]", setting.key, setting.meaning)
    })
}

impl Server {
    /// Runs until it is asked to stop.
    ///
    /// # Errors
    /// It cannot start, or the store failed.
    pub(super) fn run(self) -> Result<()> {
        let mut config = self.server.config()?;
        self.once.apply(&mut config);
        let _log = Log::Server.start(&config.log);
        let progress = Arc::new(OnceLock::<Progress>::new());
        let bar = Arc::clone(&progress);
        let told: OnProgress = Box::new(move |doing, done, total| {
            bar.get_or_init(Progress::counted).count(doing, done, total);
        });
        // Where nobody would see it, the log tells.
        let told = Some(told).filter(|_| std::io::stderr().is_terminal());
        let ready = |_: &start::Addresses| {
            progress.get().into_iter().for_each(Progress::clear);
            // Whoever started it may have closed stdout, which is no reason not to serve.
            let _ = output::line("keyreeve ready");
            Ok(())
        };
        started(match input::asker() {
            Some(ask) => start::serve_asking(&config, (ask, told), StopOn::Signals, ready),
            None => start::serve(&config, StopOn::Signals, ready),
        })
    }
}

impl ServerFlags {
    /// The configuration.
    ///
    /// # Errors
    /// `Usage` with file, line or flag.
    pub(super) fn config(&self) -> Result<Config> {
        let share_files = &self.share_files;
        let share_files =
            (!share_files.is_empty()).then(|| toml::Value::from(share_files.clone()).to_string());
        let flags = [
            flag("data.dir", "--dir", self.dir.clone()),
            flag("sealing.cell", "--cell", self.cell.clone()),
            flag("listen.http", "--http", self.http.clone()),
            flag("listen.kmip", "--kmip", self.kmip.clone()),
            flag("unlock.passphrase_file", "--passphrase-file", self.passphrase_file.clone()),
            flag("unlock.key_file", "--key-file", self.key_file.clone()),
            flag("unlock.share_files", "--share-file", share_files),
        ];
        let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Config::load(self.config.as_deref(), environment, flags.into_iter().flatten().collect())
            .map_err(|error| Failure::usage(error.to_string()))
    }
}

/// A flag's value for the configuration.
pub(super) fn flag(key: &'static str, origin: &str, value: Option<String>) -> Option<Override> {
    value.map(|value| Override { key, value, origin: origin.to_owned() })
}

/// What the server's code gave, as a command's result.
///
/// # Errors
/// Of the kind that is to blame.
pub(super) fn started<T>(result: Result<T, StartError>) -> Result<T> {
    result.map_err(|error| {
        let kind = match error.blame() {
            Blame::Usage => Kind::Usage,
            Blame::State => Kind::State,
            Blame::Damage => Kind::Verification,
            Blame::Machine => Kind::Remote,
        };
        Failure::new(kind, error.to_string())
    })
}
