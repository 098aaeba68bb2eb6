//! Credentials of clients over REST that others vouch for, and revoking any credential. Not here: certificates of the house's
//! CA (clients), and tokens.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use keyreeve_core::Error;
use keyreeve_core::access::Action;
use keyreeve_core::model::{Credential, CredentialKind, Network, Principal, Role};
use keyreeve_core::operations::credentials::RevokeCredential;
use keyreeve_core::operations::principals::{AddCredential, CreatePrincipal, NewCredential, new_id};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Api;
use super::clients::{credential, permit};
use super::errors::{Problem, Result};
use super::request::{Authenticated, Body, Segments};
use crate::authn::login;

/// Networks of one secret id at most.
const NETWORKS_MAX: usize = 16;
/// Days that a credential counts at most.
const DAYS_MAX: u16 = 3650;

/// Body of `add`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddRequest {
    client: String,
    /// Make a client with these roles, which has no certificate.
    #[schemars(with = "Option<BTreeSet<String>>")]
    roles: Option<BTreeSet<Role>>,
    /// Days that it counts, 1 to 3,650; none: until it is revoked.
    days: Option<u16>,
    /// Subject of an issuer of JSON Web Tokens. One of the two is given.
    jwt: Option<JwtSubject>,
    /// Make a secret id, by which a machine logs in.
    secret_id: Option<SecretIdRules>,
}

/// What a secret id is good for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SecretIdRules {
    /// Logins; none: any number.
    uses: Option<NonZeroU32>,
    /// Networks that a login may come from, 16 at most; none: from anywhere.
    #[serde(default)]
    networks: Vec<String>,
}

/// A subject of an issuer of JSON Web Tokens.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct JwtSubject {
    /// What the configuration calls the issuer.
    issuer: String,
    subject: String,
}

/// `POST /v1/credentials`: another way for a client to prove who it is.
pub(super) async fn add(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Body(AddRequest { client, roles, days, jwt, secret_id }): Body<AddRequest>,
) -> Result<(StatusCode, Json<Value>)> {
    let action = if roles.is_some() { Action::CreatePrincipal } else { Action::RenewCredential };
    permit(&api, &caller, action).await?;
    if days.is_some_and(|days| days == 0 || days > DAYS_MAX) {
        return Err(Problem::invalid(format!("days is 1 to {DAYS_MAX}")));
    }
    let (crypto, now) = (&**api.engine.crypto(), api.engine.clock().now());
    let expires = days.map(|days| now.plus_days(days));
    let (secret, new) = match (jwt, secret_id) {
        (Some(jwt), None) => {
            let subject = api.authenticator.issuers().subject(&jwt.issuer, &jwt.subject)?;
            (None, subject.credential(crypto, expires))
        }
        (None, Some(rules)) => {
            let (secret, new) = login::generate(crypto, rules.kind()?, expires)?;
            (Some(secret), new)
        }
        _ => return Err(Problem::invalid("one of jwt and secret_id is given, and not both")),
    };
    let NewCredential { id, kind, expires } = new.clone();
    let principal = match roles {
        Some(roles) => {
            let (principal, credentials) = (new_id(crypto, now)?, vec![new]);
            api.execute(&caller, CreatePrincipal { id: principal, name: client, roles, credentials }).await?
        }
        None => api.execute(&caller, AddCredential { name: client, credential: new, replace: false }).await?,
    };
    let added = Credential {
        id,
        principal: principal.id,
        kind,
        created: now,
        expires,
        revoked: None,
        certificate: None,
    };
    let mut answer = shown(&principal, &added);
    if let Some(secret) = secret {
        answer["role_id"] = principal.id.to_string().into();
        answer["secret_id"] = secret.as_str().into();
    }
    Ok((StatusCode::CREATED, Json(answer)))
}

impl SecretIdRules {
    fn kind(self) -> Result<CredentialKind> {
        if self.networks.len() > NETWORKS_MAX {
            return Err(Problem::invalid(format!("at most {NETWORKS_MAX} networks")));
        }
        let networks: Vec<Network> =
            self.networks.iter().map(|text| text.parse()).collect::<Result<_, Error>>()?;
        Ok(CredentialKind::SecretId { uses_left: self.uses.map(NonZeroU32::get), networks })
    }
}

/// `POST /v1/credentials/{id}/revoke`: it counts no more, from the next request on.
pub(super) async fn revoke(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(id): Segments<String>,
) -> Result<Json<Value>> {
    let revoke = RevokeCredential { id: id.parse()?, token_only: false };
    let (principal, credential) = api.execute(&caller, revoke).await?;
    Ok(Json(shown(&principal, &credential)))
}

fn shown(principal: &Principal, of: &Credential) -> Value {
    json!({ "client": principal.name, "credential": credential(of) })
}
