//! Templates (KMIP 1.x, deprecated in 1.3): attributes for new objects, kept as an object of their own and named in requests
//! that make others. Not here: what attributes mean (core).

use keyreeve_core::SecretBytes;
use keyreeve_core::attributes::{describe, rule};
use keyreeve_core::model::{AttributeKind, AttributeName, KeyFormat, KeyMaterial, ObjectType, Value};
use keyreeve_core::operations::get::{Get, Protection};
use keyreeve_core::operations::locate::{Locate, StorageStatus};
use keyreeve_core::request::Reference;
use keyreeve_kmip::attributes::{Attribute, Name, TemplateAttribute};
use keyreeve_kmip::enums::ResultReason;
use keyreeve_kmip::objects::Template;
use keyreeve_kmip::{Limits, Version};

use super::attributes::given;
use super::batch::Batch;
use super::errors::Failure;

/// The newest version that has templates: they are kept as it writes them.
const VERSION: Version = Version::V1_4;

/// Templates that one request may name.
const NAMES_MAX: usize = 16;

/// All attributes that a request gives a new object: those of the templates that it names, in order, and its own. Of an
/// attribute that there is once, its own counts, or else that of the last template.
///
/// # Standard
/// KMIP 1.2 sections 2.1.8 (Template-Attribute Structures) and 4 (conflicts).
pub(super) async fn resolved(
    batch: &mut Batch<'_>,
    template: Option<&TemplateAttribute>,
) -> Result<Vec<(AttributeName, Value)>, Failure> {
    let Some(template) = template else { return Ok(Vec::new()) };
    if template.names.len() > NAMES_MAX {
        let message = format!("{} templates are named: at most {NAMES_MAX}", template.names.len());
        return Err(Failure::new(ResultReason::ServerLimitExceeded, message));
    }
    let own = template.attributes.0.iter().map(given).collect::<Result<Vec<_>, _>>()?;
    let mut all = own;
    for name in template.names.iter().rev() {
        all = merged(Box::pin(named(batch, name)).await?, all);
    }
    Ok(all)
}

/// Attributes that came with an object below those that the request itself gives it, as a template's.
pub(super) fn under(
    own: Vec<(AttributeName, Value)>,
    inside: Vec<Attribute>,
) -> Result<Vec<(AttributeName, Value)>, Failure> {
    let inside = inside.iter().map(given).collect::<Result<Vec<_>, _>>()?;
    Ok(merged(inside, own))
}

fn merged(
    mut below: Vec<(AttributeName, Value)>,
    mut above: Vec<(AttributeName, Value)>,
) -> Vec<(AttributeName, Value)> {
    below.retain(|(name, value)| match rule(name).multiple {
        true => !above.iter().any(|(known, other)| known == name && other == value),
        false => !above.iter().any(|(known, _)| known == name),
    });
    below.append(&mut above);
    below
}

/// The attributes of the template that has this name.
async fn named(batch: &mut Batch<'_>, name: &Name) -> Result<Vec<(AttributeName, Value)>, Failure> {
    let unknown = || Failure::new(ResultReason::ObjectNotFound, "there is no template of this name");
    let standard = AttributeName::Standard;
    let text = ("NameValue".to_owned(), Value::Text(name.name_value.clone()));
    let kind = Value::Enumeration(ObjectType::Template.code());
    let search = Locate {
        criteria: vec![
            (standard(AttributeKind::Name), Value::Structure(vec![text])),
            (standard(AttributeKind::ObjectType), kind),
        ],
        group_member: None,
        storage: StorageStatus { online: true, archived: false, destroyed: false },
        items_max: Some(1),
        offset: 0,
    };
    let id = *batch.run(search).await?.objects.first().ok_or_else(unknown)?;
    let key = Reference::Object(id);
    let get = Get { key, version: None, public: false, format: None, protection: Protection::Plain };
    let gotten = batch.run(get).await?;
    let template = outgoing(gotten.material.bytes.expose())?;
    template.attributes.0.iter().map(given).collect()
}

/// A template as it is kept. Its attributes must be such that an object can be made of them.
pub(super) fn kept(template: &Template) -> Result<KeyMaterial, Failure> {
    describe(template.attributes.0.iter().map(given).collect::<Result<Vec<_>, _>>()?)?;
    let bytes = SecretBytes::new(template.to_ttlv(VERSION)?.into_vec());
    Ok(KeyMaterial { format: KeyFormat::Opaque, bytes })
}

/// A template as it was given.
pub(super) fn outgoing(kept: &[u8]) -> Result<Template, Failure> {
    // INVARIANT: `kept` above encoded it, from a message within its limits.
    let limits = Limits { message_bytes_max: usize::MAX, ..Limits::default() };
    Ok(Template::from_ttlv(kept, VERSION, &limits)?)
}
