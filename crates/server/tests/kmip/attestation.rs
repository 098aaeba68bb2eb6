//! Attestations: a nonce of the server's, borne by a token of whom the configuration names, for each request that takes one.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyreeve_kmip::Version;
use keyreeve_kmip::enums::{AttestationType, QueryFunction, ResultReason, ResultStatus};
use keyreeve_kmip::message::{
    AttestationCredential, Authentication, Credential, Nonce, RequestItem, RequestMessage, ResponseMessage,
};
use keyreeve_kmip::payloads::Response;
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::payloads::query::QueryRequest;
use keyreeve_kmip::values::UniqueIdentifier;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Client, Server};

const V: Version = Version::V2_1;
const TOKEN: AttestationType = AttestationType::Unnamed(0x8B52_0001);
const HOUR: u64 = 3600;

/// Who attests, with the key in a file that the configuration names.
struct Attester {
    key: Ed25519KeyPair,
    folder: TempDir,
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Attester {
    fn new() -> Self {
        let key = Ed25519KeyPair::generate().unwrap();
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(key.public_key()), "kid": "1", "alg": "EdDSA" });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("keys.json"), json!({ "keys": [jwk] }).to_string()).unwrap();
        Self { key, folder }
    }

    /// A server that takes attestations of it for Get, and knows `host-1` as the administrator's.
    fn server(&self) -> Server {
        let issuer = json!({
            "name": "attester", "issuer": "urn:attester", "audiences": ["keyreeve"], "algorithms": ["EdDSA"],
            "jwks_file": self.folder.path().join("keys.json"),
        });
        let server = Server::start_with(|config| {
            config.authn.jwt = vec![serde_json::from_value(issuer).unwrap()];
            config.kmip.attestation_issuer = Some("attester".to_owned());
        });
        let jwt = json!({ "issuer": "attester", "subject": "host-1" });
        server.post("/v1/credentials", &json!({ "client": "admin", "jwt": jwt }));
        server
    }

    fn token(&self, subject: &str, nonce: &Value) -> String {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let claims = json!({
            "iss": "urn:attester", "aud": "keyreeve", "sub": subject, "exp": now + HOUR, "eat_nonce": nonce,
        });
        let header = json!({ "alg": "EdDSA", "kid": "1", "typ": "JWT" });
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = encode(self.key.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

fn get(id: &UniqueIdentifier, capable: bool, attestation: Option<AttestationCredential>) -> RequestMessage {
    let get = GetRequest { unique_identifier: Some(id.clone()), ..GetRequest::default() };
    let mut message = RequestMessage::new(V, vec![RequestItem::new(get.into())]);
    message.header.attestation_capable_indicator = Some(capable);
    message.header.authentication =
        attestation.map(|given| Authentication { credentials: vec![Credential::Attestation(given)] });
    message
}

fn reason(answer: &ResponseMessage) -> Option<ResultReason> {
    answer.items[0].result_reason
}

fn nonce(client: &mut Client, id: &UniqueIdentifier) -> Nonce {
    let answer = client.exchange(&get(id, true, None));
    assert_eq!(reason(&answer), Some(ResultReason::AttestationRequired));
    assert_eq!(answer.header.attestation_types, [TOKEN]);
    answer.header.nonce.unwrap()
}

fn attested(nonce: &Nonce, token: &str) -> Option<AttestationCredential> {
    Some(AttestationCredential {
        nonce: nonce.clone(),
        attestation_type: TOKEN,
        attestation_measurement: None,
        attestation_assertion: Some(token.as_bytes().to_vec()),
    })
}

#[test]
fn a_key_is_given_to_who_brings_an_attestation_for_this_request() {
    let attester = Attester::new();
    let server = attester.server();
    let mut client = server.connect();
    let id = client.create(V, "attested");
    let answer = client.exchange(&get(&id, false, None));
    assert_eq!(reason(&answer), Some(ResultReason::PermissionDenied));
    assert!(answer.header.nonce.is_none(), "who cannot attest is given no nonce");
    let given = nonce(&mut client, &id);
    let token = attester.token("host-1", &json!(encode(&given.nonce_value)));
    let right = get(&id, true, attested(&given, &token));
    let answer = client.exchange(&right);
    assert_eq!(answer.items[0].result_status, ResultStatus::Success, "{:?}", answer.items[0].result_message);
    assert!(matches!(answer.items[0].payload, Some(Response::Get(_))));
    // A nonce is good once.
    assert_eq!(reason(&client.exchange(&right)), Some(ResultReason::AttestationFailed));
    let told = server.rest("GET", "/v1/journal?kind=other-request", &Value::Null);
    let told: Vec<_> =
        told["entries"].as_array().unwrap().iter().map(|entry| entry["target"].clone()).collect();
    assert_eq!(told, ["Get"; 3], "each that the header refused is on record: {told:?}");
    let query_functions = vec![QueryFunction::QueryAttestationTypes, QueryFunction::QueryCapabilities];
    let query = QueryRequest { query_functions, ..QueryRequest::default() };
    let Response::Query(told) = client.done(V, query) else { panic!() };
    assert_eq!(told.attestation_types, [TOKEN]);
    assert_eq!(told.capability_information[0].attestation_capability, Some(true));
}

#[test]
fn what_attests_something_else_is_refused() {
    let attester = Attester::new();
    let server = attester.server();
    let mut client = server.connect();
    let id = client.create(V, "attested");
    let stranger = Attester::new();
    let wrong: [&dyn Fn(&Nonce) -> String; 5] = [
        &|_| attester.token("host-1", &json!("another nonce")),
        &|_| attester.token("host-1", &Value::Null),
        &|given| attester.token("host-2", &json!(encode(&given.nonce_value))),
        &|given| stranger.token("host-1", &json!(encode(&given.nonce_value))),
        &|_| "no token".to_owned(),
    ];
    let failed = Some(ResultReason::AttestationFailed);
    for (index, token) in wrong.iter().enumerate() {
        let given = nonce(&mut client, &id);
        let answer = client.exchange(&get(&id, true, attested(&given, &token(&given))));
        assert_eq!(reason(&answer), failed, "{index}");
        assert!(answer.items[0].payload.is_none());
    }
    // A measurement, a nonce of somebody's own.
    let given = nonce(&mut client, &id);
    let token = attester.token("host-1", &json!([encode(&given.nonce_value)]));
    let mut measured = attested(&given, &token).unwrap();
    (measured.attestation_assertion, measured.attestation_measurement) = (None, Some(token.into_bytes()));
    assert_eq!(reason(&client.exchange(&get(&id, true, Some(measured)))), failed);
    let own = Nonce { nonce_id: vec![7; 16], nonce_value: vec![7; 32] };
    let token = attester.token("host-1", &json!(encode(&own.nonce_value)));
    assert_eq!(reason(&client.exchange(&get(&id, true, attested(&own, &token)))), failed);
}
