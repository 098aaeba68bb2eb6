//! The whole of the built-in roles as one table: every action times every role, on a key that is the caller's own,
//! granted, or another's. An action without a row does not compile.

use std::{collections::BTreeSet, sync::Arc};

use super::{Action, Caller, Target, authorize};
use crate::{
    error::ErrorKind,
    model::{
        Grant, Key, KeyId, KeyPolicy, ObjectType, Principal, PrincipalId, RealmId, RequestId, Role, Time,
    },
};
use uuid::Uuid;

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
        Rekey | ModifyAttributes | Activate | Revoke | Destroy | CancelDestroy | RestoreKey => MANAGE,
        Disable | Enable | Archive | Recover | Tag | SetAlias | RemoveAlias => MANAGE,
        Grant | ImportVersion => SHARE,
        Locate | ListKeys | ListAliases | Hash | Random | Query | Status | WrappingKey => OPEN,
        Login | DelegatedLogin | Logout => OPEN,
        CreatePrincipal | ListPrincipals | RevokePrincipal | RenewCredential | RevokeCredential | Erase => {
            ADMINISTER
        }
        SetDefaults | SetConstraints => ADMINISTER,
        Backup | RegisterTarget | RemoveTarget | RetireCell | ChangeUnlock | ReplaceRoot | Reload
        | ReplaySink => ADMINISTER,
        ReadJournal | VerifyJournal | ShowErasures | Inspect => AUDIT,
        ApplyDates | Authenticate | CountFailures | MoveCursor | Initialize | Start | Stop => NOBODY,
        Reseal | GrowTree | PrepareEpoch | SwitchEpoch | AbandonEpoch | EraseCell | CompleteErasure => NOBODY,
        Claim | Restored | AcceptRollback => NOBODY,
    }
}

fn principal(number: u128, roles: &[Role], realm: RealmId) -> Arc<Principal> {
    Arc::new(Principal {
        id: PrincipalId(Uuid::from_u128(number)),
        realm,
        name: format!("p{number}"),
        roles: roles.iter().copied().collect(),
        created: Time(0),
        revoked: None,
        credentials: Vec::new(),
    })
}

fn key(owner: u128, grants: Vec<Grant>) -> Key {
    Key {
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
    }
}

fn caller(principal: Arc<Principal>) -> Caller {
    Caller::authenticated(principal, "test", None, RequestId(Uuid::nil()))
}

fn allowed(principal: &Arc<Principal>, action: Action, target: Target<'_>) -> bool {
    authorize(&caller(Arc::clone(principal)), action, target).is_ok()
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
    for action in Action::ALL.iter().copied() {
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
        let granted = key(99, vec![Grant { principal: user.id, actions: BTreeSet::from([action]) }]);
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
