//! `keyreeve status`.

use clap::Args;

use super::{Session, text};
use crate::errors::Result;
use crate::output::{self, Format};

/// Show the server's state and who you are to it.
#[derive(Args)]
pub(crate) struct Status {}

impl Status {
    /// Asks and prints.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let status = session.client()?.get("/v1/status")?;
        if session.format == Format::Json {
            return output::json(&status);
        }
        let fields = ["version", "ready", "uptime_seconds", "lsn", "principal", "roles"];
        output::pairs(&fields.map(|field| (field, text(&status, field))))
    }
}
