//! JSON Web Tokens as proof: signed by an issuer that the configuration trusts, for this server, not expired; whom one
//! stands for is looked up by issuer and subject. Reading one is in `token`, its issuer's keys in `keys`, where those come
//! from in `source`. Not here: whether the subject is a client's, which the store knows, and sockets (listen/fetch).
//!
//! INVARIANT: nothing that a token says leads to an address: keys come from where the configuration says.

use std::fmt;
use std::sync::Arc;

use keyreeve_core::model::{CredentialId, CredentialKind, Time};
use keyreeve_core::operations::principals::NewCredential;
use keyreeve_core::ports::crypto::Crypto;
use keyreeve_core::{Error, ErrorKind, Result};

use self::keys::KeySet;
use self::source::Source;
use self::token::Token;
use crate::config::JwtIssuer;
use crate::start::StartError;

mod keys;
mod source;
#[cfg(test)]
mod tests;
mod token;

/// Goes before what the id of such a credential is a hash of, so that it meets no token's and no certificate's.
const DOMAIN: &[u8] = b"keyreeve credential jwt 1\0";
/// Bytes of a subject at most.
const SUBJECT_BYTES_MAX: usize = 256;

/// The issuers whose tokens are taken.
#[derive(Default)]
pub struct Issuers(Vec<Issuer>);

struct Issuer {
    settings: JwtIssuer,
    source: Arc<Source>,
}

/// What a token proves.
pub struct Proven {
    /// What its subject is looked up by.
    pub id: CredentialId,
    /// Whom it stands for, for the log.
    pub subject: Subject,
    /// From then on it proves nothing.
    pub expires: Time,
}

/// A subject of an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// What the issuer is called here.
    pub name: String,
    /// What it calls itself.
    issuer: String,
    /// The claim that names the subject.
    claim: String,
    /// Its value.
    pub subject: String,
}

impl Subject {
    fn new(settings: &JwtIssuer, subject: &str) -> Result<Self, &'static str> {
        if subject.is_empty() || subject.len() > SUBJECT_BYTES_MAX || subject.contains(char::is_control) {
            return Err("a subject has 1 to 256 bytes and no control characters");
        }
        let JwtIssuer { name, issuer, subject_claim, .. } = settings.clone();
        Ok(Self { name, issuer, claim: subject_claim, subject: subject.to_owned() })
    }

    /// What the subject is looked up by. The issuer counts by its own name, not by ours: a table that is given to another
    /// issuer gives nobody's place away.
    fn id(&self, crypto: &dyn Crypto) -> CredentialId {
        let lengths = [&self.issuer, &self.claim].map(|text| (text.len() as u64).to_be_bytes());
        let [issuer, claim] = [&self.issuer, &self.claim].map(String::as_bytes);
        CredentialId(crypto.sha256(&[
            DOMAIN,
            &lengths[0],
            issuer,
            &lengths[1],
            claim,
            self.subject.as_bytes(),
        ]))
    }

    /// The credential that the subject is.
    pub fn credential(self, crypto: &dyn Crypto, expires: Option<Time>) -> NewCredential {
        let id = self.id(crypto);
        let Self { issuer, claim, subject, .. } = self;
        NewCredential { id, kind: CredentialKind::Jwt { issuer, claim, subject }, expires, is_given: true }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of the issuer {}", self.subject, self.name)
    }
}

/// Whether a bearer token has the form of a JSON Web Token.
pub fn has_form(token: &str) -> bool {
    token.bytes().filter(|byte| *byte == b'.').count() == 2
}

impl Issuers {
    /// Those of the configuration.
    ///
    /// # Errors
    /// For a file that holds no authorities, and where the system has none.
    pub fn new(configured: &[JwtIssuer]) -> Result<Self, StartError> {
        let issuer = |settings: &JwtIssuer| {
            Ok(Issuer { settings: settings.clone(), source: Arc::new(Source::new(settings)?) })
        };
        configured.iter().map(issuer).collect::<Result<_, _>>().map(Self)
    }

    /// The same with the keys that others have of issuers whose settings are the same.
    pub fn with_keys_of(self, others: &Self) -> Self {
        for issuer in &self.0 {
            let known = others.0.iter().find(|other| other.settings == issuer.settings);
            known.into_iter().for_each(|known| issuer.source.take_keys_of(&known.source));
        }
        self
    }

