//! The whole of the built-in roles as one table: every action times every role, on a key that is the caller's own,
//! granted, or another's. An action without a row does not compile.

use std::{collections::BTreeSet, sync::Arc, task};

use uuid::Uuid;

use super::{
    Action, Caller, Permit, Target,
    rules::{KeptDecisions, Session},
};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{
        Grant, Key, KeyId, KeyPolicy, Lsn, ObjectType, Principal, PrincipalId, RealmId, RequestId, Role, Time,
    },
    ports::store::{Commit, Completion, IndexHit, IndexRange, Order, Store},
    record::{Entry, Record, RecordKey},
};

/// Who may, of: admin, operator, auditor; a user on its own key; a user by a grant of this very action.
struct Row {
    admin: bool,
    operator: bool,
    auditor: bool,
    user_own: bool,
    granted: bool,
    user_realm: bool,
}

const USE: Row =
    Row { admin: true, operator: false, auditor: false, user_own: true, granted: true, user_realm: false };
const MANAGE: Row =
    Row { admin: true, operator: true, auditor: false, user_own: true, granted: true, user_realm: false };
// An operator that could share could give itself what it may not have.
const SHARE: Row =
    Row { admin: true, operator: false, auditor: false, user_own: true, granted: false, user_realm: false };
const READ: Row =
    Row { admin: true, operator: true, auditor: true, user_own: true, granted: true, user_realm: false };
const MAKE: Row =
    Row { admin: true, operator: true, auditor: false, user_own: true, granted: false, user_realm: true };
const OPEN: Row =
    Row { admin: true, operator: true, auditor: true, user_own: true, granted: false, user_realm: true };
const ADMINISTER: Row =
    Row { admin: true, operator: false, auditor: false, user_own: false, granted: false, user_realm: false };
const AUDIT: Row =
    Row { admin: true, operator: false, auditor: true, user_own: false, granted: false, user_realm: false };
const NOBODY: Row =
    Row { admin: false, operator: false, auditor: false, user_own: false, granted: false, user_realm: false };

fn row(action: Action) -> Row {
    use Action::*;
    match action {
        Create | CreateKeyPair | Register | ReProvision => MAKE,
        Encrypt | Decrypt | Sign | Verify | Mac | MacVerify | Wrap | Unwrap | Derive | Get => USE,
        GetUsageAllocation | DataKey | DataKeyWithoutPlaintext | CreateSplitKey | JoinSplitKey => USE,
        Certify => USE,
        GetPublic | GetAttributes | Check | ObtainLease | ReadHistory => READ,
        Rekey | ModifyAttributes | ChangePolicy | Activate | Revoke | Destroy | CancelDestroy
        | RestoreKey => MANAGE,
        Disable | Enable | Archive | Recover | Tag | SetAlias | RemoveAlias => MANAGE,
        Grant | ImportVersion => SHARE,
        Locate | ListKeys | ListAliases | Hash | Random | Query | Status | WrappingKey => OPEN,
        Login | DelegatedLogin | Logout | ExplainAccess | Approve | DenyApproval | ListApprovals => OPEN,
        CreatePrincipal | ListPrincipals | RevokePrincipal | EraseSubject | RenewCredential
        | RevokeCredential | Erase => ADMINISTER,
        SetDefaults | SetConstraints | ChangePrincipal | SetAccessRules | SetPolicies | SetApprovalRules
        | SettleAlerts => ADMINISTER,
        Backup | RegisterTarget | RemoveTarget | RetireCell | ChangeUnlock | ReplaceRoot | Reload
        | ReplaySink | TestNotification => ADMINISTER,
        ReadJournal | VerifyJournal | ShowErasures | Inspect | ShowAccessRules | CheckAccess
        | ShowApprovalRules | ShowPolicies | ShowAlerts => AUDIT,
        ApplyDates | Rotate | Authenticate | CountFailures | OtherRequest | MoveCursor | Unseal
        | Initialize | Start | Stop => NOBODY,
        Reseal | GrowTree | PrepareEpoch | SwitchEpoch | AbandonEpoch | EraseCell | CompleteErasure => NOBODY,
        Claim | Restored | AcceptRollback | Propose | ReopenRealm | RecoverAdministrator | BreakGlass
        | RaiseAlert => NOBODY,
        CreateRealm | DeleteRealm => ADMINISTER,
        ListRealms => AUDIT,
    }
}

fn principal(number: u128, roles: &[Role], realm: RealmId) -> Arc<Principal> {
    Arc::new(Principal {
        id: PrincipalId(Uuid::from_u128(number)),
        realm,
        name: format!("p{number}"),
        roles: roles.iter().copied().collect(),
        groups: Default::default(),
        created: Time(0),
        revoked: None,
        ends: None,
        credentials: Vec::new(),
        person: None,
        erased: None,
    })
}

