//! `keyreeve key tag`.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::json;

use super::{path, print};
use crate::commands::{Session, name_and_value};
use crate::errors::Result;

const EXAMPLES: &str = "\
Examples:
  keyreeve key tag orders team=shop stage=live
  keyreeve key tag orders --remove stage";

/// Set and remove labels of a key; those that are not named stay.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Tag {
    /// The key
    name: String,
    /// Labels to set
    #[arg(value_name = "NAME=VALUE", value_parser = name_and_value, required_unless_present = "remove")]
    tags: Vec<(String, String)>,
    /// Remove the label of this name; repeat for more
    #[arg(long, value_name = "NAME")]
    remove: Vec<String>,
}

impl Tag {
    /// Asks and prints the key.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let set = self.tags.into_iter().map(|(name, value)| (name, Some(value)));
        let removed = self.remove.into_iter().map(|name| (name, None));
        let tags: BTreeMap<_, _> = set.chain(removed).collect();
        print(session, &session.client()?.patch(&path(&self.name, ""), &json!({ "tags": tags }))?)
    }
}
