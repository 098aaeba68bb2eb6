//! `keyreeve verify`.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Value, json};

use super::message::{Message, Place};
use super::{Scheme, Session};
use crate::client::segment;
use crate::errors::{Failure, Kind, Result};
use crate::input;
use crate::output::{self, Format};

/// Bytes of a signature at most; the longest, of SLH-DSA's `256f`, have 49,856.
const SIGNATURE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a signature that a query can hold; a longer one goes into the body, with the data.
const IN_QUERY_BYTES_MAX: usize = 40 * 1024;

const EXAMPLES: &str = "\
Examples:
  keyreeve verify release --signature package.sig < package.tar";

/// Verify a signature over data: prints `valid` or `not valid`.
///
/// Exit code 5: not valid. A signature made before the key was rotated is still valid.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Verify {
    /// The key
    name: String,
    /// File with the signature
    #[arg(long, value_name = "FILE")]
    signature: PathBuf,
    #[command(flatten)]
    scheme: Scheme,
    /// Verify with this version alone; the default is each, newest first
    #[arg(long, value_name = "NUMBER")]
    key_version: Option<u32>,
    /// Read the data from this file instead of stdin
    #[arg(long = "in", value_name = "FILE")]
    input: Option<PathBuf>,
}

impl Verify {
    /// Reads, asks, tells the verdict.
    ///
    /// # Errors
    /// `Verification` where the signature is not valid; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let signature = input::data(Some(&self.signature))?;
        if signature.len() > SIGNATURE_BYTES_MAX {
            let text = format!("{} is too long for a signature", self.signature.display());
            return Err(Failure::new(Kind::Verification, text));
        }
        let verdict = self.ask(session, &signature, Message::read(session, self.input.as_deref())?)?;
        let valid =
            verdict.get("valid").and_then(Value::as_bool).ok_or_else(|| Failure::answer("no verdict"))?;
        match session.format {
            Format::Json => output::json(&verdict)?,
            Format::Table => output::line(if valid { "valid" } else { "not valid" })?,
        }
        if valid {
            return Ok(());
        }
        let text =
            format!("the signature in {} is not valid for this data and key", self.signature.display());
        Err(Failure::new(Kind::Verification, text))
    }

    fn ask(&self, session: &Session, signature: &[u8], message: Message) -> Result<Value> {
        let path = format!("/v1/keys/{}/verify", segment(&self.name));
        let (mut fields, signature) = (self.scheme.query(), STANDARD.encode(signature));
        let is_long = signature.len() / 4 * 3 > IN_QUERY_BYTES_MAX;
        let Some(data) = message.whole().filter(|_| is_long) else {
            if is_long {
                let text = "a signature of this length is of a key that signs whole messages only, and this is longer than one \
                            can be";
                return Err(Failure::new(Kind::Usage, text));
            }
            fields.push(("signature", signature));
            fields.extend(self.key_version.map(|version| ("version", version.to_string())));
            let place = Place { whole: &path, stream: &format!("{path}-stream"), query: &fields };
            return message.post_for_json(&mut session.client()?, &place);
        };
        let mut body = json!({ "data": STANDARD.encode(&data.bytes), "signature": signature });
        for (name, value) in fields {
            body[name] = value.into();
        }
        if let Some(version) = self.key_version {
            body["version"] = version.into();
        }
        session.client()?.post(&path, &body)
    }
}
