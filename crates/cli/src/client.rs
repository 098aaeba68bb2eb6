//! The HTTP client: one connection to one server, over TLS that trusts one CA and nothing else. Not here: where the
//! server is (settings) and what is asked of it (commands).

use std::error::Error;
use std::io::{self, IsTerminal as _};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::ext::on_informational;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, EXPECT, HOST, HeaderMap, HeaderValue};
use hyper::http::request::Builder;
use hyper::http::response::Parts;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use crate::curl;
use crate::errors::{Failure, Kind, Result};
use crate::progress::Progress;
use crate::reading::Reading;
use crate::settings::{Address, ClientFiles, Server};

/// Time for TCP and TLS together.
const CONNECT: Duration = Duration::from_secs(10);
/// Time for one answer: verifying a long journal is slow.
const ANSWER: Duration = Duration::from_secs(600);
/// The same for a backup, a drill or pruning, which take as long as there is to read and write.
const BACKUP: Duration = Duration::from_secs(24 * 3600);
/// Time for a server to say that it wants the body of a request; where a proxy swallows that, this is waited in vain.
const ASKED: Duration = Duration::from_secs(30);
/// Time after which somebody at a terminal is told that it is being waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// Pause between two looks how far the server has come.
const LOOK: Duration = Duration::from_secs(1);
/// Time without a byte of a stream: the server gives a sign of life more often.
const SILENCE: Duration = Duration::from_secs(60);
/// Turns of the runtime after which a connection that the server closed counts as closed: one to hear of it, one to read it,
/// one to end it.
const TURNS: usize = 3;
/// Bytes of one answer at most.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Requests that may take long, and the kind of the work that `GET /v1/work` then tells of.
const LONG: &[(&str, &str)] = &[
    ("/v1/backups", "backup"),
    ("/v1/backups/drill", "drill"),
    ("/v1/backups/prune", "prune"),
    ("/v1/journal/verify", "verify-journal"),
];

/// Type of raw bytes.
pub(crate) const BYTES: &str = "application/octet-stream";
/// Type of JSON.
pub(crate) const JSON: &str = "application/json";

/// A server that can be asked. Holds a secret.
pub(crate) struct Client {
    server: Server,
    /// Requests are printed as lines of curl and not sent.
    prints_curl: bool,
    runtime: Runtime,
    connection: Option<SendRequest<Full<Bytes>>>,
}

/// Raw bytes to send. May hold a secret.
pub(crate) struct Data {
    /// The bytes.
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// The file that they come from; none: stdin.
    pub(crate) from: Option<PathBuf>,
}

/// The body of a request. May hold a secret.
pub(crate) enum Body<'a> {
    Nothing,
    Json(&'a Value),
    Bytes(&'a Data),
}

/// Raw bytes that a key made or opened. May hold a secret.
pub(crate) struct Made {
    /// The bytes.
    pub(crate) bytes: Bytes,
    /// Version of the key that was used.
    pub(crate) version: Option<u64>,
    /// IV of a bare cipher.
    pub(crate) iv: Option<Vec<u8>>,
    /// Authentication tag of a bare cipher.
    pub(crate) tag: Option<Vec<u8>>,
}

impl Made {
    fn of((headers, bytes): (HeaderMap, Bytes)) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let decoded = |name: &str| header(name).and_then(|text| STANDARD.decode(text).ok());
        let version = header("keyreeve-version").and_then(|version| version.parse().ok());
        Self { bytes, version, iv: decoded("keyreeve-iv"), tag: decoded("keyreeve-tag") }
    }
}

