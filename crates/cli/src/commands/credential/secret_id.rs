//! `keyreeve credential secret-id`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::print;
use crate::commands::approval::tell_of_rule;
use crate::commands::client::Role;
use crate::commands::{Session, required, word};
use crate::errors::Result;
use crate::output::{self, Audience, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve credential secret-id billing --role user --out billing.secret-id
  keyreeve credential secret-id billing --uses 1 --days 1 --from 10.1.0.0/16 > billing.secret-id";

/// Make a secret id, by which a machine logs in: of a client that is there, or with --role of a new one. It is shown this
/// once.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SecretId {
    /// The client
    name: String,
    /// Logins that it is good for; without it any number
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    uses: Option<u32>,
    /// Network that a login may come from, such as 10.1.0.0/16; repeat for more
    #[arg(long = "from", value_name = "NETWORK")]
    networks: Vec<String>,
    /// Days that it counts; without it until it is revoked
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3650))]
    days: Option<u16>,
    /// Make a new client that may do this, as for `client add`; repeat for more
    #[arg(long = "role", value_enum)]
    roles: Vec<Role>,
    /// Write the secret id to this file, which its owner alone can read, instead of stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl SecretId {
    /// Asks, and prints or writes the secret id.
    ///
    /// # Errors
    /// `State` where the file is there; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        self.out.as_deref().map_or(Ok(()), output::check_free)?;
        let rules = json!({ "uses": self.uses, "networks": self.networks });
        let mut body = json!({ "client": self.name, "days": self.days, "secret_id": rules });
        if !self.roles.is_empty() {
            body["roles"] = self.roles.iter().map(|role| word(*role)).collect::<Vec<_>>().into();
        }
        let mut made = session.client()?.post("/v1/credentials", &body)?;
        tell_of_rule(&made);
        let secret = format!("{}\n", required(&made, "secret_id")?);
        if self.out.is_some() || session.format == Format::Table {
            output::bytes(secret.as_bytes(), self.out.as_deref(), Audience::Owner)?;
        }
        if self.out.is_none() && session.format == Format::Table {
            // Stdout is for the secret id alone, so that it can be redirected.
            output::message(&format!(
                "a secret id of {}, role id {}",
                self.name,
                required(&made, "role_id")?
            ));
            return Ok(());
        }
        if let Some(fields) = made.as_object_mut().filter(|_| self.out.is_some()) {
            fields.remove("secret_id");
        }
        print(session, &made)
    }
}
