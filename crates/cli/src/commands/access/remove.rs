//! `keyreeve access remove`.

use clap::Args;

use crate::client::segment;
use crate::commands::{Session, text};
use crate::errors::Result;
use crate::output::{self, Format};

/// Take an access rule away, from the next request on.
#[derive(Args)]
pub(crate) struct Remove {
    /// The rule
    name: String,
}

impl Remove {
    /// Asks, prints the new revision.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let answer = session.client()?.delete(&format!("/v1/access/rules/{}", segment(&self.name)))?;
        match session.format {
            Format::Json => output::json(&answer),
            Format::Table => {
                output::pairs(&["removed", "revision"].map(|field| (field, text(&answer, field))))
            }
        }
    }
}
