//! Configuration: one TOML file, over it the environment, over that the flags. Not here: what each setting does,
//! and the flags themselves, which the command line declares.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use keyreeve_core::model::DESTROY_WAITING_DAYS_MAX;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::authn::rates::RequestsMax;
use crate::listen::LimitSettings;
use crate::reason::reason;

mod anew;
mod authn;
mod backup;
mod crypto;
mod endpoint;
mod kmip;
mod log;
mod memory;
mod notify;
mod organisation;
mod ranges;
mod sink;
mod tls;
mod witness;

pub use self::anew::{Anew, Change, Origin};
pub use self::authn::{Authn, JwtAlgorithm, JwtIssuer};
pub use self::backup::{Ack, Backup, Sealing};
pub use self::crypto::Crypto;
pub use self::endpoint::{Endpoint, Pushed};
pub use self::kmip::{Credentials, Kmip};
pub use self::log::LogConfig;
pub use self::memory::{MemoryConfig, MemoryLock};
pub use self::notify::{Destination, DestinationEvent, DestinationKind, LeastSeverity, MailTls, Notify};
pub use self::organisation::{OrganisationConfig, OrganisationName};
pub(crate) use self::ranges::BYTES_BEYOND_MESSAGE;
pub use self::sink::{Audit, Sink, SinkFormat, SinkKind};
pub use self::tls::Tls;
pub use self::witness::Witness;

/// One setting as people write it.
pub struct Setting {
    /// Section and name in the file, such as `listen.http`.
    pub key: &'static str,
    /// What holds where nobody says anything; empty: nothing.
    pub default: &'static str,
    /// What it is, in one sentence.
    pub meaning: &'static str,
    /// Whether a running server takes another value over (`keyreeve reload`); the others wait for its next start.
    pub reloads: bool,
}

impl Setting {
    /// What kind of value it takes, for people.
    pub fn kind(&self) -> &'static str {
        let (section, name) = self.key.split_once('.').unwrap_or((self.key, ""));
        let defaults = toml::Table::try_from(Config::default()).unwrap_or_default();
        match defaults.get(section).and_then(|section| section.get(name)) {
            Some(toml::Value::Boolean(_)) => "true or false",
            Some(toml::Value::Integer(_)) => "whole number",
            Some(toml::Value::Array(_))
                if matches!(
                    self.key,
                    "kmip.endpoints"
                        | "authn.jwt"
                        | "authn.certificates"
                        | "audit.sinks"
                        | "audit.witnesses"
                        | "notify.destinations"
                ) =>
            {
                "list of tables"
            }
            Some(toml::Value::Array(_)) => "list of texts",
            _ => "text",
        }
    }

    /// The least and the greatest value that it takes, where it has a range.
    pub fn range(&self) -> Option<(i64, i64)> {
        ranges::of(self.key)
    }

    /// The environment variable that says the same, such as `KEYREEVE_LISTEN_HTTP`.
    pub fn variable(&self) -> String {
        if self.key == "log.level" {
            return "KEYREEVE_LOG".to_owned();
        }
        format!("KEYREEVE_{}", self.key.replace('.', "_").to_uppercase())
    }
}

