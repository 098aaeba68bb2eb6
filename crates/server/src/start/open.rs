//! Opening what a server works with: the crypto port, the store under its root key, the engine, the CA. Not here:
//! making any of them anew (init), and sockets (serve).

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keyreeve_core::access::Caller;
use keyreeve_core::engine::Engine;
use keyreeve_core::model::Time;
use keyreeve_core::operations::Operation;
use keyreeve_core::operations::server::server_data;
use keyreeve_core::ports::clock::Clock;
use keyreeve_core::ports::crypto::Crypto;
use keyreeve_core::ports::store::Store as _;
use keyreeve_core::record::RecordKey;
use keyreeve_crypto::SoftwareCrypto;
use keyreeve_pki::{CertificateAuthority, PrivateKey};
use keyreeve_store::{Store, StoreOptions, Unlock};
use rustls::pki_types::CertificateDer;
use tokio::sync::watch;
use zeroize::Zeroizing;

use super::error::StartError;
use super::files::{check_data_dir, warn_of_readers};
use super::signer::{self, SIGNER};
use crate::authn::request_id;
use crate::config::{Config, UnlockFile};
use crate::offline::index::{OnProgress, telling};

/// Name of the CA among the server's own data.
pub(super) const AUTHORITY: &str = "ca";

/// The server's own data that holds secrets: sealed anew with all else when the root key is replaced.
pub(crate) const SEALED_SERVER_DATA: &[&str] = &[AUTHORITY, SIGNER];

/// A store that is open, with the engine over it.
pub(crate) struct Opened {
    pub(crate) engine: Arc<Engine>,
    /// Holds the cause once the store has failed.
    pub(super) failure: watch::Receiver<Option<String>>,
    pub(crate) store: Arc<Store>,
    /// What the root key was unlocked by, for people.
    pub(super) unlocked_by: &'static str,
}

impl Opened {
    /// Opens the store of the configuration, where nobody else could have written to it; takes its lock.
    pub(crate) fn open(config: &Config, unlock: &Unlock) -> Result<Self, StartError> {
        Self::open_telling(config, unlock, None)
    }

    /// As `open`; where the index has to be made anew, `told` learns how far that has come, in place of the log.
    pub(super) fn open_telling(
        config: &Config,
        unlock: &Unlock,
        told: Option<OnProgress>,
    ) -> Result<Self, StartError> {
        Self::open_by(config, unlock, Arc::new(SystemClock), told)
    }

    /// As `open_telling`, by this clock.
    pub(super) fn open_by(
        config: &Config,
        unlock: &Unlock,
        clock: Arc<dyn Clock>,
        told: Option<OnProgress>,
    ) -> Result<Self, StartError> {
        check_data_dir(&config.data.dir)?;
        let crypto = crypto_with(config.crypto.rsa_keys_ahead)?;
        let (failed, failure) = watch::channel(None);
        let mut options = store_options(config, crypto.clone());
        options.clock = clock;
        options.on_failure = Arc::new(move |cause| {
            failed.send_replace(Some(cause.to_owned()));
        });
        if let Some(told) = told {
            options.on_rebuild = telling(told);
        }
        let store = Arc::new(Store::open(&options, unlock)?);
        let UnlockFile { passphrase_file, key_file, share_files } = &config.unlock;
        passphrase_file.iter().chain(key_file).chain(share_files).for_each(|file| warn_of_readers(file));
        let engine = Engine::new(store.clone(), store.sealer(), crypto, options.clock)
            .with_destroy_waiting_days(config.destroy.waiting_days);
        engine.set_failures_max(config.limits.client_failures_per_second_max);
        let unlocked_by = match unlock {
            Unlock::Passphrase(_) => "a passphrase",
            Unlock::KeyFile(_) => "a key file",
            Unlock::Shares(_) => "recovery shares",
        };
        let opened = Self { engine: Arc::new(engine), failure, store, unlocked_by };
        let signer = RecordKey::Server(SIGNER.into());
        if opened.store.get(&signer).map_err(StartError::operation("read the store"))?.is_some() {
            signer::start(&opened)?;
        }
        Ok(opened)
    }

    /// Runs an operation of the server itself, on this thread.
    pub(super) fn execute<O: Operation>(
        &self,
        doing: &'static str,
        operation: &O,
    ) -> Result<O::Reply, StartError> {
        let caller = Caller::system(request_id(&self.engine).map_err(StartError::operation(doing))?);
        self.engine.execute(&caller, operation).map_err(StartError::operation(doing))
    }

    /// The house's CA, its key unsealed.
    pub(crate) fn authority(&self) -> Result<CertificateAuthority, StartError> {
        let failed = StartError::operation("load the certificate authority");
        let (certificate, key) = server_data(&self.engine, AUTHORITY).map_err(failed)?;
        let key = key.map_or_else(Vec::new, |key| key.expose().to_vec());
        let key = PrivateKey::from_pkcs8_der(Zeroizing::new(key))?;
        Ok(CertificateAuthority::load(CertificateDer::from(certificate), &key)?)
    }

    /// Closes the store: what waits is committed, the stop is marked.
    pub(crate) fn close(&self) -> Result<(), StartError> {
        Ok(self.store.close()?)
    }
}

/// The crypto port, tested.
pub(crate) fn crypto() -> Result<Arc<dyn Crypto>, StartError> {
    crypto_with(0)
}

/// The crypto port, tested, with so many RSA keys of each length made ahead.
fn crypto_with(rsa_keys_ahead: usize) -> Result<Arc<dyn Crypto>, StartError> {
    let crypto = SoftwareCrypto::new().with_rsa_keys_ahead(rsa_keys_ahead);
    crypto.self_test().map_err(StartError::operation("trust this machine's cryptography"))?;
    Ok(Arc::new(crypto))
}

/// What the store of the configuration is opened with.
pub(crate) fn store_options(config: &Config, crypto: Arc<dyn Crypto>) -> StoreOptions {
    let mut options = StoreOptions::new(&config.data.dir, crypto, Arc::new(SystemClock));
    if let Some(cell) = &config.sealing.cell {
        options.cell.clone_from(cell);
    }
    options.cells_threshold = config.sealing.cells_threshold;
    options.archive = config.backup.archive();
    (options.take_over, options.accept_rollback) = (config.once.take_over, config.once.accept_rollback);
    options
}

/// The system's clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        let milliseconds = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Time(match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => milliseconds(since),
            Err(before) => -milliseconds(before.duration()),
        })
    }

    fn wait(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}
