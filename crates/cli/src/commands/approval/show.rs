//! `keyreeve approval show`.

use clap::Args;

use crate::client::segment;
use crate::commands::Session;
use crate::errors::Result;

/// Show what waits for approval, with all that it would do.
#[derive(Args)]
pub(crate) struct Show {
    /// Id, as `approval list` and the refusal tell it
    id: String,
}

impl Show {
    /// Asks, prints it.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let answer = session.client()?.get(&format!("/v1/approvals/{}", segment(&self.id)))?;
        super::print(session, &answer)
    }
}
