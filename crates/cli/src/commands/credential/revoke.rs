//! `keyreeve credential revoke`.

use clap::Args;
use serde_json::json;

use super::print;
use crate::client::segment;
use crate::commands::Session;
use crate::errors::Result;

/// Revoke one credential of any kind: it counts no more from the next request on. Its client and all else of it stay.
#[derive(Args)]
pub(crate) struct Revoke {
    /// Id of the credential, as `client list -o json` tells it
    id: String,
}

impl Revoke {
    /// Asks and prints what was revoked.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let path = format!("/v1/credentials/{}/revoke", segment(&self.id));
        print(session, &session.client()?.post(&path, &json!({}))?)
    }
}
