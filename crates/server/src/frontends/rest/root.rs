//! The root key over REST: what is known of it, changing what unlocks it, and replacing it. Secrets come in the body and
//! never leave.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use keyreeve_core::access::{Action, Caller};
use keyreeve_core::operations::administer::{Administer, Announce};
use keyreeve_core::{Error, ErrorKind, SecretBytes};
use keyreeve_store::{RootStatus, StoreError, Unlock, UnlockError};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::Api;
use super::bounded::List;
use super::errors::{Problem, Result};
use super::request::{Authenticated, Body};
use crate::offline::root::describe;

/// Recovery shares of one root key at most: each has a number of its own in a byte.
const SHARES_MAX: usize = 255;

/// What unlocks a root key, or shall. Holds secrets.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Unlocks {
    #[schemars(with = "Option<String>")]
    passphrase: Option<Zeroizing<String>>,
    /// Content of a key file.
    #[schemars(with = "Option<String>")]
    key_file: Option<Zeroizing<String>>,
    /// Recovery shares, a line each: enough of them as old ones, all of them as new ones.
    #[schemars(with = "Option<List<String, SHARES_MAX>>")]
    shares: Option<List<Zeroizing<String>, SHARES_MAX>>,
}

/// Body of `change_unlock` and `replace`. Holds secrets.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeRequest {
    old: Unlocks,
    new: Unlocks,
}

/// `GET /v1/root`: version, what unlocks it, retired versions, and how far what it seals is sealed anew.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>> {
    let resealing = Arc::clone(&api.resealing);
    let look = move || Ok(((resealing.store().root_status(), resealing.progress()?), "root key".to_owned()));
    let (status, progress) = api.execute(&caller, Administer::new(Action::Inspect, look)).await?;
    Ok(Json(answer(&status, progress)))
}

/// `POST /v1/root/unlock`: the root key is unlocked by `new` alone from now on.
pub(super) async fn change_unlock(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Body(request): Body<ChangeRequest>,
) -> Result<Json<Value>> {
    let (old, new) = request.unlocks()?;
    announce(&api, &caller, Action::ChangeUnlock, &new).await?;
    let resealing = Arc::clone(&api.resealing);
    let change = move || {
        resealing.store().change_unlock(&old, &new).map_err(refused)?;
        let status = resealing.store().root_status();
        Ok(((status.clone(), resealing.progress()?), unlocked_by(&status)))
    };
    let (status, progress) =
        api.execute(&caller, Administer::new(Action::ChangeUnlock, change).announced()).await?;
    Ok(Json(answer(&status, progress)))
}

/// `POST /v1/root/replace`: a new root key, unlocked by `new` alone; everything is sealed anew under it, in the
/// background.
pub(super) async fn replace(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Body(request): Body<ChangeRequest>,
) -> Result<Json<Value>> {
    let (old, new) = request.unlocks()?;
    announce(&api, &caller, Action::ReplaceRoot, &new).await?;
    let resealing = Arc::clone(&api.resealing);
    let replace = move || {
        let version = resealing.store().replace_root(&old, &new).map_err(refused)?;
        let status = resealing.store().root_status();
        let detail = format!("root key {version}, {}", unlocked_by(&status));
        Ok(((status, resealing.progress()?), detail))
    };
    let (status, progress) =
        api.execute(&caller, Administer::new(Action::ReplaceRoot, replace).announced()).await?;
    Ok(Json(answer(&status, progress)))
}

/// INVARIANT: that somebody asked for it, and may, is on record before root.json changes: a crash in between leaves no
/// change that nobody asked for. How it ended goes on record behind it. Of secrets others are told their kinds alone.
async fn announce(api: &Api, caller: &Caller, action: Action, new: &[Unlock]) -> Result<()> {
    let told = |unlock: &Unlock| match unlock {
        Unlock::Passphrase(_) => "a passphrase".into(),
        Unlock::KeyFile(_) => "a key file".into(),
        Unlock::Shares(shares) => format!("{} shares", shares.len()),
    };
    let terms = vec![("unlocked by".into(), new.iter().map(told).collect::<Vec<String>>().join(" or "))];
    api.execute(caller, Announce { action, also: &[], terms }).await
}

impl ChangeRequest {
    fn unlocks(self) -> Result<(Unlock, Vec<Unlock>)> {
        let mut old = self.old.into_unlocks();
        match (old.pop(), old.is_empty()) {
            (Some(old), true) => Ok((old, self.new.into_unlocks())),
            _ => Err(Problem::invalid("old must hold one of passphrase, key_file and shares")),
        }
    }
}

impl Unlocks {
    fn into_unlocks(self) -> Vec<Unlock> {
        let secret = |text: &Zeroizing<String>| SecretBytes::copy_from(text.as_bytes());
        let passphrase = self.passphrase.as_ref().map(|text| Unlock::Passphrase(secret(text)));
        let key_file = self.key_file.as_ref().map(|text| Unlock::KeyFile(secret(text)));
        let shares =
            self.shares.as_ref().map(|List(lines)| Unlock::Shares(lines.iter().map(secret).collect()));
        [passphrase, key_file, shares].into_iter().flatten().collect()
    }
}

fn answer(status: &RootStatus, progress: Option<u64>) -> Value {
    let mut fields = describe(status);
    fields.insert("resealing".into(), progress.is_some().into());
    fields.insert("resealed".into(), progress.into());
    fields.into()
}

fn unlocked_by(status: &RootStatus) -> String {
    let kinds: Vec<String> = status.unlocked_by.iter().map(ToString::to_string).collect();
    format!("unlocked by a {}", kinds.join(" or a "))
}

/// The store's refusal as the caller is told it.
fn refused(error: StoreError) -> Error {
    let kind = match &error {
        StoreError::Unlock(UnlockError::Wrong(_)) => ErrorKind::Denied,
        StoreError::Unlock(UnlockError::Kind { .. } | UnlockError::Malformed(_) | UnlockError::Shares(_)) => {
            ErrorKind::InvalidField
        }
        _ => return Error::new(ErrorKind::Unavailable, "root.json cannot be changed").because(error),
    };
    Error::new(kind, error.to_string())
}
