//! What rules with conditions look at, as Cedar sees it: principal, key or realm, and context of one request. Not here: where
//! a request has it from (`session`), and which rules are looked at (`set`).

use std::{
    collections::HashMap,
    net::IpAddr,
    str::FromStr,
    sync::{Arc, LazyLock},
};

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
};

use super::schema::group_word;
use crate::{
    access::{Action, Target},
    error::{Error, Result},
    model::{Key, Principal, State, Time},
};

/// Where keys are kept and used; no hardware tokens yet.
const PROTECTION: &str = "software";

/// Who asks for what: what the scope of a rule is compared with.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// Who.
    pub principal: &'a Arc<Principal>,
    /// What.
    pub action: Action,
    /// With what.
    pub target: Target<'a>,
}

/// What else conditions can look at. What no rule at hand looks at may be left out.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// State of the key's newest version.
    pub state: Option<State>,
    /// Name of the key's owner.
    pub owner: Option<String>,
    /// Protocol of the request.
    pub protocol: &'static str,
    /// Address of who asks.
    pub source: Option<IpAddr>,
    /// When.
    pub time: Option<Time>,
    /// The pairs that a ciphertext is bound to.
    pub encryption_context: Option<Vec<(String, String)>>,
    /// How many others have approved the request.
    pub approvals: Option<u8>,
}

/// A question with its facts, ready for Cedar.
pub(super) struct Asked {
    pub(super) request: Request,
    pub(super) entities: Entities,
}

struct Types {
    principal: EntityTypeName,
    group: EntityTypeName,
    role: EntityTypeName,
    key: EntityTypeName,
    realm: EntityTypeName,
    action: EntityTypeName,
    encryption_context: EntityTypeName,
}

fn types() -> Result<&'static Types> {
    static TYPES: LazyLock<Result<Types, String>> = LazyLock::new(|| {
        let named = |name: &str| EntityTypeName::from_str(name).map_err(|error| error.to_string());
        Ok(Types {
            principal: named("Principal")?,
            group: named("Group")?,
            role: named("Role")?,
            key: named("Key")?,
            realm: named("Realm")?,
            action: named("Action")?,
            encryption_context: named("EncryptionContext")?,
        })
    });
    TYPES.as_ref().map_err(Error::internal)
}

fn uid(kind: &EntityTypeName, id: impl AsRef<str>) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

impl Asked {
    /// # Errors
    /// `Internal` where Cedar does not take what it is given.
    pub(super) fn new(question: &Question<'_>, facts: &Facts) -> Result<Self> {
        let types = types()?;
        let principal = uid(&types.principal, &question.principal.name);
        let parents = question.principal.groups.iter().map(|group| uid(&types.group, group));
        let roles = question.principal.roles.iter().map(|role| uid(&types.role, role.word()));
        let who = Entity::new_no_attrs(principal.clone(), parents.chain(roles).collect());
        let action = uid(&types.action, question.action.word());
        let group = group_word(question.action.group()).map(|word| uid(&types.action, word));
        let what = Entity::new_no_attrs(action.clone(), group.into_iter().collect());
        let (resource, with) = resource(types, question.target, facts)?;
        let mut entities = vec![who, what, with];
        // Each of these costs as much as all else: they are there where a rule looks at them.
        let mut fields = vec![("protocol".to_owned(), text(facts.protocol))];
        if let Some(bound) = &facts.encryption_context {
            let pairs = uid(&types.encryption_context, "of this request");
            let tags = bound.iter().map(|(name, value)| (name.clone(), text(value)));
            entities.push(Entity::new_with_tags(pairs.clone(), [], [], tags).map_err(Error::internal)?);
            fields.push(("encryption_context".into(), RestrictedExpression::new_entity_uid(pairs)));
        }
        if let Some(time) = facts.time {
            fields.push(("time".into(), RestrictedExpression::new_datetime(time.to_string())));
        }
        if let Some(source) = facts.source {
            let source = RestrictedExpression::new_ip(source.to_canonical().to_string());
            fields.push(("source".into(), source));
        }
        if let Some(approvals) = facts.approvals {
            fields.push(("approvals".into(), RestrictedExpression::new_long(approvals.into())));
        }
        let context = Context::from_pairs(fields).map_err(Error::internal)?;
        let entities = Entities::from_entities(entities, None).map_err(Error::internal)?;
        let request = Request::new(principal, action, resource, context, None).map_err(Error::internal)?;
        Ok(Self { request, entities })
    }
}

fn text(value: impl Into<String>) -> RestrictedExpression {
    RestrictedExpression::new_string(value.into())
}

fn resource(types: &Types, target: Target<'_>, facts: &Facts) -> Result<(EntityUid, Entity)> {
    match target {
        Target::Realm(realm) => {
            let realm = uid(&types.realm, realm.to_string());
            Ok((realm.clone(), Entity::new_no_attrs(realm, Default::default())))
        }
        Target::Key(key) => {
            let id = uid(&types.key, key.id.to_string());
            let tags = key.tags.iter().map(|(name, value)| (name.clone(), text(value)));
            let realm = uid(&types.realm, key.realm.to_string());
            let entity = Entity::new_with_tags(id.clone(), attributes(types, key, facts), [realm], tags);
            Ok((id, entity.map_err(Error::internal)?))
        }
    }
}

fn attributes(types: &Types, key: &Key, facts: &Facts) -> HashMap<String, RestrictedExpression> {
    let owner = facts.owner.as_deref().unwrap_or_default();
    let algorithm = key.spec.as_ref().map(|spec| spec.name()).unwrap_or_default();
    HashMap::from([
        ("name".into(), text(&key.name)),
        ("owner".into(), RestrictedExpression::new_entity_uid(uid(&types.principal, owner))),
        ("object_type".into(), text(key.object_type.word())),
        ("algorithm".into(), text(algorithm)),
        ("state".into(), text(facts.state.map_or("", State::word))),
        ("protection".into(), text(PROTECTION)),
        ("exportable".into(), RestrictedExpression::new_bool(key.policy.exportable)),
    ])
}

/// Whether a rule could be asked this: else it is not decided by one.
pub(super) fn is_askable(question: &Question<'_>) -> bool {
    group_word(question.action.group()).is_some()
        && question.action.is_about_keys() == matches!(question.target, Target::Key(_))
}
