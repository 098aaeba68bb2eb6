//! The commands, one file each; those with subcommands have a folder. Here: the list of them, and what they share.

mod access;
mod alert;
mod approval;
mod audit;
mod backup;
mod bench;
mod bundle;
mod cell;
mod certificate;
mod cipher;
mod client;
mod completions;
mod config;
mod context;
mod credential;
mod datakey;
mod decrypt;
mod derive;
mod dev;
mod doctor;
mod encrypt;
mod erasure;
mod index;
mod init;
mod journal;
mod key;
mod login;
mod mac;
mod man;
mod message;
mod new_key;
mod notify;
mod object;
mod policy;
mod random;
mod realm;
mod recover;
mod reload;
mod restore;
mod root;
mod server;
mod shares;
mod sign;
mod sink;
mod status;
mod target;
mod token;
mod unlock;
mod verify;
mod whoami;
mod witness;
mod wrap;

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::client::{Client, Data};
use crate::errors::{Failure, Result};
use crate::input;
use crate::output::Format;
use crate::settings::{Connection, Server};

/// What can be asked of the program.
#[derive(Subcommand)]
pub(crate) enum Command {
    Dev(dev::Dev),
    Init(init::Init),
    Server(server::Server),
    Status(status::Status),
    #[command(name = "whoami")]
    WhoAmI(whoami::WhoAmI),
    Login(login::Login),
    Logout(login::Logout),
    #[command(subcommand)]
    Key(key::Key),
    #[command(subcommand)]
    Object(object::Object),
    #[command(subcommand)]
    Realm(realm::Realm),
    Encrypt(encrypt::Encrypt),
    Decrypt(decrypt::Decrypt),
    Sign(sign::Sign),
    Verify(verify::Verify),
    Mac(mac::Mac),
    #[command(name = "datakey")]
    DataKey(datakey::DataKey),
    Wrap(wrap::Wrap),
    Unwrap(wrap::Unwrap),
    Derive(derive::Derive),
    Random(random::Random),
    #[command(subcommand)]
    Journal(journal::Journal),
    #[command(subcommand)]
    Audit(audit::Audit),
    #[command(subcommand)]
    Alert(alert::Alert),
    #[command(subcommand)]
    Access(access::Access),
    #[command(subcommand)]
    Approval(approval::Approval),
    #[command(subcommand)]
    Policy(policy::Policy),
    #[command(subcommand)]
    Client(client::Client),
    #[command(subcommand)]
    Token(token::Token),
    #[command(subcommand)]
    Credential(credential::Credential),
    #[command(subcommand)]
    Context(context::Context),
    #[command(subcommand)]
    Root(root::Root),
    #[command(subcommand)]
    Recover(recover::Recover),
    #[command(subcommand)]
    Certificate(certificate::Certificate),
    #[command(subcommand)]
    Backup(backup::Backup),
    Restore(restore::Restore),
    #[command(subcommand)]
    Sink(sink::Sink),
    #[command(subcommand)]
    Notify(notify::Notify),
    #[command(subcommand)]
    Target(target::Target),
    #[command(subcommand)]
    Cell(cell::Cell),
    Doctor(doctor::Doctor),
    Reload(reload::Reload),
    #[command(subcommand)]
    Index(index::Index),
    #[command(subcommand)]
    Config(config::Config),
    Completions(completions::Completions),
    Man(man::Man),
    Witness(witness::Witness),
    Bench(bench::Bench),
    BenchCeiling(bench::BareServer),
}

/// What every command is run with.
pub(crate) struct Session {
    /// Form of the output.
    pub(crate) format: Format,
    /// Where the server is and who asks.
    pub(crate) connection: Connection,
    /// Requests are printed as lines of curl and not sent.
    pub(crate) prints_curl: bool,
}

/// Data from a file or stdin, to a file or stdout.
#[derive(Args)]
struct Streams {
    /// Read the data from this file instead of stdin
    #[arg(long = "in", value_name = "FILE")]
    input: Option<PathBuf>,
    /// Write the result to this file, whole or not at all, instead of stdout
    #[arg(long = "out", value_name = "FILE")]
    out: Option<PathBuf>,
}

