//! Going over two loaded states side by side, and bringing the newer one back to what point-in-time recovery makes of
//! both. The rule for one record is `point_in_time`'s.

use std::{cmp::Ordering, vec};

use keyreeve_core::{
    Result,
    ports::seal::Sealer,
    ports::store::Order,
    record::{Change, Record, RecordKey},
    restored::revised,
};

use super::{
    load::{PAGE_ROWS, record},
    point_in_time::{Merge, Preview, States},
    state::State,
};
use crate::{
    engines::{Engine, EngineSnapshot, Row},
    index::{encoding, told},
};

/// Changes that are made at once.
const CHANGES_MAX: usize = 4096;

struct Two<'a> {
    then: &'a dyn Engine,
    head: &'a dyn Engine,
}

impl States for Two<'_> {
    fn then(&self, key: &RecordKey) -> Result<Option<Record>> {
        record(self.then, key)
    }

    fn head(&self, key: &RecordKey) -> Result<Option<Record>> {
        record(self.head, key)
    }
}

/// Changes `head` into the state of then with what stays from now; with `write` false it only tells.
///
/// # Errors
/// The engines'; the sealer's, where the MAC of an object cannot be made anew.
pub(super) fn merge(
    then: &dyn Engine,
    head: &State,
    sealer: &dyn Sealer,
    keep_new: bool,
    write: bool,
) -> Result<Preview> {
    let states = Two { then, head: &*head.engine };
    let mut merge = Merge { states: &states, keep_new, preview: Preview::default() };
    let (then, now) = (then.snapshot().map_err(told)?, head.engine.snapshot().map_err(told)?);
    let (mut then, mut now) = (Rows::new(&*then), Rows::new(&*now));
    let mut changes = Vec::new();
    let (mut then_row, mut head_row) = (then.next()?, now.next()?);
    loop {
        let order = match (&then_row, &head_row) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((then, _)), Some((head, _))) => then.cmp(head),
        };
        let (mut before, mut after) = (None, None);
        if order.is_le() {
            before = then_row.take();
            then_row = then.next()?;
        }
        if order.is_ge() {
            after = head_row.take();
            head_row = now.next()?;
        }
        if before == after {
            continue;
        }
        let decoded =
            |row: Option<Row>| row.map(|(key, bytes)| encoding::decode_row(&key, &bytes)).transpose();
        for change in merge.record(decoded(before)?, decoded(after)?)? {
            changes.push(sealed_anew(head, sealer, change)?);
        }
        if changes.len() >= CHANGES_MAX {
            let changes = std::mem::take(&mut changes);
            if write {
                head.change(changes)?;
            }
        }
    }
    if write && !changes.is_empty() {
        head.change(changes)?;
    }
    Ok(merge.preview)
}

/// An object that goes back is a new revision under the newest sealing.
fn sealed_anew(head: &State, sealer: &dyn Sealer, change: Change) -> Result<Change> {
    let Change::Put(Record::Object(object)) = &change else { return Ok(change) };
    let (newest, sealed) = (RecordKey::Object(object.id), RecordKey::Material(object.id));
    match (head.get(&newest)?.as_deref(), head.get(&sealed)?.as_deref()) {
        (Some(Record::Object(newest)), Some(Record::Material(sealed))) => {
            let object = revised(sealer, (**object).clone(), newest, sealed)?;
            Ok(Change::Put(Record::Object(object)))
        }
        _ => Ok(change),
    }
}

/// All records of an engine as it was when the walk began.
pub(super) struct Rows<'a> {
    view: &'a dyn EngineSnapshot,
    from: Vec<u8>,
    page: vec::IntoIter<Row>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(view: &'a dyn EngineSnapshot) -> Self {
        Self { view, from: vec![b'r'], page: Vec::new().into_iter() }
    }

    pub(super) fn next(&mut self) -> Result<Option<Row>> {
        if let Some(row) = self.page.next() {
            return Ok(Some(row));
        }
        let page = self.view.scan(&self.from, &[b'r' + 1], Order::Ascending, PAGE_ROWS).map_err(told)?;
        if let Some((last, _)) = page.last() {
            self.from = [last.as_slice(), &[0]].concat();
        }
        self.page = page.into_iter();
        Ok(self.page.next())
    }
}
