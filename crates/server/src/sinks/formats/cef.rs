//! ArcSight Common Event Format, version 0 (Micro Focus Security ArcSight Common Event Format, version 25): a header of
//! eight fields with bars between them, then keys and values.

use std::io::Write as _;

use keyreeve_core::record::Outcome;
use serde_json::json;

use crate::entry_json::EntryText;

pub(super) fn write(entry: &EntryText, text: &mut Vec<u8>) {
    let draft = &entry.entry.draft;
    let (severity, outcome) = match draft.outcome {
        Outcome::Success => ("2", "success"),
        Outcome::Failed => ("5", "failed"),
        Outcome::Denied => ("7", "denied"),
    };
    let (version, word) = (env!("CARGO_PKG_VERSION"), draft.action.word());
    for field in ["CEF:0|Keyreeve|Keyreeve", version, word, word, severity] {
        text.extend_from_slice(field.as_bytes());
        text.push(b'|');
    }
    // Memory takes all that is written.
    let _ = write!(text, "rt={} externalId={}", draft.time.0, entry.entry.lsn.0);
    let mut extension = Extension(text);
    extension.field(" act", word);
    extension.field(" outcome", outcome);
    extension.field(" app", &draft.protocol);
    extension.field(" suid", &entry.principal);
    extension.field(" suser", &draft.principal_name);
    if let Some(peer) = &entry.peer {
        extension.field(if peer.is_ipv6 { " c6a2" } else { " src" }, &peer.address);
        if peer.is_ipv6 {
            extension.field(" c6a2Label", "Source IPv6 Address");
        }
        let _ = write!(extension.0, " spt={}", peer.port);
    }
    extension.custom([" cs1", " cs1Label"], "key", entry.key.as_deref());
    extension.custom([" cs2", " cs2Label"], "object", entry.object.as_deref());
    extension.custom([" cs3", " cs3Label"], "target", draft.target.as_deref());
    extension.custom([" cs4", " cs4Label"], "request", Some(&entry.request));
    extension.custom([" cs5", " cs5Label"], "realm", Some(&entry.realm));
    if let Some(reason) = draft.reason {
        extension.custom([" cs6", " cs6Label"], "code", json!(reason).as_str());
    }
    if let Some(detail) = &draft.detail {
        extension.field(" reason", detail);
    }
}

/// What stands behind the header.
struct Extension<'a>(&'a mut Vec<u8>);

impl Extension<'_> {
    /// A field; its key begins with the space that parts it from the one before.
    fn field(&mut self, key: &str, value: &str) {
        self.0.extend_from_slice(key.as_bytes());
        self.0.push(b'=');
        let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'\\' | b'=');
        if value.bytes().all(is_plain) {
            self.0.extend_from_slice(value.as_bytes());
            return;
        }
        for character in value.chars() {
            match character {
                '\\' => self.0.extend_from_slice(br"\\"),
                '=' => self.0.extend_from_slice(br"\="),
                '\n' => self.0.extend_from_slice(br"\n"),
                '\r' => self.0.extend_from_slice(br"\r"),
                // Separators of lines that some tools know, and what a terminal would take for a command.
                '\u{85}' | '\u{2028}' | '\u{2029}' => self.0.push(b' '),
                other if other.is_control() => self.0.push(b' '),
                other => self.0.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
    }

    /// A field that the format has no key for.
    fn custom(&mut self, [key, label_key]: [&str; 2], label: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.field(key, value);
            self.field(label_key, label);
        }
    }
}
