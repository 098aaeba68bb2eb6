//! `keyreeve token create`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::scope;
use crate::commands::approval::tell_of_rule;
use crate::commands::client::Role;
use crate::commands::{Session, required, text, word};
use crate::errors::Result;
use crate::output::{self, Audience, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve token create billing --days 90 > billing.token     another one of a client that is there
  keyreeve token create ci --role user --out ci.token         of a new client, which has no certificate
  keyreeve token create ci --actions decrypt --keys orders    for a part of what the client may
  keyreeve --token-file ci.token status";

/// Make a bearer token: of a client that is there, or with --role of a new one. It is shown this once.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Create {
    /// The client
    name: String,
    /// Days that it is valid; without it until it is revoked
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3650))]
    days: Option<u16>,
    /// Make a new client that may do this, as for `client add`; repeat for more
    #[arg(long = "role", value_enum)]
    roles: Vec<Role>,
    /// Narrow the token to these actions of what the client may, as in the journal: decrypt, sign, list-keys
    #[arg(long, value_delimiter = ',', value_name = "ACTION,...")]
    actions: Vec<String>,
    /// Narrow the token to these keys
    #[arg(long, value_delimiter = ',', value_name = "KEY,...")]
    keys: Vec<String>,
    /// Write the token to this file, which its owner alone can read, instead of stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Create {
    /// Asks, and prints or writes the token.
    ///
    /// # Errors
    /// `State` where the file is there; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        self.out.as_deref().map_or(Ok(()), output::check_free)?;
        let mut body = json!({ "client": self.name, "days": self.days });
        if !self.roles.is_empty() {
            body["roles"] = self.roles.iter().map(|role| word(*role)).collect::<Vec<_>>().into();
        }
        let narrowed = [("actions", self.actions), ("keys", self.keys)]
            .into_iter()
            .filter(|(_, words)| !words.is_empty());
        for (field, words) in narrowed {
            body["scope"][field] = words.into();
        }
        let mut made = session.client()?.post("/v1/tokens", &body)?;
        tell_of_rule(&made);
        let token = format!("{}\n", required(&made, "token")?);
        let to_file = self.out.is_some();
        if to_file || session.format == Format::Table {
            output::bytes(token.as_bytes(), self.out.as_deref(), Audience::Owner)?;
        }
        if let Some(fields) = made.as_object_mut().filter(|_| to_file) {
            fields.remove("token");
        }
        match session.format {
            Format::Json => output::json(&made),
            // Stdout is for the token alone, so that it can be redirected.
            Format::Table => {
                let ends = match text(&made, "expires") {
                    date if date.is_empty() => "until it is revoked".to_owned(),
                    date => format!("until {date}"),
                };
                let only = match scope(&made) {
                    scope if scope.is_empty() => scope,
                    scope => format!(", for {scope} alone"),
                };
                output::message(&format!("token {} of {}, valid {ends}{only}", text(&made, "id"), self.name));
                Ok(())
            }
        }
    }
}
