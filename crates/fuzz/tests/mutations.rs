//! Every target over its corpus, and over some thousand mutations of it that a seed makes.

use keyreeve_fuzz::{TARGETS, Target, corpus, mutate, target, targets};
use keyreeve_testkit::random::Random;

/// Mutations of a decoder's corpus.
const MUTATIONS: u64 = 10_000;
/// Of a front-end's: a request takes a hundred times as long.
const REQUESTS: u64 = 1_500;

/// Runs one input; where the target panics, the input is left to be replayed.
fn run(target: &Target, input: &[u8], what: &str) -> bool {
    let ran = std::panic::catch_unwind(|| target.run(input));
    ran.unwrap_or_else(|_| {
        let path = std::env::temp_dir().join(format!("keyreeve-fuzz-{}-{what}", target.name));
        let kept = std::fs::write(&path, input).map(|()| path.display().to_string());
        let kept = kept.unwrap_or_else(|error| error.to_string());
        panic!(
            "{} panics on {what}, kept at {kept}; `cargo xtask fuzz {} PATH` replays it",
            target.name, target.name
        )
    })
}

fn over_corpus_and_mutations(name: &str, mutations: u64) {
    let target = target(name).expect("a target");
    let inputs = corpus::inputs(name);
    assert!(!inputs.is_empty(), "{name} has no corpus");
    for (of, input) in &inputs {
        targets::forget_house();
        let taken = run(target, input, of);
        assert_eq!(taken, !of.starts_with(corpus::REFUSED), "{name}: {of} is taken: {taken}");
    }
    // KEYREEVE_SEED=N runs that mutation alone.
    let only: Option<u64> = std::env::var("KEYREEVE_SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in only.map_or(0..mutations, |seed| seed..seed + 1) {
        let random = &mut Random::new(seed);
        let input = &inputs[random.below(inputs.len() as u64) as usize].1;
        let other = &inputs[random.below(inputs.len() as u64) as usize].1;
        let mutated = mutate::mutated(random, input, other);
        run(target, &mutated, &format!("mutation-{seed}"));
    }
}

macro_rules! targets {
    ($($name:ident $mutations:expr,)*) => {
        $(#[test]
        fn $name() {
            over_corpus_and_mutations(stringify!($name), $mutations);
        })*

        #[test]
        fn every_target_is_run() {
            let run = [$(stringify!($name)),*];
            let all: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(all, run);
        }
    };
}

targets! {
    ttlv MUTATIONS,
    kmip_xml MUTATIONS,
    kmip_json MUTATIONS,
    kmip_request MUTATIONS,
    kmip_response MUTATIONS,
    kmip REQUESTS,
    rest REQUESTS,
    material MUTATIONS,
    envelope MUTATIONS,
    stream MUTATIONS,
    wrapped_key MUTATIONS,
    certificate MUTATIONS,
    certificate_request MUTATIONS,
    pkcs12 MUTATIONS,
    json_web_token MUTATIONS,
    json_web_key_set MUTATIONS,
    smtp_answers MUTATIONS,
    journal_segment MUTATIONS,
    journal_entry MUTATIONS,
    record MUTATIONS,
    checkpoint MUTATIONS,
    node MUTATIONS,
    cell_slot MUTATIONS,
    recovery_share MUTATIONS,
    root_file MUTATIONS,
    store_file MUTATIONS,
    claim MUTATIONS,
    statement MUTATIONS,
    manifest MUTATIONS,
    rows MUTATIONS,
    piece MUTATIONS,
    archive MUTATIONS,
    archive_path MUTATIONS,
    config MUTATIONS,
    names MUTATIONS,
}
