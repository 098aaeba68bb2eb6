//! `keyreeve key list`.

use std::ops::ControlFlow;

use clap::Args;

use crate::commands::{Session, text};
use crate::errors::Result;
use crate::output::{self, Format};

/// Keys in one page, which is one entry of the journal.
const PAGE_KEYS: usize = 1000;

const EXAMPLES: &str = "\
Examples:
  keyreeve key list
  keyreeve key list --tag team=build -o json
  keyreeve key list --state suspended --prefix invoices/";

/// List the keys that you may see: all pages, by name.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct List {
    /// Only keys with this label; repeat for more, which must all be there
    #[arg(long = "tag", value_name = "NAME=VALUE")]
    tags: Vec<String>,
    /// Only keys whose names begin like this
    #[arg(long)]
    prefix: Option<String>,
    /// Only keys in this state, such as active or suspended
    #[arg(long)]
    state: Option<String>,
    /// Only keys of this algorithm, such as aes-256
    #[arg(short, long)]
    algorithm: Option<String>,
}

impl List {
    /// Asks for all pages and prints them.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut query = vec![("limit", PAGE_KEYS.to_string())];
        query.extend(self.tags.into_iter().map(|tag| ("tag", tag)));
        let filters = [("name_prefix", self.prefix), ("state", self.state), ("algorithm", self.algorithm)];
        query.extend(filters.into_iter().filter_map(|(name, value)| Some((name, value?))));
        let mut keys = Vec::new();
        session.client()?.pages("/v1/keys", None, &query, "keys", |key| {
            keys.push(key);
            Ok(ControlFlow::Continue(()))
        })?;
        if session.format == Format::Json {
            return output::json(&keys.into());
        }
        let headings = ["name", "algorithm", "state", "version", "owner", "created", "tags"];
        let rows: Vec<_> = keys.iter().map(|key| headings.map(|field| text(key, field)).to_vec()).collect();
        output::table(&headings, &rows)
    }
}
