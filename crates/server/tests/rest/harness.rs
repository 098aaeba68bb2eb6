//! A server on a thread of its own, and a client of it. Not here: any test.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper::{HeaderMap, Request, StatusCode};
use hyper_util::rt::TokioIo;
use keyreeve_pki::{CertificateAuthority, SERVER_VALIDITY_DAYS, Validity, pem};
use keyreeve_server::config::Config;
use keyreeve_server::listen::{ShutdownTrigger, shutdown_signal};
use keyreeve_server::start::{StartError, StopOn, init, serve};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{RootCertStore, ServerConfig};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A server that stops when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) files: PathBuf,
    pub(crate) config: Config,
    running: Option<(ShutdownTrigger, JoinHandle<Result<(), StartError>>)>,
    _dir: TempDir,
}

/// How a client proves who it is.
#[derive(Clone, Copy)]
pub(crate) enum Proof<'a> {
    Nothing,
    Token(&'a str),
    /// PEM files of certificate and key.
    Certificate(&'a Path, &'a Path),
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Server {
    /// A new server whose root key a passphrase from a file unlocks.
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// As `start`, with another configuration.
    pub(crate) fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.listen.http = loopback();
        config.listen.kmip = loopback();
        config.data.dir = dir.path().join("data");
        config.unlock.passphrase_file = Some(dir.path().join("passphrase"));
        config.limits.drain_seconds_max = 5;
        // Tests fail faster than anybody may who means well; floods.rs tries what happens then.
        config.limits.client_failures_per_second_max = 1_000_000;
        std::fs::write(dir.path().join("passphrase"), "correct horse battery staple\n").unwrap();
        change(&mut config);
        let files = dir.path().join("client");
        init(&config, &files, None).unwrap();
        let (address, running) = run(&config);
        Self { address, files, config, running: Some(running), _dir: dir }
    }

    /// Stops the server and starts it again over the same store.
    pub(crate) fn restart(&mut self) {
        self.stop().unwrap();
        self.restart_stopped();
    }

    /// Starts it again over the same store.
    pub(crate) fn restart_stopped(&mut self) {
        let (address, running) = run(&self.config);
        (self.address, self.running) = (address, Some(running));
    }

    pub(crate) fn stop(&mut self) -> Result<(), StartError> {
        let (trigger, thread) = self.running.take().unwrap();
        trigger.request();
        thread.join().unwrap()
    }

    pub(crate) fn admin_token(&self) -> String {
        std::fs::read_to_string(self.files.join("token")).unwrap()
    }

    /// Sends one request on a connection of its own.
    pub(crate) async fn send(&self, proof: Proof<'_>, request: Request<Bytes>) -> Answer {
        send(self.address, &self.files.join("ca.pem"), proof, request).await
    }

    /// Sends JSON (null: no body) and gives status and JSON.
    pub(crate) async fn json(
        &self,
        proof: Proof<'_>,
        method: &str,
        path: &str,
        body: Value,
    ) -> (StatusCode, Value) {
        let bytes = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let answer = self.send(proof, request.body(bytes).unwrap()).await;
        (answer.status, answer.json())
    }

    /// As `json` by the administrator, which must succeed.
    pub(crate) async fn admin(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.json(Proof::Token(&self.admin_token()), method, path, body).await;
        assert!(status.is_success(), "{method} {path}: {status} {answer}");
        answer
    }

    /// Sends raw bytes as the administrator.
    pub(crate) async fn raw(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        let request = Request::post(path).header("content-type", "application/octet-stream");
        self.send(Proof::Token(&self.admin_token()), request.body(body.into()).unwrap()).await
    }

    /// Gets bytes as the administrator.
    pub(crate) async fn raw_get(&self, path: &str) -> Answer {
        self.send(Proof::Token(&self.admin_token()), Request::get(path).body(Bytes::new()).unwrap()).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.running.is_some() {
            let stopped = self.stop();
            assert!(std::thread::panicking() || stopped.is_ok(), "{stopped:?}");
        }
    }
}

impl Answer {
    /// The body as JSON; null where it is something else.
    pub(crate) fn json(&self) -> Value {
        let kind = self.headers.get("content-type").map(|kind| kind.to_str().unwrap());
        if !kind.is_some_and(|kind| kind.ends_with("json")) {
            return Value::Null;
        }
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }
}

/// Any free port.
pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn run(config: &Config) -> (SocketAddr, (ShutdownTrigger, JoinHandle<Result<(), StartError>>)) {
    let (trigger, shutdown) = shutdown_signal();
    let (sender, receiver) = mpsc::channel();
    let config = config.clone();
    let thread = std::thread::spawn(move || {
        serve(&config, StopOn::Shutdown(shutdown), |addresses| {
            sender.send(addresses.http).unwrap();
            Ok(())
        })
    });
    match receiver.recv() {
        Ok(address) => (address, (trigger, thread)),
        Err(_) => panic!("the server did not start: {:?}", thread.join().unwrap()),
    }
}

