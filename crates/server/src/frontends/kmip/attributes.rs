//! Attributes between the wire's model and core's: the same names and values in other clothes.

use keyreeve_core::model::{AttributeKind, AttributeName, ManagedObject, Time, Value};
use keyreeve_kmip::attributes::{Attribute, AttributeReference, AttributeValue, Attributes};
use keyreeve_kmip::enums::{CryptographicAlgorithm, ResultReason};
use keyreeve_kmip::ttlv::{Node, Value as Tree};
use keyreeve_kmip::{Tag, Version};

use super::errors::Failure;
use crate::frontends::echo::{QUOTED_BYTES_MAX, cut};

/// Core's name of an attribute that a client named.
pub(super) fn name(reference: &AttributeReference) -> Result<AttributeName, Failure> {
    let unknown = || {
        let message = format!("there is no attribute {}", cut(reference.to_string(), QUOTED_BYTES_MAX));
        Failure::new(ResultReason::InvalidAttribute, message)
    };
    match reference {
        AttributeReference::Kind(kind) => {
            AttributeKind::from_word(kind.name()).map(AttributeName::Standard).ok_or_else(unknown)
        }
        AttributeReference::Vendor { vendor, name } => {
            Ok(AttributeName::Vendor { vendor: vendor.clone(), name: name.clone() })
        }
        AttributeReference::UnknownName(_) | AttributeReference::UnknownTag(_) => Err(unknown()),
    }
}

/// The wire's name of an attribute; `None` for core's own that KMIP does not have.
pub(super) fn reference(name: &AttributeName) -> Option<AttributeReference> {
    match name {
        AttributeName::Standard(kind) => {
            keyreeve_kmip::attributes::AttributeKind::from_name(kind.word()).map(AttributeReference::Kind)
        }
        AttributeName::Vendor { vendor, name } => {
            Some(AttributeReference::Vendor { vendor: vendor.clone(), name: name.clone() })
        }
    }
}

/// A client's attribute as core knows it.
pub(super) fn incoming(attribute: &Attribute) -> Result<(AttributeName, Value), Failure> {
    let name = name(&attribute.reference())?;
    let value = match &attribute.value {
        AttributeValue::Vendor { value, .. } => from_tree(value),
        value => from_tree(&value.to_tree()?),
    };
    Ok((name, value))
}

/// As `incoming`, of one that an object is to have.
pub(super) fn given(attribute: &Attribute) -> Result<(AttributeName, Value), Failure> {
    let (name, value) = incoming(attribute)?;
    check(&name, &value)?;
    Ok((name, value))
}

/// What the standard has to say of a value and of a vendor.
///
/// # Standard
/// KMIP 2.1 sections 4.2 (Application Specific Information) and 4.60 (Vendor Attribute).
fn check(name: &AttributeName, value: &Value) -> Result<(), Failure> {
    match (name, value) {
        (
            AttributeName::Standard(AttributeKind::ApplicationSpecificInformation),
            Value::Structure(fields),
        ) if !fields.iter().any(|(field, _)| field == "ApplicationData") => {
            let message = "no Application Data is made here for any Application Namespace: give it";
            Err(Failure::new(ResultReason::ApplicationNamespaceNotSupported, message))
        }
        (AttributeName::Vendor { vendor, .. }, _)
            if !vendor.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')) =>
        {
            let message = "a Vendor Identification is of letters, digits, _ and .";
            Err(Failure::new(ResultReason::InvalidField, message))
        }
        _ => Ok(()),
    }
}

/// An attribute of core as the version of the response knows it; `None` where it does not, or not this value of it.
pub(super) fn outgoing(
    name: &AttributeName,
    index: usize,
    value: &Value,
    version: Version,
) -> Option<Attribute> {
    let reference = reference(name)?;
    if let AttributeReference::Kind(kind) = &reference
        && !kind.is_defined_in(version)
    {
        return None;
    }
    let value = match name {
        AttributeName::Standard(AttributeKind::CryptographicAlgorithm) => fitted_algorithm(value, version),
        _ => value.clone(),
    };
    let value = AttributeValue::from_tree_for(reference, to_tree(&value), version)?;
    // An index of 0 goes without saying.
    let index = i32::try_from(index).ok().filter(|index| *index > 0);
    Some(Attribute { index, value })
}

