//! What fuzzing needs of decoders that nobody outside may call: a function each, from bytes to whether they were taken.
//! Each panics where what was taken is not encoded again as it was. Where a checksum or a seal would refuse whatever was
//! altered, the function puts the right one there first. Not here: inputs, and who makes them up (crates/fuzz).

use std::{
    io::{Read as _, Write as _},
    path::Path,
    sync::{Arc, OnceLock},
};

use keyreeve_core::{
    Error, Result, SecretBytes,
    model::{Algorithm, KeySpec, Lsn, ObjectType, SealedNode},
    ports::crypto::{Crypto, Generated, ParsedKey},
    record::index_terms,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    backup::{
        BackupError,
        anchor::Anchor,
        claim::ClaimFile,
        full,
        manifest::{self, Manifest},
        piece::{CHANGES, HEADER_LEN, OWNER_LEN, Piece, PieceHeader, PieceName, Pieces, REST, Section},
        sealed::{ArchiveKey, ArchiveKeys, SealWriter},
    },
    index::{
        checkpoint::Checkpoint,
        encoding::{self, EncodedEntry, RowChange},
    },
    journal::{self, Identity, Links},
    recovery::parse_store_file,
    sealing::{
        RootFile,
        cells::{SLOT_LEN, decode_slot, encode_slot},
        shares::RecoveryShare,
        tree::node::{Address, CONTENT_LEN, Node, SLOTS, node_id},
    },
    signed,
};

const HASH_LEN: usize = 32;
/// Node keys, epoch keys and root keys: what is fuzzed lies behind the seal.
const KEY: [u8; 32] = [7; 32];

/// An entry of the journal, under the LSN that it names: every way to read it says the same.
pub fn entry(bytes: &[u8]) -> bool {
    let lsn = bytes.get(1..).and_then(|rest| rest.first_chunk());
    let lsn = Lsn(lsn.map_or(0, |lsn| u64::from_le_bytes(*lsn)));
    let changes = encoding::decode_changes(lsn, bytes);
    let effects = encoding::decode_effects(lsn, bytes);
    let rows = encoding::decode_rows(lsn, bytes);
    let Ok(entry) = encoding::decode_entry(lsn, bytes) else { return false };
    assert_eq!(changes.ok().as_ref(), Some(&entry.draft.changes));
    let (changes, used) = effects.expect("an entry that is read has effects");
    assert_eq!(changes, entry.draft.changes);
    assert_eq!(used.map(|(object, kind, _)| (object, kind)), entry.draft.used());
    if let Ok(rows) = rows {
        assert_eq!(rows.len(), changes.len());
    }
    let mut again = Vec::new();
    EncodedEntry::new(&entry.draft).expect("encodes").write(lsn, &mut again);
    assert_eq!(encoding::decode_entry(lsn, &again).expect("is read again"), entry);
    assert_eq!(encoding::decode_rows(lsn, &again).expect("has rows").len(), changes.len());
    true
}

/// A record of the index, with the terms that it is found by.
pub fn record(bytes: &[u8]) -> bool {
    let Ok(record) = encoding::decode_body(bytes) else { return false };
    let again = encoding::encode_record(&record).expect("encodes");
    let key = encoding::encode_key(&record.key());
    assert_eq!(encoding::decode_row(&key, &again).expect("is read again"), record);
    let _ = index_terms(&record);
    true
}

/// The rows of the index that an entry puts, as key and record.
pub fn rows_of(lsn: Lsn, entry: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let rows = encoding::decode_rows(lsn, entry).unwrap_or_default().into_iter();
    rows.filter_map(|row| match row {
        RowChange::Row(key, record) => Some((key, record?)),
        RowChange::Counted(_) => None,
    })
    .collect()
}

/// How far an index has come.
pub fn checkpoint(bytes: &[u8]) -> bool {
    let Some(read) = Checkpoint::decode(bytes) else { return false };
    assert_eq!(Checkpoint::decode(&read.encode().expect("encodes")), Some(read));
    true
}

