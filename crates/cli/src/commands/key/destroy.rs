//! `keyreeve key destroy`.

use clap::Args;
use serde_json::json;

use super::{path, print};
use crate::commands::Session;
use crate::errors::Result;
use crate::input;

/// Erase the material of all versions of a key, for ever: nothing that it protects can be read again.
///
/// Active versions are taken out of use in the same step. Asks for the key's name at a terminal.
#[derive(Args)]
pub(crate) struct Destroy {
    /// The key
    name: String,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

impl Destroy {
    /// Asks for consent, then for the destruction, and prints what is left of the key.
    ///
    /// # Errors
    /// `Usage` without consent; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut client = session.client()?;
        input::consent(self.yes, "destroy the key", &self.name)?;
        print(session, &client.post(&path(&self.name, "/destroy"), &json!({}))?)
    }
}
