//! Attestations: that a client runs where somebody whom the configuration names has looked, told anew for each request. The
//! server gives a nonce, and the client brings a token of the attester that bears it. Not here: measurements, which the
//! attester judges, and how a token is checked (authn/jwt).
//!
//! # Standard
//! KMIP 2.1 sections 8.5 (Nonce in a response header), 9.3 (Attestation Capable Indicator), 9.11 (Attestation Credential) and
//! 11.46 (Attestation Required, Attestation Failed).

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyreeve_core::access::Caller;
use keyreeve_core::model::{PrincipalId, RealmId, Time};
use keyreeve_kmip::enums::{AttestationType, Operation, ResultReason};
use keyreeve_kmip::message::{AttestationCredential, Credential, Nonce, RequestMessage};
use keyreeve_kmip::payloads::OPERATIONS;
use parking_lot::Mutex;

use super::Kmip;
use super::errors::Failure;
use crate::config;

/// An Entity Attestation Token (RFC 9711) as a JSON Web Token, among the types of this vendor.
const ENTITY_ATTESTATION_TOKEN: AttestationType = AttestationType::Unnamed(0x8B52_0001);

/// Nonces that wait, of one principal and of all, and for how long.
const NONCES_OF_ONE_MAX: usize = 16;
const NONCES_MAX: usize = 1024;
const NONCE_MS: i64 = 5 * 60 * 1000;

/// Who attests, and which operations take that.
#[derive(Clone, Debug)]
pub struct Attestation {
    issuer: Arc<str>,
    operations: Arc<[Operation]>,
}

impl Attestation {
    /// As it is configured, where anybody is. Poll gives out the answers of the others.
    pub(crate) fn new(configured: &config::Kmip) -> Option<Self> {
        let issuer = configured.attestation_issuer.as_deref().filter(|name| !name.is_empty())?;
        let is_named = |operation: &&Operation| {
            **operation == Operation::Poll
                || configured.attestation_operations.iter().any(|name| operation.name() == Some(name))
        };
        let operations = OPERATIONS.iter().filter(is_named).copied().collect();
        Some(Self { issuer: Arc::from(issuer), operations })
    }
}

/// The types of attestation that are taken.
pub(super) fn types(kmip: &Kmip) -> Vec<AttestationType> {
    kmip.settings().attestation.iter().map(|_| ENTITY_ATTESTATION_TOKEN).collect()
}

/// Nonces that were given out. Each is good once.
#[derive(Default)]
pub(super) struct Nonces(Mutex<HashMap<[u8; 16], Waiting>>);

struct Waiting {
    owner: (RealmId, PrincipalId),
    value: [u8; 32],
    given: Time,
}

/// A request that lacks what an attestation has, and the nonce for the next try where there is one.
pub(super) type Refused = (Failure, Option<Nonce>);

/// Takes the attestation out of the header, where there is one, and refuses what takes one and has none. Where nobody is
/// configured who attests, credentials are what they are.
pub(super) async fn check(
    kmip: &Kmip,
    connection: &Caller,
    message: &mut RequestMessage,
) -> Result<(), Refused> {
    let Some(settings) = kmip.settings().attestation else { return Ok(()) };
    let Some(given) = taken(message).map_err(|failure| (failure, None))? else {
        let operations = &settings.operations;
        let wanted = message.items.iter().map(|item| item.operation).find(|one| operations.contains(one));
        return match wanted {
            Some(operation) => Err(required(kmip, connection, message, operation)),
            None => Ok(()),
        };
    };
    match proven(kmip, connection, &settings, &given).await {
        Ok(()) => Ok(()),
        Err(cause) => {
            // What is wrong with it the log and the journal say; whoever tries things out is told nothing.
            let told = kmip.authenticator.refuse(connection, cause).await;
            Err((Failure::new(ResultReason::AttestationFailed, told.public()), None))
        }
    }
}

