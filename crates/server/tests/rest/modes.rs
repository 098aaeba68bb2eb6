//! Cipher modes and kinds of MAC that a request asks for, and keys derived by them: published values, and what is refused.

use hyper::{Request, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Proof, Server, base64, bytes};

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

async fn import(server: &Server, name: &str, algorithm: &str, material: &[u8], usage: Value) {
    let material = json!({ "format": "raw", "data": base64(material) });
    let key = json!({ "name": name, "algorithm": algorithm, "material": material, "usage": usage });
    server.admin("POST", "/v1/keys", key).await;
}

/// Its fields with everything that is bytes taken from hexadecimal.
fn request(mode: &str, fields: &[(&str, &str)]) -> Value {
    let mut request = json!({ "mode": mode });
    for (name, text) in fields {
        request[*name] = match *name {
            "padding" => (*text).into(),
            _ => base64(&hex(text)).into(),
        };
    }
    request
}

#[tokio::test]
async fn published_values_come_out_of_the_modes() {
    let server = Server::start();
    let usage = || json!(["encrypt", "decrypt"]);
    // SP 800-38D's validation (GCM test case 4), SP 800-38A F.2.1 and F.5.1.
    import(&server, "gcm", "aes-128", &hex("feffe9928665731c6d6a8f9467308308"), usage()).await;
    import(&server, "block", "aes-128", &hex("2b7e151628aed2a6abf7158809cf4f3c"), usage()).await;
    let gcm = [
        ("iv", "cafebabefacedbaddecaf888"),
        ("aad", "feedfacedeadbeeffeedfacedeadbeefabaddad2"),
        (
            "plaintext",
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
             1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        ),
    ];
    let made = server.admin("POST", "/v1/keys/gcm/encrypt", request("gcm", &gcm)).await;
    let ciphertext = "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e\
                      21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091";
    assert_eq!(bytes(&made["ciphertext"]), hex(ciphertext));
    assert_eq!(bytes(&made["tag"]), hex("5bc94fbc3221a5db94fae95ae7121a47"));
    assert!(made.get("iv").is_none(), "an IV that the caller chose is told again: {made}");
    let plaintext = ("plaintext", "6bc1bee22e409f96e93d7e117393172a");
    let cbc = [("iv", "000102030405060708090a0b0c0d0e0f"), ("padding", "none"), plaintext];
    let made = server.admin("POST", "/v1/keys/block/encrypt", request("cbc", &cbc)).await;
    assert_eq!(bytes(&made["ciphertext"]), hex("7649abac8119b246cee98e9b12e9197d"));
    let ctr = [("iv", "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"), plaintext];
    let made = server.admin("POST", "/v1/keys/block/encrypt", request("ctr", &ctr)).await;
    assert_eq!(bytes(&made["ciphertext"]), hex("874d6191b620e3261bef6864990db6ce"));
}

#[tokio::test]
async fn what_a_mode_makes_comes_back() {
    let server = Server::start();
    for (algorithm, modes) in [
        ("aes-256", &["gcm", "gcm-siv", "cbc", "ctr"][..]),
        ("aes-512", &["siv", "xts"]),
        ("chacha20-poly1305", &["aead"]),
        ("rsa-2048", &["oaep"]),
    ] {
        let key = json!({ "name": algorithm, "algorithm": algorithm, "usage": ["encrypt", "decrypt"] });
        server.admin("POST", "/v1/keys", key).await;
        let path = |op: &str| format!("/v1/keys/{algorithm}/{op}");
        for mode in modes {
            let plaintext = base64(b"thirty-three bytes of a plaintext");
            let asked = json!({ "mode": mode, "plaintext": plaintext });
            let mut made = server.admin("POST", &path("encrypt"), asked).await;
            assert_eq!(made.get("iv").is_none(), ["oaep", "siv"].contains(mode), "{mode}: {made}");
            assert_eq!(
                made.get("tag").is_none(),
                ["oaep", "cbc", "ctr", "xts"].contains(mode),
                "{mode}: {made}"
            );
            made["mode"] = (*mode).into();
            made.as_object_mut().unwrap().remove("object_id");
            let opened = server.admin("POST", &path("decrypt"), made).await;
            assert_eq!(opened["plaintext"], plaintext, "{mode}");
        }
    }
    // The same in bare bytes.
    let made = server.raw("/v1/keys/aes-256/encrypt?mode=gcm&aad=YWI", "data").await;
    let told = |name: &str| {
        let text = made.headers[name].to_str().unwrap();
        text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
    };
    let (iv, tag) = (told("keyreeve-iv"), told("keyreeve-tag"));
    let path = format!("/v1/keys/aes-256/decrypt?mode=gcm&aad=YWI&iv={iv}&tag={tag}");
    assert_eq!(server.raw(&path, made.body.clone()).await.body, "data");
    let path = format!("/v1/keys/aes-256/decrypt?mode=gcm&iv={iv}&tag={tag}");
    assert_eq!(server.raw(&path, made.body.clone()).await.json()["code"], "crypto_failed");
}

