//! `keyreeve key rotate`.

use clap::Args;
use serde_json::json;

use super::{path, print};
use crate::commands::Session;
use crate::errors::{Failure, Result};

/// Give a key a new version, which protects from now on; the older ones still decrypt and verify.
///
/// Of a key that waits for `key activate`, the new version waits too. A revoked key is in use again, by its new version.
#[derive(Args)]
pub(crate) struct Rotate {
    /// The key
    name: String,
}

impl Rotate {
    /// Asks and prints the key.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let rotated = session.client()?.post(&path(&self.name, "/rotate"), &json!({}));
        print(session, &rotated.map_err(|failure| self.hinted(failure))?)
    }

    /// What the server has not made it cannot make anew.
    fn hinted(&self, failure: Failure) -> Failure {
        match failure.code() {
            Some("wrong_usage") => failure.with_hint(&format!(
                "`keyreeve key import {0} --as-version` and, of secrets, certificates and opaque objects, `keyreeve object add \
                 {0} --as-version` bring a new version",
                self.name
            )),
            _ => failure,
        }
    }
}
