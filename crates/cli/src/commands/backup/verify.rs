//! `keyreeve backup verify`.

use std::sync::OnceLock;

use clap::Args;
use keyreeve_server::offline::backups::{self, Deep};
use serde_json::Value;

use crate::commands::server::started;
use crate::commands::unlock::UnlockFlags;
use crate::commands::{Session, address, text};
use crate::errors::{Failure, Kind, Result};
use crate::output::{self, Format};
use crate::progress::Progress;

const EXAMPLES: &str = "\
Examples:
  keyreeve backup verify --from /mnt/backup/keyreeve
  KEYREEVE_ROOT_KEY=root.key keyreeve backup verify --from s3://bucket/keyreeve --deep";

/// Verify every object at a target, without a server: lengths, hashes, and that the journal's chain has no gap.
///
/// With --deep also every byte that is sealed, and that all live keys open: the newest state is put together in a scratch
/// folder (in TMPDIR; as large as the index, sealed like it), as a restore does it. What a killed one left there goes with the
/// next. Of other full backups every byte and record is read.
/// Exit code 5 where anything is wrong, or could not be looked into.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Verify {
    /// The target: a path, a file:// or an s3:// address
    #[arg(long, value_name = "TARGET")]
    from: String,
    /// Open everything; takes what unlocks the root key
    #[arg(long)]
    deep: bool,
    /// Where the epoch key is, if the target has none: a cell's file, or the address of another target
    #[arg(long, value_name = "PLACE", requires = "deep")]
    cell: Option<String>,
    #[command(flatten)]
    unlock: UnlockFlags,
}

impl Verify {
    /// Reads all of it and prints what was found.
    ///
    /// # Errors
    /// `Verification` where anything is wrong; the target cannot be reached; the root key is not unlocked.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let cell = self.cell.as_deref().map(address).transpose()?;
        let deep = self.deep.then(|| Deep { by: self.unlock.by(), cell });
        // Not before there is something to tell: until then a passphrase may be asked for.
        let progress = OnceLock::new();
        let told = Box::new(move |doing, done, total| {
            progress.get_or_init(Progress::counted).count(doing, done, total);
        });
        let verified = started(backups::verify(&address(&self.from)?, deep.as_ref(), told))?;
        let problems = verified.get("problems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        match session.format {
            Format::Json => output::json(&verified)?,
            Format::Table => {
                let fields = [
                    "target",
                    "good",
                    "deep",
                    "objects",
                    "bytes",
                    "full_backups",
                    "opened",
                    "entry",
                    "opened_from",
                ];
                output::pairs(&fields.map(|field| (field, text(&verified, field))))?;
                for problem in problems {
                    output::message(&format!("{}: {}", text(problem, "path"), text(problem, "what")));
                }
            }
        }
        match problems.len() {
            0 => Ok(()),
            count => {
                let text = format!("{count} things are wrong at {}", text(&verified, "target"));
                Err(Failure::new(Kind::Verification, text))
            }
        }
    }
}
