//! Set Defaults, Set Constraints and Get Constraints; what Query tells of defaults, and the kind of key that a request takes
//! from them. Not here: defaults of all other attributes, and what constraints refuse (core).

use keyreeve_core::attributes::describe;
use keyreeve_core::model::{self, AttributeKind, AttributeName, ObjectRule, RuleKind, Value};
use keyreeve_core::operations::object_rules::{SetObjectRules, ShowObjectRules};
use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::Attributes;
use keyreeve_kmip::enums::ObjectType;
use keyreeve_kmip::payloads::get_constraints::GetConstraintsResponse;
use keyreeve_kmip::payloads::query::{DefaultsInformation, ObjectDefaults, ObjectGroups, ObjectTypes};
use keyreeve_kmip::payloads::set_constraints::{
    Constraint, Constraints, SetConstraintsRequest, SetConstraintsResponse,
};
use keyreeve_kmip::payloads::set_defaults::{SetDefaultsRequest, SetDefaultsResponse};

use super::batch::Batch;
use super::errors::{Failure, missing};
use super::{attributes, objects};

pub(super) async fn set_defaults(
    batch: &mut Batch<'_>,
    request: SetDefaultsRequest,
) -> Result<SetDefaultsResponse, Failure> {
    let defaults = request.defaults_information.unwrap_or_default().object_defaults;
    let rules = defaults.into_iter().map(|one| {
        let types: Vec<_> =
            one.object_type.into_iter().chain(one.object_types.unwrap_or_default().object_types).collect();
        if types.is_empty() {
            return Err(missing("ObjectType or ObjectTypes"));
        }
        incoming(types, one.object_groups, &one.attributes)
    });
    let rules = rules.collect::<Result<_, _>>()?;
    batch.run(SetObjectRules { kind: RuleKind::Defaults, rules }).await?;
    Ok(SetDefaultsResponse::default())
}

pub(super) async fn set_constraints(
    batch: &mut Batch<'_>,
    request: SetConstraintsRequest,
) -> Result<SetConstraintsResponse, Failure> {
    let rules = request.constraints.constraints.into_iter().map(|one| {
        let types = one.object_types.unwrap_or_default().object_types;
        incoming(types, one.object_groups, &one.attributes.unwrap_or_default())
    });
    let rules = rules.collect::<Result<_, _>>()?;
    batch.run(SetObjectRules { kind: RuleKind::Constraints, rules }).await?;
    Ok(SetConstraintsResponse::default())
}

pub(super) async fn get_constraints(batch: &mut Batch<'_>) -> Result<GetConstraintsResponse, Failure> {
    let rules = batch.run(ShowObjectRules { kind: RuleKind::Constraints }).await?;
    let constraints = rules.into_iter().map(|rule| Constraint {
        object_types: types(&rule),
        attributes: Some(outgoing(&rule, batch.version)),
        object_groups: groups(rule.groups),
    });
    Ok(GetConstraintsResponse { constraints: Constraints { constraints: constraints.collect() } })
}

/// What Query tells of the defaults of objects in these groups; of all where none are named.
pub(super) async fn defaults_information(
    batch: &mut Batch<'_>,
    asked: Option<&ObjectGroups>,
) -> Result<Option<DefaultsInformation>, Failure> {
    let rules = batch.run(ShowObjectRules { kind: RuleKind::Defaults }).await?;
    let is_asked = |rule: &ObjectRule| {
        let among =
            |asked: &ObjectGroups| rule.groups.iter().any(|group| asked.object_groups.contains(group));
        rule.groups.is_empty() || asked.is_none_or(among)
    };
    let defaults = rules.into_iter().filter(is_asked).flat_map(|rule| told(rule, batch.version));
    let object_defaults: Vec<_> = defaults.collect();
    Ok((!object_defaults.is_empty()).then_some(DefaultsInformation { object_defaults }))
}

/// Before 2.1 defaults have one kind each, and no groups.
fn told(rule: ObjectRule, version: Version) -> Vec<ObjectDefaults> {
    let attributes = outgoing(&rule, version);
    let one = |object_type: Option<ObjectType>| ObjectDefaults {
        object_type,
        object_types: None,
        attributes: attributes.clone(),
        object_groups: None,
    };
    match &rule.object_types[..] {
        [only] => {
            vec![ObjectDefaults { object_groups: groups(rule.groups), ..one(Some(only.code().into())) }]
        }
        several if version < Version::V2_1 => {
            several.iter().map(|kind| one(Some(kind.code().into()))).collect()
        }
        _ => vec![ObjectDefaults {
            object_types: types(&rule),
            object_groups: groups(rule.groups.clone()),
            ..one(None)
        }],
    }
}

/// The attributes with the kind of key that the realm's defaults say, where the client says none, or the algorithm alone.
pub(super) async fn with_kind_of_key(
    batch: &mut Batch<'_>,
    object_type: model::ObjectType,
    mut own: Vec<(AttributeName, Value)>,
) -> Result<Vec<(AttributeName, Value)>, Failure> {
    use AttributeKind::{CryptographicAlgorithm, CryptographicDomainParameters, CryptographicLength};
    let described = describe(own.iter().cloned())?;
    let is_secret = object_type == model::ObjectType::SecretData;
    let is_told = described.length_bits.is_some() && (is_secret || described.algorithm.is_some());
    if is_told || described.spec().is_ok() {
        return Ok(own);
    }
    let algorithm = AttributeName::Standard(CryptographicAlgorithm);
    let asked = own.iter().find(|(name, _)| *name == algorithm).map(|(_, value)| value.clone());
    let is_of_kind = |name: &AttributeName| {
        [CryptographicAlgorithm, CryptographicLength, CryptographicDomainParameters]
            .into_iter()
            .any(|kind| *name == AttributeName::Standard(kind))
    };
    for rule in batch.run(ShowObjectRules { kind: RuleKind::Defaults }).await? {
        let mut of_kind = rule.attributes.iter().filter(|(name, _)| is_of_kind(name)).peekable();
        let is_other =
            |asked: &Value| rule.attributes.iter().any(|(name, it)| *name == algorithm && it != asked);
        if !rule.is_about(object_type, &described.template.groups)
            || of_kind.peek().is_none()
            || asked.as_ref().is_some_and(is_other)
        {
            continue;
        }
        for (name, value) in of_kind {
            if !own.iter().any(|(known, _)| known == name) {
                own.push((name.clone(), value.clone()));
            }
        }
        break;
    }
    Ok(own)
}

fn incoming(
    types: Vec<ObjectType>,
    groups: Option<ObjectGroups>,
    attributes: &Attributes,
) -> Result<ObjectRule, Failure> {
    Ok(ObjectRule {
        object_types: types.into_iter().map(objects::object_type).collect::<Result<_, _>>()?,
        groups: groups.unwrap_or_default().object_groups,
        attributes: attributes.0.iter().map(attributes::given).collect::<Result<_, _>>()?,
    })
}

fn outgoing(rule: &ObjectRule, version: Version) -> Attributes {
    let each = rule.attributes.iter();
    Attributes(each.filter_map(|(name, value)| attributes::outgoing(name, 0, value, version)).collect())
}

fn types(rule: &ObjectRule) -> Option<ObjectTypes> {
    let object_types: Vec<_> = rule.object_types.iter().map(|kind| kind.code().into()).collect();
    (!object_types.is_empty()).then_some(ObjectTypes { object_types })
}

fn groups(object_groups: Vec<String>) -> Option<ObjectGroups> {
    (!object_groups.is_empty()).then_some(ObjectGroups { object_groups })
}
