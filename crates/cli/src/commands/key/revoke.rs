//! `keyreeve key revoke`.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::{path, print};
use crate::commands::{Session, word};
use crate::errors::Result;
use crate::input;

const EXAMPLES: &str = "\
Examples:
  keyreeve key revoke demo
  keyreeve key revoke demo --reason key-compromise --message 'found in a public repository'";

/// Take all versions of a key out of use: they still decrypt and verify, and protect nothing more.
///
/// These versions never come back; `key rotate` can start a new one. Asks for the key's name at a terminal.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Revoke {
    /// The key
    name: String,
    /// Why; after key-compromise the key counts as compromised
    #[arg(long, value_enum, default_value_t)]
    reason: Reason,
    /// More about it, for the record
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// Why a key is revoked, in the words of RFC 5280 section 5.3.1.
#[derive(Clone, Copy, Default, ValueEnum)]
enum Reason {
    Unspecified,
    KeyCompromise,
    CaCompromise,
    AffiliationChanged,
    Superseded,
    #[default]
    CessationOfOperation,
    PrivilegeWithdrawn,
}

impl Revoke {
    /// Asks and prints the key.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        input::consent_of_people(self.yes || session.prints_curl, "revoke the key", &self.name)?;
        let body = json!({ "reason": word(self.reason), "message": self.message });
        print(session, &session.client()?.post(&path(&self.name, "/revoke"), &body)?)
    }
}
