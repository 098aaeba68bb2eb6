//! Verifying a loaded state: every record decodes, all material opens under its leaf, every MAC is right. On all
//! processors at once: this is what a restore takes longest for.

use keyreeve_core::{
    Error, ErrorKind, Result,
    model::ManagedObject,
    ports::seal::{SealedMaterial, Sealer},
    record::{Change, Record, RecordKey},
    restored::{revised, skip_limits, verify_object, verify_server_data},
};
use serde::Serialize;

use super::{
    load::{Pages, record},
    state::State,
};
use crate::{
    ahead::in_order,
    engines::{Engine, Row},
    index::encoding,
};

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

/// Verifies everything; `tell` learns how many records are done. `skip`: also lets usage limits skip what the lost machine may
/// have spent.
///
/// # Errors
/// `CryptoFailed` naming the first key that does not open; `Internal`, naming the first other thing that is wrong.
pub(super) fn verify_all(
    state: &State,
    sealer: &dyn Sealer,
    skip: bool,
    tell: &mut dyn FnMut(u64),
) -> Result<Verified> {
    let checker = Checker { state, sealer, skip };
    let mut pages = Pages::new(&*state.engine);
    let pages = std::iter::from_fn(|| pages.next().transpose());
    let check = |page: Result<Vec<Row>>, give: &mut dyn FnMut(Checked) -> bool| {
        give(checker.page(&page?)?);
        Ok(())
    };
    let (mut verified, mut skipped) = (Verified::default(), Vec::new());
    in_order(pages, check, |checked| {
        verified.records += checked.verified.records;
        verified.opened += checked.verified.opened;
        tell(verified.records);
        skipped.extend(checked.skipped);
        if skipped.len() >= CHANGES_MAX { state.change(std::mem::take(&mut skipped)) } else { Ok(()) }
    })?;
    state.change(skipped)?;
    Ok(verified)
}

/// Decodes every record of an engine.
///
/// # Errors
/// `Internal`, naming the first that does not.
pub(super) fn decode_all(engine: &dyn Engine) -> Result<()> {
    let mut pages = Pages::new(engine);
    let pages = std::iter::from_fn(|| pages.next().transpose());
    let decode = |page: Result<Vec<Row>>, _: &mut dyn FnMut(()) -> bool| {
        page?.iter().try_for_each(|(key, bytes)| encoding::decode_row(key, bytes).map(drop))
    };
    in_order(pages, decode, |()| Ok(()))
}

struct Checker<'a> {
    state: &'a State,
    sealer: &'a dyn Sealer,
    skip: bool,
}

/// What a page of records gave.
struct Checked {
    verified: Verified,
    /// Objects whose usage limits have skipped.
    skipped: Vec<Change>,
}

impl Checker<'_> {
    fn page(&self, page: &[Row]) -> Result<Checked> {
        let mut skipped = Vec::new();
        let mut opened = 0;
        for (key, bytes) in page {
            match encoding::decode_row(key, bytes)? {
                Record::Material(sealed) => {
                    let Some(Record::Object(object)) =
                        record(&*self.state.engine, &RecordKey::Object(sealed.object))?
                    else {
                        return Err(Error::internal(format!("material of {} has no object", sealed.object)));
                    };
                    verify_object(&*self.state.crypto, self.sealer, &object, &sealed)
                        .map_err(|error| self.of_key(&object, &error))?;
                    opened += 1;
                    if self.skip {
                        skipped.extend(self.skipped(&object, &sealed)?);
                    }
                }
                Record::Server(data) => {
                    verify_server_data(&*self.state.crypto, self.sealer, &data)?;
                    opened += u64::from(data.sealed.is_some());
                }
                _ => {}
            }
        }
        Ok(Checked { verified: Verified { records: page.len() as u64, opened }, skipped })
    }

    /// An error of an object, by the name of its key.
    fn of_key(&self, object: &ManagedObject, error: &Error) -> Error {
        let name = match record(&*self.state.engine, &RecordKey::Key(object.key)) {
            Ok(Some(Record::Key(key))) => key.name.clone(),
            _ => object.key.to_string(),
        };
        let what = error.cause().unwrap_or(error.public());
        let public = format!("version {} of key {name} ({}): {what}", object.version, object.id);
        Error::new(ErrorKind::CryptoFailed, public)
    }

    fn skipped(&self, object: &ManagedObject, sealed: &SealedMaterial) -> Result<Option<Change>> {
        let mut limited = object.clone();
        if !skip_limits(&mut limited) {
            return Ok(None);
        }
        Ok(Some(Change::Put(Record::Object(revised(self.sealer, limited, object, sealed)?))))
    }
}
