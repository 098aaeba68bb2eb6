//! An entry of the journal as JSON, the same wherever one is shown. Not here: who may see it.

use std::net::SocketAddr;

use keyreeve_core::ErrorKind;
use keyreeve_core::operations::journal::EntryShown;
use keyreeve_core::record::Outcome;
use serde::Serialize;
use serde_json::Value;

/// An entry with its parts as text, each written once for all who are told of it.
pub(crate) struct EntryText {
    pub(crate) entry: EntryShown,
    pub(crate) time: String,
    pub(crate) realm: String,
    pub(crate) principal: String,
    pub(crate) request: String,
    pub(crate) key: Option<String>,
    pub(crate) object: Option<String>,
    pub(crate) others: Vec<String>,
    /// The peer, where its source is one.
    pub(crate) peer: Option<Peer>,
    /// What it is about, for people.
    pub(crate) about: String,
}

/// Address and port of who asked.
pub(crate) struct Peer {
    pub(crate) is_ipv6: bool,
    pub(crate) address: String,
    pub(crate) port: u16,
}

/// An entry as JSON: who, what, when and how it ended.
#[derive(Serialize)]
struct EntryJson<'a> {
    lsn: u64,
    time: &'a str,
    realm: &'a str,
    principal: &'a str,
    principal_id: &'a str,
    protocol: &'a str,
    request: &'a str,
    source: Option<&'a str>,
    action: &'static str,
    key: Option<&'a str>,
    object: Option<&'a str>,
    target: Option<&'a str>,
    outcome: Outcome,
    reason: Option<ErrorKind>,
    detail: Option<&'a str>,
    changes: usize,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    canary: bool,
}

impl From<EntryShown> for EntryText {
    fn from(entry: EntryShown) -> Self {
        let draft = &entry.draft;
        let peer = draft.source.as_deref().and_then(|source| source.parse().ok()).map(|peer: SocketAddr| {
            Peer { is_ipv6: peer.is_ipv6(), address: peer.ip().to_string(), port: peer.port() }
        });
        Self {
            time: draft.time.to_string(),
            realm: draft.realm.to_string(),
            principal: draft.principal.to_string(),
            request: draft.request.to_string(),
            key: draft.key.map(|key| key.to_string()),
            object: draft.object.map(|object| object.to_string()),
            others: draft.others.iter().map(ToString::to_string).collect(),
            peer,
            about: about(&entry),
            entry,
        }
    }
}

impl EntryText {
    /// Its JSON on one line.
    pub(crate) fn json(&self) -> impl Serialize {
        let Self { entry, time, realm, principal, request, key, object, .. } = self;
        let draft = &entry.draft;
        EntryJson {
            lsn: entry.lsn.0,
            time,
            realm,
            principal: &draft.principal_name,
            principal_id: principal,
            protocol: &draft.protocol,
            request,
            source: draft.source.as_deref(),
            action: draft.action.word(),
            key: key.as_deref(),
            object: object.as_deref(),
            target: draft.target.as_deref(),
            outcome: draft.outcome,
            reason: draft.reason,
            detail: draft.detail.as_deref(),
            changes: entry.changes,
            canary: draft.canary,
        }
    }
}

/// An entry as JSON.
pub(crate) fn entry_json(entry: EntryShown) -> Value {
    // Text and numbers under names that are text: there is nothing to refuse.
    serde_json::to_value(EntryText::from(entry).json()).unwrap_or_default()
}

/// The address of a source without its port and brackets, as rules and people compare it.
pub(crate) fn host(source: &str) -> &str {
    let host = source.rsplit_once(':').map_or(source, |(host, _)| host);
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn about(entry: &EntryShown) -> String {
    let draft = &entry.draft;
    let ended = match draft.outcome {
        Outcome::Success => "",
        Outcome::Denied => ": denied",
        Outcome::Failed => ": failed",
    };
    let mut about = [&draft.principal_name, " ", draft.action.word()].concat();
    if let Some(target) = &draft.target {
        about.extend([" ", target]);
    }
    about.push_str(ended);
    if let Some(detail) = &draft.detail {
        about.extend([" (", detail, ")"]);
    }
    about
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use keyreeve_core::{
        access::Action,
        model::{Lsn, PrincipalId, RealmId, RequestId, Time},
        record::{EntryDraft, Outcome},
    };

    use super::*;

    /// Others bring journals of their own to alerts: what they are told a line holds is what one holds. `canary` is only on
    /// entries about keys that were made as such.
    #[test]
    fn docs_tell_every_field_of_a_line() {
        let draft = EntryDraft {
            time: Time(0),
            realm: RealmId::DEFAULT,
            principal: PrincipalId::SYSTEM,
            principal_name: "system".into(),
            protocol: "system".into(),
            request: RequestId::from_parts(0, &[0; 10]),
            source: None,
            action: Action::Start,
            key: None,
            object: None,
            target: None,
            others: Vec::new(),
            canary: false,
            outcome: Outcome::Success,
            reason: None,
            detail: None,
            changes: Vec::new(),
            touched: Vec::new(),
            personal: None,
        };
        let line = entry_json(EntryShown { lsn: Lsn(1), draft, changes: 0 });
        let mut written: BTreeSet<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        written.insert("canary");
        let text = include_str!("../../../docs/alerts.md");
        let (_, section) = text.split_once("## A line of the journal").unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let told: BTreeSet<&str> = rows.map(|(field, _)| field).collect();
        assert_eq!(told, written);
    }
}