/// Every setting with its default.
pub const SETTINGS: &[Setting] = &[
    setting("listen.http", "127.0.0.1:8443", "Address of the REST API, over TLS."),
    setting("listen.kmip", "127.0.0.1:5696", "Address of KMIP, over TLS with client certificates."),
    setting(
        "listen.appliances",
        "",
        "Address of KMIP for old appliances: TLS 1.2 alone, and certificates that were pinned; empty: none.",
    ),
    live("log.level", "info", "What is logged, such as info, or warn,keyreeve_store=debug."),
    live(
        "authn.jwt",
        "[]",
        "Issuers of JSON Web Tokens that are taken, 16 at most: tables with name, issuer, audiences, and where wanted jwks_file, \
         jwks_url, ca_file, algorithms, clock_skew_seconds, keys_seconds_max, subject_claim, private_addresses (docs/access.md).",
    ),
    setting(
        "authn.certificates",
        "[]",
        "Organisations whose client certificates are taken, 16 at most: tables with name, ca_file, names (uri, dns, email, \
         subject, public-key), and where wanted crl_file.",
    ),
    setting("data.dir", "/var/lib/keyreeve", "Folder of journal, index and root key file."),
    setting("unlock.passphrase_file", "", "File whose first line is the passphrase of the root key."),
    setting("unlock.key_file", "", "File with a 32-byte key, in hex or base64, that unlocks the root key."),
    setting(
        "unlock.share_files",
        "[]",
        "Files with recovery shares that unlock the root key, a share a line.",
    ),
    live("tls.names", "[\"localhost\", \"127.0.0.1\", \"::1\"]", "DNS names and addresses of this server."),
    live(
        "tls.certificate_file",
        "",
        "The server's certificate and those above it, in PEM; empty: the server's own CA makes one.",
    ),
    live("tls.key_file", "", "The private key of tls.certificate_file, in PEM."),
    live("limits.connections_max", "4096", "Open connections of one listener."),
    live(
        "limits.connections_per_source_max",
        "1024",
        "Open connections of one listener from one IPv4 address or IPv6 /64 network.",
    ),
    live("limits.handshake_seconds_max", "10", "Seconds that a TLS handshake may take."),
    live(
        "limits.idle_seconds_max",
        "300",
        "Seconds without a byte, after which a connection closes; REST: message_seconds_max where that is less.",
    ),
    live("limits.drain_seconds_max", "30", "Seconds that open requests get when the server stops."),
    live("limits.message_bytes_max", "8388608", "Bytes of one request's body or message."),
    live(
        "limits.in_flight_bytes_max",
        "268435456",
        "Bytes of all REST bodies and KMIP messages over 64 KiB that are under way; what is beyond is told to try again.",
    ),
    live(
        "limits.message_seconds_max",
        "60",
        "Seconds from the first byte of a request to its last, and for an answer to be taken, a long one more.",
    ),
    live(
        "limits.failures_recorded_per_second_max",
        "10",
        "Failed authentications recorded for one source address in a second; the rest are counted.",
    ),
    live(
        "limits.client_failures_per_second_max",
        "1000",
        "Refused or failed requests recorded for one principal in a second; the rest are counted.",
    ),
    live(
        "limits.client_requests_per_second_max",
        "0",
        "Requests that one client may send in a second; 0: any number.",
    ),
    live(
        "limits.client_requests_per_minute_max",
        "0",
        "Requests that one client may send in a minute; 0: any number.",
    ),
    live(
        "limits.client_requests_per_day_max",
        "0",
        "Requests that one client may send in a day; 0: any number.",
    ),
    live(
        "limits.address_requests_per_second_max",
        "0",
        "Requests that one source address may send in a second; 0: any number.",
    ),
    live(
        "limits.address_requests_per_minute_max",
        "0",
        "Requests that one source address may send in a minute; 0: any number.",
    ),
    live(
        "limits.address_requests_per_day_max",
        "0",
        "Requests that one source address may send in a day; 0: any number.",
    ),
    live("limits.feeds_max", "64", "Open feeds of the journal; a principal has 8 of them at most."),
    live("kmip.interop", "false", "Answer the KMIP operation Interop, which test suites use."),
    live(
        "kmip.credentials",
        "refuse",
        "Credentials in the header of a KMIP request: refuse, check or ignore.",
    ),
    live(
        "kmip.issuer",
        "",
        "Name of the private key in each realm that signs the certificates of KMIP's Certify; empty: none is offered.",
    ),
    live(
        "kmip.attestation_issuer",
        "",
        "Name of the issuer in authn.jwt whose tokens attest for clients; empty: nothing takes an attestation.",
    ),
    live(
        "kmip.attestation_operations",
        "[\"Get\", \"Export\"]",
        "KMIP operations that take an attestation, where there is such an issuer.",
    ),
    setting(
        "kmip.endpoints",
        "[]",
        "KMIP servers, 16 at most, that are told what happens: tables with name, address, ca_file, principal, takes (put, \
         notify), and where wanted version, group, tls_name.",
    ),
    setting(
        "audit.sinks",
        "[]",
        "Who is told what the journal says, 16 at most: tables with name, to (file, stdout, syslog), and where wanted format \
         (json, ecs, ocsf, cef), except, file, address, ca_file, tls_name.",
    ),
    setting(
        "audit.witnesses",
        "[]",
        "Who is asked to cosign the journal's checkpoints, 16 at most: tables with url, key, ca_file.",
    ),
    setting(
        "audit.witnesses_needed",
        "0",
        "How many of the witnesses make a checkpoint a witnessed one, at most as many as there are; 0: all of them.",
    ),
    setting(
        "notify.destinations",
        "[]",
        "Who is told of alerts, 16 at most: tables with name, to (webhook, email, slack, pagerduty), and what each kind needs \
         (docs/notifications.md).",
    ),
    setting(
        "notify.give_up_days",
        "3",
        "Days after an alert, at most 30, at which it is not tried any more to tell a destination of it.",
    ),
    setting(
        "crypto.rsa_keys_ahead",
        "0",
        "RSA keys of each length, 8 at most, made ahead once one was asked for: not where running machines are cloned.",
    ),
    live(
        "destroy.waiting_days",
        "7",
        "Days, at most 365, that a key waits for its destruction where its own policy says nothing.",
    ),
    setting(
        "memory.lock",
        "try",
        "Lock the server's memory, so that no key comes to swap: true, false, or \"try\" to go on without.",
    ),
    setting(
        "sealing.cell",
        "",
        "File of the machine's epoch key, outside of data.dir; empty: data.dir with .cell behind it.",
    ),
    setting(
        "sealing.cells_threshold",
        "1",
        "How many places together give an epoch key; 1: each has it whole.",
    ),
    setting(
        "backup.ack",
        "local",
        "When a change is answered: once it is on this disk (local), or at a target too (target).",
    ),
    setting(
        "backup.interval_ms",
        "200",
        "Milliseconds that new entries wait for company before they are shipped to the targets.",
    ),
    setting(
        "backup.rpo_seconds_max",
        "5",
        "Seconds that a target may be behind; longer is a breach, logged and reported.",
    ),
    setting(
        "backup.bytes_per_second_max",
        "0",
        "Bytes of the journal that go to each target in a second, and as many of a full backup; 0: no cap.",
    ),
    live(
        "backup.full_every_hours",
        "24",
        "Hours between full backups to each registered target; 0: only when asked for.",
    ),
    live("backup.drill_every_days", "7", "Days between recovery drills; 0: only when asked for."),
    live(
        "backup.window",
        "",
        "Hours of the day, in UTC, in which full backups and drills begin, such as 22-5; empty: any.",
    ),
    live("backup.keep_full", "7", "Full backups that pruning keeps at each target, at least."),
    live("backup.keep_days", "30", "Days whose every state pruning keeps at each target."),
    live(
        "backup.keep_entries_days",
        "0",
        "Days whose every entry of the journal pruning keeps at each target, also where the states of these days are not kept.",
    ),
];

