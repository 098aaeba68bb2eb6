//! `keyreeve backup prune`.

use clap::Args;
use serde_json::json;

use crate::commands::{Session, address, text};
use crate::errors::Result;
use crate::output::{self, Format};

/// Remove what a target need not keep any more. What is kept can be restored after as before.
#[derive(Args)]
pub(crate) struct Prune {
    /// The target: a path, a file:// or an s3:// address
    #[arg(long, value_name = "TARGET")]
    from: String,
    /// Keep so many of the newest full backups, and all since the oldest of them
    #[arg(long, value_name = "COUNT")]
    keep_full: u32,
    /// Keep every state of so many past days
    #[arg(long, value_name = "DAYS")]
    keep_days: u32,
    /// Only tell what would be removed
    #[arg(long)]
    dry_run: bool,
}

impl Prune {
    /// Asks for it and prints what is gone and what stays.
    ///
    /// # Errors
    /// As every request; the target cannot be reached or is another's.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let body = json!({
            "from": address(&self.from)?,
            "keep_full": self.keep_full,
            "keep_days": self.keep_days,
            "dry_run": self.dry_run,
        });
        let pruned = session.client()?.post("/v1/backups/prune", &body)?;
        if session.format == Format::Json {
            return output::json(&pruned);
        }
        let removed = pruned.get("removed").and_then(serde_json::Value::as_array).map_or(0, Vec::len);
        output::pairs(&[
            (if self.dry_run { "would be removed" } else { "removed" }, format!("{removed} objects")),
            ("bytes", text(&pruned, "bytes")),
            ("full backups kept", text(&pruned, "kept_fulls")),
        ])
    }
}
