//! `keyreeve token list`.

use std::ops::ControlFlow;

use clap::Args;

use crate::commands::{Session, text};
use crate::errors::Result;
use crate::output::{self, Format};

/// Clients in one page, which is one entry of the journal.
const PAGE_CLIENTS: usize = 1000;

/// List tokens by client, without the secrets, which nobody has but their owners.
#[derive(Args)]
pub(crate) struct List {
    /// Only those of this client
    name: Option<String>,
}

impl List {
    /// Asks for all pages and prints them.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut query = vec![("limit", PAGE_CLIENTS.to_string())];
        query.extend(self.name.map(|name| ("client", name)));
        let mut tokens = Vec::new();
        session.client()?.pages("/v1/tokens", None, &query, "tokens", |token| {
            tokens.push(token);
            Ok(ControlFlow::Continue(()))
        })?;
        if session.format == Format::Json {
            return output::json(&tokens.into());
        }
        let headings = ["client", "created", "expires", "revoked", "id"];
        let rows: Vec<_> =
            tokens.iter().map(|token| headings.map(|field| text(token, field)).to_vec()).collect();
        output::table(&headings, &rows)
    }
}
