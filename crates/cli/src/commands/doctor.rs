//! `keyreeve doctor`.

use clap::Args;
use serde_json::Value;

use super::{Session, text};
use crate::errors::{Failure, Kind, Result};
use crate::output::{self, Format};

/// Say in plain words which losses the present set-up survives, what a destruction would prove, and what is amiss.
///
/// Exit code 6 where something is amiss.
#[derive(Args)]
pub(crate) struct Doctor {}

impl Doctor {
    /// Asks and prints.
    ///
    /// # Errors
    /// `Warned` where something is amiss; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let report = session.client()?.get("/v1/doctor")?;
        match session.format {
            Format::Json => output::json(&report)?,
            Format::Table => {
                for finding in report.get("findings").and_then(Value::as_array).into_iter().flatten() {
                    let line = format!("{:<8} {}", text(finding, "level"), text(finding, "text"));
                    output::line(&output::printable(&line))?;
                }
                output::line(&format!("A destruction would get the grade {:?}.", text(&report, "grade")))?;
            }
        }
        match report.get("fine").and_then(Value::as_bool) {
            Some(true) => Ok(()),
            _ => Err(Failure::new(Kind::Warned, "see to the warnings above")),
        }
    }
}
