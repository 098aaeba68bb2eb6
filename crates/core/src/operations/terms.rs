//! What operations say of themselves to those who approve them, and for the hash that an approval is bound to. Not here: when
//! that is asked for (request/approval).

use std::{collections::BTreeMap, fmt::Debug};

use super::{duplicates, encrypt::Form, template::Template};
use crate::{
    access::{Action, Target, approvals::Terms},
    error::Result,
    model::{KeyPolicy, KeySpec},
    request::{Context, Reference, Resolved, shortened},
};

/// Bytes of a text that approvers are told whole.
const TOLD_WHOLE_BYTES_MAX: usize = 12 * 1024;

/// One field, as it is.
pub(super) fn term(name: &str, value: impl Debug) -> (String, String) {
    (name.into(), format!("{value:?}"))
}

/// The version that is named, where one is.
pub(super) fn version(version: Option<u32>) -> Option<(String, String)> {
    version.map(|version| ("version".into(), version.to_string()))
}

/// Bytes that are no secret, by their hash.
pub(super) fn hashed(context: &Context<'_>, what: &str, bytes: &[u8]) -> (String, String) {
    (format!("SHA-256 of {what}"), context.sha256_told(bytes))
}

/// A text that is applied, with what it has in it: whole, or by its hash where it is too long to be told. Whoever approves has the
/// file too then, and `sha256sum` of it.
pub(super) fn text(context: &Context<'_>, text: &str, kind: &str, names: &[&str]) -> Terms {
    if text.len() <= TOLD_WHOLE_BYTES_MAX {
        return vec![("apply".into(), text.to_owned())];
    }
    vec![
        ("apply the text of SHA-256".into(), context.sha256_told(text.as_bytes())),
        ("bytes".into(), text.len().to_string()),
        (kind.into(), names.len().to_string()),
        ("names".into(), shortened(&names.join(", "), TOLD_WHOLE_BYTES_MAX)),
    ]
}

/// Secret bytes, by a digest that this server alone can make: of a hash somebody could guess what is short.
///
/// # Errors
/// The store's and the sealer's.
pub(super) fn secret(context: &mut Context<'_>, what: &str, bytes: &[u8]) -> Result<(String, String)> {
    // Of whoever asks for the same with another key, or is somebody else, it is another one: nobody tries what they guess.
    let (who, key) =
        (context.caller().id(), context.noted_key().map(|key| *key.as_bytes()).unwrap_or_default());
    let digest: String = duplicates::keyed(context, &[b"approval", who.as_bytes(), &key, bytes])?
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok((what.into(), format!("{} bytes, keyed digest {digest}", bytes.len())))
}

/// A key beside the one that the request is about. Nobody learns by asking for approval that there is such a key.
///
/// # Errors
/// As for a key that is not there, where the caller may not do this with it.
pub(super) fn other(
    context: &mut Context<'_>,
    name: &str,
    reference: &Reference,
    action: Action,
) -> Result<(String, String)> {
    let Resolved { key, object } = context.resolve_other(reference)?;
    context.authorize(action, Target::Key(&key))?;
    let object =
        object.map_or_else(|| format!("newest of {}", key.versions.len()), |object| object.to_string());
    Ok((name.into(), format!("{} ({}, {object})", key.name, key.id)))
}

/// How a message is laid out.
pub(super) fn form(context: &Context<'_>, form: &Form) -> Terms {
    match form {
        Form::Envelope { context: canonical } => vec![hashed(context, "the encryption context", canonical)],
        Form::Raw { parameters, iv, aad } => {
            vec![term("parameters", parameters), term("IV", iv), hashed(context, "the additional data", aad)]
        }
    }
}

/// A key that is to be made.
pub(super) struct NewKey<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) spec: Option<KeySpec>,
    pub(super) templates: [Option<&'a Template>; 2],
    pub(super) policy: &'a KeyPolicy,
    pub(super) tags: &'a BTreeMap<String, String>,
}

impl NewKey<'_> {
    /// What it is to be.
    pub(super) fn terms(&self) -> Terms {
        let mut terms = Terms::new();
        terms.extend(self.name.map(|name| ("new key".into(), name.to_owned())));
        terms.extend(self.spec.map(|spec| term("algorithm", spec)));
        terms.extend(self.templates.iter().flatten().map(|template| term("attributes", template)));
        terms.push(term("new policy", self.policy));
        terms.extend(self.tags.iter().map(|(label, value)| (format!("label {label}"), format!("{value:?}"))));
        terms
    }
}