/// Attributes of an object of core in the order in which they come.
pub(super) fn outgoing_all<'a>(
    object: &ManagedObject,
    attributes: impl IntoIterator<Item = &'a (AttributeName, Vec<Value>)>,
    version: Version,
) -> Attributes {
    let each = attributes.into_iter().flat_map(|(name, values)| {
        let indices = object.indices_of(name, values.len()).of;
        let indexed = indices.into_iter().zip(values);
        indexed.filter_map(move |(index, value)| outgoing(name, index as usize, value, version))
    });
    Attributes(each.collect())
}

/// Clients of versions that do not have the algorithm EC know such keys as ECDSA keys.
fn fitted_algorithm(value: &Value, version: Version) -> Value {
    match value {
        Value::Enumeration(code) => Value::Enumeration(algorithm_code(*code, version)),
        other => other.clone(),
    }
}

/// As `fitted_algorithm`, for a bare code.
pub(super) fn algorithm_code(code: u32, version: Version) -> u32 {
    let algorithm = CryptographicAlgorithm::from(code);
    if algorithm == CryptographicAlgorithm::Ec && algorithm.since() > version {
        CryptographicAlgorithm::Ecdsa.into()
    } else {
        code
    }
}

fn from_tree(tree: &Tree) -> Value {
    match tree {
        Tree::Structure(nodes) => Value::Structure(
            nodes.iter().map(|node| (field_name(node.tag), from_tree(&node.value))).collect(),
        ),
        Tree::Integer(number) => Value::Integer(*number),
        Tree::LongInteger(number) => Value::LongInteger(*number),
        Tree::BigInteger(bytes) => Value::BigInteger(bytes.clone()),
        Tree::Enumeration(code) => Value::Enumeration(*code),
        Tree::Boolean(truth) => Value::Boolean(*truth),
        Tree::TextString(text) => Value::Text(text.clone()),
        Tree::ByteString(bytes) => Value::Bytes(bytes.clone()),
        Tree::DateTime(seconds) => Value::Date(Time::from_seconds(*seconds)),
        Tree::Interval(seconds) => Value::IntervalSeconds(*seconds),
        Tree::DateTimeExtended(microseconds) => Value::DateMicroseconds(*microseconds),
    }
}

fn to_tree(value: &Value) -> Tree {
    match value {
        Value::Structure(fields) => {
            let nodes = fields.iter().map(|(name, value)| Node::new(field_tag(name), to_tree(value)));
            Tree::Structure(nodes.collect())
        }
        Value::Integer(number) => Tree::Integer(*number),
        Value::LongInteger(number) => Tree::LongInteger(*number),
        Value::BigInteger(bytes) => Tree::BigInteger(bytes.clone()),
        Value::Enumeration(code) => Tree::Enumeration(*code),
        Value::Boolean(truth) => Tree::Boolean(*truth),
        Value::Text(text) => Tree::TextString(text.clone()),
        Value::Bytes(bytes) => Tree::ByteString(bytes.clone()),
        Value::Date(date) => Tree::DateTime(date.seconds()),
        Value::IntervalSeconds(seconds) => Tree::Interval(*seconds),
        Value::DateMicroseconds(microseconds) => Tree::DateTimeExtended(*microseconds),
    }
}

/// Fields bear the standard's names; a tag without one bears its number.
fn field_name(tag: Tag) -> String {
    tag.name().map_or_else(|| format!("0x{:06X}", tag.0), str::to_owned)
}

fn field_tag(name: &str) -> Tag {
    let number = || name.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
    Tag::from_name(name).unwrap_or_else(|| Tag(number().unwrap_or(0)))
}
