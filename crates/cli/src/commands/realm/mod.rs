//! `keyreeve realm ...`: the commands for a realm as a whole, one file each.

mod create;
mod delete;
mod erase;
mod list;
mod show;

use clap::Subcommand;

use super::Session;
use crate::errors::Result;

/// Make, list and delete realms, and erase one.
///
/// A realm has keys, clients, rules and administrators of its own, and reaches nothing in another. Administrators of the first
/// realm make and delete realms; what is in them they neither see nor use.
#[derive(Subcommand)]
pub(crate) enum Realm {
    Create(create::Create),
    Delete(delete::Delete),
    Erase(erase::Erase),
    List(list::List),
    Show(show::Show),
}

impl Realm {
    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Create(command) => command.run(session),
            Self::Delete(command) => command.run(session),
            Self::Erase(command) => command.run(session),
            Self::List(command) => command.run(session),
            Self::Show(command) => command.run(session),
        }
    }
}
