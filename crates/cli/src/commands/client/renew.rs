//! `keyreeve client renew`.

use clap::Args;
use serde_json::Map;

use super::credentials::Credentials;
use crate::client::segment;
use crate::commands::Session;
use crate::errors::Result;

const EXAMPLES: &str = "\
Examples:
  keyreeve client renew billing
  keyreeve client renew billing --csr billing.csr --replace";

/// Give a client another certificate; files of the same names are replaced.
///
/// The older certificate lasts until it expires, so that the client can change over in its own time.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Renew {
    /// The client
    name: String,
    /// The older certificates stop counting at once
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    credentials: Credentials,
}

impl Renew {
    /// Asks, writes the files, prints who the client is.
    ///
    /// # Errors
    /// As every request; a file cannot be written.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut client = session.client()?;
        let mut body = Map::new();
        body.insert("replace".into(), self.replace.into());
        self.credentials.ask(&mut client, &mut body)?;
        let answer = client.post(&format!("/v1/clients/{}/renew", segment(&self.name)), &body.into())?;
        self.credentials.write(session, &self.name, answer)
    }
}
