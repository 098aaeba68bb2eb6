//! `keyreeve key show`.

use clap::Args;

use super::{path, print};
use crate::client::with_query;
use crate::commands::Session;
use crate::errors::Result;

/// Show a key with its versions; no material.
#[derive(Args)]
pub(crate) struct Show {
    /// The key
    name: String,
    /// As it was: a time as in RFC 3339, or the position of a journal entry
    #[arg(long, value_name = "TIME|LSN")]
    as_of: Option<String>,
}

impl Show {
    /// Asks and prints.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let past: Vec<_> = self.as_of.into_iter().map(|at| ("as_of", at)).collect();
        print(session, &session.client()?.get(&with_query(&path(&self.name, ""), &past))?)
    }
}
