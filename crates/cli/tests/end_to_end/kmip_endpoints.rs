//! Put and Notify under kill -9: what an endpoint of KMIP is to be told comes at least once and in order, however often the server is
//! killed between a message and its answer, or between two messages.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyreeve_kmip::enums::Operation;
use keyreeve_kmip::message::{RequestMessage, ResponseItem, ResponseMessage};
use keyreeve_kmip::payloads::Request;
use keyreeve_kmip::payloads::notify::NotifyResponse;
use keyreeve_kmip::payloads::put::PutResponse;
use keyreeve_kmip::values::{DateTime, UniqueIdentifier};
use keyreeve_kmip::{Limits, Version};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;

use crate::bad_input::real_server_with;
use crate::server::{Folder, KEYREEVE, Server, folder};

/// Longer than a message takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Times that the server is killed, and keys made before each.
const KILLS: usize = 6;
const KEYS: usize = 3;

/// A CA, and a certificate of it for the endpoint.
const CERTIFICATES: &str = "
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=arrays -keyout ca.key -out ca.pem
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=array -keyout array.key -out array.csr
echo 'subjectAltName = DNS:array.example' > names
openssl x509 -req -in array.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -extfile names -out array.pem
";

/// A KMIP server of its own, that waits for messages.
struct Endpoint {
    socket: TcpListener,
    tls: Arc<ServerConfig>,
    line: Option<StreamOwned<ServerConnection, TcpStream>>,
    asked: Operation,
    folder: Folder,
}

impl Endpoint {
    fn new() -> Self {
        let folder = folder();
        let made =
            Command::new("sh").args(["-ec", CERTIFICATES]).current_dir(folder.path()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let chain = vec![CertificateDer::from_pem_file(folder.path().join("array.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(folder.path().join("array.key")).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let tls = tls.with_no_client_auth().with_single_cert(chain, key).unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { socket, tls: Arc::new(tls), line: None, asked: Operation::Put, folder }
    }

    fn configured(&self) -> String {
        format!(
            "[[kmip.endpoints]]\nname = \"array\"\naddress = \"{}\"\ntls_name = \"array.example\"\nca_file = {:?}\n\
             principal = \"admin\"\ntakes = [\"put\", \"notify\"]\nversion = \"1.4\"\n",
            self.socket.local_addr().unwrap(),
            self.folder.path().join("ca.pem"),
        )
    }

    fn accept(&self) -> StreamOwned<ServerConnection, TcpStream> {
        let begin = Instant::now();
        loop {
            match self.socket.accept() {
                Ok((socket, _)) => {
                    socket.set_nonblocking(false).unwrap();
                    socket.set_read_timeout(Some(PATIENCE)).unwrap();
                    return StreamOwned::new(ServerConnection::new(Arc::clone(&self.tls)).unwrap(), socket);
                }
                Err(_) if begin.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(10)),
                Err(error) => panic!("nobody connects: {error}"),
            }
        }
    }

    /// The next message, by whichever connection it comes; it has no answer yet.
    fn next(&mut self) -> Told {
        loop {
            let mut line = self.line.take().unwrap_or_else(|| self.accept());
            if let Some(told) = received(&mut line) {
                (self.line, self.asked) = (Some(line), told.0);
                return told;
            }
        }
    }

    fn answer(&mut self) {
        let payload = match self.asked {
            Operation::Put => PutResponse::default().into(),
            _ => NotifyResponse::default().into(),
        };
        let taken = vec![ResponseItem::success(payload)];
        let answer = ResponseMessage::new(Version::V1_4, DateTime(1), taken).encode().unwrap();
        let line = self.line.as_mut().unwrap();
        line.write_all(answer.expose()).and_then(|()| line.flush()).unwrap();
    }
}

/// What a message says of which object.
type Told = (Operation, String);

/// `None` where the server is gone.
fn received(line: &mut StreamOwned<ServerConnection, TcpStream>) -> Option<Told> {
    let mut bytes = vec![0; 8];
    line.read_exact(&mut bytes).ok()?;
    let length = u32::from_be_bytes(bytes[4..8].try_into().unwrap()) as usize;
    bytes.resize(8 + length, 0);
    line.read_exact(&mut bytes[8..]).ok()?;
    let mut message = RequestMessage::decode(&bytes, &Limits::default()).unwrap();
    let (operation, object) = match message.items.remove(0).payload {
        Ok(Request::Put(put)) => (Operation::Put, put.unique_identifier),
        Ok(Request::Notify(notify)) => (Operation::Notify, notify.unique_identifier),
        _ => panic!("something else than Put and Notify was sent"),
    };
    match object {
        UniqueIdentifier::Text(object) => Some((operation, object)),
        _ => panic!("an object without its identifier"),
    }
}

/// Makes a key, and then has it end at some time.
fn made(server: &Server, name: &str) -> String {
    let kind = ["--algorithm", "aes-256", "--exportable", "--plain-export", "-o", "json"];
    let told = server.keyreeve(&[&["key", "create", name], &kind[..]].concat());
    server.keyreeve(&["key", "set", name, "--deactivate-at", "2040-01-31T00:00:00Z"]);
    let told: Value = serde_json::from_slice(&told).unwrap();
    told["versions"][0]["object_id"].as_str().unwrap().to_owned()
}

fn again(place: &Folder, variables: &BTreeMap<String, String>) -> Server {
    let mut command = Command::new(KEYREEVE);
    command.args(["server", "--config"]).arg(place.path().join("keyreeve.toml"));
    let mut server = Server::start(command).unwrap();
    server.variables.clone_from(variables);
    server
}

#[test]
fn an_endpoint_is_told_all_of_it_in_order_however_often_the_server_is_killed() {
    let mut endpoint = Endpoint::new();
    let (place, mut server) = real_server_with(&endpoint.configured());
    let variables = server.variables.clone();
    let (mut wanted, mut told): (Vec<Told>, Vec<Told>) = (Vec::new(), Vec::new());
    for kill in 0..KILLS {
        for key in 0..KEYS {
            let object = made(&server, &format!("key-{kill}-{key}"));
            wanted.extend([Operation::Put, Operation::Notify].map(|operation| (operation, object.clone())));
        }
        // Some of what waits is told; the last of it is answered in every other round.
        for message in 0..=kill % KEYS {
            told.push(endpoint.next());
            if message < kill % KEYS || kill % 2 == 0 {
                endpoint.answer();
            }
        }
        server.kill();
        server = again(&place, &variables);
    }
    while !wanted.iter().all(|message| told.contains(message)) {
        told.push(endpoint.next());
        endpoint.answer();
    }
    let mut first = told.clone();
    let mut seen = Vec::new();
    first.retain(|message| {
        let is_new = !seen.contains(message);
        seen.push(message.clone());
        is_new
    });
    assert_eq!(first, wanted, "each key comes, in its order, and then what was changed of it");
    assert!(told.len() > wanted.len(), "what had no answer comes again");
    assert_eq!(server.stop(), Some(0));
}
