//! `keyreeve key list`.

use clap::Args;
use serde_json::Value;

use crate::commands::{Session, algorithm, text};
use crate::errors::Result;
use crate::listing::Listing;

const EXAMPLES: &str = "\
Examples:
  keyreeve key list
  keyreeve key list --tag team=build -o json
  keyreeve key list --state suspended --prefix invoices/
  keyreeve key list --live --type private-key --limit 20";

/// List the keys that you may see, by name.
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
    #[arg(short, long, value_parser = algorithm)]
    algorithm: Option<String>,
    /// Only keys of this type: symmetric-key, private-key, public-key or pgp-key
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Only keys that are not destroyed
    #[arg(long, conflicts_with = "state")]
    live: bool,
    /// At most this many keys
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

impl List {
    /// Asks page by page and prints as it goes.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut query: Vec<_> = self.tags.into_iter().map(|tag| ("tag", tag)).collect();
        let filters = [
            ("name_prefix", self.prefix),
            ("state", self.state),
            ("algorithm", self.algorithm),
            ("type", self.kind),
        ];
        query.extend(filters.into_iter().filter_map(|(name, value)| Some((name, value?))));
        let headings = ["name", "algorithm", "state", "version", "owner", "created", "tags"];
        let listing =
            Listing { path: "/v1/keys", field: "keys", query, headings: &headings, limit: self.limit };
        let wants = |key: &Value| !self.live || !text(key, "state").starts_with("destroyed");
        let row = |key: &Value| vec![headings.map(|field| text(key, field)).to_vec()];
        listing.print(&mut session.client()?, session.format, wants, row)
    }
}
