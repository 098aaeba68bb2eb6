//! `keyreeve key alias`.

use clap::Args;
use serde_json::{Value, json};

use crate::client::segment;
use crate::commands::{Session, text};
use crate::errors::Result;
use crate::listing::Listing;
use crate::output::{self, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve key alias orders-2026 orders     orders stands for orders-2026 from now on
  keyreeve key alias                        list all aliases
  keyreeve key alias orders-2026            list those of this key
  keyreeve key alias --remove orders";

/// Give a key a further name, which can be moved to another key; list and remove such names.
///
/// An alias stands wherever the name of a key does. To move one away from a key takes the right to manage that key.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Alias {
    /// The key
    name: Option<String>,
    /// Its new alias, or another key's that is moved to it
    alias: Option<String>,
    /// Remove this alias; its key stays
    #[arg(long, value_name = "ALIAS", conflicts_with = "name")]
    remove: Option<String>,
}

impl Alias {
    /// Asks and prints what holds now.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut client = session.client()?;
        if let Some(alias) = self.remove {
            client.delete(&format!("/v1/aliases/{}", segment(&alias)))?;
            return Ok(());
        }
        let (Some(name), Some(alias)) = (&self.name, &self.alias) else { return self.list(session) };
        let set = client.put(&format!("/v1/aliases/{}", segment(alias)), &json!({ "key": name }))?;
        match session.format {
            Format::Json => output::json(&set),
            Format::Table => {
                output::pairs(&["alias", "key", "key_id"].map(|field| (field, text(&set, field))))
            }
        }
    }

    fn list(self, session: &Session) -> Result<()> {
        let query = self.name.map(|name| ("key", name)).into_iter().collect();
        let headings = ["alias", "key", "key_id"];
        let listing =
            Listing { path: "/v1/aliases", field: "aliases", query, headings: &headings, limit: None };
        let row = |alias: &Value| vec![headings.map(|field| text(alias, field)).to_vec()];
        listing.print(&mut session.client()?, session.format, |_| true, row)
    }
}
