//! `keyreeve access show`.

use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use crate::commands::{Session, required};
use crate::errors::{Failure, Kind, Result};
use crate::output::{self, Audience, Format};

/// Show access rules as Cedar text: one, all, the ready-made roles, or the schema that rules are written by.
#[derive(Args)]
#[command(group(ArgGroup::new("what")))]
pub(crate) struct Show {
    /// The rule; without it all are shown, as `access apply` takes them
    #[arg(group = "what")]
    name: Option<String>,
    /// Show the ready-made roles
    #[arg(long, group = "what")]
    roles: bool,
    /// Show the schema: entities, attributes and actions
    #[arg(long, group = "what")]
    schema: bool,
}

impl Show {
    /// Asks, prints the text.
    ///
    /// # Errors
    /// `NotFound` where there is no such rule; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let answer = session.client()?.get("/v1/access/rules")?;
        let shown = match (&self.name, self.roles, self.schema) {
            (_, true, _) => required(&answer, "roles")?.to_owned(),
            (_, _, true) => required(&answer, "schema")?.to_owned(),
            (name, ..) => rules(&answer, name.as_deref())?,
        };
        match session.format {
            Format::Json => output::json(&json!({ "text": shown })),
            Format::Table => output::bytes(shown.as_bytes(), None, Audience::Umask),
        }
    }
}

fn rules(answer: &Value, name: Option<&str>) -> Result<String> {
    let rules = answer.get("rules").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut shown = String::new();
    for rule in rules {
        if name.is_none_or(|name| rule.get("name").and_then(Value::as_str) == Some(name)) {
            shown.push_str(required(rule, "text")?);
            shown.push('\n');
        }
    }
    match name {
        Some(name) if shown.is_empty() => Err(Failure::new(
            Kind::State,
            format!("there is no access rule {name}; `access list` lists them"),
        )),
        _ => Ok(shown),
    }
}
