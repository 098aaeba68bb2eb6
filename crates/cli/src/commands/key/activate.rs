//! `keyreeve key activate`.

use clap::Args;
use serde_json::json;

use super::{path, print};
use crate::commands::Session;
use crate::errors::Result;

/// Put a key into use that was made to wait.
#[derive(Args)]
pub(crate) struct Activate {
    /// The key
    name: String,
}

impl Activate {
    /// Asks and prints the key.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        print(session, &session.client()?.post(&path(&self.name, "/activate"), &json!({}))?)
    }
}
