//! How an entry is written for other tools: one file a format. Not here: how it gets there.
//!
//! INVARIANT: what is written of one entry holds no line end, whatever names and details hold.

use serde::Serialize;

use crate::config::SinkFormat;
use crate::entry_json::EntryText;

mod cef;
mod ecs;
mod ocsf;
#[cfg(test)]
mod tests;

/// Adds one entry as a line, without its end.
pub(super) fn write(format: SinkFormat, entry: &EntryText, text: &mut Vec<u8>) {
    match format {
        SinkFormat::Json => write_json(&entry.json(), text),
        SinkFormat::Ecs => write_json(&ecs::event(entry), text),
        SinkFormat::Ocsf => write_json(&ocsf::event(entry), text),
        SinkFormat::Cef => cef::write(entry, text),
    }
}

fn write_json(event: &impl Serialize, text: &mut Vec<u8>) {
    let written = serde_json::to_writer(text, event);
    // Memory takes all that is written, and names of fields are text.
    debug_assert!(written.is_ok());
}
