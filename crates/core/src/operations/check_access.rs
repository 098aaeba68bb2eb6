//! Check access: may somebody do this, who may do it, and what came of it; by the same decisions as requests. Not here:
//! changing rules (access rules).

use std::{
    net::{IpAddr, SocketAddr},
    ops::Bound,
    sync::Arc,
};

use super::{Operation, Subject, principals::principal_named};
use crate::{
    access::{Action, Caller, Decision, Permit, Target, rules::Question},
    error::{Error, ErrorKind, Result},
    model::{Key, Principal, PrincipalId},
    ports::store::IndexRange,
    record::{IndexKind, Record, RecordKey},
    request::{Context, Reference, Resolved},
};

/// Principals that one request looks at, at most.
pub const PRINCIPALS_MAX: usize = 10_000;

/// Principals in one page of a walk.
const PAGE: usize = 500;

/// By what way a request that is asked about comes.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// `rest` or `kmip`; `None`: as the question.
    pub protocol: Option<&'static str>,
    /// From which address; `None`: as the question.
    pub source: Option<IpAddr>,
    /// Canonical bytes of its encryption context; empty for none.
    pub encryption_context: Vec<u8>,
}

impl Way {
    /// One who asks by it.
    pub(super) fn caller(&self, context: &Context<'_>) -> Caller {
        let mut caller = context.caller().clone();
        caller.protocol = self.protocol.unwrap_or(caller.protocol);
        caller.source = self.source.map(|source| SocketAddr::new(source, 0)).or(caller.source);
        caller
    }
}

/// Asks whether somebody may do something.
pub struct CheckAccess {
    /// Name of the principal.
    pub principal: String,
    /// What.
    pub action: Action,
    /// With which key; `None`: with the realm as a whole.
    pub key: Option<Reference>,
    /// By what way.
    pub way: Way,
}

/// Asks who may do something.
pub struct WhoMay {
    /// What.
    pub action: Action,
    /// With which key; `None`: with the realm as a whole.
    pub key: Option<Reference>,
    /// By what way.
    pub way: Way,
}

/// Who may.
pub struct May {
    /// By name, in its order, each with why.
    pub principals: Vec<(String, Decision)>,
    /// False where there are more principals than are looked at.
    pub complete: bool,
}

impl Operation for CheckAccess {
    type Reply = Decision;

    fn action(&self) -> Action {
        Action::CheckAccess
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn encryption_context(&self) -> &[u8] {
        &self.way.encryption_context
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Decision> {
        let key = key(context, self.action, self.key.as_ref())?;
        let principal = principal_named(context, &self.principal)?;
        let target = target(context, key.as_ref());
        context.note_detail(format!("whether {} may {}", self.principal, self.action.word()));
        context.decide_as(
            &self.way.caller(context),
            Question { principal: &principal, action: self.action, target },
        )
    }
}

impl Operation for WhoMay {
    type Reply = May;

    fn action(&self) -> Action {
        Action::CheckAccess
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn encryption_context(&self) -> &[u8] {
        &self.way.encryption_context
    }

    fn takes_long(&self) -> bool {
        true
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<May> {
        let key = key(context, self.action, self.key.as_ref())?;
        context.note_detail(format!("who may {}", self.action.word()));
        let (everybody, complete) = everybody(context)?;
        let target = target(context, key.as_ref());
        let (mut principals, caller) = (Vec::new(), self.way.caller(context));
        for principal in &everybody {
            let decision = context.decide_as(&caller, Question { principal, action: self.action, target })?;
            if decision.allows() {
                principals.push((principal.name.clone(), decision));
            }
        }
        Ok(May { principals, complete })
    }
}

/// All principals of the realm that are not revoked, by name, and whether these are all.
pub(super) fn everybody(context: &Context<'_>) -> Result<(Vec<Arc<Principal>>, bool)> {
    let range = IndexRange {
        realm: context.realm(),
        kind: IndexKind::Principal,
        from: Bound::Unbounded,
        to: Bound::Unbounded,
    };
    let (mut found, mut after, mut seen) = (Vec::new(), None, 0);
    loop {
        // Not tracked: this tells what was true a moment ago.
        let page = context.find(&range, after.as_ref(), PAGE)?;
        for hit in &page {
            let record = context.store().get(&RecordKey::Principal(PrincipalId(hit.id)))?;
            if let Some(Record::Principal(principal)) = record.as_deref()
                && principal.counts_at(context.now())
            {
                found.push(Arc::clone(principal));
            }
        }
        seen += page.len();
        match page.last() {
            Some(last) if page.len() == PAGE && seen < PRINCIPALS_MAX => after = Some(last.clone()),
            Some(_) if page.len() == PAGE => return Ok((found, false)),
            _ => return Ok((found, true)),
        }
    }
}

/// The key that is asked about. What needs one is not asked of the realm, nor the other way round.
fn key(context: &mut Context<'_>, action: Action, key: Option<&Reference>) -> Result<Option<Arc<Key>>> {
    match (key, action.is_about_keys()) {
        (Some(reference), true) => Ok(Some(context.resolve(reference)?.key)),
        (None, false) => Ok(None),
        (None, true) => {
            let public = format!("{} is done with a key: name one", action.word());
            Err(Error::new(ErrorKind::InvalidField, public))
        }
        (Some(_), false) => {
            let public = format!("{} is not about a key: name none", action.word());
            Err(Error::new(ErrorKind::InvalidField, public))
        }
    }
}

fn target<'a>(context: &Context<'_>, key: Option<&'a Arc<Key>>) -> Target<'a> {
    key.map_or(Target::Realm(context.realm()), Target::Key)
}
