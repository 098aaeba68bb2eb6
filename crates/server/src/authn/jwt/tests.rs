//! Tokens of an issuer on this machine, and everything that somebody may try with them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use aws_lc_rs::{hmac, rsa};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyreeve_core::model::Time;
use keyreeve_crypto::SoftwareCrypto;
use keyreeve_pki::{CertificateAuthority, Validity, pem};
use parking_lot::Mutex;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::{Issuers, Proven};
use crate::config::{JwtAlgorithm, JwtIssuer};

/// A second of these tests, by a clock of their own.
const NOW: i64 = 1_800_000_000;

/// A key of an issuer.
struct Signer {
    id: &'static str,
    key: EcdsaKeyPair,
}

impl Signer {
    fn new(id: &'static str) -> Self {
        Self { id, key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap() }
    }

    fn jwk(&self) -> Value {
        let point = self.key.public_key().as_ref();
        let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
        json!({ "kty": "EC", "crv": "P-256", "kid": self.id, "use": "sig", "x": x, "y": y })
    }

    fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({ "alg": "ES256", "kid": self.id, "typ": "JWT" }), claims)
    }

    fn token_with(&self, header: &Value, claims: &Value) -> String {
        token(header, claims, |signed| self.key.sign(&SystemRandom::new(), signed).unwrap().as_ref().to_vec())
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn token(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let [header, claims] = [header, claims].map(|part| encode(part.to_string().as_bytes()));
    let signed = format!("{header}.{claims}");
    let signature = encode(&sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// What an issuer answers to a path: status, headers, body.
type Answer = (u16, String, String);

/// An issuer on this machine. It answers what it is told to, and ends with the test.
struct Issuer {
    address: String,
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    asked: Arc<AtomicUsize>,
    ca_file: PathBuf,
    serving: JoinHandle<()>,
    _folder: TempDir,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Issuer {
    async fn start() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let made = CertificateAuthority::create(now).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, pem::encode_certificate(&made.certificate)).unwrap();
        let authority = CertificateAuthority::load(made.certificate, &made.key).unwrap();
        let validity = Validity { from_seconds: now, days: 1 };
        let shown = authority.issue_server(&["127.0.0.1".try_into().unwrap()], validity).unwrap();
        let key = PrivatePkcs8KeyDer::from(shown.key.pkcs8_der().to_vec());
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![shown.certificate], key.into())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        let answers: Arc<Mutex<HashMap<String, Answer>>> = Arc::default();
        let asked: Arc<AtomicUsize> = Arc::default();
        let serving = tokio::spawn(serve(listener, acceptor, answers.clone(), asked.clone()));
        Self { address, answers, asked, ca_file, serving, _folder: folder }
    }

    fn says(&self, path: &str, status: u16, headers: &str, body: &Value) {
        self.answers.lock().insert(path.to_owned(), (status, headers.to_owned(), body.to_string()));
    }

    fn has(&self, keys: &[&Signer]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
        self.says("/keys", 200, "", &json!({ "keys": keys }));
    }

    fn settings(&self) -> JwtIssuer {
        JwtIssuer {
            name: "corp".to_owned(),
            issuer: self.address.clone(),
            audiences: vec!["keyreeve".to_owned()],
            jwks_file: None,
            jwks_url: Some(format!("{}/keys", self.address)),
            ca_file: Some(self.ca_file.clone()),
            algorithms: vec![JwtAlgorithm::ES256],
            clock_skew_seconds: 60,
            keys_seconds_max: 3600,
            subject_claim: "sub".to_owned(),
            private_addresses: true,
            realms: vec!["default".to_owned()],
        }
    }

    fn claims(&self) -> Value {
        json!({ "iss": self.address, "aud": "keyreeve", "sub": "alice", "exp": NOW + 600, "iat": NOW })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    asked: Arc<AtomicUsize>,
) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let Ok(mut stream) = acceptor.accept(socket).await else { continue };
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if stream.read(&mut byte).await.unwrap_or(0) == 0 {
                break;
            }
            request.push(byte[0]);
        }
        asked.fetch_add(1, Ordering::SeqCst);
        let request = String::from_utf8(request).unwrap();
        let path = request.split(' ').nth(1).unwrap_or_default();
        let missing = || (404, String::new(), String::new());
        let (status, headers, body) = answers.lock().get(path).cloned().unwrap_or_else(missing);
        let answer = format!("HTTP/1.1 {status} x\r\n{headers}content-length: {}\r\n\r\n{body}", body.len());
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
    }
}

