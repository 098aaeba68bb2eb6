//! `keyreeve client password`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::Role;
use crate::commands::approval::tell_of_rule;
use crate::commands::{Session, text, word};
use crate::errors::{Failure, Result};
use crate::input;
use crate::output::{self, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve client password alice --role operator --totp
  keyreeve client password alice --password-file FILE     a new one; the older counts no more";

/// Give a person a password, by which `login` gets a token: a client that is there, or with --role a new one.
///
/// The password is asked for, or read from stdin: 12 bytes or more. Older passwords of the client count no more, nor does what
/// it is logged in with by them.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Password {
    /// The client
    name: String,
    /// Want a one-time code beside it (TOTP): prints, this once, the address that a program on a phone takes the seed by
    #[arg(long)]
    totp: bool,
    /// File whose first line is the password
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Days that it counts; without it until it is revoked
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3650))]
    days: Option<u16>,
    /// Make a new client that may do this, as for `client add`; repeat for more
    #[arg(long = "role", value_enum)]
    roles: Vec<Role>,
    /// The new client is a person, whom `audit erase-subject` can erase
    #[arg(long, requires = "roles")]
    person: bool,
}

impl Password {
    /// Asks for the password and prints whose it is.
    ///
    /// # Errors
    /// No password can be had; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let prompt = format!("Password of {}", self.name);
        let password = input::password(self.password_file.as_deref(), &prompt)?;
        let password = password.ok_or_else(|| Failure::usage("there is no password; nothing was done"))?;
        let password = json!({ "text": *password, "totp": self.totp });
        let mut body = json!({ "client": self.name, "days": self.days, "password": password });
        if !self.roles.is_empty() {
            body["roles"] = self.roles.iter().map(|role| word(*role)).collect::<Vec<_>>().into();
        }
        if self.person {
            body["person"] = true.into();
        }
        let made = session.client()?.post("/v1/credentials", &body)?;
        tell_of_rule(&made);
        if session.format == Format::Json {
            return output::json(&made);
        }
        let credential = made.get("credential").cloned().unwrap_or_default();
        let mut pairs = vec![("client", text(&made, "client")), ("totp_uri", text(&made, "totp_uri"))];
        pairs.extend(["id", "kind", "expires"].map(|field| (field, text(&credential, field))));
        pairs.retain(|(_, value)| !value.is_empty());
        output::pairs(&pairs)
    }
}
