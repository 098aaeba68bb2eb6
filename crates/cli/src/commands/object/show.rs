//! `keyreeve object show`.

use clap::Args;

use crate::client::segment;
use crate::commands::Session;
use crate::commands::key::print;
use crate::errors::Result;

/// Show an object with its versions; not its bytes.
#[derive(Args)]
pub(crate) struct Show {
    /// The object
    name: String,
}

impl Show {
    /// Asks and prints.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        print(session, &session.client()?.get(&format!("/v1/objects/{}", segment(&self.name)))?)
    }
}