fn issuers(settings: JwtIssuer) -> Issuers {
    Issuers::new(&[settings]).unwrap()
}

async fn verify(issuers: &Issuers, token: &str, now_seconds: i64) -> Result<Proven, String> {
    issuers.verify(&SoftwareCrypto::new(), token, Time::from_seconds(now_seconds)).await
}

#[track_caller]
fn refused(proven: Result<Proven, String>, told: &str) {
    match proven {
        Ok(proven) => panic!("taken for {}", proven.subject),
        Err(cause) => assert!(cause.contains(told), "{cause}"),
    }
}

#[tokio::test]
async fn a_token_of_the_issuer_proves_its_subject_until_it_expires() {
    let (issuer, key) = (Issuer::start().await, Signer::new("1"));
    issuer.has(&[&key]);
    let all = issuers(issuer.settings());
    let proven = verify(&all, &key.token(&issuer.claims()), NOW).await.unwrap();
    assert_eq!((proven.subject.subject.as_str(), proven.subject.name.as_str()), ("alice", "corp"));
    assert_eq!(proven.expires, Time::from_seconds(NOW + 660));
    let configured = all.subject("corp", "alice").unwrap();
    assert_eq!(configured.credential(&SoftwareCrypto::new(), None).id, proven.id);
    let other = all.subject("corp", "bob").unwrap();
    assert_ne!(other.credential(&SoftwareCrypto::new(), None).id, proven.id);
    assert!(all.subject("corp", "").is_err() && all.subject("elsewhere", "alice").is_err());
    // A list of audiences, a key that is not named, and a type of RFC 9068.
    let mut claims = issuer.claims();
    claims["aud"] = json!(["other", "keyreeve"]);
    let header = json!({ "alg": "ES256", "typ": "application/at+JWT" });
    assert!(verify(&all, &key.token_with(&header, &claims), NOW).await.is_ok());
    assert_eq!(issuer.asked(), 1, "keys that are known are not fetched again");
}

#[tokio::test]
async fn jwt_with_alg_none_is_refused() {
    let (issuer, key) = (Issuer::start().await, Signer::new("1"));
    issuer.has(&[&key]);
    let all = issuers(issuer.settings());
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        for signature in [Vec::new(), vec![0; 64]] {
            let header = json!({ "alg": alg, "kid": "1" });
            let forged = token(&header, &issuer.claims(), |_| signature.clone());
            refused(verify(&all, &forged, NOW).await, "its algorithm is none that is allowed");
        }
    }
    // Nothing is signed, whatever the header says.
    let unsigned = token(&json!({ "alg": "ES256", "kid": "1" }), &issuer.claims(), |_| Vec::new());
    refused(verify(&all, &unsigned, NOW).await, "signature is wrong");
    let zeros = token(&json!({ "alg": "ES256", "kid": "1" }), &issuer.claims(), |_| vec![0; 64]);
    refused(verify(&all, &zeros, NOW).await, "signature is wrong");
}

