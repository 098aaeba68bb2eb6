//! `keyreeve client add`.

use clap::{Args, ValueEnum};
use serde_json::{Map, json};

use super::credentials::Credentials;
use crate::commands::approval::tell_of_rule;
use crate::commands::{Session, word};
use crate::errors::Result;

const EXAMPLES: &str = "\
Examples:
  keyreeve client add billing                        billing.pem and billing.key, in this folder
  keyreeve client add billing --csr billing.csr      for a key that the client made itself
  keyreeve client add array --pin array.pem          for an old appliance with a certificate of its own
  keyreeve client add auditor --role auditor --p12 auditor.p12";

/// Make a client with a certificate of the server's CA.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Add {
    /// Its name: letters, digits and . _ - @ :
    name: String,
    /// What it may do: admin everything, operator manage all keys and use none, user make keys and use its own and
    /// granted ones, auditor read metadata and journal; repeat for more
    #[arg(long = "role", value_enum, default_values_t = [Role::User])]
    roles: Vec<Role>,
    /// Also make a bearer token, in NAME.token
    #[arg(long, conflicts_with = "p12")]
    token: bool,
    /// A person: its name, and what its requests say, stand sealed, so that `audit erase-subject` can erase them
    #[arg(long)]
    person: bool,
    #[command(flatten)]
    credentials: Credentials,
}

/// A built-in role.
#[derive(Clone, Copy, ValueEnum)]
pub(in crate::commands) enum Role {
    Admin,
    Operator,
    User,
    Auditor,
}

impl Add {
    /// Asks, writes the files, prints who the client is.
    ///
    /// # Errors
    /// As every request; a file is there already or cannot be written.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        self.credentials.check_free(&self.name, self.token)?;
        let mut client = session.client()?;
        let mut body = Map::new();
        body.insert("name".into(), self.name.clone().into());
        body.insert("roles".into(), json!(self.roles.iter().map(|role| word(*role)).collect::<Vec<_>>()));
        body.insert("token".into(), self.token.into());
        if self.person {
            body.insert("person".into(), true.into());
        }
        self.credentials.ask(&mut client, &mut body)?;
        let answer = client.post("/v1/clients", &body.into())?;
        tell_of_rule(&answer);
        self.credentials.write(session, &self.name, answer)
    }
}
