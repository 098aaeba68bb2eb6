//! `keyreeve token list`.

use clap::Args;
use serde_json::Value;

use super::scope;
use crate::commands::{Session, text};
use crate::errors::Result;
use crate::listing::Listing;

/// List tokens by client, without the secrets, which nobody has but their owners.
#[derive(Args)]
pub(crate) struct List {
    /// Only those of this client
    name: Option<String>,
}

impl List {
    /// Asks page by page and prints as it goes.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let query = self.name.map(|name| ("client", name)).into_iter().collect();
        let fields = ["id", "client", "created", "expires", "revoked"];
        let headings = ["id", "client", "created", "expires", "revoked", "scope"];
        let listing =
            Listing { path: "/v1/tokens", field: "tokens", query, headings: &headings, limit: None };
        let row = |token: &Value| {
            vec![fields.map(|field| text(token, field)).into_iter().chain([scope(token)]).collect()]
        };
        listing.print(&mut session.client()?, session.format, |_| true, row)
    }
}
