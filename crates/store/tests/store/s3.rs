//! Buckets as targets, against moto: an S3 server from a package registry, which `cargo xtask test` installs.

use std::sync::Arc;

use keyreeve_core::{SecretBytes, ports::cell::CellEntry};
use keyreeve_store::{
    Store,
    backup::targets::{KnownTargets, PutIf, Target, TargetError, Targets},
    disk::RealDisk,
};
use keyreeve_testkit::{disk::FaultyDisk, moto::Moto, target_conformance};
use uuid::Uuid;

use crate::{Bench, crypto, key_file, put, records};

fn known(moto: &Moto) -> KnownTargets {
    KnownTargets::new(Arc::new(RealDisk), crypto()).with_environment(moto.environment())
}

fn target(moto: &Moto) -> Arc<dyn Target> {
    known(moto).open(&format!("s3://{}/keys", moto.bucket())).unwrap()
}

#[test]
fn buckets_conform() {
    let Some(moto) = Moto::start() else { return };
    target_conformance::check(|| target(&moto));
}

#[test]
fn a_bucket_holds_a_cell_unless_it_keeps_versions() {
    let Some(moto) = Moto::start() else { return };
    let target = target(&moto);
    let cell = target.cell().unwrap();
    let entry = |generation: u64| CellEntry {
        store: Uuid::from_u128(1),
        timeline: 1,
        generation,
        threshold: 1,
        share: 1,
        key: SecretBytes::new(vec![generation as u8; 32]),
    };
    let held = || {
        let mut generations: Vec<_> = cell.read().unwrap().iter().map(|entry| entry.generation).collect();
        generations.sort();
        generations
    };
    assert!(held().is_empty());
    cell.erase_except(None).unwrap();
    cell.put(&entry(1), 0).unwrap();
    cell.put(&entry(2), 1).unwrap();
    assert_eq!(held(), [1, 2]);
    cell.put(&entry(3), 1).unwrap();
    assert_eq!(held(), [1, 3], "what is kept is not touched");
    cell.erase_except(Some(3)).unwrap();
    assert_eq!(held(), [3]);
    assert_eq!(cell.read().unwrap()[0].key.expose(), [3; 32]);
    assert!(target.list("").unwrap().is_empty(), "it lies beside the archive");
    cell.erase_except(None).unwrap();
    assert!(held().is_empty());

    let bucket = moto.bucket();
    moto.keep_versions(&bucket);
    let target = known(&moto).open(&format!("s3://{bucket}/keys")).unwrap();
    assert!(target.put("t1/pieces/a.krp", b"1", PutIf::Always).unwrap(), "an archive may lie there");
    assert!(matches!(target.cell().map(drop), Err(TargetError::KeepsVersions { .. })));
}

#[test]
fn a_store_archives_to_a_bucket_and_says_when_it_is_gone() {
    let Some(moto) = Moto::start() else { return };
    let mut bench = Bench::on(FaultyDisk::new());
    bench.options.background = false;
    bench.options.targets = Some(Arc::new(known(&moto)));
    Store::create(&bench.options, key_file()).unwrap();
    let store = bench.open();
    let name = store.register_target(&format!("s3://{}/house/keys/", moto.bucket()), true, false).unwrap();
    assert!(name.ends_with("/house/keys"));
    put(&store, vec![keyreeve_core::record::Change::Put(records::realm(9, "nine"))]);
    store.keep().unwrap();
    let status = store.targets().remove(0);
    assert_eq!((status.lag_entries, status.trouble), (0, None));
    drop(moto);
    put(&store, vec![keyreeve_core::record::Change::Put(records::realm(10, "ten"))]);
    store.keep().unwrap();
    let status = store.targets().remove(0);
    assert_eq!(status.lag_entries, 1);
    assert!(status.trouble.unwrap().contains("cannot be reached"));
}

#[test]
fn addresses_of_buckets_are_checked() {
    let open = |address: &str, endpoint: &str| {
        let environment = vec![("AWS_ENDPOINT_URL".to_owned(), endpoint.to_owned())];
        KnownTargets::new(Arc::new(RealDisk), crypto()).with_environment(environment).open(address).map(drop)
    };
    assert!(open("s3://bucket/keys", "https://s3.example").is_ok());
    for wrong in [
        "s3://",
        "s3://bucket",
        "s3://bucket/",
        "s3:///keys",
        "s3://bucket/a//b",
        "s3://bucket/../b",
        "s3://b t/a",
    ] {
        assert!(matches!(open(wrong, "https://s3.example"), Err(TargetError::Address { .. })), "{wrong}");
    }
    let plain = open("s3://bucket/keys", "http://s3.example").unwrap_err();
    assert!(plain.to_string().contains("not https"), "{plain}");
    for secret in ["https://eve:hunter2@s3.example", "http://hunter2@127.0.0.1:9000", "hunter2@s3.example/x"]
    {
        let told = open("s3://bucket/keys", secret).unwrap_err().to_string();
        assert!(told.contains("AWS_ENDPOINT_URL") && !told.contains("hunter2"), "{told}");
    }
}
