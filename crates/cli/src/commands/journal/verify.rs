//! `keyreeve journal verify`.

use clap::Args;
use serde_json::json;

use crate::commands::{Session, text};
use crate::errors::{Kind, Result};
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
        let verified = match session.client()?.post("/v1/journal/verify", &json!({})) {
            Err(failure) if failure.kind() == Kind::Verification && session.format == Format::Json => {
                output::json(&json!({ "valid": false, "detail": failure.to_string() }))?;
                return Err(failure);
            }
            answered => answered?,
        };
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
