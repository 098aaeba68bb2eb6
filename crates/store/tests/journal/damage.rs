//! Damage to what was durable is refused, with its place.

use keyreeve_store::disk::OpenMode;
use keyreeve_store::journal::{JournalError, Lsn};
use keyreeve_testkit::disk::FaultyDisk;

use super::*;

/// The frames of a journal of one segment: offset and length.
fn frames(disk: &FaultyDisk) -> Vec<(usize, usize)> {
    let bytes = disk.bytes(&segment_path(1));
    let mut frames = Vec::new();
    let mut at = 128;
    while bytes[at..].starts_with(b"KRVFRAME") {
        let len = u32::from_le_bytes(bytes[at + 8..at + 12].try_into().expect("4 bytes")) as usize;
        frames.push((at, len));
        at += len;
    }
    frames
}

#[test]
fn each_rotten_byte_is_refused_with_its_frame() {
    let whole = disk_with(&[b"one", b"two", b"three", b"four"]);
    let frames = frames(&whole);
    assert_eq!(frames.len(), 4);
    for (number, (start, len)) in frames.iter().enumerate() {
        for offset in *start..start + len {
            for mask in [0x01, 0x80, 0xff] {
                let disk = whole.kill();
                disk.rot(&segment_path(1), offset as u64, &[mask]);
                let place = (segment_path(1), *start as u64, number as u64 + 1);
                // The last frame too: something stands in each of its sectors, as after no torn write.
                assert_eq!(damage(journal_on(&disk).open(SMALL, None, Lsn(0))), place, "byte {offset}");
                assert_eq!(damage(journal_on(&disk).verify(Lsn(4))), place, "byte {offset}");
            }
        }
    }
    for offset in 0..128 {
        let disk = whole.kill();
        disk.rot(&segment_path(1), offset, &[0x10]);
        let opened = journal_on(&disk).open(SMALL, None, Lsn(0));
        assert!(matches!(opened, Err(JournalError::Damaged { .. } | JournalError::UnknownFormat { .. })));
    }
}

#[test]
fn lost_sectors_before_the_last_frame_are_refused() {
    let whole = disk_with(&[&[b'a'; 700], &[b'b'; 700], b"last"]);
    let last = frames(&whole)[2].0 as u64;
    for sector in 0..last / 512 {
        let disk = whole.kill();
        let file = disk.open(&segment_path(1), OpenMode::Write).expect("it opens");
        file.write_at(sector * 512, &[0; 512]).expect("written");
        damage(open(&disk));
    }
}

#[test]
fn rot_in_the_space_ahead_is_no_damage_to_entries() {
    let disk = disk_with(&[b"one"]);
    let offset = disk.bytes(&segment_path(1)).len() as u64 - 100;
    disk.rot(&segment_path(1), offset, &[1]);
    let opened = journal_on(&disk).open(SMALL, None, Lsn(1)).expect("it opens");
    assert!(opened.recovery.cut.is_some());
    assert_eq!(opened.writer.position().next, Lsn(2));
}

#[test]
fn frames_in_another_order_are_refused() {
    let disk = disk_with(&[b"one", b"two", b"six"]);
    let frames = frames(&disk);
    let bytes = disk.bytes(&segment_path(1));
    let file = disk.open(&segment_path(1), OpenMode::Write).expect("it opens");
    let frame = |number: usize| &bytes[frames[number].0..frames[number].0 + frames[number].1];
    file.write_at(frames[1].0 as u64, frame(2)).expect("written");
    file.write_at(frames[2].0 as u64, frame(1)).expect("written");
    assert_eq!(damage(open(&disk)), (segment_path(1), frames[1].0 as u64, 2));
}

#[test]
fn a_frame_of_another_history_is_refused() {
    let disk = disk_with(&[b"one", b"two", b"six"]);
    let other = disk_with(&[b"uno", b"due", b"sei"]);
    let (start, len) = frames(&disk)[1];
    let file = disk.open(&segment_path(1), OpenMode::Write).expect("it opens");
    file.write_at(start as u64, &other.bytes(&segment_path(1))[start..start + len]).expect("written");
    assert_eq!(damage(open(&disk)), (segment_path(1), start as u64, 2));
}

#[test]
fn missing_and_foreign_segments_are_refused() {
    let whole = new_disk();
    let running = open(&whole).expect("it opens");
    for _ in 0..60 {
        running.put(&[b'x'; 200]).expect("durable").expect("staged");
    }
    let first = running.published.lock().expect("no panic")[0].end;
    running.stop().expect("a clean stop");
    let names = whole.list(Path::new("/store/journal")).expect("listed");
    assert!(names.len() > 3);
    let disk = whole.kill();
    let second = Path::new("/store/journal").join(&names[1]);
    disk.remove(&second).expect("removed");
    damage(journal_on(&disk).verify(Lsn(60)));
    damage(journal_on(&disk).open(SMALL, Some(first), Lsn(0)));
    // The last segment is gone, and the index knows of its entries.
    let disk = whole.kill();
    disk.remove(&Path::new("/store/journal").join(names.last().expect("some"))).expect("removed");
    damage(journal_on(&disk).open(SMALL, None, Lsn(60)));
    // The segment of another journal stands in its place.
    let other = new_disk();
    let running = open(&other).expect("it opens");
    for _ in 0..60 {
        running.put(&[b'y'; 200]).expect("durable").expect("staged");
    }
    running.stop().expect("a clean stop");
    let disk = whole.kill();
    disk.remove(&second).expect("removed");
    let file = disk.open(&second, OpenMode::CreateNew).expect("created");
    file.write_at(0, &other.bytes(&second)).expect("written");
    assert_eq!(damage(journal_on(&disk).verify(Lsn(60))).0, second);
    // Entries before the first segment that is kept are told from damage.
    let disk = whole.kill();
    disk.remove(&segment_path(1)).expect("removed");
    assert!(matches!(journal_on(&disk).read(Lsn(1), Lsn(60)), Err(JournalError::Pruned { .. })));
}

#[test]
fn a_later_format_is_named() {
    let disk = disk_with(&[b"one"]);
    disk.rot(&segment_path(1), 8, &[3]);
    assert!(matches!(open(&disk).err(), Some(JournalError::UnknownFormat { version: 2, .. })));
}

/// Its entries hold what frames begin with, and a sector of zeros, as what a crash has torn.
#[test]
fn a_rotten_header_that_was_written_first_hides_no_frame_behind_it() {
    let entry = [&b"KRVFRAME"[..], &[0; 1500]].concat();
    let whole = disk_with(&[&entry, b"two"]);
    let (start, _) = frames(&whole)[0];
    for offset in start..start + 80 {
        for bit in 0..8 {
            let disk = whole.kill();
            disk.rot(&segment_path(1), offset as u64, &[1 << bit]);
            let opened = journal_on(&disk).open(SMALL, None, Lsn(0));
            assert_eq!(damage(opened), (segment_path(1), start as u64, 1), "byte {offset}, bit {bit}");
        }
    }
}
