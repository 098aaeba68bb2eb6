//! Explain access: what decided a request that is on record, by its position; told to auditors, and to whoever may see the
//! key that it was about. Not here: questions about requests that nobody made (check access).

use super::{Operation, Subject};
use crate::{
    access::{Action, Caller, Decision, Permit, Target, rules::Question},
    error::{Error, Result},
    model::{Lsn, PrincipalId},
    record::{Entry, Record, RecordKey},
    request::{Context, Resolved},
};

/// Asks about one entry.
pub struct ExplainAccess {
    /// Its position.
    pub lsn: Lsn,
}

/// What is known about it.
pub struct Explained {
    /// The entry: its detail says what was told when the request was refused.
    pub entry: Entry,
    /// What would be decided now, over the protocol and from the address of that request, with no encryption context; `None` where that
    /// cannot be told: the principal or the key is gone, or the server itself did it.
    pub now: Option<Decision>,
}

impl Operation for ExplainAccess {
    type Reply = Explained;

    fn action(&self) -> Action {
        Action::ExplainAccess
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn takes_long(&self) -> bool {
        true
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Explained> {
        context.note_target(&self.lsn.to_string());
        let before = Lsn(self.lsn.0.saturating_sub(1));
        let entry = context.store().journal(before, 1)?.pop();
        let entry = entry
            .filter(|entry| entry.lsn == self.lsn && entry.draft.realm == context.realm())
            .ok_or_else(|| Error::not_found("entry"))?;
        let entry = context.engine().reveal(entry);
        let key = match entry.draft.key {
            Some(id) => context.key(id).ok(),
            None => None,
        };
        let audits = context.authorize(Action::ReadJournal, Target::Realm(context.realm())).is_ok();
        let sees = key
            .as_ref()
            .is_some_and(|key| context.authorize(Action::GetAttributes, Target::Key(key)).is_ok());
        // Not permitted to know looks as not there.
        if !audits && !sees {
            return Err(Error::not_found("entry"));
        }
        let target = match (entry.draft.action.is_about_keys(), &key) {
            (false, _) => Some(Target::Realm(context.realm())),
            (true, Some(key)) => Some(Target::Key(key)),
            (true, None) => None,
        };
        let principal = who(context, entry.draft.principal)?;
        let now = match (&principal, target) {
            (Some(principal), Some(target)) => {
                let as_then = as_then(context, principal, &entry);
                Some(
                    context
                        .decide_as(&as_then, Question { principal, action: entry.draft.action, target })?,
                )
            }
            _ => None,
        };
        Ok(Explained { entry, now })
    }
}

/// Who asked then, over what.
fn as_then(
    context: &Context<'_>,
    principal: &std::sync::Arc<crate::model::Principal>,
    entry: &Entry,
) -> Caller {
    let protocol = match &*entry.draft.protocol {
        "rest" => "rest",
        "kmip" => "kmip",
        _ => context.caller().protocol,
    };
    let source = entry.draft.source.as_ref().and_then(|source| source.parse().ok());
    Caller::authenticated(std::sync::Arc::clone(principal), protocol, source, entry.draft.request)
}

fn who(
    context: &mut Context<'_>,
    id: PrincipalId,
) -> Result<Option<std::sync::Arc<crate::model::Principal>>> {
    Ok(match context.get(RecordKey::Principal(id))?.as_deref() {
        Some(Record::Principal(principal)) => Some(std::sync::Arc::clone(principal)),
        _ => None,
    })
}