impl Client {
    /// A client that connects with its first request.
    ///
    /// # Errors
    /// The system gives no resources.
    pub(crate) fn new(server: Server) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.map_err(|cause| Failure::new(Kind::Remote, format!("cannot start: {cause}")))?;
        Ok(Self { server, prints_curl: false, runtime, connection: None })
    }

    /// The same, which prints requests as lines of curl instead of sending them, where that is wanted.
    pub(crate) fn printing_curl(self, prints_curl: bool) -> Self {
        Self { prints_curl, ..self }
    }

    /// Says, where it prints a line of curl, that the next request is not the only one.
    pub(crate) fn first_of_several(&self, rest: &str) {
        if self.prints_curl {
            crate::output::message(&format!("the first of several requests: {rest}"));
        }
    }

    /// Asks for what is at `path`, which begins with `/v1/`.
    ///
    /// # Errors
    /// As every request: no connection, no valid identity, or what the server says.
    pub(crate) fn get(&mut self, path: &str) -> Result<Value> {
        self.json(Method::GET, path, Body::Nothing)
    }

    /// Sends a JSON body.
    ///
    /// # Errors
    /// As every request.
    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Result<Value> {
        self.json(Method::POST, path, Body::Json(body))
    }

    /// Puts a JSON body at `path`.
    ///
    /// # Errors
    /// As every request.
    pub(crate) fn put(&mut self, path: &str, body: &Value) -> Result<Value> {
        self.json(Method::PUT, path, Body::Json(body))
    }

    /// Changes what is at `path` as a JSON body says.
    ///
    /// # Errors
    /// As every request.
    pub(crate) fn patch(&mut self, path: &str, body: &Value) -> Result<Value> {
        self.json(Method::PATCH, path, Body::Json(body))
    }

    /// Takes away what is at `path`.
    ///
    /// # Errors
    /// As every request.
    pub(crate) fn delete(&mut self, path: &str) -> Result<Value> {
        self.json(Method::DELETE, path, Body::Nothing)
    }

    /// Sends raw bytes and returns raw bytes.
    ///
    /// # Errors
    /// As every request.
    pub(crate) fn post_bytes(&mut self, path: &str, data: &Data) -> Result<Made> {
        self.ask(Method::POST, path, Body::Bytes(data)).map(Made::of)
    }

    /// Sends what a file or a pipe holds, however much that is, and returns raw bytes.
    ///
    /// # Errors
    /// As every request; it cannot be read.
    pub(crate) fn post_stream(&mut self, path: &str, from: Reading) -> Result<Made> {
        self.stream(path, from).map(Made::of)
    }

    /// Sends what a file or a pipe holds, however much that is, and returns the JSON that answers.
    ///
    /// # Errors
    /// As every request; it cannot be read.
    pub(crate) fn post_stream_for_json(&mut self, path: &str, from: Reading) -> Result<Value> {
        parsed(&self.stream(path, from)?.1)
    }

    fn stream(&mut self, path: &str, from: Reading) -> Result<(HeaderMap, Bytes)> {
        let Self { server, runtime, .. } = self;
        let reads = from.reads();
        let head = head(server, Method::POST, path, Some(BYTES))?.header(EXPECT, "100-continue");
        let mut request = whole(head, from)?;
        let wanted = reads.clone();
        on_informational(&mut request, move |_| wanted.want());
        let (head, body) = runtime.block_on(async {
            let mut open = connect(server).await?;
            let mut answer = std::pin::pin!(open.send_request(request));
            let mut before = reads.bytes();
            let mut within = ASKED;
            let answer = loop {
                match tokio::time::timeout(std::mem::replace(&mut within, ANSWER), &mut answer).await {
                    Ok(answer) => break answer,
                    // Whoever stands between may not pass it on that the server asked.
                    Err(_) if !reads.is_wanted() => reads.want(),
                    // It takes as long as there is to send.
                    Err(_) if reads.bytes() > before => before = reads.bytes(),
                    Err(_) => {
                        let text = format!("no answer from {} for {} s", server.address, ANSWER.as_secs());
                        return Err(Failure::new(Kind::Remote, text));
                    }
                }
            };
            let broken =
                |cause: &(dyn Error + 'static)| reads.failure().unwrap_or_else(|| lost(server, cause));
            let (head, body) = answer.map_err(|cause| broken(&cause))?.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            Ok::<_, Failure>((head, body.map_err(|cause| broken(&*cause))?.to_bytes()))
        })?;
        if head.status.is_success() { Ok((head.headers, body)) } else { Err(refusal(head.status, &body)) }
    }

    /// Sends raw bytes and returns the JSON that answers.
    ///
    /// # Errors
    /// As every request.
    pub(crate) fn post_for_json(&mut self, path: &str, data: &Data) -> Result<Value> {
        let (_, body) = self.ask(Method::POST, path, Body::Bytes(data))?;
        parsed(&body)
    }

    /// Asks for text, such as PEM.
    ///
    /// # Errors
    /// As every request.
    pub(crate) fn get_bytes(&mut self, path: &str) -> Result<Bytes> {
        Ok(self.ask(Method::GET, path, Body::Nothing)?.1)
    }

    /// Hands on line by line what the server sends for as long as it does, on a connection of its own.
    ///
    /// # Errors
    /// As every request; `each`'s own end it. A server that gives no sign of life counts as gone.
    pub(crate) fn lines(
        &mut self,
        path: &str,
        accept: &'static str,
        mut each: impl FnMut(&str) -> Result<()>,
    ) -> Result<()> {
        let Self { server, runtime, .. } = self;
        if self.prints_curl {
            return printed(server, &Method::GET, path, &Body::Nothing, Some(accept));
        }
        let mut request = request(server, Method::GET, path, &Body::Nothing)?;
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static(accept));
        runtime.block_on(async {
            let text = format!("no sign of life from {} for {} s", server.address, SILENCE.as_secs());
            let silent = |_| Failure::new(Kind::Remote, text.clone());
            let mut open = connect(server).await?;
            let answer = tokio::time::timeout(SILENCE, open.send_request(request)).await.map_err(silent)?;
            let (head, mut body) = answer.map_err(|cause| lost(server, &cause))?.into_parts();
            if !head.status.is_success() {
                let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
                let body = body.map_err(|cause| lost(server, &*cause))?.to_bytes();
                return Err(refusal(head.status, &body));
            }
            let mut rest = Vec::new();
            while let Some(frame) = tokio::time::timeout(SILENCE, body.frame()).await.map_err(silent)? {
                let frame = frame.map_err(|cause| lost(server, &cause))?;
                rest.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
                while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = rest.drain(..=end).collect();
                    let line = std::str::from_utf8(&line[..end]);
                    each(line.map_err(|_| Failure::answer("a line that is no text"))?)?;
                }
                if rest.len() > ANSWER_BYTES_MAX {
                    return Err(Failure::answer("a line without end"));
                }
            }
            Ok(())
        })
    }

    /// Goes through the pages of a list, from `after` on, and hands each item, found under `field`, to `each` until that
    /// has enough.
    ///
    /// # Errors
    /// As every request; `each`'s own end it.
    pub(crate) fn pages(
        &mut self,
        path: &str,
        mut after: Option<String>,
        query: &[(&str, String)],
        field: &str,
        mut each: impl FnMut(Value) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        self.first_of_several("each page names the `after` of the next");
        loop {
            let mut query = query.to_vec();
            query.extend(after.map(|after| ("after", after)));
            let mut page = self.get(&with_query(path, &query))?;
            let Some(Value::Array(items)) = page.get_mut(field).map(Value::take) else {
                return Err(Failure::answer(format!("no {field:?} in a page")));
            };
            for item in items {
                if each(item)?.is_break() {
                    return Ok(());
                }
            }
            after = match page.get_mut("next").map(Value::take) {
                None | Some(Value::Null) => return Ok(()),
                Some(Value::String(next)) => Some(next),
                Some(next) => Some(next.to_string()),
            };
        }
    }

    fn json(&mut self, method: Method, path: &str, body: Body<'_>) -> Result<Value> {
        parsed(&self.ask(method, path, body)?.1)
    }

    fn ask(&mut self, method: Method, path: &str, body: Body<'_>) -> Result<(HeaderMap, Bytes)> {
        let Self { server, prints_curl, runtime, connection } = self;
        if *prints_curl {
            return printed(server, &method, path, &body, None);
        }
        let request = request(server, method, path, &body)?;
        let (head, body) = runtime.block_on(async {
            let mut open = match reusable(connection.take()).await {
                Some(open) => open,
                None => connect(server).await?,
            };
            let within = if path.starts_with("/v1/backups") { BACKUP } else { ANSWER };
            let answer =
                tokio::time::timeout(within, patiently(server, path, exchange(&mut open, request))).await;
            let text = format!("no answer from {} within {} s", server.address, within.as_secs());
            let answer = answer.map_err(|_| Failure::new(Kind::Remote, text))?;
            let answer = answer.map_err(|cause| lost(server, &*cause))?;
            *connection = Some(open);
            Ok::<_, Failure>(answer)
        })?;
        if head.status.is_success() && !waits(&head) {
            return Ok((head.headers, body));
        }
        let refusal = refusal(head.status, &body);
        if head.status == StatusCode::UNAUTHORIZED && server.identity.is_double() {
            let hint = "both a token and a client certificate were sent, and they must name the same principal: give \
                        the one you mean by its flag";
            return Err(refusal.with_hint(hint));
        }
        Err(refusal)
    }
}

