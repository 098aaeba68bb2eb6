//! Reading requests: who asks, path, query, and bodies as JSON or as raw bytes. Not here: what any request means, and the
//! limits of bodies (body).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use keyreeve_core::access::Caller;
use keyreeve_core::request::Reference;
use parking_lot::Mutex;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapDeserializer;
use serde::de::{self, DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::answer::OCTET_STREAM;
use super::body::read;
use super::bounded::TOO_MANY;
use super::errors::{Code, Problem, Result};
use super::{Api, Asker, Unproven};
use crate::in_flight::Reserved;
use crate::listen::Peer;
use crate::reason::{is_name, reason, told};

/// Fields that a JSON object has at most, where they are looked at one by one.
const FIELDS_MAX: usize = 64;

/// Pairs that an encryption context has at most.
const CONTEXT_MAX: usize = 256;

/// Items in a page, where nobody says how many.
const PAGE_ITEMS_DEFAULT: usize = 100;
/// Items in a page, at most.
const PAGE_ITEMS_MAX: usize = 1000;

/// How many items a page has.
///
/// # Errors
/// `Invalid` for none, and for more than 1,000.
pub(super) fn page_limit(asked: Option<usize>) -> Result<usize> {
    match asked.unwrap_or(PAGE_ITEMS_DEFAULT) {
        limit @ 1..=PAGE_ITEMS_MAX => Ok(limit),
        other => Err(Problem::invalid(format!("limit is 1 to {PAGE_ITEMS_MAX}, not {other}"))),
    }
}

/// The caller, authenticated. Stands first among a handler's arguments, so that strangers' bodies are not even read.
pub(super) struct Authenticated(pub(super) Caller);

impl FromRequestParts<Arc<Api>> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self> {
        authenticate("rest", parts, api).await.map(Self)
    }
}

/// The other end of the connection, for who has yet to say who it is.
pub(super) struct Stranger(pub(super) Peer);

impl FromRequestParts<Arc<Api>> for Stranger {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Self> {
        let peer = parts.extensions.get::<Peer>().cloned();
        Ok(Self(peer.ok_or_else(|| keyreeve_core::Error::internal("a request without a peer"))?))
    }
}

/// Who asks, over this protocol.
///
/// # Errors
/// `Unauthenticated`; `Invalid` where the header cannot be read.
pub(super) async fn authenticate(protocol: &'static str, parts: &Parts, api: &Api) -> Result<Caller> {
    let peer = parts.extensions.get::<Peer>().cloned();
    let peer = peer.ok_or_else(|| keyreeve_core::Error::internal("a request without a peer"))?;
    let token = bearer(&parts.headers)?;
    let caller = api.authenticator.authenticate(protocol, &peer, token).await.map_err(Problem::told)?;
    if let Some(Unproven(count)) = parts.extensions.get() {
        count.store(0, Ordering::Relaxed);
    }
    if let Some(Asker(asker)) = parts.extensions.get() {
        // The first to be asked for it is the route's own.
        let _ = asker.set((api.engine.clone(), caller.clone()));
    }
    if let Some(reserved) = parts.extensions.get::<Arc<Mutex<Reserved>>>() {
        reserved.lock().belongs_to(caller.id());
    }
    Ok(caller)
}

/// The token of the Authorization header; another scheme counts as a token that is wrong.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::invalid("more than one Authorization header; send one"));
    }
    let value = value.to_str().map_err(|_| Problem::invalid("the Authorization header is not ASCII"))?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    Ok(Some(if scheme.eq_ignore_ascii_case("bearer") { token.trim() } else { "" }))
}

/// Segments of the path, percent-decoded: a name may hold any character.
pub(super) struct Segments<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<Api>> for Segments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self> {
        match Path::from_request_parts(parts, api).await {
            Ok(Path(segments)) => Ok(Self(segments)),
            Err(error) => Err(Problem::invalid(error.body_text())),
        }
    }
}

/// The key that the path names, by name or id.
pub(super) struct NamedKey(pub(super) Reference);

impl FromRequestParts<Arc<Api>> for NamedKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self> {
        let Segments(name) = Segments::<String>::from_request_parts(parts, api).await?;
        Ok(Self(Reference::text(name)))
    }
}

/// Arguments of the query.
pub(super) struct Arguments<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Api>> for Arguments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Self> {
        arguments(&parts.uri).map(Self)
    }
}

