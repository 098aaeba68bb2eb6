//! `keyreeve credential jwt`.

use clap::Args;
use serde_json::json;

use super::print;
use crate::commands::approval::tell_of_rule;
use crate::commands::client::Role;
use crate::commands::{Session, word};
use crate::errors::Result;

const EXAMPLES: &str = "\
Examples:
  keyreeve credential jwt alice --issuer corp --subject 4f2c       another way in for a client that is there
  keyreeve credential jwt billing --role user --issuer cluster --subject system:serviceaccount:shop:billing";

/// Take an issuer's JSON Web Tokens for a client: of one that is there, or with --role of a new one.
///
/// The configuration names the issuers, in tables of authn.jwt. A client shows such a token as its bearer token.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Jwt {
    /// The client
    name: String,
    /// The issuer, as the configuration calls it
    #[arg(long)]
    issuer: String,
    /// Whom its tokens name: the claim `sub`, or the one that the configuration says
    #[arg(long)]
    subject: String,
    /// Days that this counts; without it until it is revoked
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3650))]
    days: Option<u16>,
    /// Make a new client that may do this, as for `client add`; repeat for more
    #[arg(long = "role", value_enum)]
    roles: Vec<Role>,
    /// The new client is a person, whom `audit erase-subject` can erase
    #[arg(long, requires = "roles")]
    person: bool,
}

impl Jwt {
    /// Asks and prints the credential.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let jwt = json!({ "issuer": self.issuer, "subject": self.subject });
        let mut body = json!({ "client": self.name, "days": self.days, "jwt": jwt });
        if !self.roles.is_empty() {
            body["roles"] = self.roles.iter().map(|role| word(*role)).collect::<Vec<_>>().into();
        }
        if self.person {
            body["person"] = true.into();
        }
        let made = session.client()?.post("/v1/credentials", &body)?;
        tell_of_rule(&made);
        print(session, &made)
    }
}
