//! Messages that are none: garbage, truncated, deep, of huge length. Each is answered or the connection closed, the server
//! goes on, and its memory stays where it was.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use crate::http::Http;
use crate::server::{Server, folder};

/// A connection over TLS.
pub(crate) type Tls = StreamOwned<ClientConnection, TcpStream>;

/// Bad messages in one round, by kind.
const HTTP: usize = 48_000;
const KMIP: usize = 48_000;
const BARE: usize = 4_000;
/// Rounds are compared after this part of one has been a warm-up: what keeps the newest entries at hand is full by then.
const WARM_UP_PART: usize = 2;

#[test]
fn memory_stays_where_it_was_after_a_hundred_thousand_bad_messages() {
    let data = folder();
    let server = Server::try_dev(data.path(), &["--plain-http", "127.0.0.1:0"]).unwrap();
    server.keyreeve(&["key", "create", "before", "--algorithm", "aes-256"]);
    send_all(&server, WARM_UP_PART);
    let warm = server.resident_kib();
    send_all(&server, 1);
    let after = server.resident_kib();
    println!("resident memory: {warm} KiB before, {after} KiB after");
    assert!(after <= warm + warm / 10, "resident memory grew from {warm} KiB to {after} KiB");
    // Of whom so much failed nothing is looked at until the next second.
    std::thread::sleep(Duration::from_secs(1));
    server.keyreeve(&["key", "show", "before"]);
    server.keyreeve(&["journal", "verify"]);
}

fn send_all(server: &Server, part: usize) {
    send_http(server, HTTP / part);
    send_kmip(server, KMIP / part);
    send_bare(server, BARE / part);
}

/// Requests that are HTTP and no requests; most connections survive them.
fn send_http(server: &Server, count: usize) {
    let deep = "[".repeat(10_000);
    let token = format!("Authorization: Bearer {}\r\n", server.variable("KEYREEVE_TOKEN"));
    let cases: [(&str, &str, &str, &[u8]); 8] = [
        ("POST", "/v1/keys", &token, b"\xff\xfe garbage"),
        ("POST", "/v1/keys", &token, b"{\"name\": "),
        ("POST", "/v1/keys", &token, deep.as_bytes()),
        ("POST", "/v1/keys", &token, b"{\"name\": 5, \"algorithm\": []}"),
        ("POST", "/v1/keys/before/decrypt", &token, b"{\"ciphertext\": \"not base64!\"}"),
        ("GET", "/v1/keys?limit=many", &token, b""),
        ("BREW", "/v1/keys/%00%ff", &token, b""),
        ("GET", "/v1/nowhere", "", b""),
    ];
    let mut http = Http::connect(server).unwrap();
    for number in 0..count {
        let (method, path, headers, body) = cases[number % cases.len()];
        match http.send(method, path, headers, body) {
            Ok((status, _)) => assert!((400..500).contains(&status), "{method} {path}: {status}"),
            Err(_) => http = Http::connect(server).unwrap(),
        }
    }
}

/// Messages over TLS with a good certificate that are no KMIP.
fn send_kmip(server: &Server, count: usize) {
    let config = tls(server);
    let mut connection = connect(server, &config);
    for number in 0..count {
        let message = bad_ttlv(number);
        if connection.write_all(&message).and_then(|()| read_answer(&mut connection)).is_err() {
            connection = connect(server, &config);
        }
    }
}

/// A structure whose length is right and whose content is not, in various ways.
pub(crate) fn bad_ttlv(number: usize) -> Vec<u8> {
    let content: Vec<u8> = match number % 6 {
        0 => vec![0xa5; 64],
        // A header without the version, then a batch count of another type.
        1 => [item(0x42_00_77, 1, &item(0x42_00_0d, 7, b"twelve!!")), item(0x42_00_0f, 1, &[])].concat(),
        // An item whose length goes far beyond its structure.
        2 => vec![0x42, 0x00, 0x77, 0x01, 0x7f, 0xff, 0xff, 0xf8],
        // Structures in structures.
        3 => (0..500).fold(Vec::new(), |inner, _| item(0x42_00_77, 1, &inner)),
        // A type that there is not.
        4 => item(0x42_00_77, 0x1f, b"12345678"),
        // An integer of another length than an integer's.
        _ => item(0x42_00_0d, 2, b"123456789abcdef0"),
    };
    item(0x42_00_78, 1, &content)
}

fn item(tag: u32, kind: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = tag.to_be_bytes()[1..].to_vec();
    bytes.push(kind);
    bytes.extend_from_slice(&u32::try_from(content.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

/// One TTLV message.
pub(crate) fn read_answer(connection: &mut impl Read) -> io::Result<()> {
    let mut head = [0; 8];
    connection.read_exact(&mut head)?;
    let length = u32::from_be_bytes(head[4..].try_into().unwrap());
    assert!(head[..4] == [0x42, 0x00, 0x7b, 0x01] && length < 65_536, "no answer of KMIP: {head:?}");
    connection.read_exact(&mut vec![0; length as usize])
}

/// Bytes to the TLS listeners that are no TLS, or that announce more than anybody would send.
fn send_bare(server: &Server, count: usize) {
    let http = server.variable("KEYREEVE_ADDR").trim_start_matches("https://").to_owned();
    let addresses = [http, server.variable("KEYREEVE_KMIP_ADDR").to_owned()];
    let plain = server.variable("KEYREEVE_PLAIN_ADDR").trim_start_matches("http://").to_owned();
    for number in 0..count {
        let (address, bytes): (_, &[u8]) = match number % 4 {
            0 => (&addresses[number / 4 % 2], b"GET / HTTP/1.0\r\n\r\n"),
            1 => (&addresses[number / 4 % 2], b"\x16\x03\x01\xff\xff\x01\xff\xff\xff"),
            2 => {
                (&plain, b"POST /v1/keys HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n")
            }
            _ => (&plain, b"\0\0\0\0\xff\xff\xff\xff\r\n\r\n"),
        };
        let mut stream = TcpStream::connect(address.as_str()).unwrap();
        // The other end may close first: that is an answer too.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut answer = Vec::new();
        let _ = stream.take(4096).read_to_end(&mut answer);
        assert!(!answer.windows(4).any(|window| window == b" 200"), "garbage was answered with success");
    }
}

pub(crate) fn connect(server: &Server, config: &Arc<ClientConfig>) -> Tls {
    connect_to(server.variable("KEYREEVE_KMIP_ADDR"), config)
}

/// The same to any of its addresses.
pub(crate) fn connect_to(address: &str, config: &Arc<ClientConfig>) -> Tls {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::clone(config), name).unwrap(), stream)
}

pub(crate) fn tls(server: &Server) -> Arc<ClientConfig> {
    let read = |name: &str| fs::read(server.variable(name)).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&read("KEYREEVE_CA")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let chain = vec![CertificateDer::from_pem_slice(&read("KEYREEVE_CLIENT_CERT")).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(&read("KEYREEVE_CLIENT_KEY")).unwrap();
    Arc::new(builder.with_root_certificates(roots).with_client_auth_cert(chain, key).unwrap())
}