/// What the query says.
///
/// # Errors
/// `Invalid`, with the argument's name where it has one that can be told, and never with its value.
pub(super) fn arguments<T: DeserializeOwned>(uri: &Uri) -> Result<T> {
    let Query(arguments) = Query::try_from_uri(uri).map_err(|error| {
        let text = error.body_text();
        let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
        // INVARIANT: the name of an unknown argument goes before, too; any other is one of ours.
        let text = text.find("unknown field `").map_or(text, |at| &text[at..]);
        let (place, message) = match text.split_once(": ") {
            Some((place, message)) if is_name(place) => (format!("{place}: "), message),
            _ => (String::new(), text),
        };
        Problem::invalid(format!("the query is not what is wanted here: {place}{}", reason(message, is_name)))
    })?;
    Ok(arguments)
}

/// Refuses a query: whoever sends one means something by it, and here it would count for nothing.
///
/// # Errors
/// `Invalid`.
pub(super) fn refuse_query(uri: &Uri) -> Result<()> {
    if uri.query().is_none_or(str::is_empty) {
        return Ok(());
    }
    let detail =
        "this request takes no arguments in its query: fields stand in the JSON body, where it has one";
    Err(Problem::invalid(detail))
}

/// A JSON body; no body at all counts as an empty object.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Api>> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self> {
        let text = json_text(request, api).await?;
        // Fields by their order alone are nobody's intention.
        if text.trim_ascii_start().first() == Some(&b'[') {
            return Err(Problem::invalid(
                "the body is a list: it must be an object, whose fields have names",
            ));
        }
        serde_json::from_slice(&text).map(Self).map_err(|error| malformed(&error))
    }
}

/// A JSON body that says what shall be otherwise: what is not named stays, and null is the value of no field. Whoever sends
/// one wants the field cleared, and none can be.
pub(super) struct Patch<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Api>> for Patch<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self> {
        let text = json_text(request, api).await?;
        let fields: Fields<'_> = serde_json::from_slice(&text).map_err(|error| malformed(&error))?;
        if let Some((name, _)) = fields.0.iter().find(|(_, value)| value.get() == "null") {
            let detail =
                format!("the field {} is null, and cannot be cleared: leave it out and it stays", told(name));
            return Err(Problem::invalid(detail));
        }
        from_json_fields(fields).map(Self)
    }
}

async fn json_text(request: Request, api: &Api) -> Result<Zeroizing<Vec<u8>>> {
    let json = is_json(request.headers());
    let body = read(request, &api.reloader.limits(), 0).await?;
    if !json && !body.is_empty() {
        return Err(Problem::new(Code::UnsupportedMediaType, "send application/json"));
    }
    Ok(if body.is_empty() { Zeroizing::new(b"{}".to_vec()) } else { body })
}

/// What stands beside the data of a request.
pub(super) trait BesideData: DeserializeOwned + Send {
    /// The JSON field that holds the data.
    const DATA: &'static str;

    /// Bytes that a body may have beyond the limit: what was encrypted within it must come back.
    const BYTES_BEYOND_LIMIT: usize = 0;
}

/// Data with what stands beside it: a JSON object with the data in base64, or the data as the raw body with everything
/// else in the query. May hold secrets.
pub(super) struct Data<P> {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) beside: P,
    /// The body was raw, and so is the answer's.
    pub(super) raw: bool,
}

impl<P: BesideData> FromRequest<Arc<Api>> for Data<P> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self> {
        let limits = api.reloader.limits();
        if is_octet_stream(request.headers()) {
            let beside = arguments(request.uri())?;
            return Ok(Self {
                bytes: read(request, &limits, P::BYTES_BEYOND_LIMIT).await?,
                beside,
                raw: true,
            });
        }
        if !is_of_type(request.headers(), "application/json") {
            let detail = "send application/json, or the bare bytes as application/octet-stream";
            return Err(Problem::new(Code::UnsupportedMediaType, detail));
        }
        refuse_query(request.uri())?;
        from_json(&read(request, &limits, P::BYTES_BEYOND_LIMIT).await?)
    }
}

/// Whether the body is bare bytes.
pub(super) fn is_octet_stream(headers: &HeaderMap) -> bool {
    is_of_type(headers, OCTET_STREAM)
}

fn is_of_type(headers: &HeaderMap, wanted: &str) -> bool {
    media_type(headers).is_some_and(|kind| kind.eq_ignore_ascii_case(wanted))
}

/// The media type of the body, without its parameters.
pub(super) fn media_type(headers: &HeaderMap) -> Option<&str> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(kind.split(';').next().unwrap_or(kind).trim())
}

/// Whether the body is JSON, or nobody says what it is.
fn is_json(headers: &HeaderMap) -> bool {
    !headers.contains_key(header::CONTENT_TYPE) || is_of_type(headers, "application/json")
}

fn from_json<P: BesideData>(body: &[u8]) -> Result<Data<P>> {
    from_fields(serde_json::from_slice(body).map_err(|error| malformed(&error))?)
}

