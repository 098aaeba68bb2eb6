//! How records, their keys and journal entries become bytes, and back. What entries mean does not live here.
//!
//! Record and entry bodies are CBOR maps with the model's field names, behind a format version byte.

use cbor4ii::{
    core::{
        dec::{Decode, IgnoredAny, Read, Reference},
        types,
        utils::SliceReader,
    },
    serde::Deserializer,
};
use keyreeve_core::{
    Error, Result,
    access::Action,
    model::{Counts, Lsn, ObjectId, Time},
    record::{Change, Entry, EntryDraft, Outcome, Record, RecordKey, used},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::uses::Use;

/// An entry that changes the state.
const ENTRY_WITH_CHANGES: u8 = 1;
/// An entry that does not, as replay knows by this byte alone.
const ENTRY_WITHOUT_CHANGES: u8 = 2;
const RECORD_FORMAT: u8 = 1;
/// Kind of the keys of rows that count uses.
const USES: u8 = 18;
/// Format byte and LSN.
const ENTRY_HEADER_LEN: usize = 9;

/// An entry's bytes but for its position: everything is encoded before the committer's turn comes.
pub(crate) struct EncodedEntry(Vec<u8>);

impl EncodedEntry {
    /// Encodes a draft.
    ///
    /// # Errors
    /// `Internal` where the model cannot be encoded.
    pub(crate) fn new(draft: &EntryDraft) -> Result<Self> {
        let mut bytes = vec![0; ENTRY_HEADER_LEN];
        bytes[0] = if draft.changes.is_empty() { ENTRY_WITHOUT_CHANGES } else { ENTRY_WITH_CHANGES };
        encode_into(draft, &mut bytes)?;
        Ok(Self(bytes))
    }

    /// Length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Appends the entry at its position: format byte, LSN (8 bytes, little-endian as in the journal), CBOR of the draft.
    pub(crate) fn write(&self, lsn: Lsn, out: &mut Vec<u8>) {
        out.push(self.0[0]);
        out.extend_from_slice(&lsn.0.to_le_bytes());
        out.extend_from_slice(&self.0[ENTRY_HEADER_LEN..]);
    }
}

/// Decodes the entry that the journal holds at `lsn`.
///
/// # Errors
/// `Internal`, saying what is wrong with the entry.
pub(crate) fn decode_entry(lsn: Lsn, bytes: &[u8]) -> Result<Entry> {
    let (format, body) = split_entry(lsn, bytes)?;
    let draft: EntryDraft = decode(body).map_err(|what| wrong_entry(lsn, &what))?;
    if format == ENTRY_WITHOUT_CHANGES && !draft.changes.is_empty() {
        return Err(wrong_entry(lsn, "it has changes that its format denies"));
    }
    Ok(Entry { lsn, draft })
}

/// Decodes the changes alone of the entry that the journal holds at `lsn`; one without changes is not looked into.
///
/// # Errors
/// As [`decode_entry`].
pub(crate) fn decode_changes(lsn: Lsn, bytes: &[u8]) -> Result<Vec<Change>> {
    #[derive(Deserialize)]
    struct Changes {
        changes: Vec<Change>,
    }
    match split_entry(lsn, bytes)? {
        (ENTRY_WITHOUT_CHANGES, _) => Ok(Vec::new()),
        (_, body) => Ok(decode::<Changes>(body).map_err(|what| wrong_entry(lsn, &what))?.changes),
    }
}

/// What the entry that the journal holds at `lsn` changes, and the use that it is, where it is one.
///
/// # Errors
/// As [`decode_entry`].
pub(crate) fn decode_effects(lsn: Lsn, bytes: &[u8]) -> Result<(Vec<Change>, Option<Use>)> {
    #[derive(Deserialize)]
    struct Effects {
        time: Time,
        action: Action,
        object: Option<ObjectId>,
        outcome: Outcome,
        changes: Vec<Change>,
    }
    let (_, body) = split_entry(lsn, bytes)?;
    let Effects { time, action, object, outcome, changes } =
        decode(body).map_err(|what| wrong_entry(lsn, &what))?;
    Ok((changes, used(action, outcome, object).map(|(object, kind)| (object, kind, time))))
}

/// The use of an object that the entry at `lsn` is, where it is one; its changes are not looked into.
///
/// # Errors
/// As [`decode_entry`].
pub(crate) fn decode_use(lsn: Lsn, bytes: &[u8]) -> Result<Option<Use>> {
    #[derive(Deserialize)]
    struct Used {
        time: Time,
        action: Action,
        object: Option<ObjectId>,
        outcome: Outcome,
    }
    let (_, body) = split_entry(lsn, bytes)?;
    let Used { time, action, object, outcome } = decode(body).map_err(|what| wrong_entry(lsn, &what))?;
    Ok(used(action, outcome, object).map(|(object, kind)| (object, kind, time)))
}

/// A change as rows of the index take it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RowChange {
    /// The row of this key is now this, or gone.
    Row(Vec<u8>, Option<Vec<u8>>),
    /// The counters of an object grow by so much.
    Counted(Counts),
}

