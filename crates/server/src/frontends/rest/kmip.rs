//! KMIP over HTTPS: one message a request, in the encoding that its media type says, and so is the answer. Not here: what
//! a message does (frontends::kmip).
//!
//! # Standard
//! KMIP Profiles 2.1 sections 5.2 to 5.4 (HTTPS, JSON, XML).

use std::sync::Arc;

use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use keyreeve_core::access::Caller;
use keyreeve_kmip::Encoding;
use zeroize::Zeroizing;

use super::Api;
use super::body::read;
use super::errors::{Code, Problem, Result};
use super::request::{authenticate, media_type};

/// A message as it came, and who sent it. May hold secrets.
pub(super) struct Message {
    caller: Caller,
    encoding: Encoding,
    bytes: Zeroizing<Vec<u8>>,
}

impl FromRequest<Arc<Api>> for Message {
    type Rejection = Problem;

    /// Strangers' messages are not even read.
    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let caller = authenticate("kmip", &parts, api).await?;
        let encoding = media_type(&parts.headers).and_then(Encoding::from_media_type).ok_or_else(|| {
            let detail =
                "send a KMIP message as application/octet-stream (TTLV), text/xml or application/json";
            Problem::new(Code::UnsupportedMediaType, detail)
        })?;
        let bytes = read(Request::from_parts(parts, body), &api.reloader.limits(), 0).await?;
        Ok(Self { caller, encoding, bytes })
    }
}

/// `POST /kmip`.
pub(super) async fn exchange(State(api): State<Arc<Api>>, message: Message) -> Response {
    let Message { caller, encoding, bytes } = message;
    let answer = api.kmip.handle_as(&caller, encoding, &bytes).await;
    let kind = HeaderValue::from_static(encoding.media_type());
    ([(header::CONTENT_TYPE, kind)], answer.into_vec()).into_response()
}
