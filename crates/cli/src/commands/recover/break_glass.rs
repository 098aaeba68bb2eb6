//! `keyreeve recover break-glass`.

use clap::Args;

use super::Place;
use crate::commands::Session;
use crate::errors::Result;

const EXAMPLES: &str = "\
Examples:
  keyreeve recover break-glass night-of-11-23 --dir /var/lib/keyreeve --share-file 1.txt --share-file 4.txt --share-file 5.txt
  keyreeve recover break-glass night-of-11-23 --dir /var/lib/keyreeve --realm shop --hours 4    (asks for the shares)";

/// Get an administrator's access for an emergency, which ends by itself, by as many recovery shares as unlock the root key. The
/// server is stopped meanwhile.
///
/// What approval rules are about still waits for approvals, and it approves nothing. It is on record in the journal as
/// `break-glass`, and all that it does under its name; `keyreeve doctor` warns while it is open.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BreakGlass {
    /// What it is called on record, a name that nobody has: letters, digits and . _ - @ :
    name: String,
    /// Hours until it ends, 1 to 24
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=24))]
    hours: u8,
    #[command(flatten)]
    place: Place,
}

impl BreakGlass {
    /// Makes it.
    ///
    /// # Errors
    /// See [`super::Recover::run`].
    pub(super) fn run(self, session: &Session) -> Result<()> {
        self.place.recover(session, &self.name, (None, Some(self.hours)))
    }
}
