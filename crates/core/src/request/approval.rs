//! What a running request asks of dual control: whether it needs approvals, and has them. Not here: the rules
//! (access/approvals), and approving (operations/approvals).

use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};

use super::{Context, Resolved};
use crate::{
    access::{
        Action, Permit, Target,
        approvals::{
            self, ApprovalRule, ApprovalRules, NEEDS_MAX, PROPOSALS_MAX, PROPOSALS_OF_ONE_MAX, Proposal,
            Proposals, TERMS_BYTES_MAX, Terms,
        },
    },
    engine::damaged,
    error::{Error, ErrorKind, Result},
    model::{Principal, Role, Time},
    operations::Operation,
    record::{Record, RecordKey, ServerData},
};

/// Milliseconds of an hour.
const HOUR_MS: i64 = 3_600_000;

impl Context<'_> {
    /// Forgets what an operation before this one, in the same rehearsal, was approved for.
    pub(crate) fn begin_approval(&mut self) {
        self.ruled.clear();
        (self.approved, self.quorum) = (None, 0);
        self.access.with_approvals(0);
    }

    /// Lets the operation run where nobody has to approve it, or enough have: their approval is spent with it. What was not
    /// asked for yet is put on record as asked for.
    ///
    /// # Errors
    /// `ApprovalPending` with its id; `Denied` where it was refused, or cannot be approved; `LimitExceeded`, `TooLarge`.
    pub(crate) fn require_approval<O: Operation>(
        &mut self,
        operation: &O,
        resolved: Option<&Resolved>,
    ) -> Result<()> {
        let action = operation.action();
        let may_need = std::iter::once(action).chain(operation.also()).any(may_need);
        if !may_need && self.quorum == 0 || self.caller.principal().is_none() {
            return Ok(());
        }
        let key = resolved.map(|resolved| resolved.key.id);
        if !operation.spends_approval() {
            return Ok(());
        }
        let stored = self.kept_approval_rules()?;
        let mut rules = stored.over(action, key);
        for also in operation.also() {
            let others = stored.over(also, key);
            rules.extend(others.into_iter().filter(|rule| !rules.contains(rule)).collect::<Vec<_>>());
        }
        if !stored.rules.is_empty()
            && let Some(person) = operation.person(self)?
        {
            let about =
                |rule: &&ApprovalRule| !rules.contains(rule) && rule.is_about(&person, self.caller.id());
            let others: Vec<ApprovalRule> = stored.rules.iter().filter(about).cloned().collect();
            rules.extend(others);
        }
        if self.quorum > 0 {
            rules.push(ApprovalRule::of_access_rules(self.quorum));
        }
        if rules.is_empty() {
            return Ok(());
        }
        let terms = self.terms(operation, resolved)?;
        let named = resolved.map(|resolved| (resolved.key.id, resolved.object));
        let bytes = approvals::canonical(self.realm(), self.caller.id(), action, named, &terms);
        let digest = self.crypto().sha256(&[&bytes]);
        let mut waiting = self.proposals()?;
        let Some(at) = waiting.open.iter().position(|proposal| proposal.digest == digest) else {
            return Err(self.propose(waiting, &rules, Asked { action, key: named, terms, digest })?);
        };
        let proposal = &waiting.open[at];
        if let Some(denied) = &proposal.denied {
            let public = format!("{} refused to approve this ({})", denied.name, proposal.id);
            return Err(Error::new(ErrorKind::Denied, public));
        }
        let missing = self.missing(proposal, &rules)?;
        if missing > 0 {
            return Err(Error::pending(proposal.id, told(proposal, missing)));
        }
        let spent = waiting.open.remove(at);
        self.access.hold_until(spent.expires);
        let names: Vec<&str> = spent.approved.iter().map(|approval| approval.name.as_str()).collect();
        self.ruled = rules.into_iter().map(|rule| rule.name).collect();
        self.approved = Some(format!("approved by {} ({})", names.join(", "), spent.id));
        self.put_proposals(&waiting)
    }

    /// Authorizes the request; where only approvals that it has not keep it from being allowed, as with them: `require_approval`
    /// asks for so many then.
    ///
    /// INVARIANT: nothing is done by what this gives before `require_approval` was asked.
    ///
    /// # Errors
    /// Those of `authorize`.
    pub(crate) fn authorize_with_quorum(&mut self, action: Action, target: Target<'_>) -> Result<Permit> {
        let refused = match self.authorize(action, target) {
            // INVARIANT: of all rules, not of those about this key: else it would be told whether one is.
            Err(error) if self.access.may_ask_for_approvals() && self.caller.principal().is_some() => error,
            decided => return decided,
        };
        for needs in 1..=NEEDS_MAX {
            self.access.with_approvals(needs);
            if let Ok(permit) = self.authorize(action, target) {
                self.quorum = self.quorum.max(needs);
                return Ok(permit);
            }
        }
        self.access.with_approvals(self.quorum);
        Err(refused)
    }

    /// Authorizes what a request amounts to beside its own action, or does with a further key.
    ///
    /// # Errors
    /// Those of `authorize` and `refuse_ruled`.
    pub(crate) fn authorize_further(&mut self, action: Action, target: Target<'_>) -> Result<Permit> {
        let permit = self.authorize(action, target)?;
        self.refuse_ruled(action, target)?;
        Ok(permit)
    }

    /// Refuses what a request amounts to beside what approvals were asked about, where a rule wants them for it that they do not
    /// satisfy: else who may not decrypt alone would do so by a way that has another name.
    ///
    /// # Errors
    /// `Denied`; the store's.
    pub(crate) fn refuse_ruled(&mut self, action: Action, target: Target<'_>) -> Result<()> {
        if self.caller.principal().is_none() || !may_need(action) {
            return Ok(());
        }
        let key = match target {
            Target::Key(key) => Some(key),
            Target::Realm(_) => None,
        };
        let rules = self.kept_approval_rules()?;
        let waits = |rule: &ApprovalRule| {
            rule.covers(action, key.map(|key| key.id)) && !self.ruled.contains(&rule.name)
        };
        let Some(rule) = rules.rules.iter().find(|rule| waits(rule)) else { return Ok(()) };
        let with = key.map(|key| format!(" with the key {}", key.name)).unwrap_or_default();
        let public = format!(
            "this amounts to {}{with} too, which needs the approval of others here (rule {}) and cannot be asked for this way",
            action.word(),
            rule.name
        );
        Err(Error::new(ErrorKind::Denied, public))
    }

    /// The SHA-256 of bytes, in hexadecimal, for the terms of a request.
    pub(crate) fn sha256_told(&self, bytes: &[u8]) -> String {
        self.crypto().sha256(&[bytes]).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What exactly is asked for, for people and for the hash.
    fn terms<O: Operation>(&mut self, operation: &O, resolved: Option<&Resolved>) -> Result<Terms> {
        let others = self.others.len();
        let own = operation.terms(self)?;
        // What else served is noted by the operation itself.
        self.others.truncate(others);
        let Some(own) = own else {
            let word = operation.action().word();
            let public =
                format!("{word} needs the approval of others here, which cannot be asked for this way");
            return Err(Error::new(ErrorKind::Denied, public));
        };
        let mut terms = Terms::new();
        if let Some(Resolved { key, object }) = resolved {
            terms.push(("key".into(), key.name.clone()));
            terms.push(("versions".into(), key.versions.len().to_string()));
            // What it says of destruction and export is what the request is done by.
            terms.push(("policy".into(), format!("{:?}", key.policy)));
            terms.extend(object.map(|object| ("object".into(), object.to_string())));
        }
        terms.extend(own);
        if terms.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > TERMS_BYTES_MAX {
            let public = format!(
                "a request that others must approve has at most {TERMS_BYTES_MAX} bytes: ask for less at a time"
            );
            return Err(Error::new(ErrorKind::TooLarge, public));
        }
        Ok(terms)
    }

    /// Puts the request on record as one that waits; gives the error that says so.
    fn propose(&mut self, mut waiting: Proposals, rules: &[ApprovalRule], asked: Asked) -> Result<Error> {
        let now = self.now;
        let proposer = self.caller.id();
        if !self.caller.waits() {
            let public = "this needs the approval of others, which nobody would wait for here";
            return Err(Error::new(ErrorKind::Denied, public));
        }
        if !waiting.has_room_for(proposer) {
            let public = format!(
                "too many requests wait for approval ({PROPOSALS_MAX} of a realm, {PROPOSALS_OF_ONE_MAX} of one \
                 client, fewer where many wait): `keyreeve approval deny ID` takes one back"
            );
            return Err(Error::new(ErrorKind::LimitExceeded, public));
        }
        let hours = rules.iter().map(|rule| rule.hours).min().unwrap_or_default();
        let proposal = Proposal {
            id: self.new_object_id()?,
            digest: asked.digest,
            proposer,
            connection: self.caller.connection().id(),
            proposer_name: self.caller.name().to_owned(),
            action: asked.action,
            key: asked.key.map(|(key, _)| key),
            terms: asked.terms,
            asked: now,
            expires: Time(now.0.saturating_add(i64::from(hours) * HOUR_MS)),
            quorum: self.quorum,
            rules: rules.iter().map(|rule| rule.name.clone()).collect(),
            approved: Vec::new(),
            denied: None,
        };
        let missing = self.missing(&proposal, rules)?;
        let pending = Error::pending(proposal.id, told(&proposal, missing));
        self.proposed = true;
        self.note_detail(format!("asks for approval {} to {}", proposal.id, asked.action.word()));
        waiting.open.push(proposal);
        self.put_proposals(&waiting)?;
        Ok(pending)
    }

    /// How many approvals are missing by the rules and people as they are now: of an approver who is revoked, or lost the role,
    /// nothing counts.
    pub(crate) fn missing(&mut self, proposal: &Proposal, rules: &[ApprovalRule]) -> Result<usize> {
        let mut approvers: Vec<Arc<Principal>> = Vec::new();
        for approval in &proposal.approved {
            if let Some(Record::Principal(principal)) =
                self.get(RecordKey::Principal(approval.principal))?.as_deref()
            {
                approvers.push(Arc::clone(principal));
            }
        }
        let proposer = match self.get(RecordKey::Principal(proposal.proposer))?.as_deref() {
            Some(Record::Principal(principal)) => Some(Arc::clone(principal)),
            _ => None,
        };
        let missing_of = |rule: &ApprovalRule| {
            let counts = |approver: &&Arc<Principal>| !proposal.is_of(approver.id) && rule.approver(approver);
            let have: Vec<&Arc<Principal>> = approvers.iter().filter(counts).collect();
            let is_one = proposer.as_ref().is_some_and(|proposer| rule.approver(proposer));
            rule.needed(is_one, have.iter().any(|approver| approver.roles.contains(&Role::Admin)))
                .saturating_sub(have.len())
        };
        Ok(rules.iter().map(missing_of).max().unwrap_or_default())
    }

    /// The approval rules of the realm.
    ///
    /// # Errors
    /// `Internal` where they cannot be read: then nothing that could need an approval is done.
    pub(crate) fn approval_rules(&mut self) -> Result<ApprovalRules> {
        self.server_data(&approvals::rules_name(self.realm()))
    }

    /// The approval rules of the realm, to look at: read anew only once they have changed.
    ///
    /// # Errors
    /// As `approval_rules`.
    fn kept_approval_rules(&mut self) -> Result<Arc<ApprovalRules>> {
        let realm = self.realm();
        let address = approvals::address(&approvals::rules_name(realm));
        match self.get(address.clone())? {
            None => Ok(Arc::default()),
            Some(record) => match &*record {
                Record::Server(data) => self.engine.approval_rules().of(realm, data),
                other => Err(damaged(&address, other)),
            },
        }
    }

    /// The requests that wait, without those whose time is over.
    ///
    /// # Errors
    /// `Internal` where they cannot be read.
    pub(crate) fn proposals(&mut self) -> Result<Proposals> {
        let mut proposals: Proposals = self.server_data(&approvals::proposals_name(self.realm()))?;
        proposals.open.retain(|proposal| proposal.expires > self.now);
        Ok(proposals)
    }

    /// Puts the requests that wait.
    ///
    /// # Errors
    /// `Internal`.
    pub(crate) fn put_proposals(&mut self, proposals: &Proposals) -> Result<()> {
        self.put_server_data(approvals::proposals_name(self.realm()), proposals)
    }

    /// Puts the approval rules of the realm.
    ///
    /// # Errors
    /// `Internal`.
    pub(crate) fn put_approval_rules(&mut self, rules: &ApprovalRules) -> Result<()> {
        self.put_server_data(approvals::rules_name(self.realm()), rules)
    }

    fn server_data<T: DeserializeOwned + Default>(&mut self, name: &str) -> Result<T> {
        let address = approvals::address(name);
        match self.get(address.clone())?.as_deref() {
            Some(Record::Server(data)) => ciborium::from_reader(&data.data[..]).map_err(Error::internal),
            Some(other) => Err(damaged(&address, other)),
            None => Ok(T::default()),
        }
    }

    fn put_server_data<T: Serialize>(&mut self, name: String, value: &T) -> Result<()> {
        let mut data = Vec::new();
        ciborium::into_writer(value, &mut data).map_err(Error::internal)?;
        self.put(Record::Server(Arc::new(ServerData { name, data, sealed: None })));
        Ok(())
    }
}

/// A request that is put on record as one that waits.
struct Asked {
    action: Action,
    key: Option<(crate::model::KeyId, Option<crate::model::ObjectId>)>,
    terms: Terms,
    digest: [u8; 32],
}

/// Whether any rule could be about it: nothing else reads the rules, so that a hot request costs nothing.
fn may_need(action: Action) -> bool {
    matches!(action, Action::SetApprovalRules | Action::Erase)
        || action.hands_out()
        || approvals::APPROVABLE.contains(&action)
}

fn told(proposal: &Proposal, missing: usize) -> String {
    let approvals = if missing == 1 { "approval" } else { "approvals" };
    format!(
        "this needs {missing} more {approvals}: others look at it by `keyreeve approval show {}`; then send the same \
         request again",
        proposal.id
    )
}