/// A slot of a cell, its checksum put right: the first 72 bytes of one, the others being zero.
pub fn slot(crypto: &dyn Crypto, bytes: &[u8]) -> bool {
    const BODY_LEN: usize = 72;
    let mut slot = vec![0; SLOT_LEN];
    let Some(body) = bytes.get(..BODY_LEN) else { return decode_slot(crypto, bytes).is_some() };
    slot[..BODY_LEN].copy_from_slice(body);
    slot[BODY_LEN..BODY_LEN + HASH_LEN].copy_from_slice(&crypto.sha256(&[body]));
    let Some(entry) = decode_slot(crypto, &slot) else { return false };
    let again = encode_slot(crypto, &entry).expect("encodes");
    assert!(again.expose() == slot, "a slot is encoded in another way");
    true
}

/// A sealed node of the key tree: its header of 58 bytes, then what its content has that is not 1, each as offset u16 and
/// byte. Sealed and numbered under a key that is known here, and opened where it says that it belongs.
pub fn node(crypto: &dyn Crypto, bytes: &[u8]) -> bool {
    const NODE_HEADER_LEN: usize = 58;
    const ID_AT: usize = 42;
    let Some((header, differences)) = bytes.split_at_checked(NODE_HEADER_LEN) else { return false };
    let id = node_id(crypto, &KEY);
    let header = [&header[..ID_AT], &id.0].concat();
    // As a new node: every slot filled, none destroyed.
    let mut content = vec![1; CONTENT_LEN];
    content[CONTENT_LEN - SLOTS / 8..].fill(0);
    for difference in differences.chunks_exact(3) {
        let at = usize::from(u16::from_be_bytes([difference[0], difference[1]]));
        content[at % CONTENT_LEN] = difference[2];
    }
    let (sealing_key, nonce) = (crypto.hkdf_sha256(&[], &KEY, &[b"keyreeve/node/v1"]), [0; 12]);
    let ciphertext = crypto.aead_seal(sealing_key.expose(), &nonce, &header, &content).expect("seals");
    let sealed = SealedNode { id, bytes: [&header[..], &nonce, &ciphertext].concat() };
    let (store, mut number) = (Uuid::from_slice(&header[5..21]).expect("16 bytes"), [0; 8]);
    number.copy_from_slice(&header[26..34]);
    let address = Address { level: header[25], number: u64::from_be_bytes(number) };
    let Ok(node) = Node::open(crypto, store, address, &KEY, &sealed) else { return false };
    let live = (0..SLOTS).filter(|slot| node.child(*slot).is_some()).count();
    assert_eq!(live == 0, node.is_spent());
    true
}

/// A recovery share in one line.
pub fn share(crypto: &dyn Crypto, bytes: &[u8]) -> bool {
    let line = SecretBytes::copy_from(bytes);
    let Ok(share) = RecoveryShare::parse(crypto, &line) else { return false };
    let again = RecoveryShare::parse(crypto, &share.line(crypto)).expect("is read again");
    assert_eq!(again.commitment(crypto), share.commitment(crypto));
    true
}

/// root.json.
pub fn root_file(crypto: &dyn Crypto, bytes: &[u8]) -> bool {
    let Ok(file) = RootFile::parse(crypto, bytes) else { return false };
    let again = file.to_bytes(crypto).expect("encodes");
    let again = RootFile::parse(crypto, &again).expect("is read again");
    assert_eq!(again.status().version, file.status().version);
    true
}

/// store.json.
pub fn store_file(bytes: &[u8]) -> bool {
    let path = Path::new("store.json");
    let Ok(file) = parse_store_file(path, bytes) else { return false };
    let again = serde_json::to_vec(&file).expect("encodes");
    let again = parse_store_file(path, &again).expect("is read again");
    assert_eq!(format!("{again:?}"), format!("{file:?}"));
    true
}

/// claim.json.
pub fn claim(bytes: &[u8]) -> bool {
    let Ok(claim) = serde_json::from_slice::<ClaimFile>(bytes) else { return false };
    let again = serde_json::to_vec(&claim).expect("encodes");
    assert_eq!(serde_json::from_slice::<ClaimFile>(&again).ok(), Some(claim));
    true
}

