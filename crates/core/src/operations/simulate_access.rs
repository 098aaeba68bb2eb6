//! Simulate access: what a change of access rules would allow and forbid, told by the decisions of requests, and changing
//! nothing. Not here: who may do something now (check access), and tests of rules (test access).

use std::{ops::Bound, sync::Arc};

use super::{
    Operation, Subject,
    access_rules::stored,
    check_access::{Way, everybody},
};
use crate::{
    access::{
        Action, Caller, Decision, Permit, Target,
        rules::{self, Question},
    },
    error::{Error, Result},
    model::{Key, KeyId, Principal},
    ports::store::IndexRange,
    record::{IndexKind, Record, RecordKey},
    request::{Context, Resolved},
};

/// Decisions that one request makes, at most.
pub const DECISIONS_MAX: usize = 200_000;

/// Differences that are told, at most.
pub const DIFFERENCES_MAX: usize = 1_000;

/// Keys in one page of a walk.
const PAGE: usize = 500;

/// What would differ if these rules were applied, and those removed.
pub struct SimulateAccess {
    /// Cedar, as `apply` takes it; `None`: nothing is applied.
    pub text: Option<String>,
    /// Names of rules that would be removed.
    pub remove: Vec<String>,
    /// By what way requests come.
    pub way: Way,
}

/// What would differ.
pub struct Simulated {
    /// Principal, action, key's name where it is about one, and whether it would be allowed.
    pub differences: Vec<Difference>,
    /// False where there is more than was looked at or is told.
    pub complete: bool,
    /// Names of rules of the change that look at more than who, what and which key: at the protocol, the address, the time or the encryption
    /// context of a request. What they say of others than the one that was asked about is not among the differences.
    pub hang_on_requests: Vec<String>,
}

/// One thing that would be decided another way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Name of the principal.
    pub principal: String,
    /// What.
    pub action: Action,
    /// Name of the key; `None`: it is about the realm.
    pub key: Option<String>,
    /// What would be decided.
    pub after: Decision,
}

impl Operation for SimulateAccess {
    type Reply = Simulated;

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

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Simulated> {
        context.note_detail("what a change of access rules would do");
        let mut changed = stored(context)?;
        let before = changed.compile(context.realm())?;
        let mut hang_on_requests = before.hanging_on_requests();
        hang_on_requests.retain(|name| self.remove.contains(name));
        if let Some(text) = &self.text {
            let (name, parsed) = (context.caller().name().to_owned(), rules::parse(text)?);
            hang_on_requests
                .extend(rules::RuleSet::new(context.realm(), &parsed.policies)?.hanging_on_requests());
            changed.apply(&parsed, context.now(), &name)?;
        }
        for name in &self.remove {
            if changed.named(name).is_none() {
                return Err(Error::not_found("access rule"));
            }
            changed.rules.retain(|rule| rule.name != *name);
        }
        let after = Arc::new(changed.compile(context.realm())?);
        let (principals, all) = everybody(context)?;
        let caller = self.way.caller(context);
        let mut walk =
            Walk { after: &after, principals: &principals, caller, decisions: 0, differences: Vec::new() };
        let mut complete = walk.on(context, None)? && all;
        let mut from = None;
        while complete {
            let range = IndexRange {
                realm: context.realm(),
                kind: IndexKind::KeyByName,
                from: Bound::Unbounded,
                to: Bound::Unbounded,
            };
            let page = context.find(&range, from.as_ref(), PAGE)?;
            for hit in &page {
                let record = context.store().get(&RecordKey::Key(KeyId(hit.id)))?;
                let Some(Record::Key(key)) = record.as_deref() else { continue };
                complete = complete && walk.on(context, Some(key))?;
            }
            match page.last() {
                Some(last) if page.len() == PAGE => from = Some(last.clone()),
                _ => break,
            }
        }
        Ok(Simulated { differences: walk.differences, complete, hang_on_requests })
    }
}

struct Walk<'a> {
    after: &'a Arc<rules::RuleSet>,
    principals: &'a [Arc<Principal>],
    caller: Caller,
    decisions: usize,
    differences: Vec<Difference>,
}

impl Walk<'_> {
    /// Compares all decisions about one key, or about the realm; false where that became too much.
    fn on(&mut self, context: &Context<'_>, key: Option<&Arc<Key>>) -> Result<bool> {
        let target = key.map_or(Target::Realm(context.realm()), Target::Key);
        for principal in self.principals {
            for action in Action::ALL.iter().copied() {
                if action.is_about_keys() != key.is_some() {
                    continue;
                }
                self.decisions += 1;
                if self.decisions > DECISIONS_MAX || self.differences.len() >= DIFFERENCES_MAX {
                    return Ok(false);
                }
                let question = Question { principal, action, target };
                let before = context.decide_as(&self.caller, question)?;
                let after = context.decide_by(self.after, &self.caller, question)?;
                if before.allows() != after.allows() {
                    self.differences.push(Difference {
                        principal: principal.name.clone(),
                        action,
                        key: key.map(|key| key.name.clone()),
                        after,
                    });
                }
            }
        }
        Ok(true)
    }
}
