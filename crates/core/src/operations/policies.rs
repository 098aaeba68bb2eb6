//! Lifecycle policies of a realm: apply, remove, attach, detach, tell, and check a key. Not here: what a document is and how it
//! decides (policy), and what one would do in the next year (policy plan).

use std::sync::Arc;

use super::{Operation, Subject, rotate::Rotate, subject, terms};
use crate::{
    access::{Action, Permit, Target, approvals::Terms},
    engine::damaged,
    error::{Error, Result},
    model::{Key, ManagedObject, Time},
    policy::{self, Decision, Deed, Facts, Place, Policies, Ready},
    record::{Record, ServerData},
    request::{Context, Reference, Resolved},
};

/// Adds a document, or a new version of one.
pub struct ApplyPolicy {
    /// TOML or JSON.
    pub text: String,
}

/// What applying did.
pub struct AppliedPolicy {
    /// The document's name.
    pub name: String,
    /// The version that holds.
    pub version: u32,
    /// False: it was there just so.
    pub changed: bool,
}

/// Takes a document away that nothing is attached to.
pub struct RemovePolicy {
    /// Its name.
    pub name: String,
}

/// What a document is to be attached to.
#[derive(Clone, Debug)]
pub enum AttachTo {
    /// The whole realm.
    Realm,
    /// Keys with this tag of this value.
    Tag(String, String),
    /// One key.
    Key(Reference),
}

/// Attaches a document, in place of what is attached there.
pub struct AttachPolicy {
    /// Its name.
    pub name: String,
    /// To what.
    pub to: AttachTo,
}

/// Detaches what is attached there. The realm falls back to the profile `default`.
pub struct DetachPolicy {
    /// From what.
    pub from: AttachTo,
}

/// Tells the documents and what they are attached to.
pub struct ShowPolicies;

/// Tells what the documents that hold for a key say of it now.
pub struct CheckPolicy {
    /// The key.
    pub key: Reference,
}

/// What a document says of a deed with the newest version.
pub struct Checked {
    /// The document.
    pub policy: String,
    /// What would be done.
    pub deed: Deed,
    /// What it says.
    pub decision: Decision,
    /// The next instant at which it may say something else.
    pub until: Option<Time>,
}

/// What a key may be asked for.
pub(super) const DEEDS: [(Deed, &str); 4] = [
    (Deed::Protect, "protect"),
    (Deed::Process, "process"),
    (Deed::Export { plain: false }, "export-wrapped"),
    (Deed::Export { plain: true }, "export-plain"),
];

impl Deed {
    /// The word in answers.
    pub fn word(self) -> &'static str {
        DEEDS.iter().find(|(deed, _)| *deed == self).map_or("make", |(_, word)| word)
    }
}

impl Operation for ApplyPolicy {
    type Reply = AppliedPolicy;

    fn action(&self) -> Action {
        Action::SetPolicies
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let parsed = policy::parse(&self.text)?;
        Ok(Some(terms::text(context, &self.text, "policies", &[&parsed.name])))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<AppliedPolicy> {
        let mut policies = stored(context)?;
        let (name, version, changed) = policies.apply(&self.text, context.now(), context.caller().name())?;
        context.note_target(&name);
        context.note_detail(format!("version {version}{}", if changed { "" } else { ", as it was" }));
        if changed {
            put(context, &policies)?;
        }
        Ok(AppliedPolicy { name, version, changed })
    }
}

impl Operation for RemovePolicy {
    type Reply = ();

