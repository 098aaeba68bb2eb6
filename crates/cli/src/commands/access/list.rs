//! `keyreeve access list`.

use clap::Args;
use serde_json::Value;

use crate::commands::{Session, text};
use crate::errors::Result;
use crate::output::{self, Format};

/// List the access rules.
#[derive(Args)]
pub(crate) struct List {}

impl List {
    /// Asks, prints a line each.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut answer = session.client()?.get("/v1/access/rules")?;
        match session.format {
            Format::Json => {
                if let Some(fields) = answer.as_object_mut() {
                    ["roles", "schema"].iter().for_each(|field| drop(fields.remove(*field)));
                }
                output::json(&answer)
            }
            Format::Table => {
                let fields = ["name", "changed", "by"];
                let rules = answer.get("rules").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                let rows: Vec<_> =
                    rules.iter().map(|rule| fields.map(|field| text(rule, field)).to_vec()).collect();
                output::table(&fields, &rows)
            }
        }
    }
}
