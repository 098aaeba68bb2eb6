//! What every backup target must do; one call runs it all against a new, empty one.

use std::{sync::Arc, thread};

use keyreeve_store::backup::targets::{PutIf, Target};

/// Runs the suite; `make` gives an empty target, each time another.
///
/// # Panics
/// Where the target does not conform.
pub fn check(make: impl Fn() -> Arc<dyn Target>) {
    starts_empty(&*make());
    gives_back_what_was_put(&*make());
    gives_ranges(&*make());
    lists_in_order_by_prefix(&*make());
    deletes_once_and_again(&*make());
    swaps_only_what_is_unchanged(&*make());
    lets_one_of_many_swap(make());
}

fn paths(target: &dyn Target, prefix: &str) -> Vec<String> {
    target.list(prefix).unwrap().into_iter().map(|listed| listed.path).collect()
}

fn read(target: &dyn Target, path: &str) -> Option<Vec<u8>> {
    target.get(path).unwrap().map(|(bytes, _)| bytes)
}

fn starts_empty(target: &dyn Target) {
    assert!(target.address().contains("://"));
    assert!(paths(target, "").is_empty());
    assert_eq!(read(target, "claim.json"), None);
    assert_eq!(target.get_range("t1/pieces/a.krp", 0, 10).unwrap(), None);
    target.delete("t1/pieces/a.krp").unwrap();
}

fn gives_back_what_was_put(target: &dyn Target) {
    let large: Vec<u8> = (0..=255).cycle().take(3 << 20).collect();
    for bytes in [b"".as_slice(), b"one", b"another", &large] {
        assert!(target.put("t1/full/00000000000000000007/a.krc", bytes, PutIf::Always).unwrap());
        assert_eq!(read(target, "t1/full/00000000000000000007/a.krc").as_deref(), Some(bytes));
    }
    assert_eq!(target.list("t1").unwrap()[0].bytes, large.len() as u64);
}

fn gives_ranges(target: &dyn Target) {
    target.put("a.bin", b"0123456789", PutIf::Always).unwrap();
    let range = |offset, len| target.get_range("a.bin", offset, len).unwrap().unwrap();
    assert_eq!(range(0, 10), b"0123456789");
    assert_eq!(range(3, 4), b"3456");
    assert_eq!(range(8, 100), b"89", "fewer at the end");
    assert_eq!(range(10, 5), b"");
    assert_eq!(range(100, 5), b"");
    assert_eq!(range(2, 0), b"");
}

fn lists_in_order_by_prefix(target: &dyn Target) {
    let all = ["a.json", "t1/full/5/x.krc", "t1/pieces/1-a.krp", "t1/pieces/2-b.krp", "t10/pieces/1-a.krp"];
    for path in all.iter().rev() {
        target.put(path, path.as_bytes(), PutIf::Always).unwrap();
    }
    assert_eq!(paths(target, ""), all);
    assert_eq!(paths(target, "t1/pieces/"), all[2..4]);
    assert_eq!(paths(target, "t1/pieces/2"), all[3..4], "a prefix may end inside a name");
    assert_eq!(paths(target, "t1"), all[1..]);
    assert!(paths(target, "t2/").is_empty());
    assert_eq!(target.list("a").unwrap()[0].bytes, 6);
}

fn deletes_once_and_again(target: &dyn Target) {
    target.put("t1/pieces/a.krp", b"1", PutIf::Always).unwrap();
    for _ in 0..2 {
        target.delete("t1/pieces/a.krp").unwrap();
        assert_eq!(read(target, "t1/pieces/a.krp"), None);
        assert!(paths(target, "").is_empty());
    }
}

fn swaps_only_what_is_unchanged(target: &dyn Target) {
    assert!(target.put("claim.json", b"1", PutIf::Absent).unwrap());
    assert!(!target.put("claim.json", b"2", PutIf::Absent).unwrap());
    let (bytes, first) = target.get("claim.json").unwrap().unwrap();
    assert_eq!(bytes, b"1");
    assert!(target.put("claim.json", b"3", PutIf::Unchanged(&first)).unwrap());
    assert!(!target.put("claim.json", b"4", PutIf::Unchanged(&first)).unwrap());
    assert_eq!(read(target, "claim.json").unwrap(), b"3");
    target.delete("claim.json").unwrap();
    assert!(!target.put("claim.json", b"5", PutIf::Unchanged(&first)).unwrap(), "what is gone has changed");
    assert_eq!(read(target, "claim.json"), None);
}

fn lets_one_of_many_swap(target: Arc<dyn Target>) {
    let won = thread::scope(|scope| {
        let claim = |number: u8| {
            let target = target.clone();
            move || target.put("claim.json", &[number], PutIf::Absent).unwrap().then_some(number)
        };
        let threads: Vec<_> = (0..6).map(|number| scope.spawn(claim(number))).collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(won.len(), 1, "{won:?}");
    assert_eq!(read(&*target, "claim.json").unwrap(), won);
}
