//! Replacing a lost administrator, and access for an emergency, by a quorum of recovery shares, in a store that no process has open. Not here: what changes
//! (core's operation), and what shares are (the store).

use std::path::{Path, PathBuf};

use keyreeve_core::access::Caller;
use keyreeve_core::model::Time;
use keyreeve_core::operations::principals::new_id;
use keyreeve_core::operations::realms::open_named;
use keyreeve_core::operations::recovery::RecoverAdministrator;
use keyreeve_pki::pem;
use keyreeve_store::UnlockKind;
use tracing::warn;

use super::root::status;
use super::unlock::{Ask, unlock};
use crate::authn::enrolment::{self, CLIENT_DAYS_DEFAULT};
use crate::authn::{request_id, token};
use crate::config::Config;
use crate::memory::protect;
use crate::start::StartError;
use crate::start::files::{make_dir, write_public, write_secret};
use crate::start::open::Opened;

/// Milliseconds of an hour.
const HOUR_MS: i64 = 3_600_000;

/// Who becomes an administrator.
pub struct Recovered<'a> {
    /// Its name.
    pub name: &'a str,
    /// Name of its realm.
    pub realm: &'a str,
    /// Name of the administrator that is shut out for it.
    pub replaces: Option<&'a str>,
    /// Hours after which an access for an emergency is over; none: an administrator who stays.
    pub hours: Option<u8>,
}

/// Makes the administrator, or gives it new credentials in place of all that it had, and writes `NAME.pem`, `NAME.key` and
/// `NAME.token` to `out`. The shares come from the configuration's files, or are asked for. Gives the files.
///
/// # Errors
/// `Shares` where no shares lock the root key or something else is given; where a process has the store open; where a file is
/// there already or cannot be written.
pub fn administrator(
    config: &Config,
    wanted: &Recovered<'_>,
    out: &Path,
    ask: Option<Ask<'_>>,
) -> Result<Vec<PathBuf>, StartError> {
    protect(config.memory.lock)?;
    // INVARIANT: shares and nothing else: who has a passphrase or a key file is one person.
    let shares: Vec<UnlockKind> = status(config)?.unlocked_by.into_iter().filter(is_shares).collect();
    if shares.is_empty() || config.unlock.passphrase_file.is_some() || config.unlock.key_file.is_some() {
        let text = "an administrator is replaced by recovery shares alone; `keyreeve root change-unlock --shares` makes them";
        return Err(StartError::Shares(text.into()));
    }
    let proven_by = shares.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
    make_dir(out)?;
    let files: Vec<PathBuf> =
        ["pem", "key", "token"].iter().map(|end| out.join(format!("{}.{end}", wanted.name))).collect();
    if let Some(there) = files.iter().find(|file| file.exists()) {
        return Err(StartError::Value(format!("{} is there already", there.display())));
    }
    let opened = Opened::open(config, &unlock(&config.unlock, None, &shares, ask)?)?;
    let made = recover(&opened, wanted, proven_by, &files);
    let closed = opened.close();
    made.and(closed)?;
    Ok(files)
}

fn is_shares(kind: &UnlockKind) -> bool {
    matches!(kind, UnlockKind::Shares { .. })
}

fn recover(
    opened: &Opened,
    wanted: &Recovered<'_>,
    proven_by: String,
    files: &[PathBuf],
) -> Result<(), StartError> {
    let failed = || StartError::operation("replace the administrator");
    let (crypto, store) = (&**opened.engine.crypto(), &**opened.engine.store());
    let now = opened.engine.clock().now();
    let ends = wanted.hours.map(|hours| Time(now.0.saturating_add(i64::from(hours) * HOUR_MS)));
    let realm = open_named(store, crypto, wanted.realm).map_err(failed())?;
    let id = match opened.engine.principal_named(realm, wanted.name).map_err(failed())? {
        Some(known) => known,
        None => new_id(crypto, now).map_err(failed())?,
    };
    let subject = (id, wanted.name);
    let enrolled = enrolment::issue(&opened.authority()?, subject, None, (now, CLIENT_DAYS_DEFAULT));
    let enrolled = enrolled.map_err(failed())?;
    let (token, credential) = token::generate(crypto, ends).map_err(failed())?;
    let operation = RecoverAdministrator {
        name: wanted.name.to_owned(),
        id,
        credentials: vec![enrolled.credential, credential],
        ends,
        replaces: wanted.replaces.map(ToOwned::to_owned),
        proven_by,
    };
    let caller = Caller::system(request_id(&opened.engine).map_err(failed())?).in_realm(realm);
    opened.engine.execute(&caller, &operation).map_err(failed())?;
    let (name, realm, ends) = (wanted.name, wanted.realm, ends.map(tracing::field::display));
    warn!(name, realm, ends, "recovery shares made an administrator");
    let key = enrolled.key.as_ref().map(|key| key.pkcs8_pem());
    if let [certificate, key_file, token_file] = files {
        write_public(certificate, pem::encode_certificate(&enrolled.certificate).as_bytes())?;
        write_secret(key_file, key.as_ref().map_or(&[][..], |key| key.as_bytes()))?;
        write_secret(token_file, token.as_bytes())?;
    }
    Ok(())
}
