//! Create and CreateKeyPair: keys made by the server.

use std::collections::BTreeMap;

use keyreeve_core::attributes::{Described, describe, server_generator};
use keyreeve_core::model::{AttributeKind, AttributeName, KeyFormat, KeyMaterial, KeyPolicy, Value};
use keyreeve_core::operations::Template;
use keyreeve_core::operations::create::Create;
use keyreeve_core::operations::random::Random;
use keyreeve_core::operations::register::Register;
use keyreeve_kmip::enums::{ObjectType, Operation, ResultReason};
use keyreeve_kmip::payloads::create::{CreateRequest, CreateResponse};
use keyreeve_kmip::payloads::create_key_pair::{CreateKeyPairRequest, CreateKeyPairResponse};

use super::batch::{Batch, identifier};
use super::errors::{Failure, missing, not_supported};
use super::object_rules::with_kind_of_key;
use super::{objects, templates};

pub(super) async fn create(batch: &mut Batch<'_>, request: CreateRequest) -> Result<CreateResponse, Failure> {
    let attributes = templates::resolved(batch, Some(&request.template_attribute)).await?;
    let object_type = objects::object_type(request.object_type)?;
    let described = describe(with_kind_of_key(batch, object_type, attributes).await?)?;
    match request.object_type {
        ObjectType::SymmetricKey => {}
        ObjectType::SecretData => return create_secret(batch, described).await,
        other => return Err(not_supported(&format!("creating a {other}"))),
    }
    check_quantum_safe(&described)?;
    let spec = described.spec()?;
    if spec.algorithm.is_asymmetric() {
        let message = "this algorithm has key pairs: use Create Key Pair";
        return Err(Failure::new(ResultReason::InvalidField, message));
    }
    let created = batch
        .run(Create {
            name: None,
            spec,
            policy: policy(&described.template),
            template: generated_here(described.template),
            public: Template::default(),
            tags: BTreeMap::new(),
            usage_must_fit: false,
        })
        .await?;
    batch.answered(Operation::Create, &[created.primary]);
    Ok(CreateResponse {
        object_type: request.object_type,
        unique_identifier: identifier(created.primary),
        template_attribute: None,
    })
}

/// Secret data of random bytes.
async fn create_secret(batch: &mut Batch<'_>, described: Described) -> Result<CreateResponse, Failure> {
    let length_bits = described.length_bits.ok_or_else(|| missing("CryptographicLength"))?;
    if length_bits == 0 || length_bits % 8 != 0 {
        let message = "the CryptographicLength of secret data is a number of whole bytes";
        return Err(Failure::new(ResultReason::InvalidField, message));
    }
    let bytes = batch.run(Random { length: length_bits as usize / 8 }).await?;
    let created = batch
        .run(Register {
            name: None,
            object_type: keyreeve_core::model::ObjectType::SecretData,
            spec: None,
            material: KeyMaterial { format: KeyFormat::Opaque, bytes },
            digested: None,
            policy: policy(&described.template),
            template: generated_here(described.template),
            tags: BTreeMap::new(),
        })
        .await?;
    batch.answered(Operation::Create, &[created.primary]);
    Ok(CreateResponse {
        object_type: ObjectType::SecretData,
        unique_identifier: identifier(created.primary),
        template_attribute: None,
    })
}

pub(super) async fn create_key_pair(
    batch: &mut Batch<'_>,
    request: CreateKeyPairRequest,
) -> Result<CreateKeyPairResponse, Failure> {
    let common = templates::resolved(batch, request.common_template_attribute.as_ref()).await?;
    let private = templates::resolved(batch, request.private_key_template_attribute.as_ref()).await?;
    let public = templates::resolved(batch, request.public_key_template_attribute.as_ref()).await?;
    let private = over(&common, private);
    let private =
        describe(with_kind_of_key(batch, keyreeve_core::model::ObjectType::PrivateKey, private).await?)?;
    let public = describe(over(&common, public))?;
    check_quantum_safe(&private)?;
    let spec = private.spec()?;
    if !spec.algorithm.is_asymmetric() {
        let message = "this algorithm has no key pairs: use Create";
        return Err(Failure::new(ResultReason::InvalidField, message));
    }
    let created = batch
        .run(Create {
            name: None,
            spec,
            policy: policy(&private.template),
            template: generated_here(private.template),
            public: generated_here(public.template),
            tags: BTreeMap::new(),
            usage_must_fit: false,
        })
        .await?;
    let public = created
        .public
        .ok_or_else(|| Failure::new(ResultReason::InternalServerError, "a pair without a public key"))?;
    batch.answered(Operation::CreateKeyPair, &[created.primary, public]);
    Ok(CreateKeyPairResponse {
        private_key_unique_identifier: identifier(created.primary),
        public_key_unique_identifier: identifier(public),
        private_key_template_attribute: None,
        public_key_template_attribute: None,
    })
}

/// The common attributes, but for those that the half's own say otherwise.
pub(super) fn over(
    common: &[(AttributeName, Value)],
    own: Vec<(AttributeName, Value)>,
) -> Vec<(AttributeName, Value)> {
    let inherited = common.iter().filter(|(name, _)| !own.iter().any(|(known, _)| known == name)).cloned();
    inherited.collect::<Vec<_>>().into_iter().chain(own).collect()
}

/// Says by which generator the key was made.
pub(super) fn generated_here(mut template: Template) -> Template {
    let name = AttributeName::Standard(AttributeKind::RandomNumberGenerator);
    template.further.insert(name, vec![server_generator()]);
    template
}

fn policy(template: &Template) -> KeyPolicy {
    KeyPolicy { exportable: template.extractable != Some(false), ..KeyPolicy::default() }
}

/// A client that asks for a key safe from quantum computers must not get one that is not. A symmetric key of 256 bits
/// is: Grover's algorithm halves its strength at most.
///
/// # Standard
/// KMIP 2.1 section 4.43 (Quantum Safe); NIST IR 8547 section 2.
fn check_quantum_safe(described: &Described) -> Result<(), Failure> {
    let name = AttributeName::Standard(AttributeKind::QuantumSafe);
    let wanted =
        described.template.further.get(&name).is_some_and(|values| values.contains(&Value::Boolean(true)));
    let long = described.length_bits.is_some_and(|length| length >= 256);
    let safe = described
        .algorithm
        .is_some_and(|algorithm| algorithm.is_post_quantum() || !algorithm.is_asymmetric() && long);
    if wanted && !safe {
        let message = "Quantum Safe is asked for, and no key of this algorithm and length is: use AES-256, ML-KEM, ML-DSA or SLH-DSA";
        return Err(Failure::new(ResultReason::GeneralFailure, message));
    }
    Ok(())
}