#[tokio::test]
async fn jwt_of_hs256_signed_with_the_rsa_public_key_is_refused() {
    let issuer = Issuer::start().await;
    let pair: RsaKeyPair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let der = pair.public_key().as_ref().to_vec();
    let public = pkcs1::RsaPublicKeyRef::try_from(&*der).unwrap();
    let (n, e) = (encode(public.modulus.as_bytes()), encode(public.public_exponent.as_bytes()));
    let jwk = json!({ "kty": "RSA", "kid": "1", "n": n, "e": e });
    issuer.says("/keys", 200, "", &json!({ "keys": [jwk] }));
    let all = issuers(JwtIssuer { algorithms: vec![JwtAlgorithm::RS256], ..issuer.settings() });
    let sign = |signed: &[u8]| {
        let mut signature = vec![0; 256];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed, &mut signature).unwrap();
        signature
    };
    let good = token(&json!({ "alg": "RS256", "kid": "1" }), &issuer.claims(), sign);
    assert!(verify(&all, &good, NOW).await.is_ok());
    let pem = pem::encode("RSA PUBLIC KEY", &der);
    for secret in [&*der, pem.as_bytes(), public.modulus.as_bytes(), n.as_bytes(), jwk.to_string().as_bytes()]
    {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        for alg in ["HS256", "RS256"] {
            let header = json!({ "alg": alg, "kid": "1" });
            let forged =
                token(&header, &issuer.claims(), |signed| hmac::sign(&key, signed).as_ref().to_vec());
            assert!(verify(&all, &forged, NOW).await.is_err(), "{alg}");
        }
    }
    // Another algorithm of the same key is not allowed because the key is.
    let other = token(&json!({ "alg": "PS256", "kid": "1" }), &issuer.claims(), sign);
    refused(verify(&all, &other, NOW).await, "its algorithm is none that is allowed");
}

#[tokio::test]
async fn jwt_of_a_wrong_issuer_or_for_a_wrong_audience_is_refused() {
    let (issuer, key) = (Issuer::start().await, Signer::new("1"));
    issuer.has(&[&key]);
    let all = issuers(issuer.settings());
    for (claim, value, told) in [
        ("iss", json!("https://elsewhere.example"), "does not name"),
        ("iss", json!(format!("{}/", issuer.address)), "does not name"),
        ("iss", json!([issuer.address]), "claims that are none"),
        ("aud", json!("other"), "another audience"),
        ("aud", json!("KEYREEVE"), "another audience"),
        ("aud", json!("keyreeve "), "another audience"),
        ("aud", json!([]), "another audience"),
        ("aud", Value::Null, "no audience"),
        ("sub", Value::Null, "subject is missing"),
        ("sub", json!(7), "subject is missing"),
        ("sub", json!("a\nb"), "control characters"),
        ("sub", json!("x".repeat(257)), "256 bytes"),
        ("events", json!({}), "of a type"),
    ] {
        let mut claims = issuer.claims();
        claims[claim] = value;
        refused(verify(&all, &key.token(&claims), NOW).await, told);
    }
    for (header, told) in [
        (json!({ "alg": "ES256", "kid": "1", "typ": "logout+jwt" }), "of a type"),
        (json!({ "alg": "ES256", "kid": "1", "crit": ["b64"], "b64": false }), "must be understood"),
    ] {
        refused(verify(&all, &key.token_with(&header, &issuer.claims()), NOW).await, told);
    }
}

#[tokio::test]
async fn jwt_that_expired_or_is_of_the_future_is_refused() {
    let (issuer, key) = (Issuer::start().await, Signer::new("1"));
    issuer.has(&[&key]);
    let all = issuers(issuer.settings());
    for (claim, value, told) in [
        ("exp", json!(NOW - 60), "expired"),
        ("exp", json!(-1), "a date that is none"),
        ("exp", json!(1e300), "a date that is none"),
        ("exp", Value::Null, "when it expires"),
        ("exp", json!("never"), "claims that are none"),
        ("nbf", json!(NOW + 61), "of the future"),
        ("iat", json!(NOW + 61), "of the future"),
    ] {
        let mut claims = issuer.claims();
        claims[claim] = value;
        refused(verify(&all, &key.token(&claims), NOW).await, told);
    }
    for (claim, value) in [("exp", NOW - 59), ("nbf", NOW + 60), ("iat", NOW + 60)] {
        let mut claims = issuer.claims();
        claims[claim] = json!(value);
        assert!(verify(&all, &key.token(&claims), NOW).await.is_ok(), "the clocks may differ: {claim}");
    }
}

