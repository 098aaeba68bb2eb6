//! A realm's rules, ready to decide: each rule with what its scope takes, indexed by whom and what it is about, so that few
//! are looked at. Scopes are compared here; only conditions go to Cedar. Not here: what the stored form is (`stored`), and
//! what comes before rules (`permit`).
//!
//! INVARIANT: the index finds every rule that Cedar would find in the full set (the tests hold it to that); a rule whose
//! scope is not understood here is always looked at, and decided by Cedar as a whole.

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy::{
    ActionConstraint, Authorizer, Effect, EntityUid, Policy, PolicyId, PolicySet, PrincipalConstraint,
    ResourceConstraint,
};

use super::{
    facts::{Asked, Facts, Question, is_askable},
    looks::Looks,
    schema::group_word,
    wants::Wants,
};
use crate::{
    access::{Action, ActionGroup, Target},
    error::{Error, Result},
    model::{KeyId, RealmId},
};

/// The rules of one realm.
pub struct RuleSet {
    realm: RealmId,
    rules: Vec<Rule>,
    any: ByResource,
    principals: HashMap<String, ByResource>,
    groups: HashMap<String, ByResource>,
    roles: HashMap<String, ByResource>,
}

/// Which rules are about any resource, and which about one key, or about those that their condition names first.
#[derive(Default)]
struct ByResource {
    any: Vec<usize>,
    keys: HashMap<KeyId, Vec<usize>>,
    names: HashMap<String, Vec<usize>>,
    labels: HashMap<String, HashMap<String, Vec<usize>>>,
}

struct Rule {
    name: Arc<str>,
    forbids: bool,
    actions: ActionSet,
    resource: Resource,
    /// The rule alone, where Cedar has to look at it.
    conditional: Option<PolicySet>,
    looks: Looks,
}

#[derive(Clone, Copy, PartialEq)]
enum Resource {
    Any,
    Keys,
    Realm,
    One(KeyId),
}

/// Whom a rule is about.
enum Whom {
    Any,
    Principal(String),
    Group(String),
    Role(String),
}

/// A set of actions.
#[derive(Clone, Copy)]
struct ActionSet([u64; 4]);

// The set has room for all actions, or this does not compile.
const _: () = assert!(Action::ALL.len() <= 256);

impl ActionSet {
    const ALL: Self = Self([u64::MAX; 4]);

    fn add(&mut self, action: Action) {
        self.0[action as usize / 64] |= 1 << (action as usize % 64);
    }

    fn has(&self, action: Action) -> bool {
        self.0[action as usize / 64] & (1 << (action as usize % 64)) != 0
    }
}

/// Rules whose scope takes a question.
pub(in crate::access) struct Candidates<'r> {
    /// One that forbids without a condition.
    forbids: Option<&'r Rule>,
    /// One that permits without a condition.
    permits: Option<&'r Rule>,
    conditional: Vec<&'r Rule>,
}

/// What rules say to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// This rule forbids it.
    Forbidden(Arc<str>),
    /// This rule permits it, and none forbids.
    Permitted(Arc<str>),
    /// No rule says anything.
    Nothing,
}

