//! What lies on disks and at backup targets: journal, records, key tree, cells, archives.

use std::path::Path;
use std::sync::Arc;

use keyreeve_store::backup::targets::{KnownTargets, PutIf, Targets as _};
use keyreeve_store::backup::verify_archive;
use keyreeve_store::disk::{Disk as _, OpenMode};
use keyreeve_store::fuzzing;
use keyreeve_store::journal::{
    FRAME_HEADER_LEN, Journal, JournalError, Lsn, Opened, Options, SEGMENT_HEADER_LEN,
};
use keyreeve_testkit::disk::FaultyDisk;

use super::software;

const HASH_LEN: usize = 32;
/// A frame's hash and its end mark.
const FRAME_TRAILER_LEN: usize = 36;

/// A segment of a journal, opened, read and verified: as it is, and once more with every hash put right.
pub(super) fn journal_segment(bytes: &[u8]) -> bool {
    let _ = open_segment(bytes);
    let Ok((journal, opened)) = open_segment(&chained(bytes)) else { return false };
    let last = opened.writer.position().last();
    let _ = journal.verify(last);
    let Ok(mut reader) = journal.read(Lsn::FIRST, last) else { return false };
    let mut entries = 0;
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => entries += frame.entries().count(),
            Ok(None) => return entries > 0,
            Err(_) => return false,
        }
    }
}

/// Opens a journal of this one segment, in memory.
///
/// # Errors
/// What is wrong with it.
pub fn open_segment(bytes: &[u8]) -> Result<(Journal, Opened), JournalError> {
    let disk = FaultyDisk::new();
    let dir = Path::new("/journal");
    disk.create_dir(dir).expect("a folder in memory");
    let path = dir.join(format!("{:020}.krj", 1));
    let file = disk.open(&path, OpenMode::CreateNew).expect("a file in memory");
    file.write_at(0, bytes).expect("a write in memory");
    drop(file);
    let journal = Journal::new(Arc::new(disk), dir, Arc::new(|parts: &[&[u8]]| software().sha256(parts)));
    let options = Options { segment_bytes_max: 64 << 10, preallocate_bytes: 4096, reserve_bytes: 4096 };
    let opened = journal.open(options, None, Lsn(0))?;
    Ok((journal, opened))
}

/// The segment with the hashes that its bytes have: in its header, and in each frame its own and the one before.
fn chained(bytes: &[u8]) -> Vec<u8> {
    const PREVIOUS_AT: usize = 48;
    let mut bytes = bytes.to_vec();
    let hash_at = SEGMENT_HEADER_LEN - HASH_LEN;
    let Some(header) = bytes.get_mut(..SEGMENT_HEADER_LEN) else { return bytes };
    let mut hash = software().sha256(&[&header[..hash_at]]);
    header[hash_at..].copy_from_slice(&hash);
    let mut at = SEGMENT_HEADER_LEN;
    while let Some(len) = bytes.get(at + 8..).and_then(|rest| rest.first_chunk()) {
        let len = u32::from_le_bytes(*len) as usize;
        if len < FRAME_HEADER_LEN + FRAME_TRAILER_LEN {
            break;
        }
        let Some(frame) = bytes.get_mut(at..).and_then(|rest| rest.get_mut(..len)) else { break };
        frame[PREVIOUS_AT..PREVIOUS_AT + HASH_LEN].copy_from_slice(&hash);
        let body_len = len - FRAME_TRAILER_LEN;
        hash = software().sha256(&[&frame[..body_len]]);
        frame[body_len..body_len + HASH_LEN].copy_from_slice(&hash);
        at += len;
    }
    bytes
}

