//! `keyreeve context ...`: the commands that keep servers and identities under names, one file each. Here: their list.

mod add;
mod list;
mod remove;
mod switch;

use clap::Subcommand;

use super::Session;
use crate::contexts::Contexts;
use crate::errors::Result;

/// Keep servers and identities under names, in ~/.config/keyreeve/contexts.toml.
#[derive(Subcommand)]
pub(crate) enum Context {
    Add(add::Add),
    Use(switch::Use),
    List(list::List),
    Remove(remove::Remove),
}

impl Context {
    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Add(command) => command.run(session),
            Self::Use(command) => command.run(),
            Self::List(command) => command.run(session),
            Self::Remove(command) => command.run(),
        }
    }
}

/// The contexts of this user.
///
/// # Errors
/// The file cannot be read, or is none of contexts.
fn contexts() -> Result<Contexts> {
    Contexts::load(&|name: &str| std::env::var(name).ok().filter(|value| !value.is_empty()))
}
