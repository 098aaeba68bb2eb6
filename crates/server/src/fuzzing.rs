//! What fuzzing needs of front-ends and decoders that nobody outside may call. Not here: inputs, and who makes them up
//! (crates/fuzz).

use axum::extract::Request;
use axum::response::Response;
use keyreeve_core::model::KeyMaterial;
use keyreeve_core::operations::import::Decoded;
use keyreeve_core::{Result, SecretBytes};
use tower::ServiceExt as _;

use crate::authn::jwt;
use crate::config::{JwtAlgorithm, JwtIssuer};
use crate::frontends::rest::material::{FORMATS, decoded};
use crate::frontends::rest::{Rest, jwk};
use crate::listen::Peer;
use crate::notify;

/// Answers one request of REST as a connection of this peer would.
pub async fn rest(rest: &Rest, peer: Peer, mut request: Request) -> Response {
    request.extensions_mut().insert(peer);
    match rest.router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Reads key material in the format of this number, as it is imported over REST. May hold secrets.
///
/// # Errors
/// The importer's.
pub fn material(format: u8, bytes: SecretBytes) -> Result<Decoded> {
    decoded(FORMATS[usize::from(format) % FORMATS.len()], bytes)
}

/// A key as a JSON Web Key; `spki`: its public half, where it has one. Holds secrets.
///
/// # Errors
/// `Unsupported` where JWK has no name for it.
pub fn json_web_key(material: &KeyMaterial, spki: Option<&[u8]>) -> Result<SecretBytes> {
    let jwk = jwk::encode(material, spki)?;
    Ok(SecretBytes::new(serde_json::Value::from(jwk).to_string().into_bytes()))
}

/// Reads a JSON Web Token as one of an issuer that takes every algorithm. Whether it was read.
pub fn json_web_token(text: &str) -> bool {
    jwt::read_token(text, &issuer(), AT_SECONDS)
}

/// Reads an issuer's keys, and tries each against a token that nobody signed. Whether they were read.
pub fn json_web_key_set(bytes: &[u8]) -> bool {
    jwt::read_keys(bytes, UNSIGNED, &issuer())
}

/// Reads the answers of a mail server, to STARTTLS and to a message. Whether one of these was taken.
pub fn smtp_answers(bytes: &[u8]) -> bool {
    notify::smtp_takes(bytes).unwrap_or(false)
}

/// The moment at which tokens are read, in Unix seconds.
const AT_SECONDS: i64 = 1_767_225_600;

/// `{"alg":"RS256"}`, `{"iss":"https://id"}`, and no signature.
const UNSIGNED: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lkIn0.";

fn issuer() -> JwtIssuer {
    use JwtAlgorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    JwtIssuer {
        name: "fuzz".to_owned(),
        issuer: "https://id".to_owned(),
        audiences: vec!["keyreeve".to_owned()],
        jwks_file: None,
        jwks_url: None,
        ca_file: None,
        algorithms: vec![RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA],
        clock_skew_seconds: 60,
        keys_seconds_max: 3600,
        subject_claim: "sub".to_owned(),
        realms: vec!["default".to_owned()],
        private_addresses: false,
    }
}
