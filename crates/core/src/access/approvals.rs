//! Dual control: which actions need the approval of others, and what was asked for and approved. Not here: asking the engine
//! for it before an operation runs (request/approval), and the operations of approvers (operations/approvals).

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use super::Action;
use crate::{
    error::{Error, Result},
    model::{KeyId, ObjectId, Principal, PrincipalId, RealmId, Role, Time},
    record::{RecordKey, ServerData},
};

/// Rules of one realm at most.
pub const APPROVAL_RULES_MAX: usize = 64;

/// Requests of one realm that wait at most.
pub const PROPOSALS_MAX: usize = 128;

/// Requests of one principal that wait at most, where few others wait.
pub const PROPOSALS_OF_ONE_MAX: usize = 16;

/// The part of what is free that one principal may take.
const SHARE_OF_ONE: usize = 8;

/// Bytes of what is told of one request at most.
pub const TERMS_BYTES_MAX: usize = 16 * 1024;

/// Approvals that a rule can ask for at most.
pub const NEEDS_MAX: u8 = 16;

/// Hours that an approval counts at most.
pub const HOURS_MAX: u16 = 30 * 24;

/// The rule that a realm gets with its second administrator.
pub const DEFAULT_RULE: &str = "two-administrators";

/// What a request says, field by field, for those who approve it, and for the hash. Holds no secret.
pub type Terms = Vec<(String, String)>;

/// Actions that a rule can be about: all that use, make or change something and are asked for by somebody who can wait.
pub const APPROVABLE: &[Action] = &[
    Action::Destroy,
    Action::Get,
    Action::RestoreKey,
    Action::Create,
    Action::CreateKeyPair,
    Action::Register,
    Action::Rekey,
    Action::ImportVersion,
    Action::Certify,
    Action::GetPublic,
    Action::Encrypt,
    Action::Decrypt,
    Action::Sign,
    Action::Verify,
    Action::Mac,
    Action::MacVerify,
    Action::Wrap,
    Action::Unwrap,
    Action::Derive,
    Action::DataKey,
    Action::DataKeyWithoutPlaintext,
    Action::Tag,
    Action::SetAlias,
    Action::RemoveAlias,
    Action::Activate,
    Action::Archive,
    Action::Recover,
    Action::CancelDestroy,
    Action::Revoke,
    Action::Disable,
    Action::Enable,
    Action::ModifyAttributes,
    Action::ChangePolicy,
    Action::Grant,
    Action::SetDefaults,
    Action::SetConstraints,
    Action::SetAccessRules,
    Action::SetPolicies,
    Action::SettleAlerts,
    Action::CreatePrincipal,
    Action::ChangePrincipal,
    Action::RenewCredential,
    Action::RevokePrincipal,
    Action::EraseSubject,
    Action::RevokeCredential,
    Action::Backup,
    Action::RegisterTarget,
    Action::RemoveTarget,
    Action::RetireCell,
    Action::ChangeUnlock,
    Action::ReplaceRoot,
    Action::ReplaySink,
    Action::CreateRealm,
    Action::DeleteRealm,
];

/// What the rule is about that a realm gets with its second administrator.
const BY_DEFAULT: &[Action] = &[
    Action::Destroy,
    Action::Get,
    Action::RestoreKey,
    Action::ChangePolicy,
    Action::SetDefaults,
    Action::SetConstraints,
    Action::SetAccessRules,
    Action::SetPolicies,
    Action::ChangeUnlock,
    Action::ReplaceRoot,
    Action::DeleteRealm,
    Action::RegisterTarget,
];

/// One rule: these actions need so many approvals by these people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRule {
    /// Its name.
    pub name: String,
    /// The actions.
    pub actions: BTreeSet<Action>,
    /// Only with these keys; empty: with all.
    pub keys: BTreeSet<KeyId>,
    /// How many must approve.
    pub needs: u8,
    /// Whoever has one of these roles may approve,
    pub roles: BTreeSet<Role>,
    /// and whoever is in one of these groups.
    pub groups: BTreeSet<String>,
    /// Hours from the request to its end.
    pub hours: u16,
    /// When it was set.
    pub changed: Time,
    /// Name of the principal that set it.
    pub by: String,
}

