//! Clients over REST: principals, their certificates from the house's CA, and their tokens.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use keyreeve_core::access::{Action, Caller, Target};
use keyreeve_core::model::{Credential, CredentialKind, PrincipalId, Role};
use keyreeve_core::operations::change_principal::ChangePrincipal;
use keyreeve_core::operations::erase_subject::EraseSubject;
use keyreeve_core::operations::principals::{
    self, AddCredential, CreatePrincipal, ListPrincipals, Listed, RevokePrincipal, new_id,
};
use keyreeve_core::operations::undone::Undone;
use keyreeve_core::{Error, SecretBytes};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tracing::warn;
use zeroize::Zeroizing;

use super::Api;
use super::answer;
use super::bounded::Words;
use super::errors::{Problem, Result};
use super::request::{Arguments, Authenticated, Base64, Body, Segments, page_limit};
use super::tokens;
use crate::authn::enrolment::{self, CLIENT_DAYS_DEFAULT, Enrolled};
use crate::authn::token;

/// What certificate is wanted. Holds a secret.
pub(super) struct Wanted {
    /// Certificate request in PEM; without one the server makes a key.
    pub(super) csr: Option<String>,
    /// Certificate in PEM that is taken as it is; none is issued.
    pub(super) pin: Option<String>,
    /// Also give certificate and key as PKCS#12 under this password.
    pub(super) p12_password: Option<Zeroizing<String>>,
    /// Days that it is valid; none: the default.
    pub(super) days: Option<u32>,
}

/// Body of `add`. Holds a secret.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddRequest {
    name: String,
    #[serde(default = "user")]
    #[schemars(with = "BTreeSet<String>")]
    roles: BTreeSet<Role>,
    /// Also make a bearer token.
    #[serde(default)]
    token: bool,
    /// A person: the name, and what the person's requests say, can be erased later, and stand sealed till then.
    #[serde(default)]
    person: bool,
    csr: Option<String>,
    /// Certificate in PEM that is taken as it is, by `listen.appliances` alone; none is issued.
    pin: Option<String>,
    #[schemars(with = "Option<String>")]
    p12_password: Option<Zeroizing<String>>,
    days: Option<u32>,
}

fn user() -> BTreeSet<Role> {
    BTreeSet::from([Role::User])
}

/// `POST /v1/clients`: a principal with a certificate.
pub(super) async fn add(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Body(request): Body<AddRequest>,
) -> Result<(StatusCode, Json<Value>)> {
    permit(&api, &caller, Action::CreatePrincipal).await?;
    let AddRequest { name, roles, token, person, csr, pin, p12_password, days } = request;
    let wanted = Wanted { csr, pin, p12_password, days };
    let id = new_id(&**api.engine.crypto(), api.engine.clock().now())?;
    let (mut enrolled, warnings) = wanted.issue(&api, (id, &name))?;
    enrolled.credential.is_given |= wanted.csr.is_some();
    let mut credentials = vec![enrolled.credential.clone()];
    let token = token.then(|| token::generate(&**api.engine.crypto(), None)).transpose()?;
    credentials.extend(token.as_ref().map(|(_, credential)| credential.clone()));
    let create = CreatePrincipal { id, name: name.clone(), roles: roles.clone(), credentials, person };
    let made = api.execute(&caller, create).await?;
    let mut answer = wanted.answer(&api, (id, &name), enrolled, warnings).await?;
    answer.insert("roles".into(), json!(roles));
    if person {
        answer.insert("recorded_as".into(), made.principal.name.clone().into());
    }
    answer.extend(made.approval_rule.map(|rule| ("approval_rule".into(), rule.into())));
    if let Some((token, _)) = token {
        answer.insert("token".into(), token.as_str().into());
    }
    Ok((StatusCode::CREATED, Json(answer.into())))
}

/// Query of `list`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListArguments {
    after: Option<String>,
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<usize>,
}

/// `GET /v1/clients?after=&limit=`: all principals with their credentials, by name.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Arguments(ListArguments { after, limit }): Arguments<ListArguments>,
) -> Result<Json<Value>> {
    let limit = page_limit(limit)?;
    let listed = api.execute(&caller, ListPrincipals { after, limit, only: None }).await?;
    let next = listed.last().filter(|_| listed.len() == limit).map(|last| last.principal.name.clone().into());
    Ok(answer::page("clients", listed.iter().map(client).collect(), next))
}

/// Body of `renew`. Holds a secret.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RenewRequest {
    /// Older certificates stop counting at once; else each lasts until it expires.
    #[serde(default)]
    replace: bool,
    csr: Option<String>,
    /// Certificate in PEM that is taken as it is, by `listen.appliances` alone; none is issued.
    pin: Option<String>,
    #[schemars(with = "Option<String>")]
    p12_password: Option<Zeroizing<String>>,
    days: Option<u32>,
}

