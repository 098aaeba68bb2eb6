//! Reseal: seals anew what was sealed under a root key that has been replaced, under the present one and fresh leaves, and
//! puts the former leaves on record for erasure in the same entry. Material and attributes stay what they are. Not here:
//! replacing the root key, which the store does.

use std::{
    collections::BTreeSet,
    ops::Bound,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    Operation, Subject, duplicates, realms,
    server::{known_server_data, reseal_server_data},
};
use crate::{
    access::{Action, Caller, Permit},
    engine::{Engine, damaged},
    error::{Error, ErrorKind, Result},
    model::{ErasedObject, Erasure, ErasureId, ObjectId, RealmId},
    persons,
    ports::store::{IndexRange, Store},
    record::{IndexKind, Record, RecordKey, ServerData},
    request::{Context, Resolved},
};

/// Name of the server data that says up to which root key everything was sealed anew.
const RESEALED: &str = "resealed";

/// Objects that one entry seals anew at most. One whose objects are large, or change meanwhile, is split.
const OBJECTS_MAX: usize = 256;

/// Seals some objects anew. Those that are gone, or sealed under the present root key, stay as they are.
struct Reseal<'a> {
    root_version: u32,
    objects: &'a [ObjectId],
    /// Names of server data.
    server: &'a [&'a str],
}

/// Records that all is sealed under this root key.
struct Resealed {
    root_version: u32,
}

/// Whether anything may still be sealed under a root key before this one.
///
/// # Errors
/// The store's.
pub fn is_pending(store: &dyn Store, root_version: u32) -> Result<bool> {
    if root_version == 1 {
        return Ok(false);
    }
    let key = RecordKey::Server(RESEALED.into());
    match store.get(&key)?.as_deref() {
        Some(Record::Server(done)) => Ok(done.data != root_version.to_string().as_bytes()),
        Some(other) => Err(damaged(&key, other)),
        None => Ok(true),
    }
}

/// Seals everything anew that is not sealed under this root key, in batches, while others work; `caller` gives the
/// server itself as the caller of one request. Run again after whatever broke it off, it does what is left. `server`
/// names the server data that the caller knows of; `sealed` counts the objects. Not for async tasks.
///
/// # Errors
/// The store's; `Internal` for sealed data that belongs to nothing, and for what does not open: the rest is done then.
pub fn reseal_all(
    engine: &Engine,
    caller: &dyn Fn() -> Result<Caller>,
    root_version: u32,
    server: &[&str],
    sealed: &AtomicU64,
) -> Result<()> {
    if !is_pending(&**engine.store(), root_version)? {
        return Ok(());
    }
    let mut names: Vec<String> = server.iter().map(|name| (*name).to_owned()).collect();
    names.push(duplicates::DIGEST_KEY.to_owned());
    let realms = realms::made(engine.store().as_ref(), realms::REALMS_MAX)?;
    names.extend(realms.into_iter().chain([RealmId::DEFAULT]).map(persons::names_key_name));
    let server: &[&str] = &names.iter().map(String::as_str).collect::<Vec<_>>();
    // INVARIANT: once this entry is durable, everything under former root keys is in the index: the store takes nothing
    // more that is sealed under them.
    engine.execute(&caller()?, &Reseal { root_version, objects: &[], server })?;
    let known = known_server_data(engine.store().as_ref(), server)?;
    let (mut after, mut failed) = (None, None);
    let range = IndexRange {
        realm: RealmId::DEFAULT,
        kind: IndexKind::Leaf,
        from: Bound::Unbounded,
        to: Bound::Unbounded,
    };
    loop {
        let hits = engine.store().find(&range, after.as_ref(), OBJECTS_MAX)?;
        let objects = hits.iter().map(|hit| ObjectId(hit.id)).filter(|id| !known.contains(id));
        for batch in outdated(engine.store().as_ref(), objects, root_version)?.chunks(OBJECTS_MAX) {
            match reseal(engine, caller, root_version, batch) {
                Ok(count) => drop(sealed.fetch_add(count, Ordering::Relaxed)),
                Err(error) if error.kind() == ErrorKind::Unavailable => return Err(error),
                Err(error) => failed = Some(error),
            }
        }
        match hits.last() {
            Some(last) => after = Some(last.clone()),
            None => break,
        }
    }
    match failed {
        Some(error) => Err(error),
        None => engine.execute(&caller()?, &Resealed { root_version }),
    }
}

