//! Elastic Common Schema 8.11: fields that any tool of it reads, and what is this server's own under `keyreeve`.

use keyreeve_core::ErrorKind;
use keyreeve_core::access::{Action, ActionGroup};
use keyreeve_core::record::Outcome;
use serde::Serialize;

use crate::entry_json::EntryText;

/// The version of the schema.
const VERSION: &str = "8.11.0";

#[derive(Serialize)]
pub(super) struct Event<'a> {
    #[serde(rename = "@timestamp")]
    timestamp: &'a str,
    ecs: Schema,
    message: &'a str,
    event: What<'a>,
    user: User<'a>,
    organization: Organization<'a>,
    network: Network<'a>,
    http: Http<'a>,
    service: Service,
    keyreeve: Own<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Code>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source<'a>>,
}

#[derive(Serialize)]
struct Schema {
    version: &'static str,
}

#[derive(Serialize)]
struct What<'a> {
    kind: &'static str,
    provider: &'static str,
    module: &'static str,
    dataset: &'static str,
    action: &'static str,
    category: [&'static str; 1],
    r#type: [&'static str; 1],
    outcome: &'static str,
    id: String,
    sequence: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

#[derive(Serialize)]
struct User<'a> {
    id: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct Organization<'a> {
    id: &'a str,
}

#[derive(Serialize)]
struct Network<'a> {
    protocol: &'a str,
}

#[derive(Serialize)]
struct Http<'a> {
    request: Request<'a>,
}

#[derive(Serialize)]
struct Request<'a> {
    id: &'a str,
}

#[derive(Serialize)]
struct Service {
    r#type: &'static str,
}

/// What the schema has no fields for.
#[derive(Serialize)]
struct Own<'a> {
    lsn: u64,
    key: Option<&'a str>,
    object: Option<&'a str>,
    target: Option<&'a str>,
    others: &'a [String],
    changes: usize,
}

#[derive(Serialize)]
struct Code {
    code: ErrorKind,
}

#[derive(Serialize)]
struct Source<'a> {
    address: &'a str,
    ip: &'a str,
    port: u16,
}

pub(super) fn event(text: &EntryText) -> Event<'_> {
    let entry = &text.entry;
    let draft = &entry.draft;
    Event {
        timestamp: &text.time,
        ecs: Schema { version: VERSION },
        message: &text.about,
        event: what(text),
        user: User { id: &text.principal, name: &draft.principal_name },
        organization: Organization { id: &text.realm },
        network: Network { protocol: &draft.protocol },
        http: Http { request: Request { id: &text.request } },
        service: Service { r#type: "keyreeve" },
        keyreeve: Own {
            lsn: entry.lsn.0,
            key: text.key.as_deref(),
            object: text.object.as_deref(),
            target: draft.target.as_deref(),
            others: &text.others,
            changes: entry.changes,
        },
        error: draft.reason.map(|code| Code { code }),
        source: text.peer.as_ref().map(|peer| Source {
            address: &peer.address,
            ip: &peer.address,
            port: peer.port,
        }),
    }
}

fn what(text: &EntryText) -> What<'_> {
    let entry = &text.entry;
    let draft = &entry.draft;
    let (category, kind) = category(draft.action);
    What {
        kind: "event",
        provider: "keyreeve",
        module: "keyreeve",
        dataset: "keyreeve.journal",
        action: draft.action.word(),
        category: [category],
        r#type: [if draft.outcome == Outcome::Denied { "denied" } else { kind }],
        outcome: if draft.outcome == Outcome::Success { "success" } else { "failure" },
        id: entry.lsn.0.to_string(),
        sequence: entry.lsn.0,
        reason: draft.detail.as_deref(),
    }
}

/// `event.category` and `event.type`, of those that the schema allows together.
fn category(action: Action) -> (&'static str, &'static str) {
    match (action, action.group()) {
        (Action::Authenticate | Action::Login | Action::DelegatedLogin | Action::Logout, _) => {
            ("authentication", "info")
        }
        (Action::Start, _) => ("process", "start"),
        (Action::Stop, _) => ("process", "end"),
        (_, ActionGroup::Make) => ("database", "creation"),
        (_, ActionGroup::Manage | ActionGroup::Share | ActionGroup::System) => ("database", "change"),
        (_, ActionGroup::Administer) => ("configuration", "change"),
        (_, ActionGroup::Use | ActionGroup::Read | ActionGroup::Audit | ActionGroup::Open) => {
            ("database", "access")
        }
    }
}
