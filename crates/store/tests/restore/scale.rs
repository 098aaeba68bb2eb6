//! A store of many keys on a real disk: made, killed, opened, searched, listed, made anew. Told on stdout;
//! docs/performance.md holds the figures. Nothing is asserted about time.
//!
//! `KEYREEVE_LONG=1 cargo test --release -p keyreeve-store --test restore scale -- --nocapture`: ten million keys where the
//! temporary folder has the space, else a million; KEYREEVE_SCALE_KEYS says how many. Each step is a process of its own, so
//! that its memory is its own, and what is killed is killed.

#![allow(clippy::print_stdout, reason = "figures are what it is for")]

use std::{
    io::{BufRead as _, BufReader},
    ops::Bound,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use keyreeve_core::{
    model::RealmId,
    ports::store::{IndexHit, IndexRange},
    record::IndexKind,
};
use keyreeve_testkit::random::Random;

use super::{
    speed::{WallClock, commit, cpu_seconds, wanted},
    *,
};

/// What a process of this test is to do.
const DO: &str = "KEYREEVE_SCALE_DO";
const DIR: &str = "KEYREEVE_SCALE_DIR";
const COUNT: &str = "KEYREEVE_SCALE_COUNT";
const FEW: u128 = 1_000;
const MANY: u128 = 10_000_000;
/// What as many take (13 GB of journal, 19 of index), and some to spare.
const MANY_BYTES: u64 = 45 << 30;
/// Where there is less space.
const FEWER: u128 = 1_000_000;
const LOOKUPS: usize = 20_000;
const PAGE: usize = 1_000;
/// What a process says once it waits to be killed.
const READY: &str = "ready to be killed";

#[test]
fn scale_with_millions_of_keys() {
    let Some(mut count) = wanted("KEYREEVE_SCALE_KEYS", MANY) else { return };
    let folder = tempfile::tempdir().unwrap();
    let free = free_bytes(folder.path());
    if count >= MANY && free < MANY_BYTES {
        let (path, free, needed) = (folder.path().display(), free >> 30, MANY_BYTES >> 30);
        println!(
            "NOT TESTED: {count} keys, only {FEWER}: {path} has {free} GB free, of {needed}. TMPDIR names another place"
        );
        count = FEWER;
    }
    for keys in [FEW, count] {
        let dir = folder.path().join(keys.to_string());
        killed("fill", &dir, keys);
        killed("open", &dir, keys);
        ended("open", &dir, keys);
        ended("look", &dir, keys);
        let size = |name: &str| {
            let files: Vec<_> = std::fs::read_dir(dir.join(name)).unwrap().map(Result::unwrap).collect();
            let bytes: u64 = files.iter().map(|file| file.metadata().unwrap().len()).sum();
            format!("{name} {} MB in {} files", bytes >> 20, files.len())
        };
        println!("  {}, {}", size("journal"), size("index"));
        std::fs::remove_file(dir.join("index/index.sqlite")).unwrap();
        // In the middle of making the index anew.
        let mut child = spawn("open", &dir, keys);
        std::thread::sleep(Duration::from_millis(keys as u64 / 200));
        child.kill().unwrap();
        child.wait().unwrap();
        println!("{keys} keys, index lost, making it anew killed once:");
        ended("open", &dir, keys);
        ended("look", &dir, keys);
    }
}

/// One step, in a process of its own; nothing where none is asked for.
#[test]
fn scale_step() {
    let Ok(step) = std::env::var(DO) else { return };
    let count: u128 = std::env::var(COUNT).unwrap().parse().unwrap();
    let options = StoreOptions::new(std::env::var(DIR).unwrap(), crypto(), Arc::new(WallClock));
    if step == "fill" {
        Store::create(&options, [key_file()]).unwrap();
    }
    let begin = Instant::now();
    let store = Store::open(&options, &key_file()).unwrap();
    println!("opened in {:.2?}, {:.1} s of processors; {}", begin.elapsed(), cpu_seconds(), memory());
    match step.as_str() {
        "fill" => {
            commit(&store, "keys made", count, |id| records::draft(records::create(&store, id, &name(id))))
        }
        "look" => look(&store, count),
        _ => {}
    }
    println!("{}", memory());
    // Whoever wants it killed does so now; others close stdin.
    println!("{READY}");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let begin = Instant::now();
    store.close().unwrap();
    println!("closed in {:.2?}", begin.elapsed());
}

/// The space that a folder's file system has left.
fn free_bytes(folder: &Path) -> u64 {
    let said = Command::new("df").arg("-Pk").arg(folder).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let kib =
        said.lines().nth(1).and_then(|line| line.split_whitespace().nth(3)).expect("POSIX's fourth column");
    kib.parse::<u64>().unwrap() << 10
}

fn name(id: u128) -> String {
    format!("key {id}")
}

/// Finds keys by name, and lists all.
fn look(store: &Store, count: u128) {
    let mut random = Random::new(5);
    let mut took: Vec<Duration> = (0..LOOKUPS)
        .map(|_| {
            let id = 1 + u128::from(random.below(count as u64));
            let value = name(id).into_bytes();
            let (from, to) = (Bound::Included(value.clone()), Bound::Included(value));
            let begin = Instant::now();
            let hits = store.find(&by_name(from, to), None, 2).unwrap();
            assert_eq!(hits.len(), 1);
            assert!(get(store, &RecordKey::Key(records::key_id(id))).is_some());
            assert!(records::object(store, id).is_some());
            begin.elapsed()
        })
        .collect();
    took.sort_unstable();
    let at = |part: usize| took[LOOKUPS * part / 100];
    println!("found by random names: p50 {:.1?}, p99 {:.1?}; {}", at(50), at(99), memory());
    let (begin, mut after, mut listed) = (Instant::now(), None::<IndexHit>, 0);
    let mut longest = Duration::ZERO;
    loop {
        let page = Instant::now();
        let all = by_name(Bound::Unbounded, Bound::Unbounded);
        let hits = store.find(&all, after.as_ref(), PAGE).unwrap();
        longest = longest.max(page.elapsed());
        listed += hits.len() as u128;
        let Some(last) = hits.into_iter().last() else { break };
        after = Some(last);
    }
    assert_eq!(listed, count);
    println!("all listed by {PAGE} in {:.2?}, longest page {longest:.1?}; {}", begin.elapsed(), memory());
}

fn by_name(from: Bound<Vec<u8>>, to: Bound<Vec<u8>>) -> IndexRange {
    IndexRange { realm: RealmId::DEFAULT, kind: IndexKind::KeyByName, from, to }
}

/// This process's memory now, and at most.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().nth(1).map_or(0, |kb| kb.parse::<u64>().unwrap() / 1024)
    };
    format!("{} MB of memory ({} of files), {} at most", of("VmRSS"), of("RssFile"), of("VmHWM"))
}

fn spawn(step: &str, dir: &Path, keys: u128) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["scale::scale_step", "--exact", "--nocapture"]);
    command.env(DO, step).env(DIR, dir).env(COUNT, keys.to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// Runs a step and kills its process at the end.
fn killed(step: &str, dir: &Path, keys: u128) {
    let mut child = spawn(step, dir, keys);
    tell(&mut child, &format!("{keys} keys, {step}, killed then"));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Runs a step; the store is closed in the end.
fn ended(step: &str, dir: &Path, keys: u128) {
    let mut child = spawn(step, dir, keys);
    tell(&mut child, &format!("{keys} keys, {step}"));
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

/// Passes on what a process says until it is ready to be killed.
fn tell(child: &mut Child, what: &str) {
    println!("{what}:");
    // Kept open by the child: it goes on writing.
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines().map(Result::unwrap);
    let said = lines.take_while(|line| line != READY);
    said.filter(|line| line.contains(" in ") || line.contains("memory"))
        .for_each(|line| println!("  {line}"));
}
