//! `keyreeve backup drill`.

use clap::Args;
use serde_json::{Value, json};

use crate::commands::{Session, address, text};
use crate::errors::{Failure, Kind, Result};
use crate::output::{self, Format};

/// Prove that restoring works: the server restores from its targets into a scratch file, opens every key there, and
/// compares everything with what it has.
///
/// Changes nothing at the targets and in the server. Exit code 5 where anything differs.
#[derive(Args)]
pub(crate) struct Drill {
    /// Only this target, instead of every registered one
    #[arg(long, value_name = "TARGET")]
    from: Option<String>,
}

impl Drill {
    /// Asks for it and prints a line for each target.
    ///
    /// # Errors
    /// `Verification` where anything differs; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let from = self.from.as_deref().map(address).transpose()?;
        let drilled = session.client()?.post("/v1/backups/drill", &json!({ "from": from }))?;
        let drills = drilled.get("drills").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        if session.format == Format::Json {
            output::json(&drilled)?;
        } else {
            let fields = ["target", "lsn", "replayed", "generation", "records", "opened", "compared"];
            let rows = drills.iter().map(|drill| fields.map(|field| text(drill, field)).to_vec());
            output::table(&fields, &rows.collect::<Vec<_>>())?;
            let differences =
                drills.iter().filter_map(|drill| drill.get("differences")?.as_array()).flatten();
            for difference in differences.filter_map(Value::as_str) {
                output::message(&format!("differs: {difference}"));
            }
        }
        match drilled.get("good").and_then(Value::as_bool) {
            Some(true) => Ok(()),
            _ => {
                let text = "what was restored is not what the server has. Look at the target (`keyreeve backup verify --deep`); \
                            where it is whole, stop the server, run `keyreeve index rebuild`, start it again, and make a full \
                            backup";
                Err(Failure::new(Kind::Verification, text))
            }
        }
    }
}
