//! Bodies of requests, read within limits. Any of them may hold secrets, so all that is kept of one is zeroized when it is
//! dropped. Not here: what a body says (request).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use parking_lot::Mutex;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::errors::{Code, Problem, Result};
use crate::config::LimitsConfig;
use crate::frontends::secret_buffer::append;
use crate::in_flight::Reserved;

/// A part of a JSON body, as text that is still to be read. May hold secrets.
pub(super) struct RawJson(Zeroizing<String>);

impl RawJson {
    /// The text.
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self(Zeroizing::new(Box::<str>::from(raw).into_string())))
    }
}

/// Reads all of a body, which may have so many bytes beyond the limit.
///
/// # Errors
/// `TooLarge`, `RequestTimeout`; `Invalid` where it broke off.
pub(super) async fn read(
    request: Request,
    limits: &LimitsConfig,
    bytes_beyond_limit: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    let seconds_max = limits.message_seconds_max;
    let bytes_max = limits.message_bytes_max.saturating_add(bytes_beyond_limit);
    let reserved = request.extensions().get::<Arc<Mutex<Reserved>>>().cloned();
    let reserve = |bytes| reserved.as_ref().is_none_or(|reserved| reserved.lock().grow_to(bytes));
    let body = collect(request.into_body(), bytes_max, reserve);
    match tokio::time::timeout(Duration::from_secs(seconds_max), body).await {
        Ok(body) => body,
        Err(_) => {
            let detail =
                format!("the body took longer than {seconds_max} seconds (limits.message_seconds_max)");
            Err(Problem::new(Code::RequestTimeout, detail))
        }
    }
}

/// Of a body that is too large as much again is read and dropped, since most clients look for an answer only once
/// they have sent all.
async fn collect(
    mut body: axum::body::Body,
    bytes_max: usize,
    reserve: impl Fn(usize) -> bool,
) -> Result<Zeroizing<Vec<u8>>> {
    let (mut bytes, mut bytes_seen) = (Zeroizing::new(Vec::new()), 0);
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    while announced <= 2 * bytes_max && bytes_seen <= 2 * bytes_max {
        let Some(frame) = body.frame().await else { break };
        let frame = frame.map_err(|error| Problem::invalid(format!("the body broke off: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        bytes_seen += data.len();
        if bytes_seen <= bytes_max {
            if !reserve(bytes_seen) {
                let detail = "too many bytes of requests are under way (limits.in_flight_bytes_max, a quarter for one client): try again";
                return Err(Problem::new(Code::Unavailable, detail));
            }
            append(&mut bytes, &data);
        }
    }
    if announced.max(bytes_seen) > bytes_max {
        let detail = format!("the body is larger than {bytes_max} bytes, this server's limit");
        return Err(Problem::new(Code::TooLarge, detail));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_body_is_the_text_that_was_sent() {
        let parts: Vec<RawJson> = serde_json::from_str(r#"[{"a": [1, "x"]}, "\u0041"]"#).unwrap();
        assert_eq!(
            parts.iter().map(RawJson::text).collect::<Vec<_>>(),
            [r#"{"a": [1, "x"]}"#, r#""\u0041""#]
        );
    }
}
