//! `keyreeve access ...`: the commands about who may do what, one file each. Here: their list. Roles and groups of clients
//! are in `client change`, grants in `key grant`.

mod apply;
mod check;
mod explain;
mod list;
mod remove;
mod show;
mod simulate;
mod test;

use clap::Subcommand;

use super::Session;
use crate::errors::Result;

/// Say who may do what: access rules (Cedar) beside roles and grants.
#[derive(Subcommand)]
pub(crate) enum Access {
    Apply(apply::Apply),
    List(list::List),
    Show(show::Show),
    Remove(remove::Remove),
    Check(check::Check),
    Explain(explain::Explain),
    Simulate(simulate::Simulate),
    Test(test::Test),
}

impl Access {
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
            Self::Check(command) => command.run(session),
            Self::Explain(command) => command.run(session),
            Self::Simulate(command) => command.run(session),
            Self::Test(command) => command.run(session),
        }
    }
}