/// The head of a request, with who asks and what its body is.
///
/// # Errors
/// `Usage` where the token holds characters that no header has.
fn head(server: &Server, method: Method, path: &str, kind: Option<&str>) -> Result<Builder> {
    let mut builder = Request::builder().method(method).uri(path).header(HOST, server.address.authority());
    if let Some(token) = &server.identity.token {
        let text = "the token holds characters that no token has; was the whole file copied?";
        let value = HeaderValue::try_from(format!("Bearer {}", token.as_str()));
        let mut value = value.map_err(|_| Failure::usage(text))?;
        value.set_sensitive(true);
        builder = builder.header(AUTHORIZATION, value);
    }
    Ok(match kind {
        Some(kind) => builder.header(CONTENT_TYPE, kind),
        None => builder,
    })
}

fn request(server: &Server, method: Method, path: &str, body: &Body<'_>) -> Result<Request<Full<Bytes>>> {
    let (kind, bytes) = match body {
        Body::Nothing => (None, Bytes::new()),
        Body::Json(value) => (Some(JSON), Bytes::from(value.to_string())),
        Body::Bytes(data) => (Some(BYTES), Bytes::copy_from_slice(&data.bytes)),
    };
    whole(head(server, method, path, kind)?, Full::new(bytes))
}

fn whole<B>(head: Builder, body: B) -> Result<Request<B>> {
    head.body(body).map_err(|cause| Failure::usage(format!("this cannot be asked: {cause}")))
}

