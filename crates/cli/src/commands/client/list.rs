//! `keyreeve client list`.

use clap::Args;
use serde_json::Value;

use crate::commands::{Session, text};
use crate::errors::Result;
use crate::listing::Listing;

/// List clients with their certificates and tokens, by name.
#[derive(Args)]
pub(crate) struct List {}

impl List {
    /// Asks page by page and prints as it goes.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let headings = ["name", "roles", "client revoked", "credential", "serial", "expires", "revoked"];
        let (path, field) = ("/v1/clients", "clients");
        let listing = Listing { path, field, query: Vec::new(), headings: &headings, limit: None };
        listing.print(&mut session.client()?, session.format, |_| true, rows)
    }
}

/// One row a credential; one for the client alone where it has none.
fn rows(client: &Value) -> Vec<Vec<String>> {
    let nothing = [Value::Null];
    let credentials = client.get("credentials").and_then(Value::as_array).filter(|list| !list.is_empty());
    let row = |credential: &Value| {
        let of_client = ["name", "roles", "revoked"].map(|field| text(client, field));
        let of_credential = ["kind", "serial", "expires", "revoked"].map(|field| text(credential, field));
        [&of_client[..], &of_credential[..]].concat()
    };
    credentials.map_or(&nothing[..], Vec::as_slice).iter().map(row).collect()
}
