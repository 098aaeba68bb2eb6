//! A power loss at every change of mixed runs: nothing acknowledged is lost, nothing is invented, it always opens.

use std::collections::BTreeMap;

use keyreeve_store::journal::JournalError;
use keyreeve_testkit::disk::FaultyDisk;
use keyreeve_testkit::random::Random;

use super::*;

/// What a run submitted and was told.
#[derive(Default)]
struct Known {
    created: bool,
    acknowledged: u64,
    /// What was submitted last under each number.
    submitted: BTreeMap<u64, Vec<u8>>,
}

/// Makes a journal and commits to it, with clean stops between, until all is done or the power fails.
fn run(disk: &FaultyDisk, seed: u64, known: &mut Known) -> Result<(), ()> {
    let mut random = Random::new(seed);
    disk.create_dir(Path::new("/store")).map_err(drop)?;
    disk.sync_dir(Path::new("/")).map_err(drop)?;
    journal_on(disk).create(IDENTITY, 1).map_err(drop)?;
    known.created = true;
    for _ in 0..2 {
        let running = open(disk).map_err(drop)?;
        for _ in 0..8 {
            commit(&running, &mut random, known)?;
        }
        running.stop().map_err(drop)?;
    }
    Ok(())
}

/// Commits one batch and notes what was acknowledged.
fn commit(running: &Running, random: &mut Random, known: &mut Known) -> Result<(), ()> {
    let mut requests = Vec::new();
    let mut number = known.acknowledged;
    for _ in 0..=random.below(4) {
        if random.one_in(8) {
            requests.push(Request::Refuse);
            continue;
        }
        let mut bytes = match random.below(4) {
            0 => random.bytes(20),
            1 => vec![0; 700],
            2 => forged_frames(number),
            _ => random.bytes(900),
        };
        bytes.extend_from_slice(&random.next_u64().to_le_bytes());
        number += 1;
        known.submitted.insert(number, bytes.clone());
        requests.push(Request::Entry(bytes));
    }
    for answer in running.batch(requests) {
        if let Ok(lsn) = answer.map_err(drop)? {
            assert_eq!(lsn.0, known.acknowledged + 1, "no gap");
            known.acknowledged = lsn.0;
        }
    }
    Ok(())
}

/// What a client may put into an entry: whole frames that claim to have been written behind it, as near as can be guessed.
fn forged_frames(number: u64) -> Vec<u8> {
    let forged = |first: u64| {
        let mut frame = Vec::new();
        frame.extend_from_slice(b"KRVFRAME");
        frame.extend_from_slice(&116_u32.to_le_bytes());
        frame.extend_from_slice(&1_u32.to_le_bytes());
        frame.extend_from_slice(&first.to_le_bytes());
        frame.extend_from_slice(&[0; 8]);
        frame.extend_from_slice(&(first - 1).to_le_bytes());
        frame.extend_from_slice(&[0; 40]);
        let hash = sha256()(&[&frame]);
        [&frame[..], &hash, b"KRVE"].concat()
    };
    [number + 1, number + 2, number + 3, 1 << 63].map(forged).concat().repeat(3)
}

/// Opens what the crash left, crashing again in that some times, and compares it with what is known.
fn check(disk: &FaultyDisk, known: &mut Known, random: &mut Random) {
    let mut disk = disk.clone();
    if random.one_in(2) {
        disk.fail_power_at(1 + random.below(8));
        // It may still be done before the power fails.
        drop(journal_on(&disk).open(SMALL, None, Lsn(known.acknowledged)));
        disk = disk.crash(random.next_u64());
    }
    let journal = journal_on(&disk);
    let opened = match journal.open(SMALL, None, Lsn(known.acknowledged)) {
        Err(JournalError::Missing { .. }) if !known.created => {
            journal.create(IDENTITY, 1).expect("created again");
            return;
        }
        opened => opened.expect("it opens"),
    };
    let last = opened.writer.position().last().0;
    assert!(last >= known.acknowledged, "{} was acknowledged, {last} is there", known.acknowledged);
    journal.verify(Lsn(last)).expect("whole");
    for (expected, (number, bytes)) in (1..).zip(read_all(&journal, 1, last).expect("readable")) {
        assert_eq!((number, Some(&bytes)), (expected, known.submitted.get(&number)));
    }
    // What was there on opening stays there, as the index may have taken it over.
    let at_once = journal_on(&disk.crash(random.next_u64())).open(SMALL, None, Lsn(last));
    at_once.expect("it opens at once").recovery.cut.ok_or(()).expect_err("nothing is torn");
    let running = Running::start(opened.writer, quiet());
    assert_eq!(running.put(b"after the crash"), Ok(Ok(Lsn(last + 1))));
    let again = disk.crash(random.next_u64());
    running.stop().expect("a clean stop");
    journal_on(&again).open(SMALL, None, Lsn(last + 1)).expect("it opens again");
}

#[test]
fn no_power_loss_loses_an_acknowledged_entry() {
    let mut points = 0;
    for seed in 0..25 {
        for change in 1.. {
            let disk = FaultyDisk::new();
            disk.fail_power_at(change);
            let mut known = Known::default();
            let done = run(&disk, seed, &mut known);
            let mut random = Random::new(seed ^ (change << 32));
            for _ in 0..3 {
                points += 1;
                check(&disk.crash(random.next_u64()), &mut known, &mut random);
            }
            check(&disk.kill(), &mut known, &mut random);
            if done.is_ok() {
                break;
            }
        }
    }
    assert!(points > 3000, "{points} crash points");
}

#[test]
fn no_failed_sync_loses_an_acknowledged_entry() {
    for seed in 0..10 {
        for sync in 1.. {
            let disk = FaultyDisk::new();
            disk.fail_sync_at(sync);
            let mut known = Known::default();
            let done = run(&disk, seed, &mut known);
            let mut random = Random::new(seed ^ (sync << 32));
            check(&disk.crash(random.next_u64()), &mut known, &mut random);
            check(&disk.kill(), &mut known, &mut random);
            if done.is_ok() {
                break;
            }
        }
    }
}
