//! `keyreeve realm create`.

use clap::Args;
use serde_json::{Map, Value};

use crate::commands::Session;
use crate::commands::client::Credentials;
use crate::errors::{Failure, Result};

const EXAMPLES: &str = "\
Examples:
  keyreeve realm create payments --admin alice               alice.pem and alice.key, in this folder
  keyreeve realm create payments --admin alice --csr alice.csr    for a key that alice made herself";

/// Make a realm with its first administrator, who alone can do anything in it.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Create {
    /// Its name: small letters, digits and . _ -
    name: String,
    /// Name of its administrator: letters, digits and . _ - @ :
    #[arg(long = "admin", value_name = "NAME")]
    administrator: String,
    /// Also make a bearer token, in NAME.token
    #[arg(long, conflicts_with = "p12")]
    token: bool,
    #[command(flatten)]
    credentials: Credentials,
}

impl Create {
    /// Asks, writes the administrator's files, prints who that is.
    ///
    /// # Errors
    /// As every request; a file is there already or cannot be written.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        self.credentials.check_free(&self.administrator, self.token)?;
        let mut client = session.client()?;
        let mut body = Map::new();
        body.insert("name".into(), self.name.clone().into());
        body.insert("administrator".into(), self.administrator.clone().into());
        body.insert("token".into(), self.token.into());
        self.credentials.ask(&mut client, &mut body)?;
        let mut answer = client.post("/v1/realms", &body.into())?;
        let administrator = answer.get_mut("administrator").map(Value::take);
        let administrator = administrator.ok_or_else(|| Failure::answer("no \"administrator\""))?;
        self.credentials.write(session, &self.administrator, administrator)
    }
}
