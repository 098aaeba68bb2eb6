//! `keyreeve config ...`. Here: their list.

mod explain;

use clap::Subcommand;

use super::Session;
use crate::errors::Result;

/// What can be configured.
#[derive(Subcommand)]
pub(crate) enum Config {
    Explain(explain::Explain),
}

impl Config {
    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Explain(command) => command.run(session),
        }
    }
}
