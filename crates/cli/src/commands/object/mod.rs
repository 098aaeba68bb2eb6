//! `keyreeve object ...`: secrets, certificates, opaque objects and parts of keys, one file a command. Here: their list. Their further life
//! is that of keys (key).

mod add;
mod get;
mod list;
mod show;

use clap::{Subcommand, ValueEnum};

use super::Session;
use crate::errors::Result;

/// Keep secrets, certificates, opaque objects and parts of keys. `key` revokes, disables, archives, tags and destroys them, too.
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
    #[value(alias = "secret")]
    SecretData,
    /// An X.509 certificate, in PEM
    Certificate,
    /// Anything else
    #[value(alias = "opaque")]
    OpaqueObject,
    /// A part of a key, as `key split` makes them
    SplitKey,
}

/// How a secret is split.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SplitMethod {
    /// Shamir's sharing of single bytes
    Gf256,
    /// Shamir's sharing of pairs of bytes
    Gf65536,
    /// All parts are needed
    Xor,
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
