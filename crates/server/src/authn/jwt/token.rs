//! Reading a JSON Web Token, and what its header and its claims must say. Not here: its signature (keys).
//!
//! What is read before the signature is checked chooses among what the configuration names, and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value};

use crate::config::{JwtAlgorithm, JwtIssuer};

/// Bytes of a token at most.
const TOKEN_BYTES_MAX: usize = 8 << 10;
/// Types of tokens that are taken; others that an issuer signs, such as logout tokens, prove something else. A token may have
/// none.
const TYPES: [&str; 2] = ["jwt", "at+jwt"];
/// The last second that a date has: the end of the year 9999.
const SECONDS_MAX: f64 = 253_402_300_799.0;

/// A token, as it was sent. INVARIANT: nothing of it is proven but by `Key::verifies`.
pub(super) struct Token<'a> {
    header: Header,
    claims: Claims,
    /// What the signature is over.
    pub(super) signed: &'a str,
    /// The signature in base64url.
    pub(super) signature: &'a str,
}

/// What counts of the header. Keys and addresses of keys in it (`jwk`, `jku`, `x5c`, `x5u`) are not even read.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Option<Audiences>,
    exp: Option<f64>,
    nbf: Option<f64>,
    iat: Option<f64>,
    /// What security events and logout tokens have, and nothing that says who asks.
    events: Option<IgnoredAny>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audiences {
    One(String),
    Many(Vec<String>),
}

impl<'a> Token<'a> {
    /// Reads a token in the compact form.
    ///
    /// # Errors
    /// What is wrong with it.
    ///
    /// # Standard
    /// RFC 7519 section 3, RFC 7515 section 7.1.
    pub(super) fn read(text: &'a str) -> Result<Self, &'static str> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err("a JSON Web Token of more than 8 KiB");
        }
        let wrong = "a bearer token that is no JSON Web Token";
        let (signed, signature) = text.rsplit_once('.').ok_or(wrong)?;
        let (header, claims) = signed.split_once('.').ok_or(wrong)?;
        Ok(Self {
            header: json(header).ok_or(wrong)?,
            claims: json(claims).ok_or("a JSON Web Token without an issuer, or with claims that are none")?,
            signed,
            signature,
        })
    }

    /// Who says that it issued the token.
    pub(super) fn issuer(&self) -> &str {
        &self.claims.iss
    }

    /// Which key is said to have signed it.
    pub(super) fn key_id(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// How it is signed, where that is one of those allowed.
    ///
    /// # Errors
    /// Where it is not; where the header says that something must be understood.
    pub(super) fn algorithm(&self, allowed: &[JwtAlgorithm]) -> Result<JwtAlgorithm, &'static str> {
        if self.header.crit.is_some() {
            return Err("its header has a part that must be understood (crit)");
        }
        let named = StrDeserializer::<serde::de::value::Error>::new(&self.header.alg);
        let algorithm = JwtAlgorithm::deserialize(named).ok();
        algorithm
            .filter(|algorithm| allowed.contains(algorithm))
            .ok_or("its algorithm is none that is allowed for this issuer")
    }

    /// Whom it stands for.
    ///
    /// # Errors
    /// Where the claim is missing, or is no text.
    pub(super) fn subject(&self, claim: &str) -> Result<&str, &'static str> {
        let subject = if claim == "iss" { None } else { self.claims.others.get(claim) };
        subject.and_then(Value::as_str).ok_or("the claim that names its subject is missing, or is no text")
    }

    /// Whether it was made for this nonce.
    pub(super) fn bears(&self, nonce: &str) -> bool {
        match self.claims.others.get("eat_nonce") {
            Some(Value::String(told)) => told == nonce,
            Some(Value::Array(told)) => told.iter().any(|told| told.as_str() == Some(nonce)),
            _ => false,
        }
    }

    /// Whether it is for this server, and counts now. The second from which on it does not.
    ///
    /// # Errors
    /// Why not.
    ///
    /// # Standard
    /// RFC 7519 section 4.1, RFC 8725 sections 3.8 to 3.11.
    pub(super) fn check(&self, settings: &JwtIssuer, now_seconds: i64) -> Result<i64, &'static str> {
        let Claims { aud, exp, nbf, iat, events, .. } = &self.claims;
        if self.header.typ.as_deref().is_some_and(|name| !is_taken(name)) || events.is_some() {
            return Err("it is of a type that says nothing of who asks");
        }
        let named = match aud {
            None => return Err("it names no audience"),
            Some(Audiences::One(one)) => std::slice::from_ref(one),
            Some(Audiences::Many(many)) => many,
        };
        if !named.iter().any(|audience| settings.audiences.contains(audience)) {
            return Err("it is for another audience");
        }
        let skew = i64::from(settings.clock_skew_seconds);
        let expires = seconds(exp.ok_or("it does not say when it expires")?)?.saturating_add(skew);
        if now_seconds >= expires {
            return Err("it has expired");
        }
        for begin in [nbf, iat].into_iter().flatten() {
            if now_seconds.saturating_add(skew) < seconds(*begin)? {
                return Err("it is of the future");
            }
        }
        Ok(expires)
    }
}

fn is_taken(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TYPES.contains(&name.strip_prefix("application/").unwrap_or(&name))
}

/// The second of a date; fractions count down.
fn seconds(date: f64) -> Result<i64, &'static str> {
    // In this range it is exact.
    if (0.0..=SECONDS_MAX).contains(&date) { Ok(date as i64) } else { Err("it has a date that is none") }
}

fn json<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
