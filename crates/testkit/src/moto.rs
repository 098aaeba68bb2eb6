//! Moto: an S3 server from a package registry, which `cargo xtask test` installs. Not here: what is tested with it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

/// A running server; it ends with this.
pub struct Moto {
    child: Child,
    address: String,
    buckets: AtomicU32,
}

impl Moto {
    /// Starts one on a free port. None, said aloud, where moto is not installed.
    ///
    /// # Panics
    /// Where it is installed and does not start.
    #[allow(clippy::print_stderr, reason = "a test says what it skipped")]
    pub fn start() -> Option<Self> {
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

    /// Makes a bucket of its own; gives its name.
    pub fn bucket(&self) -> String {
        let bucket = format!("bucket-{}", self.buckets.fetch_add(1, Ordering::Relaxed));
        self.ask(&format!("/{bucket}"), "");
        bucket
    }

    /// Lets a bucket keep what is overwritten.
    pub fn keep_versions(&self, bucket: &str) {
        let xmlns = "http://s3.amazonaws.com/doc/2006-03-01/";
        let status = "<Status>Enabled</Status>";
        self.ask(
            &format!("/{bucket}?versioning"),
            &format!("<VersioningConfiguration xmlns=\"{xmlns}\">{status}</VersioningConfiguration>"),
        );
    }

    /// What a client of it has in its environment.
    pub fn environment(&self) -> Vec<(String, String)> {
        let endpoint = format!("http://{}", self.address);
        let variables = [
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "someone"),
            ("AWS_SECRET_ACCESS_KEY", "something"),
        ];
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
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
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
