//! Keys that come in and go out, in every encoding, plain and wrapped.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Proof, Server, base64, bytes};

/// RFC 8037 appendix A.
const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519",
    "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

fn jwk() -> Value {
    serde_json::from_str(ED25519).unwrap()
}

async fn import(server: &Server, name: &str, extra: Value, material: Value) -> Value {
    let mut body = json!({ "name": name, "material": material });
    body.as_object_mut().unwrap().extend(extra.as_object().cloned().unwrap_or_default());
    server.admin("POST", "/v1/keys", body).await
}

async fn refused(server: &Server, method: &str, path: &str, body: Value) -> (u16, String) {
    let token = server.admin_token();
    let (status, answer) = server.json(Proof::Token(&token), method, path, body).await;
    (status.as_u16(), answer["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_raw_key_comes_in_serves_and_goes_out_as_its_policy_says() {
    let server = Server::start();
    let secret = [7; 32];
    let material = json!({ "format": "raw", "data": base64(&secret) });
    let open = json!({ "algorithm": "aes-256", "exportable": true, "sensitive": false });
    let made = import(&server, "open", open, material.clone()).await;
    assert_eq!(
        (&made["algorithm"], &made["state"], &made["version"]),
        (&json!("aes-256"), &json!("active"), &json!(1))
    );
    let exported = server.admin("POST", "/v1/keys/open/export", json!({})).await;
    assert_eq!((&exported["format"], bytes(&exported["data"])), (&json!("raw"), secret.to_vec()));
    let exported = server.admin("POST", "/v1/keys/open/export", json!({ "format": "jwk" })).await;
    assert_eq!(exported["data"], json!({ "kty": "oct", "k": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc" }));

    import(&server, "closed", json!({ "algorithm": "aes-256" }), material.clone()).await;
    let export = "/v1/keys/closed/export";
    assert_eq!(refused(&server, "POST", export, json!({})).await, (403, "not_extractable".into()));
    let wrapped_only = json!({ "algorithm": "aes-256", "exportable": true });
    import(&server, "wrapped-only", wrapped_only, material.clone()).await;
    let export = "/v1/keys/wrapped-only/export";
    assert_eq!(refused(&server, "POST", export, json!({})).await, (403, "sensitive".into()));
    let wrong = json!({ "name": "x", "algorithm": "aes-128", "material": material });
    assert_eq!(refused(&server, "POST", "/v1/keys", wrong).await, (400, "invalid_field".into()));
    let nameless = json!({ "name": "x", "material": material });
    assert_eq!(refused(&server, "POST", "/v1/keys", nameless).await.0, 400);
}

#[tokio::test]
async fn a_private_key_brings_its_public_half_along_and_keeps_it_in_every_encoding() {
    let server = Server::start();
    let made = import(
        &server,
        "signer",
        json!({ "exportable": true, "sensitive": false }),
        json!({ "format": "jwk", "data": jwk() }),
    )
    .await;
    assert_eq!((&made["algorithm"], &made["type"]), (&json!("ed25519"), &json!("private-key")));
    assert!(made["versions"][0]["public_object_id"].is_string());
    assert_eq!(made["usage"], json!(["sign", "verify"]));
    let exported = server.admin("POST", "/v1/keys/signer/export", json!({ "format": "jwk" })).await;
    assert_eq!(exported["data"], jwk());
    let page = server.admin("GET", "/v1/journal?key=signer&kind=get,get-public", Value::Null).await;
    assert_eq!(page["entries"].as_array().unwrap().len(), 1, "one export is one entry: {page}");
    let public = server.raw_get("/v1/keys/signer/public?format=jwk").await.json();
    assert_eq!(public["x"], jwk()["x"]);
    assert!(public.get("d").is_none());

    let pem =
        server.admin("POST", "/v1/keys/signer/export", json!({ "format": "pem" })).await["data"].clone();
    import(&server, "from-pem", json!({}), json!({ "format": "pem", "data": pem })).await;
    let der =
        server.admin("POST", "/v1/keys/signer/export", json!({ "format": "pkcs8" })).await["data"].clone();
    import(&server, "from-der", json!({ "algorithm": "ed25519" }), json!({ "format": "pkcs8", "data": der }))
        .await;
    let spki = server.raw_get("/v1/keys/signer/public?format=spki").await.body;
    let public_only =
        import(&server, "public-only", json!({}), json!({ "format": "spki", "data": base64(&spki) })).await;
    assert_eq!((&public_only["type"], &public_only["usage"]), (&json!("public-key"), &json!(["verify"])));

    let signed = server.admin("POST", "/v1/keys/from-pem/sign", json!({ "data": base64(b"m") })).await;
    for key in ["signer", "from-der", "public-only"] {
        let body = json!({ "data": base64(b"m"), "signature": signed["signature"] });
        let verdict = server.admin("POST", &format!("/v1/keys/{key}/verify"), body).await;
        assert_eq!(verdict["valid"], true, "{key}");
    }
    let sign = refused(&server, "POST", "/v1/keys/public-only/sign", json!({ "data": "" })).await;
    assert_eq!(sign, (409, "wrong_usage".into()));
}

#[tokio::test]
async fn the_next_version_may_come_from_outside_and_is_of_the_same_kind() {
    let server = Server::start();
    server
        .admin("POST", "/v1/keys", json!({ "name": "k", "algorithm": "aes-256", "tags": { "a": "b" } }))
        .await;
    let old = server.admin("POST", "/v1/keys/k/encrypt", json!({ "plaintext": base64(b"old") })).await;
    let body = |bytes: &[u8]| json!({ "material": { "format": "raw", "data": base64(bytes) } });
    let shown = server.admin("POST", "/v1/keys/k/versions", body(&[9; 32])).await;
    assert_eq!((&shown["version"], &shown["tags"]), (&json!(2), &json!({ "a": "b" })));
    let opened = server.admin("POST", "/v1/keys/k/decrypt", json!({ "ciphertext": old["ciphertext"] })).await;
    assert_eq!(bytes(&opened["plaintext"]), b"old");
    let shorter = refused(&server, "POST", "/v1/keys/k/versions", body(&[9; 16])).await;
    assert_eq!(shorter, (400, "invalid_field".into()));
    let other = json!({ "material": { "format": "jwk", "data": jwk() } });
    assert_eq!(refused(&server, "POST", "/v1/keys/k/versions", other).await, (400, "invalid_field".into()));
    // Who may only manage the key does not choose the material that others encrypt with.
    let manager = server
        .admin("POST", "/v1/clients", json!({ "name": "m", "roles": ["operator"], "token": true }))
        .await;
    let token = manager["token"].as_str().unwrap();
    let (status, _) = server.json(Proof::Token(token), "POST", "/v1/keys/k/versions", body(&[1; 32])).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, _) = server.json(Proof::Token(token), "POST", "/v1/keys/k/rotate", Value::Null).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn every_wrapping_comes_off_again() {
    let server = Server::start();
    for (name, algorithm) in [("aes", "aes-256"), ("rsa", "rsa-2048")] {
        server.admin("POST", "/v1/keys", json!({ "name": name, "algorithm": algorithm })).await;
    }
    let long = vec![5; 1200];
    for (key, algorithm, secret) in [
        ("aes", "aes-kw", &long[..24]),
        ("aes", "aes-kwp", &long[..27]),
        ("rsa", "rsa-oaep-sha256", &long[..32]),
        ("rsa", "rsa-aes-kwp-sha256", &long[..]),
    ] {
        let path = |what| format!("/v1/keys/{key}/{what}");
        let body = json!({ "plaintext": base64(secret), "algorithm": algorithm });
        let wrapped = server.admin("POST", &path("wrap"), body).await["wrapped"].clone();
        let body = json!({ "wrapped": wrapped, "algorithm": algorithm });
        let unwrapped = server.admin("POST", &path("unwrap"), body).await;
        assert_eq!(bytes(&unwrapped["plaintext"]), secret, "{algorithm}");
        let mut broken = bytes(&wrapped);
        *broken.last_mut().unwrap() ^= 1;
        let body = json!({ "wrapped": base64(&broken), "algorithm": algorithm });
        assert_eq!(
            refused(&server, "POST", &path("unwrap"), body).await,
            (422, "crypto_failed".into()),
            "{algorithm}"
        );
        let body = json!({ "wrapped": base64(b"short"), "algorithm": algorithm });
        assert_eq!(refused(&server, "POST", &path("unwrap"), body).await.0 / 100, 4, "{algorithm}");
    }
    server
        .admin("POST", "/v1/keys", json!({ "name": "pair", "algorithm": "ec-p256", "exportable": true }))
        .await;
    let body = json!({ "wrap_with": "rsa", "wrap_algorithm": "rsa-aes-kwp-sha256", "format": "pkcs8" });
    let exported = server.admin("POST", "/v1/keys/pair/export", body).await;
    let material = json!({
        "format": "pkcs8", "data": exported["wrapped"],
        "wrapped_with": "rsa", "wrap_algorithm": "rsa-aes-kwp-sha256",
    });
    import(&server, "pair-again", json!({}), material).await;
    let public = server.raw_get("/v1/keys/pair/public").await.body;
    assert_eq!(server.raw_get("/v1/keys/pair-again/public").await.body, public);
}

#[tokio::test]
async fn the_wrapping_key_lets_everybody_bring_keys_and_nobody_read_them() {
    let server = Server::start();
    let added = server.admin("POST", "/v1/clients", json!({ "name": "app", "token": true })).await;
    let app = Proof::Token(added["token"].as_str().unwrap());
    let path = "/v1/wrapping-key";
    assert_eq!(server.json(app, "GET", path, Value::Null).await.0, StatusCode::NOT_FOUND);
    let squat = json!({ "name": "keyreeve-wrapping-key", "algorithm": "rsa-2048" });
    assert_eq!(server.json(app, "POST", "/v1/keys", squat.clone()).await.0, StatusCode::FORBIDDEN);
    let mine = json!({ "name": "mine", "algorithm": "aes-256" });
    assert_eq!(server.json(app, "POST", "/v1/keys", mine).await.0, StatusCode::CREATED);
    let alias = server.json(app, "PUT", "/v1/aliases/keyreeve-wrapping-key", json!({ "key": "mine" })).await;
    assert_eq!(alias.0, StatusCode::FORBIDDEN);

    let made = server.admin("GET", path, Value::Null).await;
    assert_eq!(made["algorithm"], "rsa-4096");
    let (status, seen) = server.json(app, "GET", path, Value::Null).await;
    assert_eq!((status, &seen["public_key"]), (StatusCode::OK, &made["public_key"]));
    // Wrapped as anybody outside would, with the public key alone.
    let public = json!({ "name": "outside", "usage": ["wrap"], "material": { "format": "pem", "data": made["public_key"] } });
    server.admin("POST", "/v1/keys", public).await;
    let body = json!({ "plaintext": base64(&[3; 32]), "algorithm": "rsa-aes-kwp-sha256" });
    let wrapped = server.admin("POST", "/v1/keys/outside/wrap", body).await["wrapped"].clone();
    let bring = |exportable: bool| {
        json!({
            "name": format!("brought-{exportable}"), "algorithm": "aes-256", "exportable": exportable,
            "material": {
                "format": "raw", "data": wrapped, "wrapped_with": "keyreeve-wrapping-key",
                "wrap_algorithm": "rsa-aes-kwp-sha256",
            },
        })
    };
    assert_eq!(server.json(app, "POST", "/v1/keys", bring(false)).await.0, StatusCode::CREATED);
    assert_eq!(server.json(app, "POST", "/v1/keys", bring(true)).await.0, StatusCode::NOT_FOUND);
    // Who has seen it pass by does not get the use of it.
    let added = server.admin("POST", "/v1/clients", json!({ "name": "thief", "token": true })).await;
    let thief = Proof::Token(added["token"].as_str().unwrap());
    let mut captured = bring(false);
    captured["name"] = json!("captured");
    let (status, told) = server.json(thief, "POST", "/v1/keys", captured).await;
    assert_eq!((status.as_u16(), &told["code"]), (422, &json!("crypto_failed")), "{told}");
    let body = json!({ "wrapped": wrapped, "algorithm": "rsa-aes-kwp-sha256" });
    let unwrap = server.json(app, "POST", "/v1/keys/keyreeve-wrapping-key/unwrap", body).await;
    assert_eq!(unwrap.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn derived_keys_follow_from_their_inputs_alone() {
    let server = Server::start();
    // RFC 5869 appendix A.1: the first 32 bytes of its output.
    let ikm = base64(&[0x0b; 22]);
    let secret = json!({ "type": "secret", "name": "ikm", "data": ikm });
    server.admin("POST", "/v1/objects", secret).await;
    let derive = json!({
        "name": "derived", "algorithm": "aes-256", "method": "hkdf", "exportable": true, "sensitive": false,
        "salt": base64(&(0..=0x0c).collect::<Vec<u8>>()), "info": base64(&(0xf0..=0xf9).collect::<Vec<u8>>()),
    });
    let made = server.admin("POST", "/v1/keys/ikm/derive", derive).await;
    assert_eq!(made["algorithm"], "aes-256");
    let exported = server.admin("POST", "/v1/keys/derived/export", json!({ "format": "raw" })).await;
    let wanted: [u8; 32] = [
        0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac, 0xd5, 0x7a, 0x90, 0x43, 0x4f, 0x64, 0xd0, 0x36, 0x2f, 0x2a, 0x2d,
        0x2d, 0x0a, 0x90, 0xcf, 0x1a, 0x5a, 0x4c, 0x5d, 0xb0, 0x2d, 0x56, 0xec, 0xc4, 0xc5, 0xbf,
    ];
    assert_eq!(bytes(&exported["data"]), wanted);
}

#[tokio::test]
async fn data_keys_open_under_their_key_and_may_be_had_blind() {
    let server = Server::start();
    server.admin("POST", "/v1/keys", json!({ "name": "k", "algorithm": "aes-256" })).await;
    let context = json!({ "file": "1" });
    for bits in [128, 192, 256, 512] {
        let made =
            server.admin("POST", "/v1/keys/k/datakey", json!({ "bits": bits, "context": context })).await;
        let plaintext = bytes(&made["plaintext"]);
        assert_eq!(plaintext.len() * 8, bits);
        let body = json!({ "ciphertext": made["ciphertext"], "context": context });
        assert_eq!(bytes(&server.admin("POST", "/v1/keys/k/decrypt", body).await["plaintext"]), plaintext);
        let wrong = json!({ "ciphertext": made["ciphertext"] });
        assert_eq!(
            refused(&server, "POST", "/v1/keys/k/decrypt", wrong).await,
            (422, "crypto_failed".into())
        );
    }
    let added = server.admin("POST", "/v1/clients", json!({ "name": "app", "token": true })).await;
    let app = Proof::Token(added["token"].as_str().unwrap());
    let grant = json!({ "actions": ["datakey-without-plaintext"] });
    server.admin("PUT", "/v1/keys/k/grants/app", grant).await;
    let ask = async |plaintext: bool| {
        server.json(app, "POST", "/v1/keys/k/datakey", json!({ "plaintext": plaintext })).await
    };
    assert_eq!(ask(true).await.0, StatusCode::FORBIDDEN);
    let (status, blind) = ask(false).await;
    assert_eq!(status, StatusCode::OK);
    assert!(blind.get("plaintext").is_none() && blind["ciphertext"].is_string());
}
