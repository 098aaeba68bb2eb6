//! Buckets as targets, against moto: an S3 server from a package registry, which `cargo xtask test` installs.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use keyreeve_core::{SecretBytes, ports::cell::CellEntry};
use keyreeve_store::{
    Store,
    backup::targets::{KnownTargets, PutIf, Target, TargetError, Targets},
    disk::RealDisk,
};
use keyreeve_testkit::{disk::FaultyDisk, target_conformance};
use uuid::Uuid;

use crate::{Bench, crypto, key_file, put, records};

/// A running server; it ends with this.
struct Moto {
    child: Child,
    address: String,
    buckets: AtomicU32,
}

impl Moto {
    /// None, said aloud, where moto is not installed.
    fn start() -> Option<Self> {
        let python = std::env::var("KEYREEVE_TEST_PYTHON").unwrap_or_else(|_| {
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/venv/bin/python").to_owned()
        });
        let there = Command::new(&python).args(["-c", "import moto.server"]).stderr(Stdio::null()).status();
        if !there.is_ok_and(|status| status.success()) {
            eprintln!("NOT TESTED: {python} has no moto; `cargo xtask test` installs it");
            return None;
        }
        let mut child = Command::new(python)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .find_map(|line| Some(line.unwrap().split_once("Running on http://")?.1.trim().to_owned()))
            .expect("moto says where it listens");
        // Nobody may leave it with a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { child, address, buckets: AtomicU32::new(0) })
    }

    /// Makes a bucket of its own.
    fn bucket(&self) -> String {
        let bucket = format!("bucket-{}", self.buckets.fetch_add(1, Ordering::Relaxed));
        self.ask(&format!("/{bucket}"), "");
        bucket
    }

    fn keep_versions(&self, bucket: &str) {
        let xmlns = "http://s3.amazonaws.com/doc/2006-03-01/";
        let status = "<Status>Enabled</Status>";
        self.ask(
            &format!("/{bucket}?versioning"),
            &format!("<VersioningConfiguration xmlns=\"{xmlns}\">{status}</VersioningConfiguration>"),
        );
    }

    fn ask(&self, path: &str, body: &str) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let credential = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request";
        let (address, len) = (&self.address, body.len());
        let head = format!("PUT {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {credential}\r\n");
        write!(stream, "{head}Content-Length: {len}\r\nConnection: close\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    fn known(&self) -> KnownTargets {
        let endpoint = format!("http://{}", self.address);
        let variables = [
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "someone"),
            ("AWS_SECRET_ACCESS_KEY", "something"),
        ];
        let environment = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        KnownTargets::new(Arc::new(RealDisk), crypto()).with_environment(environment)
    }

    fn target(&self) -> Arc<dyn Target> {
        self.known().open(&format!("s3://{}/keys", self.bucket())).unwrap()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn buckets_conform() {
    let Some(moto) = Moto::start() else { return };
    target_conformance::check(|| moto.target());
}

#[test]
fn a_bucket_holds_a_cell_unless_it_keeps_versions() {
    let Some(moto) = Moto::start() else { return };
    let target = moto.target();
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
    let target = moto.known().open(&format!("s3://{bucket}/keys")).unwrap();
    assert!(target.put("t1/pieces/a.krp", b"1", PutIf::Always).unwrap(), "an archive may lie there");
    assert!(matches!(target.cell().map(drop), Err(TargetError::KeepsVersions { .. })));
}

#[test]
fn a_store_archives_to_a_bucket_and_says_when_it_is_gone() {
    let Some(moto) = Moto::start() else { return };
    let mut bench = Bench::on(FaultyDisk::new());
    bench.options.background = false;
    bench.options.targets = Some(Arc::new(moto.known()));
    Store::create(&bench.options, &key_file()).unwrap();
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
}
