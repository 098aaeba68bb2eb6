//! Protocol versions, and the schema over the generic tree: a structure's fields are declared once, each with its tag
//! and the versions that have it, and the declaration yields both decoding and encoding.
//!
//! Encoding writes a field only at the versions of its range, so an answer never holds a field that its version does
//! not know. Decoding is strict about types and lenient about order, unknown tags and fields of another version: what
//! a peer took the trouble to send is read rather than silently dropped.

use std::fmt;
use std::ops::RangeBounds;

use crate::error::{DecodeError, Fault};
use crate::tags::Tag;
use crate::ttlv::binary::Writer;
use crate::ttlv::{Node, Value};

/// A protocol version that this crate speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// KMIP 1.0.
    V1_0,
    /// KMIP 1.1.
    V1_1,
    /// KMIP 1.2.
    V1_2,
    /// KMIP 1.3.
    V1_3,
    /// KMIP 1.4.
    V1_4,
    /// KMIP 2.0.
    V2_0,
    /// KMIP 2.1.
    V2_1,
}

impl Version {
    /// Every version, oldest first.
    pub const ALL: [Version; 7] =
        [Self::V1_0, Self::V1_1, Self::V1_2, Self::V1_3, Self::V1_4, Self::V2_0, Self::V2_1];

    /// The version that answers a request of a version that is not spoken: the newest that is not newer, else the
    /// oldest.
    pub fn nearest(asked: ProtocolVersion) -> Version {
        Self::ALL
            .into_iter()
            .rev()
            .find(|version| ProtocolVersion::from(*version) <= asked)
            .unwrap_or(Self::V1_0)
    }

    /// Whether attributes are a structure of tags (2.x), not a list of names (1.x).
    pub fn has_tagged_attributes(self) -> bool {
        self >= Self::V2_0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&ProtocolVersion::from(*self), f)
    }
}

/// A protocol version as it stands on the wire, spoken or not.
///
/// # Standard
///
/// KMIP 2.1, section 9.16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtocolVersion {
    /// Major version number.
    pub major: i32,
    /// Minor version number.
    pub minor: i32,
}

impl From<Version> for ProtocolVersion {
    fn from(version: Version) -> Self {
        let (major, minor) = match version {
            Version::V1_0 => (1, 0),
            Version::V1_1 => (1, 1),
            Version::V1_2 => (1, 2),
            Version::V1_3 => (1, 3),
            Version::V1_4 => (1, 4),
            Version::V2_0 => (2, 0),
            Version::V2_1 => (2, 1),
        };
        Self { major, minor }
    }
}

impl TryFrom<ProtocolVersion> for Version {
    type Error = DecodeError;

