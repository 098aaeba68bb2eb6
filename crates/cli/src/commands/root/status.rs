//! `keyreeve root status`.

use std::path::PathBuf;

use clap::Args;
use keyreeve_server::config::{Config, Data};
use keyreeve_server::offline::root;

use super::print;
use crate::commands::Session;
use crate::commands::server::started;
use crate::errors::Result;

/// Show the root key's version, what unlocks it, and how far a replacement has come.
#[derive(Args)]
pub(crate) struct Status {
    /// Look into this data folder instead of asking a server
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Status {
    /// Whether it looks into a data folder.
    pub(super) fn works_here(&self) -> bool {
        self.dir.is_some()
    }

    /// Prints it.
    ///
    /// # Errors
    /// As every request; there is no store in the folder.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let status = match self.dir {
            Some(dir) => started(root::status_json(&Config { data: Data { dir }, ..Config::default() }))?,
            None => session.client()?.get("/v1/root")?,
        };
        print(session, &status)
    }
}