/// `POST /v1/clients/{name}/renew`: another certificate.
pub(super) async fn renew(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(name): Segments<String>,
    Body(request): Body<RenewRequest>,
) -> Result<Json<Value>> {
    permit(&api, &caller, Action::RenewCredential).await?;
    let RenewRequest { replace, csr, pin, p12_password, days } = request;
    let wanted = Wanted { csr, pin, p12_password, days };
    let id = id_named(&api, &caller, &name)?;
    let (mut enrolled, warnings) = wanted.issue(&api, (id, &name))?;
    enrolled.credential.is_given |= wanted.csr.is_some();
    let add = AddCredential { name: name.clone(), credential: enrolled.credential.clone(), replace };
    api.execute(&caller, add).await?;
    Ok(Json(wanted.answer(&api, (id, &name), enrolled, warnings).await?.into()))
}

/// Body of `change`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeRequest {
    /// All roles from now on.
    #[schemars(with = "Option<BTreeSet<String>>")]
    roles: Option<BTreeSet<Role>>,
    /// All groups from now on.
    groups: Option<Words>,
}

/// `PATCH /v1/clients/{name}`: its roles and groups; what is not given stays.
pub(super) async fn change(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(name): Segments<String>,
    Body(ChangeRequest { roles, groups }): Body<ChangeRequest>,
) -> Result<Json<Value>> {
    let groups = groups.map(|groups| groups.0.into_iter().collect());
    let principals::Enrolled { principal, approval_rule } =
        api.execute(&caller, ChangePrincipal { name, roles, groups }).await?;
    let mut answer = json!({
        "id": principal.id.to_string(),
        "name": principal.name,
        "roles": principal.roles,
        "groups": principal.groups,
    });
    if let Some(rule) = approval_rule {
        answer["approval_rule"] = rule.into();
    }
    Ok(Json(answer))
}

/// Body of `revoke`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeRequest {
    /// Also where an approval rule has too few approvers then, so that nobody can release it any more.
    #[serde(default)]
    leave_rules_stuck: bool,
}

/// `POST /v1/clients/{name}/revoke`: no credential of the principal counts any more.
pub(super) async fn revoke(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(name): Segments<String>,
    Body(RevokeRequest { leave_rules_stuck }): Body<RevokeRequest>,
) -> Result<Json<Value>> {
    let principal = api.execute(&caller, RevokePrincipal { name, leave_rules_stuck }).await?;
    Ok(Json(json!({
        "id": principal.id.to_string(),
        "name": principal.name,
        "revoked": principal.revoked.map(|time| time.to_string()),
    })))
}

/// `POST /v1/clients/{name}/erase`: the name of a person, and what its requests said, are gone from every entry.
pub(super) async fn erase(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(name): Segments<String>,
) -> Result<(StatusCode, Json<Value>)> {
    let erased = api.execute(&caller, EraseSubject { name }).await?;
    let told = json!({
        "id": erased.principal.id.to_string(),
        "recorded_as": erased.principal.name,
        "erased": erased.principal.erased.map(|time| time.to_string()),
        "erasure": erased.erasure.to_string(),
    });
    Ok((StatusCode::ACCEPTED, Json(told)))
}

/// Turns away, on record, who may not do this, before a request of theirs is read and a certificate signed. Whoever
/// passes is authorized again by the operation.
pub(super) async fn permit(api: &Api, caller: &Caller, action: Action) -> Result<()> {
    match api.engine.may_ask(caller, action, Target::Realm(caller.realm())) {
        Ok(()) => Ok(()),
        Err(error) => {
            let detail = error.public().to_owned();
            api.execute(caller, Undone { action, subject: None, detail }).await
        }
    }
}

impl Wanted {
    /// What was issued or pinned, and what is wrong with what was pinned.
    pub(super) fn issue(&self, api: &Api, principal: (PrincipalId, &str)) -> Result<(Enrolled, Vec<String>)> {
        let now = api.engine.clock().now();
        if let Some(pem) = &self.pin {
            if self.csr.is_some() || self.p12_password.is_some() || self.days.is_some() {
                let text = "pin takes a certificate as it is: leave csr, p12_password and days out";
                return Err(Problem::invalid(text));
            }
            return Ok(enrolment::pin(pem.as_bytes(), now)?);
        }
        match &self.p12_password {
            Some(_) if self.csr.is_some() => {
                return Err(Problem::invalid(
                    "p12_password needs a key that the server makes: leave csr out",
                ));
            }
            Some(password) if password.is_empty() => return Err(Problem::invalid("p12_password is empty")),
            _ => {}
        }
        let days = self.days.unwrap_or(CLIENT_DAYS_DEFAULT);
        let request = self.csr.as_deref().map(str::as_bytes);
        Ok((enrolment::issue(&api.authority, principal, request, (now, days))?, Vec::new()))
    }