/// The changes of the entry that the journal holds at `lsn`, as rows: what is put is not encoded anew, since an entry
/// holds records as the index does. Each is decoded all the same, for its key and to know that it can be.
///
/// # Errors
/// As [`decode_entry`].
pub(crate) fn decode_rows(lsn: Lsn, bytes: &[u8]) -> Result<Vec<RowChange>> {
    match split_entry(lsn, bytes)? {
        (ENTRY_WITHOUT_CHANGES, _) => Ok(Vec::new()),
        (_, body) => rows(body).map_err(|what| wrong_entry(lsn, &what)),
    }
}

fn rows(body: &[u8]) -> Result<Vec<RowChange>, String> {
    let mut reader = SliceReader::new(body);
    let fields = types::Map::len(&mut reader).map_err(|error| error.to_string())?;
    for _ in 0..fields.ok_or("it is a map without a length")? {
        if <&str>::decode(&mut reader).map_err(|error| error.to_string())? == "changes" {
            let count = types::Array::len(&mut reader).map_err(|error| error.to_string())?;
            let count = count.ok_or("its changes are a list without a length")?;
            return (0..count).map(|_| row_change(&mut reader)).collect();
        }
        IgnoredAny::decode(&mut reader).map_err(|error| error.to_string())?;
    }
    Err("it has no changes".into())
}

fn row_change(reader: &mut SliceReader<'_>) -> Result<RowChange, String> {
    // A map of one, `Put` to a record.
    const PUT: [u8; 5] = [0xA1, 0x63, b'P', b'u', b't'];
    let rest = left(reader);
    if let Some(record) = rest.strip_prefix(&PUT) {
        reader.advance(PUT.len());
        let key = encode_key(&decode_next::<Record>(reader)?.key());
        let record = &record[..record.len() - left(reader).len()];
        return Ok(RowChange::Row(key, Some([&[RECORD_FORMAT], record].concat())));
    }
    let change: Change = decode_next(reader)?;
    match (change.counted(), change) {
        (Some(counts), _) => Ok(RowChange::Counted(counts)),
        (None, Change::Delete(key)) => Ok(RowChange::Row(encode_key(&key), None)),
        (None, _) => Err("a record is put in another way than this program puts them".into()),
    }
}

/// Whether an entry of the journal changes the state.
pub(crate) fn has_changes(entry: &[u8]) -> bool {
    entry.first() != Some(&ENTRY_WITHOUT_CHANGES)
}

/// An entry's format, and its CBOR.
fn split_entry(lsn: Lsn, bytes: &[u8]) -> Result<(u8, &[u8])> {
    let (header, body) =
        bytes.split_at_checked(ENTRY_HEADER_LEN).ok_or_else(|| wrong_entry(lsn, "it is cut short"))?;
    match header[0] {
        _ if header[1..] != lsn.0.to_le_bytes() => Err(wrong_entry(lsn, "it names another position")),
        format @ (ENTRY_WITH_CHANGES | ENTRY_WITHOUT_CHANGES) => Ok((format, body)),
        format => {
            let known = ENTRY_WITHOUT_CHANGES;
            Err(wrong_entry(lsn, &format!("it has format {format}, this program knows up to {known}")))
        }
    }
}

