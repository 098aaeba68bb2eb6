//! `keyreeve backup ...`: the commands for backups, one file each. Here: their list.

mod create;
mod drill;
mod list;
mod prune;
mod verify;

use clap::Subcommand;

use super::Session;
use crate::errors::Result;

/// Make, list, verify and prune backups, and prove that restoring from them works.
#[derive(Subcommand)]
pub(crate) enum Backup {
    Create(create::Create),
    List(list::List),
    Verify(verify::Verify),
    Prune(prune::Prune),
    Drill(drill::Drill),
}

impl Backup {
    /// Whether it reads the target here.
    pub(crate) fn works_here(&self) -> bool {
        matches!(self, Self::List(_) | Self::Verify(_))
    }

    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Create(command) => command.run(session),
            Self::List(command) => command.run(session),
            Self::Verify(command) => command.run(session),
            Self::Prune(command) => command.run(session),
            Self::Drill(command) => command.run(session),
        }
    }
}
