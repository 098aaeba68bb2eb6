//! Streams over REST: bodies of any size that are encrypted or decrypted a chunk at a time while they come, and are
//! answered as they go. A stream is one use of the key, which encrypts or decrypts the stream's data key. Not here: the
//! format (crypto's `stream`).

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request, State};
use axum::http::{Version, header};
use axum::response::Response;
use futures_util::stream::try_unfold;
use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use keyreeve_core::access::Caller;
use keyreeve_core::model::ObjectId;
use keyreeve_core::operations::decrypt::Decrypt;
use keyreeve_core::operations::encrypt::{Encrypt, Form};
use keyreeve_core::request::Reference;
use keyreeve_core::{Error, SecretBytes};
use keyreeve_crypto::stream::{
    CHUNK_BYTES, DATA_KEY_BYTES, FIXED_HEADER_BYTES, Header, Opening, Sealing, TAG_BYTES,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};
use tracing::info;
use zeroize::Zeroizing;

use super::Api;
use super::answer::{self, OCTET_STREAM};
use super::errors::{Code, Problem, Result};
use super::request::{Authenticated, EncryptionContext, NamedKey, arguments, is_octet_stream};
use crate::execute::REQUEST_LOG;
use crate::frontends::encryption_context::canonical;

/// Bytes of a body that are read and dropped where it is refused.
const DISCARDED_BYTES_MAX: usize = 16 << 20;

/// Query of both.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BesideStream {
    version: Option<u32>,
    #[serde(default)]
    context: EncryptionContext,
}

/// A body of bare bytes that is read as it comes, with everything else in the query.
pub(super) struct Streamed<P> {
    pub(super) input: Input,
    pub(super) beside: P,
}

impl<P: DeserializeOwned> FromRequest<Arc<Api>> for Streamed<P> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self> {
        if !is_octet_stream(request.headers()) {
            let detail = format!("send the bytes as {OCTET_STREAM}");
            return Err(Problem::new(Code::UnsupportedMediaType, detail));
        }
        if request.version() < Version::HTTP_11 {
            // Such an answer ends where the connection does, be it whole or not.
            return Err(Problem::invalid("an answer that tells whether it is whole needs HTTP/1.1"));
        }
        let beside = arguments(request.uri())?;
        let seconds_max = api.reloader.limits().message_seconds_max;
        let waits = request.headers().get(header::EXPECT).is_some_and(|expected| expected == "100-continue");
        Ok(Self { input: Input::new(request.into_body(), seconds_max, waits), beside })
    }
}

/// `POST /v1/keys/{name}/encrypt-stream`.
pub(super) async fn encrypt(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
    Streamed { mut input, beside }: Streamed<BesideStream>,
) -> Result<Response> {
    let begun = seal(&api, &caller, (key, beside), &mut input).await;
    answered(begun, input).await
}

/// `POST /v1/keys/{name}/decrypt-stream`.
pub(super) async fn decrypt(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
    Streamed { mut input, beside }: Streamed<BesideStream>,
) -> Result<Response> {
    let begun = open(&api, &caller, (key, beside), &mut input).await;
    answered(begun, input).await
}

/// The beginning of an answer, what follows it, and the object that was used, with its version.
type Begun = (Bytes, Flow, (ObjectId, u32));

async fn seal(
    api: &Api,
    caller: &Caller,
    (key, beside): (Reference, BesideStream),
    input: &mut Input,
) -> Result<Begun> {
    let BesideStream { version, context } = beside;
    let mut data_key = Zeroizing::new([0; DATA_KEY_BYTES]);
    api.engine.crypto().fill(&mut *data_key)?;
    let form = Form::Envelope { context: canonical(&context.0) };
    let plaintext = SecretBytes::copy_from(&*data_key);
    let done = api.execute(caller, Encrypt { key, version, form, plaintext }).await?;
    let header = Header { key_version: done.version, wrapped_key: done.ciphertext.data }.encode()?;
    let work = Work::Seal(Sealing::new(&header, &*data_key)?);
    // Read before the answer begins, so that a client that waits to be asked for its body is asked; and not before it is
    // known that the caller may.
    let next = input.chunk(CHUNK_BYTES).await?;
    input.has_begun();
    Ok((header.into(), Flow { work, next, is_over: false }, (done.object, done.version)))
}

async fn open(
    api: &Api,
    caller: &Caller,
    (key, beside): (Reference, BesideStream),
    input: &mut Input,
) -> Result<Begun> {
    let BesideStream { version, context } = beside;
    let header = input.header().await?;
    let Header { key_version, wrapped_key } = Header::decode(&header)?;
    let form = Form::Envelope { context: canonical(&context.0) };
    let version = version.or((key_version > 0).then_some(key_version));
    let decrypt = Decrypt { key, version, form, ciphertext: wrapped_key, tag: None };
    let done = api.execute(caller, decrypt).await?;
    let work =
        Work::Open(Opening::new(&header, done.plaintext.expose()).map_err(|_| Error::crypto_failed())?);
    let next = input.chunk(work.chunk_bytes()).await?;
    input.has_begun();
    let mut flow = Flow { work, next, is_over: false };
    // What is wrong with the first chunk can still be told.
    let first = flow.chunk(input).await?.unwrap_or_default();
    Ok((first, flow, (done.object, done.version)))
}

