//! `keyreeve key archive` and `keyreeve key recover`.

use clap::Args;
use serde_json::json;

use super::{path, print};
use crate::commands::Session;
use crate::errors::Result;

/// Set a key or an object aside for later: it serves nobody and is handed out to nobody until `key recover`.
///
/// What is known of it can be read, and its life goes on: it can be revoked and destroyed.
#[derive(Args)]
pub(crate) struct Archive {
    /// The key or object
    name: String,
}

/// Take a key or an object out of the archive, in the state that it has by then.
#[derive(Args)]
pub(crate) struct Recover {
    /// The key or object
    name: String,
}

impl Archive {
    /// Asks and prints the key.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        print(session, &session.client()?.post(&path(&self.name, "/archive"), &json!({}))?)
    }
}

impl Recover {
    /// Asks and prints the key.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        print(session, &session.client()?.post(&path(&self.name, "/recover"), &json!({}))?)
    }
}
