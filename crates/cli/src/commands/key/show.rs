//! `keyreeve key show`.

use clap::Args;

use super::{path, print};
use crate::commands::Session;
use crate::errors::Result;

/// Show a key with its versions; no material.
#[derive(Args)]
pub(crate) struct Show {
    /// The key
    name: String,
}

impl Show {
    /// Asks and prints.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        print(session, &session.client()?.get(&path(&self.name, ""))?)
    }
}
