//! Faults that other key managers had, each tried on this one. Not here: those that need no server (testkit's attacks) or
//! KMIP.

use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Answer, Proof, Server, base64, bytes};

/// What whoever is nobody may ask.
const OPEN_TO_ALL: [&str; 4] =
    ["GET /health/live", "GET /health/ready", "POST /v1/login", "GET /v1/openapi.json"];

async fn ask(server: &Server, proof: Proof<'_>, method: &str, path: &str, body: &str) -> Answer {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    server.send(proof, request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap()).await
}

#[tokio::test]
async fn no_route_but_those_of_the_list_answers_a_stranger() {
    let server = Server::start();
    let document = server.admin("GET", "/v1/openapi.json", Value::Null).await;
    let mut open = Vec::new();
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys().filter(|name| *name != "parameters") {
            let method = method.to_uppercase();
            let filled = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
            let filled = filled.collect::<Vec<_>>().join("/");
            for body in ["", "{}", "{"] {
                asked += 1;
                let answer = ask(&server, Proof::Nothing, &method, &filled, body).await;
                match answer.status {
                    StatusCode::UNAUTHORIZED => {}
                    _ => open.push(format!("{method} {path}")),
                }
            }
        }
    }
    open.dedup();
    assert_eq!(open, OPEN_TO_ALL);
    assert!(asked > 200, "{asked} requests");
    for path in ["/", "/v1", "/v2/keys", "/v1/nothing", "/debug/pprof", "/.git/config", "/health"] {
        let answer = ask(&server, Proof::Nothing, "GET", path, "").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn no_spelling_of_a_path_leads_around_a_rule() {
    let server = Server::start();
    server.admin("POST", "/v1/keys", json!({ "name": "hidden", "algorithm": "aes-256" })).await;
    server.admin("POST", "/v1/keys", json!({ "name": "shown", "algorithm": "aes-256" })).await;
    let added = server.admin("POST", "/v1/clients", json!({ "name": "app", "token": true })).await;
    server.admin("PUT", "/v1/keys/shown/grants/app", json!({ "actions": ["encrypt"] })).await;
    let app = added["token"].as_str().unwrap();
    let admin = server.admin_token();
    for path in [
        "/v1//keys/hidden",
        "//v1/keys/hidden",
        "/v1/keys//hidden",
        "/v1/keys/hidden/",
        "/v1/keys/./hidden",
        "/v1/keys/../keys/hidden",
        "/v1/keys/shown/../hidden",
        "/v1/keys/shown/%2e%2e/hidden",
        "/v1/keys/shown%2f..%2fhidden",
        "/v1/keys/shown/..%2fhidden",
        "/v1/keys/%2fhidden",
        "/V1/keys/hidden",
        "/v1/Keys/hidden",
        "/v1/keys/HIDDEN",
        "/v1/keys/hidden;x=shown",
        "/v1/keys/hidden%00",
        "/v1/keys/hidden%20",
        "/v1/keys/hidden%0a",
        "/v1/keys/%68idden%2f",
        "/v1\\keys\\hidden",
        "/v1/%6beys/hidden%",
        "/v1/keys/hidden%zz",
        "/v1/keys/%ff",
    ] {
        let Ok(uri) = path.parse::<hyper::Uri>() else { continue };
        for token in [app, admin.as_str()] {
            let request = Request::get(uri.clone()).body(Bytes::new()).unwrap();
            let answer = server.send(Proof::Token(token), request).await;
            assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
        }
    }
    // One that means the same is the same key, and for whom it is hidden, none.
    for path in ["/v1/keys/hidden", "/v1/keys/hidd%65n"] {
        let none = ask(&server, Proof::Token(app), "GET", "/v1/keys/nothing", "").await;
        let answer = ask(&server, Proof::Token(app), "GET", path, "").await;
        assert_eq!((answer.status, answer.json()), (none.status, none.json()), "{path}");
        assert_eq!(
            ask(&server, Proof::Token(&admin), "GET", path, "").await.json()["name"],
            "hidden",
            "{path}"
        );
    }
}

#[tokio::test]
async fn names_and_tags_put_nothing_into_headers_events_or_pages() {
    let server = Server::start();
    let hostile = [
        "a\r\nSet-Cookie: b=c",
        "a\n\ndata: {\"lsn\":1}",
        "a\u{1b}[2Jb",
        "a\u{9b}31mb",
        "a\u{2028}b",
        "a\u{202e}b",
        "<script>alert(1)</script>",
        "a\0b",
        "=cmd|' /C calc'!A0",
    ];
    for (number, text) in hostile.iter().enumerate() {
        let token = server.admin_token();
        let key = json!({ "name": text, "algorithm": "aes-256" });
        let answer = ask(&server, Proof::Token(&token), "POST", "/v1/keys", &key.to_string()).await;
        plain(&answer);
        let is_refused = answer.status == StatusCode::BAD_REQUEST;
        assert_eq!(is_refused, text.chars().any(char::is_control), "{text:?}: {}", answer.status);
        let key =
            json!({ "name": format!("key-{number}"), "algorithm": "aes-256", "tags": { "owner": text } });
        let answer = ask(&server, Proof::Token(&token), "POST", "/v1/keys", &key.to_string()).await;
        plain(&answer);
        if answer.status.is_success() {
            plain(&ask(&server, Proof::Token(&token), "GET", &format!("/v1/keys/key-{number}"), "").await);
        }
    }
    let token = server.admin_token();
    for (path, accept) in [
        ("/v1/journal", "application/json"),
        ("/v1/journal?limit=1000", "application/x-ndjson"),
        ("/v1/keys", "text/html"),
    ] {
        let request = Request::get(path).header("accept", accept).body(Bytes::new()).unwrap();
        plain(&server.send(Proof::Token(&token), request).await);
    }
}

/// Nothing in it speaks to a terminal or a browser, or ends a line that is not the server's.
fn plain(answer: &Answer) {
    assert!(answer.headers.get("set-cookie").is_none());
    assert_eq!(
        answer.headers.get("x-content-type-options").map(|value| value.as_bytes()),
        Some(&b"nosniff"[..])
    );
    let kind = answer.headers["content-type"].to_str().unwrap();
    assert!(!kind.contains("html"), "{kind}");
    let text = std::str::from_utf8(&answer.body).unwrap();
    let bad = text.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(bad, None, "{text}");
    if kind.contains("ndjson") {
        for line in text.lines() {
            serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        }
    }
}

#[tokio::test]
async fn every_changed_bit_of_wrapped_material_is_noticed() {
    let server = Server::start();
    server.admin("POST", "/v1/keys", json!({ "name": "kek", "algorithm": "aes-256" })).await;
    let token = server.admin_token();
    for algorithm in ["aes-kw", "aes-kwp"] {
        let body = json!({ "plaintext": base64(&[7; 32]), "algorithm": algorithm });
        let wrapped = server.admin("POST", "/v1/keys/kek/wrap", body).await["wrapped"].clone();
        let wrapped = bytes(&wrapped);
        let mut told = Vec::new();
        for bit in 0..wrapped.len() * 8 {
            let mut changed = wrapped.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let body = json!({ "wrapped": base64(&changed), "algorithm": algorithm });
            let (status, answer) =
                server.json(Proof::Token(&token), "POST", "/v1/keys/kek/unwrap", body).await;
            assert!(status.is_client_error(), "{algorithm}, bit {bit}: {answer}");
            let import = json!({
                "name": format!("in-{bit}"), "algorithm": "aes-256",
                "material": { "format": "raw", "data": base64(&changed), "wrapped_with": "kek", "wrap_algorithm": algorithm },
            });
            let (status, answer) = server.json(Proof::Token(&token), "POST", "/v1/keys", import).await;
            assert!(status.is_client_error(), "{algorithm}, bit {bit}: {answer}");
            told.push(answer);
        }
        told.dedup();
        assert_eq!(told.len(), 1, "{algorithm}: the refusals differ: {told:?}");
    }
}

#[tokio::test]
async fn a_strong_key_does_not_leave_under_a_weak_one() {
    let server = Server::start();
    let token = server.admin_token();
    for (kek, algorithm) in [("weak", "aes-128"), ("strong", "aes-256"), ("rsa", "rsa-2048")] {
        let usage = json!(["wrap", "unwrap"]);
        server
            .admin("POST", "/v1/keys", json!({ "name": kek, "algorithm": algorithm, "usage": usage }))
            .await;
    }
    for (name, algorithm, sensitive) in
        [("key-128", "aes-128", true), ("key-256", "aes-256", true), ("open-256", "aes-256", false)]
    {
        let key = json!({ "name": name, "algorithm": algorithm, "exportable": true, "sensitive": sensitive });
        server.admin("POST", "/v1/keys", key).await;
    }
    for (name, kek, is_allowed) in [
        ("key-128", "weak", true),
        ("key-256", "weak", false),
        ("key-256", "strong", true),
        ("key-256", "rsa", true),
        ("open-256", "weak", true),
    ] {
        let path = format!("/v1/keys/{name}/export");
        let (status, told) =
            server.json(Proof::Token(&token), "POST", &path, json!({ "wrap_with": kek })).await;
        assert_eq!(status == StatusCode::OK, is_allowed, "{name} under {kek}: {told}");
    }
}

/// A public key in PEM: the DER before its point, and the point.
fn pem(head: &[u8], point: &[u8]) -> String {
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", base64(&[head, point].concat()))
}

#[tokio::test]
async fn points_off_the_curve_and_of_small_order_agree_on_nothing() {
    const X25519: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00];
    const P256: [u8; 27] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
    ];
    let server = Server::start();
    let token = server.admin_token();
    for algorithm in ["x25519", "ec-p256"] {
        let key = json!({ "name": algorithm, "algorithm": algorithm, "usage": ["agree"] });
        server.admin("POST", "/v1/keys", key).await;
    }
    let derive = async |key: &str, peer: &str| {
        let body = json!({ "name": "shared", "algorithm": "aes-256", "method": "ecdh", "peer": peer });
        server.json(Proof::Token(&token), "POST", &format!("/v1/keys/{key}/derive"), body).await
    };
    // RFC 7748 section 6.1: the points of order 1, 2, 4 and 8, and the same not reduced.
    let order_8 = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800";
    let order_8_too = "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157";
    let prime_with = |low: u8| {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (low, 0x7f);
        bytes.to_vec()
    };
    let unhex = |text: &str| {
        let digits = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect::<Vec<_>>()
    };
    let mut one = vec![0; 32];
    one[0] = 1;
    let small = [
        vec![0; 32],
        one,
        unhex(order_8),
        unhex(order_8_too),
        prime_with(0xec),
        prime_with(0xed),
        prime_with(0xee),
    ];
    for point in &small {
        let (status, told) = derive("x25519", &pem(&X25519, point)).await;
        assert!(status.is_client_error(), "{point:02x?}: {told}");
    }
    let own = server.raw_get("/v1/keys/ec-p256/public?format=spki").await.body;
    assert_eq!(own[..27], P256, "the DER of this test is that of the server");
    let (x, y) = (&own[27..59], &own[59..]);
    let mut off = y.to_vec();
    off[31] ^= 1;
    for point in [[x, &off[..]], [&[0; 32][..], &[0; 32]], [y, x], [&[0xff; 32][..], &[0xff; 32]]] {
        let (status, told) = derive("ec-p256", &pem(&P256, &point.concat())).await;
        assert!(status.is_client_error(), "{point:02x?}: {told}");
        let material = json!({ "format": "spki", "data": base64(&[&P256[..], &point.concat()].concat()) });
        let import = json!({ "name": "off", "material": material });
        let (status, told) = server.json(Proof::Token(&token), "POST", "/v1/keys", import).await;
        assert!(status.is_client_error(), "{point:02x?}: {told}");
    }
    // On the curve they do.
    let (status, told) = derive("ec-p256", &pem(&P256, &[x, y].concat())).await;
    assert_eq!(status, StatusCode::CREATED, "{told}");
}