/// TLS from this address of the machine's own.
pub(crate) async fn tls_from(
    source: [u8; 4],
    address: SocketAddr,
    ca: &Path,
    proof: Proof<'_>,
) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match proof {
        Proof::Certificate(certificate, key) => {
            let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap()).unwrap()
        }
        Proof::Nothing | Proof::Token(_) => builder.with_no_client_auth(),
    };
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((source, 0))).unwrap();
    let socket = socket.connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap()
}

/// Sends one request on a connection of its own.
pub(crate) async fn send(
    address: SocketAddr,
    ca: &Path,
    proof: Proof<'_>,
    request: Request<Bytes>,
) -> Answer {
    Client::connect(address, ca, proof).await.send(request).await
}

/// One connection.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    token: Option<String>,
    connection: tokio::task::JoinHandle<hyper::Result<()>>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, ca: &Path, proof: Proof<'_>) -> Self {
        Self::connect_from([127, 0, 0, 1], address, ca, proof).await
    }

    /// As `connect`, from this address of the machine's own.
    pub(crate) async fn connect_from(
        source: [u8; 4],
        address: SocketAddr,
        ca: &Path,
        proof: Proof<'_>,
    ) -> Self {
        let stream = tls_from(source, address, ca, proof).await;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let token = if let Proof::Token(token) = proof { Some(token.to_owned()) } else { None };
        Self { sender, token, connection: tokio::spawn(connection) }
    }

    pub(crate) async fn send(&mut self, request: Request<Bytes>) -> Answer {
        self.try_send(request).await.unwrap()
    }

    /// Sends a request that the server may cut off.
    pub(crate) async fn try_send(&mut self, request: Request<Bytes>) -> hyper::Result<Answer> {
        let mut request = request.map(Full::new);
        request.headers_mut().insert("host", "localhost".parse().unwrap());
        if let Some(token) = &self.token {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        let (head, body) = self.sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    /// Sends a request whose answer goes on for long; its body comes in pieces.
    pub(crate) async fn open(mut self, request: Request<Bytes>) -> Stream {
        let mut request = request.map(Full::new);
        request.headers_mut().insert("host", "localhost".parse().unwrap());
        let token = self.token.as_ref().expect("streams are opened with a token");
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        let (head, body) = self.sender.send_request(request).await.unwrap().into_parts();
        Stream { status: head.status, headers: head.headers, body, text: String::new(), _client: self }
    }
}

/// An answer that goes on.
pub(crate) struct Stream {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: hyper::body::Incoming,
    text: String,
    _client: Client,
}

impl Stream {
    /// The next part that ends with `end`, without it; `None` when all has come.
    pub(crate) async fn part(&mut self, end: &str) -> Option<String> {
        loop {
            if let Some((part, rest)) = self.text.split_once(end) {
                let (part, rest) = (part.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(part);
            }
            let frame = self.body.frame().await?.unwrap();
            self.text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
    }
}

impl Stream {
    /// Takes all that still comes: how many bytes, and whether the answer came to its end.
    pub(crate) async fn rest(mut self) -> (usize, bool) {
        let mut bytes = self.text.len();
        loop {
            match self.body.frame().await {
                Some(Ok(frame)) => bytes += frame.data_ref().map_or(0, Bytes::len),
                Some(Err(_)) => return (bytes, false),
                None => return (bytes, true),
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// A name as one segment of a path.
pub(crate) fn segment(name: &str) -> String {
    name.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").unwrap();
        }
        text
    })
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

/// TLS as `localhost`, by an authority whose certificate is in this folder then, as `ca.pem`.
pub(crate) fn vouched_for(dir: &Path) -> Arc<ServerConfig> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let made = CertificateAuthority::create(now).unwrap();
    std::fs::write(dir.join("ca.pem"), pem::encode_certificate(&made.certificate)).unwrap();
    let authority = CertificateAuthority::load(made.certificate, &made.key).unwrap();
    let validity = Validity { from_seconds: now, days: SERVER_VALIDITY_DAYS };
    let issued = authority.issue_server(&[ServerName::try_from("localhost").unwrap()], validity).unwrap();
    let key: PrivateKeyDer<'static> = PrivatePkcs8KeyDer::from(issued.key.pkcs8_der().to_vec()).into();
    let chain = vec![issued.certificate];
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    Arc::new(tls)
}