/// Prints the request as a line of curl, which is all that was wanted.
fn printed<T>(
    server: &Server,
    method: &Method,
    path: &str,
    body: &Body<'_>,
    accept: Option<&str>,
) -> Result<T> {
    crate::output::line(&curl::line(server, method, path, body, accept))?;
    Err(Failure::new(Kind::Printed, "printed and not sent"))
}

/// The connection of the last request, where the server has not closed it since. Nothing was read from it in between: the
/// runtime stands still between requests, and gets its turns here.
async fn reusable(last: Option<SendRequest<Full<Bytes>>>) -> Option<SendRequest<Full<Bytes>>> {
    let last = last?;
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
    Some(last).filter(|open| !open.is_closed())
}

/// Says, after a while, that it is being waited for, and how far the server has come where it tells.
async fn patiently<T>(server: &Server, path: &str, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    if let Ok(done) = tokio::time::timeout(PATIENCE, &mut work).await {
        return done;
    }
    let progress = Progress::of("the server is at work");
    let kind = LONG.iter().find(|(long, _)| *long == path).map(|(_, kind)| *kind);
    let Some(kind) = kind.filter(|_| io::stderr().is_terminal()) else { return work.await };
    tokio::select! {
        done = &mut work => done,
        // Who cannot be told how far it is waits all the same.
        _ = watched(server, kind, &progress) => work.await,
    }
}

