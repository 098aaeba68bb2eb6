//! Changes attributes of an object under the rules of the standard.

use super::{
    fields::{self, Reader, spelled},
    rules::{Change, rule},
};
use crate::{
    error::{Error, ErrorKind, Result},
    lifecycle,
    model::{AttributeIndices, AttributeKind, AttributeName, ManagedObject, State, Time, Value},
};

/// Most values of one attribute that an object may have.
const VALUES_MAX: usize = 1024;

/// Which value of an attribute is meant.
#[derive(Clone, Debug, PartialEq)]
pub enum Instance {
    /// The only one.
    Only,
    /// The one of this index, from 0.
    Index(usize),
    /// The one that is equal to this.
    Equal(Value),
}

/// A change of one attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeEdit {
    /// Adds a value.
    Add {
        /// Attribute.
        name: AttributeName,
        /// New value.
        value: Value,
    },
    /// Replaces a value.
    Modify {
        /// Attribute.
        name: AttributeName,
        /// Which value.
        at: Instance,
        /// New value.
        value: Value,
    },
    /// Sets the value of an attribute that can have only one, whether it had one or not.
    Set {
        /// Attribute.
        name: AttributeName,
        /// New value.
        value: Value,
    },
    /// Deletes a value; all values where `at` is `None`.
    Delete {
        /// Attribute.
        name: AttributeName,
        /// Which value.
        at: Option<Instance>,
    },
}

impl AttributeEdit {
    /// The attribute that is changed.
    pub fn name(&self) -> &AttributeName {
        match self {
            Self::Add { name, .. }
            | Self::Modify { name, .. }
            | Self::Set { name, .. }
            | Self::Delete { name, .. } => name,
        }
    }
}

/// The value that was changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// Its attribute.
    pub name: AttributeName,
    /// Its index.
    pub index: usize,
    /// The new value, or the deleted one.
    pub value: Value,
}

/// Changes an object as a client asks. Uniqueness of names among objects is the operation's business.
///
/// # Errors
/// `ReadOnlyAttribute`, `WrongState` where the attribute is fixed by now, `AlreadyExists` where it has its one value,
/// `AttributeNotFound`, `InvalidField` for a value that does not fit.
pub fn edit(object: &mut ManagedObject, edit: &AttributeEdit, now: Time) -> Result<Changed> {
    let name = edit.name();
    let mut values = stored(object, name);
    let mut indices = object.indices_of(name, values.len());
    check_allowed(object, edit, values.is_empty(), now)?;
    let told = |index: u32, value: &Value| Changed {
        name: name.clone(),
        index: index as usize,
        value: value.clone(),
    };
    let (position, mut changed) = match edit {
        AttributeEdit::Add { value, .. } => {
            check_room(name, &values, value)?;
            values.push(value.clone());
            (values.len() - 1, told(indices.add(), value))
        }
        AttributeEdit::Modify { at, value, .. } => {
            let position = find(name, (&values, &indices), at)?;
            values[position] = value.clone();
            (position, told(indices.of[position], value))
        }
        AttributeEdit::Set { value, .. } => {
            if values.len() > 1 {
                let public = format!("{} has several values: add or modify one", spelled(name));
                return Err(Error::new(ErrorKind::Invalid, public));
            }
            if values.is_empty() {
                indices.add();
            }
            values = vec![value.clone()];
            (0, told(indices.of[0], value))
        }
        AttributeEdit::Delete { at, .. } => {
            let position = match at {
                Some(at) => find(name, (&values, &indices), at)?,
                None => find(name, (&values, &AttributeIndices::first(values.len())), &Instance::Index(0))?,
            };
            let changed = told(indices.of.remove(position), &values.remove(position));
            if at.is_none() {
                values.clear();
            }
            (position, changed)
        }
    };
    let is_left = !values.is_empty();
    assign(object, name, values)?;
    object.indices.remove(name);
    if is_left && !indices.is_first() {
        object.indices.insert(name.clone(), indices);
    }
    if !matches!(edit, AttributeEdit::Delete { .. })
        && let Some(kept) = object.further.get(name).and_then(|values| values.get(position))
    {
        // Some values are completed when they are kept (Usage Limits).
        changed.value = kept.clone();
    }
    if is_date(name) {
        check_dates(object)?;
    }
    object.state = lifecycle::state_at(object, now);
    Ok(changed)
}

