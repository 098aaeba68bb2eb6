//! How records, their keys and journal entries become bytes, and back. What entries mean does not live here.
//!
//! Record and entry bodies are CBOR maps with the model's field names, behind a format version byte.

use keyreeve_core::{
    Error, Result,
    model::Lsn,
    record::{Change, Entry, EntryDraft, Record, RecordKey},
};
use serde::{Serialize, de::DeserializeOwned};

const ENTRY_FORMAT: u8 = 1;
const RECORD_FORMAT: u8 = 1;
/// Format byte and LSN.
const ENTRY_HEADER_LEN: usize = 9;
/// Nesting of CBOR that is followed; the model needs less, KMIP structures in attributes included.
const DEPTH_MAX: usize = 256;

/// An entry's bytes but for its position: everything is encoded before the committer's turn comes.
pub(crate) struct EncodedEntry(Vec<u8>);

impl EncodedEntry {
    /// Encodes a draft.
    ///
    /// # Errors
    /// `Internal` where the model cannot be encoded.
    pub(crate) fn new(draft: &EntryDraft) -> Result<Self> {
        let mut bytes = vec![0; ENTRY_HEADER_LEN];
        bytes[0] = ENTRY_FORMAT;
        encode_into(draft, &mut bytes)?;
        Ok(Self(bytes))
    }

    /// Length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Appends the entry at its position: format byte, LSN (8 bytes, little-endian as in the journal), CBOR of the draft.
    pub(crate) fn write(&self, lsn: Lsn, out: &mut Vec<u8>) {
        out.push(ENTRY_FORMAT);
        out.extend_from_slice(&lsn.0.to_le_bytes());
        out.extend_from_slice(&self.0[ENTRY_HEADER_LEN..]);
    }
}

/// Decodes the entry that the journal holds at `lsn`.
///
/// # Errors
/// `Internal`, saying what is wrong with the entry.
pub(crate) fn decode_entry(lsn: Lsn, bytes: &[u8]) -> Result<Entry> {
    let wrong = |what: &str| Error::internal(format!("journal entry {lsn} cannot be read: {what}"));
    match bytes.first() {
        Some(&ENTRY_FORMAT) => {}
        Some(format) => {
            return Err(wrong(&format!("it has format {format}, this program knows {ENTRY_FORMAT}")));
        }
        None => return Err(wrong("it is empty")),
    }
    let named = bytes.get(1..ENTRY_HEADER_LEN).ok_or_else(|| wrong("it is cut short"))?;
    if named != lsn.0.to_le_bytes() {
        return Err(wrong("it names another position"));
    }
    let draft = decode(&bytes[ENTRY_HEADER_LEN..]).map_err(|what| wrong(&what))?;
    Ok(Entry { lsn, draft })
}

/// A record's bytes in the index.
pub(crate) fn encode_record(record: &Record) -> Result<Vec<u8>> {
    let mut bytes = vec![RECORD_FORMAT];
    encode_into(record, &mut bytes)?;
    Ok(bytes)
}

/// Decodes a record of the index.
///
/// # Errors
/// `Internal`, saying which record is wrong and how to rebuild it.
pub(crate) fn decode_record(key: &RecordKey, bytes: &[u8]) -> Result<Record> {
    let wrong = |what: &str| {
        Error::internal(format!(
            "the index is damaged at {key:?}: {what}; stop, remove the index, and start again: it is rebuilt"
        ))
    };
    match bytes.split_first() {
        Some((&RECORD_FORMAT, body)) => {
            let record: Record = decode(body).map_err(|what| wrong(&what))?;
            (record.key() == *key).then_some(record).ok_or_else(|| wrong("it holds another record"))
        }
        _ => Err(wrong("unknown record format")),
    }
}

/// A record key's bytes: `r`, a byte for the kind, then ids and, last, text. Ordered by kind and id.
pub(crate) fn encode_key(key: &RecordKey) -> Vec<u8> {
    let (kind, parts): (u8, [&[u8]; 2]) = match key {
        RecordKey::Realm(realm) => (1, [realm.as_bytes(), &[]]),
        RecordKey::Object(object) => (2, [object.as_bytes(), &[]]),
        RecordKey::Material(object) => (3, [object.as_bytes(), &[]]),
        RecordKey::Key(key) => (4, [key.as_bytes(), &[]]),
        RecordKey::KeyName(realm, name) => (5, [realm.as_bytes(), name.as_bytes()]),
        RecordKey::Principal(principal) => (6, [principal.as_bytes(), &[]]),
        RecordKey::PrincipalName(realm, name) => (7, [realm.as_bytes(), name.as_bytes()]),
        RecordKey::Credential(credential) => (8, [&credential.0, &[]]),
        RecordKey::Server(name) => (9, [name.as_bytes(), &[]]),
        RecordKey::Tree => (10, [&[], &[]]),
        RecordKey::Node(node) => (11, [&node.0, &[]]),
        RecordKey::Replaced(generation) => (12, [&generation.to_be_bytes(), &[]]),
        RecordKey::Leaves(realm) => (13, [realm.as_bytes(), &[]]),
        RecordKey::Erasure(erasure) => (14, [erasure.0.as_bytes(), &[]]),
        RecordKey::Certificate(erasure) => (15, [erasure.0.as_bytes(), &[]]),
        RecordKey::Place(name) => (16, [name.as_bytes(), &[]]),
        RecordKey::Counts(object) => (17, [object.as_bytes(), &[]]),
    };
    [&[b'r', kind], parts[0], parts[1]].concat()
}

/// Highest leaf index that these changes name, where they hold sealed material.
pub(crate) fn leaf_index_max<'a>(changes: impl Iterator<Item = &'a Change>) -> Option<u64> {
    let leaf = |change: &Change| match change {
        Change::Put(Record::Material(material)) => Some(material.leaf_index),
        Change::Put(Record::Server(server)) => server.sealed.as_ref().map(|sealed| sealed.leaf_index),
        _ => None,
    };
    changes.filter_map(leaf).max()
}

pub(crate) fn encode_into(value: &impl Serialize, bytes: &mut Vec<u8>) -> Result<()> {
    ciborium::into_writer(value, bytes).map_err(|error| Error::internal(format!("cannot encode: {error}")))
}

/// Decodes CBOR that fills `bytes`; memory and depth are bounded by what is there.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let mut rest = bytes;
    let value =
        ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH_MAX).map_err(|e| e.to_string())?;
    if rest.is_empty() { Ok(value) } else { Err(format!("{} bytes too many", rest.len())) }
}
