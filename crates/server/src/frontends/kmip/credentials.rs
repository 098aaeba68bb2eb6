//! Credentials in the header of a request: who asks, on a connection that somebody has proven. Not here: how a proof is
//! checked (authn), and what tickets there are (tickets).
//!
//! # Standard
//! KMIP 2.1 sections 9.4 (Authentication) and 9.11 (Credential).

use keyreeve_core::access::Caller;
use keyreeve_core::{Error, ErrorKind};
use keyreeve_kmip::SecretText;
use keyreeve_kmip::enums::CredentialType;
use keyreeve_kmip::message::{Authentication, Credential, DeviceCredential};
use tracing::warn;
use zeroize::Zeroizing;

use super::Kmip;
use super::errors::Failure;
use super::tickets::Held;
use crate::config::Credentials;

/// Who asks, and the ticket that they prove it by, where it is one.
pub(super) type Asker = (Caller, Option<Held>);

/// Credentials in one header, of the same principal: all must prove it.
const CREDENTIALS_MAX: usize = 2;

/// Who asks by these credentials; `None` where the connection says it.
///
/// # Errors
/// Authentication Not Successful: in one text whatever is wrong with a proof, in its own for what cannot be one here.
pub(super) async fn check(
    kmip: &Kmip,
    connection: &Caller,
    authentication: &Authentication,
) -> Result<Option<Asker>, Failure> {
    match kmip.settings().credentials {
        Credentials::Ignore => return Ok(None),
        Credentials::Refuse => {
            let public = "credentials in the header are not taken: the TLS client certificate says who asks";
            return Err(refused(connection, public));
        }
        Credentials::Check => {}
    }
    let credentials = &authentication.credentials[..];
    if credentials.is_empty() || credentials.len() > CREDENTIALS_MAX {
        let public = format!("one to {CREDENTIALS_MAX} credentials say who asks");
        return Err(refused(connection, &public));
    }
    let mut asker: Option<Asker> = None;
    for credential in credentials {
        let (caller, held) = one(kmip, connection, credential).await?;
        asker = Some(match asker {
            None => (caller, held),
            Some((before, held_before)) => {
                if before.id() != caller.id() {
                    let cause =
                        format!("credentials of {} and of {} in one request", before.name(), caller.name());
                    return Err(kmip.authenticator.refuse(connection, cause).await.into());
                }
                (both(before, caller), both_tickets(connection, held_before, held)?)
            }
        });
    }
    // The connection's own client was counted as the request came.
    if let Some((caller, _)) = asker.as_ref().filter(|(caller, _)| caller.id() != connection.id()) {
        kmip.authenticator.count(caller).await?;
    }
    Ok(asker)
}

/// Proven by what each of the two was: if either counts no more, neither does the caller.
fn both(before: Caller, caller: Caller) -> Caller {
    // A ticket may stand for the connection, whose own proofs the other credential's caller bears already.
    let is_connection = |caller: &Caller| std::ptr::eq(caller.connection(), caller);
    if is_connection(&caller) {
        return before;
    }
    if is_connection(&before) {
        return caller;
    }
    let proof = |caller: &Caller| caller.credentials().next();
    let proofs = [proof(&before), proof(&caller)];
    caller.proven_by(proofs)
}

fn both_tickets(
    connection: &Caller,
    one: Option<Held>,
    other: Option<Held>,
) -> Result<Option<Held>, Failure> {
    match (one, other) {
        (Some(_), Some(_)) => Err(refused(connection, "one ticket says what may be done: send no other")),
        (one, other) => Ok(one.or(other)),
    }
}

/// Whom one credential proves.
async fn one(kmip: &Kmip, connection: &Caller, credential: &Credential) -> Result<Asker, Failure> {
    let asker = match credential {
        Credential::UsernameAndPassword(given) => {
            (named(kmip, connection, &given.username, given.password.as_ref()).await?, None)
        }
        Credential::Device(given) => {
            let Some(device) = device_name(given) else {
                let public = "a device is known by its Device Serial Number or another identifier: send that with its Password";
                return Err(refused(connection, public));
            };
            (named(kmip, connection, device, given.password.as_ref()).await?, None)
        }
        Credential::OneTimePassword(given) => {
            let secret = |text: &str| Zeroizing::new(text.to_owned());
            let password = secret(given.password.as_ref().map_or("", SecretText::expose));
            let secrets = (password, secret(given.one_time_password.expose()));
            (kmip.authenticator.authenticate_code(connection, &given.username, secrets).await?, None)
        }
        Credential::Ticket(given) => {
            let now = kmip.engine.clock().now();
            let Some(held) =
                kmip.tickets.present(kmip.engine.crypto().as_ref(), connection, &given.ticket, now)
            else {
                let cause = "a ticket that is unknown, used up, over, or of another connection's principal";
                return Err(kmip.authenticator.refuse(connection, cause).await.into());
            };
            let caller = match held.token {
                Some(proof) => kmip.authenticator.authenticate_proven(connection, proof).await?,
                None => connection.clone(),
            };
            (caller, Some(held))
        }
        Credential::Attestation(_) | Credential::HashedPassword(_) | Credential::Unknown { .. } => {
            let public = why_not(credential.credential_type());
            return Err(refused(connection, &public));
        }
    };
    Ok(asker)
}

/// By what a device is known: the first of its identifiers that is there.
fn device_name(given: &DeviceCredential) -> Option<&str> {
    let identifiers = [
        &given.device_serial_number,
        &given.device_identifier,
        &given.network_identifier,
        &given.machine_identifier,
        &given.media_identifier,
    ];
    identifiers.into_iter().flatten().next().map(String::as_str)
}

/// A missing password is a wrong one.
async fn named(
    kmip: &Kmip,
    connection: &Caller,
    name: &str,
    password: Option<&SecretText>,
) -> Result<Caller, Failure> {
    let password = password.map_or("", SecretText::expose);
    Ok(kmip.authenticator.authenticate_named(connection, name, password).await?)
}

fn why_not(credential_type: CredentialType) -> String {
    let why = match credential_type {
        CredentialType::Attestation => "kmip.attestation_issuer names nobody who attests",
        CredentialType::HashedPassword => {
            "its proof takes a password in the clear to check, and only a hash of a token is kept here"
        }
        _ => "there is no such type",
    };
    format!("credentials of the type {credential_type} are not taken: {why}")
}

fn refused(connection: &Caller, public: &str) -> Failure {
    warn!(request = %connection.request, principal = connection.name(), cause = public, "credentials in a KMIP header were refused");
    Error::new(ErrorKind::Unauthenticated, public).into()
}
