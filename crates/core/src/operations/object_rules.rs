//! Defaults and constraints of a realm: an administrator sets them, and every new object comes under them, whatever protocol
//! it is asked for over. Not here: where that happens (`Template::object` for defaults, `Context::put_new` for constraints).

use std::sync::Arc;

use super::{Operation, Subject, Template};
use crate::{
    access::{Action, Permit, approvals::Terms},
    attributes::{View, describe},
    engine::damaged,
    error::{Error, ErrorKind, Result},
    model::{
        AttributeKind, AttributeName, LEASE_SECONDS_DEFAULT, ManagedObject, ObjectRule, ObjectType, RealmId,
        RuleKind, Value,
    },
    record::{Record, RecordKey, ServerData},
    request::{Context, Resolved},
};

/// All rules of one kind, encoded, in bytes at most: every new object reads them.
const RULES_BYTES_MAX: usize = 16 * 1024;

/// What no default gives. Names are unique. A date would begin or end the life of objects whose makers say nothing of it,
/// or say that it begins later. Whether a key may ever leave is written in its policy by who makes it, and an attribute
/// alone could be changed back: a constraint holds there.
const NEVER_DEFAULTS: &[AttributeKind] = &[
    AttributeKind::Name,
    AttributeKind::ActivationDate,
    AttributeKind::DeactivationDate,
    AttributeKind::ProcessStartDate,
    AttributeKind::ProtectStopDate,
    AttributeKind::Extractable,
];

/// Replaces the rules of one kind; no rules are none.
pub struct SetObjectRules {
    /// Which.
    pub kind: RuleKind,
    /// The rules from now on.
    pub rules: Vec<ObjectRule>,
}

/// Tells the rules of one kind.
pub struct ShowObjectRules {
    /// Which.
    pub kind: RuleKind,
}

impl Operation for SetObjectRules {
    type Reply = ();

    fn action(&self) -> Action {
        match self.kind {
            RuleKind::Defaults => Action::SetDefaults,
            RuleKind::Constraints => Action::SetConstraints,
        }
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn terms(&self, _: &mut Context<'_>) -> Result<Option<Terms>> {
        Ok(Some(self.rules.iter().map(|rule| ("rule".into(), format!("{rule:?}"))).collect()))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<()> {
        self.rules.iter().try_for_each(|rule| self.check(rule))?;
        let mut data = Vec::new();
        ciborium::into_writer(&self.rules, &mut data).map_err(Error::internal)?;
        if data.len() > RULES_BYTES_MAX {
            let public = format!("the rules of one kind have at most {RULES_BYTES_MAX} bytes together");
            return Err(Error::new(ErrorKind::TooLarge, public));
        }
        let name = name(self.kind, context.realm());
        context.note_detail(format!("{} rules", self.rules.len()));
        context.put(Record::Server(Arc::new(ServerData { name, data, sealed: None })));
        Ok(())
    }
}

impl SetObjectRules {
    /// A default must be what a client could give any new object.
    fn check(&self, rule: &ObjectRule) -> Result<()> {
        if rule.attributes.is_empty() {
            return Err(Error::new(ErrorKind::InvalidField, "a default or constraint has attributes"));
        }
        if self.kind == RuleKind::Constraints {
            return Ok(());
        }
        for (name, _) in &rule.attributes {
            let AttributeName::Standard(kind) = name else { continue };
            if NEVER_DEFAULTS.contains(kind) {
                let public = format!("{} is each object's own: it is no default", kind.word());
                return Err(Error::new(ErrorKind::InvalidField, public));
            }
        }
        describe(rule.attributes.iter().cloned()).map(drop)
    }
}

impl Operation for ShowObjectRules {
    type Reply = Vec<ObjectRule>;

    fn action(&self) -> Action {
        Action::Query
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Vec<ObjectRule>> {
        rules(context, self.kind)
    }
}

/// The realm's rules of this kind. What a request makes of them is bound to their staying so.
///
/// # Errors
/// The store's.
fn rules(context: &mut Context<'_>, kind: RuleKind) -> Result<Vec<ObjectRule>> {
    let address = RecordKey::Server(name(kind, context.realm()));
    match context.get(address.clone())?.as_deref() {
        Some(Record::Server(data)) => ciborium::from_reader(&data.data[..]).map_err(Error::internal),
        Some(other) => Err(damaged(&address, other)),
        None => Ok(Vec::new()),
    }
}

fn name(kind: RuleKind, realm: RealmId) -> String {
    match kind {
        RuleKind::Defaults => format!("defaults of realm {realm}"),
        RuleKind::Constraints => format!("constraints of realm {realm}"),
    }
}

/// What a new object gets where its template is silent; of several rules the first that says something. What kind of key it
/// is does not come from here: that is known by now.
///
/// # Errors
/// The store's.
pub(super) fn defaults(
    context: &mut Context<'_>,
    object_type: ObjectType,
    groups: &[String],
) -> Result<Option<Template>> {
    let mut defaults: Option<Template> = None;
    for rule in rules(context, RuleKind::Defaults)? {
        if rule.is_about(object_type, groups) {
            let mut template = describe(rule.attributes)?.template;
            for kind in [AttributeKind::CryptographicAlgorithm, AttributeKind::CryptographicDomainParameters]
            {
                template.further.remove(&AttributeName::Standard(kind));
            }
            defaults = Some(match defaults {
                Some(earlier) => earlier.over(template),
                None => template,
            });
        }
    }
    Ok(defaults)
}

/// Refuses a new object that is not what the realm wants such objects to be.
///
/// # Errors
/// `ConstraintViolation`.
pub(crate) fn check_constraints(context: &mut Context<'_>, object: &ManagedObject) -> Result<()> {
    for rule in rules(context, RuleKind::Constraints)? {
        if !rule.is_about(object.object_type, &object.groups) {
            continue;
        }
        let view = View {
            object,
            spent: 0,
            lease_seconds: LEASE_SECONDS_DEFAULT,
            now: context.now(),
            crypto: context.crypto(),
        };
        for (name, _) in &rule.attributes {
            let wanted: Vec<&Value> =
                rule.attributes.iter().filter(|(other, _)| other == name).map(|(_, value)| value).collect();
            let values = view.read(name);
            if values.is_empty()
                || !values.iter().all(|value| wanted.iter().any(|one| fits(name, value, one)))
            {
                let public = format!(
                    "a constraint of this realm wants another {} of such objects: Get Constraints tells which",
                    crate::attributes::spelled(name)
                );
                return Err(Error::new(ErrorKind::ConstraintViolation, public));
            }
        }
    }
    Ok(())
}

/// A usage mask fits where it has no use beyond those that are wanted, any other value where it is the same.
fn fits(name: &AttributeName, value: &Value, wanted: &Value) -> bool {
    let is_mask = *name == AttributeName::Standard(AttributeKind::CryptographicUsageMask);
    match (value, wanted) {
        (Value::Integer(bits), Value::Integer(allowed)) if is_mask => bits & !allowed == 0,
        _ => value == wanted,
    }
}
