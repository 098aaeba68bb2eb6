//! An entry of the journal as `GET /v1/journal` gives it, and the way to one before it has a position. Not here: who
//! writes which, and when.

use std::{fmt::Display, sync::Arc};

use keyreeve_core::{
    ErrorKind,
    access::Action,
    model::{KeyId, ObjectId, PrincipalId, RealmId, RequestId, Time},
    record::Outcome,
};
use serde::{Serialize, Serializer};

/// One line of the journal. Its fields are those of `entry_json` in the server, in the same order, and `canary`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Position: without gaps.
    pub lsn: u64,
    /// By the server's clock.
    #[serde(serialize_with = "text")]
    pub time: Time,
    /// Realm of who asked.
    #[serde(serialize_with = "text")]
    pub realm: RealmId,
    /// Name of who asked: `anonymous` for strangers, `system` for the server itself.
    pub principal: Arc<str>,
    /// Who asked.
    #[serde(serialize_with = "text")]
    pub principal_id: PrincipalId,
    /// `rest`, `kmip` or `system`.
    pub protocol: &'static str,
    /// The request.
    #[serde(serialize_with = "text")]
    pub request: RequestId,
    /// Address and port of the peer.
    pub source: Option<String>,
    /// What was asked.
    #[serde(serialize_with = "word")]
    pub action: Action,
    /// The key, where one was found.
    #[serde(serialize_with = "optional_text")]
    pub key: Option<KeyId>,
    /// The object, where one was found.
    #[serde(serialize_with = "optional_text")]
    pub object: Option<ObjectId>,
    /// The name that was asked for.
    pub target: Option<Arc<str>>,
    /// How it ended.
    pub outcome: Outcome,
    /// Of what kind a denial or failure was.
    pub reason: Option<ErrorKind>,
    /// What is worth reading.
    pub detail: Option<String>,
    /// How many changes of the state it made.
    pub changes: u32,
    /// The key was made as a canary.
    #[serde(skip_serializing_if = "is_false")]
    pub canary: bool,
}

impl Entry {
    /// The line, without its end.
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("an entry is plain data")
    }
}

fn text<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn optional_text<T: Display, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

fn word<S: Serializer>(action: &Action, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(action.word())
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

/// An entry that has no position yet.
#[derive(Clone, Debug)]
pub struct Draft {
    /// When it happens, in true milliseconds since the epoch: what the server's clock says may differ by a step.
    pub at: i64,
    /// What it says; `lsn`, `time` and `request` are set once it has its place.
    pub entry: Entry,
    /// The attack that it is a part of.
    pub attack: Option<&'static str>,
    /// Its detail ends with the position of the entry before it.
    pub tells_position: bool,
}

impl Draft {
    /// By the server itself.
    pub fn system(at: i64, action: Action) -> Self {
        let entry = Entry {
            lsn: 0,
            time: Time(at),
            realm: RealmId::DEFAULT,
            principal: "system".into(),
            principal_id: PrincipalId::SYSTEM,
            protocol: "system",
            request: RequestId(uuid::Uuid::nil()),
            source: None,
            action,
            key: None,
            object: None,
            target: None,
            outcome: Outcome::Success,
            reason: None,
            detail: None,
            changes: 0,
            canary: false,
        };
        Draft { at, entry, attack: None, tells_position: false }
    }

    /// By somebody who proved nothing: `why` is what the journal is told.
    pub fn stranger(at: i64, protocol: &'static str, source: String, why: impl Into<String>) -> Self {
        let mut draft = Self::system(at, Action::Authenticate);
        (draft.entry.principal, draft.entry.principal_id) = ("anonymous".into(), PrincipalId::ANONYMOUS);
        (draft.entry.protocol, draft.entry.source) = (protocol, Some(source));
        draft.refused(ErrorKind::Unauthenticated, why)
    }

    /// It was denied.
    pub fn refused(self, reason: ErrorKind, why: impl Into<String>) -> Self {
        self.ended(Outcome::Denied, reason, why.into())
    }

    /// It failed otherwise.
    pub fn failed(self, reason: ErrorKind, why: impl Into<String>) -> Self {
        self.ended(Outcome::Failed, reason, why.into())
    }

    fn ended(mut self, outcome: Outcome, reason: ErrorKind, why: String) -> Self {
        (self.entry.outcome, self.entry.reason, self.entry.detail) = (outcome, Some(reason), Some(why));
        self.entry.changes = 0;
        self
    }

    /// With this detail.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.entry.detail = Some(detail.into());
        self
    }

    /// With this target.
    pub fn target(mut self, target: impl Into<Arc<str>>) -> Self {
        self.entry.target = Some(target.into());
        self
    }

    /// With so many changes.
    pub fn changes(mut self, changes: u32) -> Self {
        self.entry.changes = changes;
        self
    }

    /// In this realm.
    pub fn realm(mut self, realm: RealmId) -> Self {
        self.entry.realm = realm;
        self
    }

    /// With a detail that ends with the position of the entry before it.
    pub fn up_to_position(mut self) -> Self {
        self.tells_position = true;
        self
    }

    /// As a part of this attack.
    pub fn by_attack(mut self, attack: &'static str) -> Self {
        self.attack = Some(attack);
        self
    }
}
