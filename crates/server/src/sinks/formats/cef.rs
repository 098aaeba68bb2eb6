//! ArcSight Common Event Format, version 0 (Micro Focus Security ArcSight Common Event Format, version 25): a header of
//! eight fields with bars between them, then keys and values.

use std::fmt::Write as _;

use keyreeve_core::operations::journal::EntryShown;
use keyreeve_core::record::Outcome;
use serde_json::json;

use super::peer;

pub(super) fn event(entry: &EntryShown) -> String {
    let draft = &entry.draft;
    let (severity, outcome) = match draft.outcome {
        Outcome::Success => (2, "success"),
        Outcome::Failed => (5, "failed"),
        Outcome::Denied => (7, "denied"),
    };
    let (version, word) = (env!("CARGO_PKG_VERSION"), draft.action.word());
    let mut event = format!("CEF:0|Keyreeve|Keyreeve|{version}|{word}|{word}|{severity}|");
    let mut extension = Extension(&mut event);
    extension.field("rt", &draft.time.0.to_string());
    extension.field("externalId", &entry.lsn.0.to_string());
    extension.field("act", word);
    extension.field("outcome", outcome);
    extension.field("app", &draft.protocol);
    extension.field("suid", &draft.principal.to_string());
    extension.field("suser", &draft.principal_name);
    if let Some(peer) = peer(entry) {
        let address = if peer.is_ipv4() { "src" } else { "c6a2" };
        extension.field(address, &peer.ip().to_string());
        if peer.is_ipv6() {
            extension.field("c6a2Label", "Source IPv6 Address");
        }
        extension.field("spt", &peer.port().to_string());
    }
    extension.custom(1, "key", draft.key.map(|key| key.to_string()).as_deref());
    extension.custom(2, "object", draft.object.map(|object| object.to_string()).as_deref());
    extension.custom(3, "target", draft.target.as_deref());
    extension.custom(4, "request", Some(&draft.request.to_string()));
    extension.custom(5, "realm", Some(&draft.realm.to_string()));
    let reason = json!(draft.reason);
    extension.custom(6, "code", reason.as_str());
    if let Some(detail) = &draft.detail {
        extension.field("reason", detail);
    }
    event
}

/// What stands behind the header.
struct Extension<'a>(&'a mut String);

impl Extension<'_> {
    fn field(&mut self, key: &str, value: &str) {
        let space = if self.0.ends_with('|') { "" } else { " " };
        let _ = write!(self.0, "{space}{key}=");
        for character in value.chars() {
            match character {
                '\\' | '=' => self.0.extend(['\\', character]),
                '\n' => self.0.push_str("\\n"),
                '\r' => self.0.push_str("\\r"),
                // Separators of lines that some tools know, and what a terminal would take for a command.
                '\u{85}' | '\u{2028}' | '\u{2029}' => self.0.push(' '),
                other if other.is_control() => self.0.push(' '),
                other => self.0.push(other),
            }
        }
    }

    /// A field that the format has no key for.
    fn custom(&mut self, number: u32, label: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.field(&format!("cs{number}"), value);
            self.field(&format!("cs{number}Label"), label);
        }
    }
}
