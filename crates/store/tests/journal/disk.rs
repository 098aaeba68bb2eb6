//! The real disk: locks, modes, whole-file replacement, and a journal on it.

use std::os::unix::fs::PermissionsExt;

use keyreeve_store::disk::{Disk, LockError, RealDisk, read_file, replace_file};
use keyreeve_store::journal::{Journal, Lsn, Options};

use super::*;

#[test]
fn a_second_holder_of_a_folder_is_told_who_has_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("lock");
    let lock = RealDisk.lock(&path).expect("the lock");
    let held = RealDisk.lock(&path).err().expect("refused");
    assert!(matches!(held, LockError::Held { pid: Some(pid), .. } if pid == std::process::id()), "{held}");
    assert!(held.to_string().contains(&format!("process {}", std::process::id())));
    drop(lock);
    RealDisk.lock(&path).expect("free again");
}

#[test]
fn a_lock_is_gone_with_a_killed_process() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("lock");
    std::fs::write(&path, "4242\n").expect("written");
    let mut holder = std::process::Command::new("flock")
        .arg("--no-fork")
        .arg(&path)
        .args(["sleep", "60"])
        .spawn()
        .expect("util-linux is there");
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while RealDisk.lock(&path).is_ok() {
        assert!(std::time::Instant::now() < deadline, "the other process takes the lock");
        std::fs::write(&path, "4242\n").expect("written");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(matches!(RealDisk.lock(&path), Err(LockError::Held { .. })));
    holder.kill().expect("killed");
    holder.wait().expect("gone");
    RealDisk.lock(&path).expect("free again");
}

#[test]
fn files_are_for_their_owner_only() {
    let dir = tempfile::tempdir().expect("a folder");
    let inner = dir.path().join("inner");
    RealDisk.create_dir(&inner).expect("created");
    RealDisk.create_dir(&inner).expect("there already");
    let path = inner.join("file");
    replace_file(&RealDisk, &path, b"old").expect("written");
    replace_file(&RealDisk, &path, b"new").expect("replaced");
    assert_eq!(read_file(&RealDisk, &path, 3).expect("read"), b"new");
    assert!(read_file(&RealDisk, &path, 2).is_err());
    assert_eq!(RealDisk.list(&inner).expect("listed"), ["file"]);
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&inner), mode(&path)), (0o700, 0o600));
}

#[test]
fn a_replaced_file_is_the_old_or_the_new_one_after_a_crash() {
    for count in 1.. {
        let disk = FaultyDisk::new();
        let path = Path::new("/file");
        replace_file(&disk, path, b"old").expect("written");
        disk.fail_power_at(count);
        let replaced = replace_file(&disk, path, b"new");
        for seed in 0..20 {
            let found = read_file(&disk.crash(seed), path, 10).expect("there");
            assert!(found == b"new" || (replaced.is_err() && found == b"old"), "change {count}, seed {seed}");
        }
        if replaced.is_ok() {
            break;
        }
    }
}

#[test]
fn a_journal_works_on_the_real_disk() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = Journal::new(Arc::new(RealDisk), dir.path().join("journal"), sha256());
    journal.create(IDENTITY, 1).expect("a journal");
    let options = Options { segment_bytes_max: 100_000, ..Options::default() };
    for round in 0..3u64 {
        let writer = journal.open(options, None, Lsn(round * 1000)).expect("it opens").writer;
        let running = Running::start(writer, quiet());
        for _ in 0..10 {
            let answers = running.batch((0..100).map(|_| Request::Entry(vec![b'x'; 200])));
            assert!(answers.iter().all(|answer| answer.is_ok()));
        }
        running.stop().expect("a clean stop");
    }
    assert_eq!(journal.verify(Lsn(3000)).expect("whole").end.next, Lsn(3001));
    assert_eq!(read_all(&journal, 1, 3000).expect("readable").len(), 3000);
}