    /// The subject of an issuer that is called this here.
    ///
    /// # Errors
    /// `InvalidField` where there is none, and for what cannot be a subject.
    pub fn subject(&self, name: &str, subject: &str) -> Result<Subject> {
        Subject::new(self.settings(name)?, subject)
            .map_err(|text| Error::new(ErrorKind::InvalidField, text.to_owned()))
    }

    /// Realms whose administrators may say whom an issuer's subjects are.
    ///
    /// # Errors
    /// `InvalidField` where there is no such issuer.
    pub fn realms(&self, name: &str) -> Result<&[String]> {
        Ok(&self.settings(name)?.realms)
    }

    fn settings(&self, name: &str) -> Result<&JwtIssuer> {
        let found = self.0.iter().find(|issuer| issuer.settings.name == name);
        found.map(|issuer| &issuer.settings).ok_or_else(|| {
            let text = format!("no issuer is called {name:?}: the configuration names them in authn.jwt");
            Error::new(ErrorKind::InvalidField, text)
        })
    }

    /// What a token proves now. May wait for the issuer's keys, some seconds at most.
    ///
    /// # Errors
    /// Why it proves nothing, for the log alone: with nothing that the token says, but its subject once that is proven.
    pub async fn verify(&self, crypto: &dyn Crypto, token: &str, now: Time) -> Result<Proven, String> {
        let token = Token::read(token)?;
        let issuer = self.0.iter().find(|issuer| issuer.settings.issuer == token.issuer());
        let Issuer { settings, source } =
            issuer.ok_or("a JSON Web Token of an issuer that the configuration does not name")?;
        let wrong = |cause: &str| format!("a JSON Web Token of the issuer {}: {cause}", settings.name);
        let algorithm = token.algorithm(&settings.algorithms).map_err(wrong)?;
        let key =
            source.key(token.key_id(), algorithm, now.seconds()).await.map_err(|cause| wrong(&cause))?;
        if !key.verifies(&token, algorithm) {
            return Err(wrong("its signature is wrong"));
        }
        let subject = token.subject(&settings.subject_claim).map_err(wrong)?;
        let subject = Subject::new(settings, subject).map_err(wrong)?;
        let checked = token.check(settings, now.seconds());
        let expires_seconds = checked.map_err(|cause| format!("a JSON Web Token for {subject}: {cause}"))?;
        Ok(Proven { id: subject.id(crypto), subject, expires: Time::from_seconds(expires_seconds) })
    }
}

impl Issuers {
    /// What an attestation proves now: a token of the issuer that is called this here, which bears this nonce (`eat_nonce`).
    ///
    /// # Errors
    /// As [`Issuers::verify`].
    ///
    /// # Standard
    /// RFC 9711 sections 4.1 (eat_nonce) and 5 (an attestation as a JSON Web Token).
    pub async fn attest(
        &self,
        crypto: &dyn Crypto,
        (token, issuer): (&str, &str),
        nonce: &str,
        now: Time,
    ) -> Result<Proven, String> {
        let read = Token::read(token)?;
        let named = self.0.iter().find(|known| known.settings.name == issuer);
        if named.is_none_or(|named| named.settings.issuer != read.issuer()) {
            return Err("an attestation by another issuer than kmip.attestation_issuer names".to_owned());
        }
        if !read.bears(nonce) {
            return Err("an attestation without the nonce that it was to bear".to_owned());
        }
        self.verify(crypto, token, now).await
    }
}

/// Reads a token, and all that is asked of one whose signature is right, by these settings: for fuzzing. Whether it was read.
pub(crate) fn read_token(text: &str, settings: &JwtIssuer, now_seconds: i64) -> bool {
    let Ok(token) = Token::read(text) else { return false };
    let _ = (token.algorithm(&settings.algorithms), token.check(settings, now_seconds));
    let _ = token.subject(&settings.subject_claim).and_then(|subject| Subject::new(settings, subject));
    true
}

/// Reads an issuer's keys, and holds a token against each: for fuzzing. Whether they were read.
pub(crate) fn read_keys(bytes: &[u8], token: &str, settings: &JwtIssuer) -> bool {
    let (Ok(keys), Ok(token)) = (KeySet::read(bytes), Token::read(token)) else { return false };
    for algorithm in &settings.algorithms {
        let key = keys.choose(token.key_id(), *algorithm);
        let verified = key.is_some_and(|key| key.verifies(&token, *algorithm));
        // INVARIANT: whatever keys an issuer has, what nobody signed is signed by none of them.
        assert!(!verified, "a token without a signature was taken");
    }
    true
}
