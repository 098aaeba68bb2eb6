//! `keyreeve credential ...`: the commands that manage what clients prove themselves by where others vouch for them, one file
//! each. Here: their list.

mod certificate;
mod jwt;
mod revoke;
mod secret_id;

use clap::Subcommand;
use serde_json::Value;

use super::{Session, text};
use crate::errors::Result;
use crate::output::{self, Format};

/// Manage credentials of clients: who proves to be one by another's word, or by a secret id.
#[derive(Subcommand)]
pub(crate) enum Credential {
    Certificate(certificate::Certificate),
    Jwt(jwt::Jwt),
    SecretId(secret_id::SecretId),
    Revoke(revoke::Revoke),
}

impl Credential {
    /// Runs the command.
    ///
    /// # Errors
    /// Its own.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Certificate(command) => command.run(session),
            Self::Jwt(command) => command.run(session),
            Self::SecretId(command) => command.run(session),
            Self::Revoke(command) => command.run(session),
        }
    }
}

/// Prints whose credential an answer tells of, and the credential.
fn print(session: &Session, answer: &Value) -> Result<()> {
    if session.format == Format::Json {
        return output::json(answer);
    }
    let nothing = Value::Null;
    let credential = answer.get("credential").unwrap_or(&nothing);
    let subject = credential.get("subject").unwrap_or(&nothing);
    let mut pairs = vec![("client", text(answer, "client"))];
    pairs.push(("role_id", text(answer, "role_id")));
    pairs.extend(
        ["issuer", "subject", "organisation", "field", "name", "uses_left", "networks"]
            .map(|field| (field, text(subject, field))),
    );
    pairs.extend(["id", "kind", "expires", "revoked"].map(|field| (field, text(credential, field))));
    pairs.retain(|(_, value)| !value.is_empty());
    output::pairs(&pairs)
}
