//! How the plain values stand on the wire: numbers, text, bytes, dates, masks and identifiers.

use crate::enums::{DataReference, UniqueIdentifierReference};
use crate::error::{DecodeError, Fault};
use crate::schema::{Field, Fields, ProtocolVersion, Version, Wire, wrong_type};
use crate::secret::{SecretBytes, SecretText};
use crate::tags::Tag;
use crate::ttlv::binary::Writer;
use crate::ttlv::{NO_SUCH_NAME, Value};

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateTime(pub i64);

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateTimeExtended(pub i64);

/// A length of time in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval(pub u32);

/// A two's complement number, most significant byte first. May be a secret.
#[derive(Default)]
pub struct BigInteger(pub SecretBytes);

/// What names a managed object. Before KMIP 2.0 always text.
///
/// # Standard
///
/// KMIP 2.1, section 4.58.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UniqueIdentifier {
    /// The identifier itself.
    Text(String),
    /// The identifier that an earlier batch item answered (2.x).
    Reference(UniqueIdentifierReference),
    /// The n-th identifier in the answer of an earlier batch item, from 0; negative counts from the end (2.x).
    Index(i32),
}

/// What a cryptographic operation works on. Before KMIP 2.0 always bytes. Holds a secret.
///
/// # Standard
///
/// KMIP 2.1, section 7.9.
pub enum Data {
    /// The bytes themselves. Holds a secret.
    Bytes(SecretBytes),
    /// What the latest item of this operation put out, among those before this one in the batch (2.x).
    Reference(DataReference),
    /// The n-th data that the items before this one put out, from 0; negative counts backwards from this item (2.x).
    Index(i32),
}

impl Data {
    /// The bytes, where these were sent and not a word for them. Holds a secret.
    pub fn bytes(&self) -> Option<&SecretBytes> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Reference(_) | Self::Index(_) => None,
        }
    }

    /// As [`Data::bytes`], moved out. Holds a secret.
    pub fn into_bytes(self) -> Option<SecretBytes> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Reference(_) | Self::Index(_) => None,
        }
    }
}

