//! KMIP 1.0 to 2.1: bytes to types and back, both directions, requests and responses. No I/O, no policy, nothing
//! of the rest of Keyreeve: who may do what, and what an object is, is decided elsewhere.
//!
//! - [`ttlv`]: the generic tree of tagged values and its encodings: binary, XML and JSON.
//! - [`schema`]: protocol versions, and the one macro that declares a structure's fields with their version ranges.
//! - [`message`]: request and response messages, their headers and batch items.
//! - [`payloads`]: one file an operation.
//! - [`attributes`]: one attribute model with two encodings, 1.x and 2.x.
//! - [`objects`]: managed objects, key blocks and key wrapping.
//! - [`enums`], [`tags`]: names and numbers of the standard.
//!
//! ```
//! use keyreeve_kmip::message::{RequestItem, RequestMessage};
//! use keyreeve_kmip::payloads::{Request, get::GetRequest};
//! use keyreeve_kmip::{Encoding, Limits, Version};
//!
//! let get = GetRequest { unique_identifier: Some("4711".into()), ..GetRequest::default() };
//! let sent = RequestMessage::new(Version::V2_1, vec![RequestItem::new(Request::Get(get))]);
//! let bytes = sent.encode()?;
//! let received = RequestMessage::decode(bytes.expose(), &Limits::default())?;
//! assert!(matches!(received.items[0].payload, Ok(Request::Get(_))));
//!
//! let json = Encoding::Json.translate(bytes)?;
//! let received = RequestMessage::decode_from(Encoding::Json, json.expose(), &Limits::default())?;
//! assert!(matches!(received.items[0].payload, Ok(Request::Get(_))));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod attributes;
pub mod enums;
mod error;
pub mod message;
pub mod objects;
pub mod payloads;
pub mod schema;
mod secret;
pub mod tags;
pub mod ttlv;
pub mod values;

/// The README's examples, which are tested as these are.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use error::{DecodeError, EncodeError, Fault};
pub use schema::{ProtocolVersion, Version};
pub use secret::{SecretBytes, SecretText};
pub use tags::Tag;
pub use ttlv::Encoding;
pub use ttlv::binary::Limits;
