//! `keyreeve token revoke`.

use clap::Args;
use serde_json::json;

use crate::client::segment;
use crate::commands::{Session, text};
use crate::errors::Result;
use crate::output::{self, Format};

/// Revoke one token: it counts no more from the next request on. Its client and all else of it stay.
#[derive(Args)]
pub(crate) struct Revoke {
    /// Id of the token, as `token list` tells it
    id: String,
}

impl Revoke {
    /// Asks and prints what was revoked.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let path = format!("/v1/tokens/{}/revoke", segment(&self.id));
        let revoked = session.client()?.post(&path, &json!({}))?;
        match session.format {
            Format::Json => output::json(&revoked),
            Format::Table => {
                output::pairs(&["client", "id", "revoked"].map(|field| (field, text(&revoked, field))))
            }
        }
    }
}
