//! `keyreeve realm erase`.

use clap::Args;

use crate::commands::Session;
use crate::commands::erasure::Erasing;
use crate::errors::Result;
use crate::input;

const EXAMPLES: &str = "\
Examples:
  keyreeve realm erase default --yes --wait -o json";

/// Destroy all keys of your realm, for ever, at once. Asks for the realm's name at a terminal.
///
/// Keys whose policy insists on a waiting period get it. Run again after an interruption, it does what is left.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Erase {
    /// The realm that you are in; the first is called default
    name: String,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    erasing: Erasing,
}

impl Erase {
    /// Asks for consent, then for the destruction.
    ///
    /// # Errors
    /// `Usage` without consent; `State` where it takes longer than it has patience for; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut client = session.client()?;
        input::consent(self.yes || session.prints_curl, "destroy all keys of the realm", &self.name)?;
        self.erasing.run(session, &mut client, &[("realm", &self.name)])
    }
}
