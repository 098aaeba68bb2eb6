//! `keyreeve key grant`.

use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use super::path;
use crate::client::{Client, segment};
use crate::commands::{Session, name_and_value, text};
use crate::errors::Result;
use crate::output::{self, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve key grant demo
  keyreeve key grant demo --to billing --actions encrypt,decrypt
  keyreeve key grant demo --to billing --actions decrypt --context customer=42 --until 2030-01-31T12:00:00Z
  keyreeve key grant demo --to billing --none";

/// Let another client use or manage a key; this replaces what it might do before. Without --to, list who may.
#[derive(Args)]
#[command(after_help = EXAMPLES, group(ArgGroup::new("what").requires("to")))]
pub(crate) struct Grant {
    /// The key
    name: String,
    /// Name of the client
    #[arg(long, value_name = "CLIENT", requires = "what")]
    to: Option<String>,
    /// What it may do: encrypt, decrypt, sign, verify, mac, mac-verify, wrap, unwrap, get, get-public, get-attributes,
    /// modify-attributes, check, rekey, activate, revoke, destroy, grant
    #[arg(long, value_delimiter = ',', value_name = "ACTION,...", group = "what")]
    actions: Vec<String>,
    /// When it ends, as 2030-01-31T12:00:00Z; without it it does not
    #[arg(long, value_name = "TIME", requires = "actions")]
    until: Option<String>,
    /// Only for requests whose encryption context has this pair; repeat for more
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value, requires = "actions")]
    context: Vec<(String, String)>,
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
        let mut client = session.client()?;
        let Some(to) = self.to else {
            let grants = all(&mut client, &self.name)?;
            return match session.format {
                Format::Json => output::json(&json!({ "grants": grants })),
                Format::Table => print(&grants),
            };
        };
        let path = path(&self.name, &format!("/grants/{}", segment(&to)));
        let grant = if self.none {
            client.delete(&path)?;
            json!({ "principal": to, "actions": [] })
        } else {
            let mut body = json!({ "actions": self.actions });
            if let Some(until) = &self.until {
                body["expires"] = until.as_str().into();
            }
            if !self.context.is_empty() {
                body["context"] = self
                    .context
                    .iter()
                    .map(|(name, value)| (name.clone(), Value::from(value.clone())))
                    .collect();
            }
            client.put(&path, &body)?
        };
        match session.format {
            Format::Json => output::json(&grant),
            Format::Table => {
                let fields = ["principal", "actions", "context", "expires"];
                let told = fields.iter().filter(|field| grant.get(field).is_some());
                output::pairs(&told.map(|field| (*field, text(&grant, field))).collect::<Vec<_>>())
            }
        }
    }
}

/// The grants of a key.
///
/// # Errors
/// As every request.
pub(super) fn all(client: &mut Client, key: &str) -> Result<Vec<Value>> {
    let mut answer = client.get(&path(key, "/grants"))?;
    Ok(match answer["grants"].take() {
        Value::Array(grants) => grants,
        _ => Vec::new(),
    })
}

/// Prints grants, a line each.
///
/// # Errors
/// Stdout cannot be written.
pub(super) fn print(grants: &[Value]) -> Result<()> {
    let row = |grant: &Value| {
        let actions = text(grant, "actions");
        let only = [("context", "with"), ("expires", "until")];
        let only = only.map(|(field, word)| match text(grant, field) {
            value if value.is_empty() => value,
            value => format!(" {word} {value}"),
        });
        vec![text(grant, "principal"), format!("{actions}{}", only.concat())]
    };
    output::table(&["granted to", "actions"], &grants.iter().map(row).collect::<Vec<_>>())
}