/// Data and what stands beside it, from the fields of a JSON object.
pub(super) fn from_fields<P: BesideData>(Fields(mut fields): Fields<'_>) -> Result<Data<P>> {
    let text = fields.remove(P::DATA).map(|text| serde_json::from_str::<Zeroizing<String>>(text.get()));
    let Some(Ok(text)) = text else {
        return Err(Problem::invalid(format!("the body needs the field {:?}: a string in base64", P::DATA)));
    };
    let bytes = decode(&text).map_err(|error| Problem::invalid(format!("{}: {error}", P::DATA)))?;
    let beside = from_json_fields(Fields(fields))?;
    Ok(Data { bytes, beside, raw: false })
}

/// Whatever these fields of a JSON object make.
pub(super) fn from_json_fields<T: DeserializeOwned>(Fields(fields): Fields<'_>) -> Result<T> {
    T::deserialize(MapDeserializer::new(fields.into_iter()))
        .map_err(|error: serde_json::Error| malformed(&error))
}

impl Fields<'_> {
    /// Takes a field out that holds a string.
    pub(super) fn text(&mut self, name: &str) -> Result<String> {
        let text = self.0.remove(name).map(|text| serde_json::from_str(text.get()));
        match text {
            Some(Ok(text)) => Ok(text),
            _ => Err(Problem::invalid(format!("the request needs the field {name:?}: a string"))),
        }
    }
}

/// The fields of a JSON object.
pub(super) struct Fields<'a>(BTreeMap<String, &'a RawValue>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                once_each(map, FIELDS_MAX).map(Fields)
            }
        }
        deserializer.deserialize_map(Each)
    }
}

/// The entries of an object, each there once: of two with one name it would be for us to guess which is meant.
pub(super) fn once_each<'de, V: Deserialize<'de>, A: de::MapAccess<'de>>(
    mut map: A,
    entries_max: usize,
) -> Result<BTreeMap<String, V>, A::Error> {
    let mut fields = BTreeMap::new();
    while let Some((name, value)) = map.next_entry::<String, V>()? {
        match fields.entry(name) {
            Entry::Vacant(vacant) => vacant.insert(value),
            Entry::Occupied(taken) => {
                return Err(de::Error::custom(format_args!("duplicate field {}", told(taken.key()))));
            }
        };
        if fields.len() > entries_max {
            return Err(de::Error::custom(format_args!("{TOO_MANY}: at most {entries_max}")));
        }
    }
    Ok(fields)
}

/// A JSON text that cannot be read, without a word of it.
pub(super) fn malformed(error: &serde_json::Error) -> Problem {
    let reason = reason(&error.to_string(), is_name);
    let code = if reason.starts_with(TOO_MANY) { Code::TooLarge } else { Code::Invalid };
    Problem::new(code, format!("the body is not what is wanted here: {reason}"))
}

/// Bytes as base64 in JSON and queries; taken in the standard and the URL-safe alphabet, given in the standard one. May
/// hold secrets.
#[derive(Default)]
pub(super) struct Base64(pub(super) Zeroizing<Vec<u8>>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&*self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        decode(&text).map(Self).map_err(de::Error::custom)
    }
}

impl JsonSchema for Base64 {
    fn schema_name() -> Cow<'static, str> {
        "Base64".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "byte", "contentEncoding": "base64" })
    }
}

/// Base64 in either alphabet.
pub(super) fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, NotBase64> {
    // Decoded in place: a Vec that grows, or that is given up at an error, would leave secrets behind.
    let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
    let length = STANDARD
        .decode_slice(text, &mut bytes)
        .or_else(|_| URL_SAFE_NO_PAD.decode_slice(text, &mut bytes))
        .map_err(|_| NotBase64)?;
    bytes.truncate(length);
    Ok(bytes)
}

/// A text that was to be base64. What is wrong with it is not told: it may be a secret.
#[derive(Debug, thiserror::Error)]
#[error("it is no base64: take the standard alphabet with padding, or the URL-safe one without")]
pub(super) struct NotBase64;

/// An encryption context: an object of strings, or in a query its JSON text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct EncryptionContext(pub(super) BTreeMap<String, String>);

impl<'de> Deserialize<'de> for EncryptionContext {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContextVisitor)
    }
}

struct ContextVisitor;

impl<'de> Visitor<'de> for ContextVisitor {
    type Value = EncryptionContext;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        let mut json = serde_json::Deserializer::from_str(text);
        let context = json.deserialize_map(self).and_then(|context| json.end().map(|()| context));
        context.map_err(de::Error::custom)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        once_each(map, CONTEXT_MAX).map(EncryptionContext)
    }
}

impl JsonSchema for EncryptionContext {
    fn schema_name() -> Cow<'static, str> {
        "EncryptionContext".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": { "type": "string" } })
    }
}