/// What the object has of an attribute that a client may change.
fn stored(object: &ManagedObject, name: &AttributeName) -> Vec<Value> {
    let date = |date: Option<Time>| date.into_iter().map(Value::Date).collect();
    let AttributeName::Standard(kind) = name else {
        return object.further.get(name).cloned().unwrap_or_default();
    };
    match kind {
        AttributeKind::Name => object.names.iter().map(fields::name).collect(),
        AttributeKind::ObjectGroup => object.groups.iter().cloned().map(Value::Text).collect(),
        AttributeKind::Link => object.links.iter().map(fields::link).collect(),
        AttributeKind::CryptographicParameters => object.parameters.iter().map(fields::parameters).collect(),
        AttributeKind::ActivationDate => date(object.dates.activation),
        AttributeKind::DeactivationDate => date(object.dates.deactivation),
        AttributeKind::ProcessStartDate => date(object.dates.process_start),
        AttributeKind::ProtectStopDate => date(object.dates.protect_stop),
        AttributeKind::OriginalCreationDate => date(object.dates.original_creation),
        AttributeKind::Sensitive => vec![Value::Boolean(object.sensitive)],
        AttributeKind::Extractable => vec![Value::Boolean(object.extractable)],
        _ => object.further.get(name).cloned().unwrap_or_default(),
    }
}

fn assign(object: &mut ManagedObject, name: &AttributeName, values: Vec<Value>) -> Result<()> {
    let reader = Reader(name);
    let first_date = || values.first().map(|value| reader.date(value)).transpose();
    let AttributeName::Standard(kind) = name else {
        put_further(object, name, values);
        return Ok(());
    };
    match kind {
        AttributeKind::Name => {
            object.names = values.iter().map(|value| reader.name(value)).collect::<Result<_>>()?
        }
        AttributeKind::ObjectGroup => {
            object.groups = values.iter().map(|value| reader.text(value)).collect::<Result<_>>()?;
        }
        AttributeKind::Link => {
            object.links = values.iter().map(|value| reader.link(value)).collect::<Result<_>>()?
        }
        AttributeKind::CryptographicParameters => {
            object.parameters = values.iter().map(|value| reader.parameters(value)).collect::<Result<_>>()?;
        }
        AttributeKind::ActivationDate => object.dates.activation = first_date()?,
        AttributeKind::DeactivationDate => object.dates.deactivation = first_date()?,
        AttributeKind::ProcessStartDate => object.dates.process_start = first_date()?,
        AttributeKind::ProtectStopDate => object.dates.protect_stop = first_date()?,
        AttributeKind::OriginalCreationDate => object.dates.original_creation = first_date()?,
        AttributeKind::Sensitive => {
            object.sensitive = values.first().map_or(Ok(false), |value| reader.truth(value))?;
            object.always_sensitive &= object.sensitive;
        }
        AttributeKind::Extractable => {
            object.extractable = values.first().map_or(Ok(true), |value| reader.truth(value))?;
            object.never_extractable &= !object.extractable;
        }
        AttributeKind::RotateAutomatic => {
            values.iter().try_for_each(|value| reader.truth(value).map(drop))?;
            put_further(object, name, values);
            super::check_rotation(object, false)?;
        }
        AttributeKind::UsageLimits => {
            // KMIP 1.4 section 3.21: once some of them are spent, they are no longer the client's to change.
            if stored(object, name).iter().any(fields::is_spent) {
                let public = "some of the usage limits are spent: they can no longer be changed";
                return Err(Error::new(ErrorKind::ReadOnlyAttribute, public));
            }
            let full = values.iter().map(|value| reader.usage_limits(value)).collect::<Result<_>>()?;
            put_further(object, name, full);
        }
        _ => put_further(object, name, values),
    }
    Ok(())
}

fn put_further(object: &mut ManagedObject, name: &AttributeName, values: Vec<Value>) {
    if values.is_empty() {
        object.further.remove(name);
    } else {
        object.further.insert(name.clone(), values);
    }
}

fn check_allowed(object: &ManagedObject, edit: &AttributeEdit, absent: bool, now: Time) -> Result<()> {
    let name = edit.name();
    let rule = rule(name);
    let fixed = || Error::new(ErrorKind::ReadOnlyAttribute, format!("{} cannot be changed", spelled(name)));
    if !rule.given_by_client {
        return Err(fixed());
    }
    match edit {
        AttributeEdit::Delete { .. } if !rule.deletable => Err(fixed()),
        AttributeEdit::Delete { .. } => Ok(()),
        // What only the server or the creating request may say cannot be said later.
        AttributeEdit::Add { .. } if is_intrinsic(name) => Err(fixed()),
        AttributeEdit::Set { .. } if absent && !is_intrinsic(name) => {
            check_moment(object, rule.change, name, now)
        }
        AttributeEdit::Add { .. } => check_moment(object, rule.change, name, now),
        AttributeEdit::Modify { .. } | AttributeEdit::Set { .. } if rule.change == Change::Never => {
            Err(fixed())
        }
        AttributeEdit::Modify { .. } | AttributeEdit::Set { .. } => {
            check_moment(object, rule.change, name, now)
        }
    }
}

