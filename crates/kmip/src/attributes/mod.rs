//! Attributes: one model, two encodings.
//!
//! In 1.x an attribute is `Attribute{AttributeName, AttributeIndex, AttributeValue}` with a textual name; in 2.x it is
//! its value under its own tag. Custom attributes (`x-foo`) of 1.x and vendor attributes of 2.x are the same thing.
//! An attribute that a version does not have is not written for it. The rules of who may set what live elsewhere.

mod criteria;
mod kinds;
mod reference;
mod structures;

pub use criteria::Criteria;
pub use kinds::{AttributeKind, AttributeValue, Instances};
pub use reference::AttributeReference;
pub use structures::*;

use crate::enums::names;
use crate::error::{DecodeError, EncodeError, Fault};
use crate::schema::{Field, Fields, Version, Wire};
use crate::tags::Tag;
use crate::ttlv::binary::{self, Limits, Writer};
use crate::ttlv::{Node, Value};

impl AttributeValue {
    /// The bare value as a tree, as the newest version that has the attribute writes it.
    ///
    /// # Errors
    ///
    /// When it is longer than 4 GiB.
    pub fn to_tree(&self) -> Result<Value, EncodeError> {
        let known = |version: &&Version| self.kind().is_none_or(|kind| kind.is_defined_in(**version));
        let version = Version::ALL.iter().rev().find(known).copied().unwrap_or(Version::V2_1);
        let mut writer = Writer::new(version);
        self.write(&mut writer, Tag::ATTRIBUTE_VALUE);
        let bytes = writer.finish()?;
        // INVARIANT: what the writer wrote is a well-formed item, and no limit on a message applies to it.
        let limits = Limits { message_bytes_max: usize::MAX, depth_max: usize::MAX, items_max: usize::MAX };
        binary::decode(bytes.expose(), &limits).map(|node| node.value).map_err(|_| EncodeError::TooLong)
    }

    /// The value of an attribute out of a tree, for whoever speaks this version: without the fields of structures whose codes came
    /// later. `None` where nothing is left, or not what must be there.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11 (the enumerations, with the versions that brought their values).
    pub fn from_tree_for(reference: AttributeReference, mut value: Value, version: Version) -> Option<Self> {
        if let AttributeReference::Kind(kind) = &reference
            && !keep_defined(kind.tag(), &mut value, version)
        {
            return None;
        }
        Self::from_tree(reference, value).ok()
    }

    /// The value of an attribute out of a tree.
    ///
    /// # Errors
    ///
    /// When the tree is not what the schema says.
    pub fn from_tree(reference: AttributeReference, mut value: Value) -> Result<Self, DecodeError> {
        match reference {
            AttributeReference::Kind(kind) => kind.read(&mut value, Version::V2_1),
            AttributeReference::Vendor { vendor, name } => Ok(Self::Vendor { vendor, name, value }),
            reference => Ok(Self::Unknown { reference, value }),
        }
    }
}

/// Takes away what is of later versions; false where nothing is left.
fn keep_defined(tag: Tag, value: &mut Value, version: Version) -> bool {
    match value {
        Value::Enumeration(code) => names::is_defined_in(tag, *code, version),
        Value::Structure(nodes) => {
            let fields = nodes.len();
            nodes.retain_mut(|node| keep_defined(node.tag, &mut node.value, version));
            fields == 0 || !nodes.is_empty()
        }
        _ => true,
    }
}

/// How the value of an attribute is taken out of its tree.
type Read = fn(AttributeKind, &mut Value, Version) -> Result<AttributeValue, DecodeError>;

/// One attribute of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// Which of several instances, from 0; 1.x only, absent means 0.
    pub index: Option<i32>,
    /// The value.
    pub value: AttributeValue,
}

impl From<AttributeValue> for Attribute {
    fn from(value: AttributeValue) -> Self {
        Self { index: None, value }
    }
}

impl Attribute {
    /// What the attribute is called.
    pub fn reference(&self) -> AttributeReference {
        match &self.value {
            AttributeValue::Vendor { vendor, name, .. } => {
                AttributeReference::Vendor { vendor: vendor.clone(), name: name.clone() }
            }
            AttributeValue::Unknown { reference, .. } => reference.clone(),
            value => {
                value.kind().map_or(AttributeReference::UnknownTag(Tag::ATTRIBUTE), AttributeReference::Kind)
            }
        }
    }

