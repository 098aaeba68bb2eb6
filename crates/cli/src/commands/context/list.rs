//! `keyreeve context list`.

use clap::Args;
use serde_json::json;

use super::contexts;
use crate::commands::Session;
use crate::errors::Result;
use crate::output::{self, Format};
use crate::settings::Known;

/// List the contexts.
#[derive(Args)]
pub(crate) struct List {}

impl List {
    /// Prints them.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let contexts = contexts()?;
        let is_current = |name: &String| contexts.current.as_ref() == Some(name);
        if session.format == Format::Json {
            let all = contexts.contexts.iter().map(|(name, known)| {
                json!({ "name": name, "current": is_current(name), "addr": known.addr, "kmip_addr": known.kmip_addr, "identity": identity(known) })
            });
            return output::json(&all.collect::<Vec<_>>().into());
        }
        let rows = contexts.contexts.iter().map(|(name, known)| {
            let mark = if is_current(name) { "*" } else { "" };
            vec![mark.to_owned(), name.clone(), known.addr.clone().unwrap_or_default(), identity(known)]
        });
        output::table(&["current", "name", "address", "identity"], &rows.collect::<Vec<_>>())
    }
}

/// The files that prove who asks.
fn identity(known: &Known) -> String {
    let files = [&known.token_file, &known.client_cert];
    files.into_iter().flatten().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
}