/// Objects at a backup target, catalogued and verified without a key: each as kind, length u16 and bytes (a chunk behind
/// its id). Checksums are put right, and paths follow from the bytes.
pub(super) fn archive(bytes: &[u8]) -> bool {
    let targets =
        KnownTargets::new(Arc::new(FaultyDisk::new()), software().clone()).with_environment(Vec::new());
    let target = targets.open("/target").expect("a folder in memory");
    let mut rest = bytes;
    while let [kind, high, low, behind @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*high, *low])).min(behind.len());
        let (object, after) = behind.split_at(len);
        rest = after;
        let (path, object) = object_of(*kind, object);
        target.put(&path, &object, PutIf::Always).expect("a write in memory");
    }
    verify_archive(&*target, software(), None, &mut |_| {}).is_ok_and(|found| found.problems.is_empty())
}

fn object_of(kind: u8, bytes: &[u8]) -> (String, Vec<u8>) {
    match kind % 6 {
        0 => piece_object(bytes),
        1 => {
            let body = bytes.len().saturating_sub(HASH_LEN);
            let sealed = [&bytes[..body], &software().sha256(&[&bytes[..body]])].concat();
            (fuzzing::manifest_path(&sealed), sealed)
        }
        2 => {
            let (id, object) = bytes.split_at(bytes.len().min(16));
            let id = id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            (format!("t1/chunks/{id:0<32}-{}.krc", hash_of(object)), object.to_vec())
        }
        3 => ("claim.json".into(), bytes.to_vec()),
        4 => ("anchor.json".into(), bytes.to_vec()),
        _ => ("root.json".into(), bytes.to_vec()),
    }
}

fn piece_object(bytes: &[u8]) -> (String, Vec<u8>) {
    const SUM_AT: usize = 252;
    let number = |at: usize, len: usize| {
        let digits = bytes.get(at..at + len).unwrap_or_default();
        digits.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
    };
    let mut sealed = bytes.to_vec();
    if let Some(header) = sealed.get_mut(..SUM_AT + HASH_LEN) {
        let sum = software().sha256(&[&header[..SUM_AT]]);
        header[SUM_AT..].copy_from_slice(&sum);
    }
    let (timeline, first, last) = (number(28, 4), number(32, 8), number(40, 8));
    (format!("t{timeline}/pieces/{first:020}-{last:020}-{}.krp", hash_of(&sealed)), sealed)
}

fn hash_of(bytes: &[u8]) -> String {
    software().sha256(&[bytes]).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn journal_entry(bytes: &[u8]) -> bool {
    fuzzing::entry(bytes)
}

pub(super) fn record(bytes: &[u8]) -> bool {
    fuzzing::record(bytes)
}

pub(super) fn checkpoint(bytes: &[u8]) -> bool {
    fuzzing::checkpoint(bytes)
}

pub(super) fn node(bytes: &[u8]) -> bool {
    fuzzing::node(&**software(), bytes)
}

pub(super) fn cell_slot(bytes: &[u8]) -> bool {
    fuzzing::slot(&**software(), bytes)
}

pub(super) fn recovery_share(bytes: &[u8]) -> bool {
    fuzzing::share(&**software(), bytes)
}

pub(super) fn root_file(bytes: &[u8]) -> bool {
    fuzzing::root_file(&**software(), bytes)
}

pub(super) fn store_file(bytes: &[u8]) -> bool {
    fuzzing::store_file(bytes)
}

pub(super) fn claim(bytes: &[u8]) -> bool {
    fuzzing::claim(bytes)
}

pub(super) fn statement(bytes: &[u8]) -> bool {
    fuzzing::statement(&**software(), bytes)
}

pub(super) fn manifest(bytes: &[u8]) -> bool {
    fuzzing::manifest(&**software(), bytes)
}

pub(super) fn rows(bytes: &[u8]) -> bool {
    fuzzing::rows(bytes)
}

pub(super) fn piece(bytes: &[u8]) -> bool {
    fuzzing::piece(software(), bytes)
}

pub(super) fn archive_path(bytes: &[u8]) -> bool {
    fuzzing::archive_path(bytes)
}