/// The answer that was begun, which goes on as the flow does. Where that breaks off, so does the connection, before the
/// end of the answer: nobody takes it for whole.
async fn answered(begun: Result<Begun>, mut input: Input) -> Result<Response> {
    let (first, flow, of) = match begun {
        Ok(begun) => begun,
        Err(problem) => {
            input.discard().await;
            return Err(problem);
        }
    };
    let chunks = try_unfold((Some(first), flow, input), |(first, mut flow, mut input)| async move {
        let chunk = match first {
            Some(first) => Some(first),
            None => flow.chunk(&mut input).await.inspect_err(|problem| {
                info!(target: REQUEST_LOG, %problem, "a stream broke off");
            })?,
        };
        Ok::<_, Problem>(chunk.map(|chunk| (chunk, (None, flow, input))))
    });
    let mut response = Response::new(Body::from_stream(chunks));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(OCTET_STREAM));
    answer::name(&mut response, of);
    Ok(response)
}

/// A body as it comes.
pub(super) struct Input {
    body: Body,
    /// Has come and was not taken yet.
    come: Bytes,
    /// Seconds without a byte, after which the stream is given up (`limits.message_seconds_max`).
    seconds_max: u64,
    /// By when its beginning has to be there: the header and the first chunk.
    begin_by: Option<Instant>,
    /// The client sends nothing before it is asked to (RFC 9110 section 10.1.1), and was not asked yet: reading asks.
    waits: bool,
}

impl Input {
    fn new(body: Body, seconds_max: u64, waits: bool) -> Self {
        let begin_by = Some(Instant::now() + Duration::from_secs(seconds_max));
        Self { body, come: Bytes::new(), seconds_max, begin_by, waits }
    }

    /// What follows may take any time, while bytes come.
    pub(super) fn has_begun(&mut self) {
        self.begin_by = None;
    }

    /// The next bytes of the body; none where it ends.
    pub(super) async fn frame(&mut self) -> Result<Option<Bytes>> {
        self.waits = false;
        let silent = Instant::now() + Duration::from_secs(self.seconds_max);
        let by = self.begin_by.unwrap_or(silent);
        let Some(frame) = timeout_at(by, self.body.frame()).await.map_err(|_| self.late())? else {
            return Ok(None);
        };
        let frame = frame.map_err(|error| Problem::invalid(format!("the body broke off: {error}")))?;
        Ok(Some(frame.into_data().unwrap_or_default()))
    }

    fn late(&self) -> Problem {
        let what = match self.begin_by {
            Some(_) => "the beginning of the body was not there within",
            None => "no byte of the body came for",
        };
        let detail = format!("{what} {} seconds (limits.message_seconds_max)", self.seconds_max);
        Problem::new(Code::RequestTimeout, detail)
    }

    /// The next so many bytes, or fewer where the body ends.
    async fn chunk(&mut self, bytes: usize) -> Result<Zeroizing<Vec<u8>>> {
        // Room for a tag, so that sealing moves no plaintext to another place and leaves it behind.
        let mut chunk = Zeroizing::new(Vec::with_capacity(bytes + TAG_BYTES));
        self.fill(&mut chunk, bytes).await?;
        Ok(chunk)
    }

    async fn fill(&mut self, chunk: &mut Vec<u8>, bytes: usize) -> Result<()> {
        while chunk.len() < bytes {
            if self.come.is_empty() {
                let Some(frame) = self.frame().await? else { break };
                self.come = frame;
            }
            let wanted = (bytes - chunk.len()).min(self.come.len());
            chunk.extend_from_slice(&self.come.split_to(wanted));
        }
        Ok(())
    }

    /// Reads and drops what follows, up to a bound: most clients look for an answer only once they have sent all. Who waits
    /// to be asked is not.
    pub(super) async fn discard(&mut self) {
        if self.waits {
            return;
        }
        let dropped = async {
            let mut bytes = 0;
            while bytes <= DISCARDED_BYTES_MAX
                && let Some(Ok(frame)) = self.body.frame().await
            {
                bytes += frame.data_ref().map_or(0, Bytes::len);
            }
        };
        // Late or not, the answer is the same.
        let _ = tokio::time::timeout(Duration::from_secs(self.seconds_max), dropped).await;
    }

    /// The header of a stream.
    async fn header(&mut self) -> Result<Vec<u8>> {
        let mut header = Vec::new();
        self.fill(&mut header, FIXED_HEADER_BYTES).await?;
        let fixed = header.first_chunk().ok_or_else(|| Problem::invalid("this is no Keyreeve stream"))?;
        let wrapped_bytes = Header::wrapped_bytes(fixed)?;
        self.fill(&mut header, FIXED_HEADER_BYTES + wrapped_bytes).await?;
        Ok(header)
    }
}

/// What is done with the chunks of a stream. Holds a secret.
enum Work {
    Seal(Sealing),
    Open(Opening),
}

impl Work {
    /// Bytes of every chunk that comes but the last.
    fn chunk_bytes(&self) -> usize {
        match self {
            Self::Seal(_) => CHUNK_BYTES,
            Self::Open(_) => CHUNK_BYTES + TAG_BYTES,
        }
    }
}

/// A stream on its way. It is pulled: while nobody takes what it gives, it reads nothing. Holds secrets: two chunks.
struct Flow {
    work: Work,
    /// Read already, since only behind it shows whether it is the last.
    next: Zeroizing<Vec<u8>>,
    is_over: bool,
}

impl Flow {
    /// The next chunk, done; `None`: all are.
    async fn chunk(&mut self, input: &mut Input) -> Result<Option<Bytes>> {
        if self.is_over {
            return Ok(None);
        }
        let behind = input.chunk(self.work.chunk_bytes()).await?;
        let mut chunk = std::mem::replace(&mut self.next, behind);
        self.is_over = self.next.is_empty();
        match &mut self.work {
            Work::Seal(sealing) => sealing.seal(&mut chunk, self.is_over)?,
            Work::Open(opening) => opening.open(&mut chunk, self.is_over)?,
        }
        Ok(Some(Bytes::from_owner(chunk)))
    }
}
