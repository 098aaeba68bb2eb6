//! Test access: tests of rules, about principals and keys that need not be there. Decided as requests are, but that nothing is
//! read from the store. Not here: what a change would do to those that are there (simulate access).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use uuid::Uuid;

use super::{Operation, Subject, access_rules::stored};
use crate::{
    access::{
        Action, Decision, Permit, Target, decide_imagined,
        rules::{self, Facts, Question},
    },
    error::{Error, ErrorKind, Result},
    model::{Key, KeyId, KeyPolicy, KeySpec, ObjectType, Principal, PrincipalId, RealmId, Role, State, Time},
    request::{Context, Resolved},
};

/// Cases of one request at most.
pub const CASES_MAX: usize = 1_000;

/// Tests rules.
pub struct TestAccess {
    /// Cedar, which is tested alone; `None`: the realm's rules as they are.
    pub text: Option<String>,
    /// What is asked.
    pub cases: Vec<Case>,
}

/// One question.
pub struct Case {
    /// Name of who asks.
    pub principal: String,
    /// Its roles.
    pub roles: BTreeSet<Role>,
    /// Its groups.
    pub groups: BTreeSet<String>,
    /// What.
    pub action: Action,
    /// With which key; `None`: with the realm as a whole.
    pub key: Option<CaseKey>,
    /// Over which protocol.
    pub protocol: &'static str,
    /// From which address.
    pub source: Option<IpAddr>,
    /// When; `None`: now.
    pub time: Option<Time>,
    /// Bound to these pairs.
    pub encryption_context: BTreeMap<String, String>,
    /// How many others have approved the request.
    pub approvals: u8,
}

/// A key that need not be there.
pub struct CaseKey {
    /// Its name.
    pub name: String,
    /// Name of its owner.
    pub owner: String,
    /// Its labels.
    pub tags: BTreeMap<String, String>,
    /// Kind, where it matters.
    pub spec: Option<KeySpec>,
    /// State of its newest version.
    pub state: State,
    /// Whether it may leave the server.
    pub exportable: bool,
}

impl Operation for TestAccess {
    /// What is decided in each case, in order.
    type Reply = Vec<Decision>;

    fn action(&self) -> Action {
        Action::CheckAccess
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn takes_long(&self) -> bool {
        true
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Vec<Decision>> {
        context.note_detail("tests of access rules");
        if self.cases.len() > CASES_MAX {
            let public = format!("one request has at most {CASES_MAX} tests");
            return Err(Error::new(ErrorKind::LimitExceeded, public));
        }
        let mut tested = rules::AccessRules::default();
        match &self.text {
            Some(text) => drop(tested.apply(&rules::parse(text)?, context.now(), "test")?),
            None => tested = stored(context)?,
        }
        let (rules, now) = (tested.compile(context.realm())?, context.now());
        self.cases.iter().map(|case| case.decide(&rules, context.realm(), now)).collect()
    }
}

impl Case {
    fn decide(&self, rules: &rules::RuleSet, realm: RealmId, now: Time) -> Result<Decision> {
        if self.action.is_about_keys() != self.key.is_some() {
            let public = match self.key {
                Some(_) => format!("{} is not about a key: name none", self.action.word()),
                None => format!("{} is done with a key: name one", self.action.word()),
            };
            return Err(Error::new(ErrorKind::InvalidField, public));
        }
        let principal = Arc::new(Principal {
            id: PrincipalId(Uuid::from_u128(1)),
            realm,
            name: self.principal.clone(),
            roles: self.roles.clone(),
            groups: self.groups.clone(),
            created: now,
            revoked: None,
            ends: None,
            credentials: Vec::new(),
            person: None,
            erased: None,
        });
        let key = self.key.as_ref().map(|key| Arc::new(key.imagined(&principal)));
        let facts = Facts {
            state: self.key.as_ref().map(|key| key.state),
            owner: self.key.as_ref().map(|key| key.owner.clone()),
            protocol: self.protocol,
            source: self.source,
            time: Some(self.time.unwrap_or(now)),
            encryption_context: Some(self.encryption_context.clone().into_iter().collect()),
            approvals: Some(self.approvals),
        };
        let target = key.as_ref().map_or(Target::Realm(realm), Target::Key);
        decide_imagined(rules, Question { principal: &principal, action: self.action, target }, &facts)
    }
}

impl CaseKey {
    fn imagined(&self, principal: &Principal) -> Key {
        let owns = self.owner == principal.name;
        Key {
            id: KeyId(Uuid::nil()),
            realm: principal.realm,
            name: self.name.clone(),
            owner: if owns { principal.id } else { PrincipalId::SYSTEM },
            created: principal.created,
            object_type: ObjectType::SymmetricKey,
            spec: self.spec,
            versions: Vec::new(),
            policy: KeyPolicy { exportable: self.exportable, ..KeyPolicy::default() },
            tags: self.tags.clone(),
            grants: Vec::new(),
        }
    }
}