/// A signed statement: as it is, and its value signed by a key of ours. Taken where it is an anchor.
pub fn statement(crypto: &dyn Crypto, bytes: &[u8]) -> bool {
    let _ = signed::verify("certificate", bytes, crypto);
    let _ = Anchor::open(crypto, bytes);
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return false };
    let text = signed::sign("anchor", value.clone(), signer(crypto)).expect("signs");
    let verified = signed::verify("anchor", text.as_bytes(), crypto);
    // Numbers with a fraction have no canonical form; nothing of ours has any.
    if has_whole_numbers(&value) {
        assert_eq!(verified.expect("what was signed verifies").value, value);
    }
    Anchor::open(crypto, text.as_bytes()).is_ok()
}

fn has_whole_numbers(value: &Value) -> bool {
    match value {
        Value::Number(number) => !number.is_f64(),
        Value::Array(items) => items.iter().all(has_whole_numbers),
        Value::Object(members) => members.values().all(has_whole_numbers),
        _ => true,
    }
}

fn signer(crypto: &dyn Crypto) -> &'static dyn ParsedKey {
    static SIGNER: OnceLock<Arc<dyn ParsedKey>> = OnceLock::new();
    &**SIGNER.get_or_init(|| {
        let spec = KeySpec { algorithm: Algorithm::Ed25519, length_bits: 256, curve: None };
        match crypto.generate(&spec) {
            Ok(Generated::Pair { private, .. }) => {
                crypto.parse(ObjectType::PrivateKey, Some(&spec), &private).expect("a new key is parsed")
            }
            _ => unreachable!("an Ed25519 key is a pair"),
        }
    })
}

/// The manifest of a full backup, its checksum put right, at the path where it belongs.
pub fn manifest(crypto: &dyn Crypto, bytes: &[u8]) -> bool {
    let Some((body, _)) = bytes.split_last_chunk::<HASH_LEN>() else { return false };
    let bytes = [body, &crypto.sha256(&[body])].concat();
    let Ok(read) = Manifest::decode(crypto, &manifest_path(&bytes), &bytes) else { return false };
    assert!(read.own_bytes() == bytes.len() as u64 && read.bytes() >= read.own_bytes());
    let key = known_key(crypto, read.root_version);
    let again = read.encode(crypto, &key);
    assert_eq!(Manifest::decode(crypto, &read.path(), &again).ok().as_ref(), Some(&read));
    assert!(read.authenticate(crypto, &key, &again).is_ok());
    true
}

/// Where a manifest of these bytes belongs.
pub fn manifest_path(bytes: &[u8]) -> String {
    let timeline = bytes.get(28..).and_then(|rest| rest.first_chunk()).map_or(0, |b| u32::from_be_bytes(*b));
    let lsn = bytes.get(32..).and_then(|rest| rest.first_chunk()).map_or(0, |b| u64::from_be_bytes(*b));
    manifest::manifest_path(timeline, journal::Lsn(lsn))
}

/// The rows of a chunk of a full backup, and the record in each.
pub fn rows(bytes: &[u8]) -> bool {
    let Ok(rows) = full::parse_rows(bytes) else { return false };
    let mut again = Vec::new();
    for (key, value) in &rows {
        for part in [key, value] {
            again.extend_from_slice(&(part.len() as u32).to_be_bytes());
        }
        again.extend_from_slice(key);
        again.extend_from_slice(value);
    }
    assert_eq!(again, bytes);
    rows.iter().all(|(key, value)| encoding::decode_row(key, value).is_ok())
}