/// Shows, over a connection of its own, how far work of this kind has come; ends where that cannot be told.
async fn watched(server: &Server, kind: &str, progress: &Progress) -> Option<()> {
    let mut open = connect(server).await.ok()?;
    loop {
        let request = request(server, Method::GET, "/v1/work", &Body::Nothing).ok()?;
        let (head, body) = exchange(&mut open, request).await.ok()?;
        let answer = parsed(&body).ok().filter(|_| head.status.is_success())?;
        let works = answer.get("work")?.as_array()?;
        if let Some(work) = works.iter().find(|work| work["kind"] == kind) {
            let number = |field: &str| work[field].as_u64();
            progress.show(work["doing"].as_str()?, number("done")?, number("total"));
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn exchange(
    connection: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<(Parts, Bytes), Box<dyn Error + Send + Sync>> {
    connection.ready().await?;
    let answer = connection.send_request(request).await?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?;
    Ok((head, body.to_bytes()))
}

fn parsed(body: &[u8]) -> Result<Value> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|_| Failure::answer("no JSON"))
}

async fn connect<B: Sent>(server: &Server) -> Result<SendRequest<B>> {
    let address = &server.address;
    let connecting = async {
        let stream = TcpStream::connect((address.host.as_str(), address.port)).await;
        let stream = stream.map_err(|cause| unreachable(address, &cause))?;
        // Requests are small and wait for their answer: holding them back only costs time.
        let _ = stream.set_nodelay(true);
        if !address.tls {
            return handshake(server, stream).await;
        }
        let name = ServerName::try_from(address.host.clone());
        let name = name.map_err(|_| Failure::usage(format!("{:?} is no host name", address.host)))?;
        let stream = TlsConnector::from(Arc::new(tls(server)?)).connect(name, stream).await;
        handshake(server, stream.map_err(|cause| lost(server, &cause))?).await
    };
    let text = format!("no answer from {address} within {} s: is this the right address?", CONNECT.as_secs());
    tokio::time::timeout(CONNECT, connecting).await.map_err(|_| Failure::new(Kind::Remote, text))?
}

/// What a connection may send.
trait Sent: hyper::body::Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static {}

impl<B> Sent for B where
    B: hyper::body::Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static
{
}

async fn handshake<B: Sent>(
    server: &Server,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<SendRequest<B>> {
    let (sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|cause| lost(server, &cause))?;
    // Its errors come out of the requests.
    tokio::spawn(connection);
    Ok(sender)
}

/// TLS that trusts the server's CA alone, with the client certificate where there is one. Holds a secret.
///
/// # Errors
/// `Remote` where a file cannot be used.
pub(crate) fn tls(server: &Server) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = &server.ca {
        let wrong = |cause: &dyn std::fmt::Display| Failure::file("use the CA in", path, cause);
        let text = std::fs::read(path).map_err(|cause| Failure::file("read", path, cause))?;
        let certificates: Vec<_> =
            CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(|cause| wrong(&cause))?;
        if certificates.is_empty() {
            return Err(wrong(&"it holds no PEM certificate"));
        }
        for certificate in certificates {
            roots.add(certificate).map_err(|cause| wrong(&cause))?;
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|cause| Failure::new(Kind::Remote, format!("no TLS here: {cause}")))?;
    let builder = builder.with_root_certificates(roots);
    let Some(ClientFiles { certificate, key }) = &server.identity.client else {
        return Ok(builder.with_no_client_auth());
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|cause| Failure::file("read a certificate in", certificate, cause))?;
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|cause| Failure::file("read a private key in", key, cause))?;
    let config = builder.with_client_auth_cert(chain, private);
    config.map_err(|cause| Failure::file("use the client certificate", certificate, cause))
}

fn unreachable(address: &Address, cause: &io::Error) -> Failure {
    let text = match cause.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("no server at {address}: is it running? `keyreeve dev` starts one")
        }
        _ => format!("cannot reach {address}: {cause}"),
    };
    Failure::new(Kind::Remote, text)
}

/// A connection that broke, or was never made.
fn lost(server: &Server, cause: &(dyn Error + 'static)) -> Failure {
    let address = &server.address;
    let ca = server.ca.as_deref().map_or_else(|| "no CA".into(), |path| path.display().to_string());
    let Some(reason) = tls_error(cause) else {
        return Failure::new(
            Kind::Remote,
            format!("the connection to {address} broke: {}", innermost(cause)),
        );
    };
    match reason {
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => {
            let text = format!("the server at {address} has no certificate from the CA in {ca}");
            Failure::new(Kind::Remote, text)
                .with_hint("check KEYREEVE_CA, or whether this is the right server")
        }
        rustls::Error::InvalidCertificate(what) => Failure::new(
            Kind::Remote,
            format!("the certificate of the server at {address} does not hold: {what}"),
        ),
        rustls::Error::AlertReceived(alert) => {
            let text = format!("the server at {address} refused the TLS connection ({alert:?})");
            let hint = "is the client certificate one that this server issued, and not expired?";
            Failure::new(Kind::Denied, text).with_hint(hint)
        }
        other => Failure::new(Kind::Remote, format!("no TLS with {address}: {other}")),
    }
}

fn tls_error<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some(error);
    }
    // An io::Error hides what it wraps from `source`.
    if let Some(inner) = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        return tls_error(inner);
    }
    cause.source().and_then(tls_error)
}

