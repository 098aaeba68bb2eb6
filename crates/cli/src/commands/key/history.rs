//! `keyreeve key history`.

use clap::Args;

use crate::commands::Session;
use crate::commands::journal::print_entries;
use crate::errors::Result;

const EXAMPLES: &str = "\
Examples:
  keyreeve key history orders
  keyreeve key history orders --changes -o json";

/// Show what happened to a key and who used it: its entries of the journal, oldest first.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct History {
    /// The key
    name: String,
    /// Only what changed something, not the uses
    #[arg(long)]
    changes: bool,
    /// Only entries after this position
    #[arg(long, value_name = "LSN")]
    after: Option<u64>,
    /// At most this many entries
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

impl History {
    /// Asks page by page and prints as it goes.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut query = vec![("key", self.name)];
        query.extend(self.changes.then(|| ("changes", "true".to_owned())));
        print_entries(session, self.after, self.limit, query)
    }
}
