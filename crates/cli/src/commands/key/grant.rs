//! `keyreeve key grant`.

use clap::{ArgGroup, Args};
use serde_json::json;

use super::path;
use crate::client::segment;
use crate::commands::{Session, text};
use crate::errors::Result;
use crate::output::{self, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve key grant demo --to billing --actions encrypt,decrypt
  keyreeve key grant demo --to billing --none";

/// Let another client use or manage a key; this replaces what it might do before.
#[derive(Args)]
#[command(after_help = EXAMPLES, group(ArgGroup::new("what").required(true)))]
pub(crate) struct Grant {
    /// The key
    name: String,
    /// Name of the client
    #[arg(long, value_name = "CLIENT")]
    to: String,
    /// What it may do: encrypt, decrypt, sign, verify, mac, mac-verify, wrap, unwrap, get, get-public, get-attributes,
    /// modify-attributes, check, rekey, activate, revoke, destroy, grant
    #[arg(long, value_delimiter = ',', value_name = "ACTION,...", group = "what")]
    actions: Vec<String>,
    /// Nothing any more
    #[arg(long, group = "what")]
    none: bool,
}

impl Grant {
    /// Asks and says what holds now.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let path = path(&self.name, &format!("/grants/{}", segment(&self.to)));
        let mut client = session.client()?;
        let grant = if self.none {
            client.delete(&path)?;
            json!({ "principal": self.to, "actions": [] })
        } else {
            client.put(&path, &json!({ "actions": self.actions }))?
        };
        match session.format {
            Format::Json => output::json(&grant),
            Format::Table => {
                output::pairs(&["principal", "actions"].map(|field| (field, text(&grant, field))))
            }
        }
    }
}
