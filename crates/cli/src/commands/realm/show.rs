//! `keyreeve realm show`.

use clap::Args;

use crate::client::segment;
use crate::commands::{Session, text};
use crate::errors::Result;
use crate::output::{self, Format};

/// Show a realm, and whether it is empty.
#[derive(Args)]
pub(crate) struct Show {
    /// Its name
    name: String,
}

impl Show {
    /// Asks and prints.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let answer = session.client()?.get(&format!("/v1/realms/{}", segment(&self.name)))?;
        match session.format {
            Format::Json => output::json(&answer),
            Format::Table => {
                let fields = ["name", "id", "created", "deleted", "empty"];
                output::pairs(&fields.map(|field| (field, text(&answer, field))))
            }
        }
    }
}
