//! `keyreeve doctor`. What a bundle of diagnostics holds is in bundle.rs.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::{Session, bundle, text};
use crate::errors::{Failure, Kind, Result};
use crate::output::{self, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve doctor
  keyreeve doctor --bundle diagnostics.json --config /etc/keyreeve.toml --log /var/log/keyreeve.log";

/// Say in plain words which losses the present set-up survives, what a destruction would prove, and what is amiss.
///
/// Exit code 6 where something is amiss. With --bundle, all that helps to find a fault is written to one file instead, for
/// whoever helps: what server and client say of themselves, the configuration and the end of a log, without secrets. Names
/// of keys, people and machines are in it.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Doctor {
    /// Write diagnostics in JSON to this file, also where the server cannot be reached
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// Put this configuration of the server into the bundle, secrets struck out
    #[arg(long, value_name = "FILE", requires = "bundle")]
    config: Option<PathBuf>,
    /// Put the end of this log into the bundle, secrets struck out
    #[arg(long, value_name = "FILE", requires = "bundle")]
    log: Option<PathBuf>,
}

impl Doctor {
    /// Whether it writes a bundle, for which it asks often.
    pub(super) fn works_here(&self) -> bool {
        self.bundle.is_some()
    }

    /// Asks and prints, or writes the bundle.
    ///
    /// # Errors
    /// `Warned` where something is amiss; as every request; the bundle cannot be written.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        if let Some(path) = &self.bundle {
            return bundle::write(session, path, self.config.as_deref(), self.log.as_deref());
        }
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
