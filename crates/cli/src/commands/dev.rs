//! `keyreeve dev`.

use std::path::PathBuf;

use clap::Args;
use keyreeve_server::config::Config;
use keyreeve_server::start::{self, DevFolder, Log, StopOn};

use super::server::{OnceFlags, flag, started};
use super::unlock::root_key_file;
use crate::errors::{Failure, Result};

const EXAMPLES: &str = "\
Examples:
  keyreeve dev                                a temporary folder, removed at the end
  keyreeve dev --dir /tmp/keyreeve            a folder that is opened again next time
  . /tmp/keyreeve/env                         in another shell: where it is, and who you are

Environment:
  KEYREEVE_ROOT_KEY  root key file, or recovery shares, of a restored folder that holds none
  KEYREEVE_LOG       level of the log on stderr, such as debug";

/// Start a key manager on this machine to try things with: `init` and `server` with defaults.
///
/// Makes a CA, an administrator with certificate and token, and the file `env` that tells a shell about them. Listens on
/// loopback addresses only. Prints `keyreeve ready`, then a line for each request.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Dev {
    /// Folder of journal, keys and credentials; without it a temporary one
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Address of the REST API; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    http: String,
    /// Address of KMIP
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5696")]
    kmip: String,
    /// Address of the REST API without TLS, for debugging
    #[arg(long, value_name = "ADDRESS")]
    plain_http: Option<std::net::SocketAddr>,
    /// File of the machine's epoch key, outside of the folder; without it beside the folder
    #[arg(long, value_name = "FILE")]
    cell: Option<PathBuf>,
    #[command(flatten)]
    once: OnceFlags,
}

impl Dev {
    /// Runs until SIGTERM or SIGINT.
    ///
    /// # Errors
    /// It cannot start, or the store failed.
    pub(super) fn run(self) -> Result<()> {
        let flags =
            [flag("listen.http", "--http", Some(self.http)), flag("listen.kmip", "--kmip", Some(self.kmip))];
        // Nothing but these flags and the level: a try-out must not pick up the settings of a server on the same machine.
        let level = |name: &str| std::env::var(name).ok().filter(|_| name == "KEYREEVE_LOG");
        let config = Config::load(None, level, flags.into_iter().flatten().collect());
        let mut config = config.map_err(|error| Failure::usage(error.to_string()))?;
        let _log = Log::Dev.start(&config.log);
        config.listen.plain_http = self.plain_http;
        config.sealing.cell = self.cell;
        self.once.apply(&mut config);
        let folder = DevFolder { dir: self.dir, root_key: root_key_file() };
        started(start::dev(config, &folder, StopOn::Signals))
    }
}
