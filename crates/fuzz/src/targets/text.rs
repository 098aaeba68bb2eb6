//! What people write: the configuration, and names, ids and times; and what issuers of tokens and mail servers say.

use std::str::FromStr;

use keyreeve_core::access::Action;
use keyreeve_core::model::{CredentialId, ErasureId, KeySpec, ObjectId, State, Time, UsageMask};
use keyreeve_core::operations::as_of::AsOf;
use keyreeve_core::request::Reference;
use keyreeve_server::authn::token;
use keyreeve_server::config::{Config, wrong_toml};
use keyreeve_server::fuzzing;

use super::software;

/// A configuration file; and the same text as the value of settings, as from the environment.
pub(super) fn config(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let read = toml::from_str::<Config>(text);
    if let Err(error) = &read {
        let _ = wrong_toml(text, error);
    }
    for name in ["KEYREEVE_LISTEN_HTTP", "KEYREEVE_LIMITS_IDLE_SECONDS_MAX", "KEYREEVE_BACKUP_WINDOW"] {
        let value = |asked: &str| (asked == name).then(|| text.to_owned());
        let _ = Config::load(None, value, Vec::new());
    }
    let Ok(config) = read else { return false };
    let again = toml::to_string(&config).expect("encodes");
    assert_eq!(toml::from_str::<Config>(&again).ok(), Some(config));
    true
}

/// Whatever is parsed from a word; taken where anything takes it.
pub(super) fn names(bytes: &[u8]) -> bool {
    let Ok(word) = std::str::from_utf8(bytes) else { return false };
    let _ = Reference::text(word);
    let spec = KeySpec::from_name(word);
    if let Some(spec) = &spec {
        assert_eq!(KeySpec::from_name(&spec.name()).as_ref(), Some(spec));
    }
    let taken = [
        same(Time::from_str(word)),
        AsOf::from_str(word).is_ok(),
        same(ObjectId::from_str(word)),
        same(ErasureId::from_str(word)),
        same(CredentialId::from_str(word)),
        spec.is_some(),
        State::from_word(word).is_some(),
        Action::from_word(word).is_some(),
        UsageMask::from_word(word).is_some(),
        token::proof(&**software(), word).is_some(),
    ];
    taken.contains(&true)
}

/// Whether it was read; then it is read as the same from how it is written.
fn same<T: FromStr + ToString + PartialEq, E>(read: Result<T, E>) -> bool {
    let Ok(read) = read else { return false };
    assert!(
        T::from_str(&read.to_string()).is_ok_and(|again| again == read),
        "{} is read in another way",
        read.to_string()
    );
    true
}

/// A JSON Web Token.
pub(super) fn json_web_token(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(fuzzing::json_web_token)
}

/// The keys of an issuer of them.
pub(super) fn json_web_key_set(bytes: &[u8]) -> bool {
    fuzzing::json_web_key_set(bytes)
}

/// What a mail server answers.
pub(super) fn smtp_answers(bytes: &[u8]) -> bool {
    fuzzing::smtp_answers(bytes)
}
