//! `keyreeve journal verify`.

use clap::Args;
use serde_json::json;

use crate::commands::{Session, text};
use crate::errors::Result;
use crate::output::{self, Format};

/// Have the server check its whole journal: checksums, hash chain, positions.
///
/// Prints the newest position and the hash that stands for everything before it. Exit code 5: it is damaged.
#[derive(Args)]
pub(crate) struct Verify {}

impl Verify {
    /// Asks and prints.
    ///
    /// # Errors
    /// `Verification` where the journal is damaged; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let verified = session.client()?.post("/v1/journal/verify", &json!({}))?;
        match session.format {
            Format::Json => output::json(&verified),
            Format::Table => output::line(&format!(
                "the journal is whole up to entry {}; its head is {}",
                text(&verified, "lsn"),
                text(&verified, "head")
            )),
        }
    }
}
