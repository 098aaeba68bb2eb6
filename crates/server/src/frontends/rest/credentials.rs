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
use keyreeve_core::model::{
    Credential, CredentialKind, Network, Principal, PrincipalId, RealmId, Role, Time,
};
use keyreeve_core::operations::credentials::RevokeCredential;
use keyreeve_core::operations::principals::{AddCredential, CreatePrincipal, NewCredential, new_id};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::Api;
use super::clients::{credential, permit};
use super::errors::{Problem, Result};
use super::request::{Authenticated, Body, Segments};
use crate::authn::login;
use crate::authn::organisations::Organisations;

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
    /// Make it a person, whose name and words can be erased; with `roles` alone.
    #[serde(default)]
    person: bool,
    /// Days that it counts, 1 to 3,650; none: until it is revoked.
    days: Option<u16>,
    /// Subject of an issuer of JSON Web Tokens. One of the four is given.
    jwt: Option<JwtSubject>,
    /// A name in client certificates of an organisation.
    certificate: Option<MemberName>,
    /// Make a secret id, by which a machine logs in.
    secret_id: Option<SecretIdRules>,
    /// A new password, by which a person logs in; older ones count no more.
    password: Option<NewPassword>,
}

/// A password, and what is wanted beside it. Holds a secret.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// 12 to 1,024 bytes.
    #[schemars(with = "String")]
    text: Zeroizing<String>,
    /// One-time codes by time are wanted beside it.
    #[serde(default)]
    totp: bool,
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

/// A name in client certificates of an organisation; the name itself, or a certificate that has it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MemberName {
    /// What the configuration calls the organisation.
    organisation: String,
    name: Option<String>,
    /// A certificate in PEM.
    pem: Option<String>,
}

/// `POST /v1/credentials`: another way for a client to prove who it is.
pub(super) async fn add(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Body(request): Body<AddRequest>,
) -> Result<(StatusCode, Json<Value>)> {
    let AddRequest { client, roles, person, days, jwt, certificate, secret_id, password } = request;
    let action = if roles.is_some() { Action::CreatePrincipal } else { Action::RenewCredential };
    permit(&api, &caller, action).await?;
    if person && roles.is_none() {
        return Err(Problem::invalid("whether a client is a person is said when it is made, with its roles"));
    }
    if days.is_some_and(|days| days == 0 || days > DAYS_MAX) {
        return Err(Problem::invalid(format!("days is 1 to {DAYS_MAX}")));
    }
    let (crypto, now) = (&**api.engine.crypto(), api.engine.clock().now());
    let expires = days.map(|days| now.plus_days(days));
    let replace = password.is_some();
    let (told, new) = match (jwt, certificate, secret_id, password) {
        (None, Some(member), None, None) => {
            (Told::Nothing, credential_of_member(&api, caller.realm(), &member, expires)?)
        }
        (Some(jwt), None, None, None) => {
            (Told::Nothing, credential_of_subject(&api, caller.realm(), &jwt, expires)?)
        }
        (None, None, Some(rules), None) => {
            let (secret, new) = login::generate(crypto, rules.kind()?, expires)?;
            (Told::SecretId(secret), new)
        }
        (None, None, None, Some(NewPassword { text, totp })) => {
            let made = api.authenticator.new_password(text, totp, expires).await?;
            (made.seed.map_or(Told::Nothing, Told::Seed), made.credential)
        }
        _ => {
            return Err(Problem::invalid(
                "one of jwt, certificate, secret_id and password is given, and no other",
            ));
        }
    };
    let NewCredential { id, kind, expires, .. } = new.clone();
    let (principal, approval_rule) = match roles {
        Some(roles) => {
            let (principal, credentials) = (new_id(crypto, now)?, vec![new]);
            let create = CreatePrincipal { id: principal, name: client, roles, credentials, person };
            let made = api.execute(&caller, create).await?;
            (made.principal, made.approval_rule)
        }
        None => {
            let add = AddCredential { name: client, credential: new, replace };
            (api.execute(&caller, add).await?, None)
        }
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
    if let Some(rule) = approval_rule {
        answer["approval_rule"] = rule.into();
    }
    told.add_to(&mut answer, principal.id, &api.engine.name_for_people(&principal)?);
    Ok((StatusCode::CREATED, Json(answer)))
}

/// What a name in certificates of an organisation proves, where that is for this realm.
fn credential_of_member(
    api: &Api,
    realm: RealmId,
    member: &MemberName,
    expires: Option<Time>,
) -> Result<NewCredential> {
    let (organisations, organisation) = (api.authenticator.organisations(), &member.organisation);
    api.authenticator.require_realm(organisations.realms(organisation)?, realm, organisation)?;
    let name = member.name_in(organisations)?;
    Ok(organisations.credential(&**api.engine.crypto(), organisation, &name, expires)?)
}

/// What a subject of an issuer proves, where that is for this realm.
fn credential_of_subject(
    api: &Api,
    realm: RealmId,
    jwt: &JwtSubject,
    expires: Option<Time>,
) -> Result<NewCredential> {
    let issuers = api.authenticator.issuers();
    api.authenticator.require_realm(issuers.realms(&jwt.issuer)?, realm, &jwt.issuer)?;
    Ok(issuers.subject(&jwt.issuer, &jwt.subject)?.credential(&**api.engine.crypto(), expires))
}

/// What is told of a new credential this once. Holds secrets.
enum Told {
    Nothing,
    SecretId(Zeroizing<String>),
    Seed(Zeroizing<String>),
}

impl Told {
    fn add_to(self, answer: &mut Value, principal: PrincipalId, name: &str) {
        match self {
            Self::Nothing => {}
            Self::SecretId(secret) => {
                answer["role_id"] = principal.to_string().into();
                answer["secret_id"] = secret.as_str().into();
            }
            Self::Seed(seed) => answer["totp_uri"] = key_uri(name, &seed).as_str().into(),
        }
    }
}

/// What programs on phones take a seed by. Of a client's name only the colon means something in such an address.
fn key_uri(name: &str, seed: &str) -> Zeroizing<String> {
    let name = name.replace(':', "%3A");
    Zeroizing::new(format!("otpauth://totp/Keyreeve:{name}?secret={seed}&issuer=Keyreeve"))
}

impl MemberName {
    /// The name that is given, or that a given certificate has.
    fn name_in(&self, organisations: &Organisations) -> Result<String> {
        match (&self.name, &self.pem) {
            (Some(name), None) => Ok(name.clone()),
            (None, Some(pem)) => Ok(organisations.name_in(&self.organisation, pem)?),
            _ => Err(Problem::invalid("one of name and pem is given, and not the other")),
        }
    }
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
