//! Why a handshake was refused, in words that tell the reader of a log what to do. Not here: the TLS alert that
//! the peer gets, which rustls chooses.

use std::io;

use rustls::server::ClientHello;
use rustls::{
    AlertDescription, CertificateError, InvalidMessage, PeerIncompatible, ProtocolVersion, ServerConfig,
};

use crate::metrics::Refused;

/// What a client offers whose hello rustls refuses to read on: it lacks the signature algorithms of TLS 1.2.
pub(super) const OFFERED_BEFORE_TLS_1_2: &str = "TLS 1.1 or older, or TLS 1.2 with SHA-1 signatures only";

/// How many cipher suites, and how many of anything else, a log line names.
const NAMED_MAX: usize = 12;

/// The cause of a refused handshake.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("client sent no certificate: this listener needs one from `keyreeve client add`")]
    NoCertificate,
    #[error("{0}")]
    Certificate(String),
    #[error(
        "client refused this server's certificate (alert {0:?}): give it the CA file and connect by a name or \
         address that the certificate holds"
    )]
    ServerCertificateRefused(AlertDescription),
    #[error("no shared {what}: this server speaks {spoken}; client offered {offered}")]
    NothingShared { what: &'static str, spoken: String, offered: String },
    #[error("not TLS: the peer's first bytes are no TLS record (a plain-text client on a TLS port?)")]
    NotTls,
    #[error("peer closed the connection before the handshake was complete")]
    Closed,
    #[error("handshake took longer than {seconds} s, the handshake limit")]
    TooSlow { seconds: u64 },
    #[error("handshake failed: {0}")]
    Other(String),
}

impl Refusal {
    /// What it counts as.
    pub(super) fn counted(&self) -> Refused {
        match self {
            Self::NoCertificate | Self::Certificate(_) => Refused::Certificate,
            Self::ServerCertificateRefused(_) => Refused::ServerCertificate,
            Self::NothingShared { .. } => Refused::NothingShared,
            Self::NotTls => Refused::NotTls,
            Self::Closed => Refused::Closed,
            Self::TooSlow { .. } => Refused::TooSlow,
            Self::Other(_) => Refused::Other,
        }
    }

    /// Puts what tokio-rustls says of a handshake into words; `offered` is what the client hello offered, and the
    /// configuration is what it was offered to.
    pub(super) fn from_io(error: &io::Error, offered: &str, config: &ServerConfig) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(error) => Self::from_tls(error, offered, config),
            None if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => {
                Self::Closed
            }
            None => Self::Other(error.to_string()),
        }
    }

    fn from_tls(error: &rustls::Error, offered: &str, config: &ServerConfig) -> Self {
        match error {
            rustls::Error::NoCertificatesPresented => Self::NoCertificate,
            rustls::Error::InvalidCertificate(cause) => Self::Certificate(explain_certificate(cause)),
            rustls::Error::PeerIncompatible(cause) => Self::NothingShared {
                what: explain_incompatible(cause),
                spoken: spoken(config),
                offered: offered.to_owned(),
            },
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::NotTls,
            rustls::Error::AlertReceived(
                alert @ (AlertDescription::UnknownCA
                | AlertDescription::BadCertificate
                | AlertDescription::CertificateUnknown
                | AlertDescription::CertificateExpired
                | AlertDescription::UnsupportedCertificate
                // What rustls clients say of a signature by another key under a name that they trust.
                | AlertDescription::DecryptError),
            ) => Self::ServerCertificateRefused(*alert),
            other => Self::Other(other.to_string()),
        }
    }
}

/// What a client hello offers, for a log line.
pub(super) fn offered(hello: &ClientHello<'_>) -> String {
    let suites = hello.cipher_suites().iter().map(|suite| name(suite.as_str(), (*suite).into()));
    let groups = hello.named_groups().unwrap_or_default();
    let groups = groups.iter().map(|group| name(group.as_str(), (*group).into()));
    let schemes = hello.signature_schemes().iter().map(|scheme| name(scheme.as_str(), (*scheme).into()));
    format!("cipher suites {}; groups {}; signature schemes {}", list(suites), list(groups), list(schemes))
}

/// What a listener speaks, for a log line.
fn spoken(config: &ServerConfig) -> String {
    let provider = config.crypto_provider();
    let is_of = |version: ProtocolVersion| {
        provider.cipher_suites.iter().any(|suite| suite.version().version == version)
    };
    let versions = if is_of(ProtocolVersion::TLSv1_3) { "TLS 1.3 and 1.2" } else { "TLS 1.2" };
    let suites = provider.cipher_suites.iter().map(|suite| suite.suite());
    let suites = suites.map(|suite| name(suite.as_str(), suite.into()));
    let groups = provider.kx_groups.iter().map(|group| group.name());
    let groups = groups.map(|group| name(group.as_str(), group.into()));
    format!("{versions}, cipher suites {}; groups {}", list(suites), list(groups))
}

fn name(known: Option<&str>, number: u16) -> String {
    known.map_or_else(|| format!("{number:#06x}"), str::to_owned)
}

fn list(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(NAMED_MAX);
    let mut named: Vec<String> = names.take(NAMED_MAX).collect();
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    named.join(", ")
}

/// What the words for an expired certificate are, wherever that is found out.
pub(super) fn expired(not_after_seconds: i64) -> Refusal {
    let advice = "get another by `keyreeve client renew`";
    Refusal::Certificate(format!("client's certificate expired at Unix second {not_after_seconds}: {advice}"))
}

fn explain_certificate(cause: &CertificateError) -> String {
    match cause {
        CertificateError::ExpiredContext { not_after, .. } => {
            expired(i64::try_from(not_after.as_secs()).unwrap_or(i64::MAX)).to_string()
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            let begin = not_before.as_secs();
            format!("client's certificate is valid from Unix second {begin} on: check the clocks of both machines")
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "unknown issuer: client's certificate is not from this server's CA: get one by `keyreeve client add`"
                .to_owned()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "client's certificate is not for client authentication: get one by `keyreeve client add`".to_owned()
        }
        CertificateError::Revoked => "client's certificate was revoked by its authority".to_owned(),
        CertificateError::UnknownRevocationStatus => {
            "no revocation list says whether client's certificate, or one between it and its root, is revoked: \
             each authority on the way needs one in crl_file"
                .to_owned()
        }
        other => format!("client's certificate is not valid: {other}"),
    }
}

fn explain_incompatible(cause: &PeerIncompatible) -> &'static str {
    match cause {
        PeerIncompatible::NoCipherSuitesInCommon => "cipher suite",
        PeerIncompatible::NoKxGroupsInCommon
        | PeerIncompatible::NamedGroupsExtensionRequired
        | PeerIncompatible::KeyShareExtensionRequired => "key exchange group",
        PeerIncompatible::NoSignatureSchemesInCommon
        | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => "signature scheme",
        PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::SignatureAlgorithmsExtensionRequired => "TLS version",
        _ => "TLS feature",
    }
}
