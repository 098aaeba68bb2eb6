//! What an attribute is called: text in 1.x, a tag or a vendor's name in 2.x.

use super::kinds::AttributeKind;
use crate::error::DecodeError;
use crate::schema::{Field, Fields, Version, Wire, wrong_type};
use crate::tags::Tag;
use crate::ttlv::Value;
use crate::ttlv::binary::Writer;

/// The name of an attribute.
///
/// # Standard
///
/// KMIP 1.4, section 2.1.1; KMIP 2.1, section 5.5.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AttributeReference {
    /// An attribute of the standard.
    Kind(AttributeKind),
    /// An attribute of a vendor or a client; `x-foo` in 1.x is vendor `x`, name `foo`.
    Vendor {
        /// Vendor identification.
        vendor: String,
        /// Name among the vendor's.
        name: String,
    },
    /// A 1.x text that names nothing known.
    UnknownName(String),
    /// A 2.x tag that names nothing known.
    UnknownTag(Tag),
}

impl AttributeReference {
    /// What a 1.x text names. Custom attributes start with `x-` (made by clients) or `y-` (made by servers).
    pub fn from_name(name: &str) -> Self {
        if let Some(kind) = AttributeKind::from_name(name) {
            return Self::Kind(kind);
        }
        match name.split_once('-') {
            Some((vendor @ ("x" | "y"), rest)) => {
                Self::Vendor { vendor: vendor.to_owned(), name: rest.to_owned() }
            }
            _ => Self::UnknownName(name.to_owned()),
        }
    }

    /// The text that names it in a 1.x version; `None` where that version has no name for it.
    pub fn name_in(&self, version: Version) -> Option<String> {
        match self {
            Self::Kind(kind) => kind.is_defined_in(version).then(|| kind.name().to_owned()),
            Self::Vendor { vendor, name } if vendor == "x" || vendor == "y" => {
                Some(format!("{vendor}-{name}"))
            }
            Self::UnknownName(name) => Some(name.clone()),
            Self::Vendor { .. } | Self::UnknownTag(_) => None,
        }
    }
}

impl std::fmt::Display for AttributeReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Kind(kind) => f.write_str(kind.name()),
            Self::Vendor { vendor, name } => write!(f, "{vendor}-{name}"),
            Self::UnknownName(name) => f.write_str(name),
            Self::UnknownTag(tag) => write!(f, "{tag}"),
        }
    }
}

/// Declared as `AttributeName`, which it is in 1.x; `AttributeReference` in 2.x.
impl Wire for AttributeReference {
    fn tag(_: Tag, version: Version) -> Tag {
        if version.has_tagged_attributes() { Tag::ATTRIBUTE_REFERENCE } else { Tag::ATTRIBUTE_NAME }
    }

    fn read(value: &mut Value, version: Version) -> Result<Self, DecodeError> {
        match value {
            Value::TextString(name) if !version.has_tagged_attributes() => Ok(Self::from_name(name)),
            Value::Enumeration(code) if version.has_tagged_attributes() => {
                let tag = Tag(*code);
                Ok(AttributeKind::from_tag(tag).map_or(Self::UnknownTag(tag), Self::Kind))
            }
            Value::Structure(_) if version.has_tagged_attributes() => {
                let mut fields = Fields::of(value, version)?;
                Ok(Self::Vendor {
                    vendor: Field::take(&mut fields, Tag::VENDOR_IDENTIFICATION)?,
                    name: Field::take(&mut fields, Tag::ATTRIBUTE_NAME)?,
                })
            }
            other => Err(wrong_type("TextString (1.x), Enumeration or Structure (2.x)", other)),
        }
    }

    fn write(&self, writer: &mut Writer, tag: Tag) {
        if !writer.version().has_tagged_attributes() {
            if let Some(name) = self.name_in(writer.version()) {
                writer.text_string(tag, &name);
            }
            return;
        }
        match self {
            Self::Kind(kind) if kind.is_defined_in(writer.version()) => writer.enumeration(tag, kind.tag().0),
            Self::UnknownTag(unknown) => writer.enumeration(tag, unknown.0),
            Self::Vendor { vendor, name } => writer.structure(tag, |writer| {
                writer.text_string(Tag::VENDOR_IDENTIFICATION, vendor);
                writer.text_string(Tag::ATTRIBUTE_NAME, name);
            }),
            Self::Kind(_) | Self::UnknownName(_) => {}
        }
    }
}

#[cfg(test)]
impl crate::schema::Sample for AttributeReference {
    fn sample() -> Self {
        Self::Kind(AttributeKind::Name)
    }
}
