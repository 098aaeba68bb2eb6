//! `keyreeve root change-unlock`.

use std::path::PathBuf;

use clap::Args;
use keyreeve_server::config::{Config, Data};
use keyreeve_server::offline::root;

use super::{Unlocks, print};
use crate::commands::Session;
use crate::commands::server::started;
use crate::errors::Result;
use crate::input;

const EXAMPLES: &str = "\
Examples:
  keyreeve root change-unlock --key-file old.key --new-key-file new.key --shares 5 --threshold 3 --shares-dir shares
  keyreeve root change-unlock --share-file 1.txt --share-file 4.txt --share-file 5.txt --new-key-file new.key
  keyreeve root change-unlock --dir /var/lib/keyreeve --passphrase-file old --new-passphrase-file new   (no server runs)";

/// Change what unlocks the root key: only what is named as new does from now on. Everything stays sealed as it is.
///
/// A copy of the data folder's root.json from before still opens by what opened it. Where somebody may have both, replace
/// the root key instead.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ChangeUnlock {
    /// Change it in this data folder, which no server has open, instead of asking a server
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    unlocks: Unlocks,
}

impl ChangeUnlock {
    /// Changes it and prints what unlocks the root key now.
    ///
    /// # Errors
    /// As every request; nothing or the wrong thing unlocks it.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let unlocks = &self.unlocks;
        let Some(dir) = self.dir else { return unlocks.ask_server(session, "/v1/root/unlock") };
        let config = Config { data: Data { dir }, unlock: unlocks.old(), ..Config::default() };
        unlocks.with_shares(session, |shares| {
            started(root::change_unlock(&config, &unlocks.new_files(), shares, input::asker()))
        })?;
        print(session, &started(root::status_json(&config))?)
    }
}
