//! `keyreeve access explain`.

use clap::Args;
use serde_json::Value;

use crate::commands::{Session, text};
use crate::errors::Result;
use crate::output::{self, Format};

/// Tell what decided a request that is on record: what it was told then, and what would be decided now.
#[derive(Args)]
pub(crate) struct Explain {
    /// Position of its entry in the journal
    lsn: u64,
}

impl Explain {
    /// Asks, prints what is known.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let answer = session.client()?.get(&format!("/v1/access/explain/{}", self.lsn))?;
        match session.format {
            Format::Json => output::json(&answer),
            Format::Table => {
                let fields = ["time", "principal", "action", "key", "outcome", "detail"];
                let mut pairs: Vec<_> = fields.iter().map(|field| (*field, text(&answer, field))).collect();
                let now = answer.get("now").filter(|now| !now.is_null());
                let told = |now: &Value| format!("{}: {}", text(now, "allowed"), text(now, "by"));
                let waits: Vec<_> =
                    answer.get("waits_for").and_then(Value::as_array).into_iter().flatten().collect();
                if waits.is_empty() {
                    pairs.push(("allowed now", now.map_or_else(|| "nobody can tell".into(), told)));
                } else {
                    let names = waits.into_iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
                    pairs.push(("waits for", format!("approval by {names}")));
                }
                output::pairs(&pairs)
            }
        }
    }
}
