//! `keyreeve policy ...`: the commands about how keys live, in two files: documents and what they are attached to (`documents`),
//! and what they say and would do (`foresee`). Here: their list. A key's own policy is set by `key create` and `key set`.

mod documents;
mod foresee;

use clap::Subcommand;

use super::Session;
use crate::errors::Result;

/// Say how keys live: policies with dates, cryptoperiods, rotation and names, for the realm, for tags or for single keys.
#[derive(Subcommand)]
pub(crate) enum Policy {
    Apply(documents::Apply),
    List(documents::List),
    Show(documents::Show),
    Remove(documents::Remove),
    Attach(documents::Attach),
    Detach(documents::Detach),
    Check(foresee::Check),
    Plan(foresee::Plan),
}

impl Policy {
    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Apply(command) => command.run(session),
            Self::List(command) => command.run(session),
            Self::Show(command) => command.run(session),
            Self::Remove(command) => command.run(session),
            Self::Attach(command) => command.run(session),
            Self::Detach(command) => command.run(session),
            Self::Check(command) => command.run(session),
            Self::Plan(command) => command.run(session),
        }
    }
}
