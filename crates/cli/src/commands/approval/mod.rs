//! `keyreeve approval ...`: the commands of dual control. Here: their list, and how one request that waits is printed.

mod decide;
mod list;
mod rules;
mod show;

use clap::Subcommand;
use serde_json::Value;

use super::{Session, text};
use crate::errors::Result;
use crate::output::{self, Format};

/// Says so where an answer tells that the realm got its approval rule with its second administrator.
pub(in crate::commands) fn tell_of_rule(answer: &Value) {
    let rule = text(answer, "approval_rule");
    if !rule.is_empty() {
        output::message(&format!(
            "there are two administrators now: the approval rule {rule} holds from now on (keyreeve approval rules)"
        ));
    }
}

/// Let others approve what one alone shall not do.
#[derive(Subcommand)]
pub(crate) enum Approval {
    List(list::List),
    Show(show::Show),
    Approve(decide::Approve),
    Deny(decide::Deny),
    Require(rules::Require),
    Rules(rules::Rules),
    Release(rules::Release),
}

impl Approval {
    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::List(command) => command.run(session),
            Self::Show(command) => command.run(session),
            Self::Approve(command) => command.run(session),
            Self::Deny(command) => command.run(session),
            Self::Require(command) => command.run(session),
            Self::Rules(command) => command.run(session),
            Self::Release(command) => command.run(session),
        }
    }
}

/// Prints one request with all that it would do.
fn print(session: &Session, answer: &Value) -> Result<()> {
    if session.format == Format::Json {
        return output::json(answer);
    }
    let mut lines: Vec<(&str, String)> =
        ["id", "state", "asked_by", "action"].into_iter().map(|field| (field, text(answer, field))).collect();
    for term in answer.get("terms").and_then(Value::as_array).into_iter().flatten() {
        let name = term.get("name").and_then(Value::as_str).unwrap_or_default();
        lines.push((name, text(term, "value")));
    }
    let names = answer.get("approved").and_then(Value::as_array).into_iter().flatten();
    let names: Vec<String> = names.map(|said| text(said, "principal")).collect();
    lines.push(("approved by", names.join(", ")));
    lines.extend(["missing", "expires", "request_sha256"].map(|field| (field, text(answer, field))));
    output::pairs(&lines)
}
