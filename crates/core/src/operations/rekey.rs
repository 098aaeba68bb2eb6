//! Rekey: a new version of a key. Names move to it; the old version stays as it is.
//!
//! # Standard
//! KMIP 2.1 section 6.1.46 (Re-key) and 6.1.47 (Re-key Key Pair).

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Activation, Operation, Subject, Template,
    create::{Created, Series, put_version},
    subject,
    terms::term,
};
use crate::{
    access::{Action, Permit, approvals::Terms},
    attributes::unspent,
    error::{Error, ErrorKind, Result},
    lifecycle,
    model::{
        AttributeKind, AttributeName, Dates, Key, KeyVersion, Link, LinkType, ManagedObject, ObjectId, State,
        Time, Value,
    },
    record::Record,
    request::{Context, Reference, Resolved},
};

/// Makes a new version.
pub struct Rekey {
    /// Key, or an object of its newest version.
    pub key: Reference,
    /// When the new version becomes Active; `None`: as KMIP derives it, Active where the old one is.
    pub activation: Option<Activation>,
    /// Attributes given anew for the secret or private half.
    pub template: Option<Template>,
    /// Attributes given anew for the public half.
    pub public: Option<Template>,
}

impl Operation for Rekey {
    type Reply = Created;

    fn action(&self) -> Action {
        Action::Rekey
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn terms(&self, _: &mut Context<'_>) -> Result<Option<Terms>> {
        Ok(Some(vec![
            term("activation", self.activation),
            term("attributes", &self.template),
            term("attributes of the public half", &self.public),
        ]))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Created> {
        generate(context, &subject(resolved)?, self)
    }
}

/// Puts a further version of the key that the server generates.
pub(super) fn generate(context: &mut Context<'_>, resolved: &Resolved, rekey: &Rekey) -> Result<Created> {
    append(context, resolved, rekey, |context, version, [template, public]| {
        let spec = resolved.key.spec.ok_or_else(|| {
            Error::new(
                ErrorKind::WrongUsage,
                "only a key that the server can generate can be given a new version",
            )
        })?;
        let series = Series { key: resolved.key.id, version, spec };
        put_version(context, &series, &template, &public)
    })
}

/// Without an offset a new key has the dates of the old one, where it is given no others. Those that have passed are not
/// copied: a key that ends before it begins would serve nobody.
///
/// # Standard
/// KMIP 2.1 section 6.1.46.
pub fn dated_as(
    template: Option<Template>,
    offset: Option<Activation>,
    old: &Dates,
    now: Time,
) -> Option<Template> {
    if offset.is_some() {
        return template;
    }
    let ahead = |date: Option<Time>| date.filter(|date| *date > now);
    let mut template = template.unwrap_or_default();
    if let (Activation::Later, Some(planned)) = (template.activation, ahead(old.activation)) {
        template.activation = Activation::At(planned);
    }
    template.process_start = template.process_start.or(ahead(old.process_start));
    template.protect_stop = template.protect_stop.or(ahead(old.protect_stop));
    template.deactivation = template.deactivation.or(ahead(old.deactivation));
    Some(template)
}

/// Puts a further version of the key, which `put` makes from its number and the templates of its halves, in the place of
/// the newest.
pub(super) fn append(
    context: &mut Context<'_>,
    resolved: &Resolved,
    rekey: &Rekey,
    put: impl FnOnce(&mut Context<'_>, u32, [Template; 2]) -> Result<KeyVersion>,
) -> Result<Created> {
    let mut key = Key::clone(&resolved.key);
    let latest = *key.latest().ok_or_else(|| Error::internal("a key without versions"))?;
    refuse_older(resolved, &latest)?;
    if key.versions.len() >= VERSIONS_MAX {
        let public = format!("a key has at most {VERSIONS_MAX} versions; make a new key");
        return Err(Error::new(ErrorKind::LimitExceeded, public));
    }
    let old = context.object(latest.primary)?;
    check_state(&old, context)?;
    let old_public = latest.public.map(|id| context.object(id)).transpose()?;
    let template = rekey.successor(&old, rekey.template.as_ref(), context)?;
    let public = match &old_public {
        Some(old) => rekey.successor(old, rekey.public.as_ref(), context)?,
        None => Template::default(),
    };
    let version = put(context, latest.number + 1, [template, public])?;
    retire(context, &old, version.primary)?;
    if let (Some(old), Some(new)) = (&old_public, version.public) {
        retire(context, old, new)?;
    }
    let reply = Created {
        key: key.id,
        name: key.name.clone(),
        version: version.number,
        primary: version.primary,
        public: version.public,
        duplicate_of: None,
    };
    key.versions.push(version);
    context.check_key(&key)?;
    context.put(Record::Key(Arc::new(key)));
    context.note(reply.key, Some(reply.primary));
    Ok(reply)
}

fn check_state(old: &ManagedObject, context: &mut Context<'_>) -> Result<()> {
    context.hold(old);
    if old.is_valueless() {
        let public = "the value of this key is kept elsewhere, where it has to be replaced";
        return Err(Error::new(ErrorKind::WrongUsage, public));
    }
    let state = lifecycle::state_at(old, context.now());
    if state.is_destroyed() {
        return Err(Error::new(ErrorKind::Destroyed, "a destroyed key cannot be given a new version"));
    }
    lifecycle::require_serving(old)
}

impl Rekey {
    /// The new object's attributes: the old one's, with what the client gave in their place.
    fn successor(
        &self,
        old: &ManagedObject,
        given: Option<&Template>,
        context: &Context<'_>,
    ) -> Result<Template> {
        let inherited = Template {
            activation: match lifecycle::state_at(old, context.now()) {
                State::PreActive => Activation::Later,
                _ => Activation::Now,
            },
            usage: Some(old.usage),
            groups: old.groups.clone(),
            links: vec![Link { kind: LinkType::Replaced, target: old.id.to_string() }],
            parameters: old.parameters.clone(),
            sensitive: Some(old.sensitive),
            extractable: Some(old.extractable),
            subtype: old.subtype,
            further: further_of_successor(old, context.now()),
            ..Template::default()
        };
        let mut template = match given {
            Some(given) => {
                refuse_weaker(old, given)?;
                given.over(inherited)
            }
            None => inherited,
        };
        // Names move to the new version; those that are given anew come behind them.
        template.names = old.names.clone();
        let new = given.iter().flat_map(|given| &given.names).filter(|name| !old.names.contains(name));
        template.names.extend(new.cloned());
        if let Some(activation) = self.activation {
            template.activation = activation;
            template.follow_dates(&old.dates);
        }
        Ok(template)
    }
}

impl Template {
    /// The other dates of the old version, as far from the new Activation Date as they were from the old one.
    ///
    /// # Standard
    /// KMIP 2.1 table 303.
    fn follow_dates(&mut self, old: &Dates) {
        let (Activation::At(new), Some(activation)) = (self.activation, old.activation) else { return };
        let moved = |date: Option<Time>| {
            date.map(|date| Time(date.0.saturating_add(new.0.saturating_sub(activation.0))))
        };
        self.process_start = self.process_start.or(moved(old.process_start));
        self.protect_stop = self.protect_stop.or(moved(old.protect_stop));
        self.deactivation = self.deactivation.or(moved(old.deactivation));
    }
}

/// The old object's further attributes; what was spent of its usage limits counts anew, and the new one is one rotation
/// further than the old one.
///
/// # Standard
/// KMIP 2.1 sections 4.49, 4.50 and 4.52. Rotate Date is told of the object that a rotation made.
fn further_of_successor(old: &ManagedObject, now: Time) -> BTreeMap<AttributeName, Vec<Value>> {
    let mut further = old.further.clone();
    let generation = match further.get(&ROTATE_GENERATION).and_then(|values| values.first()) {
        Some(Value::Integer(generation)) => (*generation).max(0),
        _ => 0,
    };
    further.insert(ROTATE_GENERATION, vec![Value::Integer(generation.saturating_add(1))]);
    further.insert(ROTATE_DATE, vec![Value::Date(now)]);
    further.insert(ROTATE_LATEST, vec![Value::Boolean(true)]);
    if let Some(limits) = further.get_mut(&AttributeName::Standard(AttributeKind::UsageLimits)) {
        *limits = limits.iter().map(unspent).collect();
    }
    further
}

/// A new version is never easier to take away or to use for more than the old one: who may rekey does not get more
/// from it than a new version.
fn refuse_weaker(old: &ManagedObject, given: &Template) -> Result<()> {
    let refuse = |what: &str| {
        let public = format!("a new version cannot {what} where the old one could not; make a new key");
        Err(Error::new(ErrorKind::Denied, public))
    };
    if given.extractable == Some(true) && !old.extractable {
        return refuse("be extractable");
    }
    if given.sensitive == Some(false) && old.sensitive {
        return refuse("leave the server unwrapped");
    }
    if given.usage.is_some_and(|usage| !old.usage.allows(usage)) {
        return refuse("serve further uses");
    }
    Ok(())
}

const ROTATE_DATE: AttributeName = AttributeName::Standard(AttributeKind::RotateDate);
const ROTATE_GENERATION: AttributeName = AttributeName::Standard(AttributeKind::RotateGeneration);
const ROTATE_LATEST: AttributeName = AttributeName::Standard(AttributeKind::RotateLatest);

/// True for what a rotation says of the object that it makes.
pub(super) fn tells_of_rotation(name: &AttributeName) -> bool {
    [ROTATE_DATE, ROTATE_GENERATION, ROTATE_LATEST].contains(name)
}

/// Versions of one key at most: all of them are destroyed in one entry.
const VERSIONS_MAX: usize = 1024;

/// Names leave the old object, which is the latest no longer, and a link leads to the new one.
fn retire(context: &mut Context<'_>, old: &ManagedObject, new: ObjectId) -> Result<()> {
    let mut old = old.clone();
    old.names.clear();
    old.indices.remove(&AttributeName::Standard(AttributeKind::Name));
    old.further.insert(ROTATE_LATEST, vec![Value::Boolean(false)]);
    old.links.retain(|link| link.kind != LinkType::Replacement);
    old.links.push(Link { kind: LinkType::Replacement, target: new.to_string() });
    context.put_changed(old)?;
    Ok(())
}

/// Versions form one line: only the newest has a successor.
fn refuse_older(resolved: &Resolved, latest: &KeyVersion) -> Result<()> {
    match resolved.object {
        Some(object) if object != latest.primary && Some(object) != latest.public => {
            let public = "this version was replaced before; rekey the newest version of the key";
            Err(Error::new(ErrorKind::WrongState, public))
        }
        _ => Ok(()),
    }
}
