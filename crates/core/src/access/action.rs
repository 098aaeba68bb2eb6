//! Actions: what can be asked of the server, one per operation.

use serde::{Deserialize, Serialize};

use crate::model::UseKind;

/// What kind of power an action needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActionGroup {
    /// Uses key material: encrypt, sign, export, ...
    Use,
    /// Changes the life of keys.
    Manage,
    /// Reads metadata of keys.
    Read,
    /// Makes new keys.
    Make,
    /// Lets others use or manage a key.
    Share,
    /// Changes who may do what.
    Administer,
    /// Reads the journal.
    Audit,
    /// Open to every authenticated principal.
    Open,
    /// Done by the server itself.
    System,
}

macro_rules! actions {
    ($($action:ident $word:literal $group:ident;)*) => {
        /// An action, as it stands in journal entries and grants.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[allow(missing_docs)]
        pub enum Action { $($action,)* }

        impl Action {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$action,)*];

            /// The word for people, as in the journal.
            pub fn word(self) -> &'static str {
                match self { $(Self::$action => $word,)* }
            }

            /// The power it needs.
            pub fn group(self) -> ActionGroup {
                match self { $(Self::$action => ActionGroup::$group,)* }
            }
        }
    };
}

actions! {
    Create "create" Make;
    CreateKeyPair "create-key-pair" Make;
    Register "register" Make;
    Rekey "rekey" Manage;
    ImportVersion "import-version" Share;
    Get "get" Use;
    GetPublic "get-public" Read;
    CreateSplitKey "create-split-key" Use;
    JoinSplitKey "join-split-key" Use;
    GetAttributes "get-attributes" Read;
    ModifyAttributes "modify-attributes" Manage;
    ChangePolicy "change-policy" Manage;
    Locate "locate" Open;
    ListKeys "list-keys" Open;
    Check "check" Read;
    ObtainLease "obtain-lease" Read;
    GetUsageAllocation "get-usage-allocation" Use;
    Activate "activate" Manage;
    Revoke "revoke" Manage;
    Disable "disable" Manage;
    Enable "enable" Manage;
    Archive "archive" Manage;
    Recover "recover" Manage;
    Tag "tag" Manage;
    SetAlias "set-alias" Manage;
    RemoveAlias "remove-alias" Manage;
    ListAliases "list-aliases" Open;
    Destroy "destroy" Manage;
    CancelDestroy "cancel-destroy" Manage;
    RestoreKey "restore-key" Manage;
    Erase "erase" Administer;
    ShowErasures "show-erasures" Audit;
    ApplyDates "apply-dates" System;
    Rotate "rotate" System;
    Encrypt "encrypt" Use;
    Decrypt "decrypt" Use;
    Sign "sign" Use;
    Verify "verify" Use;
    Mac "mac" Use;
    MacVerify "mac-verify" Use;
    Wrap "wrap" Use;
    Unwrap "unwrap" Use;
    Derive "derive" Use;
    DataKey "datakey" Use;
    DataKeyWithoutPlaintext "datakey-without-plaintext" Use;
    Hash "hash" Open;
    Random "random" Open;
    WrappingKey "wrapping-key" Open;
    Query "query" Open;
    Login "login" Open;
    DelegatedLogin "delegated-login" Open;
    Logout "logout" Open;
    SetDefaults "set-defaults" Administer;
    SetConstraints "set-constraints" Administer;
    Grant "grant" Share;
    CreatePrincipal "create-principal" Administer;
    ListPrincipals "list-principals" Administer;
    RevokePrincipal "revoke-principal" Administer;
    EraseSubject "erase-subject" Administer;
    RenewCredential "renew-credential" Administer;
    RevokeCredential "revoke-credential" Administer;
    ReadJournal "read-journal" Audit;
    ReadHistory "read-history" Read;
    VerifyJournal "verify-journal" Audit;
    Status "status" Open;
    Inspect "inspect" Audit;
    Backup "backup" Administer;
    RegisterTarget "register-target" Administer;
    RemoveTarget "remove-target" Administer;
    RetireCell "retire-cell" Administer;
    ChangeUnlock "change-unlock" Administer;
    ReplaceRoot "replace-root" Administer;
    Reload "reload" Administer;
    ReplaySink "replay-sink" Administer;
    TestNotification "test-notification" Administer;
    Reseal "reseal" System;
    GrowTree "grow-tree" System;
    PrepareEpoch "prepare-epoch" System;
    SwitchEpoch "switch-epoch" System;
    AbandonEpoch "abandon-epoch" System;
    EraseCell "erase-cell" System;
    CompleteErasure "complete-erasure" System;
    Claim "claim" System;
    Restored "restored" System;
    AcceptRollback "accept-rollback" System;
    Authenticate "authenticate" System;
    Initialize "initialize" System;
    CountFailures "count-failures" System;
    OtherRequest "other-request" System;
    MoveCursor "move-cursor" System;
    Unseal "unseal" System;
    Start "start" System;
    Stop "stop" System;
    Certify "certify" Use;
    ReProvision "re-provision" Make;
    ChangePrincipal "change-principal" Administer;
    SetAccessRules "set-access-rules" Administer;
    ShowAccessRules "show-access-rules" Audit;
    CheckAccess "check-access" Audit;
    ExplainAccess "explain-access" Open;
    Propose "propose" System;
    Approve "approve" Open;
    DenyApproval "deny-approval" Open;
    ListApprovals "list-approvals" Open;
    SetApprovalRules "set-approval-rules" Administer;
    ShowApprovalRules "show-approval-rules" Audit;
    CreateRealm "create-realm" Administer;
    DeleteRealm "delete-realm" Administer;
    ListRealms "list-realms" Audit;
    ReopenRealm "reopen-realm" System;
    RecoverAdministrator "recover-administrator" System;
    BreakGlass "break-glass" System;
    SetPolicies "set-policies" Administer;
    ShowPolicies "show-policies" Audit;
    RaiseAlert "raise-alert" System;
    ShowAlerts "show-alerts" Audit;
    SettleAlerts "settle-alerts" Administer;
}

