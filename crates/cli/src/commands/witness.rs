//! `keyreeve witness`: a process that cosigns the checkpoints of other servers' journals.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use keyreeve_server::config::{LogConfig, Tls};
use keyreeve_server::start::{Log, StopOn};
use keyreeve_server::witness::{self, Options};

use super::server::started;
use crate::errors::Result;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  keyreeve audit keys > logs                        on a client of the server that is witnessed
  keyreeve witness --dir /var/lib/witness --name witness.example --logs logs --listen 0.0.0.0:7443 --tls-name witness.example";

/// Run a witness: it cosigns the checkpoints of servers' journals after making sure that each only ever grew, and remembers
/// that. Until SIGTERM or SIGINT.
///
/// It belongs on a machine that the administrators of those servers do not write to. Its folder holds its key: `verifier`
/// and `ca.pem` are for the servers' configuration (audit.witnesses) and for `keyreeve verify --witness`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Witness {
    /// Folder of its key and of what it has cosigned last; made where it is missing
    #[arg(long)]
    dir: PathBuf,
    /// Its name, which it keeps
    #[arg(long)]
    name: String,
    /// File with the keys of the logs that it witnesses, one a line, as `audit keys` prints them; read at each request
    #[arg(long, value_name = "FILE")]
    logs: PathBuf,
    /// Address that it listens on; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7443")]
    listen: SocketAddr,
    /// DNS name or address in the certificate by its own CA; repeat for more
    #[arg(long = "tls-name", value_name = "NAME", conflicts_with = "certificate")]
    names: Vec<String>,
    /// Another CA's certificate for it, and those between that and its authority, in PEM
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// The private key of that certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
}

impl Witness {
    /// Runs until it is asked to stop.
    ///
    /// # Errors
    /// It cannot start.
    pub(super) fn run(self) -> Result<()> {
        let _log = Log::Server.start(&LogConfig::default());
        let mut tls = Tls { certificate_file: self.certificate, key_file: self.key, ..Tls::default() };
        if !self.names.is_empty() {
            tls.names = self.names;
        }
        let Self { dir, name, logs, listen, .. } = self;
        let options = Options { dir, listen, name, logs, tls };
        started(witness::serve(&options, StopOn::Signals, |running| {
            // Whoever started it may have closed stdout, which is no reason not to serve.
            let _ = output::line(&format!("witness {} ready on {}", running.verifier, running.address));
            Ok(())
        }))
    }
}