impl RuleSet {
    /// Of these policies, whose names are their ids.
    pub(crate) fn new<'p>(realm: RealmId, policies: impl IntoIterator<Item = &'p Policy>) -> Result<Self> {
        let mut set = Self {
            realm,
            rules: Vec::new(),
            any: ByResource::default(),
            principals: HashMap::new(),
            groups: HashMap::new(),
            roles: HashMap::new(),
        };
        for policy in policies {
            set.add(policy)?;
        }
        Ok(set)
    }

    /// The name of a rule that lets somebody administer, whoever that is and whatever its conditions.
    pub fn lets_administer(&self) -> Option<&str> {
        let administers =
            |action: &&Action| action.group() == ActionGroup::Administer && !action.is_about_keys();
        let about_realm = |rule: &&Rule| matches!(rule.resource, Resource::Any | Resource::Realm);
        let lets =
            |rule: &&Rule| Action::ALL.iter().filter(administers).any(|action| rule.actions.has(*action));
        let mut permits = self.rules.iter().filter(|rule| !rule.forbids).filter(about_realm);
        permits.find(lets).map(|rule| &*rule.name)
    }

    /// The names of rules that look at how a request comes, and not only at who asks for what with which key.
    pub fn hanging_on_requests(&self) -> Vec<String> {
        let rules = self.rules.iter().filter(|rule| rule.looks.at_the_request());
        rules.map(|rule| rule.name.to_string()).collect()
    }

    /// Whether any rule looks at how many have approved a request.
    pub(super) fn look_at_approvals(&self) -> bool {
        self.rules.iter().any(|rule| rule.looks.approvals)
    }

    fn add(&mut self, policy: &Policy) -> Result<()> {
        let whom = whom(&policy.principal_constraint());
        let resource = self.resource(&policy.resource_constraint());
        let understood = whom.is_some() && resource.is_some();
        let conditional = !understood || policy.has_non_scope_constraint();
        let rule = Rule {
            name: name(policy.id()),
            forbids: policy.effect() == Effect::Forbid,
            actions: actions(&policy.action_constraint()),
            resource: resource.unwrap_or(Resource::Any),
            conditional: match conditional {
                true => Some(PolicySet::from_policies([policy.clone()]).map_err(Error::internal)?),
                false => None,
            },
            looks: Looks::of(policy)?,
        };
        let index = match whom.unwrap_or(Whom::Any) {
            Whom::Any => &mut self.any,
            Whom::Principal(name) => self.principals.entry(name).or_default(),
            Whom::Group(name) => self.groups.entry(name).or_default(),
            Whom::Role(name) => self.roles.entry(name).or_default(),
        };
        match (rule.resource, Wants::of(policy)?) {
            (Resource::One(key), _) => index.keys.entry(key).or_default(),
            (_, Some(Wants::Name(name))) => index.names.entry(name).or_default(),
            (_, Some(Wants::Label(tag, value))) => {
                index.labels.entry(tag).or_default().entry(value).or_default()
            }
            (_, None) => &mut index.any,
        }
        .push(self.rules.len());
        self.rules.push(rule);
        Ok(())
    }

    /// What a rule is about; `None` where the index does not understand it.
    fn resource(&self, constraint: &ResourceConstraint) -> Option<Resource> {
        let one = |uid: &EntityUid| match uid.type_name().to_string().as_str() {
            "Key" => uid.id().unescaped().parse().ok().map(Resource::One),
            "Realm" if uid.id().unescaped() == self.realm.to_string() => Some(Resource::Realm),
            _ => None,
        };
        match constraint {
            ResourceConstraint::Any => Some(Resource::Any),
            ResourceConstraint::Eq(uid) => one(uid),
            ResourceConstraint::In(uid) => match one(uid)? {
                // A realm is in itself, and all keys of it are.
                Resource::Realm => Some(Resource::Any),
                key => Some(key),
            },
            ResourceConstraint::Is(kind) => kind_of(&kind.to_string()),
            ResourceConstraint::IsIn(kind, uid) => match (kind_of(&kind.to_string())?, one(uid)?) {
                (kind, Resource::Realm) => Some(kind),
                (Resource::Keys, key) => Some(key),
                _ => None,
            },
        }
    }

    /// The rules whose scope takes the question; `forbids_only` leaves out those that permit.
    pub(in crate::access) fn candidates(
        &self,
        question: &Question<'_>,
        forbids_only: bool,
    ) -> Candidates<'_> {
        let mut found = Candidates { forbids: None, permits: None, conditional: Vec::new() };
        let is_wanted = |rule: &Rule| rule.forbids || !forbids_only;
        if !is_askable(question) {
            return found;
        }
        let principal = question.principal;
        let groups = principal.groups.iter().filter_map(|group| self.groups.get(group));
        let roles = principal.roles.iter().filter_map(|role| self.roles.get(role.word()));
        let own = self.principals.get(&principal.name);
        for index in [&self.any].into_iter().chain(own).chain(groups).chain(roles) {
            index.each(question.target, &mut |number| {
                if let Some(rule) = self.rules.get(number).filter(|rule| is_wanted(rule)) {
                    found.consider(rule, question);
                }
            });
        }
        found
    }

    /// What the rules say; `facts` holds all that the candidates look at.
    ///
    /// # Errors
    /// `Internal` where Cedar does not take what it is given.
    pub(in crate::access) fn say(
        &self,
        question: &Question<'_>,
        candidates: &Candidates<'_>,
        facts: &Facts,
    ) -> Result<Said> {
        if let Some(rule) = candidates.forbids {
            return Ok(Said::Forbidden(rule.name.clone()));
        }
        let mut permits = candidates.permits;
        if !candidates.conditional.is_empty() {
            let asked = Asked::new(question, facts)?;
            for rule in candidates.conditional.iter().filter(|rule| rule.forbids) {
                if rule.holds(&asked) {
                    return Ok(Said::Forbidden(rule.name.clone()));
                }
            }
            let conditional = || candidates.conditional.iter().copied().filter(|rule| !rule.forbids);
            permits = permits.or_else(|| conditional().find(|rule| rule.holds(&asked)));
        }
        Ok(permits.map_or(Said::Nothing, |rule| Said::Permitted(rule.name.clone())))
    }

    /// A rule that could, whatever its condition says, keep this principal from this; for the guard against lock-out.
    pub(crate) fn could_forbid(&self, question: &Question<'_>) -> Option<&str> {
        let found = self.candidates(question, true);
        let rule = found.forbids.or_else(|| found.conditional.first().copied())?;
        Some(&rule.name)
    }

    /// Whether there is a rule at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

