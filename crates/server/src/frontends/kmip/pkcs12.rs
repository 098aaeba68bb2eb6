//! PKCS#12 both ways: Get of a private key with the certificates that it is linked to, under the password that it is linked to,
//! and Register of such a file.
//!
//! # Standard
//! KMIP 1.4 sections 3.35 (Link: PKCS#12 Certificate Link, PKCS#12 Password Link), 3.45 (PKCS#12 Friendly Name), 4.11 (Get) and
//! 11.4 (Register Errors); KMIP 2.1 section 6.1.19 (Get).

use std::collections::BTreeMap;

use keyreeve_core::SecretBytes;
use keyreeve_core::attributes::Described;
use keyreeve_core::model::{
    AttributeKind, AttributeName, KeyFormat, KeyMaterial, Link, LinkType, ManagedObject, ObjectType, Value,
};
use keyreeve_core::operations::get::{Get, Gotten, Protection};
use keyreeve_core::operations::register::Register;
use keyreeve_core::request::Reference;
use keyreeve_kmip::enums::{CertificateType, KeyFormatType, ResultReason};
use keyreeve_kmip::objects::KeyMaterial as Wire;
use keyreeve_kmip::payloads::get::GetResponse;
use keyreeve_pki::{Pkcs12, Pkcs12Certificate, PkiError, open_pkcs12, pkcs12_bundle};

use super::batch::{Batch, identifier};
use super::errors::Failure;
use super::objects::{self, Incoming, Outgoing};
use super::{certificates, register};

/// Certificates in one file at most: one leads to the next.
const CERTIFICATES_MAX: usize = 16;
/// The standard's code of the format.
pub(super) const FORMAT: KeyFormat = KeyFormat::Other(0x16);
/// The standard's code of the Secret Data Type Password.
const PASSWORD: u32 = 1;

/// Answers the key that is named with its certificates. Each is got as by a Get of its own, with the right to it.
pub(super) async fn get(batch: &mut Batch<'_>, key: Reference) -> Result<GetResponse, Failure> {
    let Gotten { object, material, .. } = plain(batch, key, Some(KeyFormat::Pkcs8)).await?;
    if object.object_type != ObjectType::PrivateKey {
        let message = "only a private key is given as PKCS#12";
        return Err(Failure::new(ResultReason::KeyFormatTypeNotSupported, message));
    }
    let password = password(batch, &object.links).await?;
    let certificates = chain(batch, &object).await?;
    let name = friendly_name(&object.further).unwrap_or_else(|| "alias".to_owned());
    let packed = packed(material.bytes, certificates, name, password).await?;
    let material = KeyMaterial { format: KeyFormat::Opaque, bytes: SecretBytes::new(packed) };
    let (format, version) = (KeyFormatType::Pkcs12, batch.version);
    Ok(GetResponse {
        object_type: object.object_type.code().into(),
        unique_identifier: identifier(object.id),
        object: Outgoing { object: &object, material, format, wrapping: None, version }.encode()?,
    })
}

/// The certificates that lead from a private key upwards: by its own PKCS#12 Certificate Link, or by that or the Certificate Link
/// of its public key.
async fn chain(batch: &mut Batch<'_>, key: &ManagedObject) -> Result<Vec<SecretBytes>, Failure> {
    let mut next = linked(key, &[LinkType::Pkcs12Certificate])?;
    if next.is_none()
        && let Some(public) = linked(key, &[LinkType::PublicKey])?
    {
        let public = plain(batch, public, None).await?;
        next = linked(&public.object, &[LinkType::Pkcs12Certificate, LinkType::Certificate])?;
    }
    let (mut certificates, mut seen) = (Vec::new(), Vec::new());
    while let Some(link) = next {
        if certificates.len() >= CERTIFICATES_MAX {
            let message = format!("more than {CERTIFICATES_MAX} certificates are linked to one another");
            return Err(Failure::new(ResultReason::ServerLimitExceeded, message));
        }
        let Gotten { object, material, .. } = plain(batch, link, None).await?;
        if object.object_type != ObjectType::Certificate {
            return Err(invalid("a link of the chain of certificates leads to no certificate"));
        }
        // A certificate at the top may lead to itself.
        if seen.contains(&object.id) {
            break;
        }
        seen.push(object.id);
        next = linked(&object, &[LinkType::Pkcs12Certificate, LinkType::Certificate])?;
        certificates.push(material.bytes);
    }
    Ok(certificates)
}

async fn plain(batch: &mut Batch<'_>, key: Reference, format: Option<KeyFormat>) -> Result<Gotten, Failure> {
    batch.run(Get { key, version: None, public: false, format, protection: Protection::Plain }).await
}

/// What the links of the first of these kinds lead to, of which there is one at most: there is one chain.
fn linked(object: &ManagedObject, kinds: &[LinkType]) -> Result<Option<Reference>, Failure> {
    for kind in kinds {
        let mut targets = object.links.iter().filter(|link| link.kind == *kind).map(|link| &link.target);
        match (targets.next(), targets.next()) {
            (Some(only), None) => return Ok(Some(Reference::object(only))),
            (Some(_), Some(_)) => return Err(invalid("more than one chain of certificates begins here")),
            (None, _) => {}
        }
    }
    Ok(None)
}

