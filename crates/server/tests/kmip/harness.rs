//! A server on a thread of its own, and a KMIP client of it. Not here: any test.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use keyreeve_kmip::attributes::{Attribute, AttributeValue, Attributes, Name, TemplateAttribute};
use keyreeve_kmip::enums::{CryptographicAlgorithm, NameType, ObjectType, ResultReason, ResultStatus};
use keyreeve_kmip::message::{RequestItem, RequestMessage, ResponseItem, ResponseMessage};
use keyreeve_kmip::payloads::create::CreateRequest;
use keyreeve_kmip::payloads::{Request, Response};
use keyreeve_kmip::values::{CryptographicUsageMask, UniqueIdentifier};
use keyreeve_kmip::{Encoding, Limits, Version};
use keyreeve_server::config::{Config, Credentials};
use keyreeve_server::listen::{ShutdownTrigger, shutdown_signal};
use keyreeve_server::start::{Addresses, StartError, StopOn, init, serve, serve_by};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use serde_json::Value;
use tempfile::TempDir;

use crate::clock::HandClock;

/// Is told where a server listens.
type Ready = Box<dyn FnOnce(&Addresses) -> Result<(), StartError> + Send>;

/// How a server is run, also when it is started again.
type Serve = Arc<dyn Fn(&Config, StopOn, Ready) -> Result<(), StartError> + Send + Sync>;

/// A server that stops when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// For old appliances, where the configuration says so.
    pub(crate) appliances: Option<SocketAddr>,
    /// REST.
    pub(crate) http: SocketAddr,
    /// `ca.pem`, `client.pem` and `client.key` of the administrator.
    pub(crate) files: PathBuf,
    config: Config,
    serve: Serve,
    running: Option<(ShutdownTrigger, JoinHandle<Result<(), StartError>>)>,
    _dir: TempDir,
}

/// One connection of the administrator.
pub(crate) struct Client(pub(crate) StreamOwned<ClientConnection, TcpStream>);

impl Server {
    /// A new server that allows what published cases need, as `dev` does.
    pub(crate) fn start() -> Self {
        Self::start_with(|config| {
            (config.kmip.interop, config.kmip.credentials) = (true, Credentials::Ignore)
        })
    }

    pub(crate) fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::run(change, |config, stop, ready| serve(config, stop, ready))
    }

    /// A server whose clock the test moves.
    pub(crate) fn start_at(clock: Arc<HandClock>, change: impl FnOnce(&mut Config)) -> Self {
        Self::run(change, move |config, stop, ready| serve_by(config, clock.clone(), stop, ready))
    }

    fn run(
        change: impl FnOnce(&mut Config),
        serve: impl Fn(&Config, StopOn, Ready) -> Result<(), StartError> + Send + Sync + 'static,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        (config.listen.http, config.listen.kmip) = (loopback, loopback);
        config.data.dir = dir.path().join("data");
        config.unlock.key_file = Some(dir.path().join("root"));
        config.limits.drain_seconds_max = 5;
        // Tests fail faster than anybody may who means well; floods.rs tries what happens then.
        config.limits.client_failures_per_second_max = 1_000_000;
        change(&mut config);
        std::fs::write(dir.path().join("root"), "17".repeat(32)).unwrap();
        let files = dir.path().join("client");
        init(&config, &files, None).unwrap();
        let serve: Serve = Arc::new(serve);
        let (addresses, running) = spawn(config.clone(), serve.clone());
        Self {
            address: addresses.kmip,
            appliances: addresses.appliances,
            http: addresses.http,
            files,
            config,
            serve,
            running: Some(running),
            _dir: dir,
        }
    }

    /// Stops it, and starts it again over the same data.
    pub(crate) fn restart(&mut self) {
        self.stop();
        let (addresses, running) = spawn(self.config.clone(), self.serve.clone());
        (self.address, self.http, self.running) = (addresses.kmip, addresses.http, Some(running));
    }

    /// Starts it again over the data as they lie on the disk while it serves, as after a kill. Of the index, which follows from
    /// the journal, there is none then.
    pub(crate) fn crash(&mut self) {
        let data = self.config.data.dir.clone();
        let image = data.with_extension("image");
        copy_folder(&data, &image);
        self.stop();
        std::fs::remove_dir_all(&data).unwrap();
        std::fs::rename(&image, &data).unwrap();
        self.restart();
    }

    fn stop(&mut self) {
        if let Some((trigger, thread)) = self.running.take() {
            trigger.request();
            let stopped = thread.join().unwrap();
            assert!(std::thread::panicking() || stopped.is_ok(), "{stopped:?}");
        }
    }

    /// Connects as the administrator.
    pub(crate) fn connect(&self) -> Client {
        let file = |name: &str| std::fs::read(self.files.join(name)).unwrap();
        self.connect_to(self.address, &file("client.pem"), &file("client.key"))
    }

    /// Connects with this certificate and key in PEM.
    pub(crate) fn connect_to(&self, address: SocketAddr, certificate: &[u8], key: &[u8]) -> Client {
        self.connect_with(address, &Arc::new(self.tls(certificate, key, rustls::DEFAULT_VERSIONS)))
    }

    /// How a client with this certificate and key in PEM speaks TLS.
    pub(crate) fn tls(
        &self,
        certificate: &[u8],
        key: &[u8],
        versions: &[&'static SupportedProtocolVersion],
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.files.join("ca.pem")).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let chain = vec![CertificateDer::from_pem_slice(certificate).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key).unwrap();
        ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .unwrap()
    }

    /// Connects as a client that has connected so before, or not.
    pub(crate) fn connect_with(&self, address: SocketAddr, tls: &Arc<ClientConfig>) -> Client {
        let name = ServerName::try_from("localhost").unwrap();
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Client(StreamOwned::new(ClientConnection::new(Arc::clone(tls), name).unwrap(), socket))
    }
}