const fn setting(key: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting { key, default, meaning, reloads: false }
}

/// A setting that a running server takes over.
const fn live(key: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting { key, default, meaning, reloads: true }
}

/// The configuration of a server. Holds no secrets, only the names of files that do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Addresses.
    pub listen: Listen,
    /// The log.
    pub log: LogConfig,
    /// Authentication.
    pub authn: Authn,
    /// Where data lies.
    pub data: Data,
    /// How the root key is unlocked.
    pub unlock: UnlockFile,
    /// The server's names.
    pub tls: Tls,
    /// Limits.
    pub limits: LimitsConfig,
    /// KMIP.
    pub kmip: Kmip,
    /// The record of what happens.
    pub audit: Audit,
    /// Who is told of alerts.
    pub notify: Notify,
    /// Destruction.
    pub destroy: DestroyConfig,
    /// Cryptography.
    pub crypto: Crypto,
    /// This process's memory.
    pub memory: MemoryConfig,
    /// Epoch keys.
    pub sealing: Sealing,
    /// Backups.
    pub backup: Backup,
    /// What a single start allows, so that no file and no variable sets it.
    #[serde(skip)]
    pub once: Once,
    /// Where it can be read anew; none: it holds as it is.
    #[serde(skip)]
    pub origin: Option<Origin>,
}

/// What somebody who starts the server allows for once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Once {
    /// Take targets over that the machine before still writes to.
    pub take_over: bool,
    /// Go on with a data folder that is older than its anchor.
    pub accept_rollback: bool,
}