impl ByResource {
    /// Each rule that could be about the target.
    fn each(&self, target: Target<'_>, found: &mut impl FnMut(usize)) {
        self.any.iter().for_each(|number| found(*number));
        let Target::Key(key) = target else {
            // A realm has neither: what a condition on them comes to there, Cedar says.
            let labelled = self.labels.values().flat_map(HashMap::values);
            return self.names.values().chain(labelled).flatten().for_each(|number| found(*number));
        };
        let of_key = self.keys.get(&key.id).into_iter().chain(self.names.get(&key.name));
        let labels = key.tags.iter().filter(|_| !self.labels.is_empty());
        let labelled = labels.filter_map(|(tag, value)| self.labels.get(tag)?.get(value));
        of_key.chain(labelled).flatten().for_each(|number| found(*number));
    }
}

impl<'r> Candidates<'r> {
    fn consider(&mut self, rule: &'r Rule, question: &Question<'_>) {
        let takes = match (rule.resource, question.target) {
            (Resource::Any, _) | (Resource::Keys, Target::Key(_)) | (Resource::Realm, Target::Realm(_)) => {
                true
            }
            (Resource::One(id), Target::Key(key)) => id == key.id,
            _ => false,
        };
        if !takes || !rule.actions.has(question.action) {
            return;
        }
        match (&rule.conditional, rule.forbids) {
            (Some(_), _) => self.conditional.push(rule),
            (None, true) => self.forbids = self.forbids.or(Some(rule)),
            (None, false) => self.permits = self.permits.or(Some(rule)),
        }
    }

    /// What the conditions look at.
    pub(super) fn looks(&self) -> Looks {
        match self.forbids {
            Some(_) => Looks::default(),
            None => self.conditional.iter().fold(Looks::default(), |looks, rule| looks.and(rule.looks)),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.forbids.is_none() && self.permits.is_none() && self.conditional.is_empty()
    }

    /// Whether Cedar has to be asked.
    pub(super) fn is_conditional(&self) -> bool {
        self.forbids.is_none() && !self.conditional.is_empty()
    }
}

impl Rule {
    /// Whether its condition holds. One that fails (reads an attribute that is not there) holds where it forbids: what was
    /// meant to keep somebody away does.
    fn holds(&self, asked: &Asked) -> bool {
        let Some(alone) = &self.conditional else { return true };
        let answer = Authorizer::new().is_authorized(&asked.request, alone, &asked.entities);
        let failed = answer.diagnostics().errors().next().is_some();
        answer.diagnostics().reason().next().is_some() || failed && self.forbids
    }
}

fn name(id: &PolicyId) -> Arc<str> {
    Arc::from(AsRef::<str>::as_ref(id))
}

fn kind_of(kind: &str) -> Option<Resource> {
    match kind {
        "Key" => Some(Resource::Keys),
        "Realm" => Some(Resource::Realm),
        _ => None,
    }
}

/// Whom a rule is about; `None` where the index does not understand it.
fn whom(constraint: &PrincipalConstraint) -> Option<Whom> {
    let id = |uid: &EntityUid| uid.id().unescaped().to_owned();
    let one = |uid: &EntityUid| match uid.type_name().to_string().as_str() {
        "Principal" => Some(Whom::Principal(id(uid))),
        _ => None,
    };
    let within = |uid: &EntityUid| match uid.type_name().to_string().as_str() {
        "Group" => Some(Whom::Group(id(uid))),
        "Role" => Some(Whom::Role(id(uid))),
        _ => one(uid),
    };
    match constraint {
        PrincipalConstraint::Any => Some(Whom::Any),
        PrincipalConstraint::Eq(uid) => one(uid),
        PrincipalConstraint::In(uid) => within(uid),
        PrincipalConstraint::Is(kind) => (kind.to_string() == "Principal").then_some(Whom::Any),
        PrincipalConstraint::IsIn(kind, uid) => (kind.to_string() == "Principal").then(|| within(uid))?,
    }
}

fn actions(constraint: &ActionConstraint) -> ActionSet {
    let uids = match constraint {
        ActionConstraint::Any => return ActionSet::ALL,
        ActionConstraint::Eq(uid) => std::slice::from_ref(uid),
        ActionConstraint::In(uids) => uids,
    };
    let exact = matches!(constraint, ActionConstraint::Eq(_));
    let mut set = ActionSet([0; 4]);
    for action in Action::ALL.iter().copied() {
        let named = |uid: &EntityUid| {
            let id = uid.id().unescaped();
            uid.type_name().to_string() == "Action"
                && (id == action.word() || !exact && Some(id) == group_word(action.group()))
        };
        if uids.iter().any(named) {
            set.add(action);
        }
    }
    set
}