fn wrong_entry(lsn: Lsn, what: &str) -> Error {
    Error::internal(format!("journal entry {lsn} cannot be read: {what}"))
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
            "the index is damaged at {key:?}: {what}; stop, run `keyreeve index rebuild`, and start again"
        ))
    };
    let record = decode_body(bytes).map_err(|what| wrong(&what))?;
    (record.key() == *key).then_some(record).ok_or_else(|| wrong("it holds another record"))
}

/// Decodes a record of a backup, where its key is known by its bytes alone.
///
/// # Errors
/// `Internal`, saying which row is wrong.
pub(crate) fn decode_row(key: &[u8], bytes: &[u8]) -> Result<Record> {
    let wrong = |what: &str| Error::internal(format!("the record {} is damaged: {what}", hex::encode(key)));
    let record = decode_body(bytes).map_err(|what| wrong(&what))?;
    (encode_key(&record.key()) == key).then_some(record).ok_or_else(|| wrong("it holds another record"))
}

/// Decodes a record of whatever key.
pub(crate) fn decode_body(bytes: &[u8]) -> Result<Record, String> {
    match bytes.split_first() {
        Some((&RECORD_FORMAT, body)) => decode(body),
        _ => Err("unknown record format".into()),
    }
}

/// Whether a row counts uses: such rows follow from entries that change nothing.
pub(crate) fn counts_uses(key: &[u8]) -> bool {
    key.starts_with(&[b'r', USES])
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
        RecordKey::Uses(object) => (USES, [object.as_bytes(), &[]]),
        RecordKey::MaterialDigest(realm, digest) => (19, [realm.as_bytes(), &digest.0]),
    };
    [&[b'r', kind], parts[0], parts[1]].concat()
}

/// What a row of the index is, by its key; names in it are left out.
pub(crate) fn row_name(key: &[u8]) -> String {
    const KINDS: [&str; 19] = [
        "realm",
        "object",
        "material",
        "key",
        "key name",
        "principal",
        "principal's name",
        "credential",
        "server data",
        "key tree's head",
        "node",
        "replaced nodes",
        "leaves",
        "erasure",
        "certificate",
        "place",
        "counters",
        "uses",
        "material's digest",
    ];
    match key {
        [b'r', kind, rest @ ..] => {
            let has_id = !matches!(kind, 9 | 10 | 12 | 16);
            let name =
                KINDS.get(usize::from(*kind).wrapping_sub(1)).copied().unwrap_or("a record of no known kind");
            let id = rest.first_chunk().filter(|_| has_id).map(|id| uuid::Uuid::from_bytes(*id).to_string());
            [name, &id.unwrap_or_default()].join(" ").trim_end().to_owned()
        }
        [b'i', ..] => format!("row {} of the secondary indexes", hex::encode(key)),
        key => format!("row {}", hex::encode(key)),
    }
}

pub(crate) fn encode_into(value: &impl Serialize, bytes: &mut Vec<u8>) -> Result<()> {
    ciborium::into_writer(value, bytes).map_err(|error| Error::internal(format!("cannot encode: {error}")))
}

/// Decodes CBOR that fills `bytes`. Memory is bounded by what is there and a MiB for each list that is open, and nesting by the reader at 256 levels: the
/// model needs less, KMIP structures in attributes included.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let mut reader = SliceReader::new(bytes);
    let value = decode_next(&mut reader)?;
    match left(&mut reader) {
        [] => Ok(value),
        left => Err(format!("{} bytes too many", left.len())),
    }
}

fn decode_next<T: DeserializeOwned>(reader: &mut SliceReader<'_>) -> Result<T, String> {
    T::deserialize(&mut Deserializer::new(reader)).map_err(|error| error.to_string())
}

