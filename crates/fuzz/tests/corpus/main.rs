//! Makes the corpus from real encodings: messages that are answered, keys that were generated, a store that was written
//! and backed up. KEYREEVE_WRITE_GOLDEN=1 writes it anew; former findings, whose names begin with `refused-`, stay.

mod keys;
mod messages;
mod requests;
mod stored;

use std::collections::BTreeMap;
use std::fs;

use keyreeve_fuzz::{TARGETS, corpus, target, targets};

/// Bytes of an input at most: a small one is mutated where it matters.
const BYTES_MAX: usize = 6 * 1024;

/// Inputs by target and name.
type Seeds = BTreeMap<&'static str, Vec<(String, Vec<u8>)>>;

fn seeds() -> Seeds {
    let mut seeds = Seeds::new();
    messages::add(&mut seeds);
    requests::add(&mut seeds);
    keys::add(&mut seeds);
    stored::add(&mut seeds);
    seeds
}

fn seed(seeds: &mut Seeds, target: &'static str, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
    seeds.entry(target).or_default().push((name.into(), bytes.into()));
}

fn write(seeds: &Seeds) {
    for (target, inputs) in seeds {
        let folder = corpus::folder(target);
        for (former, _) in corpus::inputs(target) {
            if !former.starts_with(corpus::REFUSED) {
                fs::remove_file(folder.join(former)).unwrap();
            }
        }
        fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in inputs {
            fs::write(folder.join(name), bytes).unwrap();
        }
    }
}

#[test]
fn every_target_takes_what_is_encoded_today() {
    let seeds = seeds();
    if std::env::var_os("KEYREEVE_WRITE_GOLDEN").is_some() {
        write(&seeds);
    }
    for target in TARGETS {
        assert!(seeds.contains_key(target.name), "no input is made for {}", target.name);
    }
    for (name, inputs) in &seeds {
        let target = target(name).unwrap();
        for (of, bytes) in inputs {
            assert!(bytes.len() <= BYTES_MAX, "{name}: {of} has {} bytes", bytes.len());
            targets::forget_house();
            assert!(target.run(bytes), "{name}: {of} is not taken");
        }
        let committed = corpus::inputs(name).into_iter().map(|(of, _)| of);
        let committed: Vec<_> = committed.filter(|of| !of.starts_with(corpus::REFUSED)).collect();
        let mut made: Vec<_> = inputs.iter().map(|(of, _)| of.clone()).collect();
        made.sort();
        assert_eq!(committed, made, "the corpus of {name} is another: run this with KEYREEVE_WRITE_GOLDEN=1");
    }
}
