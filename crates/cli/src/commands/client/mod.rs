//! `keyreeve client ...`: the commands that manage clients, one file each. Here: their list. What clients get is in
//! credentials.rs.

mod add;
mod change;
mod credentials;
mod list;
mod password;
mod renew;
mod revoke;

use clap::Subcommand;

use super::Session;
use crate::errors::Result;
pub(super) use add::Role;
pub(super) use credentials::Credentials;

/// Manage clients: principals with certificates of the server's CA.
#[derive(Subcommand)]
pub(crate) enum Client {
    Add(add::Add),
    Change(change::Change),
    List(list::List),
    Password(password::Password),
    Renew(renew::Renew),
    Revoke(revoke::Revoke),
}

impl Client {
    /// Whether its request is told to nobody: a password belongs on no command line.
    pub(crate) fn works_here(&self) -> bool {
        matches!(self, Self::Password(_))
    }

    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Add(command) => command.run(session),
            Self::Change(command) => command.run(session),
            Self::List(command) => command.run(session),
            Self::Password(command) => command.run(session),
            Self::Renew(command) => command.run(session),
            Self::Revoke(command) => command.run(session),
        }
    }
}
