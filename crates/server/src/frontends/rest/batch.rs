//! Batches over REST: many uses of keys in one request, each decided, recorded and answered alone. Many run at the same
//! time, so that their entries are written and synced together. Not here: what a use is (data).

use std::sync::Arc;

use axum::body::Body as Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt as _;
use keyreeve_core::Error;
use keyreeve_core::access::Caller;
use keyreeve_core::request::Reference;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use tokio::task::JoinSet;

use super::Api;
use super::body::RawJson;
use super::bounded::List;
use super::data::{self, DataKeyRequest};
use super::errors::{Problem, Result};
use super::request::{Authenticated, Body, Fields, NamedKey, from_fields, from_json_fields, malformed};
use crate::reason::told;

/// Requests in one batch at most.
const REQUESTS_MAX: usize = 1000;

/// Of them so many run at once: enough to share a sync of the disk, and not so many that one batch takes all threads for
/// slow operations (RSA), or holds all its answers' working memory at a time.
const RUNNING_MAX: usize = 64;

/// Body of `run`. May hold secrets.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BatchRequest {
    /// Objects, each with `op`, `key` and the fields of that request; what is wrong with one is told in its answer.
    #[schemars(with = "List<Value, REQUESTS_MAX>")]
    requests: List<RawJson, REQUESTS_MAX>,
}

/// `POST /v1/batch`.
pub(super) async fn run(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Body(BatchRequest { requests: List(requests) }): Body<BatchRequest>,
) -> Result<Response> {
    let mut answers = vec![Vec::new(); requests.len()];
    let (mut waiting, mut running) = (requests.into_iter().enumerate(), JoinSet::new());
    loop {
        for (number, request) in waiting.by_ref().take(RUNNING_MAX - running.len()) {
            let (api, caller) = (Arc::clone(&api), caller.clone());
            running.spawn(async move {
                // The first counts as the whole did when it came.
                let counted = if number == 0 { Ok(()) } else { api.authenticator.count(&caller).await };
                let answer = match counted {
                    Ok(()) => one(api, caller, &request).await,
                    Err(error) => Err(Problem::told(error)),
                };
                (number, answered(answer).await)
            });
        }
        let Some(done) = running.join_next().await else { break };
        let (number, answer) = done.map_err(Error::internal)?;
        answers[number] = answer?;
    }
    let body = [&b"{\"answers\":["[..], &answers.join(&b','), b"]}"].concat();
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// Runs one request as if it had come alone.
async fn one(api: Arc<Api>, caller: Caller, request: &RawJson) -> Result<Response> {
    let mut fields: Fields<'_> = serde_json::from_str(request.text()).map_err(|error| malformed(&error))?;
    let (op, key) = (fields.text("op")?, NamedKey(Reference::text(fields.text("key")?)));
    let (api, caller) = (State(api), Authenticated(caller));
    match op.as_str() {
        "encrypt" => data::encrypt(api, caller, key, from_fields(fields)?).await,
        "decrypt" => data::decrypt(api, caller, key, from_fields(fields)?).await,
        "sign" => data::sign(api, caller, key, from_fields(fields)?).await,
        "verify" => {
            data::verify(api, caller, key, from_fields(fields)?).await.map(IntoResponse::into_response)
        }
        "mac" => data::mac(api, caller, key, from_fields(fields)?).await,
        "mac-verify" => {
            data::mac_verify(api, caller, key, from_fields(fields)?).await.map(IntoResponse::into_response)
        }
        "wrap" => data::wrap(api, caller, key, from_fields(fields)?).await,
        "unwrap" => data::unwrap(api, caller, key, from_fields(fields)?).await,
        "datakey" => {
            let request: DataKeyRequest = from_json_fields(fields)?;
            data::datakey(api, caller, key, Body(request)).await.map(IntoResponse::into_response)
        }
        _ => Err(Problem::invalid(format!(
            "there is no op {}; there are encrypt, decrypt, sign, verify, mac, mac-verify, wrap, unwrap, datakey",
            told(&op)
        ))),
    }
}

/// The answer as a member of the answers: `{"result":...}` or `{"problem":...}`.
async fn answered(answer: Result<Response>) -> Result<Vec<u8>> {
    let (name, response) = match answer {
        Ok(response) => ("result", response),
        Err(problem) => ("problem", problem.into_response()),
    };
    let body: Bytes = response.into_body();
    let body = body.collect().await.map_err(Error::internal)?.to_bytes();
    Ok([b"{\"", name.as_bytes(), b"\":", &body, b"}"].concat())
}
