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

use std::net::IpAddr;

use clap::{Args, Subcommand};
use serde_json::Value;

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

/// By what way the requests come that are asked about.
#[derive(Args)]
pub(crate) struct Way {
    /// Protocol of the request that is asked about; rest where none is named
    #[arg(long, value_parser = ["rest", "kmip"])]
    protocol: Option<String>,
    /// Address that the request comes from; this machine's, as the server sees it, where none is named
    #[arg(long, value_name = "IP")]
    source: Option<IpAddr>,
}

impl Way {
    fn tell(&self, body: &mut Value) {
        if let Some(protocol) = &self.protocol {
            body["protocol"] = protocol.as_str().into();
        }
        if let Some(source) = self.source {
            body["source"] = source.to_string().into();
        }
    }
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