/// Attributes that an object has from its first moment: adding one means changing it.
fn is_intrinsic(name: &AttributeName) -> bool {
    use AttributeKind::*;
    matches!(
        name,
        AttributeName::Standard(
            CertificateLength
                | CertificateType
                | CryptographicAlgorithm
                | CryptographicDomainParameters
                | CryptographicLength
                | CryptographicUsageMask
                | Fresh
                | ObjectType
                | OpaqueDataType
                | ProtectionStorageMask
                | RandomNumberGenerator
        )
    )
}

fn check_moment(object: &ManagedObject, change: Change, name: &AttributeName, now: Time) -> Result<()> {
    let state = lifecycle::state_at(object, now);
    let open = match change {
        Change::Never | Change::Always => true,
        Change::PreActive => state == State::PreActive,
        Change::UntilDeactivated => matches!(state, State::PreActive | State::Active),
        Change::UntilReached => {
            let reached =
                stored(object, name).iter().any(|value| matches!(value, Value::Date(date) if *date <= now));
            matches!(state, State::PreActive | State::Active) && !reached
        }
    };
    if open {
        return Ok(());
    }
    let public = format!("{} can no longer be changed: the object is {}", spelled(name), state.word());
    Err(Error::new(ErrorKind::WrongState, public))
}

fn check_room(name: &AttributeName, values: &[Value], value: &Value) -> Result<()> {
    if !rule(name).multiple && !values.is_empty() {
        let public = format!("{} has its one value: modify it", spelled(name));
        return Err(Error::new(ErrorKind::AlreadyExists, public));
    }
    if *name == AttributeName::Standard(AttributeKind::Name) && values.contains(value) {
        return Err(Error::new(ErrorKind::AlreadyExists, "the object has this name"));
    }
    if values.len() >= VALUES_MAX {
        let public = format!("{} has {VALUES_MAX} values and takes no more", spelled(name));
        return Err(Error::new(ErrorKind::LimitExceeded, public));
    }
    Ok(())
}

/// Where the value stands.
fn find(
    name: &AttributeName,
    (values, indices): (&[Value], &AttributeIndices),
    at: &Instance,
) -> Result<usize> {
    let found = match at {
        Instance::Only if values.len() > 1 => {
            let public = format!("{} has several values: say which", spelled(name));
            return Err(Error::new(ErrorKind::Invalid, public));
        }
        Instance::Only => (!values.is_empty()).then_some(0),
        Instance::Index(index) => indices.of.iter().position(|known| *known as usize == *index),
        Instance::Equal(wanted) => values.iter().position(|value| value == wanted),
    };
    found.ok_or_else(|| {
        let kind = match values.is_empty() {
            true => ErrorKind::AttributeNotFound,
            false => ErrorKind::AttributeInstanceNotFound,
        };
        Error::new(kind, format!("the object has no such value of {}", spelled(name)))
    })
}

/// True for the dates that clients plan a key's life with.
fn is_date(name: &AttributeName) -> bool {
    use AttributeKind::{ActivationDate, DeactivationDate, ProcessStartDate, ProtectStopDate};
    matches!(
        name,
        AttributeName::Standard(ActivationDate | DeactivationDate | ProcessStartDate | ProtectStopDate)
    )
}

/// Refuses dates that contradict each other.
///
/// # Errors
/// `InvalidField`.
///
/// # Standard
/// KMIP 2.1 sections 4.1, 4.19, 4.40 and 4.41.
pub(crate) fn check_dates(object: &ManagedObject) -> Result<()> {
    let dates = &object.dates;
    let order = [
        (dates.activation, dates.deactivation, "the deactivation date lies before the activation date"),
        (dates.activation, dates.process_start, "the process start date lies before the activation date"),
        (dates.protect_stop, dates.deactivation, "the deactivation date lies before the protect stop date"),
    ];
    let wrong =
        order.iter().find(|(first, second, _)| first.is_some() && second.is_some_and(|it| Some(it) < *first));
    wrong.map_or(Ok(()), |(_, _, what)| Err(Error::new(ErrorKind::InvalidField, *what)))
}
