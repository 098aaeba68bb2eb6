//! `keyreeve client list`.

use std::ops::ControlFlow;

use clap::Args;
use serde_json::Value;

use crate::commands::{Session, text};
use crate::errors::Result;
use crate::output::{self, Format};

/// Clients in one page, which is one entry of the journal.
const PAGE_CLIENTS: usize = 1000;

/// List clients with their certificates and tokens: all pages, by name.
#[derive(Args)]
pub(crate) struct List {}

impl List {
    /// Asks for all pages and prints them.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut clients = Vec::new();
        let query = [("limit", PAGE_CLIENTS.to_string())];
        session.client()?.pages("/v1/clients", None, &query, "clients", |client| {
            clients.push(client);
            Ok(ControlFlow::Continue(()))
        })?;
        if session.format == Format::Json {
            return output::json(&clients.into());
        }
        let rows: Vec<_> = clients.iter().flat_map(rows).collect();
        output::table(
            &["name", "roles", "client revoked", "credential", "serial", "expires", "revoked"],
            &rows,
        )
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
