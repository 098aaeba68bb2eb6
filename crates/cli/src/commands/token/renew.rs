//! `keyreeve token renew`.

use clap::Args;
use serde_json::json;

use crate::client::segment;
use crate::commands::{Session, text};
use crate::errors::Result;
use crate::output::{self, Format};

/// Let a token that still counts last until another day. The token itself stays the same, and so does what it is narrowed to.
#[derive(Args)]
pub(crate) struct Renew {
    /// Id of the token, as `token list` tells it
    id: String,
    /// Days that it is valid from now on
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3650))]
    days: u16,
}

impl Renew {
    /// Asks and prints how long it lasts.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let path = format!("/v1/tokens/{}/renew", segment(&self.id));
        let renewed = session.client()?.post(&path, &json!({ "days": self.days }))?;
        match session.format {
            Format::Json => output::json(&renewed),
            Format::Table => {
                output::pairs(&["client", "id", "expires"].map(|field| (field, text(&renewed, field))))
            }
        }
    }
}
