//! `keyreeve decrypt`: envelopes and the ciphertexts of RSA keys by the server, streams here.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use keyreeve_server::offline::stream::{self, MAGIC_BYTES};
use zeroize::Zeroizing;

use super::cipher::Cipher;
use super::encrypt::{Binding, stopped, write_made};
use super::mac::Bytes;
use super::{Session, Streams, unhexed};
use crate::client::{Data, segment, with_query};
use crate::errors::{Failure, Kind, Result};
use crate::input;
use crate::output::{self, Audience, Format, Sink};
use crate::progress::Progress;

const EXAMPLES: &str = "\
Examples:
  keyreeve decrypt demo --in letter.enc --out letter.txt --context customer=42
  keyreeve decrypt demo < photos.tar.enc | tar x
  keyreeve decrypt demo --mode gcm --iv 0011... < bare.enc
  openssl pkeyutl -encrypt -pubin -inkey pair.pem -pkeyopt rsa_padding_mode:oaep \\
      -pkeyopt rsa_oaep_md:sha256 -in letter.txt | keyreeve decrypt pair";

/// Decrypt what `encrypt` made, raw bytes in and out.
///
/// Exit code 5: it was not made by this key and context, or it was changed since. Of a long ciphertext, what was written to
/// a pipe before that is authentic, and not all there was; a file is written whole or not at all.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Decrypt {
    /// The key
    name: String,
    #[command(flatten)]
    binding: Binding,
    /// Version of the key, for ciphertexts that do not name it (RSA)
    #[arg(long, value_name = "NUMBER")]
    key_version: Option<u32>,
    #[command(flatten)]
    streams: Streams,
    #[command(flatten)]
    cipher: Cipher,
    /// Authentication tag of a bare cipher, in hexadecimal; without it it is in the ciphertext
    #[arg(long, value_name = "HEX", value_parser = unhexed, requires = "mode", help_heading = "Bare cipher")]
    tag: Option<Bytes>,
}

impl Decrypt {
    /// Reads, asks, writes.
    ///
    /// # Errors
    /// As every request; the data cannot be read or the result not written.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let Some(path) = &self.streams.input else {
            if session.prints_curl {
                return self.envelope(session, session.data(None)?);
            }
            if io::stdin().is_terminal() {
                output::message("reading the data from the terminal; Ctrl-D ends it");
            }
            return self.read(session, io::stdin().lock(), Path::new("stdin"), None);
        };
        let file = File::open(path).map_err(|cause| Failure::file("read", path, cause))?;
        let length = file.metadata().ok().filter(|known| known.is_file()).map(|known| known.len());
        self.read(session, file, path, length)
    }

    fn read(&self, session: &Session, mut from: impl Read, name: &Path, length: Option<u64>) -> Result<()> {
        let mut beginning = Vec::with_capacity(MAGIC_BYTES);
        let read = (&mut from).take(MAGIC_BYTES as u64).read_to_end(&mut beginning);
        read.map_err(|cause| Failure::file("read", name, cause))?;
        let is_stream = stream::is_stream(&beginning) && !self.cipher.is_bare();
        let all = beginning.as_slice().chain(from);
        if is_stream {
            return self.stream(session, all, name, length);
        }
        self.envelope(session, Data { bytes: input::bounded(all, name)?, from: self.streams.input.clone() })
    }

    /// Has the server decrypt it.
    fn envelope(&self, session: &Session, ciphertext: Data) -> Result<()> {
        let made =
            session.client()?.post_bytes(&self.path(self.key_version), &ciphertext).map_err(not_opened)?;
        write_made(session, &self.streams, "plaintext", &made, Audience::Owner)
    }

    /// Has the server open the data key, and decrypts the rest here.
    fn stream(&self, session: &Session, mut from: impl Read, name: &Path, length: Option<u64>) -> Result<()> {
        if session.format == Format::Json {
            let text = format!(
                "{} is a stream of any size: leave -o json out, which is for small data",
                name.display()
            );
            return Err(Failure::usage(text));
        }
        if session.prints_curl {
            let text = format!(
                "{} does not leave this machine: what is sent is the data key at its beginning, as \
                                docs/envelope.md has it",
                name.display()
            );
            output::message(&text);
        }
        let mut sink = Sink::open(self.streams.out.as_deref(), Audience::Owner)?;
        let begun = stream::begin(&mut from).map_err(|error| stopped(error, name, &sink))?;
        let wrapped = Data { bytes: Zeroizing::new(begun.wrapped_key.clone()), from: None };
        let path = self.path(self.key_version.or(begun.key_version));
        let data_key = session.client()?.post_bytes(&path, &wrapped).map_err(not_opened)?;
        let progress = Progress::bytes(length);
        let opened = begun.open(&data_key.bytes, &mut from, &mut sink, &mut |done| progress.set(done));
        opened.map_err(|error| stopped(error, name, &sink))?;
        sink.finish()
    }

    fn path(&self, version: Option<u32>) -> String {
        let mut query = [self.binding.query(), self.cipher.query()].concat();
        query.extend(self.tag.as_ref().map(|tag| ("tag", STANDARD.encode(tag))));
        query.extend(version.map(|version| ("version", version.to_string())));
        with_query(&format!("/v1/keys/{}/decrypt", segment(&self.name)), &query)
    }
}

/// What is no ciphertext at all does not open either: scripts need not tell the two apart.
fn not_opened(failure: Failure) -> Failure {
    match failure.code() {
        Some("invalid_field") => failure.into_kind(Kind::Verification),
        _ => failure,
    }
}