/// How a signature is made.
#[derive(Args)]
struct Scheme {
    /// Hash of the signature; the default is SHA-256, and the curve's own for ECDSA
    #[arg(long, value_enum)]
    hash: Option<Hash>,
    /// Padding of an RSA signature; the default is PSS
    #[arg(long, value_enum)]
    padding: Option<Padding>,
    /// The data is the digest of a message already, made with --hash
    #[arg(long)]
    digest: bool,
}

/// A hash function.
#[derive(Clone, Copy, ValueEnum)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// Padding of an RSA signature.
#[derive(Clone, Copy, ValueEnum)]
enum Padding {
    /// RSASSA-PSS, with a salt as long as the hash
    Pss,
    /// RSASSA-PKCS1-v1_5
    Pkcs1,
}

/// How key material is wrapped.
#[derive(Clone, Copy, ValueEnum)]
enum WrapAlgorithm {
    /// RFC 3394; material of a multiple of 8 bytes
    AesKw,
    /// RFC 5649
    AesKwp,
    /// RFC 8017 with SHA-256; short material
    #[value(name = "rsa-oaep-sha256")]
    RsaOaepSha256,
    /// A fresh AES-256 key by RSA-OAEP, then AES-KWP under that (PKCS#11 CKM_RSA_AES_KEY_WRAP)
    #[value(name = "rsa-aes-kwp-sha256")]
    RsaAesKwpSha256,
}

/// Form of a key outside of the server.
#[derive(Clone, Copy, ValueEnum)]
enum KeyForm {
    /// The bytes of a symmetric key
    Raw,
    /// A private key in DER (RFC 5208)
    Pkcs8,
    /// An RSA key in DER (RFC 8017)
    Pkcs1,
    /// A private key of an elliptic curve in DER (RFC 5915)
    Sec1,
    /// A public key in DER: SubjectPublicKeyInfo
    Spki,
    /// Any of these, or a public one, in PEM
    Pem,
    /// A JSON Web Key (RFC 7517)
    Jwk,
}

impl Command {
    /// Runs the command.
    ///
    /// # Errors
    /// Its own; the kind tells the exit code.
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        if session.prints_curl && self.works_here() {
            let text = "--output-curl is for commands that ask the server: what this one does is no request, or none that \
                        one line of curl could make";
            return Err(Failure::usage(text));
        }
        match self {
            Self::Dev(command) => command.run(),
            Self::Init(command) => command.run(session),
            Self::Server(command) => command.run(),
            Self::Status(command) => command.run(session),
            Self::WhoAmI(command) => command.run(session),
            Self::Login(command) => command.run(session),
            Self::Logout(command) => command.run(session),
            Self::Key(command) => command.run(session),
            Self::Object(command) => command.run(session),
            Self::Realm(command) => command.run(session),
            Self::Encrypt(command) => command.run(session),
            Self::Decrypt(command) => command.run(session),
            Self::Sign(command) => command.run(session),
            Self::Verify(command) => command.run(session),
            Self::Mac(command) => command.run(session),
            Self::DataKey(command) => command.run(session),
            Self::Wrap(command) => command.run(session),
            Self::Unwrap(command) => command.run(session),
            Self::Derive(command) => command.run(session),
            Self::Random(command) => command.run(session),
            Self::Journal(command) => command.run(session),
            Self::Audit(command) => command.run(session),
            Self::Alert(command) => command.run(session),
            Self::Access(command) => command.run(session),
            Self::Approval(command) => command.run(session),
            Self::Policy(command) => command.run(session),
            Self::Client(command) => command.run(session),
            Self::Token(command) => command.run(session),
            Self::Credential(command) => command.run(session),
            Self::Context(command) => command.run(session),
            Self::Root(command) => command.run(session),
            Self::Recover(command) => command.run(session),
            Self::Certificate(command) => command.run(session),
            Self::Backup(command) => command.run(session),
            Self::Restore(command) => command.run(session),
            Self::Sink(command) => command.run(session),
            Self::Notify(command) => command.run(session),
            Self::Target(command) => command.run(session),
            Self::Cell(command) => command.run(session),
            Self::Doctor(command) => command.run(session),
            Self::Reload(command) => command.run(session),
            Self::Index(command) => command.run(session),
            Self::Config(command) => command.run(session),
            Self::Completions(command) => command.run(),
            Self::Man(command) => command.run(),
            Self::Witness(command) => command.run(),
            Self::Bench(command) => command.run(session),
            Self::BenchCeiling(command) => command.run(),
        }
    }
}

