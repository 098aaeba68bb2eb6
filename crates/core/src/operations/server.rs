//! Entries and records of the server itself: initialization, start, stop, its CA, failed authentications.

use std::{collections::BTreeSet, sync::Arc};

use super::{Operation, Subject};
use crate::{
    access::{Action, Permit},
    engine::{Engine, damaged},
    error::{Error, ErrorKind, Result},
    model::{ErasedObject, KeyFormat, KeyId, ObjectId, ObjectType, RealmId},
    ports::{
        crypto::Crypto,
        seal::{SealBinding, SealedMaterial, Sealer},
        store::Store,
    },
    record::{Realm, Record, RecordKey, ServerData},
    request::{Context, Resolved},
    secret::SecretBytes,
};

/// Records something that the server did, or that was done to it, without a change of the state.
pub struct Note {
    /// `Start`, `Stop`, `Authenticate`, ...
    pub action: Action,
    /// What is worth reading.
    pub detail: String,
    /// True where it is a denial (a failed authentication).
    pub denied: bool,
}

impl Operation for Note {
    type Reply = ();

    fn action(&self) -> Action {
        self.action
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<()> {
        if self.denied {
            return Err(Error::new(ErrorKind::Unauthenticated, self.detail.clone()));
        }
        context.note_detail(self.detail.clone());
        Ok(())
    }
}

/// Records that requests of a flood are not on record one by one.
pub struct CountFailures {
    /// Whose they were, or where they came from, where that is one.
    pub of: Option<String>,
    /// How many, of what, and when.
    pub detail: String,
}

impl Operation for CountFailures {
    type Reply = ();

    fn action(&self) -> Action {
        Action::CountFailures
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<()> {
        self.of.iter().for_each(|of| context.note_target(of));
        context.note_detail(self.detail.clone());
        Ok(())
    }
}

/// Records a request that came to no operation here: one that a front-end answers by itself, or could not read.
pub struct OtherRequest {
    /// What was asked for, in the protocol's own words.
    pub what: String,
    /// Why it was refused, where it was. Holds no secret.
    pub refused: Option<(ErrorKind, String)>,
}

impl Operation for OtherRequest {
    type Reply = ();

    fn action(&self) -> Action {
        Action::OtherRequest
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<()> {
        context.note_target(&self.what);
        match &self.refused {
            Some((kind, detail)) => Err(Error::new(*kind, detail.clone())),
            None => Ok(()),
        }
    }
}

/// Makes the realm `default`: the first entry of a new store.
pub struct Initialize;

impl Operation for Initialize {
    type Reply = ();

    fn action(&self) -> Action {
        Action::Initialize
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<()> {
        if context.get(RecordKey::Realm(RealmId::DEFAULT))?.is_some() {
            return Err(Error::new(ErrorKind::AlreadyExists, "this store is initialized"));
        }
        let created = context.now();
        context.put(Record::Realm(Realm {
            id: RealmId::DEFAULT,
            name: "default".into(),
            created,
            deleted: None,
        }));
        Ok(())
    }
}

/// Keeps data of the server, with a secret part where there is one (the CA and its key).
pub struct PutServerData {
    /// Name.
    pub name: String,
    /// Readable part.
    pub data: Vec<u8>,
    /// Secret part. Holds secrets.
    pub secret: Option<SecretBytes>,
}

impl Operation for PutServerData {
    type Reply = ();

