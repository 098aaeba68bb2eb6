//! Get as PKCS#12: a private key with the certificates that it is linked to, under the password that it is linked to.
//!
//! # Standard
//! KMIP 1.4 section 3.35 (Link: PKCS#12 Certificate Link, PKCS#12 Password Link) and 9.1.3.2.3 (Key Format Type).

use keyreeve_core::SecretBytes;
use keyreeve_core::model::{
    AttributeKind, AttributeName, KeyFormat, LinkType, ManagedObject, ObjectType, Value,
};
use keyreeve_core::operations::get::{Get, Gotten, Protection};
use keyreeve_core::request::Reference;
use keyreeve_kmip::enums::{KeyFormatType, ResultReason};
use keyreeve_kmip::payloads::get::GetResponse;
use keyreeve_pki::pkcs12_bundle;

use super::batch::{Batch, identifier};
use super::errors::{Failure, missing};
use super::objects::Outgoing;

/// Certificates in one file at most: one leads to the next.
const CERTIFICATES_MAX: usize = 16;

/// Answers the key that is named with its certificates. Each is got as by a Get of its own, with the right to it.
pub(super) async fn get(batch: &mut Batch<'_>, key: Reference) -> Result<GetResponse, Failure> {
    let Gotten { object, material, .. } = plain(batch, key, Some(KeyFormat::Pkcs8)).await?;
    if object.object_type != ObjectType::PrivateKey {
        let message = "only a private key is given as PKCS#12";
        return Err(Failure::new(ResultReason::KeyFormatTypeNotSupported, message));
    }
    let password = linked(&object, LinkType::Pkcs12Password);
    let password = password
        .ok_or_else(|| missing("a PKCS#12 Password Link, to the secret data that is its password,"))?;
    let password = plain(batch, password, None).await?;
    if password.object.object_type != ObjectType::SecretData {
        let message = "the PKCS#12 Password Link leads to no secret data";
        return Err(Failure::new(ResultReason::InvalidField, message));
    }
    let mut certificates = Vec::new();
    let mut next = linked(&object, LinkType::Pkcs12Certificate);
    while let Some(link) = next {
        if certificates.len() >= CERTIFICATES_MAX {
            let message = format!("more than {CERTIFICATES_MAX} certificates are linked to one another");
            return Err(Failure::new(ResultReason::ServerLimitExceeded, message));
        }
        let Gotten { object, material, .. } = plain(batch, link, None).await?;
        if object.object_type != ObjectType::Certificate {
            let message = "a PKCS#12 Certificate Link leads to no certificate";
            return Err(Failure::new(ResultReason::InvalidField, message));
        }
        next = linked(&object, LinkType::Pkcs12Certificate);
        certificates.push(material.bytes);
    }
    let name = friendly_name(&object);
    let packed = packed(material.bytes, certificates, name, password.material.bytes).await?;
    let material =
        keyreeve_core::model::KeyMaterial { format: KeyFormat::Opaque, bytes: SecretBytes::new(packed) };
    let (format, version) = (KeyFormatType::Pkcs12, batch.version);
    Ok(GetResponse {
        object_type: object.object_type.code().into(),
        unique_identifier: identifier(object.id),
        object: Outgoing { object: &object, material, format, wrapping: None, version }.encode()?,
    })
}

async fn plain(batch: &mut Batch<'_>, key: Reference, format: Option<KeyFormat>) -> Result<Gotten, Failure> {
    batch.run(Get { key, version: None, public: false, format, protection: Protection::Plain }).await
}

/// The first object that a link of this kind leads to.
fn linked(object: &ManagedObject, kind: LinkType) -> Option<Reference> {
    object.links.iter().find(|link| link.kind == kind).map(|link| Reference::object(&link.target))
}

fn friendly_name(object: &ManagedObject) -> String {
    let name = AttributeName::Standard(AttributeKind::Pkcs12FriendlyName);
    match object.further.get(&name).and_then(|values| values.first()) {
        Some(Value::Text(text)) => text.clone(),
        _ => object.id.to_string(),
    }
}

/// The file; stretching the password takes a good part of a second, so it is done aside.
async fn packed(
    key: SecretBytes,
    certificates: Vec<SecretBytes>,
    name: String,
    password: SecretBytes,
) -> Result<Vec<u8>, Failure> {
    let pack = move || {
        let invalid = |message| Failure::new(ResultReason::InvalidField, message);
        let password = std::str::from_utf8(password.expose());
        let password = password.map_err(|_| invalid("the password of the PKCS#12 is no UTF-8 text"))?;
        let certificates: Vec<&[u8]> = certificates.iter().map(SecretBytes::expose).collect();
        pkcs12_bundle(key.expose(), &certificates, &name, password).map_err(|cause| {
            Failure::new(ResultReason::CryptographicFailure, format!("no PKCS#12 could be made: {cause}"))
        })
    };
    let broken = |_| Failure::new(ResultReason::InternalServerError, "packing a PKCS#12 broke off");
    tokio::task::spawn_blocking(pack).await.map_err(broken)?
}
