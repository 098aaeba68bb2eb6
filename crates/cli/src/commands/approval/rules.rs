//! `keyreeve approval require`, `rules` and `release`.

use clap::Args;
use serde_json::{Value, json};

use crate::client::segment;
use crate::commands::client::Role;
use crate::commands::{Session, text, word};
use crate::errors::Result;
use crate::output::{self, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve approval require destroying --actions destroy --needs 1 --role admin
  keyreeve approval require payroll --actions get,destroy --key payroll --needs 2 --group board";

/// Let actions wait until others have approved them. Changing such a rule needs the approvals of every rule from then on.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Require {
    /// The rule's name
    name: String,
    /// Actions, as the journal names them
    #[arg(long, required = true, value_delimiter = ',', value_name = "ACTIONS")]
    actions: Vec<String>,
    /// Only with this key; repeat for more
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<String>,
    /// How many others must approve
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    needs: u8,
    /// Whoever has this role may approve; repeat for more
    #[arg(long = "role", value_enum, required_unless_present = "groups")]
    roles: Vec<Role>,
    /// Whoever is in this group may approve; repeat for more
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// Hours that a request and its approvals count
    #[arg(long, default_value_t = 24, value_name = "HOURS")]
    hours: u16,
}

/// List which actions need whose approval.
#[derive(Args)]
pub(crate) struct Rules {}

/// Take such a rule away: a change that others must approve itself.
#[derive(Args)]
pub(crate) struct Release {
    /// The rule's name
    name: String,
}

const FIELDS: [&str; 7] = ["name", "actions", "keys", "needs", "roles", "groups", "hours"];

impl Require {
    /// Asks, prints the rule.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let roles: Vec<_> = self.roles.iter().map(|role| word(*role)).collect();
        let body = json!({
            "actions": self.actions,
            "keys": self.keys,
            "needs": self.needs,
            "roles": roles,
            "groups": self.groups,
            "hours": self.hours,
        });
        let answer = session.client()?.put(&path(&self.name), &body)?;
        match session.format {
            Format::Json => output::json(&answer),
            Format::Table => output::pairs(&FIELDS.map(|field| (field, text(&answer, field)))),
        }
    }
}

impl Rules {
    /// Asks, prints a line each.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let answer = session.client()?.get("/v1/approval-rules")?;
        match session.format {
            Format::Json => output::json(&answer),
            Format::Table => {
                let rules = answer.get("rules").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                let rows: Vec<_> =
                    rules.iter().map(|rule| FIELDS.map(|field| text(rule, field)).to_vec()).collect();
                output::table(&FIELDS, &rows)
            }
        }
    }
}

impl Release {
    /// Asks.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        session.client()?.delete(&path(&self.name)).map(drop)
    }
}

fn path(name: &str) -> String {
    format!("/v1/approval-rules/{}", segment(name))
}