/// Addresses that are listened on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// REST.
    pub http: SocketAddr,
    /// KMIP.
    pub kmip: SocketAddr,
    /// KMIP for old appliances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appliances: Option<SocketAddr>,
    /// REST without TLS: `dev` only, so no file and no variable sets it.
    #[serde(skip)]
    pub plain_http: Option<SocketAddr>,
}

/// Where data lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// The data folder.
    pub dir: PathBuf,
}

/// Which files unlock the root key; exactly one kind must be named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UnlockFile {
    /// First line: the passphrase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passphrase_file: Option<PathBuf>,
    /// A 32-byte key in hex or base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// Recovery shares, a line each; lines that begin with `#` are remarks.
    pub share_files: Vec<PathBuf>,
}

/// Limits on what peers may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Open connections of one listener.
    #[serde(deserialize_with = "ranges::connections_max")]
    pub connections_max: usize,
    /// Open connections of one listener from one source.
    #[serde(deserialize_with = "ranges::connections_per_source_max")]
    pub connections_per_source_max: usize,
    /// Seconds for a handshake.
    #[serde(deserialize_with = "ranges::handshake_seconds_max")]
    pub handshake_seconds_max: u64,
    /// Seconds of silence.
    #[serde(deserialize_with = "ranges::idle_seconds_max")]
    pub idle_seconds_max: u64,
    /// Seconds to finish open requests in when stopping.
    #[serde(deserialize_with = "ranges::drain_seconds_max")]
    pub drain_seconds_max: u64,
    /// Bytes of a request's body or message.
    #[serde(deserialize_with = "ranges::message_bytes_max")]
    pub message_bytes_max: usize,
    /// Bytes of all long requests under way.
    #[serde(deserialize_with = "ranges::in_flight_bytes_max")]
    pub in_flight_bytes_max: usize,
    /// Seconds for a request to come, and for an answer to be taken.
    #[serde(deserialize_with = "ranges::message_seconds_max")]
    pub message_seconds_max: u64,
    /// Failed authentications on record for one source in a second.
    #[serde(deserialize_with = "ranges::failures_recorded_per_second_max")]
    pub failures_recorded_per_second_max: u32,
    /// Refused or failed requests of one client in a second; further ones of it are not looked at until the next.
    #[serde(deserialize_with = "ranges::client_failures_per_second_max")]
    pub client_failures_per_second_max: u32,
    /// Requests of one client in a second; 0: any number.
    #[serde(deserialize_with = "ranges::client_requests_per_second_max")]
    pub client_requests_per_second_max: u32,
    /// Requests of one client in a minute; 0: any number.
    #[serde(deserialize_with = "ranges::client_requests_per_minute_max")]
    pub client_requests_per_minute_max: u32,
    /// Requests of one client in a day; 0: any number.
    #[serde(deserialize_with = "ranges::client_requests_per_day_max")]
    pub client_requests_per_day_max: u32,
    /// Requests of one address in a second; 0: any number.
    #[serde(deserialize_with = "ranges::address_requests_per_second_max")]
    pub address_requests_per_second_max: u32,
    /// Requests of one address in a minute; 0: any number.
    #[serde(deserialize_with = "ranges::address_requests_per_minute_max")]
    pub address_requests_per_minute_max: u32,
    /// Requests of one address in a day; 0: any number.
    #[serde(deserialize_with = "ranges::address_requests_per_day_max")]
    pub address_requests_per_day_max: u32,
    /// Open feeds of the journal.
    #[serde(deserialize_with = "ranges::feeds_max")]
    pub feeds_max: usize,
}

/// Destruction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DestroyConfig {
    /// Days that a key waits for its destruction.
    #[serde(deserialize_with = "waiting_days")]
    pub waiting_days: u16,
}

fn waiting_days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let days = u16::deserialize(deserializer)?;
    if days > DESTROY_WAITING_DAYS_MAX {
        return Err(D::Error::custom(format!("at most {DESTROY_WAITING_DAYS_MAX} days")));
    }
    Ok(days)
}

impl Default for DestroyConfig {
    fn default() -> Self {
        Self { waiting_days: 7 }
    }
}

impl Default for Listen {
    fn default() -> Self {
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self { http: loopback(8443), kmip: loopback(5696), appliances: None, plain_http: None }
    }
}