impl Server {
    /// Posts JSON to the REST API as the administrator.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        self.rest("POST", path, body)
    }

    /// Wants no approval rule with the second administrator.
    pub(crate) fn decline_approval_rule(&self) {
        let (status, told) = self.rest_told("DELETE", "/v1/approval-rules/two-administrators", &Value::Null);
        assert_eq!(status, 204, "{told}");
    }

    /// Asks the REST API as the administrator; it must be done.
    pub(crate) fn rest(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.rest_told(method, path, body);
        assert!((200..300).contains(&status), "{status} {answer}");
        answer
    }

    /// Asks the REST API as the administrator: status and answer.
    pub(crate) fn rest_told(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let file = |name: &str| std::fs::read(self.files.join(name)).unwrap();
        self.rest_by((&file("client.pem"), &file("client.key")), method, path, body)
    }

    /// Sends a KMIP message over HTTPS in this encoding, as whoever has this certificate and key in PEM.
    pub(crate) fn over_https(
        &self,
        (certificate, key): (&[u8], &[u8]),
        encoding: Encoding,
        request: &RequestMessage,
    ) -> ResponseMessage {
        let Client(mut stream) = self.connect_to(self.http, certificate, key);
        let body = encoding.translate(request.encode().unwrap()).unwrap();
        let head = format!(
            "POST /kmip HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
            encoding.media_type(),
            body.expose().len()
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.expose())).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
        ResponseMessage::decode_from(encoding, &answer[end..], &Limits::default()).unwrap()
    }

    /// Asks the REST API as whoever has this certificate and key in PEM: status and answer.
    pub(crate) fn rest_by(
        &self,
        (certificate, key): (&[u8], &[u8]),
        method: &str,
        path: &str,
        body: &Value,
    ) -> (u16, Value) {
        let Client(mut stream) = self.connect_to(self.http, certificate, key);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        (status, if body.is_empty() { Value::Null } else { serde_json::from_str(body).unwrap() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Copies what lies in a folder, but for the index.
fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, target) = entry.map(|entry| (entry.path(), to.join(entry.file_name()))).unwrap();
        match path.is_dir() {
            true if path.ends_with("index") => {}
            true => copy_folder(&path, &target),
            false => drop(std::fs::copy(&path, &target).unwrap()),
        }
    }
}

