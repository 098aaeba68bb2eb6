//! Group commit: batches, refusals, limits, failures.

use std::sync::mpsc::channel;
use std::time::Duration;

use keyreeve_store::journal::{CommitError, CommitOptions, JournalError, Lsn};

use super::*;

#[test]
fn a_batch_is_one_frame_and_one_sync() {
    let disk = new_disk();
    let running = open(&disk).expect("it opens");
    running.put(b"first").expect("durable").expect("staged");
    let before = disk.changes();
    let answers = running.batch((0..20).map(|number| Request::Entry(vec![number])));
    assert_eq!(disk.changes() - before, 2, "a write and a sync");
    let lsns: Vec<_> =
        answers.into_iter().map(|answer| answer.expect("durable").expect("staged").0).collect();
    assert_eq!(lsns, (2..=21).collect::<Vec<_>>());
    let published = running.published.lock().expect("no panic").clone();
    assert_eq!((published[1].first, published[1].last), (Lsn(2), Lsn(21)));
    running.stop().expect("a clean stop");
    assert_eq!(read_all(&journal_on(&disk), 21, 21).expect("readable"), [(21, vec![19])]);
}

#[test]
fn a_frame_holds_at_most_256_requests() {
    let disk = new_disk();
    let running = open(&disk).expect("it opens");
    let answers = running.batch((0..300).map(|_| Request::Entry(vec![1])));
    assert!(answers.into_iter().all(|answer| answer.is_ok()));
    let sizes: Vec<_> =
        running.published.lock().expect("no panic").iter().map(|c| c.last.0 - c.first.0 + 1).collect();
    assert_eq!(sizes, [256, 44]);
    running.stop().expect("a clean stop");
}

#[test]
fn a_refusal_takes_no_number_and_alone_writes_nothing() {
    let disk = new_disk();
    let running = open(&disk).expect("it opens");
    let entry = || Request::Entry(b"entry".to_vec());
    let answers = running.batch([entry(), Request::Refuse, entry()]);
    assert_eq!(answers, [Ok(Ok(Lsn(1))), Ok(Err("refused")), Ok(Ok(Lsn(2)))]);
    let before = disk.changes();
    assert_eq!(running.batch([Request::Refuse]), [Ok(Err("refused"))]);
    assert_eq!(disk.changes(), before);
    running.stop().expect("a clean stop");
}

#[test]
fn a_failed_sync_stops_everything_and_nothing_is_tried_again() {
    let disk = new_disk();
    let running = open(&disk).expect("it opens");
    running.put(b"kept").expect("durable").expect("staged");
    disk.fail_sync_at(1);
    let answers = running.batch([Request::Entry(b"lost".to_vec()), Request::Refuse]);
    assert!(answers.iter().all(|answer| matches!(answer, Err(CommitError::Failed(_)))), "{answers:?}");
    assert!(matches!(running.failed.recv(), Ok(CommitError::Failed(_))));
    let before = disk.changes();
    assert!(matches!(running.put(b"later"), Err(CommitError::Failed(_))));
    assert_eq!(disk.changes(), before);
    assert!(matches!(running.stop(), Err(CommitError::Failed(_))));

    // The page cache still shows the frame. Opening makes it durable before anything is built on it.
    let killed = disk.kill();
    let running = open(&killed).expect("it opens");
    let next = running.put(b"next").expect("durable").expect("staged");
    for seed in 0..50 {
        let crashed = killed.crash(seed);
        open(&crashed).expect("it opens").stop().expect("a clean stop");
        let entries = read_all(&journal_on(&crashed), 1, next.0).expect("readable");
        assert_eq!(entries.last(), Some(&(next.0, b"next".to_vec())));
    }
    running.stop().expect("a clean stop");
}

/// Puts entries until the disk is full; how many became durable.
fn fill(running: &Running) -> u64 {
    let mut durable = 0;
    loop {
        match running.put(&[b'x'; 300]) {
            Ok(answer) => durable = answer.expect("staged").0,
            Err(error) => {
                assert_eq!(error, CommitError::Full);
                return durable;
            }
        }
    }
}

