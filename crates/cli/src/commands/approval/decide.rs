//! `keyreeve approval approve` and `deny`.

use clap::Args;
use serde_json::json;

use crate::client::segment;
use crate::commands::Session;
use crate::errors::Result;

/// Approve what somebody else asked for, exactly as `approval show` tells it.
#[derive(Args)]
pub(crate) struct Approve {
    /// Id, as `approval list` tells it
    id: String,
}

/// Refuse what somebody else asked for, or take back what you asked for.
#[derive(Args)]
pub(crate) struct Deny {
    /// Id, as `approval list` tells it
    id: String,
}

impl Approve {
    /// Asks, prints what holds now.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        decide(session, &self.id, "approve")
    }
}

impl Deny {
    /// Asks, prints what holds now.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        decide(session, &self.id, "deny")
    }
}

fn decide(session: &Session, id: &str, what: &str) -> Result<()> {
    let answer = session.client()?.post(&format!("/v1/approvals/{}/{what}", segment(id)), &json!({}))?;
    super::print(session, &answer)
}
