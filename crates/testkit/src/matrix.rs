//! The operation by role by state matrix, as data: who may do what, and in which states of the key it is done. The server's tests of
//! REST and of KMIP run it, each over its own routes or operations; docs/access-matrix.md is made of it. Not here: how it is asked
//! for.

use keyreeve_core::access::Action;
use serde_json::{Value, json};

/// How an answer looks to the one who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Done, where the state of the key allows it.
    A,
    /// Denied, whatever the state.
    D,
    /// Not found, whatever the state: may not even know.
    N,
}
use Seen::{A, D, N};

/// Who asks: the key's owner has the role user, as have one with a grant of this very action and one without.
pub const WHO: [&str; 6] = ["admin", "operator", "owner", "granted", "other", "auditor"];

/// The states of a key, and what lies over a state.
pub const STATES: [&str; 9] = [
    "pre-active",
    "active",
    "deactivated",
    "compromised",
    "destroyed",
    "destroyed-compromised",
    "suspended",
    "archived",
    "waiting",
];

/// One action.
pub struct Line {
    /// What is asked for.
    pub action: Action,
    /// What each of `WHO` sees.
    pub who: [Seen; 6],
    /// For each of `STATES`, over REST: `+` where it is done, `-` where it is refused for the state, `D` where it is denied
    /// for it. `None`: it is about no key, or not had there.
    pub rest: Option<&'static str>,
    /// The same over KMIP.
    pub kmip: Option<&'static str>,
}

const USING: [Seen; 6] = [A, D, A, A, N, D];
const MANAGING: [Seen; 6] = [A, A, A, A, N, D];
const READING: [Seen; 6] = [A, A, A, A, N, A];
const MAKING: [Seen; 6] = [A, A, A, A, A, D];
const OPEN: [Seen; 6] = [A; 6];
const ADMINISTERING: [Seen; 6] = [A, D, D, D, D, D];
const AUDITING: [Seen; 6] = [A, D, D, D, D, A];
/// An operator who could share could give itself the use of any key; no grant gives it on.
const SHARING: [Seen; 6] = [A, D, A, N, N, D];
/// Any entry may be asked about, and is not there for who may not see it.
const EXPLAINING: [Seen; 6] = [A, N, N, N, N, A];

/// The matrix. Only the server itself does what is in none of its lines.
pub fn lines() -> Vec<Line> {
    use Action::*;
    let none = |action, who| Line { action, who, rest: None, kmip: None };
    let rest = |action, who, rest| Line { action, who, rest: Some(rest), kmip: None };
    let both = |action, who, states| Line { action, who, rest: Some(states), kmip: Some(states) };
    let apart = |action, who, rest, kmip| Line { action, who, rest: Some(rest), kmip: Some(kmip) };
    let (protects, processes, always) = ("-+-------", "-+++-----", "+++++++++");
    vec![
        none(Create, MAKING),
        none(CreateKeyPair, MAKING),
        none(Register, MAKING),
        none(ReProvision, MAKING),
        both(Encrypt, USING, protects),
        both(Decrypt, USING, processes),
        both(Sign, USING, protects),
        both(Verify, USING, processes),
        both(Mac, USING, protects),
        both(MacVerify, USING, processes),
        rest(Wrap, USING, protects),
        rest(Unwrap, USING, processes),
        rest(DataKey, USING, protects),
        rest(DataKeyWithoutPlaintext, USING, protects),
        both(Derive, USING, protects),
        both(Get, USING, "++++-----"),
        both(CreateSplitKey, USING, "++++-----"),
        none(JoinSplitKey, USING),
        none(Certify, USING),
        both(GetUsageAllocation, USING, protects),
        both(GetAttributes, READING, always),
        rest(GetPublic, READING, "++++-----"),
        rest(ReadHistory, READING, always),
        both(Check, READING, "++++-----"),
        // KMIP has a lease on a compromised key denied.
        both(ObtainLease, READING, "+++D-----"),
        both(Activate, MANAGING, "+--------"),
        // For a reason other than compromise.
        both(Revoke, MANAGING, "-++---+++"),
        // REST deactivates an active key in the same entry.
        apart(Destroy, MANAGING, "++++--+++", "+-++-----"),
        rest(CancelDestroy, MANAGING, "--------+"),
        both(Rekey, MANAGING, "++++-----"),
        rest(RestoreKey, MANAGING, "++++--+++"),
        rest(Disable, MANAGING, "++++---++"),
        rest(Enable, MANAGING, "------+--"),
        both(Archive, MANAGING, "++++--+-+"),
        both(Recover, MANAGING, "-------+-"),
        rest(Tag, MANAGING, always),
        rest(SetAlias, MANAGING, always),
        rest(RemoveAlias, MANAGING, always),
        both(ModifyAttributes, MANAGING, always),
        rest(ChangePolicy, MANAGING, always),
        rest(Grant, SHARING, always),
        rest(ImportVersion, SHARING, "++++-----"),
        none(Locate, OPEN),
        none(ListKeys, OPEN),
        none(ListAliases, OPEN),
        none(Hash, OPEN),
        none(Random, OPEN),
        none(WrappingKey, OPEN),
        none(Query, OPEN),
        none(Status, OPEN),
        none(Login, OPEN),
        none(DelegatedLogin, OPEN),
        none(Logout, OPEN),
        none(ExplainAccess, EXPLAINING),
        none(ListApprovals, OPEN),
        none(Approve, OPEN),
        none(DenyApproval, OPEN),
        none(CreatePrincipal, ADMINISTERING),
        none(EraseSubject, ADMINISTERING),
        none(ListPrincipals, ADMINISTERING),
        none(ChangePrincipal, ADMINISTERING),
        none(RevokePrincipal, ADMINISTERING),
        none(RenewCredential, ADMINISTERING),
        none(RevokeCredential, ADMINISTERING),
        none(SetAccessRules, ADMINISTERING),
        none(SetPolicies, ADMINISTERING),
        none(SettleAlerts, ADMINISTERING),
        none(SetApprovalRules, ADMINISTERING),
        none(SetDefaults, ADMINISTERING),
        none(SetConstraints, ADMINISTERING),
        none(Erase, ADMINISTERING),
        none(Backup, ADMINISTERING),
        none(RegisterTarget, ADMINISTERING),
        none(RemoveTarget, ADMINISTERING),
        none(RetireCell, ADMINISTERING),
        none(ChangeUnlock, ADMINISTERING),
        none(ReplaceRoot, ADMINISTERING),
        none(Reload, ADMINISTERING),
        none(ReplaySink, ADMINISTERING),
        none(TestNotification, ADMINISTERING),
        none(ShowErasures, AUDITING),
        none(ReadJournal, AUDITING),
        none(VerifyJournal, AUDITING),
        none(Inspect, AUDITING),
        none(ShowAccessRules, AUDITING),
        none(ShowPolicies, AUDITING),
        none(ShowAlerts, AUDITING),
        none(CheckAccess, AUDITING),
        none(ShowApprovalRules, AUDITING),
        none(CreateRealm, ADMINISTERING),
        none(DeleteRealm, ADMINISTERING),
        none(ListRealms, AUDITING),
    ]
}

