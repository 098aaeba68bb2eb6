//! Approvals: who sets the rules of dual control, and who approves or denies what waits. Not here: that a request waits, which
//! the engine sees to before it runs (request/approval).

use std::{collections::BTreeSet, ops::ControlFlow, sync::Arc};

use super::{Operation, Subject};
use crate::{
    access::{
        Action, Permit, Target,
        approvals::{
            APPROVABLE, APPROVAL_RULES_MAX, Approval, ApprovalRule, ApprovalRules, DEFAULT_RULE, HOURS_MAX,
            NEEDS_MAX, Proposal, Terms,
        },
    },
    error::{Error, ErrorKind, Result},
    model::{Key, ObjectId, Principal, Role},
    record::{Record, RecordKey},
    request::{Context, Reference, Resolved},
};

/// Bytes of a rule's name at most.
const NAME_BYTES_MAX: usize = 64;

/// Adds a rule, or puts it in the place of the one of its name.
pub struct SetApprovalRule {
    /// Its name: small letters, digits and `.` `_` `-`.
    pub name: String,
    /// The actions that need approvals.
    pub actions: BTreeSet<Action>,
    /// Only with these keys; empty: with all.
    pub keys: Vec<String>,
    /// How many must approve.
    pub needs: u8,
    /// Roles of which an approver has one,
    pub roles: BTreeSet<Role>,
    /// or groups that it is in one of.
    pub groups: BTreeSet<String>,
    /// Hours from the request to its end.
    pub hours: u16,
}

/// Takes a rule away.
pub struct RemoveApprovalRule {
    /// Its name.
    pub name: String,
}

/// Tells the rules.
pub struct ShowApprovalRules;

/// Tells what waits, of what the caller asked for, may approve, or may see as an administrator or auditor.
pub struct ListApprovals;

/// Approves what waits, or denies it; whoever asked for it takes it back by denying.
pub struct DecideApproval {
    /// Which.
    pub id: ObjectId,
    /// Yes or no.
    pub approve: bool,
}

/// What waits, and how many approvals it still needs.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The request.
    pub proposal: Proposal,
    /// Approvals that are missing; 0: it can be done.
    pub missing: usize,
}

impl Operation for SetApprovalRule {
    type Reply = ApprovalRule;

    fn action(&self) -> Action {
        Action::SetApprovalRules
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        self.check()?;
        let words = |words: Vec<&str>| words.join(", ");
        let mut keys = Vec::new();
        for key in &self.keys {
            let key = visible(context, key)?;
            keys.push(format!("{} ({})", key.name, key.id));
        }
        Ok(Some(vec![
            ("set rule".into(), self.name.clone()),
            ("actions".into(), words(self.actions.iter().map(|action| action.word()).collect())),
            ("keys".into(), keys.join(", ")),
            ("needs".into(), self.needs.to_string()),
            ("roles".into(), words(self.roles.iter().map(|role| role.word()).collect())),
            ("groups".into(), words(self.groups.iter().map(String::as_str).collect())),
            ("hours".into(), self.hours.to_string()),
        ]))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<ApprovalRule> {
        context.note_target(&self.name);
        self.check()?;
        let mut keys = BTreeSet::new();
        for key in &self.keys {
            keys.insert(visible(context, key)?.id);
        }
        let rule = ApprovalRule {
            name: self.name.clone(),
            actions: self.actions.clone(),
            keys,
            needs: self.needs,
            roles: self.roles.clone(),
            groups: self.groups.clone(),
            hours: self.hours,
            changed: context.now(),
            by: context.caller().name().to_owned(),
        };
        require_approvers(context, &rule)?;
        let mut stored = context.approval_rules()?;
        stored.rules.retain(|known| known.name != rule.name);
        stored.rules.push(rule.clone());
        stored.rules.sort_by(|a, b| a.name.cmp(&b.name));
        stored.settled = true;
        if stored.rules.len() > APPROVAL_RULES_MAX {
            let public =
                format!("a realm has at most {APPROVAL_RULES_MAX} approval rules; remove some first");
            return Err(Error::new(ErrorKind::LimitExceeded, public));
        }
        context.note_detail(format!("{} approvals", self.needs));
        context.put_approval_rules(&stored)?;
        Ok(rule)
    }
}

/// A key that a rule names, where who sets it may know of it.
fn visible(context: &mut Context<'_>, name: &str) -> Result<Arc<Key>> {
    let key = context.resolve_other(&Reference::text(name))?.key;
    context.authorize(Action::GetAttributes, Target::Key(&key))?;
    Ok(key)
}

impl SetApprovalRule {
    fn check(&self) -> Result<()> {
        let refuse = |text: String| Err(Error::new(ErrorKind::InvalidField, text));
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        if self.name.is_empty() || self.name.len() > NAME_BYTES_MAX || !self.name.chars().all(fits) {
            return refuse(format!(
                "the name of an approval rule has 1 to {NAME_BYTES_MAX} small letters, digits and . _ -"
            ));
        }
        if let Some(action) = self.actions.iter().find(|action| !APPROVABLE.contains(action)) {
            let words: Vec<&str> = APPROVABLE.iter().map(|action| action.word()).collect();
            return refuse(format!("{} cannot be approved; these can: {}", action.word(), words.join(", ")));
        }
        if self.actions.is_empty() {
            return refuse("an approval rule names at least one action".into());
        }
        if !(1..=NEEDS_MAX).contains(&self.needs) {
            return refuse(format!("an approval rule needs 1 to {NEEDS_MAX} approvals"));
        }
        if !(1..=HOURS_MAX).contains(&self.hours) {
            return refuse(format!("an approval counts for 1 to {HOURS_MAX} hours"));
        }
        if self.roles.is_empty() && self.groups.is_empty() {
            return refuse("an approval rule names the roles or groups that approve".into());
        }
        if self.groups.len() > super::change_principal::GROUPS_MAX || self.keys.len() > APPROVAL_RULES_MAX {
            return refuse(format!("an approval rule names at most {APPROVAL_RULES_MAX} keys and groups"));
        }
        Ok(())
    }
}

impl Operation for RemoveApprovalRule {
    type Reply = ();

