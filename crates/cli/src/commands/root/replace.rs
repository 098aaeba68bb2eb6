//! `keyreeve root replace`.

use clap::Args;

use super::Unlocks;
use crate::commands::Session;
use crate::errors::Result;

const EXAMPLES: &str = "\
Examples:
  keyreeve root replace --key-file old.key --new-key-file new.key --shares 5 --threshold 3 --shares-dir shares
  keyreeve root status                               how far it has come";

/// Replace the root key, where the former one or what unlocks it may be in wrong hands.
///
/// The server goes on meanwhile: it seals everything anew under the new root key, and destroys the former leaves, so that
/// the former root key opens none of it. Backups from before need the former root key, which is kept, wrapped by the new
/// one.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Replace {
    #[command(flatten)]
    unlocks: Unlocks,
}

impl Replace {
    /// Asks the server and prints what unlocks the new root key.
    ///
    /// # Errors
    /// As every request; nothing or the wrong thing unlocks the former.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        self.unlocks.ask_server(session, "/v1/root/replace")
    }
}