impl From<Vec<u8>> for Data {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<SecretBytes> for Data {
    fn from(bytes: SecretBytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl Wire for Data {
    fn read(value: &mut Value, version: Version) -> Result<Self, DecodeError> {
        match value {
            Value::ByteString(bytes) => Ok(std::mem::take(bytes).into()),
            Value::Enumeration(code) if version.has_tagged_attributes() => {
                Ok(Self::Reference((*code).into()))
            }
            Value::Integer(index) if version.has_tagged_attributes() => Ok(Self::Index(*index)),
            // XML and JSON have names for codes.
            Value::TextString(_) if version.has_tagged_attributes() => Err(Fault::Value(NO_SUCH_NAME).into()),
            other => Err(wrong_type("ByteString (or, in 2.x, Enumeration or Integer)", other)),
        }
    }

    fn write(&self, writer: &mut Writer, tag: Tag) {
        match self {
            Self::Bytes(bytes) => writer.byte_string(tag, bytes.expose()),
            Self::Reference(reference) => writer.enumeration(tag, (*reference).into()),
            Self::Index(index) => writer.integer(tag, *index),
        }
    }
}

impl From<&str> for UniqueIdentifier {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for UniqueIdentifier {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Wire for UniqueIdentifier {
    fn read(value: &mut Value, _: Version) -> Result<Self, DecodeError> {
        match value {
            Value::TextString(text) => Ok(Self::Text(std::mem::take(text))),
            Value::Enumeration(code) => Ok(Self::Reference((*code).into())),
            Value::Integer(index) => Ok(Self::Index(*index)),
            other => Err(wrong_type("TextString, Enumeration or Integer", other)),
        }
    }

    fn write(&self, writer: &mut Writer, tag: Tag) {
        match self {
            Self::Text(text) => writer.text_string(tag, text),
            Self::Reference(reference) => writer.enumeration(tag, (*reference).into()),
            Self::Index(index) => writer.integer(tag, *index),
        }
    }
}

/// One line a type: the value it is read from, what it becomes, and how it is written.
macro_rules! plain {
    ($($type:ty, $variant:ident($bound:ident) => $read:expr, $writer:ident($self:ident) => $write:expr, $sample:expr;)*) => {
        $(
            impl Wire for $type {
                fn read(value: &mut Value, _: Version) -> Result<Self, DecodeError> {
                    match value {
                        Value::$variant($bound) => Ok($read),
                        other => Err(wrong_type(stringify!($variant), other)),
                    }
                }

                fn write(&self, writer: &mut Writer, tag: Tag) {
                    let $self = self;
                    writer.$writer(tag, $write);
                }
            }

            #[cfg(test)]
            impl crate::schema::Sample for $type {
                fn sample() -> Self {
                    $sample
                }
            }
        )*
    };
}

plain! {
    i32, Integer(number) => *number, integer(this) => *this, 7;
    i64, LongInteger(number) => *number, long_integer(this) => *this, 7;
    bool, Boolean(truth) => *truth, boolean(this) => *this, true;
    String, TextString(text) => std::mem::take(text), text_string(this) => this, "text".to_owned();
    SecretText, TextString(text) => std::mem::take(text).into(), text_string(this) => this.expose(),
        "secret".to_owned().into();
    Vec<u8>, ByteString(bytes) => std::mem::take(bytes), byte_string(this) => this, vec![1, 2, 3];
    SecretBytes, ByteString(bytes) => std::mem::take(bytes).into(), byte_string(this) => this.expose(),
        vec![4, 5, 6].into();
    BigInteger, BigInteger(number) => Self(std::mem::take(number).into()),
        big_integer(this) => this.0.expose(), Self(vec![1, 2, 3, 4, 5, 6, 7, 8].into());
    DateTime, DateTime(seconds) => Self(*seconds), date_time(this) => this.0, Self(1_700_000_000);
    DateTimeExtended, DateTimeExtended(micros) => Self(*micros), date_time_extended(this) => this.0,
        Self(1_700_000_000_000_000);
    Interval, Interval(seconds) => Self(*seconds), interval(this) => this.0, Self(3600);
}

#[cfg(test)]
impl crate::schema::Sample for UniqueIdentifier {
    fn sample() -> Self {
        "0815".into()
    }
}

#[cfg(test)]
impl crate::schema::Sample for Data {
    fn sample() -> Self {
        vec![4, 5, 6].into()
    }
}

/// A value of any type, as it stands.
impl Wire for Value {
    fn read(value: &mut Value, _: Version) -> Result<Self, DecodeError> {
        Ok(std::mem::replace(value, Value::Boolean(false)))
    }

    fn write(&self, writer: &mut Writer, tag: Tag) {
        writer.value(tag, self);
    }
}

impl Wire for ProtocolVersion {
    fn read(value: &mut Value, version: Version) -> Result<Self, DecodeError> {
        let mut fields = Fields::of(value, version)?;
        Ok(Self {
            major: Field::take(&mut fields, Tag::PROTOCOL_VERSION_MAJOR)?,
            minor: Field::take(&mut fields, Tag::PROTOCOL_VERSION_MINOR)?,
        })
    }

    fn write(&self, writer: &mut Writer, tag: Tag) {
        writer.structure(tag, |writer| {
            writer.integer(Tag::PROTOCOL_VERSION_MAJOR, self.major);
            writer.integer(Tag::PROTOCOL_VERSION_MINOR, self.minor);
        });
    }
}

#[cfg(test)]
impl crate::schema::Sample for ProtocolVersion {
    fn sample() -> Self {
        Version::V1_0.into()
    }
}

/// Declares a bit mask that travels as an Integer.
macro_rules! mask {
    ($(#[$meta:meta])* $name:ident { $($bit:ident = $code:literal, $text:literal;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name(pub u32);

        impl $name {
            $(
                #[doc = concat!($text, ".")]
                pub const $bit: Self = Self($code);
            )*

            /// Whether every bit of `other` is set.
            pub fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Every named bit, as its code, with its name.
            pub const NAMES: &'static [(u32, &'static str)] = &[$(($code, $text),)*];

            /// Every named bit with its name.
            pub const NAMED: &'static [(Self, &'static str)] = &[$((Self::$bit, $text),)*];
        }

        impl std::ops::BitOr for $name {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }

        impl Wire for $name {
            fn read(value: &mut Value, version: Version) -> Result<Self, DecodeError> {
                i32::read(value, version).map(|bits| Self(bits as u32))
            }

            fn write(&self, writer: &mut Writer, tag: Tag) {
                writer.integer(tag, self.0 as i32);
            }
        }

        #[cfg(test)]
        impl crate::schema::Sample for $name {
            fn sample() -> Self {
                Self(0b101)
            }
        }
    };
}

mask! {
    /// What a key may be used for.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 12.1.
    CryptographicUsageMask {
        SIGN = 0x1, "Sign";
        VERIFY = 0x2, "Verify";
        ENCRYPT = 0x4, "Encrypt";
        DECRYPT = 0x8, "Decrypt";
        WRAP_KEY = 0x10, "Wrap Key";
        UNWRAP_KEY = 0x20, "Unwrap Key";
        EXPORT = 0x40, "Export";
        MAC_GENERATE = 0x80, "MAC Generate";
        MAC_VERIFY = 0x100, "MAC Verify";
        DERIVE_KEY = 0x200, "Derive Key";
        CONTENT_COMMITMENT = 0x400, "Content Commitment (Non Repudiation)";
        KEY_AGREEMENT = 0x800, "Key Agreement";
        CERTIFICATE_SIGN = 0x1000, "Certificate Sign";
        CRL_SIGN = 0x2000, "CRL Sign";
        GENERATE_CRYPTOGRAM = 0x4000, "Generate Cryptogram";
        VALIDATE_CRYPTOGRAM = 0x8000, "Validate Cryptogram";
        TRANSLATE_ENCRYPT = 0x10000, "Translate Encrypt";
        TRANSLATE_DECRYPT = 0x20000, "Translate Decrypt";
        TRANSLATE_WRAP = 0x40000, "Translate Wrap";
        TRANSLATE_UNWRAP = 0x80000, "Translate Unwrap";
        AUTHENTICATE = 0x100000, "Authenticate";
        UNRESTRICTED = 0x200000, "Unrestricted";
        FPE_ENCRYPT = 0x400000, "FPE Encrypt";
        FPE_DECRYPT = 0x800000, "FPE Decrypt";
    }
}

mask! {
    /// Where Locate looks.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 12.3.
    StorageStatusMask {
        ONLINE_STORAGE = 0x1, "On-line storage";
        ARCHIVAL_STORAGE = 0x2, "Archival storage";
        DESTROYED_STORAGE = 0x4, "Destroyed storage";
    }
}

mask! {
    /// How an object is stored.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 12.2.
    ProtectionStorageMask {
        SOFTWARE = 0x1, "Software";
        HARDWARE = 0x2, "Hardware";
        ON_PROCESSOR = 0x4, "On Processor";
        ON_SYSTEM = 0x8, "On System";
        OFF_SYSTEM = 0x10, "Off System";
        HYPERVISOR = 0x20, "Hypervisor";
        OPERATING_SYSTEM = 0x40, "Operating System";
        CONTAINER = 0x80, "Container";
        ON_PREMISES = 0x100, "On Premises";
        OFF_PREMISES = 0x200, "Off Premises";
        SELF_MANAGED = 0x400, "Self Managed";
        OUTSOURCED = 0x800, "Outsourced";
        VALIDATED = 0x1000, "Validated";
        SAME_JURISDICTION = 0x2000, "Same Jurisdiction";
    }
}
