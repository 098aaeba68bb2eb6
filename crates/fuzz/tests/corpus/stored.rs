//! What a store writes and what a backup of it holds, from a house that has lived a little.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use keyreeve_core::model::Lsn;
use keyreeve_core::ports::crypto::Crypto;
use keyreeve_core::ports::store::Store as _;
use keyreeve_crypto::SoftwareCrypto;
use keyreeve_fuzz::house::House;
use keyreeve_store::EngineChoice;
use keyreeve_store::backup::targets::Target;
use keyreeve_store::backup::{BackupKind, BackupOptions};
use keyreeve_store::fuzzing;
use keyreeve_store::journal::{self, Identity, Journal};

use crate::{BYTES_MAX, Seeds, seed};

/// `METHOD PATH` and body.
const LIFE: &[(&str, &str, &str)] = &[
    (
        "POST",
        "/v1/keys",
        r#"{"name":"a","algorithm":"aes-256","tags":{"team":"x"},"usage_limits":{"total":9,"unit":"uses"}}"#,
    ),
    ("POST", "/v1/keys", r#"{"name":"b","algorithm":"ec-p256","active":false}"#),
    ("POST", "/v1/keys/a/rotate", "{}"),
    ("POST", "/v1/keys/a/encrypt", r#"{"plaintext":"aGVsbG8="}"#),
    ("PUT", "/v1/aliases/other", r#"{"key":"a"}"#),
    ("PUT", "/v1/keys/a/grants/admin", r#"{"actions":["encrypt"]}"#),
    ("POST", "/v1/objects", r#"{"type":"secret","name":"note","data":"c2VjcmV0"}"#),
    ("POST", "/v1/keys/b/destroy", r#"{"now":true}"#),
];

const TARGET: &str = "/target";

fn crypto() -> Arc<dyn Crypto> {
    Arc::new(SoftwareCrypto::new())
}

fn journal(house: &House) -> Journal {
    let hash = |parts: &[&[u8]]| SoftwareCrypto::new().sha256(parts);
    Journal::new(Arc::new(house.disk.clone()), "/data/journal", Arc::new(hash))
}

/// A house that has lived, and been backed up; and the last entry before each thing that it was asked.
fn lived() -> (House, Arc<dyn Target>, Vec<u64>) {
    let house = House::new();
    let mut ends = Vec::new();
    for (method, path, body) in LIFE {
        ends.push(house.store.published().0);
        let answer = house.rest(method, path, Some("application/json"), body.as_bytes()).unwrap();
        assert!(answer.status < 300, "{path}: {}", String::from_utf8_lossy(&answer.body));
    }
    house.store.register_target(TARGET, true, false).unwrap();
    house.store.keep().unwrap();
    let target = house.store.open_target(TARGET).unwrap();
    for kind in [BackupKind::Full, BackupKind::Incremental] {
        house.store.backup(&target, kind, BackupOptions::default()).unwrap();
    }
    house.store.close().unwrap();
    (house, target, ends)
}

pub(crate) fn add(seeds: &mut Seeds) {
    let (house, target, ends) = lived();
    let last = house.store.published();
    entries(seeds, &house, last);
    files(seeds, &house);
    let identity = Identity { store: house.store.id().into_bytes(), timeline: 1 };
    // A use, an alias and a grant are small enough, and the beginning.
    for (name, first, last) in [("first", 1, 1), ("later", ends[3] + 1, ends[6])] {
        let mut links = journal(&house).links(journal::Lsn(first), journal::Lsn(last), None).unwrap();
        let (plain, sealed) = fuzzing::known_piece(&crypto(), identity, &mut links).unwrap();
        seed(seeds, "piece", name, plain);
        if first == 1 {
            archive(seeds, &*target, &sealed);
        }
    }
    if let EngineChoice::Given(engine) = &house.options.engine {
        seed(seeds, "checkpoint", "closed", engine.checkpoint().unwrap().unwrap());
    }
}

/// An entry of each kind, a record of each kind, and a few rows.
fn entries(seeds: &mut Seeds, house: &House, last: Lsn) {
    let journal = journal(house);
    let (mut kinds, mut rows) = (BTreeMap::new(), BTreeMap::new());
    let mut reader = journal.read(journal::Lsn::FIRST, journal::Lsn(last.0)).unwrap();
    while let Some(frame) = reader.next_frame().unwrap() {
        for (lsn, entry) in frame.entries() {
            let put = fuzzing::rows_of(Lsn(lsn.0), entry);
            if entry.len() <= BYTES_MAX {
                let kinds_put: Vec<u8> = put.iter().map(|(key, _)| key[1]).collect();
                kinds.entry((entry[0], kinds_put)).or_insert_with(|| entry.to_vec());
            }
            rows.extend(put);
        }
    }
    for (number, entry) in kinds.into_values().enumerate() {
        seed(seeds, "journal_entry", format!("entry-{number}"), entry);
    }
    let (mut chunk, mut seen) = (Vec::new(), Vec::new());
    for (key, record) in rows {
        node(seeds, &key, &record);
        if record.len() > BYTES_MAX / 8 || seen.contains(&key[1]) {
            continue;
        }
        seen.push(key[1]);
        for part in [&key, &record] {
            chunk.extend_from_slice(&(part.len() as u32).to_be_bytes());
        }
        chunk.extend_from_slice(&key);
        chunk.extend_from_slice(&record);
        seed(seeds, "record", format!("kind-{}", key[1]), record);
    }
    seed(seeds, "rows", "one-of-each", chunk);
}

/// The header of the first sealed node.
fn node(seeds: &mut Seeds, key: &[u8], record: &[u8]) {
    const NODE: u8 = 11;
    const NODE_HEADER_LEN: usize = 58;
    let at = record.windows(4).position(|bytes| bytes == b"KRND");
    if let (NODE, Some(at), false) = (key[1], at, seeds.contains_key("node")) {
        seed(seeds, "node", "whole", &record[at..at + NODE_HEADER_LEN]);
        let slot_0_destroyed = (0..32).chain([8192]).flat_map(|at: u16| {
            let [high, low] = at.to_be_bytes();
            [high, low, if at == 8192 { 0x80 } else { 0 }]
        });
        let destroyed: Vec<u8> =
            record[at..at + NODE_HEADER_LEN].iter().copied().chain(slot_0_destroyed).collect();
        seed(seeds, "node", "slot-destroyed", destroyed);
    }
}

fn files(seeds: &mut Seeds, house: &House) {
    const SLOT_BODY_LEN: usize = 72;
    let bytes = |path: &str| house.disk.bytes(Path::new(path));
    seed(seeds, "root_file", "key-file", bytes("/data/root.json"));
    seed(seeds, "store_file", "new", bytes("/data/store.json"));
    let cell = bytes("/data.cell");
    let slot = cell.windows(8).position(|bytes| bytes == b"KRVCELL\n").unwrap();
    seed(seeds, "cell_slot", "machine", &cell[slot..slot + SLOT_BODY_LEN]);
    let segment = bytes("/data/journal/00000000000000000001.krj");
    seed(seeds, "journal_segment", "beginning", beginning(&segment));
}

/// The first frames of a segment, as many as fit.
fn beginning(segment: &[u8]) -> Vec<u8> {
    let mut end = journal::SEGMENT_HEADER_LEN;
    while let Some(len) = segment[end..].get(8..12).and_then(|len| len.first_chunk()) {
        let next = end + u32::from_le_bytes(*len) as usize;
        if next == end || next > BYTES_MAX || !segment[end..].starts_with(b"KRVFRAME") {
            break;
        }
        end = next;
    }
    segment[..end].to_vec()
}

fn archive(seeds: &mut Seeds, target: &dyn Target, piece: &[u8]) {
    let object = |kind: u8, bytes: &[u8]| [&[kind], &(bytes.len() as u16).to_be_bytes()[..], bytes].concat();
    let mut objects = object(0, piece);
    let mut paths = BTreeMap::new();
    for listed in target.list("").unwrap() {
        let (bytes, _) = target.get(&listed.path).unwrap().unwrap();
        let kind = listed.path.rsplit('.').next().unwrap().to_owned();
        match listed.path.as_str() {
            "claim.json" => {
                objects.extend(object(3, &bytes));
                seed(seeds, "claim", "claim", bytes);
            }
            path if kind == "krm" => {
                objects.extend(object(1, &without_chunks(&bytes)));
                paths.insert(kind, path.to_owned());
                seed(seeds, "manifest", "full", bytes);
            }
            path if kind != "json" => drop(paths.insert(kind, path.to_owned())),
            _ => {}
        }
    }
    for (kind, path) in paths {
        seed(seeds, "archive_path", kind, path);
    }
    seed(seeds, "archive", "piece-and-manifest", objects);
}

/// A manifest of no rows.
fn without_chunks(manifest: &[u8]) -> Vec<u8> {
    const ROWS_AT: usize = 92;
    const END_LEN: usize = 64;
    [&manifest[..ROWS_AT], &[0; 12], &[0; END_LEN]].concat()
}