fn granted(principal: PrincipalId, action: Action, expires: Option<Time>, pairs: &[(&str, &str)]) -> Grant {
    let encryption_context = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Grant { principal, actions: BTreeSet::from([action]), expires, encryption_context }
}

fn key(owner: u128, grants: Vec<Grant>) -> Arc<Key> {
    Arc::new(Key {
        id: KeyId(Uuid::from_u128(7)),
        realm: RealmId::DEFAULT,
        name: "k".into(),
        owner: PrincipalId(Uuid::from_u128(owner)),
        created: Time(0),
        object_type: ObjectType::SymmetricKey,
        spec: None,
        versions: Vec::new(),
        policy: KeyPolicy::default(),
        tags: Default::default(),
        grants,
    })
}

fn caller(principal: Arc<Principal>) -> Caller {
    Caller::authenticated(principal, "test", None, RequestId(Uuid::nil()))
}

fn allowed(principal: &Arc<Principal>, action: Action, target: Target<'_>) -> bool {
    authorize(&caller(Arc::clone(principal)), action, target).is_ok()
}

/// Decides where there are no rules, at time 0.
fn authorize(caller: &Caller, action: Action, target: Target<'_>) -> Result<Permit> {
    authorize_at(Time(0), Vec::new(), caller, action, target)
}

fn authorize_at(
    now: Time,
    pairs: Vec<(String, String)>,
    caller: &Caller,
    action: Action,
    target: Target<'_>,
) -> Result<Permit> {
    let kept = KeptDecisions::new();
    let mut session = Session::new(&Empty, &kept, now);
    session.bind(pairs);
    super::authorize(&session, caller, action, target)
}

/// A store with nothing in it.
pub(super) struct Empty;

impl Store for Empty {
    fn published(&self) -> Lsn {
        Lsn::ZERO
    }

    fn poll_published(&self, _: Lsn, _: &mut task::Context<'_>) -> task::Poll<Lsn> {
        task::Poll::Pending
    }

    fn is_full(&self) -> bool {
        false
    }

    fn get(&self, _: &RecordKey) -> Result<Option<Arc<Record>>> {
        Ok(None)
    }

    fn find_in(&self, _: Order, _: &IndexRange, _: Option<&IndexHit>, _: usize) -> Result<Vec<IndexHit>> {
        Ok(Vec::new())
    }

    fn commit(&self, _: Commit, done: Completion) {
        done(Err(Error::internal("nothing is kept here")));
    }

    fn journal_within(&self, _: Lsn, _: usize, _: &mut usize) -> Result<Vec<Entry>> {
        Ok(Vec::new())
    }

    fn journal_begins(&self) -> Result<Lsn> {
        Ok(Lsn::ZERO.next())
    }

    fn verify_journal(&self) -> Result<(Lsn, [u8; 32])> {
        Ok((Lsn::ZERO, [0; 32]))
    }
}

#[test]
fn a_grant_ends_and_is_narrowed_to_an_encryption_context() {
    let user = principal(4, &[], RealmId::DEFAULT);
    let given = granted(user.id, Action::Decrypt, Some(Time(1_000)), &[("customer", "42")]);
    let narrowed = key(99, vec![given]);
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    };
    let ask = |now, bound: &[(&str, &str)], action| {
        let caller = caller(Arc::clone(&user));
        authorize_at(Time(now), pairs(bound), &caller, action, Target::Key(&narrowed))
            .map_err(|error| error.kind())
            .err()
    };
    let right = [("customer", "42"), ("order", "7")];
    assert_eq!(ask(999, &right, Action::Decrypt), None);
    assert_eq!(ask(999, &[], Action::GetAttributes), None, "reading is not narrowed");
    assert_eq!(ask(999, &[], Action::Decrypt), Some(ErrorKind::Denied));
    assert_eq!(ask(999, &[("customer", "43")], Action::Decrypt), Some(ErrorKind::Denied));
    assert_eq!(ask(999, &[("Customer", "42")], Action::Decrypt), Some(ErrorKind::Denied));
    assert_eq!(ask(999, &right, Action::Encrypt), Some(ErrorKind::Denied));
    assert_eq!(ask(1_000, &right, Action::Decrypt), Some(ErrorKind::NotFound), "it has ended");
    assert_eq!(ask(1_000, &[], Action::GetAttributes), Some(ErrorKind::NotFound), "it has ended");
}