#[tokio::test]
async fn keys_rotate_and_an_unknown_key_id_asks_the_issuer_seldom() {
    let issuer = Issuer::start().await;
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    issuer.has(&[&old]);
    let all = issuers(issuer.settings());
    assert!(verify(&all, &old.token(&issuer.claims()), NOW).await.is_ok());
    // Signed by a key that the issuer never had, however often.
    for second in 1..10 {
        refused(verify(&all, &new.token(&issuer.claims()), NOW + second).await, "no key of its issuer fits");
    }
    assert_eq!(issuer.asked(), 1);
    issuer.has(&[&new]);
    assert!(verify(&all, &new.token(&issuer.claims()), NOW + 10).await.is_ok());
    refused(verify(&all, &old.token(&issuer.claims()), NOW + 11).await, "no key of its issuer fits");
    assert_eq!(issuer.asked(), 2);
    // A key of the same id that is another one.
    refused(verify(&all, &Signer::new("new").token(&issuer.claims()), NOW + 11).await, "signature is wrong");
}

#[tokio::test]
async fn an_issuer_that_is_down_lets_nobody_in() {
    let (issuer, key) = (Issuer::start().await, Signer::new("1"));
    let all = issuers(JwtIssuer { keys_seconds_max: 400, ..issuer.settings() });
    let mut claims = issuer.claims();
    claims["exp"] = json!(NOW + 100_000);
    let token = key.token(&claims);
    refused(verify(&all, &token, NOW).await, "keys cannot be had");
    for answer in
        [json!("no keys"), json!({ "keys": [] }), json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] })]
    {
        issuer.says("/keys", 200, "", &answer);
        let later = NOW + 10 * i64::try_from(issuer.asked()).unwrap();
        refused(verify(&all, &token, later).await, "keys cannot be had");
    }
    issuer.has(&[&key]);
    assert!(verify(&all, &token, NOW + 100).await.is_ok());
    issuer.serving.abort();
    assert!(verify(&all, &token, NOW + 499).await.is_ok(), "keys serve for a while");
    refused(verify(&all, &token, NOW + 500).await, "keys cannot be had");
    refused(verify(&all, &token, NOW - 500).await, "keys cannot be had");
}

#[tokio::test]
async fn a_redirect_of_the_keys_is_not_followed() {
    let (issuer, key) = (Issuer::start().await, Signer::new("1"));
    issuer.has(&[&key]);
    for status in [301, 302, 303, 307, 308] {
        issuer.says("/moved", status, "location: /keys\r\n", &json!({ "keys": [key.jwk()] }));
        let settings = JwtIssuer { jwks_url: Some(format!("{}/moved", issuer.address)), ..issuer.settings() };
        refused(verify(&issuers(settings), &key.token(&issuer.claims()), NOW).await, "cannot be had");
    }
    assert_eq!(issuer.asked(), 5, "nothing but the redirects was asked for");
}

#[tokio::test]
async fn keys_on_this_machine_are_fetched_only_where_that_is_allowed() {
    let (issuer, key) = (Issuer::start().await, Signer::new("1"));
    issuer.has(&[&key]);
    let settings = JwtIssuer { private_addresses: false, ..issuer.settings() };
    refused(verify(&issuers(settings), &key.token(&issuer.claims()), NOW).await, "cannot be had");
    assert_eq!(issuer.asked(), 0);
}

