//! `keyreeve object ...`: secrets, certificates and opaque objects, one file a command. Here: their list. Their further life
//! is that of keys (key).

mod add;
mod get;
mod list;
mod show;

use clap::{Subcommand, ValueEnum};

use super::Session;
use crate::errors::Result;

/// Keep secrets, certificates and opaque objects. `key` revokes, disables, tags and destroys them, too.
#[derive(Subcommand)]
pub(crate) enum Object {
    Add(add::Add),
    List(list::List),
    Show(show::Show),
    Get(get::Get),
}

/// Kind of object.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Type {
    /// A password, a token: bytes that nobody computes with
    Secret,
    /// An X.509 certificate, in PEM
    Certificate,
    /// Anything else
    Opaque,
}

impl Object {
    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Add(command) => command.run(session),
            Self::List(command) => command.run(session),
            Self::Show(command) => command.run(session),
            Self::Get(command) => command.run(session),
        }
    }
}
