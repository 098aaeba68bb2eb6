//! Answers: forms of fields that several share. Not here: which fields an answer has.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyreeve_core::model::ObjectId;
use serde_json::{Value, json};

/// The media type of bare bytes.
pub(super) const OCTET_STREAM: &str = "application/octet-stream";

/// What an operation gave: raw bytes with version and object in headers, or JSON with the bytes in base64.
pub(super) fn bytes(raw: bool, field: &str, bytes: &[u8], of: (ObjectId, u32)) -> Response {
    bytes_and(raw, (field, bytes), [], of)
}

/// The same with further bytes, which are in base64 in either form: of raw bytes, in headers of these names.
pub(super) fn bytes_and(
    raw: bool,
    (field, bytes): (&str, &[u8]),
    further: impl IntoIterator<Item = (&'static str, Vec<u8>)>,
    of: (ObjectId, u32),
) -> Response {
    let further = further.into_iter().map(|(name, bytes)| (name, STANDARD.encode(bytes)));
    if !raw {
        let (object, version) = of;
        let mut answer =
            json!({ "version": version, "object_id": object.to_string(), field: STANDARD.encode(bytes) });
        further.for_each(|(name, text)| answer[name] = text.into());
        return Json(answer).into_response();
    }
    let mut response = ([(header::CONTENT_TYPE, OCTET_STREAM)], bytes.to_vec()).into_response();
    name(&mut response, of);
    for (name, text) in further {
        if let (Ok(name), Ok(text)) =
            (HeaderName::try_from(format!("keyreeve-{name}")), HeaderValue::try_from(text))
        {
            response.headers_mut().insert(name, text);
        }
    }
    response
}

/// Names, in the head of an answer that is bare bytes, the object that they were made with and its version.
pub(super) fn name(response: &mut Response, (object, version): (ObjectId, u32)) {
    let headers = response.headers_mut();
    headers.insert("keyreeve-version", HeaderValue::from(version));
    if let Ok(object) = HeaderValue::try_from(object.to_string()) {
        headers.insert("keyreeve-object-id", object);
    }
}

/// One page of a list: the items under their name, and where the next page starts.
pub(super) fn page(field: &str, items: Vec<Value>, next: Option<Value>) -> Json<Value> {
    Json(json!({ field: items, "next": next }))
}