/// Holds the matrix to itself: each action has one line, those about keys have what each state lets be done.
pub fn check() {
    let about_keys: Vec<Line> = lines().into_iter().filter(|line| line.action.is_about_keys()).collect();
    for line in &about_keys {
        let tried = line.rest.into_iter().chain(line.kmip);
        assert!(tried.clone().all(|states| states.len() == STATES.len()), "{}", line.action.word());
        let by_itself = matches!(line.action, Action::JoinSplitKey | Action::Certify);
        assert_eq!(tried.count() == 0, by_itself, "{}: no states of the key are tried", line.action.word());
    }
    for line in lines() {
        let same = lines().iter().filter(|other| other.action == line.action).count();
        assert_eq!(same, 1, "{} stands in the matrix twice", line.action.word());
    }
}

/// The line of an action; panics where there is none.
pub fn line(action: Action) -> Line {
    let found = lines().into_iter().find(|line| line.action == action);
    found.unwrap_or_else(|| panic!("{} is in no line of the matrix", action.word()))
}

/// A key that can do it, for `POST /v1/keys`.
pub fn key_for(action: Action, name: &str, state: &str) -> Value {
    use Action::*;
    let algorithm = match action {
        Encrypt
        | Decrypt
        | Get
        | Wrap
        | Unwrap
        | DataKey
        | DataKeyWithoutPlaintext
        | Derive
        | ImportVersion
        | CreateSplitKey => "aes-128",
        Mac | MacVerify => "hmac-sha256",
        _ => "ed25519",
    };
    let mut key = json!({
        "name": name, "algorithm": algorithm, "exportable": true, "sensitive": false, "active": state != "pre-active",
    });
    if action == GetUsageAllocation {
        key["usage_limits"] = json!({ "total": 10, "unit": "uses" });
    }
    key
}

/// What brings an active key into a state, over REST: what stands behind `/v1/keys/NAME`.
pub fn steps(state: &str) -> Vec<(&'static str, &'static str, Value)> {
    let compromised = || ("POST", "/revoke", json!({ "reason": "key-compromise" }));
    let destroyed = || ("POST", "/destroy", json!({ "now": true }));
    match state {
        "pre-active" | "active" => Vec::new(),
        "deactivated" => vec![("POST", "/revoke", Value::Null)],
        "compromised" => vec![compromised()],
        "destroyed" => vec![destroyed()],
        "destroyed-compromised" => vec![compromised(), destroyed()],
        "suspended" => vec![("POST", "/disable", Value::Null)],
        "archived" => vec![("POST", "/archive", Value::Null)],
        "waiting" => {
            vec![("PATCH", "", json!({ "destroy_waiting_days": 7 })), ("POST", "/destroy", Value::Null)]
        }
        other => panic!("{other} is no state"),
    }
}
