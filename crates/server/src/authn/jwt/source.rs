//! Where an issuer's keys come from, and how long they count. A key that is not known is looked for again, seldom; keys that
//! are old are looked for meanwhile; keys that could not be had for too long count no more, so that an issuer that is out of
//! reach lets nobody in. Not here: what a set of keys is (keys), and sockets (listen/fetch).

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::RwLock;
use serde::Deserialize;
use tokio::sync::Mutex;
use tracing::{info, warn};

use super::keys::{Key, KeySet};
use crate::config::{JwtAlgorithm, JwtIssuer};
use crate::listen::{Fetcher, HttpsUrl};
use crate::server_identity::{read_authorities_or_systems, read_regular};
use crate::start::StartError;

/// Seconds after which keys are fetched again, while the old ones serve.
const REFRESH_SECONDS: i64 = 300;
/// Seconds between two attempts: whatever tokens strangers send, an issuer is not asked more often.
const RETRY_SECONDS: i64 = 10;
/// Bytes of a file with keys.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where the keys of one issuer come from, and those that were found.
pub(super) struct Source {
    /// What the issuer is called here.
    name: String,
    place: Place,
    keys_seconds_max: i64,
    kept: RwLock<Option<Arc<Kept>>>,
    /// When it was tried last; held while it is tried.
    tried: Mutex<Option<i64>>,
}

enum Place {
    File(PathBuf),
    Url(Fetcher, HttpsUrl),
    /// The issuer itself says where.
    Discovery(Fetcher, String),
}

struct Kept {
    keys: KeySet,
    since_seconds: i64,
}

/// What counts of what an issuer says about itself.
///
/// # Standard
/// OpenID Connect Discovery 1.0 section 3.
#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
}

impl Source {
    /// As configured; nothing is fetched yet.
    ///
    /// # Errors
    /// For a file that holds no authorities, and where the system has none.
    pub(super) fn new(settings: &JwtIssuer) -> Result<Self, StartError> {
        let wrong = |cause: String| StartError::Value(format!("the issuer {}: {cause}", settings.name));
        let url = |text: &str| HttpsUrl::parse(text).map_err(|cause| wrong(cause.to_owned()));
        let fetcher = || {
            let authorities = read_authorities_or_systems(settings.ca_file.as_deref()).map_err(wrong)?;
            Ok::<_, StartError>(Fetcher::new(authorities, settings.private_addresses)?)
        };
        let place = match (&settings.jwks_file, &settings.jwks_url) {
            (Some(file), _) => Place::File(file.clone()),
            (None, Some(text)) => Place::Url(fetcher()?, url(text)?),
            (None, None) => Place::Discovery(fetcher()?, settings.issuer.clone()),
        };
        Ok(Self {
            name: settings.name.clone(),
            place,
            keys_seconds_max: settings.keys_seconds_max.into(),
            kept: RwLock::default(),
            tried: Mutex::default(),
        })
    }

    /// Takes over what another one has found.
    pub(super) fn take_keys_of(&self, other: &Self) {
        self.kept.write().clone_from(&other.kept.read());
    }

    /// The key of this id for this algorithm, looked for anew where it is not known.
    ///
    /// # Errors
    /// Where there is none, or none can be had.
    pub(super) async fn key(
        self: &Arc<Self>,
        id: Option<&str>,
        algorithm: JwtAlgorithm,
        now_seconds: i64,
    ) -> Result<Key, String> {
        if let Some((key, age)) = self.known(id, algorithm, now_seconds) {
            if age >= REFRESH_SECONDS {
                self.look_again(now_seconds);
            }
            return Ok(key);
        }
        // A task of its own: whoever hangs up meanwhile must not take the turn of all others along.
        let looked = self.look_again(now_seconds).await;
        looked.map_err(|cause| format!("looking for its keys broke off: {cause}"))?;
        let has_any = self.kept(now_seconds).is_some();
        self.known(id, algorithm, now_seconds).map(|(key, _)| key).ok_or_else(|| match has_any {
            true => "no key of its issuer fits".to_owned(),
            false => "its issuer's keys cannot be had".to_owned(),
        })
    }

    /// The keys that count, and how old they are.
    fn kept(&self, now_seconds: i64) -> Option<(Arc<Kept>, i64)> {
        let kept = self.kept.read().clone()?;
        let age = now_seconds.saturating_sub(kept.since_seconds).saturating_abs();
        (age < self.keys_seconds_max).then_some((kept, age))
    }

    fn known(&self, id: Option<&str>, algorithm: JwtAlgorithm, now_seconds: i64) -> Option<(Key, i64)> {
        let (kept, age) = self.kept(now_seconds)?;
        Some((kept.keys.choose(id, algorithm)?, age))
    }

    fn look_again(self: &Arc<Self>, now_seconds: i64) -> tokio::task::JoinHandle<()> {
        let this = Arc::clone(self);
        tokio::spawn(async move { this.look(now_seconds).await })
    }

    /// Looks for the keys, unless that was done a moment ago.
    async fn look(&self, now_seconds: i64) {
        let mut tried = self.tried.lock().await;
        if tried.is_some_and(|last| now_seconds.abs_diff(last) < RETRY_SECONDS.unsigned_abs()) {
            return;
        }
        *tried = Some(now_seconds);
        match self.fetch().await {
            Ok(keys) => {
                let kept = Kept { keys, since_seconds: now_seconds };
                let before = self.kept.write().replace(Arc::new(kept));
                if before.is_none() {
                    info!(issuer = self.name, "the keys of an issuer of JSON Web Tokens were read");
                }
            }
            Err(cause) => {
                warn!(issuer = self.name, cause, "the keys of an issuer of JSON Web Tokens cannot be had");
            }
        }
    }

    async fn fetch(&self) -> Result<KeySet, String> {
        match &self.place {
            Place::File(path) => {
                let path = path.clone();
                let read = move || {
                    read_regular(&path, FILE_BYTES_MAX)
                        .map_err(|cause| format!("{}: {cause}", path.display()))
                };
                let read = tokio::task::spawn_blocking(read).await;
                KeySet::read(&read.map_err(|cause| cause.to_string())??)
            }
            Place::Url(fetcher, url) => KeySet::read(&fetcher.get(url).await?),
            Place::Discovery(fetcher, issuer) => {
                let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
                let found = fetcher.get(&HttpsUrl::parse(&address)?).await?;
                let found: Discovered =
                    serde_json::from_slice(&found).map_err(|_| format!("{address} names no keys"))?;
                if found.issuer != *issuer {
                    return Err(format!("{address} speaks of another issuer"));
                }
                let keys = HttpsUrl::parse(&found.jwks_uri);
                let keys = keys.map_err(|cause| format!("{address}: jwks_uri: {cause}"))?;
                KeySet::read(&fetcher.get(&keys).await?)
            }
        }
    }
}
