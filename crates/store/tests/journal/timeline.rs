//! A journal that goes on behind an earlier timeline: it begins at a later number, chained to what came before.

use keyreeve_store::journal::{Identity, JournalError, Lsn};
use keyreeve_testkit::disk::FaultyDisk;

use super::*;

const LATER: Identity = Identity { timeline: 2, ..IDENTITY };

fn disk_behind(last: u64) -> FaultyDisk {
    let disk = FaultyDisk::new();
    disk.create_dir(Path::new("/store")).expect("a folder");
    disk.sync_dir(Path::new("/")).expect("durable");
    journal_on(&disk).create_behind(LATER, Lsn(last), [3; 32], 1).expect("a journal");
    disk
}

#[test]
fn it_begins_at_the_next_number_and_rolls_reads_and_verifies() {
    let disk = disk_behind(41);
    let journal = journal_on(&disk);
    let opened = journal.open(SMALL, None, Lsn(41)).expect("it opens");
    assert_eq!((opened.writer.identity(), opened.writer.position().last()), (LATER, Lsn(41)));
    let running = Running::start(opened.writer, quiet());
    for round in 0..40u8 {
        running.put(&[round; 200]).expect("durable").expect("staged");
    }
    running.stop().expect("a clean stop");
    assert_eq!(read_all(&journal, 42, 81).expect("readable").len(), 40);
    let verified = journal.verify(Lsn(81)).expect("whole");
    assert_eq!((verified.first, verified.end.next), (Lsn(42), Lsn(82)));
    assert!(verified.segments > 1);
    journal.verify_older(Lsn(81)).expect("whole");
    let earlier = journal.read(Lsn(41), Lsn(81));
    assert!(matches!(earlier, Err(JournalError::Pruned { lsn: Lsn(41), first: Lsn(42) })));
    // What was durable elsewhere must be there.
    damage(journal.open(SMALL, None, Lsn(82)));
}

#[test]
fn the_first_header_names_the_frame_that_it_goes_on_behind() {
    let disk = disk_behind(41);
    let header = disk.bytes(&segment_path(42));
    assert_eq!(header[56..88], [3; 32]);
}

#[test]
fn an_empty_one_is_replaced_and_one_with_entries_is_not() {
    let disk = disk_behind(41);
    let journal = journal_on(&disk);
    journal.create_behind(LATER, Lsn(50), [4; 32], 2).expect("nothing was lost");
    assert_eq!(disk.list(Path::new("/store/journal")).expect("listed"), ["00000000000000000051.krj"]);
    let running = Running::start(journal.open(SMALL, None, Lsn(50)).expect("it opens").writer, quiet());
    running.put(b"entry").expect("durable").expect("staged");
    running.stop().expect("a clean stop");
    assert!(matches!(journal.create_behind(LATER, Lsn(50), [4; 32], 3), Err(JournalError::Exists { .. })));
}
