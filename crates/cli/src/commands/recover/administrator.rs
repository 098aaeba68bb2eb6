//! `keyreeve recover administrator`.

use clap::Args;

use super::Place;
use crate::commands::Session;
use crate::errors::Result;

const EXAMPLES: &str = "\
Examples:
  keyreeve recover administrator carol --dir /var/lib/keyreeve --share-file 1.txt --share-file 4.txt --share-file 5.txt
  keyreeve recover administrator carol --dir /var/lib/keyreeve --realm shop --replaces alice    (asks for the shares)";

/// Make an administrator in place of one that is lost, by as many recovery shares as unlock the root key. The server is
/// stopped meanwhile.
///
/// A client of this name that is there gets new credentials in place of all that it had. No approval is waited for. It is on
/// record in the journal as `recover-administrator`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Administrator {
    /// Its name: letters, digits and . _ - @ :
    name: String,
    /// Shut this administrator out
    #[arg(long, value_name = "NAME")]
    replaces: Option<String>,
    #[command(flatten)]
    place: Place,
}

impl Administrator {
    /// Makes it.
    ///
    /// # Errors
    /// See [`super::Recover::run`].
    pub(super) fn run(self, session: &Session) -> Result<()> {
        self.place.recover(session, &self.name, (self.replaces.as_deref(), None))
    }
}
