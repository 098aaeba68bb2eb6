//! `keyreeve client revoke`.

use clap::Args;
use serde_json::json;

use crate::client::segment;
use crate::commands::{Session, text};
use crate::errors::Result;
use crate::input;
use crate::output::{self, Format};

/// Shut a client out: no certificate and no token of it counts any more. There is no way back; its keys stay.
///
/// Asks for the client's name at a terminal.
#[derive(Args)]
pub(crate) struct Revoke {
    /// The client
    name: String,
    /// Also where too few are left then to approve what approval rules are about, and to release them
    #[arg(long)]
    leave_rules_stuck: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

impl Revoke {
    /// Asks for consent, then for the revocation, and prints when it happened.
    ///
    /// # Errors
    /// `Usage` without consent; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut client = session.client()?;
        input::consent_of_people(self.yes || session.prints_curl, "shut out the client", &self.name)?;
        let revoked = client.post(
            &format!("/v1/clients/{}/revoke", segment(&self.name)),
            &json!({ "leave_rules_stuck": self.leave_rules_stuck }),
        )?;
        match session.format {
            Format::Json => output::json(&revoked),
            Format::Table => {
                output::pairs(&["name", "id", "revoked"].map(|field| (field, text(&revoked, field))))
            }
        }
    }
}