/// Serves this configuration on a thread.
fn spawn(config: Config, serve: Serve) -> (Addresses, (ShutdownTrigger, JoinHandle<Result<(), StartError>>)) {
    let (trigger, shutdown) = shutdown_signal();
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let ready = move |addresses: &Addresses| {
            sender.send(*addresses).unwrap();
            Ok(())
        };
        serve(&config, StopOn::Shutdown(shutdown), Box::new(ready))
    });
    let Ok(addresses) = receiver.recv() else {
        panic!("the server did not start: {:?}", thread.join().unwrap());
    };
    (addresses, (trigger, thread))
}

impl Client {
    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
        self.0.flush().unwrap();
    }

    /// Sends bytes, unless the server has closed.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).and_then(|()| self.0.flush()).is_ok()
    }

    /// Tells the server that nothing more comes.
    pub(crate) fn end(&mut self) {
        self.0.conn.send_close_notify();
        // The server may have closed already.
        let _ = self.0.flush();
        let _ = self.0.sock.shutdown(Shutdown::Write);
    }

    /// The next response.
    pub(crate) fn receive(&mut self) -> ResponseMessage {
        let bytes = self.receive_bytes().expect("an answer");
        ResponseMessage::decode(&bytes, &Limits::default()).unwrap()
    }

    /// The bytes of the next response; `None` where the server closed.
    pub(crate) fn receive_bytes(&mut self) -> Option<Vec<u8>> {
        let mut bytes = vec![0; 8];
        self.0.read_exact(&mut bytes).ok()?;
        let length = u32::from_be_bytes(bytes[4..8].try_into().unwrap()) as usize;
        bytes.resize(8 + length, 0);
        self.0.read_exact(&mut bytes[8..]).ok()?;
        Some(bytes)
    }

    pub(crate) fn exchange(&mut self, request: &RequestMessage) -> ResponseMessage {
        self.send(request.encode().unwrap().expose());
        self.receive()
    }

    /// One operation.
    pub(crate) fn ask(&mut self, version: Version, payload: impl Into<Request>) -> ResponseItem {
        let mut answer = self.exchange(&RequestMessage::new(version, vec![RequestItem::new(payload.into())]));
        assert_eq!(answer.version, version);
        assert_eq!(answer.items.len(), 1);
        answer.items.remove(0)
    }

    /// One operation that must succeed.
    pub(crate) fn done(&mut self, version: Version, payload: impl Into<Request>) -> Response {
        let answer = self.ask(version, payload);
        assert_eq!(
            answer.result_status,
            ResultStatus::Success,
            "{:?} {:?}",
            answer.result_reason,
            answer.result_message
        );
        answer.payload.unwrap()
    }

    /// One operation that must fail, and why it did.
    pub(crate) fn refused(&mut self, version: Version, payload: impl Into<Request>) -> ResultReason {
        let answer = self.ask(version, payload);
        assert_eq!(answer.result_status, ResultStatus::OperationFailed);
        assert!(answer.payload.is_none());
        assert!(answer.result_message.is_some_and(|message| !message.is_empty()));
        answer.result_reason.unwrap()
    }

    /// Makes an AES-256 key of this name.
    pub(crate) fn create(&mut self, version: Version, name: &str) -> UniqueIdentifier {
        match self.done(version, create(name)) {
            Response::Create(created) => created.unique_identifier,
            _ => panic!("another operation was answered"),
        }
    }
}

/// Create of an AES-256 key of this name.
pub(crate) fn create(name: &str) -> CreateRequest {
    let attributes = [
        AttributeValue::CryptographicAlgorithm(CryptographicAlgorithm::Aes),
        AttributeValue::CryptographicLength(256),
        AttributeValue::CryptographicUsageMask(
            CryptographicUsageMask::ENCRYPT | CryptographicUsageMask::DECRYPT,
        ),
        AttributeValue::Name(named(name)),
    ];
    CreateRequest {
        object_type: ObjectType::SymmetricKey,
        template_attribute: TemplateAttribute::from(attributes.into_iter().collect::<Attributes>()),
        protection_storage_masks: None,
    }
}

pub(crate) fn named(name: &str) -> Name {
    Name { name_value: name.to_owned(), name_type: NameType::UninterpretedTextString }
}

pub(crate) fn attribute(value: AttributeValue) -> Attribute {
    Attribute::from(value)
}
