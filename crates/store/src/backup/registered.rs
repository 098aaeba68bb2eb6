//! The targets of a store: registered, reopened at each start, shipped to, claimed, removed; and the check against
//! roll-back that they make possible.

use std::sync::{Arc, atomic::Ordering};

use keyreeve_core::{
    Error, ErrorKind, Result,
    access::Action,
    model::{Attestation, Place, PlaceKind},
    ports::{
        crypto::{Crypto, ParsedKey},
        store::Completion,
    },
    record::{Record, RecordKey},
};
use parking_lot::RwLock;

use super::{
    Acknowledge, BackupError, TargetStatus,
    anchor::{ANCHOR_PATH, Anchor},
    archive::Source,
    claim::Claim,
    shipper::{Shipper, Shipping},
    targets::{Target, Targets},
};
use crate::{
    destroy::{NewPlace, Places, places_on_record},
    faults::{Fault, breaks},
    index::Index,
    journal::Lsn,
    options::StoreError,
};

/// Whether this start could tell that the data folder is not an older copy of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RollbackCheck {
    /// An anchor off this machine fits.
    Passed,
    /// No anchor off this machine could be read: an older copy would not have been noticed.
    Unchecked,
    /// An anchor does not fit, and who started the store accepted that.
    Accepted,
}

/// Checks the journal against the anchors of all registered targets that can be reached. `here`: the file system of the
/// data folder, where that is known; what lies on the same one is rolled back with it.
///
/// # Errors
/// `RolledBack` where an anchor does not fit, unless that is `accepted`; `Journal` where the journal cannot be read there.
pub(crate) fn check_rollback(
    (index, opener, crypto): (&Index, &dyn Targets, &dyn Crypto),
    source: &Source,
    here: Option<String>,
    accepted: bool,
) -> Result<RollbackCheck, StoreError> {
    let mut check = RollbackCheck::Unchecked;
    let signer = match index.get(&RecordKey::Server("signer".into())).map_err(StoreError::CatchUp)?.as_deref()
    {
        Some(Record::Server(signer)) => signer.data.clone(),
        _ => return Ok(check),
    };
    for place in target_places(index).map_err(StoreError::CatchUp)? {
        let (anchor, domain) = match read_anchor(opener, crypto, &place.name, &signer) {
            Ok(Some(read)) => read,
            Ok(None) => continue,
            Err(error) => {
                tracing::warn!(target = place.name, %error, "its anchor cannot be read");
                continue;
            }
        };
        let claimant = source.claimant;
        let ours = (claimant.store, claimant.timeline);
        let misfit = match anchor.misfit(ours, source.last(), |lsn| source.hash_at(lsn)) {
            // Who accepts what does not fit accepts what cannot be read there.
            Err(error) if accepted => Some(error.to_string()),
            misfit => misfit?,
        };
        match misfit {
            None if domain.is_none() || domain != here => check = RollbackCheck::Passed,
            None => {}
            Some(_) if breaks(Fault::SkipAnchor) => {}
            Some(what) if accepted => {
                tracing::warn!(target = place.name, what, "a roll-back of the data folder is accepted");
                return Ok(RollbackCheck::Accepted);
            }
            Some(what) => return Err(StoreError::RolledBack { target: place.name.clone(), what }),
        }
    }
    if check == RollbackCheck::Unchecked {
        tracing::warn!("roll-back was not checked: no anchor off this machine could be read");
    }
    Ok(check)
}

/// The anchor at a target, signed by `signer`, and what the target shares with other places.
fn read_anchor(
    opener: &dyn Targets,
    crypto: &dyn Crypto,
    address: &str,
    signer: &[u8],
) -> Result<Option<(Anchor, Option<String>)>, BackupError> {
    let target = opener.open(address)?;
    match Anchor::read(&*target, crypto)? {
        None => Ok(None),
        Some((anchor, by)) if by == signer => Ok(Some((anchor, target.domain()))),
        Some(_) => Err(BackupError::damaged(ANCHOR_PATH, "it is signed by somebody else")),
    }
}

/// The targets that are registered and not lost.
pub(crate) fn target_places(index: &Index) -> Result<Vec<Arc<Place>>> {
    let mut places = places_on_record(index)?;
    places.retain(|place| place.kind == PlaceKind::Target && place.lost.is_none());
    Ok(places)
}

/// The targets of an open store.
pub(crate) struct Registered {
    shared: Arc<Shipping>,
    opener: Arc<dyn Targets>,
    places: Arc<Places>,
    /// Whether each target has a thread.
    background: bool,
    shippers: RwLock<Vec<Arc<Shipper>>>,
    rollback: RollbackCheck,
}

impl Registered {
    /// Reopens the targets on record; with `background`, their threads start.
    ///
    /// # Errors
    /// Of the index, and where no thread is granted. A target that cannot be reached now is no error.
    pub(crate) fn open(
        (shared, opener, places): (Arc<Shipping>, Arc<dyn Targets>, Arc<Places>),
        background: bool,
        rollback: RollbackCheck,
    ) -> Result<Self> {
        let registered = Self { shared, opener, places, background, shippers: RwLock::default(), rollback };
        for place in target_places(&registered.shared.index)? {
            match registered.opener.open(&place.name) {
                Ok(target) => registered.attach(target, place.has_cell).map(drop)?,
                Err(error) => tracing::error!(%error, "a registered target cannot be opened"),
            }
        }
        Ok(registered)
    }

    /// See [`crate::Store::open_target`].
    pub(crate) fn open_target(&self, address: &str) -> Result<Arc<dyn Target>, super::targets::TargetError> {
        self.opener.open(address)
    }

