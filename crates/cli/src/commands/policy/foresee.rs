//! `keyreeve policy check` and `policy plan`: what policies say of a key now, and what one would do to all.

use clap::Args;
use serde_json::Value;

use crate::client::{segment, with_query};
use crate::commands::{Session, text};
use crate::errors::Result;
use crate::output::{self, Format};

/// Tell what the policies that hold for a key say of it now, and when the server rotates it.
#[derive(Args)]
pub(crate) struct Check {
    /// The key, by name or id
    key: String,
}

impl Check {
    /// Asks, prints a line for each policy and use.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let answer = session.client()?.get(&format!("/v1/keys/{}/policy", segment(&self.key)))?;
        if session.format == Format::Json {
            return output::json(&answer);
        }
        table(&answer, "said", &["policy", "action", "outcome", "why"])?;
        let rotation = text(&answer, "next_rotation");
        let told = if rotation.is_empty() {
            "the server does not rotate it".into()
        } else {
            format!("rotated on {rotation}")
        };
        output::message(&told);
        Ok(())
    }
}

/// Tell what a policy would do to all keys of the realm, were it attached to it: rotations, warnings and refusals, by date.
///
/// Nothing changes.
#[derive(Args)]
pub(crate) struct Plan {
    /// The policy
    name: String,
    /// Look so many days ahead
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u16).range(0..=3660))]
    days: u16,
}

impl Plan {
    /// Asks, prints a line for each event.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let path = format!("/v1/policies/{}/plan", segment(&self.name));
        let answer = session.client()?.get(&with_query(&path, &[("days", self.days.to_string())]))?;
        if session.format == Format::Json {
            return output::json(&answer);
        }
        table(&answer, "events", &["time", "key", "version", "action", "outcome", "why"])?;
        if answer.get("complete").and_then(Value::as_bool) != Some(true) {
            output::message("there is more: not all keys or events were looked at");
        }
        Ok(())
    }
}

fn table(answer: &Value, list: &str, fields: &[&str]) -> Result<()> {
    let rows = answer.get(list).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let rows: Vec<_> = rows.iter().map(|row| fields.iter().map(|field| text(row, field)).collect()).collect();
    output::table(fields, &rows)
}