#[tokio::test]
async fn what_does_not_fit_the_key_or_the_caller_is_refused() {
    let server = Server::start();
    for algorithm in ["aes-256", "rsa-2048", "chacha20-poly1305", "x25519"] {
        let key = json!({ "name": algorithm, "algorithm": algorithm, "usage": ["encrypt", "decrypt"] });
        server.admin("POST", "/v1/keys", key).await;
    }
    let token = server.admin_token();
    for (key, mode) in [
        ("aes-256", "oaep"),
        ("aes-256", "ecb"),
        ("rsa-2048", "gcm"),
        ("chacha20-poly1305", "gcm"),
        ("chacha20-poly1305", "oaep"),
        ("x25519", "gcm"),
        ("x25519", "oaep"),
    ] {
        let body = json!({ "mode": mode, "plaintext": "eA==" });
        let path = format!("/v1/keys/{key}/encrypt");
        let (status, told) = server.json(Proof::Token(&token), "POST", &path, body).await;
        assert!(status.is_client_error(), "{key} {mode}: {told}");
    }
    let added = server.admin("POST", "/v1/clients", json!({ "name": "app", "token": true })).await;
    server.admin("PUT", "/v1/keys/aes-256/grants/app", json!({ "actions": ["encrypt"] })).await;
    let app = Proof::Token(added["token"].as_str().unwrap());
    let body = |iv: &[u8]| json!({ "mode": "gcm", "plaintext": "eA==", "iv": base64(iv) });
    let chosen = server.json(app, "POST", "/v1/keys/aes-256/encrypt", body(&[0; 12])).await;
    assert_eq!((chosen.0, &chosen.1["code"]), (StatusCode::FORBIDDEN, &json!("denied")));
    let body = json!({ "mode": "gcm", "plaintext": "eA==" });
    assert_eq!(server.json(app, "POST", "/v1/keys/aes-256/encrypt", body).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_key_makes_the_mac_that_is_asked_for_where_it_can() {
    let server = Server::start();
    let usage = || json!(["mac", "mac-verify"]);
    import(&server, "aes", "aes-256", &[7; 32], usage()).await;
    import(&server, "hmac", "hmac-sha256", &[7; 32], usage()).await;
    let mac = async |key: &str, algorithm: Value| {
        let body = json!({ "data": "eA==", "algorithm": algorithm });
        let token = server.admin_token();
        server.json(Proof::Token(&token), "POST", &format!("/v1/keys/{key}/mac"), body).await
    };
    let own = mac("hmac", Value::Null).await.1["mac"].clone();
    assert_eq!(mac("hmac", json!("hmac-sha256")).await.1["mac"], own);
    assert_eq!(mac("aes", json!("hmac-sha256")).await.1["mac"], own);
    assert_eq!(mac("aes", json!("cmac")).await.1["mac"], mac("aes", Value::Null).await.1["mac"]);
    assert!(mac("hmac", json!("hmac-sha512")).await.0.is_client_error());
    assert!(mac("hmac", json!("cmac")).await.0.is_client_error());
    let body = json!({ "data": "eA==", "mac": own, "algorithm": "hmac-sha256" });
    assert_eq!(server.admin("POST", "/v1/keys/aes/mac/verify", body).await["valid"], true);
    let request = Request::post("/v1/keys/aes/mac?algorithm=hmac-sha256");
    let request = request.header("content-type", "application/octet-stream").body("x".into()).unwrap();
    let raw = server.send(Proof::Token(&server.admin_token()), request).await;
    assert_eq!(raw.body, bytes(&own));
}

#[tokio::test]
async fn keys_are_derived_by_hash_hmac_and_encryption() {
    let server = Server::start();
    let usage = json!(["derive", "encrypt", "decrypt"]);
    import(&server, "base", "aes-256", &[0; 32], usage).await;
    import(&server, "hmac", "hmac-sha256", &[0; 32], json!(["mac"])).await;
    let derived = async |name: &str, fields: Value| {
        let mut body = json!({ "name": name, "bytes": 16, "exportable": true, "sensitive": false });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        server.admin("POST", "/v1/keys/base/derive", body).await;
        let data = server.admin("GET", &format!("/v1/objects/{name}/data"), Value::Null).await;
        bytes(&data["data"])
    };
    let (data, iv) = (base64(&[5; 16]), base64(&[6; 16]));
    assert_eq!(derived("a", json!({ "method": "hash" })).await, hex("66687aadf862bd776c8fc18b8e9f8e20"));
    let mac = bytes(&server.admin("POST", "/v1/keys/hmac/mac", json!({ "data": data })).await["mac"]);
    assert_eq!(derived("b", json!({ "method": "hmac", "data": data })).await, mac[..16]);
    for mode in ["cbc", "ctr"] {
        let asked = json!({ "mode": mode, "iv": iv, "plaintext": data });
        let made = server.admin("POST", "/v1/keys/base/encrypt", asked).await;
        let fields = json!({ "method": "encrypt", "mode": mode, "iv": iv, "data": data });
        assert_eq!(derived(mode, fields).await, bytes(&made["ciphertext"])[..16], "{mode}");
    }
    let token = server.admin_token();
    for wrong in [
        json!({ "method": "hash", "salt": "AAAA" }),
        json!({ "method": "hmac" }),
        json!({ "method": "encrypt", "data": data, "mode": "cbc" }),
        json!({ "method": "encrypt", "data": data, "mode": "ecb" }),
        json!({ "method": "hkdf", "data": data }),
        json!({ "method": "sp800-108-counter", "salt": "AAAA" }),
    ] {
        let mut body = json!({ "name": "wrong", "bytes": 16 });
        body.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let (status, _) = server.json(Proof::Token(&token), "POST", "/v1/keys/base/derive", body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}
