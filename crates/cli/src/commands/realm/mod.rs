//! `keyreeve realm ...`: the commands for a realm as a whole, one file each.

mod erase;

use clap::Subcommand;

use super::Session;
use crate::errors::Result;

/// Erase a realm.
#[derive(Subcommand)]
pub(crate) enum Realm {
    Erase(erase::Erase),
}

impl Realm {
    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Erase(command) => command.run(session),
        }
    }
}
