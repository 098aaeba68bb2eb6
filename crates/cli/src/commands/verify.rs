//! `keyreeve verify`: a signature, or a data folder or a backup target (`folder`).

mod folder;

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Value, json};

use self::folder::Outside;
use super::message::{Message, Place};
use super::unlock::UnlockFlags;
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
  keyreeve verify release --signature package.sig < package.tar
  keyreeve verify /var/lib/keyreeve --anchor anchor.json --checkpoint checkpoint.txt
  keyreeve verify /var/lib/keyreeve --anchor anchor.json --witness witness.key --checkpoint checkpoint.txt
  keyreeve verify /mnt/backup/keyreeve --anchor anchor.json
  KEYREEVE_ROOT_KEY=root.key keyreeve verify s3://bucket/keyreeve --anchor anchor.json --deep";

/// Verify a signature over data, or without --signature a data folder or a backup target: that nobody altered the journal, and what it says.
///
/// Of a signature it prints `valid` or `not valid`; one made before the key was rotated is still valid. A data folder is
/// examined without a server and without any secret: the journal's chain, the Merkle tree over its entries, the signatures of
/// its checkpoints, that states moved as they may, and that each completed destruction has its certificate. Each thing that
/// is wrong is printed with its entry (LSN). A server may be running on the folder.
/// At a backup target entries are sealed: the archive's hashes and chain, the tree beside it, signatures and anchors are checked
/// without a secret; with --deep, which takes what unlocks the root key, each entry and what it says too.
/// Exit code 5: not valid, something is wrong, or no anchor says who signs for the store.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Verify {
    /// The key; without --signature the data folder, or a backup target: a path, a file:// or an s3:// address
    #[arg(value_name = "NAME|DIR|TARGET")]
    name: String,
    /// File with the signature
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// Of a folder or target: an anchor that names who signs, from `init` or a backup target [env: KEYREEVE_ANCHOR]
    #[arg(long, value_name = "FILE", conflicts_with = "signature")]
    anchor: Option<PathBuf>,
    /// Of a folder or target: a checkpoint that was kept elsewhere
    #[arg(long, value_name = "FILE", conflicts_with = "signature")]
    checkpoint: Option<PathBuf>,
    /// Of a folder or target: verifier keys of witnesses, one a line, which must have cosigned the checkpoint; repeat for more
    #[arg(long = "witness", value_name = "FILE", conflicts_with = "signature")]
    witnesses: Vec<PathBuf>,
    /// Of a folder or target: how many of these witnesses must have; without it each
    #[arg(long, value_name = "COUNT", requires = "witnesses", value_parser = clap::value_parser!(u8).range(1..))]
    witnesses_needed: Option<u8>,
    /// Of a target: open the entries, too; takes what unlocks the root key
    #[arg(long, conflicts_with = "signature")]
    deep: bool,
    #[command(flatten)]
    unlock: UnlockFlags,
    #[command(flatten)]
    scheme: Scheme,
    /// Verify with this version alone; the default is each, newest first
    #[arg(long, value_name = "NUMBER", requires = "signature")]
    key_version: Option<u32>,
    /// Read the data from this file instead of stdin
    #[arg(long = "in", value_name = "FILE", requires = "signature")]
    input: Option<PathBuf>,
}

impl Verify {
    /// Reads, asks, tells the verdict.
    ///
    /// # Errors
    /// `Verification` where the signature is not valid, or the folder not good; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        match &self.signature {
            Some(file) => self.judge(session, file),
            None => {
                let witnesses = (&*self.witnesses, self.witnesses_needed);
                let outside = Outside::read(self.anchor, self.checkpoint.as_deref(), witnesses)?;
                folder::verify(session, &self.name, &outside, self.deep.then_some(&self.unlock))
            }
        }
    }

    fn judge(&self, session: &Session, file: &Path) -> Result<()> {
        let signature = input::data(Some(file))?;
        if signature.len() > SIGNATURE_BYTES_MAX {
            let text = format!("{} is too long for a signature", file.display());
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
        let text = format!("the signature in {} is not valid for this data and key", file.display());
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
