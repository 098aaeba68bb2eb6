//! `keyreeve key restore`.

use clap::Args;
use serde_json::json;

use super::{path, print};
use crate::commands::Session;
use crate::errors::Result;

const EXAMPLES: &str = "\
Examples:
  keyreeve key restore demo --as-of 2026-01-31T12:00:00Z
  keyreeve key restore demo --as-of 4711";

/// Bring name, tags, policy, attributes and plans of a key back as they were, and versions out of their waiting period.
///
/// What was destroyed, revoked or used up stays so, newer versions stay, and nothing becomes easier to take away.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Restore {
    /// The key, as it is named now
    name: String,
    /// A time as in RFC 3339, or the position of a journal entry
    #[arg(long, value_name = "TIME|LSN")]
    as_of: String,
}

impl Restore {
    /// Asks and prints the key.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        print(
            session,
            &session.client()?.post(&path(&self.name, "/restore"), &json!({ "as_of": self.as_of }))?,
        )
    }
}
