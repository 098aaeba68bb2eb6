//! Verifying a loaded state: every record decodes, all material opens under its leaf, every MAC is right. On all
//! processors at once: this is what a restore takes longest for.

use std::{
    num::NonZero,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use crossbeam_channel::bounded;
use keyreeve_core::{
    Error, Result,
    model::ManagedObject,
    ports::seal::{SealedMaterial, Sealer},
    record::{Change, Record, RecordKey},
    restored::{revised, skip_limits, verify_object, verify_server_data},
};
use parking_lot::Mutex;
use serde::Serialize;

use super::{
    load::{each_page, record},
    state::State,
};
use crate::{engines::Row, index::encoding};

/// Pages that wait for a processor.
const PAGES_MAX: usize = 8;
/// Changes that are made at once.
const CHANGES_MAX: usize = 4096;

/// What was verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Records, each of which decodes.
    pub records: u64,
    /// Sealed material among them, each of which opens, with the MAC of its object.
    pub opened: u64,
}

/// Verifies everything. `skip`: also lets usage limits skip what the lost machine may have spent.
///
/// # Errors
/// `Internal`, naming the first thing that is wrong.
pub(super) fn verify_all(state: &State, sealer: &dyn Sealer, skip: bool) -> Result<Verified> {
    let checker = Checker { state, sealer, skip, opened: AtomicU64::new(0), skipped: Mutex::default() };
    let mut records = 0;
    let (sender, receiver) = bounded::<Vec<Row>>(PAGES_MAX);
    thread::scope(|scope| {
        let work = || receiver.iter().try_for_each(|page| checker.page(&page));
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let read = each_page(&*state.engine, |page| {
            records += page.len() as u64;
            // While one worker has failed the others take the rest: the failure is told below.
            Ok(sender.send(page).is_ok() && workers.iter().all(|worker| !worker.is_finished()))
        });
        drop(sender);
        let panicked = || Err(Error::internal("verifying panicked"));
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| panicked()))?;
        read
    })?;
    let Checker { opened, skipped, .. } = checker;
    state.change(skipped.into_inner())?;
    Ok(Verified { records, opened: opened.into_inner() })
}

struct Checker<'a> {
    state: &'a State,
    sealer: &'a dyn Sealer,
    skip: bool,
    opened: AtomicU64,
    /// INVARIANT: held while the state is changed: one thread at a time does that.
    skipped: Mutex<Vec<Change>>,
}

impl Checker<'_> {
    fn page(&self, page: &[Row]) -> Result<()> {
        for (key, bytes) in page {
            match encoding::decode_row(key, bytes)? {
                Record::Material(sealed) => {
                    let Some(Record::Object(object)) =
                        record(&*self.state.engine, &RecordKey::Object(sealed.object))?
                    else {
                        return Err(Error::internal(format!("material of {} has no object", sealed.object)));
                    };
                    verify_object(&*self.state.crypto, self.sealer, &object, &sealed)?;
                    self.opened.fetch_add(1, Ordering::Relaxed);
                    if self.skip {
                        self.skip_limits(&object, &sealed)?;
                    }
                }
                Record::Server(data) => {
                    verify_server_data(&*self.state.crypto, self.sealer, &data)?;
                    self.opened.fetch_add(u64::from(data.sealed.is_some()), Ordering::Relaxed);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn skip_limits(&self, object: &ManagedObject, sealed: &SealedMaterial) -> Result<()> {
        let mut limited = object.clone();
        if skip_limits(&mut limited) {
            let limited = revised(self.sealer, limited, object, sealed)?;
            let mut skipped = self.skipped.lock();
            skipped.push(Change::Put(Record::Object(limited)));
            if skipped.len() >= CHANGES_MAX {
                self.state.change(std::mem::take(&mut skipped))?;
            }
        }
        Ok(())
    }
}