    fn action(&self) -> Action {
        Action::SetPolicies
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn terms(&self, _: &mut Context<'_>) -> Result<Option<Terms>> {
        Ok(Some(vec![("remove".into(), self.name.clone())]))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<()> {
        context.note_target(&self.name);
        let mut policies = stored(context)?;
        policies.remove(&self.name)?;
        context.note_detail("removed");
        put(context, &policies)
    }
}

impl AttachTo {
    fn terms(&self, context: &mut Context<'_>) -> Result<(String, String)> {
        Ok(match self {
            Self::Realm => ("to".into(), "the realm".into()),
            Self::Tag(tag, value) => ("to keys with the tag".into(), format!("{tag}={value}")),
            Self::Key(key) => terms::other(context, "to the key", key, Action::GetAttributes)?,
        })
    }

    /// The place, and the key where it is one.
    fn place(&self, context: &mut Context<'_>) -> Result<(Place, Option<Arc<Key>>)> {
        Ok(match self {
            Self::Realm => (Place::Realm, None),
            Self::Tag(tag, value) => (Place::Tag(tag.clone(), value.clone()), None),
            Self::Key(key) => {
                let key = context.resolve_other(key)?.key;
                context.authorize(Action::GetAttributes, Target::Key(&key))?;
                (Place::Key(key.id), Some(key))
            }
        })
    }

    fn told(&self, key: Option<&Arc<Key>>) -> String {
        match (self, key) {
            (Self::Tag(tag, value), _) => format!("keys with the tag {tag}={value}"),
            (_, Some(key)) => format!("the key {}", key.name),
            _ => "the realm".into(),
        }
    }
}

impl Operation for AttachPolicy {
    type Reply = Policies;

    fn action(&self) -> Action {
        Action::SetPolicies
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let to = self.to.terms(context)?;
        Ok(Some(vec![("attach".into(), self.name.clone()), to]))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Policies> {
        context.note_target(&self.name);
        let mut policies = stored(context)?;
        let (place, key) = self.to.place(context)?;
        policies.attach(&self.name, place)?;
        context.note_detail(format!("attached to {}", self.to.told(key.as_ref())));
        // What others attached may be broken; this must hold before it is on record.
        Ready::of(&policies)?;
        put(context, &policies)?;
        if let Some(key) = key {
            context.rotate_newest_by_policy(&key)?;
        }
        Ok(policies)
    }
}

impl Operation for DetachPolicy {
    type Reply = Policies;

    fn action(&self) -> Action {
        Action::SetPolicies
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let from = self.from.terms(context)?;
        let (place, _) = self.from.place(context)?;
        let attached = stored(context)?.attached.into_iter().find(|attached| attached.to == place);
        Ok(Some(vec![("detach".into(), attached.map(|attached| attached.policy).unwrap_or_default()), from]))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Policies> {
        let mut policies = stored(context)?;
        let (place, key) = self.from.place(context)?;
        let name = policies.detach(&place)?;
        context.note_target(&name);
        context.note_detail(format!("detached from {}", self.from.told(key.as_ref())));
        put(context, &policies)?;
        Ok(policies)
    }
}

impl Operation for ShowPolicies {
    /// The policies, and the names of the keys that some are attached to.
    type Reply = (Policies, Vec<(Place, String)>);

    fn action(&self) -> Action {
        Action::ShowPolicies
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Self::Reply> {
        let policies = stored(context)?;
        Ok((policies.clone(), names(context, &policies)?))
    }
}

/// Names of the keys that documents are attached to.
///
/// # Errors
/// The store's.
fn names(context: &Context<'_>, policies: &Policies) -> Result<Vec<(Place, String)>> {
    let mut names = Vec::new();
    for attached in &policies.attached {
        let Place::Key(id) = &attached.to else { continue };
        let address = crate::record::RecordKey::Key(*id);
        if let Some(Record::Key(key)) = context.store().get(&address)?.as_deref() {
            names.push((attached.to.clone(), key.name.clone()));
        }
    }
    Ok(names)
}

impl Operation for CheckPolicy {
    /// What each document says of each deed, the names of those that hold first told, and when the server rotates the key.
    type Reply = (Vec<Checked>, Option<Time>);

    fn action(&self) -> Action {
        Action::GetAttributes
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Self::Reply> {
        let resolved = subject(resolved)?;
        let object = context.object(resolved.object_id()?)?;
        let by_owner = context.caller().id() == resolved.key.owner;
        let facts = Facts::of(&object, Some(&resolved.key), by_owner);
        let (ready, now) = (context.policies()?, context.now());
        let mut checked = Vec::new();
        for document in ready.holding(resolved.key.id, &resolved.key.tags) {
            for (deed, _) in DEEDS {
                let decision = policy::decide(document, &facts, deed, now);
                let until = policy::next_change(document, &facts, now);
                checked.push(Checked { policy: document.name.clone(), deed, decision, until });
            }
        }
        Ok((checked, next_rotation(&object)))
    }
}

/// When the server rotates the object by itself, where it does.
pub(super) fn next_rotation(object: &ManagedObject) -> Option<Time> {
    Rotate::due_at(object)
}

/// The realm's policies as they are stored. What a request makes of them is bound to their staying so.
///
/// # Errors
/// The store's.
pub(super) fn stored(context: &mut Context<'_>) -> Result<Policies> {
    let address = policy::address(context.realm());
    match context.get(address.clone())?.as_deref() {
        Some(Record::Server(data)) => ciborium::from_reader(&data.data[..]).map_err(Error::internal),
        Some(other) => Err(damaged(&address, other)),
        None => Ok(Policies::default()),
    }
}

fn put(context: &mut Context<'_>, policies: &Policies) -> Result<()> {
    let mut data = Vec::new();
    ciborium::into_writer(policies, &mut data).map_err(Error::internal)?;
    let name = policy::record_name(context.realm());
    context.put(Record::Server(Arc::new(ServerData { name, data, sealed: None })));
    Ok(())
}
