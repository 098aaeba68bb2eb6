//! Open Cybersecurity Schema Framework 1.3: class API Activity (6003), for what proves nobody the class Authentication (3002).

use keyreeve_core::ErrorKind;
use keyreeve_core::access::{Action, ActionGroup};
use keyreeve_core::record::Outcome;
use serde::Serialize;

use crate::entry_json::EntryText;

/// The version of the schema.
const VERSION: &str = "1.3.0";

const AUTHENTICATION: u32 = 3002;
const API_ACTIVITY: u32 = 6003;

#[derive(Serialize)]
pub(super) struct Event<'a> {
    metadata: Metadata<'a>,
    time: i64,
    class_uid: u32,
    category_uid: u32,
    activity_id: u32,
    type_uid: u32,
    severity_id: u32,
    status_id: u32,
    status_code: Code,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_detail: Option<&'a str>,
    message: &'a str,
    actor: Actor<'a>,
    src_endpoint: Endpoint<'a>,
    unmapped: Unmapped<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api: Option<Api<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<Vec<Resource<'a>>>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    version: &'static str,
    product: Product,
    uid: String,
    sequence: u64,
    correlation_uid: &'a str,
}

#[derive(Serialize)]
struct Product {
    name: &'static str,
    vendor_name: &'static str,
    version: &'static str,
}

/// What kind of a failure it was, else how it ended.
#[derive(Serialize)]
#[serde(untagged)]
enum Code {
    Reason(ErrorKind),
    Outcome(Outcome),
}

#[derive(Serialize)]
struct Actor<'a> {
    user: User<'a>,
}

#[derive(Serialize)]
struct User<'a> {
    name: &'a str,
    uid: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Endpoint<'a> {
    Peer { ip: &'a str, port: u16 },
    Named { name: &'static str },
}

#[derive(Serialize)]
struct Unmapped<'a> {
    realm: &'a str,
    protocol: &'a str,
    changes: usize,
}

#[derive(Serialize)]
struct Api<'a> {
    operation: &'static str,
    service: Service<'a>,
}

#[derive(Serialize)]
struct Service<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct Resource<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

pub(super) fn event(text: &EntryText) -> Event<'_> {
    let entry = &text.entry;
    let draft = &entry.draft;
    let is_login = matches!(draft.action, Action::Authenticate | Action::Login | Action::DelegatedLogin);
    let (class, activity) =
        if is_login { (AUTHENTICATION, 1) } else { (API_ACTIVITY, activity(draft.action)) };
    let (severity, status) = match draft.outcome {
        Outcome::Success => (1, 1),
        Outcome::Failed => (2, 2),
        Outcome::Denied => (3, 2),
    };
    let user = || User { name: &draft.principal_name, uid: &text.principal };
    let api = || Api { operation: draft.action.word(), service: Service { name: &draft.protocol } };
    Event {
        metadata: metadata(text),
        time: draft.time.0,
        class_uid: class,
        category_uid: class / 1000,
        activity_id: activity,
        type_uid: class * 100 + activity,
        severity_id: severity,
        status_id: status,
        status_code: draft.reason.map_or(Code::Outcome(draft.outcome), Code::Reason),
        status_detail: draft.detail.as_deref(),
        message: &text.about,
        actor: Actor { user: user() },
        src_endpoint: match &text.peer {
            Some(peer) => Endpoint::Peer { ip: &peer.address, port: peer.port },
            None => Endpoint::Named { name: "keyreeve" },
        },
        unmapped: Unmapped { realm: &text.realm, protocol: &draft.protocol, changes: entry.changes },
        user: is_login.then(user),
        api: (!is_login).then(api),
        resources: (!is_login).then(|| resources(text)),
    }
}

fn metadata(text: &EntryText) -> Metadata<'_> {
    let lsn = text.entry.lsn.0;
    let version = env!("CARGO_PKG_VERSION");
    Metadata {
        version: VERSION,
        product: Product { name: "Keyreeve", vendor_name: "Keyreeve", version },
        uid: lsn.to_string(),
        sequence: lsn,
        correlation_uid: &text.request,
    }
}

/// `activity_id` of API Activity: 1 create, 2 read, 3 update, 4 delete, 99 other.
fn activity(action: Action) -> u32 {
    match (action, action.group()) {
        (Action::Destroy | Action::Erase | Action::RevokePrincipal | Action::RevokeCredential, _) => 4,
        (Action::CreatePrincipal, _) | (_, ActionGroup::Make) => 1,
        (_, ActionGroup::Read | ActionGroup::Audit | ActionGroup::Open) => 2,
        (_, ActionGroup::Manage | ActionGroup::Share | ActionGroup::Administer) => 3,
        (_, ActionGroup::Use | ActionGroup::System) => 99,
    }
}

/// What it was about: the object or the key, under the name that it was asked for by, and further keys.
fn resources(text: &EntryText) -> Vec<Resource<'_>> {
    let asked = [("object", text.object.as_deref()), ("key", text.key.as_deref())];
    let found = asked.into_iter().find_map(|(kind, id)| id.map(|id| (kind, id)));
    let name = text.entry.draft.target.as_deref();
    let (kind, uid) = found.unzip();
    let first = (uid.is_some() || name.is_some()).then_some(Resource { r#type: kind, uid, name });
    let others = text.others.iter().map(|key| Resource { r#type: Some("key"), uid: Some(key), name: None });
    first.into_iter().chain(others).collect()
}