/// Whom a request makes, changes or gives a credential to.
pub struct Person {
    /// As it was; `None`: it is new.
    pub before: Option<Arc<Principal>>,
    /// As it will be.
    pub after: Arc<Principal>,
    /// Whether there is one more way to prove to be this principal.
    pub proof: bool,
}

impl ApprovalRule {
    /// The rule that a realm gets with its second administrator.
    pub fn by_default(now: Time, by: &str) -> Self {
        Self {
            name: DEFAULT_RULE.into(),
            actions: BY_DEFAULT.iter().copied().collect(),
            keys: BTreeSet::new(),
            needs: 1,
            roles: BTreeSet::from([Role::Admin]),
            groups: BTreeSet::new(),
            hours: 24,
            changed: now,
            by: by.to_owned(),
        }
    }

    /// What access rules come to that allow a request once so many have approved it: administrators do.
    pub fn of_access_rules(needs: u8) -> Self {
        let by_default = Self::by_default(Time(0), "");
        Self { name: "access rules".into(), actions: BTreeSet::new(), needs, ..by_default }
    }

    /// Whether this makes somebody an approver, ends that, or gives an approver other than who asks one more proof.
    ///
    /// INVARIANT: that needs the rule's own approvals, or one person alone would make a second self, or be the last. Revoking
    /// an approver gives nobody power, and has to be done at once: only a rule that names it makes it wait.
    pub fn is_about(&self, person: &Person, asks: PrincipalId) -> bool {
        let before = person.before.as_ref().is_some_and(|before| self.approver(before));
        let after = self.approver(&person.after);
        before != after || after && person.proof && person.after.id != asks
    }

    /// Whether this action needs its approvals. What hands out material in parts counts as getting it, and what destroys
    /// many keys as destroying any.
    ///
    /// INVARIANT: a change of approval rules needs those of every rule, or one person alone would take a rule away.
    pub fn covers(&self, action: Action, key: Option<KeyId>) -> bool {
        if action == Action::SetApprovalRules {
            return true;
        }
        let named = self.actions.contains(&action)
            || action.hands_out() && self.actions.contains(&Action::Get)
            || action == Action::Erase && self.actions.contains(&Action::Destroy);
        named && (self.keys.is_empty() || key.is_none_or(|key| self.keys.contains(&key)))
    }

    /// How many must approve a request by somebody who is an approver as well, or is not.
    ///
    /// INVARIANT: who makes clients can make one that asks for them, and no one alone does what the rule is about. So the approval of
    /// one administrator does not count where whoever asks could be of their making: whoever is no approver, since those are
    /// made by approval.
    pub fn needed(&self, asked_by_approver: bool, administrator_approved: bool) -> usize {
        let administrators_alone =
            self.groups.is_empty() && self.roles.iter().all(|role| *role == Role::Admin);
        let one_more = !asked_by_approver && (administrators_alone || administrator_approved);
        usize::from(self.needs) + usize::from(one_more)
    }

    /// Whether this principal is one of those who approve.
    pub fn approver(&self, principal: &Principal) -> bool {
        principal.is_lasting()
            && (!self.roles.is_disjoint(&principal.roles) || !self.groups.is_disjoint(&principal.groups))
    }
}

/// All rules of a realm.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRules {
    /// By name.
    pub rules: Vec<ApprovalRule>,
    /// Somebody has set or released a rule, or the one by default was made: none is made by itself any more.
    #[serde(default)]
    pub settled: bool,
}

impl ApprovalRules {
    /// The rules that this action must satisfy, each of them.
    pub fn over(&self, action: Action, key: Option<KeyId>) -> Vec<ApprovalRule> {
        self.rules.iter().filter(|rule| rule.covers(action, key)).cloned().collect()
    }

