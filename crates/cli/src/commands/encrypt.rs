//! `keyreeve encrypt`: small data by the server, as a data envelope; files and long pipes here, as a stream under a data
//! key of the server. Not here: opening either (decrypt).

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use keyreeve_server::offline::stream::{self, StreamError};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::cipher::Cipher;
use super::{Session, Streams, name_and_value, required};
use crate::client::{Data, Made, segment, with_query};
use crate::errors::{Failure, Kind, Result};
use crate::output::{self, Audience, Format, Sink};
use crate::progress::Progress;

/// Bytes from stdin that are sent to the server to be encrypted; more of them are encrypted here.
const ENVELOPE_BYTES_MAX: u64 = 1 << 20;

const EXAMPLES: &str = "\
Examples:
  keyreeve encrypt demo --in letter.txt --out letter.enc --context customer=42
  tar c photos | keyreeve encrypt demo > photos.tar.enc
  echo hello | keyreeve encrypt demo > greeting.enc
  echo hello | keyreeve encrypt demo --mode gcm > bare.enc     for other software; the IV is told on stderr";

/// Encrypt data with a key, raw bytes in and out.
///
/// A file, or more than 1 MiB from a pipe, stays on this machine and may have any size: it is encrypted here in chunks, each
/// authenticated, under a data key that the server makes and wraps. Less than that is sent to the server. Either names
/// what `decrypt` needs to know.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Encrypt {
    /// The key
    name: String,
    #[command(flatten)]
    binding: Binding,
    /// Use this version of the key; the default is the newest
    #[arg(long, value_name = "NUMBER")]
    key_version: Option<u32>,
    #[command(flatten)]
    streams: Streams,
    #[command(flatten)]
    cipher: Cipher,
}

/// What a ciphertext is bound to.
#[derive(Args)]
pub(crate) struct Binding {
    /// Bind the ciphertext to this pair, which `decrypt` must name again; repeat for more pairs
    #[arg(long = "context", value_name = "NAME=VALUE", value_parser = name_and_value)]
    context: Vec<(String, String)>,
}

impl Encrypt {
    /// Reads, asks, writes.
    ///
    /// # Errors
    /// As every request; the data cannot be read or the result not written.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        // JSON is for small data, and nothing is read for a line of curl.
        let is_small = self.streams.input.is_none() && session.prints_curl;
        if session.format == Format::Json || is_small || self.cipher.is_bare() {
            let data = session.data(self.streams.input.as_deref())?;
            return self.as_envelope(session, &data);
        }
        if let Some(path) = &self.streams.input {
            let file = File::open(path).map_err(|cause| Failure::file("read", path, cause))?;
            let length = file.metadata().ok().filter(|known| known.is_file()).map(|known| known.len());
            return self.as_stream(session, file, path, length);
        }
        if io::stdin().is_terminal() {
            output::message("reading the data from the terminal; Ctrl-D ends it");
        }
        let (mut stdin, name) = (io::stdin().lock(), Path::new("stdin"));
        let mut bytes = Zeroizing::new(Vec::new());
        let read = (&mut stdin).take(ENVELOPE_BYTES_MAX + 1).read_to_end(&mut bytes);
        read.map_err(|cause| Failure::file("read", name, cause))?;
        if bytes.len() as u64 <= ENVELOPE_BYTES_MAX {
            return self.as_envelope(session, &Data { bytes, from: None });
        }
        self.as_stream(session, bytes.as_slice().chain(stdin), name, None)
    }

    /// Has the server encrypt it.
    fn as_envelope(&self, session: &Session, data: &Data) -> Result<()> {
        let mut query = [self.binding.query(), self.cipher.query()].concat();
        query.extend(self.key_version.map(|version| ("version", version.to_string())));
        let path = with_query(&format!("/v1/keys/{}/encrypt", segment(&self.name)), &query);
        let made = session.client()?.post_bytes(&path, data)?;
        let made = if session.format == Format::Table { self.cipher.whole(made) } else { made };
        write_made(session, &self.streams, "ciphertext", &made, Audience::Umask)
    }

    /// Encrypts it here, under a data key of the server.
    fn as_stream(
        &self,
        session: &Session,
        mut from: impl Read,
        name: &Path,
        length: Option<u64>,
    ) -> Result<()> {
        let body = json!({ "bits": 256, "version": self.key_version, "context": self.binding.context() });
        let mut client = session.client()?;
        if session.prints_curl {
            let text =
                format!("{} does not leave this machine: what is asked for is the data key", name.display());
            output::message(&text);
        }
        let answer = client.post(&format!("/v1/keys/{}/datakey", segment(&self.name)), &body)?;
        let decoded =
            |field| STANDARD.decode(required(&answer, field)?).map_err(|_| Failure::answer("no base64"));
        let (data_key, wrapped) = (Zeroizing::new(decoded("plaintext")?), decoded("ciphertext")?);
        let version =
            answer.get("version").and_then(Value::as_u64).and_then(|version| version.try_into().ok());
        let mut sink = Sink::open(self.streams.out.as_deref(), Audience::Umask)?;
        let progress = Progress::bytes(length);
        let sealed =
            stream::seal((wrapped, version), &data_key, &mut from, &mut sink, &mut |done| progress.set(done));
        sealed.map_err(|error| stopped(error, name, &sink))?;
        sink.finish()
    }
}

impl Binding {
    /// As the API's query names it.
    pub(super) fn query(&self) -> Vec<(&'static str, String)> {
        if self.context.is_empty() { Vec::new() } else { vec![("context", self.context().to_string())] }
    }

    /// As the API's bodies name it.
    pub(super) fn context(&self) -> Value {
        let pairs = self.context.iter().map(|(name, value)| (name.clone(), Value::from(value.clone())));
        Value::Object(pairs.collect::<Map<_, _>>())
    }
}

/// Why a stream did not come to its end.
pub(super) fn stopped(error: StreamError, from: &Path, to: &Sink) -> Failure {
    match error {
        StreamError::Read(cause) => Failure::file("read", from, cause),
        StreamError::Write(cause) => to.wrong(cause),
        StreamError::Damaged(_) => Failure::new(Kind::Verification, error.to_string()),
    }
}

/// Writes what a key made: the bytes, or JSON with the bytes in base64 under `field`.
///
/// # Errors
/// The file or stdout cannot be written.
pub(super) fn write_made(
    session: &Session,
    streams: &Streams,
    field: &str,
    made: &Made,
    audience: Audience,
) -> Result<()> {
    match session.format {
        Format::Table => output::bytes(&made.bytes, streams.out.as_deref(), audience),
        Format::Json => {
            let mut value = json!({ field: STANDARD.encode(&made.bytes), "version": made.version });
            for (field, bytes) in [("iv", &made.iv), ("tag", &made.tag)] {
                if let Some(bytes) = bytes {
                    value[field] = STANDARD.encode(bytes).into();
                }
            }
            output::bytes(output::json_text(&value).as_bytes(), streams.out.as_deref(), audience)
        }
    }
}