fn innermost<'a>(cause: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    cause.source().map_or(cause, innermost)
}

/// Whether nothing was done yet, since others must approve it first.
fn waits(head: &Parts) -> bool {
    let problem = HeaderValue::from_static("application/problem+json");
    head.status == StatusCode::ACCEPTED && head.headers.get(CONTENT_TYPE) == Some(&problem)
}

/// What the server says when it does not do what was asked (problem+json).
fn refusal(status: StatusCode, body: &[u8]) -> Failure {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let kind = match (status.as_u16(), text("code").as_str()) {
        (_, "crypto_failed") => Kind::Verification,
        (202 | 401 | 403, _) => Kind::Denied,
        (404 | 409 | 410 | 412, _) => Kind::State,
        (429, _) => Kind::Remote,
        (400..=499, _) => Kind::Usage,
        _ => Kind::Remote,
    };
    let detail = match text("detail") {
        detail if detail.is_empty() => format!("the server answered {status}"),
        detail => crate::output::printable(&detail),
    };
    Failure::told(kind, text("code"), detail)
}

/// A name as one segment of a path: every byte that could mean something else is escaped.
pub(crate) fn segment(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        // A segment of dots alone would be a step in the path.
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') {
            text.push(byte.into());
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// A path with a query of names and values.
pub(crate) fn with_query(path: &str, pairs: &[(&str, String)]) -> String {
    let query: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", segment(name), segment(value))).collect();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;
    use crate::settings::Identity;

    #[test]
    fn a_name_stays_one_segment() {
        assert_eq!(segment("plain-name_1"), "plain-name_1");
        assert_eq!(segment("a/b ?#é.."), "a%2Fb%20%3F%23%C3%A9%2E%2E");
        assert_eq!(
            with_query("/v1/keys", &[("limit", "5".into()), ("a b", "&".into())]),
            "/v1/keys?limit=5&a%20b=%26"
        );
        assert_eq!(with_query("/v1/keys", &[]), "/v1/keys");
    }

    #[test]
    fn a_connection_that_was_closed_meanwhile_is_made_anew() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (taken, is_taken) = std::sync::mpsc::channel();
        let (closed, is_closed) = std::sync::mpsc::channel();
        let server = std::thread::spawn(move || {
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 4096]).unwrap();
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
                is_taken.recv().unwrap();
                drop(stream);
                closed.send(()).unwrap();
            }
        });
        let address = Address { host: "127.0.0.1".into(), port, tls: false };
        let identity = Identity::default();
        let mut client = Client::new(Server { address, kmip: None, ca: None, identity }).unwrap();
        for _ in 0..2 {
            assert_eq!(client.get("/v1/status").unwrap(), serde_json::json!({}));
            taken.send(()).unwrap();
            is_closed.recv().unwrap();
        }
        server.join().unwrap();
    }

    #[test]
    fn refusals_have_their_exit_codes() {
        let kind =
            |status: u16, body: &str| refusal(StatusCode::from_u16(status).unwrap(), body.as_bytes()).kind();
        assert_eq!(kind(401, ""), Kind::Denied);
        assert_eq!(kind(403, r#"{"code":"not_extractable","detail":"stays"}"#), Kind::Denied);
        assert_eq!(kind(404, "{}"), Kind::State);
        assert_eq!(kind(410, "[]"), Kind::State);
        assert_eq!(kind(422, r#"{"code":"crypto_failed"}"#), Kind::Verification);
        assert_eq!(kind(422, r#"{"code":"unsupported"}"#), Kind::Usage);
        assert_eq!(kind(400, "not json"), Kind::Usage);
        assert_eq!(kind(500, ""), Kind::Remote);
    }
}