#[test]
fn on_a_full_disk_urgent_requests_go_on_into_the_reserve() {
    let disk = new_disk();
    let running = open(&disk).expect("it opens");
    disk.set_capacity(Some(disk.used() + 6000));
    let durable = fill(&running);
    assert!(durable > 5 && running.committer.is_full());

    let urgent = || Request::Urgent(vec![b'u'; 50]);
    let answers = running.batch([urgent(), Request::Entry(vec![1]), urgent(), Request::Refuse]);
    let two = [Ok(Ok(Lsn(durable + 1))), Err(CommitError::Full), Ok(Ok(Lsn(durable + 2)))];
    assert_eq!(answers[..3], two);
    let mut last = durable + 2;
    while let Ok(answer) = running.batch([urgent()]).remove(0) {
        last = answer.expect("staged").0;
    }
    let used = (last - durable) * 174 + 116;
    assert!(used < SMALL.reserve_bytes, "{used} bytes of the reserve, which leaves room for marks");

    running.stop().expect("a clean stop");
    let crashed = disk.crash(1);
    assert_eq!(
        read_all(&journal_on(&crashed), durable + 1, last).expect("readable").len() as u64,
        last - durable
    );
    assert!(
        matches!(open(&crashed).err(), Some(JournalError::Full { .. })),
        "the reserve must be whole first"
    );
    crashed.set_capacity(None);
    let opened = journal_on(&crashed).open(SMALL, None, Lsn(last)).expect("it opens");
    assert!(opened.recovery.clean);
}

#[test]
fn a_journal_goes_on_by_itself_once_there_is_space() {
    let disk = new_disk();
    let running = open(&disk).expect("it opens");
    for round in 1..4 {
        disk.set_capacity(Some(disk.used() + 3000));
        fill(&running);
        running.batch([Request::Urgent(vec![b'u'; 50])]).remove(0).expect("durable").expect("staged");
        // Not enough for the reserve and more: what is there is taken, and the rest still refused.
        disk.set_capacity(Some(disk.used() + 500));
        assert_eq!(running.put(b"early"), Err(CommitError::Full));
        disk.set_capacity(None);
        let text = format!("round {round}");
        let lsn = running.put(text.as_bytes()).expect("durable").expect("staged");
        assert_eq!(
            read_all(&journal_on(&disk), lsn.0, lsn.0).expect("readable"),
            [(lsn.0, text.into_bytes())]
        );
    }
    let published = running.published.lock().expect("no panic").last().expect("entries").last;
    running.stop().expect("a clean stop");
    let reopened = open(&disk.crash(7)).expect("it opens");
    assert_eq!(reopened.put(b"next"), Ok(Ok(published.plus(1))));
    reopened.stop().expect("a clean stop");
}

#[test]
fn an_idle_journal_notices_space() {
    let disk = new_disk();
    let writer = journal_on(&disk).open(SMALL, None, Lsn(0)).expect("it opens").writer;
    let running = Running::start(writer, CommitOptions { idle_delay: Duration::from_millis(1), ..quiet() });
    disk.set_capacity(Some(disk.used()));
    // Idle marks ask for the time, too.
    (0..10_000).for_each(|_| running.open_gate());
    fill(&running);
    assert!(running.committer.is_full());
    disk.set_capacity(None);
    while running.committer.is_full() {
        std::thread::yield_now();
    }
    running.stop().expect("a clean stop");
}

#[test]
fn the_queue_is_bounded() {
    let disk = new_disk();
    let writer = journal_on(&disk).open(SMALL, None, Lsn(0)).expect("it opens").writer;
    let running = Running::start(writer, CommitOptions { queue_requests_max: 4, ..quiet() });
    // The gate is shut: the first request waits in the thread, four in the queue.
    let answers = running.batch((0..50).map(|_| Request::Entry(vec![1])));
    let busy = answers.iter().filter(|answer| **answer == Err(CommitError::Busy)).count();
    assert!((45..=46).contains(&busy), "{busy}");
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 50 - busy);
    drop(running);
}

