//! Messages of any size over REST: hashed, signed, verified or authenticated while they come, in constant memory, and
//! answered at their end. Where a body breaks off, nothing was made. Not here: messages that come in one piece (data).

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use keyreeve_core::Error;
use keyreeve_core::access::Caller;
use keyreeve_core::operations::Operation;
use keyreeve_core::operations::hash::Hash as HashData;
use keyreeve_core::operations::mac::{Mac, MacVerify};
use keyreeve_core::operations::parts::PartOf;
use keyreeve_core::operations::sign::{Input as ToSign, Sign};
use keyreeve_core::operations::stream::{BeginStream, Message, Stream, Streamed as Through};
use keyreeve_core::operations::verify::Verify;
use keyreeve_core::request::Reference;
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::Api;
use super::answer::{self, OCTET_STREAM};
use super::data::{BesideAuthenticated, BesideHashed, BesideMessage, verdict};
use super::errors::Result;
use super::request::{Authenticated, NamedKey};
use super::stream::{Input, Streamed};

/// How often it is looked whether a message that is on its way could still begin.
const CHECK_SECONDS: u64 = 2;

/// `POST /v1/keys/{name}/sign-stream`.
pub(super) async fn sign(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
    Streamed { mut input, beside }: Streamed<BesideMessage>,
) -> Result<Response> {
    beside.refuse_digest()?;
    let parameters = beside.of_making()?;
    let begin =
        BeginStream { key, version: beside.version, parameters: parameters.clone(), of: PartOf::Sign };
    let (key, stream) = through(&api, &caller, begin, &mut input).await?;
    let sign = Sign { key, version: None, parameters, input: ToSign::Stream(stream) };
    let done = api.execute(&caller, sign).await?;
    Ok(answer::bytes(true, "signature", &done.signature, (done.object, done.version)))
}

/// `POST /v1/keys/{name}/verify-stream`: without a version, any version may have signed.
pub(super) async fn verify(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
    Streamed { mut input, beside }: Streamed<BesideMessage>,
) -> Result<Json<Value>> {
    beside.refuse_digest()?;
    let (version, parameters, signature) =
        (beside.version, beside.parameters(), beside.required_signature()?);
    let begin = BeginStream { key: key.clone(), version, parameters: parameters.clone(), of: PartOf::Verify };
    let (_, stream) = through(&api, &caller, begin, &mut input).await?;
    let verify = Verify { key, version, parameters, input: ToSign::Stream(stream), signature };
    Ok(verdict(&api.execute(&caller, verify).await?))
}

/// `POST /v1/keys/{name}/mac-stream`.
pub(super) async fn mac(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
    Streamed { mut input, beside }: Streamed<BesideAuthenticated>,
) -> Result<Response> {
    let parameters = beside.of_making()?;
    let begin = BeginStream { key, version: beside.version, parameters: parameters.clone(), of: PartOf::Mac };
    let (key, stream) = through(&api, &caller, begin, &mut input).await?;
    let mac = Mac { key, version: None, parameters, message: Message::Stream(stream) };
    let done = api.execute(&caller, mac).await?;
    Ok(answer::bytes(true, "mac", &done.mac, (done.object, done.version)))
}

/// `POST /v1/keys/{name}/mac-stream/verify`.
pub(super) async fn mac_verify(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
    Streamed { mut input, beside }: Streamed<BesideAuthenticated>,
) -> Result<Json<Value>> {
    let (mac, parameters) = (beside.required_mac()?, beside.parameters());
    let of = PartOf::MacVerify;
    let begin = BeginStream { key, version: beside.version, parameters: parameters.clone(), of };
    let (key, stream) = through(&api, &caller, begin, &mut input).await?;
    let verify = MacVerify { key, version: None, parameters, message: Message::Stream(stream), mac };
    Ok(verdict(&api.execute(&caller, verify).await?))
}

/// `POST /v1/hash-stream`: no key is needed.
pub(super) async fn hash(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Streamed { mut input, beside }: Streamed<BesideHashed>,
) -> Result<Response> {
    let hash = beside.hash.into();
    let stream = Stream::of_hash(&**api.engine.crypto(), hash)?;
    let again = HashData { hash, message: Message::Whole(Vec::new()) };
    let stream = fed(&api, &caller, stream, &again, &mut input).await?;
    let digest = api.execute(&caller, HashData { hash, message: Message::Stream(stream) }).await?;
    Ok(([(header::CONTENT_TYPE, OCTET_STREAM)], digest).into_response())
}

/// The message once all of it came, and the object that it began with: that, whatever has its name by then, also ends it.
async fn through(
    api: &Api,
    caller: &Caller,
    begin: BeginStream,
    input: &mut Input,
) -> Result<(Reference, Through)> {
    let again = BeginStream { parameters: begin.parameters.clone(), key: begin.key.clone(), ..begin };
    let stream = match api.execute(caller, begin).await {
        Ok(stream) => stream,
        Err(problem) => {
            input.discard().await;
            return Err(problem);
        }
    };
    let object = stream.object().ok_or_else(|| Error::internal("a stream began without an object"))?;
    let key = Reference::Object(object);
    let again = if again.of == PartOf::Verify {
        again
    } else {
        BeginStream { key: key.clone(), version: None, ..again }
    };
    Ok((key, fed(api, caller, stream, &again, input).await?))
}

/// All of the message. While it comes, it is looked again and again whether it could still begin: what is kept of a key
/// that was destroyed, or for a caller that was revoked, goes then, and not when the client is pleased to end.
async fn fed<O: Operation>(
    api: &Api,
    caller: &Caller,
    mut stream: Stream,
    again: &O,
    input: &mut Input,
) -> Result<Through> {
    let every = Duration::from_secs(CHECK_SECONDS);
    let mut check = interval_at(Instant::now() + every, every);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let next = {
            let mut frame = pin!(input.frame());
            loop {
                tokio::select! {
                    biased;
                    _ = check.tick() => {
                        if let Err(error) = api.engine.rehearse(caller).run(again) {
                            break Err(error);
                        }
                    }
                    frame = &mut frame => break Ok(frame?),
                }
            }
        };
        match next {
            Ok(Some(data)) => {
                input.has_begun();
                stream.update(&data)?;
            }
            Ok(None) => return Ok(stream.finish()?),
            Err(error) => {
                drop(stream);
                input.discard().await;
                return Err(error.into());
            }
        }
    }
}