#[tokio::test]
async fn no_way_of_failing_to_decrypt_is_told_from_another() {
    let server = Server::start();
    let token = server.admin_token();
    server.admin("POST", "/v1/keys", json!({ "name": "aes", "algorithm": "aes-256" })).await;
    let body = json!({ "mode": "cbc", "padding": "pkcs7", "plaintext": base64(&[7; 20]) });
    let made = server.admin("POST", "/v1/keys/aes/encrypt", body).await;
    let sealed = bytes(&made["ciphertext"]);
    let mut refusals = std::collections::BTreeSet::new();
    let mut good = 0;
    for last in 0..=255 {
        // The last byte of the last block but one is that of the padding, once decrypted.
        let mut changed = sealed.clone();
        changed[15] ^= last;
        let body =
            json!({ "mode": "cbc", "padding": "pkcs7", "iv": made["iv"], "ciphertext": base64(&changed) });
        let (status, told) = server.json(Proof::Token(&token), "POST", "/v1/keys/aes/decrypt", body).await;
        match status {
            StatusCode::OK => good += 1,
            _ => drop(refusals.insert(format!("{status} {told}"))),
        }
    }
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    assert!((1..=2).contains(&good), "{good} paddings are right");
}

/// PKCS#11's old trick: wrap a key that may not be read, and unwrap it as one that may. Whoever may unwrap has the plaintext
/// anyway, and says so in the grant; whoever may not gets nothing by calling it an import.
#[tokio::test]
async fn what_is_unwrapped_with_other_attributes_takes_the_right_to_unwrap() {
    let server = Server::start();
    let till = server.admin("POST", "/v1/clients", json!({ "name": "till", "token": true })).await;
    let till = Proof::Token(till["token"].as_str().unwrap());
    for key in [
        json!({ "name": "kek", "algorithm": "aes-256" }),
        json!({ "name": "cards", "algorithm": "aes-256", "exportable": true, "usage": ["encrypt"] }),
    ] {
        server.admin("POST", "/v1/keys", key).await;
    }
    let grant = async |key: &str, actions: &[&str]| {
        let path = format!("/v1/keys/{key}/grants/till");
        server.admin("PUT", &path, json!({ "actions": actions })).await;
    };
    grant("cards", &["get"]).await;
    grant("kek", &["wrap"]).await;
    let plain = json!({ "format": "raw" });
    let (status, refused) = server.json(till, "POST", "/v1/keys/cards/export", plain).await;
    assert_eq!((status, &refused["code"]), (StatusCode::FORBIDDEN, &json!("sensitive")), "{refused}");
    let (status, out) = server
        .json(till, "POST", "/v1/keys/cards/export", json!({ "format": "raw", "wrap_with": "kek" }))
        .await;
    assert_eq!(status, StatusCode::OK, "{out}");
    let material = json!({ "format": "raw", "data": out["wrapped"], "wrapped_with": "kek" });
    let again = |name: &str, exportable: bool| {
        json!({
            "name": name, "algorithm": "aes-256", "material": material, "exportable": exportable,
            "sensitive": false, "usage": ["encrypt", "decrypt"]
        })
    };
    for exportable in [true, false] {
        let (status, refused) = server.json(till, "POST", "/v1/keys", again("mine", exportable)).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{exportable}: {refused}");
    }
    // With that right the same is told in the history of the new key.
    grant("kek", &["wrap", "unwrap"]).await;
    let (status, mine) = server.json(till, "POST", "/v1/keys", again("mine", true)).await;
    assert_eq!(status, StatusCode::CREATED, "{mine}");
    let journal = server.admin("GET", "/v1/journal?key=mine", Value::Null).await;
    let detail = journal["entries"][0]["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("the same material as object"), "{journal}");
}