impl Default for Data {
    fn default() -> Self {
        Self { dir: PathBuf::from("/var/lib/keyreeve") }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let connections = LimitSettings::default();
        Self {
            connections_max: connections.connections_max,
            connections_per_source_max: connections.connections_per_source_max,
            handshake_seconds_max: connections.handshake_seconds_max,
            idle_seconds_max: connections.idle_seconds_max,
            drain_seconds_max: connections.drain_seconds_max,
            message_bytes_max: 8 << 20,
            in_flight_bytes_max: 256 << 20,
            message_seconds_max: 60,
            failures_recorded_per_second_max: 10,
            client_failures_per_second_max: 1000,
            client_requests_per_second_max: 0,
            client_requests_per_minute_max: 0,
            client_requests_per_day_max: 0,
            address_requests_per_second_max: 0,
            address_requests_per_minute_max: 0,
            address_requests_per_day_max: 0,
            feeds_max: 64,
        }
    }
}

impl LimitsConfig {
    /// Requests of one client in each window.
    pub fn client_requests_max(&self) -> RequestsMax {
        [
            self.client_requests_per_second_max,
            self.client_requests_per_minute_max,
            self.client_requests_per_day_max,
        ]
    }

    /// Requests of one source address in each window.
    pub fn address_requests_max(&self) -> RequestsMax {
        [
            self.address_requests_per_second_max,
            self.address_requests_per_minute_max,
            self.address_requests_per_day_max,
        ]
    }

    /// The part that listeners keep.
    pub fn connections(&self) -> LimitSettings {
        LimitSettings {
            connections_max: self.connections_max,
            connections_per_source_max: self.connections_per_source_max,
            handshake_seconds_max: self.handshake_seconds_max,
            idle_seconds_max: self.idle_seconds_max,
            drain_seconds_max: self.drain_seconds_max,
            answer_seconds_max: self.message_seconds_max,
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The file says something that is no setting.
    #[error("{}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Line, column and what is wrong there.
        cause: String,
    },
    /// A flag or a variable has a value that does not fit.
    #[error("{origin} does not fit {key}: {cause}")]
    Value {
        /// The flag or variable.
        origin: String,
        /// The setting.
        key: String,
        /// What is wrong.
        cause: String,
    },
}

/// A value from outside the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The setting, as in [`SETTINGS`].
    pub key: &'static str,
    /// Its value as text; lists in TOML.
    pub value: String,
    /// Where it comes from, for errors: `--http` or `KEYREEVE_LISTEN_HTTP`.
    pub origin: String,
}

impl Config {
    /// Reads the file, where there is one, then applies the environment, then the flags.
    ///
    /// # Errors
    /// [`ConfigError`] with line and reason; a name that is no setting is one.
    pub fn load(
        file: Option<&Path>,
        environment: impl Fn(&str) -> Option<String>,
        flags: Vec<Override>,
    ) -> Result<Self, ConfigError> {
        let variable = |setting: &Setting| {
            let origin = setting.variable();
            environment(&origin).map(|value| Override { key: setting.key, value, origin })
        };
        let overrides = SETTINGS.iter().filter_map(variable).chain(flags).collect();
        Self::from_origin(Origin { file: file.map(Path::to_owned), overrides })
    }

    fn read(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |cause| ConfigError::Unreadable { path: path.to_owned(), cause };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        toml::from_str(&text)
            .map_err(|error| ConfigError::File { path: path.to_owned(), cause: wrong_toml(&text, &error) })
    }

    /// The configuration with one setting replaced. Goes through TOML, so that file, environment and flags share one
    /// reading of every value.
    fn with(&self, change: &Override) -> Result<Self, ConfigError> {
        let wrong = |cause: String| ConfigError::Value {
            origin: change.origin.clone(),
            key: change.key.to_owned(),
            cause,
        };
        let mut table = toml::Table::try_from(self).map_err(|error| wrong(error.to_string()))?;
        let (section, name) = change.key.split_once('.').ok_or_else(|| wrong("no such setting".into()))?;
        let section = table.get_mut(section).and_then(toml::Value::as_table_mut);
        let section = section.ok_or_else(|| wrong("no such setting".into()))?;
        let value = match section.get(name) {
            None | Some(toml::Value::String(_)) => toml::Value::String(change.value.clone()),
            Some(_) => {
                let line = format!("value = {}", change.value);
                let parsed: toml::Table =
                    toml::from_str(&line).map_err(|error| wrong(reason(error.message(), |_| false)))?;
                parsed
                    .into_iter()
                    .next()
                    .map(|(_, value)| value)
                    .ok_or_else(|| wrong("it is empty".into()))?
            }
        };
        section.insert(name.to_owned(), value);
        let config: Self =
            table.try_into().map_err(|error: toml::de::Error| wrong(reason(error.message(), |_| false)))?;
        Ok(config.with_unwritten_of(self))
    }
}

