//! Opening after crashes and stops, reading ranges, rolling segments, known positions.

use std::time::Duration;

use keyreeve_store::journal::{CommitOptions, JournalError, Lsn};
use keyreeve_testkit::disk::FaultyDisk;

use super::*;

#[test]
fn entries_come_back_over_segments_in_any_range() {
    let disk = new_disk();
    let running = open(&disk).expect("it opens");
    for round in 0..40u8 {
        running.batch((0..3).map(|number| Request::Entry(vec![round; 100 + number])));
    }
    running.stop().expect("a clean stop");
    let journal = journal_on(&disk);
    assert!(disk.list(Path::new("/store/journal")).expect("listed").len() > 3);
    let all = read_all(&journal, 1, 120).expect("readable");
    assert_eq!(all.iter().map(|entry| entry.0).collect::<Vec<_>>(), (1..=120).collect::<Vec<_>>());
    for (from, until) in [(1, 1), (2, 2), (50, 70), (119, 120), (120, 120), (5, 4)] {
        let expected: Vec<_> =
            all.iter().filter(|entry| (from..=until).contains(&entry.0)).cloned().collect();
        assert_eq!(read_all(&journal, from, until).expect("readable"), expected);
    }
    let verified = journal.verify(Lsn(120)).expect("whole");
    assert_eq!((verified.first, verified.end.next, verified.frames), (Lsn(1), Lsn(121), 40));
    damage(read_all(&journal, 100, 121));
    damage(journal.verify(Lsn(121)));
}

#[test]
fn a_clean_stop_is_known_and_leaves_no_space_behind() {
    let disk = new_disk();
    open(&disk).expect("it opens").stop().expect("a clean stop");
    let opened = journal_on(&disk).open(SMALL, None, Lsn(0)).expect("it opens");
    assert!(opened.recovery.clean && opened.recovery.cut.is_none());
    assert_eq!(opened.writer.identity(), IDENTITY);
    let killed = disk.kill();
    let opened = journal_on(&killed).open(SMALL, None, Lsn(0)).expect("it opens");
    assert!(opened.recovery.clean, "nothing was written since");
    let running = Running::start(opened.writer, quiet());
    running.put(b"entry").expect("durable").expect("staged");
    assert!(!journal_on(&killed.kill()).open(SMALL, None, Lsn(0)).expect("it opens").recovery.clean);
    let len = killed.bytes(&segment_path(1)).len();
    running.stop().expect("a clean stop");
    let bytes = killed.bytes(&segment_path(1));
    assert!(bytes.len() < len && bytes.ends_with(b"KRVE"));
}

#[test]
fn a_torn_last_frame_is_cut_off_and_said() {
    let whole = disk_with(&[b"one", b"two"]);
    let bytes = whole.bytes(&segment_path(1));
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("data");
    let len = 80 + 4 + 3 + 36;
    let start = (end + 1 - len) as u64;
    for kept in 1..len {
        let disk = whole.kill();
        let file = disk.open(&segment_path(1), keyreeve_store::disk::OpenMode::Write).expect("it opens");
        file.write_at(start + kept as u64, &vec![0; len - kept]).expect("written");
        let opened = journal_on(&disk).open(SMALL, None, Lsn(1)).expect("it opens");
        let cut = opened.recovery.cut.expect("a torn tail");
        assert_eq!((cut.file, cut.offset), (segment_path(1), start));
        assert_eq!(opened.writer.position().next, Lsn(2));
        // What an index knows to be durable is never cut.
        let known = whole.kill();
        let file = known.open(&segment_path(1), keyreeve_store::disk::OpenMode::Write).expect("it opens");
        file.write_at(start + kept as u64, &vec![0; len - kept]).expect("written");
        assert_eq!(damage(journal_on(&known).open(SMALL, None, Lsn(2))), (segment_path(1), start, 2));
    }
}

