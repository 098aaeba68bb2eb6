//! How an entry is written for other tools: one file a format. Not here: how it gets there.
//!
//! INVARIANT: what is written of one entry holds no line end, whatever names and details hold.

use keyreeve_core::operations::journal::EntryShown;
use keyreeve_core::record::Outcome;

use crate::config::SinkFormat;
use crate::entry_json::entry_json;

mod cef;
mod ecs;
mod ocsf;
#[cfg(test)]
mod tests;

/// One entry as a line, without its end.
pub(super) fn line(format: SinkFormat, entry: &EntryShown) -> String {
    match format {
        SinkFormat::Json => entry_json(entry).to_string(),
        SinkFormat::Ecs => ecs::event(entry).to_string(),
        SinkFormat::Ocsf => ocsf::event(entry).to_string(),
        SinkFormat::Cef => cef::event(entry),
    }
}

/// Address and port of the peer, where there is one.
fn peer(entry: &EntryShown) -> Option<std::net::SocketAddr> {
    entry.draft.source.as_deref()?.parse().ok()
}

/// What it is about, for people.
fn about(entry: &EntryShown) -> String {
    let draft = &entry.draft;
    let ended = match draft.outcome {
        Outcome::Success => "",
        Outcome::Denied => ": denied",
        Outcome::Failed => ": failed",
    };
    let of = draft.target.as_deref().map(|target| format!(" {target}")).unwrap_or_default();
    let why = draft.detail.as_deref().map(|detail| format!(" ({detail})")).unwrap_or_default();
    format!("{} {}{of}{ended}{why}", draft.principal_name, draft.action.word())
}
