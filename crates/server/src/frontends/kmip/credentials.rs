//! Credentials in the header of a request: who asks, on a connection that somebody has proven. Not here: how a proof is
//! checked (authn), and what tickets there are (tickets).
//!
//! # Standard
//! KMIP 2.1 sections 9.4 (Authentication) and 9.11 (Credential).

use keyreeve_core::access::Caller;
use keyreeve_core::{Error, ErrorKind};
use keyreeve_kmip::SecretText;
use keyreeve_kmip::enums::CredentialType;
use keyreeve_kmip::message::{Authentication, Credential};
use tracing::warn;

use super::Kmip;
use super::errors::Failure;
use super::tickets::Held;
use crate::config::Credentials;

/// Who asks, and the ticket that they prove it by, where it is one.
pub(super) type Asker = (Caller, Option<Held>);

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
    let [credential] = &authentication.credentials[..] else {
        return Err(refused(connection, "one credential says who asks: send one, and no other"));
    };
    let asker = match credential {
        Credential::UsernameAndPassword(given) => {
            (named(kmip, connection, &given.username, given.password.as_ref()).await?, None)
        }
        Credential::Device(given) => {
            let Some(serial_number) = &given.device_serial_number else {
                let public = "a device is known by its Device Serial Number: send that with its Password";
                return Err(refused(connection, public));
            };
            (named(kmip, connection, serial_number, given.password.as_ref()).await?, None)
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
        Credential::Attestation(_)
        | Credential::OneTimePassword(_)
        | Credential::HashedPassword(_)
        | Credential::Unknown { .. } => {
            let public = why_not(credential.credential_type());
            return Err(refused(connection, &public));
        }
    };
    Ok(Some(asker))
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
        CredentialType::Attestation => "nothing here can tell a good measurement from another",
        CredentialType::OneTimePassword => "no principal has a device that makes them",
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
