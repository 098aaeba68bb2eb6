//! The conformance suite over every engine, and what only those that last must do.

use keyreeve_core::ports::store::Order;
use keyreeve_store::engines::{Engine, EngineError, embedded::EmbeddedEngine, memory::MemoryEngine};
use keyreeve_testkit::engine_conformance::{batch, check};

#[test]
fn the_engine_in_memory_conforms() {
    check(|| Box::new(MemoryEngine::default()));
}

#[test]
fn the_embedded_engine_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let made = std::cell::Cell::new(0);
    check(|| {
        made.set(made.get() + 1);
        Box::new(EmbeddedEngine::open(&folder.path().join(format!("{}.sqlite", made.get()))).unwrap())
    });
}

#[test]
fn the_embedded_engine_lasts_and_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.sqlite");
    let engine = EmbeddedEngine::open(&path).unwrap();
    engine.apply(&batch(&[(b"a", Some(b"1"))], b"one")).unwrap();
    drop(engine);
    let engine = EmbeddedEngine::open(&path).unwrap();
    assert_eq!(engine.get(b"a").unwrap().as_deref(), Some(b"1".as_slice()));
    assert_eq!(engine.checkpoint().unwrap().as_deref(), Some(b"one".as_slice()));
    drop(engine);
    EmbeddedEngine::remove(&path).unwrap();
    EmbeddedEngine::remove(&path).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_file_that_is_no_index_is_told_as_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.sqlite");
    std::fs::write(&path, [7; 8192]).unwrap();
    assert!(matches!(EmbeddedEngine::open(&path).map(drop), Err(EngineError::Damaged { .. })));
    let missing = folder.path().join("none/index.sqlite");
    assert!(matches!(EmbeddedEngine::open(&missing).map(drop), Err(EngineError::Failed { .. })));
}

#[test]
fn damage_to_what_is_loaded_says_nothing_of_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.sqlite");
    let engine = EmbeddedEngine::open(&path).unwrap();
    engine.apply(&batch(&[(b"a", Some(b"1"))], b"one")).unwrap();
    engine.begin_load().unwrap();
    // More than SQLite keeps of a file in memory.
    let row = vec![7; 64 << 10];
    let keys: Vec<_> = (0..256_u16).map(u16::to_be_bytes).collect();
    let rows: Vec<(&[u8], Option<&[u8]>)> = keys.iter().map(|key| (&key[..], Some(&row[..]))).collect();
    engine.apply(&batch(&rows, b"unfinished")).unwrap();
    let loading = path.with_added_extension("loading");
    let len = std::fs::metadata(&loading).unwrap().len() as usize;
    std::fs::write(&loading, vec![0xA5; len]).unwrap();
    assert!(matches!(
        engine.scan(&[], &[0xFF], Order::Ascending, usize::MAX),
        Err(EngineError::Damaged { .. })
    ));
    drop(engine);
    let engine = EmbeddedEngine::open(&path).unwrap();
    assert_eq!(engine.checkpoint().unwrap().as_deref(), Some(b"one".as_slice()));
}
