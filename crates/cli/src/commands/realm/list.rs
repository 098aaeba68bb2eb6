//! `keyreeve realm list`.

use clap::Args;
use serde_json::Value;

use crate::commands::{Session, text};
use crate::errors::Result;
use crate::output::{self, Format};

/// List all realms, those that were deleted too.
#[derive(Args)]
pub(crate) struct List {}

impl List {
    /// Asks, prints a line each.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let answer = session.client()?.get("/v1/realms")?;
        match session.format {
            Format::Json => output::json(&answer),
            Format::Table => {
                let fields = ["name", "id", "created", "deleted"];
                let realms = answer.get("realms").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                let rows: Vec<_> =
                    realms.iter().map(|one| fields.map(|field| text(one, field)).to_vec()).collect();
                output::table(&fields, &rows)
            }
        }
    }
}
