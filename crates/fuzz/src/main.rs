//! One target under libFuzzer: the one that KEYREEVE_FUZZ_TARGET names. Not here: the targets (the library), building and
//! running this for each of them (`cargo xtask fuzz`).
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    keyreeve_fuzz::run_named(bytes);
});