/// The attestation in a header, which then holds the other credentials alone.
fn taken(message: &mut RequestMessage) -> Result<Option<AttestationCredential>, Failure> {
    let Some(authentication) = &mut message.header.authentication else { return Ok(None) };
    let (mut attestations, others): (Vec<_>, Vec<_>) = std::mem::take(&mut authentication.credentials)
        .into_iter()
        .partition(|credential| matches!(credential, Credential::Attestation(_)));
    authentication.credentials = others;
    let given = attestations.pop();
    if !attestations.is_empty() {
        return Err(Failure::new(ResultReason::AttestationFailed, "one attestation is enough"));
    }
    // A header with nothing else in it says nothing of who asks.
    if given.is_some() && authentication.credentials.is_empty() {
        message.header.authentication = None;
    }
    Ok(match given {
        Some(Credential::Attestation(given)) => Some(given),
        _ => None,
    })
}

fn required(kmip: &Kmip, connection: &Caller, message: &RequestMessage, operation: Operation) -> Refused {
    if message.header.attestation_capable_indicator != Some(true) {
        let text = format!(
            "{operation} takes an attestation, and the Attestation Capable Indicator says that there is none"
        );
        return (Failure::new(ResultReason::PermissionDenied, text), None);
    }
    match kmip.nonces.give(kmip, connection) {
        Ok(nonce) => {
            let text =
                format!("{operation} takes an attestation that bears the nonce of this answer's header");
            (Failure::new(ResultReason::AttestationRequired, text), Some(nonce))
        }
        Err(failure) => (failure, None),
    }
}

async fn proven(
    kmip: &Kmip,
    connection: &Caller,
    settings: &Attestation,
    given: &AttestationCredential,
) -> Result<(), String> {
    let now = kmip.engine.clock().now();
    if !kmip.nonces.take(connection, &given.nonce, now) {
        return Err("an attestation with a nonce that was not given, or is over".to_owned());
    }
    if given.attestation_type != ENTITY_ATTESTATION_TOKEN {
        return Err(format!("an attestation of the type {}", given.attestation_type));
    }
    let assertion =
        given.attestation_assertion.as_deref().ok_or("a measurement, which nobody judges here")?;
    let token = std::str::from_utf8(assertion).map_err(|_| "an attestation that is no text")?;
    let nonce = URL_SAFE_NO_PAD.encode(&given.nonce.nonce_value);
    let issuers = kmip.authenticator.issuers();
    let crypto = kmip.engine.crypto();
    let proven = issuers.attest(crypto.as_ref(), (token, &settings.issuer), &nonce, now).await?;
    let attested = kmip.authenticator.authenticate_proven(connection, proven.id).await;
    match attested {
        Ok(attested) if attested.id() == connection.id() => Ok(()),
        _ => Err(format!("an attestation for {}, which is not the connection's client", proven.subject)),
    }
}

impl Nonces {
    fn give(&self, kmip: &Kmip, connection: &Caller) -> Result<Nonce, Failure> {
        let (id, value) = (kmip.random()?, kmip.random()?);
        let (owner, given) = (owner(connection), kmip.engine.clock().now());
        let mut waiting = self.0.lock();
        waiting.retain(|_, nonce| is_good(nonce, given));
        let own = waiting.values().filter(|nonce| nonce.owner == owner).count();
        if own >= NONCES_OF_ONE_MAX || waiting.len() >= NONCES_MAX {
            let message = "too many nonces wait for an attestation: use some of them, or wait";
            return Err(Failure::new(ResultReason::ServerLimitExceeded, message));
        }
        waiting.insert(id, Waiting { owner, value, given });
        Ok(Nonce { nonce_id: id.to_vec(), nonce_value: value.to_vec() })
    }

    /// Whether this principal was given it; then it is good no more.
    fn take(&self, connection: &Caller, nonce: &Nonce, now: Time) -> bool {
        let Ok(id) = <[u8; 16]>::try_from(&nonce.nonce_id[..]) else { return false };
        let mut waiting = self.0.lock();
        let is_own = |known: &Waiting| {
            known.owner == owner(connection)
                && known.value[..] == nonce.nonce_value[..]
                && is_good(known, now)
        };
        waiting.get(&id).is_some_and(is_own) && waiting.remove(&id).is_some()
    }
}

fn is_good(nonce: &Waiting, now: Time) -> bool {
    (0..NONCE_MS).contains(&now.0.saturating_sub(nonce.given.0))
}

fn owner(connection: &Caller) -> (RealmId, PrincipalId) {
    (connection.realm(), connection.id())
}
