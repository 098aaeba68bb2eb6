//! The enumerations of the standard: open, so that a code without a name survives decoding and encoding. What the
//! codes mean is not known here, only since which version they exist.

mod cryptography;
mod message;
pub(crate) mod names;
mod objects;
mod pkcs11;
mod profile;
mod reasons;
mod server;

pub use cryptography::*;
pub use message::*;
pub use objects::*;
pub use pkcs11::*;
pub use profile::*;
pub use server::*;

/// Declares an enumeration: a line a value with its code, the standard's name and the version that brought it.
macro_rules! enumeration {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $code:literal, $text:literal, $since:ident;)* }) => {
        $(#[$meta])*
        #[allow(clippy::enum_variant_names)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $(
                #[doc = concat!($text, ".")]
                $variant,
            )*
            /// A code without a name here.
            // INVARIANT: never holds a code that has a name; `From<u32>` makes every value.
            Unnamed(u32),
        }

        impl $name {
            /// Every named value, in the order of the codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Every code with its name.
            pub const NAMES: &'static [(u32, &'static str)] = &[$(($code, $text),)*];

            /// The standard's name, with its spaces; `None` for a code without one.
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => Some($text),)*
                    Self::Unnamed(_) => None,
                }
            }

            /// The version that brought the value; the oldest for a code without a name.
            pub fn since(self) -> $crate::schema::Version {
                match self {
                    $(Self::$variant => $crate::schema::Version::$since,)*
                    Self::Unnamed(_) => $crate::schema::Version::V1_0,
                }
            }
        }

        impl From<u32> for $name {
            fn from(code: u32) -> Self {
                match code {
                    $($code => Self::$variant,)*
                    other => Self::Unnamed(other),
                }
            }
        }

        impl From<$name> for u32 {
            fn from(value: $name) -> u32 {
                match value {
                    $($name::$variant => $code,)*
                    $name::Unnamed(code) => code,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "0x{:08X}", u32::from(*self)),
                }
            }
        }

        $crate::enums::on_the_wire!($name);
    };
}

/// An enumeration stands on the wire as its code, except Asynchronous Indicator, which was a Boolean before 2.0.
macro_rules! on_the_wire {
    (AsynchronousIndicator) => {};
    ($name:ident) => {
        impl $crate::schema::Wire for $name {
            fn read(
                value: &mut $crate::ttlv::Value,
                _: $crate::schema::Version,
            ) -> Result<Self, $crate::error::DecodeError> {
                match value {
                    $crate::ttlv::Value::Enumeration(code) => Ok((*code).into()),
                    // XML and JSON have names for codes.
                    $crate::ttlv::Value::TextString(_) => {
                        Err($crate::error::Fault::Value($crate::ttlv::NO_SUCH_NAME).into())
                    }
                    other => Err($crate::schema::wrong_type("Enumeration", other)),
                }
            }

            fn write(&self, writer: &mut $crate::ttlv::binary::Writer, tag: $crate::tags::Tag) {
                writer.enumeration(tag, (*self).into());
            }
        }

        #[cfg(test)]
        impl $crate::schema::Sample for $name {
            fn sample() -> Self {
                1.into()
            }
        }
    };
}
use {enumeration, on_the_wire};