    /// The rules that a request which waits must satisfy: those over its action and key, and those that made it wait for whom it
    /// concerns, as they are now.
    pub fn of(&self, proposal: &Proposal) -> Vec<ApprovalRule> {
        let holds = |rule: &&ApprovalRule| {
            rule.covers(proposal.action, proposal.key) || proposal.rules.contains(&rule.name)
        };
        let quorum = (proposal.quorum > 0).then(|| ApprovalRule::of_access_rules(proposal.quorum));
        self.rules.iter().filter(holds).cloned().chain(quorum).collect()
    }
}

/// A request that waits for approvals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Its id.
    pub id: ObjectId,
    /// SHA-256 of the canonical bytes of the request.
    #[serde(with = "serde_bytes")]
    pub digest: [u8; 32],
    /// Who asks, and may not approve.
    pub proposer: PrincipalId,
    /// Whose connection it came over, and who may not approve either: another than the proposer where credentials are in the
    /// request itself.
    pub connection: PrincipalId,
    /// The name that it had then.
    pub proposer_name: String,
    /// What is asked for.
    pub action: Action,
    /// With which key.
    pub key: Option<KeyId>,
    /// What exactly.
    pub terms: Terms,
    /// When it was asked for.
    pub asked: Time,
    /// Neither it nor an approval counts from then on.
    pub expires: Time,
    /// How many approvals access rules want of it; 0: none looks at that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub quorum: u8,
    /// Names of the rules that made it wait.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// Who approved, in this order.
    pub approved: Vec<Approval>,
    /// Who refused.
    pub denied: Option<Approval>,
}

fn is_zero(count: &u8) -> bool {
    *count == 0
}

/// What one approver said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub principal: PrincipalId,
    /// The name that it had then.
    pub name: String,
    /// When.
    pub time: Time,
}

impl Proposal {
    /// Whether it is this principal's own.
    pub fn is_of(&self, principal: PrincipalId) -> bool {
        self.proposer == principal || self.connection == principal
    }
}

/// The requests of a realm that wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposals {
    /// Oldest first.
    pub open: Vec<Proposal>,
}

impl Proposals {
    /// Whether one more of this principal may wait. The fewer are left, the fewer has one, so that it takes a crowd and not a few
    /// to fill them.
    pub fn has_room_for(&self, proposer: PrincipalId) -> bool {
        let of_one = self.open.iter().filter(|proposal| proposal.proposer == proposer).count();
        let free = PROPOSALS_MAX.saturating_sub(self.open.len());
        free > 0 && of_one < (free / SHARE_OF_ONE).clamp(1, PROPOSALS_OF_ONE_MAX)
    }
}

/// Where a realm's approval rules are.
pub(crate) fn rules_name(realm: RealmId) -> String {
    format!("approval rules of realm {realm}")
}

/// Rules that were read, by realm, for as long as their record is the same: uses of keys ask for them each time.
#[derive(Default)]
pub(crate) struct KeptRules(RwLock<HashMap<RealmId, Kept>>);

/// A record, and the rules that it holds.
type Kept = (Arc<ServerData>, Arc<ApprovalRules>);

/// Realms whose rules are kept.
const KEPT_MAX: usize = 1024;

impl KeptRules {
    /// The rules that this record holds.
    ///
    /// # Errors
    /// `Internal` where they cannot be read.
    pub(crate) fn of(&self, realm: RealmId, record: &Arc<ServerData>) -> Result<Arc<ApprovalRules>> {
        if let Some((known, rules)) = self.0.read().get(&realm)
            && Arc::ptr_eq(known, record)
        {
            return Ok(Arc::clone(rules));
        }
        let read: ApprovalRules = ciborium::from_reader(&record.data[..]).map_err(Error::internal)?;
        let (mut kept, read) = (self.0.write(), Arc::new(read));
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(realm, (Arc::clone(record), Arc::clone(&read)));
        Ok(read)
    }
}

