//! `keyreeve key show`.

use clap::Args;

use super::{grant, path, print};
use crate::client::with_query;
use crate::commands::Session;
use crate::errors::Result;
use crate::output::{self, Format};

/// Show a key with its versions and who else may use it; no material.
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
        let now = self.as_of.is_none();
        let past: Vec<_> = self.as_of.into_iter().map(|at| ("as_of", at)).collect();
        let mut client = session.client()?;
        print(session, &client.get(&with_query(&path(&self.name, ""), &past))?)?;
        if session.format == Format::Json || !now {
            return Ok(());
        }
        let grants = grant::all(&mut client, &self.name)?;
        if grants.is_empty() {
            return Ok(());
        }
        output::line("")?;
        grant::print(&grants)
    }
}
