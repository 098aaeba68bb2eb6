//! `keyreeve derive`.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::cipher::BlockPadding;
use super::mac::Bytes;
use super::new_key::NewKey;
use super::{Hash, Session, algorithm, unhexed, word};
use crate::client::segment;
use crate::errors::{Failure, Result};
use crate::input;

const EXAMPLES: &str = "\
Examples:
  keyreeve derive master --name tenant-7 --algorithm aes-256 --info 74656e616e742d37
  keyreeve derive mine --name shared --algorithm aes-256 --method ecdh --peer theirs.pem";

/// Derive a new key from a key. It lives on the server like any other.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Derive {
    /// The key
    #[arg(value_name = "KEY")]
    key: String,
    /// Name of the new key
    #[arg(long)]
    name: String,
    /// Algorithm of the new key
    #[arg(short, long, required_unless_present = "bytes", value_parser = algorithm)]
    algorithm: Option<String>,
    /// Derive a secret of so many bytes instead, which is no key
    #[arg(long, value_name = "COUNT", conflicts_with = "algorithm")]
    bytes: Option<usize>,
    /// How
    #[arg(long, value_enum, default_value_t = Method::Hkdf)]
    method: Method,
    /// Hash; the default is sha256
    #[arg(long, value_enum)]
    hash: Option<Hash>,
    /// Function of SP 800-108; the default is hmac
    #[arg(long, value_enum)]
    prf: Option<Prf>,
    /// Salt, in hexadecimal
    #[arg(long, value_name = "HEX", value_parser = unhexed)]
    salt: Option<Bytes>,
    /// What the new key is bound to, in hexadecimal
    #[arg(long, value_name = "HEX", value_parser = unhexed)]
    info: Option<Bytes>,
    /// What is authenticated (hmac) or encrypted (encrypt), in hexadecimal
    #[arg(long, value_name = "HEX", value_parser = unhexed)]
    data: Option<Bytes>,
    /// Mode of the cipher (encrypt)
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// IV of the cipher (encrypt), in hexadecimal
    #[arg(long, value_name = "HEX", value_parser = unhexed)]
    iv: Option<Bytes>,
    /// How the last block is filled up (encrypt by cbc); the default is pkcs7
    #[arg(long, value_enum)]
    padding: Option<BlockPadding>,
    /// Use this version of the key; the default is the newest
    #[arg(long, value_name = "NUMBER")]
    key_version: Option<u32>,
    /// Rounds of pbkdf2
    #[arg(long, value_name = "COUNT")]
    iterations: Option<u32>,
    /// File with the other side's public key, in PEM, for ecdh
    #[arg(long, value_name = "FILE")]
    peer: Option<PathBuf>,
    /// What the new key may be used for; the default is every use that fits the algorithm
    #[arg(long, value_delimiter = ',', value_name = "USE,...")]
    usage: Option<Vec<String>>,
    #[command(flatten)]
    new_key: NewKey,
}

/// How a key is derived.
#[derive(Clone, Copy, ValueEnum)]
enum Method {
    /// RFC 5869
    Hkdf,
    /// SP 800-108, counter mode
    #[value(name = "sp800-108-counter")]
    Sp800108Counter,
    /// SP 800-108, feedback mode
    #[value(name = "sp800-108-feedback")]
    Sp800108Feedback,
    /// RFC 8018
    Pbkdf2,
    /// Agreement with another side's public key
    Ecdh,
    /// The beginning of the hash of the key's bytes
    Hash,
    /// The beginning of an HMAC of --data under the key's bytes
    Hmac,
    /// The beginning of the ciphertext of --data
    Encrypt,
}

/// A pseudorandom function.
#[derive(Clone, Copy, ValueEnum)]
enum Prf {
    Hmac,
    Cmac,
}

/// How data is encrypted to derive a key.
#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    Cbc,
    Ctr,
}

impl Derive {
    /// Asks and prints the new key.
    ///
    /// # Errors
    /// The peer's file cannot be read; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let peer = self.peer.as_deref().map(|path| {
            let pem = input::data(Some(path))?;
            let text = std::str::from_utf8(&pem).map(str::to_owned);
            text.map_err(|_| Failure::usage(format!("{} is no PEM text", path.display())))
        });
        let peer = peer.transpose()?;
        let mut body = json!({
            "name": self.name,
            "method": word(self.method),
        });
        self.new_key.put_into(&mut body);
        let base64 = |bytes: Option<Bytes>| bytes.map(|bytes| STANDARD.encode(bytes).into());
        let given = [
            ("algorithm", self.algorithm.map(Into::into)),
            ("bytes", self.bytes.map(Into::into)),
            ("hash", self.hash.map(|hash| word(hash).into())),
            ("prf", self.prf.map(|prf| word(prf).into())),
            ("salt", base64(self.salt)),
            ("info", base64(self.info)),
            ("data", base64(self.data)),
            ("mode", self.mode.map(|mode| word(mode).into())),
            ("iv", base64(self.iv)),
            ("padding", self.padding.map(|padding| word(padding).into())),
            ("version", self.key_version.map(Into::into)),
            ("iterations", self.iterations.map(Into::into)),
            ("peer", peer.map(Into::into)),
            ("usage", self.usage.map(Into::into)),
        ];
        for (field, value) in given {
            if let Some(value) = value {
                body[field] = value;
            }
        }
        let path = format!("/v1/keys/{}/derive", segment(&self.key));
        super::key::print(session, &session.client()?.post(&path, &body)?)
    }
}
