//! What fuzzing needs of front-ends and decoders that nobody outside may call. Not here: inputs, and who makes them up
//! (crates/fuzz).

use axum::extract::Request;
use axum::response::Response;
use keyreeve_core::model::KeyMaterial;
use keyreeve_core::operations::import::Decoded;
use keyreeve_core::{Result, SecretBytes};
use tower::ServiceExt as _;

use crate::frontends::rest::material::{FORMATS, decoded};
use crate::frontends::rest::{Rest, jwk};
use crate::listen::Peer;

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
