//! Sealing everything anew after the root key was replaced, beside all other work, and again after a restart until it is
//! done. Not here: replacing it (the store), and one batch (core's operation `reseal`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use keyreeve_core::access::Caller;
use keyreeve_core::engine::Engine;
use keyreeve_core::operations::reseal::{is_pending, reseal_all};
use keyreeve_core::{ErrorKind, Result};
use keyreeve_store::Store;
use parking_lot::Mutex;
use tracing::{error, info};

use crate::authn::request_id;
use crate::start::open::SEALED_SERVER_DATA;

/// Time between two attempts where one failed.
const RETRY: Duration = Duration::from_secs(60);

/// The root key's store, and the work that its replacement leaves.
pub struct Resealing {
    engine: Arc<Engine>,
    store: Arc<Store>,
    /// Objects that this process sealed anew since the last replacement.
    sealed: AtomicU64,
    running: AtomicBool,
    not_before: Mutex<Option<Instant>>,
}

impl Resealing {
    /// Over this store.
    pub fn new(engine: Arc<Engine>, store: Arc<Store>) -> Self {
        let (sealed, running) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { engine, store, sealed, running, not_before: Mutex::new(None) }
    }

    /// The store whose root key it is.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// How many objects this process has sealed anew, while some are left; none where none are.
    ///
    /// # Errors
    /// The store's.
    pub fn progress(&self) -> Result<Option<u64>> {
        let pending = is_pending(&*self.store, self.store.root_status().version)?;
        Ok(pending.then(|| self.sealed.load(Ordering::Relaxed)))
    }

    /// Goes on in a thread of its own, where there is something to do and none is at it.
    pub fn go_on_if_due(self: &Arc<Self>) {
        let is_due = self.progress().is_ok_and(|progress| progress.is_some())
            && self.not_before.lock().is_none_or(|time| Instant::now() >= time);
        if is_due && !self.running.swap(true, Ordering::AcqRel) {
            let this = Arc::clone(self);
            tokio::task::spawn_blocking(move || {
                this.run();
                this.running.store(false, Ordering::Release);
            });
        }
    }

    fn run(&self) {
        let version = self.store.root_status().version;
        info!(version, "sealing everything anew under the new root key");
        let caller = || Ok(Caller::system(request_id(&self.engine)?));
        match reseal_all(&self.engine, &caller, version, SEALED_SERVER_DATA, &self.sealed) {
            Ok(()) => {
                let objects = self.sealed.swap(0, Ordering::Relaxed);
                info!(version, objects, "everything is sealed under the new root key");
            }
            // The store tells of its own failure, or the server stops; it goes on after the next start.
            Err(error) if error.kind() == ErrorKind::Unavailable => {}
            Err(cause) => {
                error!(%cause, "not everything could be sealed under the new root key; tried again in a minute");
                *self.not_before.lock() = Some(Instant::now() + RETRY);
            }
        }
    }
}
