//! `keyreeve alert ...`: what should be looked at by somebody, and what became of it. Not here: the rules.

mod replay;
mod settle;

use clap::Subcommand;
use keyreeve_server::alerts;
use serde_json::{Value, json};

use super::{Session, text};
use crate::errors::Result;
use crate::output::{self, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve alert list
  keyreeve alert show 17
  keyreeve alert ack 17 --note 'the load test of Tuesday'
  keyreeve alert snooze 18 --hours 8 --reason 'the array is being moved'
  keyreeve alert suppress silent-client --hours 48 --reason 'site B is switched off'
  keyreeve alert replay --since 2026-11-01T00:00:00Z";

/// See what the server noticed in the journal that somebody should look at, and say what became of it.
#[derive(Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Alert {
    List(settle::List),
    Show(settle::Show),
    Ack(settle::Ack),
    Snooze(settle::Snooze),
    Suppress(settle::Suppress),
    Resume(settle::Resume),
    Rules(Rules),
    Replay(replay::Replay),
}

impl Alert {
    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::List(command) => command.run(session),
            Self::Show(command) => command.run(session),
            Self::Ack(command) => command.run(session),
            Self::Snooze(command) => command.run(session),
            Self::Suppress(command) => command.run(session),
            Self::Resume(command) => command.run(session),
            Self::Rules(Rules {}) => {
                let rules = json!({ "rules": alerts::rules_json() });
                shown(session, &rules, "rules", &["rule", "notices"])
            }
            Self::Replay(command) => command.run(session),
        }
    }
}

/// List the rules, and what each notices.
#[derive(clap::Args)]
pub(crate) struct Rules {}

/// Prints a list of an answer: as JSON, or these fields of each.
fn shown(session: &Session, answer: &Value, list: &str, fields: &[&str]) -> Result<()> {
    if session.format == Format::Json {
        return output::json(answer);
    }
    let rows = answer.get(list).and_then(Value::as_array).into_iter().flatten();
    let rows: Vec<_> = rows.map(|row| fields.iter().map(|field| text(row, field)).collect()).collect();
    output::table(fields, &rows)
}