/// Where the requests of a realm are that wait.
pub(crate) fn proposals_name(realm: RealmId) -> String {
    format!("approvals of realm {realm}")
}

/// The address of server data of this name.
pub(crate) fn address(name: &str) -> RecordKey {
    RecordKey::Server(name.to_owned())
}

/// The bytes that the hash of a request is made of: each part behind its length as 4 bytes big-endian, so that no two
/// requests have the same.
pub(crate) fn canonical(
    realm: RealmId,
    proposer: PrincipalId,
    action: Action,
    key: Option<(KeyId, Option<ObjectId>)>,
    terms: &Terms,
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    let mut part = |data: &[u8]| {
        // Parts are bounded far below 4 GiB; were one not, its length would stand for no other part's either.
        bytes.extend_from_slice(&u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(data);
    };
    part(b"keyreeve request for approval 1");
    part(realm.as_bytes());
    part(proposer.as_bytes());
    part(action.word().as_bytes());
    let (key, object) = (key.map(|(key, _)| key), key.and_then(|(_, object)| object));
    part(key.as_ref().map_or(&[][..], |key| key.as_bytes()));
    part(object.as_ref().map_or(&[][..], |object| object.as_bytes()));
    for (name, value) in terms {
        part(name.as_bytes());
        part(value.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_who_ask_for_all_they_can_leave_room_for_others() {
        let proposal = |number: u128| Proposal {
            id: ObjectId(uuid::Uuid::nil()),
            digest: [0; 32],
            proposer: PrincipalId(uuid::Uuid::from_u128(number)),
            connection: PrincipalId(uuid::Uuid::from_u128(number)),
            proposer_name: String::new(),
            action: Action::Destroy,
            key: None,
            terms: Terms::new(),
            asked: Time(0),
            expires: Time(1),
            quorum: 0,
            rules: Vec::new(),
            approved: Vec::new(),
            denied: None,
        };
        let mut waiting = Proposals::default();
        let mut crowd = 0;
        while waiting.has_room_for(PrincipalId(uuid::Uuid::from_u128(crowd))) {
            let first = waiting.open.len();
            while waiting.has_room_for(PrincipalId(uuid::Uuid::from_u128(crowd))) {
                waiting.open.push(proposal(crowd));
            }
            assert!(waiting.open.len() - first <= PROPOSALS_OF_ONE_MAX);
            crowd += 1;
        }
        assert_eq!(waiting.open.len(), PROPOSALS_MAX);
        assert!(crowd > 25, "{crowd} filled it");
    }

    #[test]
    fn no_two_requests_have_the_same_bytes() {
        let realm = RealmId::DEFAULT;
        let terms = |pairs: &[(&str, &str)]| -> Terms {
            pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
        };
        let key = KeyId(uuid::Uuid::from_u128(1));
        let object = ObjectId(uuid::Uuid::from_u128(1));
        let made = [
            canonical(realm, PrincipalId::SYSTEM, Action::Destroy, None, &terms(&[])),
            canonical(realm, PrincipalId::ANONYMOUS, Action::Destroy, None, &terms(&[])),
            canonical(realm, PrincipalId::SYSTEM, Action::Get, None, &terms(&[])),
            canonical(realm, PrincipalId::SYSTEM, Action::Destroy, Some((key, None)), &terms(&[])),
            canonical(realm, PrincipalId::SYSTEM, Action::Destroy, Some((key, Some(object))), &terms(&[])),
            canonical(realm, PrincipalId::SYSTEM, Action::Destroy, None, &terms(&[("a", "bc")])),
            canonical(realm, PrincipalId::SYSTEM, Action::Destroy, None, &terms(&[("ab", "c")])),
            canonical(realm, PrincipalId::SYSTEM, Action::Destroy, None, &terms(&[("a", "b"), ("c", "")])),
        ];
        let distinct: BTreeSet<_> = made.iter().collect();
        assert_eq!(distinct.len(), made.len());
    }
}
