//! `keyreeve whoami`.

use clap::Args;
use serde_json::Value;

use super::token::scope;
use super::{Session, text};
use crate::errors::Result;
use crate::output::{self, Format};

/// Show who you are to the server, by which credentials, and until when.
#[derive(Args)]
pub(crate) struct WhoAmI {}

impl WhoAmI {
    /// Asks and prints.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let told = session.client()?.get("/v1/whoami")?;
        if session.format == Format::Json {
            return output::json(&told);
        }
        let fields = ["name", "realm", "roles", "groups", "expires"];
        let mut pairs: Vec<_> = fields.map(|field| (field, text(&told, field))).into();
        pairs.push(("scope", scope(&told)));
        pairs.retain(|(_, value)| !value.is_empty());
        for credential in told.get("proven_by").and_then(Value::as_array).into_iter().flatten() {
            pairs.push(("proven_by", described(credential)));
        }
        output::pairs(&pairs)
    }
}

/// Kind and id of a credential, and whom another's word names.
fn described(credential: &Value) -> String {
    let named = [("subject", "issuer"), ("name", "organisation")].into_iter().find_map(|(name, by)| {
        let subject = credential.get("subject").filter(|subject| subject[by].is_string())?;
        Some(format!(" {} of {}", text(subject, name), text(subject, by)))
    });
    format!("{}{} {}", text(credential, "kind"), named.unwrap_or_default(), text(credential, "id"))
}
