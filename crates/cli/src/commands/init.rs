//! `keyreeve init`.

use std::path::PathBuf;

use clap::Args;
use keyreeve_server::start::{self, Log};

use super::server::{ServerFlags, started};
use crate::errors::Result;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  keyreeve init --dir /var/lib/keyreeve --passphrase-file /run/secrets/keyreeve --out-dir ~/keyreeve-admin
  keyreeve init --config /etc/keyreeve.toml";

/// Prepare a data folder for `keyreeve server`: root key, CA, and the first administrator.
///
/// Writes the administrator's `ca.pem`, `client.pem`, `client.key` and `token`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Init {
    #[command(flatten)]
    server: ServerFlags,
    /// Folder for the administrator's files
    #[arg(long, value_name = "DIR", default_value = ".")]
    out_dir: PathBuf,
}

impl Init {
    /// Makes the store and the files.
    ///
    /// # Errors
    /// There is a store already, or something cannot be written.
    pub(super) fn run(self) -> Result<()> {
        let _log = Log::Server.start(Some("warn"));
        let config = self.server.config()?;
        started(start::init(&config, &self.out_dir))?;
        let (data, out) = (config.data.dir.display(), self.out_dir.display());
        output::message(&format!(
            "{data} is ready for `keyreeve server`; the administrator's ca.pem, client.pem, client.key and token are in {out}"
        ));
        Ok(())
    }
}