impl Command {
    /// Whether its work is done here, not by the server that it asks.
    fn works_here(&self) -> bool {
        match self {
            Self::Dev(_) | Self::Init(_) | Self::Server(_) | Self::Context(_) | Self::Certificate(_) => true,
            Self::Restore(_)
            | Self::Recover(_)
            | Self::Index(_)
            | Self::Config(_)
            | Self::Completions(_)
            | Self::Man(_) => true,
            // What a login shows belongs on no command line.
            Self::Bench(_) | Self::BenchCeiling(_) | Self::Login(_) => true,
            Self::Client(command) => command.works_here(),
            Self::Backup(command) => command.works_here(),
            Self::Doctor(command) => command.works_here(),
            Self::Root(command) => command.works_here(),
            _ => false,
        }
    }
}

impl Session {
    /// The client of the server that flags, environment and file name.
    ///
    /// # Errors
    /// `Usage` where nothing names one.
    fn client(&self) -> Result<Client> {
        Ok(Client::new(self.server()?)?.printing_curl(self.prints_curl))
    }

    /// The same, for who has yet to prove who it is.
    ///
    /// # Errors
    /// As `client`.
    fn stranger(&self) -> Result<Client> {
        let server = self.connection.resolve_for_strangers(|name| std::env::var(name).ok())?;
        Ok(Client::new(server)?.printing_curl(self.prints_curl))
    }

    /// The server that flags, environment and files name.
    ///
    /// # Errors
    /// `Usage` where nothing names one.
    fn server(&self) -> Result<Server> {
        self.connection.resolve(|name| std::env::var(name).ok())
    }

    /// Data from a file, or from stdin where none is named; nothing is read where nothing will be sent.
    ///
    /// # Errors
    /// The file or stdin cannot be read, or holds too much.
    fn data(&self, file: Option<&Path>) -> Result<Data> {
        let bytes = if self.prints_curl { Zeroizing::default() } else { input::data(file)? };
        Ok(Data { bytes, from: file.map(Path::to_owned) })
    }
}

impl Scheme {
    /// As the API's query names it.
    fn query(&self) -> Vec<(&'static str, String)> {
        let hash = self.hash.map(|hash| ("hash", word(hash)));
        let padding = self.padding.map(|padding| ("padding", word(padding)));
        let digest = self.digest.then(|| ("input", "digest".to_owned()));
        hash.into_iter().chain(padding).chain(digest).collect()
    }
}

/// The word of a value on the command line, which is also the API's.
fn word(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// A field as text for people; nothing where it is absent.
fn text(value: &Value, field: &str) -> String {
    match value.get(field) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        Some(Value::Object(fields)) => fields
            .iter()
            .map(|(name, value)| format!("{name}={}", plain(value)))
            .collect::<Vec<_>>()
            .join(" "),
        Some(Value::Bool(yes)) => if *yes { "yes" } else { "no" }.to_owned(),
        Some(other) => other.to_string(),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A string field that an answer must have.
///
/// # Errors
/// `Remote` where it has not.
fn required<'a>(value: &'a Value, field: &str) -> Result<&'a str> {
    value.get(field).and_then(Value::as_str).ok_or_else(|| Failure::answer(format!("no {field:?}")))
}

/// The address of a target, or a file, as it means the same in another process: a path is made absolute.
///
/// # Errors
/// `Usage` for an empty one.
fn address(text: &str) -> Result<String> {
    if text.contains("://") {
        return Ok(text.to_owned());
    }
    let path = std::path::absolute(text);
    let path = path.map_err(|cause| Failure::usage(format!("{text:?} is no address: {cause}")))?;
    let text = format!("{text:?} is no address: it is no UTF-8 text");
    path.into_os_string().into_string().map_err(|_| Failure::usage(text))
}

/// Reads the name of an algorithm; capitals mean the same.
fn algorithm(text: &str) -> Result<String, Infallible> {
    Ok(text.to_ascii_lowercase())
}

/// Reads `NAME=VALUE`.
fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

/// Reads bytes in hexadecimal.
fn unhexed(text: &str) -> Result<mac::Bytes, String> {
    let wrong = || "write an even number of hexadecimal digits".to_owned();
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| wrong());
    (0..text.len()).step_by(2).map(byte).collect()
}

/// Bytes in hexadecimal.
fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
