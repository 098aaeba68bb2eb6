//! `keyreeve client ...`: the commands that manage clients, one file each. Here: their list. What clients get is in
//! credentials.rs.

mod add;
mod credentials;
mod list;
mod renew;
mod revoke;

use clap::Subcommand;

use super::Session;
use crate::errors::Result;
pub(super) use add::Role;

/// Manage clients: principals with certificates of the server's CA.
#[derive(Subcommand)]
pub(crate) enum Client {
    Add(add::Add),
    List(list::List),
    Renew(renew::Renew),
    Revoke(revoke::Revoke),
}

impl Client {
    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Add(command) => command.run(session),
            Self::List(command) => command.run(session),
            Self::Renew(command) => command.run(session),
            Self::Revoke(command) => command.run(session),
        }
    }
}