impl Action {
    /// True for what takes power away, from keys or people, and for the steps that complete it: a full disk must not
    /// keep it from being done.
    pub fn is_urgent(self) -> bool {
        use Action::{
            AbandonEpoch, CompleteErasure, Destroy, Disable, Erase, EraseCell, PrepareEpoch, Revoke,
            RevokeCredential, RevokePrincipal, SwitchEpoch,
        };
        matches!(
            self,
            Revoke
                | Disable
                | Destroy
                | Erase
                | RevokePrincipal
                | RevokeCredential
                | PrepareEpoch
                | SwitchEpoch
                | AbandonEpoch
                | EraseCell
                | CompleteErasure
        )
    }

    /// True for what is about the server as a whole, or realms as such: only people of the first realm may.
    pub fn is_about_server(self) -> bool {
        use Action::{
            Backup, ChangeUnlock, CreateRealm, DeleteRealm, Inspect, ListRealms, RegisterTarget, Reload,
            RemoveTarget, ReplaceRoot, ReplaySink, RetireCell, TestNotification,
        };
        matches!(
            self,
            Backup
                | RegisterTarget
                | RemoveTarget
                | RetireCell
                | ChangeUnlock
                | ReplaceRoot
                | Reload
                | ReplaySink
                | TestNotification
                | Inspect
                | CreateRealm
                | DeleteRealm
                | ListRealms
        )
    }

    /// True for what hands out material, whole or in parts, and computes nothing with it.
    pub fn hands_out(self) -> bool {
        matches!(self, Self::Get | Self::CreateSplitKey | Self::JoinSplitKey)
    }

    /// What a use of a key by this action does with it; `None` where it is none. Handing material out is counted as an
    /// export, an allocation against usage limits.
    pub fn use_kind(self) -> Option<UseKind> {
        match self {
            Self::Decrypt | Self::Verify | Self::MacVerify | Self::Unwrap => Some(UseKind::Process),
            Self::GetUsageAllocation => None,
            action if action.hands_out() => None,
            action => (action.group() == ActionGroup::Use).then_some(UseKind::Protect),
        }
    }

    /// Whether it is done with one key, or else with the realm as a whole.
    pub fn is_about_keys(self) -> bool {
        use ActionGroup::{Manage, Read, Share, Use};
        matches!(self.group(), Use | Manage | Read | Share)
    }

    /// The action of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.word() == word)
    }
}