/// A piece: the first 172 bytes of its header, the length of CHANGES u32, then CHANGES and REST in plain. Both are sealed
/// here, and the header says so. Taken where its entries and its chain are whole.
pub fn piece(crypto: &Arc<dyn Crypto>, bytes: &[u8]) -> bool {
    let pieces = known_pieces(crypto);
    let Some((head, rest)) = bytes.split_at_checked(OWNER_LEN) else { return false };
    let Some((len, plain)) = rest.split_first_chunk() else { return false };
    let (changes, rest) = plain.split_at((u32::from_be_bytes(*len) as usize).min(plain.len()));
    let sha256 = pieces.sha256();
    let mut header = [head, &[0; HEADER_LEN - OWNER_LEN]].concat();
    let sum = sha256(&[&header[..HEADER_LEN - HASH_LEN]]);
    header[HEADER_LEN - HASH_LEN..].copy_from_slice(&sum);
    let Ok(mut header) = PieceHeader::decode(&header, &sha256) else { return false };
    let key = known_key(&**crypto, header.root_version);
    let sealed = |section, plain: &[u8]| {
        let writer = SealWriter::new(crypto.clone(), &key, &header.binding(section, &sha256));
        let mut writer = writer.expect("memory for a compressor");
        writer.write_all(plain).and_then(|()| writer.finish()).expect("seals")
    };
    let (changes, rest) = (sealed(CHANGES, changes), sealed(REST, rest));
    header.changes = Section { bytes: changes.len() as u64, sha256: sha256(&[&changes]) };
    header.rest = Section { bytes: rest.len() as u64, sha256: sha256(&[&rest]) };
    let encoded = header.encode(&sha256);
    assert_eq!(PieceHeader::decode(&encoded, &sha256), Ok(header));
    let bytes = [&encoded[..], &changes, &rest].concat();
    let identity = header.identity;
    let name = PieceName {
        timeline: identity.timeline,
        first: header.first,
        last: header.last,
        sha256: sha256(&[&bytes]),
    };
    assert_eq!(PieceName::parse(&name.path()), Some(name));
    pieces.verify(&name.path(), &bytes).is_ok()
}

/// What [`piece`] takes, of the entries that `links` give; and the piece itself, sealed under a key that is known here.
///
/// # Errors
/// Where there are none, or the journal cannot be read.
pub fn known_piece(
    crypto: &Arc<dyn Crypto>,
    identity: Identity,
    links: &mut Links,
) -> std::result::Result<(Vec<u8>, Vec<u8>), BackupError> {
    let pieces = known_pieces(crypto);
    let nothing = || BackupError::damaged("links", "they hold no entry");
    let Piece { header, bytes, .. } = pieces.build(identity, links, usize::MAX)?.ok_or_else(nothing)?;
    let (changes, rest) = bytes[HEADER_LEN..].split_at(header.changes.bytes as usize);
    let open = |section, sealed| {
        let mut plain = Vec::new();
        let mut reader = pieces.open(&header, section, sealed)?;
        reader.read_to_end(&mut plain).map_err(Error::internal)?;
        Ok::<_, BackupError>(plain)
    };
    let (changes, rest) = (open(CHANGES, changes)?, open(REST, rest)?);
    let plain = [&bytes[..OWNER_LEN], &(changes.len() as u32).to_be_bytes(), &changes, &rest].concat();
    Ok((plain, bytes))
}

/// The path of an object of an archive.
pub fn archive_path(bytes: &[u8]) -> bool {
    let Ok(path) = std::str::from_utf8(bytes) else { return false };
    if let Some(name) = PieceName::parse(path) {
        assert_eq!(name.path(), path);
    }
    let _ = manifest::chunk_name(path);
    PieceName::parse(path).is_some() || manifest::is_manifest(path) || manifest::is_chunk(path)
}

/// Keys of archives that are known here.
struct KnownKeys(Arc<dyn Crypto>);

impl ArchiveKeys for KnownKeys {
    fn current(&self) -> Result<ArchiveKey> {
        self.get(1)
    }

    fn get(&self, root_version: u32) -> Result<ArchiveKey> {
        Ok(known_key(&*self.0, root_version))
    }
}

fn known_key(crypto: &dyn Crypto, root_version: u32) -> ArchiveKey {
    ArchiveKey::derive(crypto, &SecretBytes::copy_from(&KEY), Uuid::nil(), root_version)
}

fn known_pieces(crypto: &Arc<dyn Crypto>) -> Pieces {
    Pieces { crypto: crypto.clone(), keys: Arc::new(KnownKeys(crypto.clone())) }
}
