//! `keyreeve reload`.

use clap::Args;
use serde_json::{Value, json};

use super::Session;
use crate::errors::Result;
use crate::output::{self, Format};

/// Let the server read its configuration and certificate anew, without a restart.
///
/// All of it is checked first: where something is wrong nothing changes. Settings that need a restart are named and stay as
/// they were; `keyreeve config explain` tells which do. SIGHUP does the same.
#[derive(Args)]
pub(crate) struct Reload {}

impl Reload {
    /// Asks the server and prints what changed.
    ///
    /// # Errors
    /// As every request; `State` where the configuration is wrong.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let answer = session.client()?.post("/v1/reload", &json!({}))?;
        if session.format == Format::Json {
            return output::json(&answer);
        }
        let mut pairs = Vec::new();
        for (word, field) in [("changed", "changed"), ("needs a restart", "needs_restart")] {
            for change in answer.get(field).and_then(Value::as_array).into_iter().flatten() {
                let value = |side: &str| match change.get(side) {
                    None | Some(Value::Null) => "nothing".to_owned(),
                    Some(value) => value.to_string(),
                };
                let setting = super::text(change, "setting");
                pairs.push((word, format!("{setting}: {} -> {}", value("from"), value("to"))));
            }
        }
        match answer.get("certificate").and_then(Value::as_str) {
            Some(certificate) => pairs.push(("changed", certificate.to_owned())),
            None if pairs.is_empty() => pairs.push(("changed", "nothing".to_owned())),
            None => {}
        }
        output::pairs(&pairs)
    }
}