#[test]
fn a_crash_while_a_segment_begins_leaves_the_journal_whole() {
    for content in [&b""[..], &b"KRVJ"[..], &[0; 128][..], &[0; 4096][..]] {
        let disk = disk_with(&[b"one", b"two"]);
        let file = disk.open(&segment_path(3), keyreeve_store::disk::OpenMode::CreateNew).expect("created");
        file.write_at(0, content).expect("written");
        let running = open(&disk).expect("it opens");
        assert_eq!(running.put(b"three"), Ok(Ok(Lsn(3))));
        running.stop().expect("a clean stop");
        assert_eq!(read_all(&journal_on(&disk), 1, 3).expect("readable").len(), 3);
    }
}

#[test]
fn creating_replaces_a_crashed_attempt_and_nothing_else() {
    let disk = FaultyDisk::new();
    let journal = journal_on(&disk);
    assert!(matches!(journal.open(SMALL, None, Lsn(0)), Err(JournalError::Missing { .. })));
    journal.create(IDENTITY, 1).expect("a journal");
    journal.create(IDENTITY, 2).expect("another in its place");
    open(&disk).expect("it opens").stop().expect("a clean stop");
    assert!(matches!(journal.create(IDENTITY, 3), Err(JournalError::Exists { .. })));
}

#[test]
fn opening_from_a_known_position_reads_its_segment_and_what_follows() {
    let disk = new_disk();
    let running = open(&disk).expect("it opens");
    for _ in 0..60 {
        running.put(&[b'x'; 200]).expect("durable").expect("staged");
    }
    let published = running.published.lock().expect("no panic").clone();
    running.stop().expect("a clean stop");
    let journal = journal_on(&disk);
    for committed in &published {
        let opened = journal.open(SMALL, Some(committed.end), committed.last).expect("it opens");
        let begin = committed.end.segment.0 - 1;
        assert_eq!(opened.recovery.frames, 61 - begin, "from its segment on, with the mark of the stop");
        let mut reader = journal.read_from(committed.end, Lsn(60)).expect("readable");
        let first = reader.next_frame().expect("whole").and_then(|frame| frame.entries().next());
        assert_eq!(first.map(|entry| entry.0.0), (committed.last < Lsn(60)).then(|| committed.last.0 + 1));
    }
    // Damage before the position in its segment is refused; that of older segments is left to verifying.
    let from = published[40].end;
    assert_ne!(from.segment, Lsn(1), "the journal has rolled");
    disk.rot(&segment_path(1), 300, &[1]);
    journal.open(SMALL, Some(from), Lsn(0)).expect("it opens");
    assert_eq!(damage(journal.verify(Lsn(60))).0, segment_path(1));
    let path = segment_path(from.segment.0);
    disk.rot(&path, 300, &[1]);
    assert_eq!(damage(journal.open(SMALL, Some(from), Lsn(0))).0, path);
    disk.rot(&path, 300, &[1]);
    // A position that is not in this journal is refused.
    let mut other = from;
    other.hash[0] ^= 1;
    damage(journal.open(SMALL, Some(other), Lsn(0)));
    other = from;
    other.offset += 1 << 30;
    damage(journal.open(SMALL, Some(other), Lsn(0)));
}

#[test]
fn an_idle_journal_marks_its_last_frame_as_durable() {
    let disk = new_disk();
    let writer = journal_on(&disk).open(SMALL, None, Lsn(0)).expect("it opens").writer;
    let idle = CommitOptions { idle_delay: Duration::from_millis(1), ..CommitOptions::default() };
    let mut running = Running::start(writer, idle);
    let answer = running.put(&[0; 1500]);
    assert_eq!(answer, Ok(Ok(Lsn(1))));
    running.gate = None;
    std::thread::sleep(Duration::from_millis(200));
    let killed = disk.kill();
    running.committer.stop().expect("a clean stop");
    // Sectors of zeros in the entry would let this pass for a torn write, but for the mark.
    killed.rot(&segment_path(1), 300, &[1]);
    assert_eq!(damage(open(&killed)), (segment_path(1), 128, 1));
}