/// Those of the objects, and of the persons, whose material is under another root key.
fn outdated(
    store: &dyn Store,
    objects: impl Iterator<Item = ObjectId>,
    root_version: u32,
) -> Result<Vec<ObjectId>> {
    let mut outdated = Vec::new();
    for id in objects {
        match store.get(&RecordKey::Material(id))?.as_deref() {
            Some(Record::Material(sealed)) if sealed.root_version == root_version => {}
            Some(Record::Material(_)) => outdated.push(id),
            Some(other) => return Err(damaged(&RecordKey::Material(id), other)),
            None if is_outdated_person(store, id, root_version)? => outdated.push(id),
            None if store.get(&RecordKey::Server(persons::record_name(id)))?.is_some() => {}
            None if store.get(&RecordKey::Object(id))?.is_some() => {}
            None => {
                return Err(Error::internal(format!("sealed data {id} belongs to nothing that is known")));
            }
        }
    }
    Ok(outdated)
}

/// Whether it is a person, under another root key.
fn is_outdated_person(store: &dyn Store, id: ObjectId, root_version: u32) -> Result<bool> {
    let record = store.get(&RecordKey::Server(persons::record_name(id)))?;
    Ok(match record.as_deref() {
        Some(Record::Server(data)) => {
            data.sealed.as_ref().is_some_and(|sealed| sealed.root_version != root_version)
        }
        _ => false,
    })
}

/// Seals a batch; one that is too large for an entry, that others keep changing or in which something is damaged, by
/// halves, so that one object keeps no others from being sealed.
fn reseal(
    engine: &Engine,
    caller: &dyn Fn() -> Result<Caller>,
    root_version: u32,
    objects: &[ObjectId],
) -> Result<u64> {
    match engine.execute(&caller()?, &Reseal { root_version, objects, server: &[] }) {
        Err(error) if objects.len() > 1 && error.kind() != ErrorKind::Unavailable => {
            let (one, other) = objects.split_at(objects.len() / 2);
            // Both halves are tried, whatever comes of the first.
            let one = reseal(engine, caller, root_version, one);
            Ok(reseal(engine, caller, root_version, other)? + one?)
        }
        sealed => sealed,
    }
}

impl Operation for Reseal<'_> {
    /// How many objects were sealed.
    type Reply = u64;

    fn action(&self) -> Action {
        Action::Reseal
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<u64> {
        let mut former = Vec::new();
        for id in self.objects {
            former.extend(context.reseal(*id, self.root_version)?);
            former.extend(reseal_server_data(context, &persons::record_name(*id), self.root_version)?);
        }
        for name in self.server {
            former.extend(reseal_server_data(context, name, self.root_version)?);
        }
        context.note_detail(format!("{} sealed under root key {}", former.len(), self.root_version));
        let count = former.len() as u64;
        if !former.is_empty() {
            put_erasure(context, former)?;
        }
        Ok(count)
    }
}

impl Operation for Resealed {
    type Reply = ();

    fn action(&self) -> Action {
        Action::Reseal
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<()> {
        let data = self.root_version.to_string();
        context.note_detail(format!("everything is sealed under root key {data}"));
        let done = ServerData { name: RESEALED.into(), data: data.into_bytes(), sealed: None };
        context.put(Record::Server(Arc::new(done)));
        Ok(())
    }
}

/// Puts the former leaves on record for erasure, with the root keys that they went with.
fn put_erasure(context: &mut Context<'_>, former: Vec<(u32, ErasedObject)>) -> Result<()> {
    let versions: BTreeSet<u32> = former.iter().map(|(version, _)| *version).collect();
    let versions: Vec<String> = versions.iter().map(u32::to_string).collect();
    let caller = context.caller();
    let erasure = Erasure {
        id: ErasureId(context.new_object_id()?.0),
        realm: context.realm(),
        asked: context.now(),
        principal: caller.id(),
        principal_name: caller.name().to_owned(),
        scope: format!("root key {}", versions.join(", ")),
        objects: former.into_iter().map(|(_, object)| object).collect(),
        switched: None,
        switched_at: None,
    };
    context.put(Record::Erasure(Arc::new(erasure)));
    Ok(())
}
