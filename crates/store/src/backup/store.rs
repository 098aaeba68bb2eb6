//! Backup targets as the store's face shows them.

use std::sync::{Arc, OnceLock, atomic::AtomicBool};

use keyreeve_core::{
    Error, Result,
    access::Action,
    model::{Attestation, Place},
    ports::crypto::ParsedKey,
};

use super::{
    Acknowledger, RollbackCheck, TargetStatus,
    anchor::Anchor,
    archive::Source,
    claim::{Claimant, owner_of},
    create::Busy,
    keys::RootArchiveKeys,
    own::Own,
    piece::Pieces,
    registered::{Registered, check_rollback},
    shipper::Shipping,
};
use crate::{
    Store,
    destroy::Places,
    index::Index,
    options::{StoreError, StoreOptions},
    restore::Base,
    scribe::{Note, Scribe},
    sealing::RootKeeper,
};

impl Store {
    /// Registers a backup target: claims it, ships the journal there from its first entry, and puts the epoch key into its
    /// cell where `cell` wants one. `take_over`: also where another data folder of this store and timeline holds the claim,
    /// which is fenced then. Gives the canonical address.
    ///
    /// Where the journal does not begin with entry 1 (`TargetStatus::first`), restoring needs a full backup at the target.
    ///
    /// # Errors
    /// `Unavailable` where it cannot be reached, `WrongState` where it cannot hold a cell, `ArchiveMismatch` where it is
    /// another's; `AlreadyExists`.
    pub fn register_target(&self, address: &str, cell: bool, take_over: bool) -> Result<String> {
        let name = self.targets.register(address, cell, take_over)?;
        // Settles the new place: the epoch key comes there.
        self.eraser.start_over();
        self.eraser.pass()?;
        Ok(name)
    }

    /// Lets a target go: its cell is erased and read back, or, where it cannot be reached, attested. What is archived there
    /// stays.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` where it cannot be reached and nobody attests; `Conflict` where the word is for a medium that
    /// was there before, which is a lost place of its own now.
    pub fn remove_target(&self, address: &str, attested: Option<Attestation>) -> Result<Arc<Place>> {
        let place = {
            let _still = self.eraser.pause();
            self.targets.remove(address, attested)?
        };
        self.eraser.start_over();
        self.eraser.wake();
        Ok(place)
    }

    /// Says in a signed file how far this store has come, for who keeps it elsewhere; it names the signer of certificates.
    ///
    /// # Errors
    /// `Internal` where the end of the journal cannot be read; those of the key.
    pub fn anchor(&self, signer: &dyn ParsedKey) -> Result<Vec<u8>> {
        let source = &self.targets.shared().source;
        let lsn = source.last();
        let unread = || Error::internal(format!("the journal has no frame that ends with entry {lsn}"));
        let hash = source.hash_at(lsn).map_err(Error::internal)?.ok_or_else(unread)?;
        let generation = self.generation()?;
        let crate::sealing::Place { store, timeline } = self.eraser.here;
        let time = self.eraser.scribe.clock.now();
        Anchor { store, timeline, generation, lsn: lsn.0, hash, time }.sign(signer)
    }

    /// How the registered targets stand.
    pub fn targets(&self) -> Vec<TargetStatus> {
        self.targets.status()
    }

    /// Targets that lie where none should, as registering them would be refused today: each in a sentence.
    ///
    /// # Errors
    /// `Internal` for a damaged index.
    pub fn misplaced_targets(&self) -> Result<Vec<String>> {
        self.targets.misplaced()
    }

    /// Whether this start could tell that the data folder is not an older copy of itself.
    pub fn rollback_check(&self) -> RollbackCheck {
        self.targets.rollback()
    }
}

/// What archives of this store are made of, before its threads run.
pub(crate) fn source(
    options: &StoreOptions,
    here: crate::sealing::Place,
    root: &RootKeeper,
    journal: (crate::journal::Journal, Arc<crate::marks::Marks>, Arc<std::sync::atomic::AtomicU64>),
) -> Result<Arc<Source>, StoreError> {
    let (journal, marks, published) = journal;
    let owner = owner_of(&*options.disk, &*options.crypto, &options.dir)?;
    let crypto = options.crypto.clone();
    let keys = RootArchiveKeys { crypto: crypto.clone(), store: here.store, root: root.root().clone() };
    let pieces = Pieces { crypto, keys: Arc::new(keys) };
    let claimant = Claimant { store: here.store, timeline: here.timeline, owner };
    Ok(Arc::new(Source { journal, published, marks, pieces, claimant }))
}

/// Refuses a data folder that was rolled back, as far as that can be told.
pub(crate) fn guard(
    options: &StoreOptions,
    index: &Index,
    source: &Source,
) -> Result<RollbackCheck, StoreError> {
    let here = options.disk.file_system(&options.dir);
    let opener = options.opener();
    check_rollback((index, &*opener, &*options.crypto), source, here, options.accept_rollback)
}

/// Reopens the registered targets.
pub(crate) fn reopen(
    options: &StoreOptions,
    (source, rollback, base): (Arc<Source>, RollbackCheck, Option<Arc<Base>>),
    (index, scribe, places): (Arc<Index>, Arc<Scribe>, Arc<Places>),
    root: Arc<RootKeeper>,
) -> Result<Registered> {
    if rollback == RollbackCheck::Accepted {
        let detail = "the data folder is older than its anchor, which was accepted".to_owned();
        scribe.write(Action::AcceptRollback, Note { detail, ..Note::default() })?;
    }
    let shared = Arc::new(Shipping {
        source,
        base,
        index,
        clock: options.clock.clone(),
        crypto: options.crypto.clone(),
        failure: scribe.failure.clone(),
        root_file: Box::new(move || root.file_bytes().map_err(Error::internal)),
        signer: OnceLock::new(),
        acknowledger: Acknowledger::new(options.clock.clone()),
        options: options.archive,
        own: Own { disk: options.disk.clone(), dir: options.dir.clone(), cell: options.cell.clone() },
        busy: Busy::default(),
        stopping: AtomicBool::new(false),
    });
    Registered::open((shared, options.opener(), places), options.background, rollback)
}
