//! `keyreeve status`.

use clap::Args;
use serde_json::Value;

use super::{Session, erasure, text};
use crate::errors::Result;
use crate::output::{self, Format};

/// Show the server's state and who you are to it.
#[derive(Args)]
pub(crate) struct Status {}

impl Status {
    /// Asks and prints.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let status = session.client()?.get("/v1/status")?;
        if session.format == Format::Json {
            return output::json(&status);
        }
        let fields = [
            "version",
            "ready",
            "uptime_seconds",
            "lsn",
            "principal",
            "roles",
            "disk_full",
            "acknowledged_by",
            "erasures_pending",
        ];
        // The last is told to administrators and auditors only.
        let told = fields.into_iter().filter(|field| status.get(field).is_some());
        let mut pairs: Vec<_> = told.map(|field| (field, text(&status, field))).collect();
        for trouble in status.get("troubles").and_then(Value::as_array).into_iter().flatten() {
            pairs.push(("trouble", erasure::trouble(trouble)));
        }
        for archive in status.get("archives").and_then(Value::as_array).into_iter().flatten() {
            let (entries, ms) = (text(archive, "lag_entries"), text(archive, "lag_ms"));
            let trouble = match text(archive, "trouble") {
                trouble if trouble.is_empty() => trouble,
                trouble => format!(": {trouble}"),
            };
            let is_breached = archive.get("breached") == Some(&Value::Bool(true));
            let objective = if is_breached { ", more than its objective" } else { "" };
            let target = text(archive, "target");
            let behind = format!("{target}, behind by {entries} entries, {ms} ms{objective}{trouble}");
            pairs.push(("archive", behind));
        }
        output::pairs(&pairs)
    }
}