    /// One item of a 2.x structure of attributes.
    fn from_tagged(node: &mut Node, version: Version, read: Read) -> Result<Self, DecodeError> {
        let value = match AttributeKind::from_tag(node.tag) {
            Some(kind) => read(kind, &mut node.value, version)?,
            None if node.tag == Tag::ATTRIBUTE => {
                let mut fields = Fields::of(&mut node.value, version)?;
                AttributeValue::Vendor {
                    vendor: Field::take(&mut fields, Tag::VENDOR_IDENTIFICATION)?,
                    name: Field::take(&mut fields, Tag::ATTRIBUTE_NAME)?,
                    value: Field::take(&mut fields, Tag::ATTRIBUTE_VALUE)?,
                }
            }
            None => AttributeValue::Unknown {
                reference: AttributeReference::UnknownTag(node.tag),
                value: Value::read(&mut node.value, version)?,
            },
        };
        Ok(value.into())
    }

    /// The structure `Attribute` of 1.x.
    fn from_named(value: &mut Value, version: Version, read: Read) -> Result<Self, DecodeError> {
        let mut fields = Fields::of(value, version)?;
        let name: String = Field::take(&mut fields, Tag::ATTRIBUTE_NAME)?;
        let index = Field::take(&mut fields, Tag::ATTRIBUTE_INDEX)?;
        let node = fields.single(Tag::ATTRIBUTE_VALUE)?;
        let node = node.ok_or_else(|| DecodeError::from(Fault::Missing).within(Tag::ATTRIBUTE_VALUE))?;
        let value = match AttributeReference::from_name(&name) {
            AttributeReference::Kind(kind) => read(kind, &mut node.value, version)
                .map_err(|error| error.within(Tag::ATTRIBUTE_VALUE).within(kind.tag()))?,
            AttributeReference::Vendor { vendor, name } => {
                AttributeValue::Vendor { vendor, name, value: Value::read(&mut node.value, version)? }
            }
            reference => AttributeValue::Unknown { reference, value: Value::read(&mut node.value, version)? },
        };
        Ok(Self { index, value })
    }

    fn write_tagged(&self, writer: &mut Writer) {
        match &self.value {
            AttributeValue::Vendor { vendor, name, value } => writer.structure(Tag::ATTRIBUTE, |writer| {
                writer.text_string(Tag::VENDOR_IDENTIFICATION, vendor);
                writer.text_string(Tag::ATTRIBUTE_NAME, name);
                writer.value(Tag::ATTRIBUTE_VALUE, value);
            }),
            AttributeValue::Unknown { reference: AttributeReference::UnknownTag(tag), value } => {
                writer.value(*tag, value);
            }
            // Part of a structure, as Locate looks for it.
            AttributeValue::Unknown { reference: AttributeReference::Kind(kind), value } => {
                if kind.is_defined_in(writer.version()) {
                    writer.value(kind.tag(), value);
                }
            }
            value => {
                if let Some(kind) = value.kind().filter(|kind| kind.is_defined_in(writer.version())) {
                    value.write(writer, kind.tag());
                }
            }
        }
    }

    fn write_named(&self, writer: &mut Writer) {
        let Some(name) = self.reference().name_in(writer.version()) else { return };
        writer.structure(Tag::ATTRIBUTE, |writer| {
            writer.text_string(Tag::ATTRIBUTE_NAME, &name);
            if let Some(index) = self.index {
                writer.integer(Tag::ATTRIBUTE_INDEX, index);
            }
            self.value.write(writer, Tag::ATTRIBUTE_VALUE);
        });
    }
}

/// A single attribute: the structure `Attribute` in 1.x, a structure (`NewAttribute`, `CurrentAttribute`) around one
/// tagged value in 2.x.
///
/// # Standard
///
/// KMIP 1.4, section 2.1.1; KMIP 2.1, sections 5.6 and 5.7.
impl Wire for Attribute {
    fn tag(declared: Tag, version: Version) -> Tag {
        if version.has_tagged_attributes() { declared } else { Tag::ATTRIBUTE }
    }

    fn read(value: &mut Value, version: Version) -> Result<Self, DecodeError> {
        if !version.has_tagged_attributes() {
            return Self::from_named(value, version, AttributeKind::read);
        }
        match Fields::of(value, version)?.nodes() {
            [node] => {
                let tag = node.tag;
                Self::from_tagged(node, version, AttributeKind::read).map_err(|error| error.within(tag))
            }
            [] => Err(Fault::Missing.into()),
            _ => Err(Fault::Value("holds more than one attribute").into()),
        }
    }

    fn write(&self, writer: &mut Writer, tag: Tag) {
        if writer.version().has_tagged_attributes() {
            writer.structure(tag, |writer| self.write_tagged(writer));
        } else {
            self.write_named(writer);
        }
    }
}

/// The attributes of an object: repeated `Attribute` in 1.x, one structure `Attributes` in 2.x.
///
/// # Standard
///
/// KMIP 1.4, section 2.1.1; KMIP 2.1, section 5.1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes(pub Vec<Attribute>);

