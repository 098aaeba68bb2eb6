//! `keyreeve key create`.

use clap::Args;
use serde_json::json;

use super::print;
use crate::commands::new_key::NewKey;
use crate::commands::{Session, algorithm};
use crate::errors::Result;

const EXAMPLES: &str = "\
Algorithms:
  aes-128 aes-192 aes-256              encrypt, decrypt, wrap, unwrap, derive; mac by --usage
  aes-512                              encrypt, decrypt (SIV and XTS: two keys in one), derive
  chacha20-poly1305                    encrypt, decrypt, derive
  hmac-sha256 hmac-sha384 hmac-sha512  mac, derive
  rsa-2048 rsa-3072 rsa-4096           sign, verify, encrypt, decrypt, wrap, unwrap
  ec-p256 ec-p384 ec-p521              sign, verify, agree; encrypt, decrypt by --usage
  secp256k1                            sign, verify, agree
  ed25519                              sign, verify
  x25519                               encrypt, decrypt, agree
  ml-dsa-44 ml-dsa-65 ml-dsa-87        sign, verify
  slh-dsa-HASH-SET                     sign, verify; HASH is sha2 or shake; SET is 128s, 128f, 192s, 192f, 256s or
                                       256f; signatures of 8 to 50 KB, and the s sets sign in seconds
  ml-kem-512 ml-kem-768 ml-kem-1024    encrypt, decrypt

Examples:
  keyreeve key create demo --algorithm aes-256
  keyreeve key create release --algorithm ed25519 --usage sign,verify --tag team=build
  keyreeve key create vouchers --algorithm hmac-sha256 --uses-max 10000";

/// Make a key, active at once.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Create {
    /// Its name, unique in the realm
    name: String,
    /// Its algorithm, one of those below
    #[arg(short, long, value_parser = algorithm)]
    algorithm: String,
    /// What it may be used for: encrypt, decrypt, sign, verify, wrap, unwrap, mac, derive, agree; the default is what
    /// stands below
    #[arg(long, value_delimiter = ',', value_name = "USE,...")]
    usage: Option<Vec<String>>,
    #[command(flatten)]
    new_key: NewKey,
    /// Days from `key destroy` to the destruction, 0 to 365; the default is the server's
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(..=365))]
    waiting_days: Option<u16>,
    /// Never destroy it without that waiting period
    #[arg(long)]
    always_wait: bool,
    /// How often every version of it may protect: encrypt, sign, make a MAC, wrap
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    uses_max: Option<u64>,
    /// How many bytes every version of it may protect; a file or a stream (`encrypt --in FILE`) counts the 32 of its data
    /// key, whatever its length
    #[arg(long, value_name = "NUMBER", conflicts_with = "uses_max", value_parser = clap::value_parser!(u64).range(1..))]
    bytes_max: Option<u64>,
    /// Longest lease on it, for KMIP clients that keep a copy; the default is an hour
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    lease_seconds: Option<u32>,
    /// Do not put it into use yet: it waits for `key activate`
    #[arg(long)]
    inactive: bool,
    /// Make it a canary: nobody has a reason to touch it, and an alert is raised where somebody does; `key show` does not tell
    #[arg(long)]
    canary: bool,
}

impl Create {
    /// Asks for the key and prints it.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let limits = |total: Option<u64>, unit| total.map(|total| json!({ "total": total, "unit": unit }));
        let mut body = json!({
            "name": self.name,
            "algorithm": self.algorithm,
            "usage": self.usage,
            "active": !self.inactive,
            "destroy_waiting_days": self.waiting_days,
            "destroy_at_once": !self.always_wait,
            "usage_limits": limits(self.uses_max, "uses").or(limits(self.bytes_max, "bytes")),
            "lease_seconds": self.lease_seconds,
            "canary": self.canary,
        });
        self.new_key.put_into(&mut body);
        print(session, &session.client()?.post("/v1/keys", &body)?)
    }
}
