//! `keyreeve access check`.

use clap::Args;
use serde_json::{Value, json};

use super::Way;
use crate::commands::{Session, name_and_value, text};
use crate::errors::{Failure, Kind, Result};
use crate::output::{self, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve access check billing decrypt cards
  keyreeve access check billing decrypt cards --context customer=42
  keyreeve access check billing create";

/// Tell whether a client may do something, and why. Exit code 3 where it may not.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Check {
    /// The client
    client: String,
    /// The action, as in the journal
    action: String,
    /// The key, where the action is about one
    key: Option<String>,
    /// Encryption context of the request that is asked about; repeat for more
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    context: Vec<(String, String)>,
    #[command(flatten)]
    way: Way,
}

impl Check {
    /// Asks, prints yes or no and why.
    ///
    /// # Errors
    /// `Denied` where it may not; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut body = json!({ "principal": self.client, "action": self.action });
        self.way.tell(&mut body);
        body["context"] =
            self.context.iter().map(|(name, value)| (name.clone(), Value::from(value.clone()))).collect();
        if let Some(key) = &self.key {
            body["key"] = key.as_str().into();
        }
        let answer = session.client()?.post("/v1/access/check", &body)?;
        let allowed = answer.get("allowed").and_then(Value::as_bool).unwrap_or_default();
        match session.format {
            Format::Json => output::json(&answer)?,
            Format::Table => output::pairs(&["allowed", "by"].map(|field| (field, text(&answer, field))))?,
        }
        match allowed {
            true => Ok(()),
            false => {
                let with = self.key.map(|key| format!(" with {key}")).unwrap_or_default();
                let text = format!("{} may not {}{with}", self.client, self.action);
                Err(Failure::new(Kind::Denied, text))
            }
        }
    }
}