    /// See [`crate::Store::register_target`].
    pub(crate) fn register(&self, address: &str, cell: bool, take_over: bool) -> Result<String> {
        let invalid = |error: super::targets::TargetError| BackupError::from(error).refusal();
        let target = self.opener.open(address).map_err(invalid)?;
        let name = target.address().to_owned();
        let shipper = self.find(&name);
        if shipper.as_ref().is_some_and(|shipper| shipper.is_well()) {
            return Err(Error::new(ErrorKind::AlreadyExists, format!("{name} is registered already")));
        }
        let places = target_places(&self.shared.index)?;
        // On record already where it went astray, or could not be opened when the store was.
        let known = places.iter().find(|place| place.name == name);
        let has_cell = known.map_or(cell, |place| place.has_cell);
        self.check_apart(&name, &places)?;
        if has_cell {
            // Asked before anything is written: where overwritten objects are kept, there can be no cell.
            target.cell().map_err(invalid)?;
        }
        // Whoever registers it anew means this place, also where its claim is gone.
        Claim::acquire(target.clone(), self.shared.source.claimant, take_over)
            .map_err(BackupError::refusal)?;
        if known.is_none() {
            let (kind, domain) = (PlaceKind::Target, target.domain());
            let new = NewPlace { name: name.clone(), kind, has_cell, domain, confirmed: 0 };
            self.places.register(Action::RegisterTarget, new)?;
        }
        let shipper = shipper.map_or_else(|| self.attach(target, has_cell), Ok)?;
        shipper.keep_now().map_err(BackupError::refusal)?;
        Ok(name)
    }

    /// See [`crate::Store::remove_target`].
    pub(crate) fn remove(&self, address: &str, attested: Option<Attestation>) -> Result<Arc<Place>> {
        let name = self.opener.open(address).map_or(address.to_owned(), |target| target.address().to_owned());
        let place = match (self.places.remove(&name, attested.is_some()), attested) {
            (Err(error), Some(attested)) if error.kind() == ErrorKind::Unavailable => {
                self.places.retire(&name, Some(attested))?
            }
            (removed, _) => removed?,
        };
        self.let_go(&name);
        Ok(place)
    }

    /// Writes nothing any more to a target that is no place any more, from now on.
    pub(crate) fn let_go(&self, name: &str) {
        self.places.detach(name);
        let gone: Vec<_> =
            self.shippers.write().extract_if(.., |shipper| shipper.target().address() == name).collect();
        gone.iter().for_each(|shipper| shipper.abandon());
    }

    /// Signs anchors with this key from now on.
    pub(crate) fn start_signing(&self, signer: Arc<dyn ParsedKey>) {
        // The first one stays, as it does for certificates.
        let _ = self.shared.signer.set(signer);
    }

    /// What all targets share.
    pub(crate) fn shared(&self) -> &Shipping {
        &self.shared
    }

    /// Ships to every target what is durable now. What keeps one from it is told by its status.
    pub(crate) fn keep(&self) {
        for shipper in self.all() {
            // Noted by the shipper, logged once, and told by `status`.
            let _ = shipper.keep();
        }
    }

    /// How the targets stand.
    pub(crate) fn status(&self) -> Vec<TargetStatus> {
        self.all().iter().map(|shipper| shipper.status()).collect()
    }

    /// What is wrong with where targets lie, that were registered before that could be told: each in a sentence.
    ///
    /// # Errors
    /// Those of the index.
    pub(crate) fn misplaced(&self) -> Result<Vec<String>> {
        let places = target_places(&self.shared.index)?;
        let wrong = places.iter().filter_map(|place| self.check_apart(&place.name, &places).err());
        Ok(wrong.map(|error| error.public().to_owned()).collect())
    }

    fn check_apart(&self, address: &str, targets: &[Arc<Place>]) -> Result<()> {
        let others = targets.iter().map(|place| &*place.name).filter(|name| *name != address);
        self.shared.own.check_apart(address, others)
    }

    /// What the start could tell of roll-back.
    pub(crate) fn rollback(&self) -> RollbackCheck {
        self.rollback
    }

    /// The registered target of this canonical address, where it is open.
    pub(crate) fn find(&self, address: &str) -> Option<Arc<Shipper>> {
        self.shippers.read().iter().find(|shipper| shipper.target().address() == address).cloned()
    }

    /// Every target that is open.
    pub(crate) fn all(&self) -> Vec<Arc<Shipper>> {
        self.shippers.read().clone()
    }

    /// Whether changes are answered only when a target has them.
    pub(crate) fn waits(&self) -> bool {
        self.shared.options.acknowledge == Acknowledge::Target
    }

    /// Whether there is a target that was reached when it was last asked.
    pub(crate) fn are_well(&self) -> bool {
        self.shippers.read().iter().any(|shipper| shipper.is_well())
    }

    /// Answers when a target has the entry.
    pub(crate) fn answer_at_target(&self, lsn: Lsn, done: Completion) {
        self.shared.acknowledger.wait(lsn, done);
        self.shippers.read().iter().for_each(|shipper| shipper.kick());
    }

    /// Nobody waits to keep the rate any more, since the store is being closed.
    pub(crate) fn hurry(&self) {
        self.shared.stopping.store(true, Ordering::Release);
    }

    /// Ships what is left where that goes without trouble, and ends the threads.
    pub(crate) fn stop(&self) {
        self.hurry();
        self.all().iter().for_each(|shipper| shipper.stop());
        self.shared.acknowledger.stop();
    }

    fn attach(&self, target: Arc<dyn Target>, has_cell: bool) -> Result<Arc<Shipper>> {
        let shipper = Arc::new(Shipper::new(self.shared.clone(), target, has_cell));
        if self.background {
            shipper.start().map_err(Error::internal)?;
        }
        self.places.attach(shipper.clone());
        self.shippers.write().push(shipper.clone());
        Ok(shipper)
    }
}
