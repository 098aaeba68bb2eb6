//! What a client says about an object that is to be made.

use std::collections::BTreeMap;

use super::object_rules;
use crate::{
    attributes::{check_dates, check_rotation},
    error::Result,
    model::{
        AttributeName, CryptoParameters, Dates, KeyFormat, KeyId, KeySpec, Link, ManagedObject, Name,
        ObjectId, ObjectType, RealmId, State, Time, UsageMask, Value,
    },
    request::Context,
};

/// When a new object becomes Active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// When it is asked for (KMIP's default).
    #[default]
    Later,
    /// At once (the default of REST and CLI).
    Now,
    /// On this date; a date in the past means at once.
    At(Time),
}

/// Attributes of an object to be made. Every field that is `None` or empty takes its default.
#[derive(Clone, Debug, Default)]
pub struct Template {
    /// When it becomes Active.
    pub activation: Activation,
    /// Uses; `None`: all that fit the algorithm.
    pub usage: Option<UsageMask>,
    /// Names (KMIP). The first that is free also names the key.
    pub names: Vec<Name>,
    /// Groups.
    pub groups: Vec<String>,
    /// Links.
    pub links: Vec<Link>,
    /// Ways to use it.
    pub parameters: Vec<CryptoParameters>,
    /// Before it nothing is processed.
    pub process_start: Option<Time>,
    /// From it on nothing is protected.
    pub protect_stop: Option<Time>,
    /// Becomes Deactivated.
    pub deactivation: Option<Time>,
    /// Made on another system before.
    pub original_creation: Option<Time>,
    /// Leaves only wrapped; default no.
    pub sensitive: Option<bool>,
    /// May leave; default yes.
    pub extractable: Option<bool>,
    /// Further kind, as KMIP code.
    pub subtype: Option<u32>,
    /// All other attributes.
    pub further: BTreeMap<AttributeName, Vec<Value>>,
}

/// Where a new object belongs.
pub(super) struct Place {
    pub(super) id: ObjectId,
    pub(super) realm: RealmId,
    pub(super) key: KeyId,
    pub(super) version: u32,
    pub(super) object_type: ObjectType,
    pub(super) spec: Option<KeySpec>,
}

impl Template {
    /// The object that this template describes; material, digest and MAC come with `Context::put_new`.
    /// Where it is silent, the realm's defaults count.
    pub(super) fn object(
        &self,
        context: &mut Context<'_>,
        place: Place,
        fitting: UsageMask,
    ) -> Result<ManagedObject> {
        match object_rules::defaults(context, place.object_type, &self.groups)? {
            Some(defaults) => self.over(defaults).described(place, fitting, context.now()),
            None => self.described(place, fitting, context.now()),
        }
    }

    fn described(&self, place: Place, fitting: UsageMask, now: Time) -> Result<ManagedObject> {
        let activation = match self.activation {
            Activation::Later => None,
            Activation::Now => Some(now),
            Activation::At(date) => Some(date),
        };
        let sensitive = self.sensitive.unwrap_or(false);
        let extractable = self.extractable.unwrap_or(true);
        let mut object = ManagedObject {
            id: place.id,
            realm: place.realm,
            key: place.key,
            version: place.version,
            revision: 0,
            object_type: place.object_type,
            subtype: self.subtype,
            state: State::PreActive,
            spec: place.spec,
            format: KeyFormat::Raw,
            usage: self.usage.unwrap_or(fitting),
            parameters: self.parameters.clone(),
            dates: Dates {
                initial: now,
                last_change: now,
                activation,
                process_start: self.process_start,
                protect_stop: self.protect_stop,
                deactivation: self.deactivation,
                original_creation: Some(self.original_creation.unwrap_or(now)),
                ..Dates::default()
            },
            revocation: None,
            names: self.names.clone(),
            groups: self.groups.clone(),
            links: self.links.clone(),
            digests: Vec::new(),
            sensitive,
            always_sensitive: sensitive,
            extractable,
            never_extractable: !extractable,
            fresh: true,
            erasure: None,
            further: self.further.clone(),
            indices: BTreeMap::new(),
            mac: Vec::new(),
        };
        // Who activates at once says nothing of when: a date that has passed by then contradicts nobody.
        if self.activation != Activation::Now {
            check_dates(&object)?;
        }
        // Of a public key its own operation knows whether the private half comes with it.
        check_rotation(&object, true)?;
        object.state = crate::lifecycle::state_at(&object, now);
        Ok(object)
    }

    /// What this template says, and what `other` says where this one is silent.
    pub(super) fn over(&self, other: Self) -> Self {
        let mut further = other.further;
        further.extend(self.further.clone());
        let list = |own: &[Link], inherited: Vec<Link>| [own, &inherited].concat();
        Self {
            activation: if self.activation == Activation::Later { other.activation } else { self.activation },
            usage: self.usage.or(other.usage),
            names: if self.names.is_empty() { other.names } else { self.names.clone() },
            groups: if self.groups.is_empty() { other.groups } else { self.groups.clone() },
            links: list(&self.links, other.links),
            parameters: if self.parameters.is_empty() { other.parameters } else { self.parameters.clone() },
            process_start: self.process_start.or(other.process_start),
            protect_stop: self.protect_stop.or(other.protect_stop),
            deactivation: self.deactivation.or(other.deactivation),
            original_creation: self.original_creation.or(other.original_creation),
            sensitive: self.sensitive.or(other.sensitive),
            extractable: self.extractable.or(other.extractable),
            subtype: self.subtype.or(other.subtype),
            further,
        }
    }
}