    fn action(&self) -> Action {
        Action::SetApprovalRules
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn terms(&self, _: &mut Context<'_>) -> Result<Option<Terms>> {
        Ok(Some(vec![("remove rule".into(), self.name.clone())]))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<()> {
        context.note_target(&self.name);
        let mut stored = context.approval_rules()?;
        let before = stored.rules.len();
        stored.rules.retain(|rule| rule.name != self.name);
        // The one by default is released before it is made, by who is administrator alone and does not want it.
        let declined = self.name == DEFAULT_RULE && !stored.settled;
        if stored.rules.len() == before && !declined {
            return Err(Error::not_found("approval rule"));
        }
        stored.settled = true;
        context.note_detail(if declined { "will not be made" } else { "removed" });
        context.put_approval_rules(&stored)
    }
}

impl Operation for ShowApprovalRules {
    type Reply = ApprovalRules;

    fn action(&self) -> Action {
        Action::ShowApprovalRules
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<ApprovalRules> {
        context.approval_rules()
    }
}

impl Operation for ListApprovals {
    type Reply = Vec<Waiting>;

    fn action(&self) -> Action {
        Action::ListApprovals
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Vec<Waiting>> {
        let rules = context.approval_rules()?;
        let Some(caller) = current(context)? else { return Ok(Vec::new()) };
        let mut visible = Vec::new();
        for proposal in context.proposals()?.open {
            let over = rules.of(&proposal);
            if may_see(&caller, &proposal, &over) {
                let missing = context.missing(&proposal, &over)?;
                visible.push(Waiting { proposal, missing });
            }
        }
        Ok(visible)
    }
}

impl Operation for DecideApproval {
    type Reply = Waiting;

    fn action(&self) -> Action {
        if self.approve { Action::Approve } else { Action::DenyApproval }
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Waiting> {
        context.note_target(&self.id.to_string());
        let (rules, mut waiting) = (context.approval_rules()?, context.proposals()?);
        let missing = || Error::not_found("approval");
        let caller = current(context)?.ok_or_else(missing)?;
        let at = waiting.open.iter().position(|proposal| proposal.id == self.id).ok_or_else(missing)?;
        let mut proposal = waiting.open.remove(at);
        let over = rules.of(&proposal);
        if !may_see(&caller, &proposal, &over) {
            return Err(missing());
        }
        let own = proposal.is_of(caller.id) || proposal.is_of(context.caller().connection().id());
        if own && !self.approve {
            context.note_detail("taken back");
            context.put_proposals(&waiting)?;
            return Ok(Waiting { proposal, missing: 0 });
        }
        if own || !over.iter().any(|rule| rule.approver(&caller)) {
            let why =
                if own { "nobody approves what they asked for" } else { "no rule makes you an approver" };
            return Err(Error::new(
                ErrorKind::Denied,
                format!("{} may not approve this: {why}", caller.name),
            ));
        }
        if proposal.denied.is_some() {
            return Err(Error::new(ErrorKind::WrongState, "this was denied: it has to be asked for anew"));
        }
        let said = Approval { principal: caller.id, name: caller.name.clone(), time: context.now() };
        if !self.approve {
            proposal.denied = Some(said);
        } else if !proposal.approved.iter().any(|approval| approval.principal == caller.id) {
            proposal.approved.push(said);
        }
        context.note_detail(format!("{} asked to {}", proposal.proposer_name, proposal.action.word()));
        if let Some(key) = proposal.key {
            context.note(key, None);
        }
        waiting.open.insert(at, proposal.clone());
        context.put_proposals(&waiting)?;
        let missing = context.missing(&proposal, &over)?;
        Ok(Waiting { proposal, missing })
    }
}

/// Refuses a rule that too few could satisfy when its own setter asks: it could not be released any more either.
fn require_approvers(context: &mut Context<'_>, rule: &ApprovalRule) -> Result<()> {
    let (own, needs, mut others) = (context.caller().id(), usize::from(rule.needs), 0);
    context.each_principal(|principal| {
        others += usize::from(principal.id != own && rule.approver(principal));
        if others < needs { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    if others >= needs {
        return Ok(());
    }
    let public = format!(
        "this needs {needs} approvals, and there are {others} others to give them: make them first, or nobody could release \
         the rule again"
    );
    Err(Error::new(ErrorKind::Denied, public))
}

/// The caller as it is now.
fn current(context: &mut Context<'_>) -> Result<Option<std::sync::Arc<Principal>>> {
    let Some(id) = context.caller().principal().map(|principal| principal.id) else { return Ok(None) };
    Ok(match context.get(RecordKey::Principal(id))?.as_deref() {
        Some(Record::Principal(principal)) => Some(std::sync::Arc::clone(principal)),
        _ => None,
    })
}

fn may_see(caller: &Principal, proposal: &Proposal, rules: &[ApprovalRule]) -> bool {
    caller.id == proposal.proposer
        || caller.roles.iter().any(|role| matches!(role, Role::Admin | Role::Auditor))
        || rules.iter().any(|rule| rule.approver(caller))
}
