//! `keyreeve token ...`: the commands that manage bearer tokens one by one, one file each. Here: their list.

mod create;
mod list;
mod renew;
mod revoke;

use clap::Subcommand;
use serde_json::Value;

use super::Session;
use crate::errors::Result;

/// Manage bearer tokens, each of one client.
#[derive(Subcommand)]
pub(crate) enum Token {
    Create(create::Create),
    List(list::List),
    Renew(renew::Renew),
    Revoke(revoke::Revoke),
}

impl Token {
    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Create(command) => command.run(session),
            Self::List(command) => command.run(session),
            Self::Renew(command) => command.run(session),
            Self::Revoke(command) => command.run(session),
        }
    }
}

/// What the token in an answer is narrowed to, in words; nothing where it is not.
pub(super) fn scope(told: &Value) -> String {
    let scope = &told["scope"];
    let listed = |field: &str, of: fn(&Value) -> &Value| {
        let words = scope[field].as_array().into_iter().flatten().filter_map(|word| of(word).as_str());
        words.collect::<Vec<_>>().join(", ")
    };
    let (actions, keys) = (listed("actions", |action| action), listed("keys", |key| &key["name"]));
    match (actions.is_empty(), keys.is_empty()) {
        (_, true) => actions,
        (true, false) => keys,
        (false, false) => format!("{actions} with {keys}"),
    }
}
