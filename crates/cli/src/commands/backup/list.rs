//! `keyreeve backup list`.

use clap::Args;
use keyreeve_server::offline::backups;
use serde_json::Value;

use crate::commands::server::started;
use crate::commands::{Session, address, text};
use crate::errors::Result;
use crate::output::{self, Format};

/// List the backups at a target, without a server and without a key.
#[derive(Args)]
pub(crate) struct List {
    /// The target: a path, a file:// or an s3:// address
    #[arg(long, value_name = "TARGET")]
    from: String,
}

impl List {
    /// Looks and prints.
    ///
    /// # Errors
    /// The target cannot be reached.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let list = started(backups::list(&address(&self.from)?))?;
        if session.format == Format::Json {
            return output::json(&list);
        }
        let fields = ["kind", "timeline", "from", "to", "time", "objects", "bytes", "whole"];
        let items = |field: &str| list.get(field).and_then(Value::as_array).into_iter().flatten();
        let rows: Vec<_> =
            items("backups").map(|backup| fields.map(|field| text(backup, field)).to_vec()).collect();
        output::table(&fields, &rows)?;
        for problem in items("problems") {
            output::message(&format!("{}: {}", text(problem, "path"), text(problem, "what")));
        }
        Ok(())
    }
}
