//! `keyreeve recover ...`: what a quorum of recovery shares does where nobody else can, while no server runs.

mod administrator;
mod break_glass;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use keyreeve_server::config::{Config, Data, LogConfig, UnlockFile};
use keyreeve_server::offline::recover::{self, Recovered};
use keyreeve_server::start::Log;
use serde_json::json;

use super::Session;
use crate::commands::server::started;
use crate::errors::Result;
use crate::input;
use crate::output::{self, Format};

/// Replace a lost administrator, or get access for an emergency, by recovery shares.
#[derive(Subcommand)]
pub(crate) enum Recover {
    Administrator(administrator::Administrator),
    BreakGlass(break_glass::BreakGlass),
}

impl Recover {
    /// Runs the command.
    ///
    /// # Errors
    /// Too few or wrong shares; a process has the store open; a file is there already or cannot be written.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Administrator(command) => command.run(session),
            Self::BreakGlass(command) => command.run(session),
        }
    }
}

/// Where it is done, and by what.
#[derive(Args)]
struct Place {
    /// The data folder, which no server has open
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// File of the machine's epoch key, where it is not beside the data folder
    #[arg(long, value_name = "FILE")]
    cell: Option<PathBuf>,
    /// The realm that is administered
    #[arg(long, value_name = "NAME", default_value = "default")]
    realm: String,
    /// File with recovery shares, a share a line; repeat for more. Without it they are asked for
    #[arg(long = "share-file", value_name = "FILE")]
    share_files: Vec<PathBuf>,
    /// Folder for NAME.pem, NAME.key and NAME.token
    #[arg(long, value_name = "DIR", default_value = ".")]
    out_dir: PathBuf,
}

impl Place {
    /// Opens the store, changes it, writes the files.
    fn recover(self, session: &Session, name: &str, what: (Option<&str>, Option<u8>)) -> Result<()> {
        let _log = Log::Server.start(&LogConfig { level: "error".into() });
        let unlock = UnlockFile { share_files: self.share_files, ..UnlockFile::default() };
        let mut config = Config { data: Data { dir: self.dir }, unlock, ..Config::default() };
        config.sealing.cell = self.cell;
        let (realm, (replaces, hours)) = (&*self.realm, what);
        let wanted = Recovered { name, realm, replaces, hours };
        let files = started(recover::administrator(&config, &wanted, &self.out_dir, input::asker()))?;
        match session.format {
            Format::Json => {
                output::json(&json!({ "name": name, "realm": realm, "hours": hours, "files": files }))
            }
            Format::Table => {
                let files = files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>();
                let ends = hours.map_or_else(|| "never".to_owned(), |hours| format!("in {hours} h"));
                let (name, realm) = (name.to_owned(), realm.to_owned());
                output::pairs(&[("name", name), ("realm", realm), ("ends", ends), ("files", files.join(","))])
            }
        }
    }
}
