//! `keyreeve restore`.

use std::path::PathBuf;
use std::sync::OnceLock;

use clap::Args;
use keyreeve_server::offline::restore::{self, Wanted};
use serde_json::Value;

use super::server::started;
use super::unlock::UnlockFlags;
use super::{Session, address, text};
use crate::errors::Result;
use crate::output::{self, Format};
use crate::progress::Progress;

const EXAMPLES: &str = "\
Examples:
  keyreeve restore --from /mnt/backup/keyreeve --into /var/lib/keyreeve --share-file 1.txt --share-file 4.txt --share-file 5.txt
  KEYREEVE_ROOT_KEY=root.key keyreeve restore --from s3://bucket/keyreeve --into restored
  keyreeve restore --from /mnt/backup/keyreeve --to 2026-11-20T10:00:00Z --into restored --preview";

/// Restore a store from a backup target into a new data folder, without a server.
///
/// Where a full backup or a piece of the journal is damaged, others that lead to the same state are taken, with a warning.
/// What is gone from the target altogether refuses the restore, until --to names an entry or a time before it. What was
/// destroyed stays destroyed, and what was revoked stays revoked, also where --to names a time before: nothing overrides
/// that. Every key is opened once before this ends. Nothing at the target changes until the restored store is started: then it claims its
/// targets, and the machine before is fenced at its next write there.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Restore {
    /// The target: a path, a file:// or an s3:// address
    #[arg(long, value_name = "TARGET")]
    from: String,
    /// The state at this time (RFC 3339) or after this entry (LSN), instead of the newest
    #[arg(long, value_name = "TIME|LSN")]
    to: Option<String>,
    /// The new data folder
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// Only tell what would appear, disappear, change and stay; the folder stays empty
    #[arg(long)]
    preview: bool,
    /// Keep the keys that were made after --to
    #[arg(long, requires = "to")]
    keep_new: bool,
    /// Where the epoch key is, if the target has none: a cell's file, or the address of another target
    #[arg(long, value_name = "PLACE")]
    cell: Option<String>,
    #[command(flatten)]
    unlock: UnlockFlags,
}

impl Restore {
    /// Restores and prints what came of it, and the next step.
    ///
    /// # Errors
    /// The folder is not new, the target holds no backup, nothing unlocks the root key, or a key does not come back.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let wanted = Wanted {
            from: address(&self.from)?,
            to: self.to,
            into: self.into,
            is_preview: self.preview,
            keep_new: self.keep_new,
            cell: self.cell.as_deref().map(address).transpose()?,
        };
        // Not before there is something to tell: until then a passphrase may be asked for.
        let progress = OnceLock::new();
        let told = Box::new(move |doing, done, total| {
            progress.get_or_init(Progress::counted).count(doing, done, total);
        });
        let report = started(restore::restore(&wanted, &self.unlock.by(), told))?;
        if session.format == Format::Json {
            output::json(&report)?;
        } else {
            print(&report)?;
        }
        for damage in report.get("damaged").and_then(Value::as_array).into_iter().flatten() {
            output::message(&format!(
                "warning: {} is damaged, and was gone round: {}",
                text(damage, "object"),
                text(damage, "what")
            ));
        }
        let dir = wanted.into.display();
        output::message(&match self.preview {
            true => format!("nothing was restored; without --preview {dir} becomes this"),
            false => format!(
                "{dir} is ready for `keyreeve server --dir {dir}`, with what unlocks its root key. Its first start claims \
                 the targets: the machine before must not run any more"
            ),
        });
        Ok(())
    }
}

fn print(report: &Value) -> Result<()> {
    let verified = report.get("verified").unwrap_or(&Value::Null);
    let list = |name| report.get(name).unwrap_or(&Value::Null);
    let count = |name| text(list(name), "count");
    output::pairs(&[
        ("from", text(report, "from")),
        ("into", text(report, "into")),
        ("store", text(report, "store")),
        ("timeline", text(report, "timeline")),
        (
            "state",
            format!("entry {} of {}, {}", text(report, "lsn"), text(report, "head"), text(report, "time")),
        ),
        ("replayed", format!("{} entries", text(report, "replayed"))),
        (
            "verified",
            format!("{} records, {} keys opened", text(verified, "records"), text(verified, "opened")),
        ),
        ("appears", count("appears")),
        ("disappears", count("disappears")),
        ("changes", count("changes")),
        ("stays", count("stays")),
    ])?;
    let mut rows = Vec::new();
    for name in ["appears", "disappears", "changes", "stays"] {
        for line in list(name).get("lines").and_then(Value::as_array).into_iter().flatten() {
            rows.push(vec![
                name.to_owned(),
                text(line, "what"),
                text(line, "name"),
                text(line, "id"),
                text(line, "why"),
            ]);
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    output::table(&["then", "what", "name", "id", "why"], &rows)
}
