//! Streams: bodies of any size, which any reader of the format opens, and which nobody takes for whole when they are not.

use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use keyreeve_server::offline::stream;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{Answer, Client, Proof, Server, bytes, tls_from};

const CHUNK: usize = 65_536;
const SEAL: &str = "/v1/keys/k/encrypt-stream";
const OPEN: &str = "/v1/keys/k/decrypt-stream";

async fn server_with_key(algorithm: &str) -> Server {
    let server = Server::start();
    let usage = json!(["encrypt", "decrypt"]);
    server.admin("POST", "/v1/keys", json!({ "name": "k", "algorithm": algorithm, "usage": usage })).await;
    server
}

fn data(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 11) as u8).collect()
}

/// Sends what may be answered by an answer that breaks off.
async fn try_raw(server: &Server, path: &str, body: Vec<u8>) -> hyper::Result<Answer> {
    let token = server.admin_token();
    let mut client =
        Client::connect(server.address, &server.files.join("ca.pem"), Proof::Token(&token)).await;
    let request = Request::post(path).header("content-type", "application/octet-stream");
    client.try_send(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn what_is_streamed_in_comes_back_at_every_length() {
    let server = server_with_key("aes-256").await;
    for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, (3 << 20) + 5] {
        let sealed = server.raw(SEAL, data(length)).await;
        assert_eq!(sealed.status, StatusCode::OK, "{length}: {}", sealed.json());
        assert_eq!(sealed.headers["keyreeve-version"], "1");
        assert!(!sealed.headers.contains_key("content-length"));
        let opened = server.raw(OPEN, sealed.body).await;
        assert!(opened.status == StatusCode::OK && opened.body == data(length), "{length}");
    }
}

#[tokio::test]
async fn a_stream_is_the_same_wherever_it_is_made() {
    for algorithm in ["aes-256", "chacha20-poly1305", "rsa-2048", "x25519"] {
        let server = server_with_key(algorithm).await;
        let plain = data(2 * CHUNK + 9);
        // Made by the server, opened elsewhere with the data key alone.
        let sealed = server.raw(SEAL, plain.clone()).await.body;
        let mut rest = &sealed[..];
        let begun = stream::begin(&mut rest).unwrap();
        assert_eq!(begun.key_version, Some(1));
        let data_key = server.raw("/v1/keys/k/decrypt?version=1", begun.wrapped_key.clone()).await.body;
        let mut opened = Vec::new();
        begun.open(&data_key, &mut rest, &mut opened, &mut |_| {}).unwrap();
        assert!(opened == plain, "{algorithm}");
        // And the other way round.
        let made = server.admin("POST", "/v1/keys/k/datakey", json!({})).await;
        let (wrapped, mut sealed) = (bytes(&made["ciphertext"]), Vec::new());
        let data_key = bytes(&made["plaintext"]);
        stream::seal((wrapped, Some(1)), &data_key, &mut &plain[..], &mut sealed, &mut |_| {}).unwrap();
        assert!(server.raw(OPEN, sealed).await.body == plain, "{algorithm}");
    }
}

#[tokio::test]
async fn a_stream_opens_under_its_context_and_its_version_alone() {
    let server = server_with_key("aes-256").await;
    let bound = "?context=%7B%22a%22%3A%221%22%7D";
    let sealed = server.raw(&format!("{SEAL}{bound}"), "data").await.body;
    server.admin("POST", "/v1/keys/k/rotate", Value::Null).await;
    assert_eq!(server.raw(&format!("{OPEN}{bound}"), sealed.clone()).await.body, "data");
    assert_eq!(server.raw(&format!("{OPEN}{bound}&version=1"), sealed.clone()).await.body, "data");
    for path in [OPEN.to_owned(), format!("{OPEN}{bound}&version=2")] {
        let answer = server.raw(&path, sealed.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["code"]),
            (422, &json!("crypto_failed")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_is_not_whole_is_never_answered_as_if_it_were() {
    let server = server_with_key("aes-256").await;
    let plain = data(4 * CHUNK + 9);
    let sealed = server.raw(SEAL, plain.clone()).await.body.to_vec();
    let header = sealed.len() - plain.len() - 5 * 16;
    let chunk = CHUNK + 16;
    // In the header or the first chunk it is told, behind them the answer breaks off.
    for cut in [0, 5, header - 1, header + 100] {
        let answer = server.raw(OPEN, sealed[..cut].to_vec()).await;
        assert!(answer.status.is_client_error(), "{cut}: {}", answer.status);
    }
    for cut in [header + 2 * chunk, header + 3 * chunk + 1, sealed.len() - 1] {
        assert!(try_raw(&server, OPEN, sealed[..cut].to_vec()).await.is_err(), "cut at {cut}");
    }
    let flipped = |at: usize| {
        let mut flipped = sealed.clone();
        flipped[at] ^= 1;
        flipped
    };
    for at in [3, 9, 50, header + 7] {
        assert!(server.raw(OPEN, flipped(at)).await.status.is_client_error(), "{at}");
    }
    assert!(try_raw(&server, OPEN, flipped(header + 3 * chunk + 7)).await.is_err());
    assert!(try_raw(&server, OPEN, [&sealed[..], b"more"].concat()).await.is_err());
    assert!(try_raw(&server, OPEN, sealed).await.unwrap().body == plain);
}

#[tokio::test]
async fn a_stream_is_one_use_on_record_by_who_may() {
    let server = server_with_key("aes-256").await;
    let added = server.admin("POST", "/v1/clients", json!({ "name": "app", "token": true })).await;
    let token = added["token"].as_str().unwrap();
    let ask = async |path: &str, body: Bytes| {
        let request = Request::post(path).header("content-type", "application/octet-stream");
        server.send(Proof::Token(token), request.body(body).unwrap()).await
    };
    assert_eq!(ask(SEAL, "x".into()).await.status, StatusCode::NOT_FOUND);
    server.admin("PUT", "/v1/keys/k/grants/app", json!({ "actions": ["encrypt"] })).await;
    let sealed = ask(SEAL, data(2 * CHUNK).into()).await;
    assert_eq!(sealed.status, StatusCode::OK);
    assert_eq!(ask(OPEN, sealed.body.clone()).await.status, StatusCode::FORBIDDEN);
    assert_eq!(server.raw(OPEN, sealed.body).await.status, StatusCode::OK);
    let key = server.admin("GET", "/v1/keys/k", Value::Null).await;
    assert_eq!(key["versions"][0]["uses"], json!({ "protect": 1, "process": 1 }));
    let page = server.admin("GET", "/v1/journal?key=k&kind=encrypt,decrypt", Value::Null).await;
    let told = |entry: &Value| format!("{} {}", entry["action"], entry["outcome"]).replace('"', "");
    let told: Vec<_> = page["entries"].as_array().unwrap().iter().map(told).collect();
    assert_eq!(told[told.len() - 3..], ["encrypt success", "decrypt denied", "decrypt success"], "{told:?}");
}

#[tokio::test]
async fn other_types_of_body_are_refused() {
    let server = server_with_key("aes-256").await;
    let token = server.admin_token();
    let request = Request::post(SEAL).header("content-type", "application/json");
    let answer = server.send(Proof::Token(&token), request.body("{}".into()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(server.raw(&format!("{SEAL}?colour=red"), "x").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_stream_that_does_not_begin_in_time_is_given_up_and_who_may_not_is_told_first() {
    let server = Server::start_with(|config| config.limits.message_seconds_max = 2);
    server.admin("POST", "/v1/keys", json!({ "name": "k", "algorithm": "aes-256" })).await;
    let added = server.admin("POST", "/v1/clients", json!({ "name": "app", "token": true })).await;
    let ca = server.files.join("ca.pem");
    let admin = server.admin_token();
    for (path, token, status) in
        [(SEAL, &*admin, "408"), (OPEN, &*admin, "408"), (SEAL, added["token"].as_str().unwrap(), "404")]
    {
        let mut stream = tls_from([127, 0, 0, 1], server.address, &ca, Proof::Nothing).await;
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
             content-type: application/octet-stream\r\ncontent-length: 100000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let (mut reader, mut writer) = tokio::io::split(stream);
        let dripping = async {
            while writer.write_all(b"k").await.is_ok() && writer.flush().await.is_ok() {
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
            std::future::pending::<()>().await
        };
        let mut answer = [0; 12];
        let answered = async {
            tokio::select! {
                read = reader.read_exact(&mut answer) => read.map(|_| ()),
                () = dripping => Ok(()),
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), answered).await.expect("an answer").unwrap();
        assert_eq!(&String::from_utf8_lossy(&answer)[9..], status, "{path}");
    }
}
