//! `keyreeve index ...`: the index of a data folder.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use keyreeve_server::offline::index;

use super::server::started;
use super::unlock::UnlockFlags;
use super::{Session, text};
use crate::errors::Result;
use crate::output::{self, Format};
use crate::progress::Progress;

const EXAMPLES: &str = "\
Examples:
  keyreeve index rebuild --dir /var/lib/keyreeve --key-file /etc/keyreeve/root.key
  KEYREEVE_ROOT_KEY=root.key keyreeve index rebuild --dir /var/lib/keyreeve";

/// Make the index of a data folder anew.
#[derive(Subcommand)]
pub(crate) enum Index {
    Rebuild(Rebuild),
}

impl Index {
    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Rebuild(command) => command.run(session),
        }
    }
}

/// Make the index of a data folder anew from its journal, without a server.
///
/// The index only makes things quick to find, and holds nothing that the journal has not. A server that finds it missing,
/// or damaged, makes it anew before it starts; this does it where you choose, and shows how far it has come. The old index
/// stays until the new one is whole.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Rebuild {
    /// The data folder, which no server has open
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    #[command(flatten)]
    unlock: UnlockFlags,
}

impl Rebuild {
    /// Makes it, and prints what it holds.
    ///
    /// # Errors
    /// A server has the folder open, nothing unlocks the root key, or the journal is damaged.
    fn run(self, session: &Session) -> Result<()> {
        let progress = Progress::counted();
        let told = Box::new(move |doing, done, total| progress.count(doing, done, total));
        let rebuilt = started(index::rebuild(&self.dir, &self.unlock.by(), told))?;
        match session.format {
            Format::Json => output::json(&rebuilt),
            Format::Table => {
                output::pairs(&["lsn", "entries", "records"].map(|name| (name, text(&rebuilt, name))))
            }
        }
    }
}
