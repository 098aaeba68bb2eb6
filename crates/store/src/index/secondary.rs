//! Rows of the secondary indexes as keys of the engine: `i`, realm 16, kind 1, value escaped, id 16; no value.
//!
//! INVARIANT: keys sort as (realm, kind, value, id). In a value 0x00 is written 0x00 0xFF and the end 0x00 0x00, so
//! that order is kept and no value is taken for the beginning of another.

use std::ops::Bound;

use keyreeve_core::model::RealmId;
use keyreeve_core::{
    ports::store::{IndexHit, IndexRange, Order},
    record::{IndexKind, IndexTerm, Record, index_terms},
};
use uuid::Uuid;

const PREFIX_LEN: usize = 18;
const ID_LEN: usize = 16;
const END: [u8; 2] = [0, 0];
/// Sorts behind all rows of a value and before those of the next one.
const BEHIND_END: [u8; 2] = [0, 1];

/// All rows of a record, sorted and each once.
pub(crate) fn rows(record: Option<&Record>) -> Vec<Vec<u8>> {
    let mut rows: Vec<_> = record.map(index_terms).unwrap_or_default().iter().map(row).collect();
    rows.sort_unstable();
    rows.dedup();
    rows
}

/// True where records of this kind have rows at all.
pub(crate) fn is_indexed(key: &keyreeve_core::record::RecordKey) -> bool {
    use keyreeve_core::record::RecordKey;
    matches!(
        key,
        RecordKey::Realm(_)
            | RecordKey::Object(_)
            | RecordKey::Material(_)
            | RecordKey::Key(_)
            | RecordKey::KeyName(..)
            | RecordKey::Principal(_)
            | RecordKey::Server(_)
            | RecordKey::Erasure(_)
            | RecordKey::Place(_)
            | RecordKey::Replaced(_)
    )
}

/// First key, included, and last key, excluded, of those rows of a range that come after the row `beyond` in this order.
pub(crate) fn bounds(range: &IndexRange, order: Order, beyond: Option<&IndexHit>) -> (Vec<u8>, Vec<u8>) {
    let prefix = prefix(range.realm, range.kind);
    let at = |value: &[u8], end: [u8; 2]| [prefix.as_slice(), &escaped(value), &end].concat();
    let mut from = match &range.from {
        Bound::Included(value) => at(value, END),
        Bound::Excluded(value) => at(value, BEHIND_END),
        Bound::Unbounded => prefix.to_vec(),
    };
    let mut to = match &range.to {
        Bound::Included(value) => at(value, BEHIND_END),
        Bound::Excluded(value) => at(value, END),
        Bound::Unbounded => {
            let mut behind = prefix;
            // Kinds are small numbers: there is a next one.
            behind[PREFIX_LEN - 1] = behind[PREFIX_LEN - 1].saturating_add(1);
            behind.to_vec()
        }
    };
    if let Some(beyond) = beyond {
        let row = [at(&beyond.value, END).as_slice(), beyond.id.as_bytes()].concat();
        match order {
            Order::Ascending => from = from.max(key_behind(&row)),
            Order::Descending => to = to.min(row),
        }
    }
    (from, to)
}

/// The first key behind this one.
pub(crate) fn key_behind(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

/// The value and id that a row's key holds; `None` for a key that no row has.
pub(crate) fn hit(key: &[u8]) -> Option<IndexHit> {
    let (rest, id) = key.split_last_chunk::<ID_LEN>()?;
    let escaped = rest.get(PREFIX_LEN..)?.strip_suffix(&END)?;
    let mut value = Vec::with_capacity(escaped.len());
    let mut bytes = escaped.iter();
    while let Some(&byte) = bytes.next() {
        if byte == 0 && bytes.next() != Some(&0xFF) {
            return None;
        }
        value.push(byte);
    }
    Some(IndexHit { value, id: Uuid::from_bytes(*id) })
}

fn row(term: &IndexTerm) -> Vec<u8> {
    let prefix = prefix(term.realm, term.kind);
    [prefix.as_slice(), &escaped(&term.value), &END, term.id.as_bytes()].concat()
}

fn prefix(realm: RealmId, kind: IndexKind) -> [u8; PREFIX_LEN] {
    let mut prefix = [0; PREFIX_LEN];
    prefix[0] = b'i';
    prefix[1..17].copy_from_slice(realm.as_bytes());
    prefix[17] = kind as u8;
    prefix
}

fn escaped(value: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(value.len() + 8);
    for &byte in value {
        escaped.push(byte);
        if byte == 0 {
            escaped.push(0xFF);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_sort_as_value_then_id_and_read_back() {
        let values: [&[u8]; 9] =
            [b"", b"\0", b"\0\0", b"\0\x01", b"\0\xFF", b"\x01", b"a", b"a\0b", b"\xFF\xFF"];
        let mut before = Vec::new();
        for value in values {
            for id in [Uuid::nil(), Uuid::from_u128(1), Uuid::max()] {
                let term =
                    IndexTerm { realm: RealmId::DEFAULT, kind: IndexKind::Link, value: value.to_vec(), id };
                let row = row(&term);
                assert!(row > before, "{value:?} {id}");
                assert_eq!(hit(&row), Some(IndexHit { value: value.to_vec(), id }));
                before = row;
            }
        }
    }

    #[test]
    fn keys_that_are_no_rows_are_refused() {
        let whole = row(&IndexTerm {
            realm: RealmId::DEFAULT,
            kind: IndexKind::Link,
            value: b"a\0".to_vec(),
            id: Uuid::max(),
        });
        for len in 0..whole.len() - 1 {
            assert_ne!(hit(&whole[..len]), hit(&whole), "{len}");
        }
        assert_eq!(hit(b""), None);
        let mut unescaped = whole;
        unescaped[PREFIX_LEN + 2] = 1;
        assert_eq!(hit(&unescaped), None);
    }
}