/// Line, column and what is wrong there, without a word of the text: it may be a file of secrets, named by mistake.
pub fn wrong_toml(text: &str, error: &toml::de::Error) -> String {
    let reason = reason(error.message(), |_| false);
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else { return reason };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}: {reason}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(
        file: &str,
        environment: &[(&str, &str)],
        flags: &[(&'static str, &str)],
    ) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keyreeve.toml");
        std::fs::write(&path, file).unwrap();
        let variable = |name: &str| {
            environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let flag = |(key, value): &(&'static str, &str)| Override {
            key,
            value: (*value).to_owned(),
            origin: format!("--{key}"),
        };
        Config::load(Some(&path), variable, flags.iter().map(flag).collect())
    }

    #[test]
    fn the_table_tells_the_defaults() {
        let stated = SETTINGS.iter().filter(|setting| !setting.default.is_empty()).fold(
            Config {
                listen: Listen {
                    http: ([0, 0, 0, 0], 1).into(),
                    kmip: ([0, 0, 0, 0], 1).into(),
                    appliances: None,
                    plain_http: None,
                },
                log: LogConfig { level: "off".into() },
                authn: Authn {
                    jwt: vec![authn::tests::issuer("one")],
                    certificates: vec![organisation::tests::organisation("one")],
                },
                data: Data { dir: PathBuf::from("elsewhere") },
                tls: Tls { names: Vec::new(), ..Tls::default() },
                limits: LimitsConfig {
                    connections_max: 1,
                    connections_per_source_max: 1,
                    handshake_seconds_max: 1,
                    idle_seconds_max: 1,
                    drain_seconds_max: 1,
                    message_bytes_max: 4096,
                    in_flight_bytes_max: 65_536,
                    message_seconds_max: 1,
                    failures_recorded_per_second_max: 1,
                    client_failures_per_second_max: 1,
                    client_requests_per_second_max: 1,
                    client_requests_per_minute_max: 1,
                    client_requests_per_day_max: 1,
                    address_requests_per_second_max: 1,
                    address_requests_per_minute_max: 1,
                    address_requests_per_day_max: 1,
                    feeds_max: 1,
                },
                kmip: Kmip {
                    interop: true,
                    issuer: None,
                    credentials: Credentials::Ignore,
                    attestation_issuer: None,
                    attestation_operations: Vec::new(),
                    endpoints: vec![endpoint::tests::endpoint("one")],
                },
                audit: Audit {
                    sinks: vec![sink::tests::sink("one")],
                    witnesses_needed: 1,
                    witnesses: vec![witness::tests::witness()],
                },
                notify: Notify { give_up_days: 1, destinations: vec![notify::tests::destination("one")] },
                crypto: Crypto { rsa_keys_ahead: 1 },
                destroy: DestroyConfig { waiting_days: 1 },
                unlock: UnlockFile::default(),
                memory: MemoryConfig { lock: MemoryLock::Never },
                sealing: Sealing { cell: None, cells_threshold: 2 },
                backup: Backup {
                    ack: Ack::Target,
                    interval_ms: 1,
                    rpo_seconds_max: 1,
                    bytes_per_second_max: 1,
                    full_every_hours: 1,
                    drill_every_days: 1,
                    window: String::new(),
                    keep_full: 1,
                    keep_days: 1,
                    keep_entries_days: 1,
                },
                once: Once::default(),
                origin: None,
            },
            |config, setting| {
                let value = setting.default.to_owned();
                config.with(&Override { key: setting.key, value, origin: "table".into() }).unwrap()
            },
        );
        assert_eq!(stated, Config::default());
        let settings: usize = toml::Table::try_from(Config::default())
            .unwrap()
            .values()
            .map(|section| section.as_table().map_or(0, |section| section.len()))
            .sum();
        let unset = SETTINGS.iter().filter(|setting| setting.default.is_empty()).count();
        assert_eq!(settings + unset, SETTINGS.len(), "a setting is missing in the table");
    }

    #[test]
    fn flag_goes_before_environment_before_file() {
        let file =
            "[listen]\nhttp = \"127.0.0.1:1\"\nkmip = \"127.0.0.1:1\"\n[limits]\nconnections_max = 1\n";
        let environment = [("KEYREEVE_LISTEN_HTTP", "127.0.0.1:2"), ("KEYREEVE_LISTEN_KMIP", "127.0.0.1:2")];
        let config =
            load(file, &environment, &[("listen.kmip", "127.0.0.1:3"), ("kmip.interop", "true")]).unwrap();
        assert_eq!(config.listen.http.port(), 2);
        assert_eq!(config.listen.kmip.port(), 3);
        assert_eq!(config.limits.connections_max, 1);
        assert!(config.kmip.interop);
    }

    #[test]
    fn an_unknown_name_is_refused_with_its_line() {
        let error = load("[listen]\nhttp = \"127.0.0.1:1\"\nhtpp = 3\n", &[], &[]).unwrap_err().to_string();
        assert!(error.contains("line 3, column 1: unknown field, expected one of `http`, `kmip`"), "{error}");
        let error = load("[lsten]\n", &[], &[]).unwrap_err().to_string();
        assert!(error.contains("line 1, column 2: unknown field, expected one of `listen`"), "{error}");
    }

    #[test]
    fn an_error_tells_nothing_of_the_text() {
        for text in [
            "hunter2 is the passphrase\n",
            "hunter2",
            "hunter2=1",
            "\"hunter2\"=1",
            "[hunter2",
            "\n\nlisten = \"hunter2\"",
            "[limits]\nconnections_max = \"hunter2, expected hunter2\"",
            "[listen]\nhttp = \"hunter2\"",
            "[listen]\nhttp = 1\nhttp = hunter2",
            "[kmip]\ninterop = \"hunter2",
            "a = \"\\hunter2\"",
            "hunter2.hunter2 = {hunter2}",
        ] {
            let error = load(text, &[], &[]).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{text:?}: {error}");
            assert!(error.contains("line ") && error.contains(", column "), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_limit_that_locks_everybody_out_or_bounds_nothing_is_refused() {
        let limits = SETTINGS.iter().filter(|setting| setting.key.starts_with("limits."));
        for setting in limits {
            let (min, max) = setting.range().unwrap();
            let name = setting.key.trim_start_matches("limits.");
            // 0 is no limit, where it may be.
            let wrong = [min - 1, max + 1, 0, -1, i64::MAX].into_iter();
            for wrong in wrong.filter(|wrong| !(min..=max).contains(wrong)) {
                let error = load(&format!("[limits]\n{name} = {wrong}\n"), &[], &[]).unwrap_err().to_string();
                let told = format!(
                    "line 2, column {}: {} is {wrong}, and has to be from {min} to {max}",
                    name.len() + 4,
                    setting.key
                );
                assert!(error.contains(&told), "{error}");
                let error = load("", &[], &[(setting.key, &wrong.to_string())]).unwrap_err().to_string();
                assert!(error.contains(&format!("from {min} to {max}")), "{error}");
            }
            for good in [min, max] {
                // One body may have more than all have together as the defaults are.
                let all = ("KEYREEVE_LIMITS_IN_FLIGHT_BYTES_MAX", "2000000000");
                let one = ("KEYREEVE_LIMITS_MESSAGE_BYTES_MAX", "4096");
                load("", &[all, one], &[(setting.key, &good.to_string())]).unwrap();
            }
        }
    }

    #[test]
    fn a_value_that_does_not_fit_names_where_it_came_from() {
        let error = load("", &[("KEYREEVE_LIMITS_CONNECTIONS_MAX", "many")], &[]).unwrap_err().to_string();
        assert!(error.contains("KEYREEVE_LIMITS_CONNECTIONS_MAX"), "{error}");
        let error = load("", &[], &[("listen.http", "here")]).unwrap_err().to_string();
        assert!(error.contains("--listen.http"), "{error}");
    }
}
