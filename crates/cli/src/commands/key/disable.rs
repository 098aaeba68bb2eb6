//! `keyreeve key disable` and `keyreeve key enable`.

use clap::Args;
use serde_json::json;

use super::{path, print};
use crate::commands::Session;
use crate::errors::Result;

/// Set a key aside: it serves nobody over any protocol until `key enable`.
///
/// Its life goes on otherwise: it can be revoked and destroyed, and comes back in the state that it has then.
#[derive(Args)]
pub(crate) struct Disable {
    /// The key
    name: String,
}

/// Take a disabled key into use again, in the state that it has.
#[derive(Args)]
pub(crate) struct Enable {
    /// The key
    name: String,
}

impl Disable {
    /// Asks and prints the key.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        print(session, &session.client()?.post(&path(&self.name, "/disable"), &json!({}))?)
    }
}

impl Enable {
    /// Asks and prints the key.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        print(session, &session.client()?.post(&path(&self.name, "/enable"), &json!({}))?)
    }
}