/// The password that a private key is linked to.
async fn password(batch: &mut Batch<'_>, links: &[Link]) -> Result<SecretBytes, Failure> {
    let mut links = links.iter().filter(|link| link.kind == LinkType::Pkcs12Password);
    let (Some(link), None) = (links.next(), links.next()) else {
        let message = "a PKCS#12 needs one PKCS#12 Password Link, to the secret data that is its password";
        return Err(bad_password(batch, message));
    };
    let Gotten { object, material, .. } = plain(batch, Reference::object(&link.target), None).await?;
    if object.object_type != ObjectType::SecretData || object.subtype != Some(PASSWORD) {
        return Err(bad_password(
            batch,
            "the PKCS#12 Password Link leads to no secret data of the type Password",
        ));
    }
    Ok(material.bytes)
}

/// There is a reason of its own since 2.0.
fn bad_password(batch: &Batch<'_>, message: &str) -> Failure {
    let reason = match batch.version.has_tagged_attributes() {
        true => ResultReason::BadPassword,
        false => ResultReason::InvalidField,
    };
    Failure::new(reason, message)
}

fn invalid(message: &str) -> Failure {
    Failure::new(ResultReason::InvalidField, message)
}

fn friendly_name(further: &BTreeMap<AttributeName, Vec<Value>>) -> Option<String> {
    match further.get(&FRIENDLY_NAME).and_then(|values| values.first()) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    }
}

const FRIENDLY_NAME: AttributeName = AttributeName::Standard(AttributeKind::Pkcs12FriendlyName);

/// The file; stretching the password takes a good part of a second, so it is done aside.
async fn packed(
    key: SecretBytes,
    certificates: Vec<SecretBytes>,
    name: String,
    password: SecretBytes,
) -> Result<Vec<u8>, Failure> {
    aside(move || {
        let certificates: Vec<&[u8]> = certificates.iter().map(SecretBytes::expose).collect();
        pkcs12_bundle(key.expose(), &certificates, &name, text(&password)?).map_err(|cause| {
            Failure::new(ResultReason::CryptographicFailure, format!("no PKCS#12 could be made: {cause}"))
        })
    })
    .await
}

async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let broken = |_| Failure::new(ResultReason::InternalServerError, "work on a PKCS#12 broke off");
    tokio::task::spawn_blocking(work).await.map_err(broken)?
}

fn text(password: &SecretBytes) -> Result<&str, Failure> {
    std::str::from_utf8(password.expose())
        .map_err(|_| invalid("the password of the PKCS#12 is no UTF-8 text"))
}

/// Opens a private key that comes as PKCS#12: the key takes its place, and its certificates are given, its own first.
pub(super) async fn open(
    batch: &mut Batch<'_>,
    incoming: &mut Incoming,
    described: &mut Described,
) -> Result<Vec<Register>, Failure> {
    let password = password(batch, &described.template.links).await?;
    let file = match objects::kept(incoming.material.bytes.expose(), batch.version)?.key_material {
        Wire::Bytes(bytes) => SecretBytes::new(bytes.into_vec()),
        Wire::Transparent(_) => return Err(invalid("a PKCS#12 is a byte string")),
    };
    let given = SecretBytes::copy_from(file.expose());
    let opened = aside(move || Ok(open_pkcs12(file.expose(), text(&password)?))).await?;
    let mut opened = opened.map_err(|cause| match cause {
        PkiError::Pkcs12Password => bad_password(batch, "the password does not open the PKCS#12"),
        PkiError::Pkcs12Scheme(_) => Failure::new(ResultReason::FeatureNotSupported, cause.to_string()),
        _ => invalid(&cause.to_string()),
    })?;
    let further = &mut described.template.further;
    let wanted = friendly_name(further);
    let is_it = |name: &Option<String>| match (&wanted, name) {
        (Some(wanted), Some(name)) => wanted.to_lowercase() == name.to_lowercase(),
        (Some(_), None) => false,
        (None, _) => true,
    };
    let Some(place) = opened.keys.iter().position(|key| is_it(&key.name)) else {
        return Err(invalid("the PKCS#12 holds no private key, or none of this PKCS#12 Friendly Name"));
    };
    let key = opened.keys.swap_remove(place);
    if let (None, Some(name)) = (&wanted, key.name) {
        further.insert(FRIENDLY_NAME, vec![Value::Text(name)]);
    }
    incoming.material = KeyMaterial { format: KeyFormat::Pkcs8, bytes: key.pkcs8 };
    incoming.digested = Some(KeyMaterial { format: FORMAT, bytes: given });
    in_order(opened, key.local_id.as_deref()).into_iter().map(certificate).collect()
}

/// The certificates of the key that has this local id, its own first, then each that has issued the one before.
fn in_order(opened: Pkcs12, local_id: Option<&[u8]>) -> Vec<Vec<u8>> {
    let mut rest = opened.certificates;
    let own = rest.iter().position(|one| local_id.is_some() && one.local_id.as_deref() == local_id);
    if rest.is_empty() {
        return Vec::new();
    }
    let mut chain = vec![rest.remove(own.unwrap_or(0)).der];
    while let Some((_, issuer)) = chain.last().and_then(|last| certificates::subject_and_issuer(last)) {
        let is_issuer = |one: &Pkcs12Certificate| {
            certificates::subject_and_issuer(&one.der).is_some_and(|(subject, _)| subject == issuer)
        };
        match rest.iter().position(is_issuer) {
            Some(place) => chain.push(rest.remove(place).der),
            None => break,
        }
    }
    chain
}

fn certificate(der: Vec<u8>) -> Result<Register, Failure> {
    let incoming = Incoming {
        object_type: ObjectType::Certificate,
        subtype: Some(CertificateType::X509.into()),
        material: KeyMaterial { format: KeyFormat::Spki, bytes: SecretBytes::new(der) },
        digested: None,
        algorithm: None,
        length_bits: None,
        split: None,
    };
    register::operation(incoming, Described::default())
}