#[test]
fn every_action_and_role_is_as_the_table_says() {
    let (others, own) = (key(99, Vec::new()), key(4, Vec::new()));
    let realm = Target::Realm(RealmId::DEFAULT);
    let [admin, operator, auditor, user] = [
        principal(1, &[Role::Admin], RealmId::DEFAULT),
        principal(2, &[Role::Operator], RealmId::DEFAULT),
        principal(3, &[Role::Auditor], RealmId::DEFAULT),
        principal(4, &[Role::User], RealmId::DEFAULT),
    ];
    // It does nothing but be on record, for everybody.
    assert!(allowed(&principal(5, &[], RealmId::DEFAULT), Action::OtherRequest, realm));
    for action in Action::ALL.iter().copied().filter(|action| *action != Action::OtherRequest) {
        let row = row(action);
        for target in [Target::Key(&others), realm] {
            assert_eq!(allowed(&admin, action, target), row.admin, "admin {action:?}");
            assert_eq!(allowed(&operator, action, target), row.operator, "operator {action:?}");
            assert_eq!(allowed(&auditor, action, target), row.auditor, "auditor {action:?}");
        }
        assert_eq!(allowed(&user, action, Target::Key(&own)), row.user_own, "user, own key {action:?}");
        assert_eq!(allowed(&user, action, Target::Key(&others)), row.user_realm, "user, other's {action:?}");
        assert_eq!(allowed(&user, action, realm), row.user_realm, "user, realm {action:?}");
        let stranger = Caller::stranger("test", None, RequestId(Uuid::nil()));
        assert_eq!(
            authorize(&stranger, action, realm).is_ok(),
            action == Action::Authenticate,
            "stranger {action:?}"
        );
    }
}

#[test]
fn a_grant_opens_its_action_and_reading_and_nothing_else() {
    let user = principal(4, &[], RealmId::DEFAULT);
    for action in Action::ALL.iter().copied() {
        let granted = key(99, vec![granted(user.id, action, None, &[])]);
        for asked in Action::ALL.iter().copied() {
            let reads = row(asked).auditor && row(asked).granted;
            let expected = row(asked).granted && (asked == action || reads);
            assert_eq!(
                allowed(&user, asked, Target::Key(&granted)),
                expected,
                "granted {action:?}, asked {asked:?}"
            );
        }
    }
}

#[test]
fn another_realm_and_a_revoked_principal_reach_nothing() {
    let foreign = principal(1, &[Role::Admin], RealmId(Uuid::from_u128(5)));
    let mut revoked = Principal::clone(&principal(1, &[Role::Admin], RealmId::DEFAULT));
    revoked.revoked = Some(Time(1));
    let (key, revoked) = (key(1, Vec::new()), Arc::new(revoked));
    for action in Action::ALL.iter().copied() {
        assert!(!allowed(&foreign, action, Target::Key(&key)), "{action:?} across realms");
        assert!(!allowed(&foreign, action, Target::Realm(RealmId::DEFAULT)), "{action:?} across realms");
        assert!(!allowed(&revoked, action, Target::Key(&key)), "{action:?} by a revoked principal");
    }
}

#[test]
fn who_may_not_know_a_key_is_told_that_it_is_not_there() {
    let others = key(99, Vec::new());
    let user = principal(4, &[Role::User], RealmId::DEFAULT);
    let auditor = principal(3, &[Role::Auditor], RealmId::DEFAULT);
    let kind = |who: &Arc<Principal>| {
        authorize(&caller(Arc::clone(who)), Action::Encrypt, Target::Key(&others))
            .map_err(|error| error.kind())
            .err()
    };
    assert_eq!(kind(&user), Some(ErrorKind::NotFound));
    assert_eq!(kind(&auditor), Some(ErrorKind::Denied));
}

/// A new action that does something is one that approval rules can be about, or stands here with its reason.
#[test]
fn every_action_that_does_something_can_be_made_to_wait_for_others() {
    use Action::{
        CreateSplitKey, Erase, GetUsageAllocation, JoinSplitKey, ListPrincipals, ReProvision, Reload,
        SetApprovalRules, TestNotification,
    };
    let elsewhere = [
        // They go with `get`, as what hands out.
        CreateSplitKey,
        JoinSplitKey,
        // It waits where there is any rule.
        SetApprovalRules,
        // It is refused where a rule is about `destroy`: what it finds cannot be told to others whole.
        Erase,
        // What it makes cannot be told to others beforehand; `register` and `renew-credential` are what it comes to.
        ReProvision,
        // Whoever owns the machine has it by a signal too.
        Reload,
        // These give nothing away and change nothing but a count.
        GetUsageAllocation,
        ListPrincipals,
        TestNotification,
    ];
    for action in Action::ALL {
        use super::action::ActionGroup::{Audit, Open, Read, System};
        let does = !matches!(action.group(), Read | Open | Audit | System);
        let approvable = super::approvals::APPROVABLE.contains(action);
        assert_eq!(
            does && !elsewhere.contains(action),
            approvable && *action != Action::GetPublic,
            "{action:?}"
        );
    }
}
