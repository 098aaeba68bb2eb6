//! Explain access: what decided a request that is on record, by its position; told to auditors, to whoever may see the
//! key that it was about, and of a refusal to whom it was told. Not here: questions about requests that nobody made (check access).

use super::{Operation, Subject};
use crate::{
    access::{Action, ActionGroup, Caller, Decision, Permit, Target, rules::Question},
    error::{Error, ErrorKind, Result},
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
    /// Of a request that was put on record as one that waits, and still does: the approval rules that hold it up.
    pub waits_for: Vec<String>,
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
        // Who was told of the refusal is told why. Of what they may not know, they were not.
        let is_own =
            entry.draft.principal == context.caller().id() && entry.draft.reason == Some(ErrorKind::Denied);
        // Not permitted to know looks as not there.
        if !audits && !sees && !is_own {
            return Err(Error::not_found("entry"));
        }
        let waits_for = waits_for(context, &entry)?;
        let target = match (entry.draft.action.is_about_keys(), &key) {
            (false, _) => Some(Target::Realm(context.realm())),
            (true, Some(key)) => Some(Target::Key(key)),
            (true, None) => None,
        };
        let principal = who(context, entry.draft.principal)?;
        let now = match (&principal, target) {
            (Some(principal), Some(target)) if entry.draft.action.group() != ActionGroup::System => {
                let as_then = as_then(context, principal, &entry);
                Some(
                    context
                        .decide_as(&as_then, Question { principal, action: entry.draft.action, target })?,
                )
            }
            _ => None,
        };
        Ok(Explained { entry, now, waits_for })
    }
}

/// The rules by which a request waits that this entry put on record.
fn waits_for(context: &mut Context<'_>, entry: &Entry) -> Result<Vec<String>> {
    if entry.draft.action != Action::Propose {
        return Ok(Vec::new());
    }
    let waiting = context.proposals()?;
    let mut open = waiting.open.into_iter();
    // The id stands in the entry for people alone; nobody asks for two things with one key in the same millisecond.
    let found = open.find(|proposal| {
        proposal.proposer == entry.draft.principal
            && proposal.asked == entry.draft.time
            && proposal.key == entry.draft.key
    });
    Ok(found.map(|proposal| proposal.rules).unwrap_or_default())
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