#[tokio::test]
async fn an_issuer_says_where_its_keys_are_and_a_token_never_does() {
    let (issuer, key) = (Issuer::start().await, Signer::new("1"));
    issuer.has(&[&key]);
    let discovery = "/.well-known/openid-configuration";
    let jwks_uri = format!("{}/keys", issuer.address);
    issuer.says(discovery, 200, "", &json!({ "issuer": issuer.address, "jwks_uri": jwks_uri }));
    let settings = JwtIssuer { jwks_url: None, ..issuer.settings() };
    assert!(verify(&issuers(settings.clone()), &key.token(&issuer.claims()), NOW).await.is_ok());
    for (said, jwks_uri) in [
        ("https://elsewhere.example", jwks_uri.as_str()),
        (issuer.address.as_str(), "http://127.0.0.1/keys"),
        (issuer.address.as_str(), "https://169.254.169.254/keys"),
        (issuer.address.as_str(), "https://[::ffff:169.254.169.254]/keys"),
    ] {
        issuer.says(discovery, 200, "", &json!({ "issuer": said, "jwks_uri": jwks_uri }));
        let token = key.token(&issuer.claims());
        refused(verify(&issuers(settings.clone()), &token, NOW).await, "cannot be had");
    }
    let mallory = Signer::new("m");
    issuer.says("/mallory", 200, "", &json!({ "keys": [mallory.jwk()] }));
    let asked = issuer.asked();
    let address = format!("{}/mallory", issuer.address);
    let all = issuers(issuer.settings());
    for header in [
        json!({ "alg": "ES256", "kid": "m", "jku": address }),
        json!({ "alg": "ES256", "kid": "m", "jwk": mallory.jwk() }),
        json!({ "alg": "ES256", "kid": "m", "x5u": address, "x5c": ["AAAA"] }),
        json!({ "alg": "ES256", "kid": address }),
    ] {
        refused(verify(&all, &mallory.token_with(&header, &issuer.claims()), NOW).await, "no key");
    }
    assert_eq!(issuer.asked(), asked + 1, "only where the configuration says");
}

#[tokio::test]
async fn a_projected_token_of_a_kubernetes_service_account_proves_it_by_keys_from_a_file() {
    let (folder, key) = (tempfile::tempdir().unwrap(), Signer::new("k"));
    let (file, issuer) = (folder.path().join("jwks.json"), Issuer::start().await);
    std::fs::write(&file, json!({ "keys": [key.jwk()] }).to_string()).unwrap();
    let cluster = "https://kubernetes.default.svc.cluster.local";
    let settings = JwtIssuer {
        issuer: cluster.to_owned(),
        jwks_file: Some(file.clone()),
        jwks_url: None,
        ca_file: None,
        private_addresses: false,
        ..issuer.settings()
    };
    let all = issuers(settings);
    let claims = json!({
        "aud": ["keyreeve"], "exp": NOW + 3607, "iat": NOW, "nbf": NOW, "iss": cluster, "jti": "1",
        "kubernetes.io": { "namespace": "shop", "serviceaccount": { "name": "billing", "uid": "u" } },
        "sub": "system:serviceaccount:shop:billing"
    });
    let header = json!({ "alg": "ES256", "kid": "k" });
    let proven = verify(&all, &key.token_with(&header, &claims), NOW).await.unwrap();
    assert_eq!(proven.subject.subject, "system:serviceaccount:shop:billing");
    // The cluster's keys are replaced.
    let next = Signer::new("next");
    std::fs::write(&file, json!({ "keys": [next.jwk()] }).to_string()).unwrap();
    assert!(verify(&all, &next.token(&claims), NOW + 10).await.is_ok());
    refused(verify(&all, &key.token(&claims), NOW + 10).await, "no key of its issuer fits");
    assert_eq!(issuer.asked(), 0);
}

#[tokio::test]
async fn what_is_no_token_is_refused_without_a_word_of_it() {
    let issuer = Issuer::start().await;
    let all = issuers(issuer.settings());
    let long = format!("a.{}.b", "x".repeat(9000));
    for text in ["..", "a.b.c", "hunter2.hunter2.hunter2", "e30.e30.e30", &long] {
        let cause = verify(&all, text, NOW).await.map(|proven| proven.id).unwrap_err();
        assert!(!cause.contains("hunter2") && cause.len() < 200, "{cause}");
    }
    let nested = encode(format!("{{\"iss\":{}1", "[".repeat(5000)).as_bytes());
    refused(verify(&all, &format!("{}.{nested}.a", encode(b"{\"alg\":\"ES256\"}")), NOW).await, "claims");
}
