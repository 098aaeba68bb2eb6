//! `keyreeve realm delete`.

use clap::Args;
use serde_json::json;

use crate::client::segment;
use crate::commands::Session;
use crate::commands::erasure::Erasing;
use crate::errors::Result;
use crate::input;

const EXAMPLES: &str = "\
Examples:
  keyreeve realm delete trial                                where nothing is in it
  keyreeve realm delete trial --destroy-all --yes --wait -o json > certificates.json";

/// Delete a realm: nobody of it is let in any more, and its name is not taken again. Asks for the realm's name at a terminal.
///
/// Where there are keys in it, --destroy-all destroys them, for ever, at once. It is refused while there are keys whose policy
/// insists on a waiting period. Run again after an interruption, it does what is left.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Delete {
    /// Its name
    name: String,
    /// Destroy all keys in it
    #[arg(long)]
    destroy_all: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    erasing: Erasing,
}

impl Delete {
    /// Asks for consent, then for the deletion.
    ///
    /// # Errors
    /// `Usage` without consent; `State` where it takes longer than it has patience for; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        self.erasing.refuse_period()?;
        let mut client = session.client()?;
        let what =
            if self.destroy_all { "delete, with all keys in it, the realm" } else { "delete the realm" };
        input::consent(self.yes || session.prints_curl, what, &self.name)?;
        self.erasing.tell_waiting(&client);
        let path = format!("/v1/realms/{}/delete", segment(&self.name));
        let body = json!({ "confirm": format!("realm {}", self.name), "destroy_all": self.destroy_all });
        let done = client.post(&path, &body)?;
        self.erasing.conclude(session, &mut client, &done)
    }
}
