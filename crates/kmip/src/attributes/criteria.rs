//! What Locate looks for: attributes, and of those that are structures some fields alone.

use super::{Attribute, AttributeKind, AttributeReference, AttributeValue, Attributes};
use crate::error::{DecodeError, Fault};
use crate::schema::{Field, Fields, Version};
use crate::tags::Tag;
use crate::ttlv::Value;
use crate::ttlv::binary::Writer;

/// What an object must have to be found. A structure without some of its required fields is an [`AttributeValue::Unknown`]
/// under the reference of its kind, as it came.
///
/// # Standard
///
/// KMIP 1.4, section 4.9; KMIP 2.1, section 6.1.28: "all of the structure fields are not REQUIRED to be specified".
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Criteria(pub Attributes);

impl From<Attributes> for Criteria {
    fn from(attributes: Attributes) -> Self {
        Self(attributes)
    }
}

impl FromIterator<AttributeValue> for Criteria {
    fn from_iter<I: IntoIterator<Item = AttributeValue>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// The whole value, or what there is of a structure.
fn read(kind: AttributeKind, value: &mut Value, version: Version) -> Result<AttributeValue, DecodeError> {
    let part = matches!(value, Value::Structure(fields) if !fields.is_empty()).then(|| value.clone());
    kind.read(value, version).or_else(|error| match part {
        Some(value) if *error.fault() == Fault::Missing => {
            Ok(AttributeValue::Unknown { reference: AttributeReference::Kind(kind), value })
        }
        _ => Err(error),
    })
}

impl Field for Option<Criteria> {
    fn take(fields: &mut Fields<'_>, declared: Tag) -> Result<Self, DecodeError> {
        let version = fields.version();
        if version.has_tagged_attributes() {
            let Some(node) = fields.single(Tag::ATTRIBUTES)? else { return Ok(None) };
            let attributes = Attributes::read_tagged(&mut node.value, version, read);
            return attributes
                .map(|attributes| Some(Criteria(attributes)))
                .map_err(|error| error.within(Tag::ATTRIBUTES));
        }
        let mut attributes = Vec::new();
        for (index, node) in fields.nodes().iter_mut().filter(|node| node.tag == declared).enumerate() {
            let attribute = Attribute::from_named(&mut node.value, version, read);
            attributes.push(attribute.map_err(|error| error.within_repeated(declared, index))?);
        }
        Ok(Some(Criteria(Attributes(attributes))).filter(|criteria| !criteria.0.0.is_empty()))
    }

    fn put(&self, writer: &mut Writer, declared: Tag) {
        if let Some(Criteria(attributes)) = self {
            attributes.put(writer, declared);
        }
    }
}