impl FromIterator<AttributeValue> for Attributes {
    fn from_iter<I: IntoIterator<Item = AttributeValue>>(values: I) -> Self {
        Self(values.into_iter().map(Attribute::from).collect())
    }
}

impl Attributes {
    fn read_tagged(value: &mut Value, version: Version, by: Read) -> Result<Self, DecodeError> {
        let mut fields = Fields::of(value, version)?;
        let read = |(index, node): (usize, &mut Node)| {
            let tag = node.tag;
            Attribute::from_tagged(node, version, by).map_err(|error| error.within_repeated(tag, index))
        };
        fields.nodes().iter_mut().enumerate().map(read).collect::<Result<_, _>>().map(Self)
    }

    fn write_tagged(&self, writer: &mut Writer, tag: Tag) {
        writer.structure(tag, |writer| self.0.iter().for_each(|attribute| attribute.write_tagged(writer)));
    }
}

impl Field for Attributes {
    fn take(fields: &mut Fields<'_>, declared: Tag) -> Result<Self, DecodeError> {
        let version = fields.version();
        if !version.has_tagged_attributes() {
            return Field::take(fields, declared).map(Self);
        }
        <Option<Self> as Field>::take(fields, declared)?
            .ok_or_else(|| DecodeError::from(Fault::Missing).within(Tag::ATTRIBUTES))
    }

    fn put(&self, writer: &mut Writer, declared: Tag) {
        if writer.version().has_tagged_attributes() {
            self.write_tagged(writer, Tag::ATTRIBUTES);
        } else {
            self.0.put(writer, declared);
        }
    }
}

impl Field for Option<Attributes> {
    fn take(fields: &mut Fields<'_>, declared: Tag) -> Result<Self, DecodeError> {
        let version = fields.version();
        if !version.has_tagged_attributes() {
            let attributes: Vec<Attribute> = Field::take(fields, declared)?;
            return Ok(Some(Attributes(attributes)).filter(|attributes| !attributes.0.is_empty()));
        }
        let Some(node) = fields.single(Tag::ATTRIBUTES)? else { return Ok(None) };
        let attributes = Attributes::read_tagged(&mut node.value, version, AttributeKind::read);
        attributes.map(Some).map_err(|error| error.within(Tag::ATTRIBUTES))
    }

    fn put(&self, writer: &mut Writer, declared: Tag) {
        if let Some(attributes) = self {
            attributes.put(writer, declared);
        }
    }
}

/// The attributes of a new object: `TemplateAttribute` in 1.x, with names of templates, and `Attributes` in 2.x;
/// likewise for the common, private key and public key ones.
///
/// # Standard
///
/// KMIP 1.4, section 2.1.8; KMIP 2.1, sections 5.1 to 5.4.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TemplateAttribute {
    /// Names of templates whose attributes are meant too (1.x, deprecated in 1.3).
    pub names: Vec<Name>,
    /// The attributes.
    pub attributes: Attributes,
}

impl From<Attributes> for TemplateAttribute {
    fn from(attributes: Attributes) -> Self {
        Self { names: Vec::new(), attributes }
    }
}

impl Wire for TemplateAttribute {
    fn tag(declared: Tag, version: Version) -> Tag {
        if !version.has_tagged_attributes() {
            return declared;
        }
        match declared {
            Tag::COMMON_TEMPLATE_ATTRIBUTE => Tag::COMMON_ATTRIBUTES,
            Tag::PRIVATE_KEY_TEMPLATE_ATTRIBUTE => Tag::PRIVATE_KEY_ATTRIBUTES,
            Tag::PUBLIC_KEY_TEMPLATE_ATTRIBUTE => Tag::PUBLIC_KEY_ATTRIBUTES,
            _ => Tag::ATTRIBUTES,
        }
    }

    fn read(value: &mut Value, version: Version) -> Result<Self, DecodeError> {
        if version.has_tagged_attributes() {
            return Attributes::read_tagged(value, version, AttributeKind::read).map(Self::from);
        }
        let mut fields = Fields::of(value, version)?;
        Ok(Self {
            names: Field::take(&mut fields, Tag::NAME)?,
            attributes: Field::take(&mut fields, Tag::ATTRIBUTE)?,
        })
    }

    fn write(&self, writer: &mut Writer, tag: Tag) {
        if writer.version().has_tagged_attributes() {
            return self.attributes.write_tagged(writer, tag);
        }
        writer.structure(tag, |writer| {
            self.names.put(writer, Tag::NAME);
            self.attributes.put(writer, Tag::ATTRIBUTE);
        });
    }
}

#[cfg(test)]
mod tests;