#[test]
fn the_queue_is_bounded_by_bytes_too() {
    let disk = new_disk();
    let writer = journal_on(&disk).open(SMALL, None, Lsn(0)).expect("it opens").writer;
    let running = Running::start(writer, CommitOptions { queue_bytes_max: 100, ..quiet() });
    // The gate is shut: the first request waits in the thread or in the queue, two more in the queue.
    let answers = running.batch((0..50).map(|_| Request::Entry(vec![1; 40])));
    let busy = answers.iter().filter(|answer| **answer == Err(CommitError::Busy)).count();
    assert!((47..=48).contains(&busy), "{busy}");
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 50 - busy);
    // What was taken is given back, and one that is longer than all that may wait is not locked out.
    let long = running.batch([Request::Entry(vec![1; 1000])]);
    assert!(matches!(long[..], [Ok(Ok(_))]), "{long:?}");
}

/// Who drops the handle may open the journal again at once.
#[test]
fn a_dropped_committer_has_ended() {
    let disk = new_disk();
    for number in 1..=20 {
        let mut running = open(&disk).expect("it opens");
        assert_eq!(running.put(b"entry"), Ok(Ok(Lsn(number))));
        running.gate = None;
        drop(running);
        let opened = journal_on(&disk).open(SMALL, None, Lsn(number)).expect("it opens");
        assert!(opened.recovery.clean, "it was still at work");
    }
}

#[test]
fn a_panic_of_the_stage_is_told_to_all() {
    let disk = disk_with(&[b"kept"]);
    let running = open(&disk).expect("it opens");
    let answers = running.batch([Request::Entry(vec![1]), Request::Panic, Request::Entry(vec![2])]);
    assert!(answers.iter().all(|answer| matches!(answer, Err(CommitError::Failed(_)))), "{answers:?}");
    assert!(matches!(running.failed.recv(), Ok(CommitError::Failed(_))));
    assert!(matches!(running.put(b"later"), Err(CommitError::Failed(_))));
    let reopened = open(&disk.kill()).expect("it opens");
    assert_eq!(reopened.put(b"next"), Ok(Ok(Lsn(2))));
    reopened.stop().expect("a clean stop");
}

#[test]
fn a_stop_commits_what_waits() {
    let disk = new_disk();
    let mut running = open(&disk).expect("it opens");
    let (sender, receiver) = channel();
    for number in 0..10 {
        let sender = sender.clone();
        running
            .committer
            .submit(Request::Entry(vec![number]), move |answer| sender.send(answer).expect("sent"));
    }
    running.gate = None;
    running.committer.stop().expect("a clean stop");
    drop(sender);
    assert_eq!(receiver.iter().filter(|answer| matches!(answer, Ok(Ok(_)))).count(), 10);
    assert_eq!(running.put(b"later"), Err(CommitError::Stopped));
}

#[test]
fn a_request_waits_for_company_only_where_asked() {
    let disk = new_disk();
    let writer = journal_on(&disk).open(SMALL, None, Lsn(0)).expect("it opens").writer;
    let delayed = CommitOptions { gather_delay: Duration::from_millis(500), batch_entries_max: 2, ..quiet() };
    let running = Running::start(writer, delayed);
    running.open_gate();
    let (sender, receiver) = channel();
    for number in 0..2 {
        let sender = sender.clone();
        running
            .committer
            .submit(Request::Entry(vec![number]), move |answer| sender.send(answer).expect("sent"));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(receiver.iter().take(2).all(|answer| answer.is_ok()));
    assert_eq!(running.published.lock().expect("no panic").len(), 1, "both are in one frame");
    running.stop().expect("a clean stop");
}
