//! `keyreeve token ...`: the commands that manage bearer tokens one by one, one file each. Here: their list.

mod create;
mod list;
mod revoke;

use clap::Subcommand;

use super::Session;
use crate::errors::Result;

/// Manage bearer tokens, each of one client.
#[derive(Subcommand)]
pub(crate) enum Token {
    Create(create::Create),
    List(list::List),
    Revoke(revoke::Revoke),
}

impl Token {
    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Create(command) => command.run(session),
            Self::List(command) => command.run(session),
            Self::Revoke(command) => command.run(session),
        }
    }
}
