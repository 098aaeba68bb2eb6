//! Answers: forms of fields that several share. Not here: which fields an answer has.

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use keyreeve_core::model::ObjectId;
use keyreeve_core::ports::store::IndexHit;
use serde_json::{Value, json};

/// The media type of bare bytes.
pub(super) const OCTET_STREAM: &str = "application/octet-stream";

/// What an operation gave: raw bytes with version and object in headers, or JSON with the bytes in base64.
pub(super) fn bytes(raw: bool, field: &str, bytes: &[u8], (object, version): (ObjectId, u32)) -> Response {
    if !raw {
        return Json(
            json!({ "version": version, "object_id": object.to_string(), field: STANDARD.encode(bytes) }),
        )
        .into_response();
    }
    let mut response = ([(header::CONTENT_TYPE, OCTET_STREAM)], bytes.to_vec()).into_response();
    let headers = response.headers_mut();
    headers.insert("keyreeve-version", HeaderValue::from(version));
    if let Ok(object) = HeaderValue::try_from(object.to_string()) {
        headers.insert("keyreeve-object-id", object);
    }
    response
}

/// Where a page of an index ended, as text that only this server reads.
pub(super) fn cursor(hit: &IndexHit) -> String {
    URL_SAFE_NO_PAD.encode([hit.id.as_bytes(), &hit.value[..]].concat())
}

/// One page of a list: the items under their name, and where the next page starts.
pub(super) fn page(field: &str, items: Vec<Value>, next: Option<Value>) -> Json<Value> {
    Json(json!({ field: items, "next": next }))
}