    fn action(&self) -> Action {
        Action::Initialize
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<()> {
        let data = server_data_of(context, &self.name, &self.data, self.secret.as_ref())?;
        context.note_target(&self.name);
        context.put(Record::Server(Arc::new(data)));
        Ok(())
    }
}

/// Server data with its secret part sealed, to be put.
///
/// # Errors
/// The sealer's.
pub(super) fn server_data_of(
    context: &mut Context<'_>,
    name: &str,
    data: &[u8],
    secret: Option<&SecretBytes>,
) -> Result<ServerData> {
    let id = context.new_object_id()?;
    server_data_under(context, id, (name, data), secret)
}

/// As [`server_data_of`], with the secret part sealed under this id, which nothing else has.
///
/// # Errors
/// The sealer's.
pub(super) fn server_data_under(
    context: &Context<'_>,
    id: ObjectId,
    (name, data): (&str, &[u8]),
    secret: Option<&SecretBytes>,
) -> Result<ServerData> {
    let sealed = secret.map(|secret| {
        let mut bound = Vec::with_capacity(32 + secret.len());
        bound.extend_from_slice(&context.crypto().sha256(&head(name, data)));
        bound.extend_from_slice(secret.expose());
        context.seal(&server_binding(id), &SecretBytes::new(bound))
    });
    Ok(ServerData { name: name.to_owned(), data: data.to_vec(), sealed: sealed.transpose()? })
}

/// Reads data of the server: the readable part and the opened secret part. For the server's own wiring only.
///
/// # Errors
/// `NotFound`; the sealer's.
pub fn server_data(engine: &Engine, name: &str) -> Result<(Vec<u8>, Option<SecretBytes>)> {
    let key = RecordKey::Server(name.to_owned());
    match engine.store().get(&key)?.as_deref() {
        Some(Record::Server(data)) => {
            let secret = data
                .sealed
                .as_ref()
                .map(|sealed| open_bound(&**engine.crypto(), &**engine.sealer(), data, sealed))
                .transpose()?;
            Ok((data.data.clone(), secret))
        }
        Some(other) => Err(damaged(&key, other)),
        None => Err(Error::not_found(name)),
    }
}

/// The secret part is sealed behind a hash of name and readable part: none can be exchanged alone.
fn head<'a>(name: &'a str, data: &'a [u8]) -> [&'a [u8]; 3] {
    [name.as_bytes(), &[0], data]
}

pub(crate) fn open_bound(
    crypto: &dyn Crypto,
    sealer: &dyn Sealer,
    data: &ServerData,
    sealed: &SealedMaterial,
) -> Result<SecretBytes> {
    let bound = sealer.open(&server_binding(sealed.object), sealed)?;
    let expected = crypto.sha256(&head(&data.name, &data.data));
    match bound.expose().split_first_chunk::<32>() {
        Some((found, secret)) if crypto.equal(found, &expected) => Ok(SecretBytes::copy_from(secret)),
        _ => Err(Error::internal(format!("server data {} does not belong to its sealed part", data.name))),
    }
}

/// Ids under which the secret parts of these server data are sealed.
///
/// # Errors
/// The store's.
pub(super) fn known_server_data(store: &dyn Store, names: &[&str]) -> Result<BTreeSet<ObjectId>> {
    let mut ids = BTreeSet::new();
    for name in names {
        if let Some(Record::Server(data)) = store.get(&RecordKey::Server((*name).to_owned()))?.as_deref() {
            ids.extend(data.sealed.as_ref().map(|sealed| sealed.object));
        }
    }
    Ok(ids)
}

/// Seals the secret part anew, where it is not under this root key; gives the former root key's version, and what an
/// erasure must know of the former leaf.
///
/// # Errors
/// The sealer's.
pub(super) fn reseal_server_data(
    context: &mut Context<'_>,
    name: &str,
    root_version: u32,
) -> Result<Option<(u32, ErasedObject)>> {
    let key = RecordKey::Server(name.to_owned());
    let record = context.get(key.clone())?;
    let data = match record.as_deref() {
        Some(Record::Server(data)) => data,
        Some(other) => return Err(damaged(&key, other)),
        None => return Ok(None),
    };
    let Some(former) = data.sealed.as_ref().filter(|sealed| sealed.root_version != root_version) else {
        return Ok(None);
    };
    let binding = server_binding(former.object);
    let sealed = context.seal(&binding, &context.open(&binding, former)?)?;
    context.put(Record::Server(Arc::new(ServerData { sealed: Some(sealed), ..ServerData::clone(data) })));
    Ok(Some((former.root_version, erased_part(former))))
}

/// What an erasure must know of the secret part of server data.
pub(super) fn erased_part(sealed: &SealedMaterial) -> ErasedObject {
    let binding = server_binding(sealed.object);
    ErasedObject {
        object: sealed.object,
        key: KeyId(sealed.object.0),
        version: binding.version,
        object_type: binding.object_type,
        leaf_index: sealed.leaf_index,
    }
}

fn server_binding(object: ObjectId) -> SealBinding {
    SealBinding {
        realm: RealmId::DEFAULT,
        object,
        version: 0,
        object_type: ObjectType::SecretData,
        algorithm: None,
        length_bits: 0,
        format: KeyFormat::Opaque,
        sensitive: true,
        extractable: false,
    }
}