/// What a reader has not given yet.
fn left<'a>(reader: &mut SliceReader<'a>) -> &'a [u8] {
    match reader.fill(usize::MAX) {
        Ok(Reference::Long(rest)) => rest,
        // A slice is never given in parts.
        Ok(Reference::Short(_)) | Err(_) => &[],
    }
}

#[cfg(test)]
mod tests {
    use keyreeve_core::model::{PrincipalId, RealmId, RequestId, UseKind};

    use super::*;

    fn encoded(changes: Vec<Change>) -> Vec<u8> {
        encoded_draft(&draft(changes))
    }

    fn draft(changes: Vec<Change>) -> EntryDraft {
        EntryDraft {
            time: Time(1),
            realm: RealmId::DEFAULT,
            principal: PrincipalId::SYSTEM,
            principal_name: "system".into(),
            protocol: "system".into(),
            request: RequestId(uuid::Uuid::nil()),
            source: None,
            action: Action::Status,
            key: None,
            object: None,
            target: None,
            others: Vec::new(),
            canary: false,
            outcome: Outcome::Success,
            reason: None,
            detail: None,
            changes,
            touched: Vec::new(),
            personal: None,
        }
    }

    fn encoded_draft(draft: &EntryDraft) -> Vec<u8> {
        let mut bytes = Vec::new();
        EncodedEntry::new(draft).unwrap().write(Lsn(7), &mut bytes);
        bytes
    }

    #[test]
    fn an_entry_tells_the_use_that_it_is() {
        let object = ObjectId(uuid::Uuid::from_u128(3));
        let spent = Change::Spent { object, units: 2, of: 9 };
        let used = EntryDraft { action: Action::Sign, object: Some(object), ..draft(vec![spent.clone()]) };
        let effects = |draft: &EntryDraft| decode_effects(Lsn(7), &encoded_draft(draft)).unwrap();
        assert_eq!(effects(&used), (vec![spent.clone()], Some((object, UseKind::Protect, Time(1)))));
        let rows = decode_rows(Lsn(7), &encoded_draft(&used)).unwrap();
        assert_eq!(rows, [RowChange::Counted(Counts { spent: 2, ..Counts::none(object) })]);
        let denied = EntryDraft { outcome: Outcome::Denied, ..used.clone() };
        assert_eq!(effects(&denied), (vec![spent], None), "what was refused is no use");
        let alone = |draft: &EntryDraft| decode_use(Lsn(7), &encoded_draft(draft)).unwrap();
        assert_eq!(alone(&used), Some((object, UseKind::Protect, Time(1))));
        assert_eq!(alone(&denied), None);
        let got = EntryDraft { action: Action::Get, changes: Vec::new(), ..used };
        assert_eq!(effects(&got), (Vec::new(), None));
        assert!(counts_uses(&encode_key(&RecordKey::Uses(object))));
        assert!(!counts_uses(&encode_key(&RecordKey::Counts(object))));
    }

    #[test]
    fn the_format_tells_whether_there_are_changes() {
        let change = Change::Delete(RecordKey::Tree);
        let mut with = encoded(vec![change.clone()]);
        let mut without = encoded(Vec::new());
        assert_eq!((with[0], without[0]), (ENTRY_WITH_CHANGES, ENTRY_WITHOUT_CHANGES));
        assert_eq!(decode_changes(Lsn(7), &with).unwrap(), vec![change]);
        assert_eq!(decode_changes(Lsn(7), &without).unwrap(), vec![]);
        assert_eq!(decode_entry(Lsn(7), &without).unwrap().draft.changes, vec![]);
        assert!(decode_changes(Lsn(8), &without).is_err(), "another position");

        with[0] = ENTRY_WITHOUT_CHANGES;
        assert!(decode_entry(Lsn(7), &with).is_err(), "its changes would not be replayed");
        without[0] = ENTRY_WITH_CHANGES;
        assert_eq!(decode_changes(Lsn(7), &without).unwrap(), vec![], "as written before the flag");
        without[0] = 3;
        assert!(decode_entry(Lsn(7), &without).is_err());
        assert!(decode_changes(Lsn(7), &without[..8]).is_err());
    }
}
