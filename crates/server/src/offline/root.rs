//! The root key of a store that no process has open: what is known of it, and changing what unlocks it.

use keyreeve_core::SecretBytes;
use keyreeve_store::{RootStatus, Store, Unlock, UnlockKind, new_key_file};
use serde_json::{Map, Value, json};

use super::shares::Shares;
use super::unlock::{Ask, from_files, unlock};
use crate::config::{Config, UnlockFile};
use crate::memory::protect;
use crate::start::StartError;
use crate::start::files::{check_data_dir, write_secret};
use crate::start::open::{crypto, store_options};

/// What is known of the root key in the configuration's data folder, without unlocking it.
///
/// # Errors
/// Where there is no store, or its root.json is damaged.
pub(crate) fn status(config: &Config) -> Result<RootStatus, StartError> {
    check_data_dir(&config.data.dir)?;
    Ok(Store::root_status_offline(&store_options(config, crypto()?))?)
}

/// As [`status`], in the form that a running server gives.
///
/// # Errors
/// As [`status`].
pub fn status_json(config: &Config) -> Result<Value, StartError> {
    Ok(describe(&status(config)?).into())
}

/// What is known of a root key, in JSON.
pub(crate) fn describe(status: &RootStatus) -> Map<String, Value> {
    let kind = |kind: &UnlockKind| match kind {
        UnlockKind::Passphrase => json!({ "kind": "passphrase" }),
        UnlockKind::KeyFile => json!({ "kind": "key-file" }),
        UnlockKind::Shares { set, threshold, count } => {
            json!({ "kind": "shares", "set": set, "threshold": threshold, "count": count })
        }
    };
    let mut fields = Map::new();
    fields.insert("version".into(), status.version.into());
    fields.insert("unlocked_by".into(), status.unlocked_by.iter().map(kind).collect());
    fields.insert("retired".into(), json!(status.retired));
    fields
}

/// Locks the root key in the configuration's data folder by `new` alone, and by `shares`. The configuration, or whoever
/// is asked, unlocks it. Leaves no entry in the journal.
///
/// # Errors
/// Where a process has the store open, nothing or the wrong thing unlocks it, or root.json cannot be written.
pub fn change_unlock(
    config: &Config,
    new: &UnlockFile,
    shares: Option<&Shares>,
    ask: Option<Ask<'_>>,
) -> Result<(), StartError> {
    protect(config.memory.lock)?;
    let kinds = status(config)?.unlocked_by;
    let old = unlock(&config.unlock, None, &kinds, ask)?;
    let new = new_unlocks(new, shares)?;
    Ok(Store::change_unlock_offline(&store_options(config, crypto()?), &old, &new)?)
}

/// The body of a request that changes what unlocks a running server's root key, or replaces that. `status` is what the
/// server says of its root key, for what is asked where `old` names nothing. Holds secrets.
///
/// # Errors
/// As [`change_unlock`], but for the store's.
pub fn change_body(
    old: &UnlockFile,
    status: &Value,
    new: (&UnlockFile, Option<&Shares>),
    ask: Option<Ask<'_>>,
) -> Result<Value, StartError> {
    let old = unlock(old, None, &kinds_of(status), ask)?;
    let new = new_unlocks(new.0, new.1)?;
    Ok(json!({ "old": fields(&[old])?, "new": fields(&new)? }))
}

/// What a server says that its root key is unlocked by; what this program does not know is left out.
fn kinds_of(status: &Value) -> Vec<UnlockKind> {
    let kind = |value: &Value| match value.get("kind")?.as_str()? {
        "passphrase" => Some(UnlockKind::Passphrase),
        "key-file" => Some(UnlockKind::KeyFile),
        "shares" => Some(UnlockKind::Shares {
            set: value.get("set")?.as_str()?.to_owned(),
            threshold: value.get("threshold")?.as_u64()?.try_into().ok()?,
            count: value.get("count")?.as_u64()?.try_into().ok()?,
        }),
        _ => None,
    };
    status.get("unlocked_by").and_then(Value::as_array).into_iter().flatten().filter_map(kind).collect()
}

/// Unlocks as the API takes them. Holds secrets.
fn fields(unlocks: &[Unlock]) -> Result<Value, StartError> {
    let text = |secret: &SecretBytes| match std::str::from_utf8(secret.expose()) {
        Ok(text) => Ok(Value::from(text)),
        Err(_) => {
            Err(StartError::Shares("what unlocks the root key is no UTF-8 text: change it offline".into()))
        }
    };
    let mut fields = Map::new();
    for unlock in unlocks {
        let (name, value) = match unlock {
            Unlock::Passphrase(secret) => ("passphrase", text(secret)?),
            Unlock::KeyFile(secret) => ("key_file", text(secret)?),
            Unlock::Shares(lines) => ("shares", lines.iter().map(text).collect::<Result<_, _>>()?),
        };
        fields.insert(name.to_owned(), value);
    }
    Ok(fields.into())
}

/// What shall unlock a root key: what the files hold, and shares. A key file that is named and missing is made.
///
/// # Errors
/// `Unlock` where nothing shall; `Shares` where shares come from files: new ones are made.
pub(crate) fn new_unlocks(files: &UnlockFile, shares: Option<&Shares>) -> Result<Vec<Unlock>, StartError> {
    if !files.share_files.is_empty() {
        let text = "new recovery shares are made, not read from files: say how many, and how many unlock";
        return Err(StartError::Shares(text.into()));
    }
    make_key_file(files)?;
    let unlocks: Vec<Unlock> = from_files(files)?.into_iter().chain(shares.map(Shares::unlock)).collect();
    if unlocks.is_empty() {
        return Err(StartError::Unlock("none"));
    }
    Ok(unlocks)
}

/// Makes the key file that is named and missing.
fn make_key_file(files: &UnlockFile) -> Result<(), StartError> {
    if let Some(file) = files.key_file.as_deref().filter(|file| !file.exists()) {
        let key: SecretBytes = new_key_file(&*crypto()?).map_err(StartError::operation("make a key file"))?;
        write_secret(file, key.expose())?;
    }
    Ok(())
}
