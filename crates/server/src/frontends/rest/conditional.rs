//! Conditional requests: keys are answered with an `ETag`, and changed only where `If-Match` holds. Not here: comparing
//! and changing in one step, which core does.
//!
//! # Standard
//! RFC 9110 sections 8.8.3 (ETag), 13.1.1 (If-Match), 13.1.2 (If-None-Match).

use std::sync::Arc;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use keyreeve_core::Error;
use keyreeve_core::access::Caller;
use keyreeve_core::model::ObjectId;
use keyreeve_core::operations::Operation;
use keyreeve_core::operations::create::Created;
use keyreeve_core::operations::matching::Matching;
use keyreeve_core::operations::show::Shown;
use keyreeve_core::operations::then_show::ThenShow;
use serde_json::Value;

use super::errors::{Problem, Result};
use super::request::Authenticated;
use super::{Api, keys};

/// An authenticated caller who changes a key, perhaps on a condition. Stands first among a handler's arguments.
pub(super) struct Change {
    pub(super) api: Arc<Api>,
    pub(super) caller: Caller,
    /// Fingerprints of `If-Match`; `*` is that of any key.
    known: Option<Vec<String>>,
}

impl FromRequestParts<Arc<Api>> for Change {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self> {
        let Authenticated(caller) = Authenticated::from_request_parts(parts, api).await?;
        let known = entity_tags(&parts.headers, header::IF_MATCH)?;
        Ok(Self { api: Arc::clone(api), caller, known })
    }
}

impl Change {
    /// Runs an operation that makes or changes a key, and answers the key as it is then.
    pub(super) async fn key<O: Operation + 'static>(self, operation: O) -> Result<KeyAnswer> {
        let (_, shown) = self.run(ThenShow(operation)).await?;
        KeyAnswer::new(&self.api, &shown)
    }

    /// Takes in a key or a version, and answers the key as it is then, with the object that had the same material before.
    pub(super) async fn imported<O>(self, operation: O) -> Result<KeyAnswer>
    where
        O: Operation<Reply = Created> + 'static,
    {
        let (created, shown) = self.run(ThenShow(operation)).await?;
        Ok(KeyAnswer::new(&self.api, &shown)?.created().duplicate_of(created.duplicate_of))
    }

    /// Runs an operation that changes a key.
    pub(super) async fn run<O: Operation + 'static>(&self, operation: O) -> Result<O::Reply> {
        let matching = Matching { operation, fingerprints: self.known.clone() };
        self.api.execute(&self.caller, matching).await
    }
}

/// A key as an answer.
pub(super) struct KeyAnswer {
    status: StatusCode,
    fingerprint: String,
    body: Value,
}

impl KeyAnswer {
    pub(super) fn new(api: &Api, shown: &Shown) -> Result<Self> {
        let fingerprint = shown.fingerprint(&**api.engine.crypto())?;
        Ok(Self { status: StatusCode::OK, fingerprint, body: keys::key(shown) })
    }

    /// The same, of a key or version that is new.
    pub(super) fn created(self) -> Self {
        Self { status: StatusCode::CREATED, ..self }
    }

    /// The same, with the object that had the same material before, where there is one.
    pub(super) fn duplicate_of(mut self, object: Option<ObjectId>) -> Self {
        if let Some(object) = object {
            self.body["duplicate_of"] = object.to_string().into();
        }
        self
    }

    /// Without the key, where the caller has it as it is.
    pub(super) fn unless_known(self, headers: &HeaderMap) -> Result<Response> {
        let known = entity_tags(headers, header::IF_NONE_MATCH)?.unwrap_or_default();
        // Weak comparison: `W/` makes no difference here.
        let same = |tag: &String| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.fingerprint;
        if !known.iter().any(same) {
            return Ok(self.into_response());
        }
        Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, entity_tag(&self.fingerprint)?)]).into_response())
    }
}

impl IntoResponse for KeyAnswer {
    fn into_response(self) -> Response {
        match entity_tag(&self.fingerprint) {
            Ok(tag) => (self.status, [(header::ETAG, tag)], Json(self.body)).into_response(),
            Err(problem) => problem.into_response(),
        }
    }
}

fn entity_tag(fingerprint: &str) -> Result<HeaderValue> {
    Ok(HeaderValue::try_from(format!("\"{fingerprint}\"")).map_err(Error::internal)?)
}

/// The tags that a header names, without quotes; a weak one keeps its `W/`. `None`: there is no such header.
fn entity_tags(headers: &HeaderMap, name: HeaderName) -> Result<Option<Vec<String>>> {
    let mut tags = Vec::new();
    for value in headers.get_all(&name) {
        let value = value.to_str().map_err(|_| Problem::invalid(format!("{name} is not ASCII")))?;
        let named = value.split(',').map(str::trim).filter(|tag| !tag.is_empty());
        tags.extend(named.map(|tag| tag.replace('"', "")));
    }
    if tags.is_empty() && headers.contains_key(&name) {
        return Err(Problem::invalid(format!("{name} names no entity tag: leave it out, or name one, or *")));
    }
    Ok(Some(tags).filter(|tags| !tags.is_empty()))
}
