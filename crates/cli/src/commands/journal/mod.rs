//! `keyreeve journal ...`.

mod show;
mod tail;
mod verify;

use clap::Subcommand;

use super::Session;
use crate::errors::Result;
pub(super) use show::print_entries;

/// Read the journal, follow it, or have it verified.
#[derive(Subcommand)]
pub(crate) enum Journal {
    Show(show::Show),
    Tail(tail::Tail),
    Verify(verify::Verify),
}

impl Journal {
    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Show(command) => command.run(session),
            Self::Tail(command) => command.run(session),
            Self::Verify(command) => command.run(session),
        }
    }
}