    fn try_from(wire: ProtocolVersion) -> Result<Self, DecodeError> {
        let known = Self::ALL.into_iter().find(|version| ProtocolVersion::from(*version) == wire);
        known.ok_or_else(|| Fault::UnsupportedVersion(wire).into())
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A value that stands under one tag.
pub trait Wire: Sized {
    /// The tag that stands at `version` where the schema declares `declared`. Only attributes change theirs.
    fn tag(declared: Tag, version: Version) -> Tag {
        let _ = version;
        declared
    }

    /// Takes the value out of a node; the bytes move, what is left can be scrubbed.
    ///
    /// # Errors
    ///
    /// When the node's type, or a field in it, is not what the schema says.
    fn read(value: &mut Value, version: Version) -> Result<Self, DecodeError>;

    /// Writes the value under `tag`, which [`Wire::tag`] has already fitted to the version.
    fn write(&self, writer: &mut Writer, tag: Tag);
}

/// A field of a structure: required (`T`), optional (`Option<T>`) or repeated (`Vec<T>`).
pub trait Field: Sized {
    /// Takes the field out of its structure.
    ///
    /// # Errors
    ///
    /// When it is missing though required, repeated though single, or wrong in itself.
    fn take(fields: &mut Fields<'_>, declared: Tag) -> Result<Self, DecodeError>;

    /// Writes the field, or nothing if it is absent.
    fn put(&self, writer: &mut Writer, declared: Tag);
}

/// The items of a structure that is being decoded.
pub struct Fields<'a> {
    nodes: &'a mut [Node],
    version: Version,
    /// Whether the field that is being taken belongs to the version. Where it does not, its tag must not be fitted to
    /// the version: it could become the tag of another field.
    in_range: bool,
}

impl<'a> Fields<'a> {
    /// The items of `value`.
    ///
    /// # Errors
    ///
    /// When it is no structure.
    pub fn of(value: &'a mut Value, version: Version) -> Result<Self, DecodeError> {
        match value {
            Value::Structure(nodes) => Ok(Self { nodes, version, in_range: true }),
            other => Err(wrong_type("Structure", other)),
        }
    }

    /// The version of the message.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Says whether the version has the field that is taken next.
    pub(crate) fn in_range(&mut self, range: impl RangeBounds<Version>) -> &mut Self {
        self.in_range = range.contains(&self.version);
        self
    }

    fn tag<T: Wire>(&self, declared: Tag) -> Tag {
        if self.in_range { T::tag(declared, self.version) } else { declared }
    }

    /// Every item, in the order of the wire.
    pub fn nodes(&mut self) -> &mut [Node] {
        self.nodes
    }

    /// The one item with `tag`, if it is there.
    ///
    /// # Errors
    ///
    /// When it is there more than once: which one is meant is not for us to guess.
    pub fn single(&mut self, tag: Tag) -> Result<Option<&mut Node>, DecodeError> {
        let mut found = self.nodes.iter_mut().filter(|node| node.tag == tag);
        let first = found.next();
        if found.next().is_some() {
            return Err(DecodeError::from(Fault::Repeated).within(tag));
        }
        Ok(first)
    }
}

impl<T: Wire> Field for T {
    fn take(fields: &mut Fields<'_>, declared: Tag) -> Result<Self, DecodeError> {
        let tag = fields.tag::<T>(declared);
        <Option<T> as Field>::take(fields, declared)?
            .ok_or_else(|| DecodeError::from(Fault::Missing).within(tag))
    }

    fn put(&self, writer: &mut Writer, declared: Tag) {
        let tag = T::tag(declared, writer.version());
        self.write(writer, tag);
    }
}

impl<T: Wire> Field for Option<T> {
    fn take(fields: &mut Fields<'_>, declared: Tag) -> Result<Self, DecodeError> {
        let version = fields.version;
        let tag = fields.tag::<T>(declared);
        let Some(node) = fields.single(tag)? else { return Ok(None) };
        T::read(&mut node.value, version).map(Some).map_err(|error| error.within(tag))
    }

    fn put(&self, writer: &mut Writer, declared: Tag) {
        if let Some(value) = self {
            value.put(writer, declared);
        }
    }
}

impl<T: Wire> Field for Vec<T> {
    fn take(fields: &mut Fields<'_>, declared: Tag) -> Result<Self, DecodeError> {
        let version = fields.version;
        let tag = fields.tag::<T>(declared);
        let repeated = fields.nodes.iter_mut().filter(|node| node.tag == tag).enumerate();
        repeated
            .map(|(index, node)| {
                T::read(&mut node.value, version).map_err(|error| error.within_repeated(tag, index))
            })
            .collect()
    }

    fn put(&self, writer: &mut Writer, declared: Tag) {
        for value in self {
            value.put(writer, declared);
        }
    }
}

/// The error of a value of another type than the field asks for.
pub(crate) fn wrong_type(expected: &'static str, got: &Value) -> DecodeError {
    Fault::WrongType { expected, got: got.item_type() }.into()
}

/// Declares a structure: its fields in the order of the standard's table, each with its tag and version range.
///
/// ```text
/// structure! {
///     /// What it is.
///     Name {
///         /// What the field is.
///         field: Type = TAG, V1_2..;
///     }
/// }
/// ```
macro_rules! structure {
    ($(#[$meta:meta])* $name:ident {
        $($(#[$field_meta:meta])* $field:ident: $type:ty = $tag:ident, $range:expr;)*
    }) => {
        $(#[$meta])*
        pub struct $name {
            $($(#[$field_meta])* pub $field: $type,)*
        }

        impl $crate::schema::Wire for $name {
            #[allow(unused_variables, unused_mut, unused_imports)]
            fn read(
                value: &mut $crate::ttlv::Value,
                version: $crate::schema::Version,
            ) -> Result<Self, $crate::error::DecodeError> {
                use $crate::schema::Version::*;
                let mut fields = $crate::schema::Fields::of(value, version)?;
                Ok(Self {
                    $($field: $crate::schema::Field::take(fields.in_range($range), $crate::tags::Tag::$tag)?,)*
                })
            }

            fn write(&self, writer: &mut $crate::ttlv::binary::Writer, tag: $crate::tags::Tag) {
                writer.structure(tag, |writer| self.write_fields(writer));
            }
        }

        impl $name {
            /// Writes the fields of the writer's version, without the structure around them.
            #[allow(unused_variables, unused_imports)]
            pub(crate) fn write_fields(&self, writer: &mut $crate::ttlv::binary::Writer) {
                use $crate::schema::Version::*;
                let version = writer.version();
                $(if std::ops::RangeBounds::contains(&($range), &version) {
                    $crate::schema::Field::put(&self.$field, writer, $crate::tags::Tag::$tag);
                })*
            }
        }

        #[cfg(test)]
        impl $crate::schema::Sample for $name {
            fn sample() -> Self {
                Self { $($field: $crate::schema::Sample::sample(),)* }
            }
        }
    };
}
pub(crate) use structure;

/// A value with every field set, from which the tests build every payload at every version.
#[cfg(test)]
pub(crate) trait Sample: Sized {
    fn sample() -> Self;
}

#[cfg(test)]
impl<T: Sample> Sample for Option<T> {
    fn sample() -> Self {
        Some(T::sample())
    }
}

#[cfg(test)]
impl<T: Sample> Sample for Vec<T> {
    fn sample() -> Self {
        vec![T::sample(), T::sample()]
    }
}

#[cfg(test)]
impl<T: Sample> Sample for Box<T> {
    fn sample() -> Self {
        Box::new(T::sample())
    }
}

impl<T: Wire> Wire for Box<T> {
    fn tag(declared: Tag, version: Version) -> Tag {
        T::tag(declared, version)
    }

    fn read(value: &mut Value, version: Version) -> Result<Self, DecodeError> {
        T::read(value, version).map(Box::new)
    }

    fn write(&self, writer: &mut Writer, tag: Tag) {
        (**self).write(writer, tag);
    }
}
