//! `keyreeve backup create`.

use clap::Args;
use serde_json::{Value, json};

use crate::commands::{Session, address, text};
use crate::errors::Result;
use crate::output::{self, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve backup create --to /mnt/backup/keyreeve
  keyreeve backup create --to s3://bucket/keyreeve --full -o json

A bucket's endpoint, region and credentials are in the environment of the server: AWS_ENDPOINT_URL, AWS_REGION,
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.";

/// Make a backup at a target: a folder that the server reaches, or a bucket.
///
/// The first backup registers the target: from then on the server ships its journal there as it grows, and keeps an epoch
/// key in a cell beside the archive. That key and the root key are what a restore needs. Destroying a key reaches every
/// registered target.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Create {
    /// The target: a path, a file:// or an s3:// address
    #[arg(long, value_name = "TARGET")]
    to: String,
    /// The whole state, as it is now
    #[arg(long, conflicts_with = "incremental")]
    full: bool,
    /// Only the journal since the last backup; the default where the target holds a full one
    #[arg(long)]
    incremental: bool,
    /// Keep no epoch key at the target: restoring from it alone is not possible then, and needs --cell
    #[arg(long)]
    no_cell: bool,
    /// Also where another machine with this store's keys has the target, which is fenced then
    #[arg(long)]
    take_over: bool,
}

impl Create {
    /// Asks for it and prints what was made.
    ///
    /// # Errors
    /// As every request; the target cannot be reached, cannot hold a cell, or is another's.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut body =
            json!({ "to": address(&self.to)?, "cell": !self.no_cell, "take_over": self.take_over });
        match (self.full, self.incremental) {
            (true, _) => body["kind"] = "full".into(),
            (_, true) => body["kind"] = "incremental".into(),
            _ => {}
        }
        let made = session.client()?.post("/v1/backups", &body)?;
        if made.get("registered").and_then(Value::as_bool) == Some(true) {
            output::message(match self.no_cell {
                false => {
                    "the target is registered: the journal goes there as it grows, with the epoch key beside it"
                }
                true => {
                    "the target is registered without an epoch key: a restore from it needs another place that has it (--cell)"
                }
            });
        }
        if session.format == Format::Json {
            return output::json(&made);
        }
        let fields = ["target", "registered", "kind", "lsn", "rows", "bytes", "bytes_written"];
        output::pairs(&fields.map(|field| (field, text(&made, field))))
    }
}
