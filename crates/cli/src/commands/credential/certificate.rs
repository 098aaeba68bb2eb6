//! `keyreeve credential certificate`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::print;
use crate::commands::approval::tell_of_rule;
use crate::commands::client::Role;
use crate::commands::{Session, word};
use crate::errors::Result;
use crate::input;

const EXAMPLES: &str = "\
Examples:
  keyreeve credential certificate billing --role user --organisation corp --name spiffe://corp.example/billing
  keyreeve credential certificate array --organisation corp --certificate array.pem";

/// Take an organisation's client certificates for a client: of one that is there, or with --role of a new one.
///
/// The configuration names the organisations, in tables of authn.certificates, and which name in their certificates counts.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Certificate {
    /// The client
    client: String,
    /// The organisation, as the configuration calls it
    #[arg(long)]
    organisation: String,
    /// The name in its certificates
    #[arg(long, required_unless_present = "certificate", conflicts_with = "certificate")]
    name: Option<String>,
    /// A certificate with that name, in PEM; of those on record none is compared but the name
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Days that this counts; without it until it is revoked
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3650))]
    days: Option<u16>,
    /// Make a new client that may do this, as for `client add`; repeat for more
    #[arg(long = "role", value_enum)]
    roles: Vec<Role>,
}

impl Certificate {
    /// Asks and prints the credential.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let pem = self.certificate.as_deref().map(|file| input::data(Some(file))).transpose()?;
        let pem = pem.map(|pem| String::from_utf8_lossy(&pem).into_owned());
        let certificate = json!({ "organisation": self.organisation, "name": self.name, "pem": pem });
        let mut body = json!({ "client": self.client, "days": self.days, "certificate": certificate });
        if !self.roles.is_empty() {
            body["roles"] = self.roles.iter().map(|role| word(*role)).collect::<Vec<_>>().into();
        }
        let made = session.client()?.post("/v1/credentials", &body)?;
        tell_of_rule(&made);
        print(session, &made)
    }
}
