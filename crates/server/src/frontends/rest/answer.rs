//! Answers: forms of fields that several share. Not here: which fields an answer has.

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyreeve_core::model::{ObjectId, Time};
use serde_json::{Value, json};
use time::OffsetDateTime;

/// The media type of bare bytes.
pub(super) const OCTET_STREAM: &str = "application/octet-stream";

/// A time in RFC 3339, UTC, always with milliseconds, so that texts sort as times do; one that no calendar holds as its
/// milliseconds since 1970.
pub(super) fn time(time: Time) -> String {
    let Ok(date) = OffsetDateTime::from_unix_timestamp_nanos(i128::from(time.0) * 1_000_000) else {
        return time.0.to_string();
    };
    let (hour, minute, second, millisecond) = date.to_hms_milli();
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
}

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

/// One page of a list: the items under their name, and where the next page starts.
pub(super) fn page(field: &str, items: Vec<Value>, next: Option<Value>) -> Json<Value> {
    Json(json!({ field: items, "next": next }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(time(Time(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(time(Time(1_700_000_000_123)), "2023-11-14T22:13:20.123Z");
        assert_eq!(time(Time(i64::MAX)), i64::MAX.to_string());
    }
}
