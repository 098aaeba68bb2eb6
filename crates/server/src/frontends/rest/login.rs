//! Logging in over REST: a token for a while, renewing it, and ending it. Not here: what is shown for it (authn).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use keyreeve_core::Error;
use keyreeve_core::access::Caller;
use keyreeve_core::model::{Credential, CredentialId, CredentialKind, PrincipalId};
use keyreeve_core::operations::login::{LogIn, LogOut, RenewLogin};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::Api;
use super::errors::{Problem, Result};
use super::request::{Authenticated, Body, Stranger};
use crate::authn::login::{self, LoggedIn, Shown};
use crate::execute::execute;

/// Body of `log_in`: a role id with its secret id, a name with its password, or a JSON Web Token. Holds secrets.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginRequest {
    role_id: Option<String>,
    #[schemars(with = "Option<String>")]
    secret_id: Option<Zeroizing<String>>,
    #[schemars(with = "Option<String>")]
    jwt: Option<Zeroizing<String>>,
    /// A person's realm, where it is not the first.
    realm: Option<String>,
    /// A person's name.
    name: Option<String>,
    #[schemars(with = "Option<String>")]
    password: Option<Zeroizing<String>>,
    /// Six digits, where the password wants one-time codes beside it.
    #[schemars(with = "Option<String>")]
    code: Option<Zeroizing<String>>,
    /// The person's password from now on, 12 to 1,024 bytes: the old one ends with every token that it gave.
    #[schemars(with = "Option<String>")]
    new_password: Option<Zeroizing<String>>,
}

impl LoginRequest {
    fn shown(self) -> Result<Shown> {
        let Self { role_id, secret_id, jwt, realm, name, password, code, new_password } = self;
        if realm.is_some() && name.is_none() {
            return Err(Problem::invalid(
                "realm goes with name: what else is shown says by itself in which realm it is",
            ));
        }
        match ((role_id, secret_id), jwt, (name, password, code, new_password)) {
            ((Some(role_id), Some(secret_id)), None, (None, None, None, None)) => {
                let role_id = role_id.parse::<PrincipalId>();
                let role_id = role_id.map_err(|_| Problem::invalid("role_id is no id of a client"))?;
                Ok(Shown::SecretId { role_id, secret_id })
            }
            ((None, None), Some(token), (None, None, None, None)) => Ok(Shown::Jwt(token)),
            ((None, None), None, (Some(name), Some(password), code, new_password)) => {
                Ok(Shown::Password { realm, name, password, code, new_password })
            }
            _ => Err(Problem::invalid(
                "a login has role_id and secret_id, or name and password with a code where one is wanted and a new_password where it changes, or jwt",
            )),
        }
    }
}

/// `POST /v1/login`: the only answer that holds the token.
pub(super) async fn log_in(
    State(api): State<Arc<Api>>,
    Stranger(peer): Stranger,
    Body(request): Body<LoginRequest>,
) -> Result<Json<Value>> {
    let shown = request.shown()?;
    let ask = async |caller: Caller, operation: LogIn| execute(&api.engine, &caller, operation).await;
    let done = api.authenticator.log_in(&peer, shown, ask).await.map_err(Problem::told)?;
    let LoggedIn { principal, token, credential } = done;
    let mut answer = shown_token(&principal.name, &credential);
    answer["token"] = token.as_str().into();
    answer.as_object_mut().into_iter().for_each(|fields| drop(fields.remove("revoked")));
    Ok(Json(answer))
}

/// `POST /v1/login/renew`: the caller's token of a login lasts longer.
pub(super) async fn renew(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>> {
    let (expires, _) = login::lasts(api.engine.clock().now());
    let renewed = api.execute(&caller, RenewLogin { token: token_of(&caller)?, expires }).await?;
    Ok(Json(shown_token(caller.name(), &renewed)))
}

/// `POST /v1/logout`: the caller's token of a login counts no more.
pub(super) async fn log_out(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>> {
    let ended = api.execute(&caller, LogOut { token: token_of(&caller)? }).await?;
    Ok(Json(shown_token(caller.name(), &ended)))
}

/// The token that the caller showed: it stands behind the certificate, where there is one.
fn token_of(caller: &Caller) -> Result<CredentialId> {
    let last = caller.credentials().last();
    last.ok_or_else(|| Problem::told(Error::internal("a caller without a credential")))
}

fn shown_token(client: &str, token: &Credential) -> Value {
    let until = match &token.kind {
        CredentialKind::Session { until, .. } => Some(until.to_string()),
        _ => None,
    };
    json!({
        "client": client,
        "id": token.id.to_string(),
        "expires": token.expires.map(|time| time.to_string()),
        "renewable_until": until,
        "revoked": token.revoked.map(|time| time.to_string()),
    })
}
