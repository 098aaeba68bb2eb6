//! `keyreeve init`.

use std::path::PathBuf;

use clap::Args;
use keyreeve_server::config::LogConfig;
use keyreeve_server::offline::shares::Shares;
use keyreeve_server::start::{self, Log};

use super::Session;
use super::server::{ServerFlags, started};
use super::shares::NewShares;
use crate::errors::Result;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  keyreeve init --dir /var/lib/keyreeve --passphrase-file /run/secrets/keyreeve --out-dir ~/keyreeve-admin
  keyreeve init --config /etc/keyreeve.toml --key-file /etc/keyreeve.key --shares 5 --threshold 3 --shares-dir shares";

/// Prepare a data folder for `keyreeve server`: root key, CA, and the first administrator.
///
/// The root key is unlocked by a passphrase, a key file (made where it is missing), recovery shares, or one of the two and
/// shares beside it. Writes the administrator's `ca.pem`, `client.pem`, `client.key` and `token`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Init {
    #[command(flatten)]
    server: ServerFlags,
    /// Folder for the administrator's files
    #[arg(long, value_name = "DIR", default_value = ".")]
    out_dir: PathBuf,
    #[command(flatten)]
    shares: NewShares,
}

impl Init {
    /// Makes the store and the files.
    ///
    /// # Errors
    /// There is a store already, or something cannot be written.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let _log = Log::Server.start(&LogConfig { level: "warn".into() });
        let config = self.server.config()?;
        self.shares.check(session.format)?;
        let hand_out = |shares: &Shares| self.shares.hand_out(shares);
        let new = |(count, threshold)| start::NewShares { count, threshold, hand_out: &hand_out };
        started(start::init(&config, &self.out_dir, self.shares.wanted().map(new).as_ref()))?;
        let (data, out) = (config.data.dir.display(), self.out_dir.display());
        output::message(&format!(
            "{data} is ready for `keyreeve server`; the administrator's ca.pem, client.pem, client.key and token are in {out}"
        ));
        Ok(())
    }
}