    /// What the client gets: its certificate, and its key where that was made here.
    pub(super) async fn answer(
        &self,
        api: &Api,
        (id, name): (PrincipalId, &str),
        enrolled: Enrolled,
        warnings: Vec<String>,
    ) -> Result<Map<String, Value>> {
        let mut answer = Map::new();
        let mut put = |field: &str, value: Value| answer.insert(field.to_owned(), value);
        put("id", id.to_string().into());
        put("name", name.into());
        put("certificate", keyreeve_pki::pem::encode_certificate(&enrolled.certificate).into());
        put("ca", keyreeve_pki::pem::encode_certificate(api.authority.certificate()).into());
        put("expires", enrolled.credential.expires.map(|time| time.to_string()).into());
        if self.pin.is_some() {
            let weaknesses = warnings.join(", ");
            warn!(client = name, weaknesses, "a certificate of another authority was pinned");
            put("warnings", warnings.into());
        }
        match (&self.p12_password, &enrolled.key) {
            (Some(password), Some(_)) => {
                let bundle = pkcs12(api, enrolled, name, SecretBytes::copy_from(password.as_bytes())).await?;
                put("pkcs12", json!(Base64(Zeroizing::new(bundle))));
            }
            (None, Some(key)) => {
                put("private_key", key.pkcs8_pem().as_str().into());
            }
            (_, None) => {}
        }
        Ok(answer)
    }
}

/// The bundle; stretching the password takes a good part of a second, so it is done aside.
async fn pkcs12(api: &Api, enrolled: Enrolled, name: &str, password: SecretBytes) -> Result<Vec<u8>> {
    let (authority, name) = (api.authority.certificate().clone(), name.to_owned());
    let pack = move || {
        let password = std::str::from_utf8(password.expose()).map_err(Error::internal)?;
        let key = enrolled.key.as_ref().ok_or_else(|| Error::internal("no key to pack"))?;
        keyreeve_pki::pkcs12_bundle(key.pkcs8_der(), &[&enrolled.certificate, &authority], &name, password)
            .map_err(enrolment::refused)
    };
    Ok(tokio::task::spawn_blocking(pack).await.map_err(Error::internal)??)
}

/// The id for the certificate. A name that nobody has gets a new one: the operation then says that it is unknown, or
/// that the caller may not ask.
fn id_named(api: &Api, caller: &Caller, name: &str) -> Result<PrincipalId> {
    match api.engine.principal_named(caller.realm(), name)? {
        Some(principal) => Ok(principal),
        None => Ok(new_id(&**api.engine.crypto(), api.engine.clock().now())?),
    }
}

fn client(listed: &Listed) -> Value {
    let Listed { principal, credentials, person } = listed;
    json!({
        "id": principal.id.to_string(),
        "name": person.as_ref().unwrap_or(&principal.name),
        "recorded_as": person.as_ref().map(|_| &principal.name),
        "roles": principal.roles,
        "groups": principal.groups,
        "created": principal.created.to_string(),
        "revoked": principal.revoked.map(|time| time.to_string()),
        "erased": principal.erased.map(|time| time.to_string()),
        "credentials": credentials.iter().map(|credential| self::credential(credential)).collect::<Vec<_>>(),
    })
}

/// What is told of a credential: nothing that proves anybody.
pub(super) fn credential(credential: &Credential) -> Value {
    let (kind, serial, subject) = match &credential.kind {
        CredentialKind::Certificate { serial } => {
            let serial = serial.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            ("certificate", Some(serial), None)
        }
        CredentialKind::Token => ("token", None, None),
        CredentialKind::ScopedToken(scope) => ("token", None, Some(tokens::scope(scope))),
        CredentialKind::Pinned { .. } => ("pinned certificate", None, None),
        CredentialKind::Session { .. } => ("login token", None, None),
        CredentialKind::SecretId { uses_left, networks } => {
            ("secret id", None, Some(json!({ "uses_left": uses_left, "networks": networks })))
        }
        CredentialKind::Password(password) => {
            ("password", None, Some(json!({ "totp": password.totp.is_some() })))
        }
        CredentialKind::Member { organisation, field, name } => {
            let subject = json!({ "organisation": organisation, "field": field, "name": name });
            ("certificate of an organisation", None, Some(subject))
        }
        CredentialKind::Jwt { issuer, claim, subject } => {
            ("jwt", None, Some(json!({ "issuer": issuer, "claim": claim, "subject": subject })))
        }
    };
    json!({
        "id": credential.id.to_string(),
        "kind": kind,
        "serial": serial,
        "subject": subject,
        "created": credential.created.to_string(),
        "expires": credential.expires.map(|time| time.to_string()),
        "revoked": credential.revoked.map(|time| time.to_string()),
    })
}
