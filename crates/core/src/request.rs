//! One request while it runs: what it has read, what it wants to change, and what it will have on record.

use std::sync::Arc;

use crate::{
    access::{Caller, rules},
    engine::{Engine, damaged},
    error::{Error, ErrorKind, Result},
    lifecycle,
    model::{
        ErasedObject, HashAlgorithm, Key, KeyId, KeyMaterial, KeyPolicy, Lsn, ManagedObject, ObjectId,
        RealmId, Time,
    },
    operations::object_rules::check_constraints,
    pages::Pages,
    parsed::Loaded,
    ports::store::{DrawnIds, IndexHit, IndexRange, Order},
    ports::{
        crypto::{Crypto, ParsedKey},
        seal::{SealBinding, SealedMaterial},
    },
    record::{Change, Record, RecordKey, Touched},
    walks::Walk,
};

mod access;
mod approval;
mod counts;
mod material;
pub(crate) mod policy;
mod principals;

pub use material::is_key;
use material::refuse_valueless;
pub(crate) use material::{digest_is_public, refuse_wrapped};

/// A key's name in bytes at most.
pub const NAME_BYTES_MAX: usize = 1024;

/// What an entry keeps of the name or id that was asked for, in bytes at most.
const TARGET_BYTES_MAX: usize = 256;

/// How many of the latest reads are looked through for a double.
const READS_COMPARED_MAX: usize = 16;

/// How a client names a key or an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// A key's name; or a key's or an object's id as text.
    Text(String),
    /// An object's id.
    Object(ObjectId),
    /// Text in the place of an object's id: it leads to the object that was imported under it ([`ObjectId::chosen`]).
    Chosen(String),
}

impl Reference {
    /// A reference from text that a protocol defines as an object's id, and never as a name.
    pub fn object(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Chosen(text.to_owned()), Self::Object)
    }

    /// A reference from text as people and REST give it.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}

/// What a reference led to.
#[derive(Clone)]
pub struct Resolved {
    /// The key.
    pub key: Arc<Key>,
    /// The object, where one was named by its id.
    pub object: Option<ObjectId>,
}

/// The object id of an identifier that a client chooses: the id itself, or what stands for any other text in this realm.
pub fn chosen_id(crypto: &dyn Crypto, realm: RealmId, identifier: &str) -> ObjectId {
    let other = |_| ObjectId::chosen(crypto.sha256(&[realm.as_bytes(), identifier.as_bytes()]));
    identifier.parse().unwrap_or_else(other)
}

/// The running request.
pub struct Context<'e> {
    engine: &'e Engine,
    caller: &'e Caller,
    now: Time,
    as_of: Lsn,
    reads: Vec<RecordKey>,
    changes: Vec<Change>,
    drawn: DrawnIds,
    valid_until: Option<Time>,
    key: Option<KeyId>,
    object: Option<ObjectId>,
    target: Option<String>,
    others: Vec<KeyId>,
    canary: bool,
    detail: Option<String>,
    purge: Vec<ObjectId>,
    loaded: Loaded,
    taken: Vec<(ObjectId, Arc<dyn ParsedKey>)>,
    touched: Vec<Touched>,
    access: rules::Session<'e>,
    /// Whether this request was put on record as one that waits for approvals, and did nothing else.
    proposed: bool,
    /// By whose approval it runs.
    approved: Option<String>,
    /// The approval rules that it satisfied.
    ruled: Vec<String>,
    /// How many approvals access rules want of it.
    quorum: u8,
}

/// What is left of a request once it ran.
pub(crate) struct Finished {
    pub(crate) now: Time,
    pub(crate) as_of: Lsn,
    pub(crate) reads: Vec<RecordKey>,
    pub(crate) changes: Vec<Change>,
    pub(crate) drawn: DrawnIds,
    pub(crate) valid_until: Option<Time>,
    pub(crate) key: Option<KeyId>,
    pub(crate) object: Option<ObjectId>,
    pub(crate) target: Option<String>,
    pub(crate) others: Vec<KeyId>,
    pub(crate) canary: bool,
    pub(crate) detail: Option<String>,
    pub(crate) purge: Vec<ObjectId>,
    pub(crate) loaded: Loaded,
    pub(crate) taken: Vec<(ObjectId, Arc<dyn ParsedKey>)>,
    pub(crate) touched: Vec<Touched>,
    pub(crate) proposed: bool,
    pub(crate) approved: Option<String>,
    pub(crate) effort: rules::Effort,
}

impl<'e> Context<'e> {
    pub(crate) fn new(engine: &'e Engine, caller: &'e Caller, now: Time, as_of: Lsn) -> Self {
        Self {
            engine,
            caller,
            now,
            as_of,
            reads: Vec::new(),
            changes: Vec::new(),
            drawn: DrawnIds::default(),
            valid_until: None,
            key: None,
            object: None,
            target: None,
            others: Vec::new(),
            canary: false,
            detail: None,
            purge: Vec::new(),
            loaded: engine.parsed().loading(),
            taken: Vec::new(),
            touched: Vec::new(),
            access: rules::Session::new(&**engine.store(), engine.decisions(), now),
            proposed: false,
            approved: None,
            ruled: Vec::new(),
            quorum: 0,
        }
    }

    pub(crate) fn finish(mut self) -> Finished {
        let effort = self.access.effort();
        let (reads, until) = self.access.finish();
        self.reads.extend(reads);
        self.valid_until = [self.valid_until, until].into_iter().flatten().min();
        Finished {
            now: self.now,
            as_of: self.as_of,
            reads: self.reads,
            changes: self.changes,
            drawn: self.drawn,
            valid_until: self.valid_until,
            key: self.key,
            object: self.object,
            target: self.target,
            others: self.others,
            canary: self.canary,
            detail: self.detail,
            purge: self.purge,
            loaded: self.loaded,
            taken: self.taken,
            touched: self.touched,
            proposed: self.proposed,
            approved: self.approved,
            effort,
        }
    }

    /// Who asks.
    pub fn caller(&self) -> &'e Caller {
        self.caller
    }

    /// The realm of the caller.
    pub fn realm(&self) -> RealmId {
        self.caller.realm()
    }

    /// The time of this request: one instant for all that it does.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The engine, for what no decision depends on.
    pub(crate) fn engine(&self) -> &'e Engine {
        self.engine
    }

    /// Forgets what is kept ready of a person, once this is on record.
    pub(crate) fn purge(&mut self, person: ObjectId) {
        self.purge.push(person);
    }

    /// The crypto port.
    pub fn crypto(&self) -> &'e dyn Crypto {
        &**self.engine.crypto()
    }

    /// The store, for reads that no decision depends on (lists, journal).
    pub fn store(&self) -> &'e dyn crate::ports::store::Store {
        &**self.engine.store()
    }

    /// Days from the wish to destroy to the destruction, where a key's policy says nothing.
    pub fn destroy_waiting_days(&self) -> u16 {
        self.engine.destroy_waiting_days()
    }

    /// Where searches ended.
    pub(crate) fn pages(&self) -> &'e Pages {
        self.engine.pages()
    }

    /// The right to walk on where little is found, which few requests of one caller have at a time.
    ///
    /// # Errors
    /// `LimitExceeded` while others of the caller have it.
    pub(crate) fn walking(&self) -> Result<Walk<'e>> {
        self.engine.walks().begin(self.caller.id())
    }

    /// The right to read the past, which one request has at a time.
    ///
    /// # Errors
    /// `Unavailable` while another has it.
    pub(crate) fn reading_the_past(&self) -> Result<parking_lot::MutexGuard<'e, ()>> {
        self.engine.reading_the_past()
    }

    /// Ten random bytes for an id.
    pub fn random_id(&self) -> Result<[u8; 10]> {
        let mut bytes = [0; 10];
        self.crypto().fill(&mut bytes)?;
        Ok(bytes)
    }

    /// A new object id, behind all that this engine made before.
    pub fn new_object_id(&mut self) -> Result<ObjectId> {
        let id = ObjectId::from_tick(self.engine.tick(self.now), &self.random_id()?);
        self.drawn.add(id.0);
        Ok(id)
    }

    /// The object id of an identifier that a client chooses, as [`chosen_id`] tells it of this realm.
    pub fn chosen_id(&self, identifier: &str) -> ObjectId {
        chosen_id(self.crypto(), self.realm(), identifier)
    }

    /// Reads a record and remembers that the outcome depends on it.
    pub fn get(&mut self, key: RecordKey) -> Result<Option<Arc<Record>>> {
        if let Some(pending) = self.pending(&key) {
            return Ok(pending);
        }
        self.access.looked_up();
        let record = self.engine.store().get(&key)?;
        // Lists read thousands of records and bind none of them: looking far back for doubles would cost more than
        // a double does.
        if !self.reads.iter().rev().take(READS_COMPARED_MAX).any(|known| *known == key) {
            self.reads.push(key);
        }
        Ok(record)
    }

    /// What this request itself has made of the record, where it changed it.
    fn pending(&self, key: &RecordKey) -> Option<Option<Arc<Record>>> {
        self.changes.iter().rev().filter(|change| change.key() == *key).find_map(|change| match change {
            Change::Put(record) => Some(Some(Arc::new(record.clone()))),
            Change::Delete(_) => Some(None),
            Change::Exported(..) | Change::Spent { .. } | Change::Drawn(..) => None,
        })
    }

    /// One page of an index. Not tracked: what is found must be read by `get` where a decision depends on it.
    pub fn find(&self, range: &IndexRange, after: Option<&IndexHit>, limit: usize) -> Result<Vec<IndexHit>> {
        self.find_in(Order::Ascending, range, after, limit)
    }

    /// As `find`, in this order.
    pub fn find_in(
        &self,
        order: Order,
        range: &IndexRange,
        beyond: Option<&IndexHit>,
        limit: usize,
    ) -> Result<Vec<IndexHit>> {
        self.engine.store().find_in(order, range, beyond, limit)
    }

    /// The object of this id in the caller's realm.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn object(&mut self, id: ObjectId) -> Result<Arc<ManagedObject>> {
        let key = RecordKey::Object(id);
        match self.get(key.clone())?.as_deref() {
            Some(Record::Object(object)) if object.realm == self.realm() => Ok(Arc::clone(object)),
            Some(Record::Object(_)) | None => Err(Error::no_such_key()),
            Some(other) => Err(damaged(&key, other)),
        }
    }

    /// The key of this id in the caller's realm.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn key(&mut self, id: KeyId) -> Result<Arc<Key>> {
        let address = RecordKey::Key(id);
        match self.get(address.clone())?.as_deref() {
            Some(Record::Key(key)) if key.realm == self.realm() => Ok(Arc::clone(key)),
            Some(Record::Key(_)) | None => Err(Error::no_such_key()),
            Some(other) => Err(damaged(&address, other)),
        }
    }

    /// The key that has this name now, if any.
    pub fn key_named(&mut self, name: &str) -> Result<Option<KeyId>> {
        Ok(self.name_held(name)?.map(|(key, _)| key))
    }

    /// The key that has this name now, if any, and whether it is an alias.
    pub fn name_held(&mut self, name: &str) -> Result<Option<(KeyId, bool)>> {
        if name.len() > NAME_BYTES_MAX {
            return Ok(None);
        }
        let address = RecordKey::KeyName(self.realm(), name.to_owned());
        match self.get(address.clone())?.as_deref() {
            Some(Record::KeyName { key, alias, .. }) => Ok(Some((*key, *alias))),
            Some(other) => Err(damaged(&address, other)),
            None => Ok(None),
        }
    }

    /// Finds what the client named, and notes it for the record. Authorization comes after it.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn resolve(&mut self, reference: &Reference) -> Result<Resolved> {
        self.target = Some(match reference {
            Reference::Object(id) => id.to_string(),
            Reference::Text(text) | Reference::Chosen(text) => shortened(text, TARGET_BYTES_MAX),
        });
        let resolved = self.find_reference(reference)?;
        self.key = Some(resolved.key.id);
        self.canary |= resolved.key.policy.canary;
        self.object = resolved.object;
        Ok(resolved)
    }

    /// Finds a second key that the request names besides its subject, and notes that it served.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn resolve_other(&mut self, reference: &Reference) -> Result<Resolved> {
        let resolved = self.find_reference(reference)?;
        self.others.push(resolved.key.id);
        self.canary |= resolved.key.policy.canary;
        Ok(resolved)
    }

    /// INVARIANT: every key that a request names is found here, so nothing beyond a caller's scope is.
    fn find_reference(&mut self, reference: &Reference) -> Result<Resolved> {
        let resolved = match reference {
            Reference::Object(id) => self.resolve_object(*id)?,
            Reference::Text(text) => self.resolve_text(text)?,
            Reference::Chosen(text) => self.resolve_object(self.chosen_id(text))?,
        };
        let Some(scope) = self.caller.scope() else { return Ok(resolved) };
        match resolved.object {
            Some(id) if scope.holds(&*self.object(id)?) => Ok(resolved),
            _ => {
                Err(Error::no_such_key()
                    .because("it is not among the objects that the caller is narrowed to"))
            }
        }
    }

    /// INVARIANT: ids come before names. Whoever may name a key could else give it the id of another's and receive
    /// what is meant for that. Whoever may import could choose an id that is a name: of an id's spellings one counts here,
    /// and import refuses an id whose text is a name.
    fn resolve_text(&mut self, text: &str) -> Result<Resolved> {
        if let Some(id) = text.parse::<ObjectId>().ok().filter(|id| id.to_string() == text) {
            match self.key(KeyId(id.0)) {
                Ok(key) => return Ok(Resolved { key, object: None }),
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                Err(_) => {}
            }
            match self.resolve_object(id) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                found => return found,
            }
        }
        match self.key_named(text)? {
            Some(key) => Ok(Resolved { key: self.key(key)?, object: None }),
            None => Err(Error::no_such_key()),
        }
    }

    fn resolve_object(&mut self, id: ObjectId) -> Result<Resolved> {
        let object = self.object(id)?;
        Ok(Resolved { key: self.key(object.key)?, object: Some(id) })
    }

    /// The key that the request is about, once one was found or made.
    pub fn noted_key(&self) -> Option<KeyId> {
        self.key
    }

    /// Notes which key and object the request ended up with.
    pub fn note(&mut self, key: KeyId, object: Option<ObjectId>) {
        self.key = Some(key);
        self.object = object.or(self.object);
    }

    /// Notes whether a key that it makes with this policy is a canary.
    pub(crate) fn note_canary(&mut self, policy: &KeyPolicy) {
        self.canary |= policy.canary;
    }

    /// Notes that the object it found was not used, and what happened instead.
    pub(crate) fn note_no_use(&mut self, detail: &str) {
        self.object = None;
        self.note_detail(detail);
    }

    /// Notes a name that was asked for, where nothing was resolved by it.
    pub fn note_target(&mut self, target: &str) {
        self.target = Some(shortened(target, TARGET_BYTES_MAX));
    }

    /// Notes this in place of the name that was asked for.
    pub(crate) fn replace_target(&mut self, asked: &str, recorded: &str) {
        if self.target.as_deref().is_some_and(|target| target == asked && target != recorded) {
            self.note_target(recorded);
        }
    }

    /// Adds a detail to the record. Holds no secret.
    pub fn note_detail(&mut self, detail: impl Into<String>) {
        self.detail = Some(detail.into());
    }

    /// The outcome holds only until a date moves this object.
    pub fn hold(&mut self, object: &ManagedObject) {
        let until = lifecycle::holds_until(object, self.now);
        self.valid_until = [self.valid_until, until].into_iter().flatten().min();
    }

    /// The object's parsed key, ready for use.
    ///
    /// # Errors
    /// `Destroyed` where the material is gone; the crypto port's where nothing can be computed with it.
    pub fn parsed(&mut self, object: &ManagedObject) -> Result<Arc<dyn ParsedKey>> {
        refuse_valueless(object)?;
        refuse_wrapped(object)?;
        let engine = self.engine;
        if let Some(key) = engine.parsed().get(object.id) {
            return Ok(key);
        }
        let material = {
            let address = RecordKey::Material(object.id);
            let record = self.pending(&address).map_or_else(|| engine.store().get(&address), Ok)?;
            let sealed = sealed(record, object)?;
            engine.open_material(object, &sealed)?
        };
        let key = engine.crypto().parse(object.object_type, object.spec.as_ref(), &material)?;
        self.loaded.insert(object.id, Arc::clone(&key));
        Ok(key)
    }

    /// Keeps the parsed key of an object that this request makes: ready for use once the object is on record.
    pub(crate) fn keep_parsed(&mut self, object: ObjectId, key: Arc<dyn ParsedKey>) {
        self.taken.push((object, key));
    }

    /// The object's plain material as it was given or made. The caller has checked that it may be seen.
    ///
    /// # Errors
    /// `Destroyed` where it is gone.
    pub fn material(&mut self, object: &ManagedObject) -> Result<KeyMaterial> {
        refuse_valueless(object)?;
        let sealed = sealed(self.get(RecordKey::Material(object.id))?, object)?;
        self.engine.open_material(object, &sealed)
    }

    /// The sealing port.
    pub(crate) fn sealer(&self) -> &'e dyn crate::ports::seal::Sealer {
        &**self.engine.sealer()
    }

    /// Seals a secret of the server itself, outside of any managed object.
    pub(crate) fn seal(
        &self,
        binding: &SealBinding,
        secret: &crate::secret::SecretBytes,
    ) -> Result<SealedMaterial> {
        self.engine.sealer().seal(binding, secret)
    }

    /// Opens a secret of the server itself.
    pub(crate) fn open(
        &self,
        binding: &SealBinding,
        sealed: &SealedMaterial,
    ) -> Result<crate::secret::SecretBytes> {
        self.engine.sealer().open(binding, sealed)
    }

    /// Wants this record to be so.
    pub fn put(&mut self, record: Record) {
        self.changes.push(Change::Put(record));
    }

    /// Wants this record gone.
    pub fn delete(&mut self, key: RecordKey) {
        self.changes.push(Change::Delete(key));
    }

    /// Makes a new object: seals its material, computes digest and MAC.
    pub fn put_new(&mut self, object: ManagedObject, material: &KeyMaterial) -> Result<Arc<ManagedObject>> {
        self.put_new_digested(object, material, None)
    }

    /// As `put_new`; the digest tells of `digested`, where that is given: the same material in another encoding.
    pub fn put_new_digested(
        &mut self,
        mut object: ManagedObject,
        material: &KeyMaterial,
        digested: Option<&KeyMaterial>,
    ) -> Result<Arc<ManagedObject>> {
        object.revision = 1;
        object.format = material.format;
        if digest_is_public(object.object_type, material.bytes.len()) && !object.is_valueless() {
            let digested = digested.unwrap_or(material);
            let value = self.crypto().hash(HashAlgorithm::Sha256, &[digested.bytes.expose()])?;
            object.digests =
                vec![crate::model::Digest { hash: HashAlgorithm::Sha256, value, format: digested.format }];
        }
        let attributes = check_attributes(&object)?;
        check_constraints(self, &object)?;
        let sealer = self.engine.sealer();
        let sealed = sealer.seal(&new_binding(&object), &material.bytes)?;
        object.mac = sealer
            .attributes_mac(&binding(&object, &sealed), &sealed, object.revision, &attributes)?
            .to_vec();
        let object = Arc::new(object);
        self.put(Record::Object(Arc::clone(&object)));
        self.put(Record::Material(Arc::new(sealed)));
        self.note(object.key, Some(object.id));
        Ok(object)
    }

    /// Refuses a key whose objects are too large together. Checked where clients add to them, never where the server does.
    ///
    /// # Errors
    /// `TooLarge`.
    pub(crate) fn check_key(&self, key: &Key) -> Result<()> {
        if self.is_full(key)? {
            let public = format!(
                "the attributes of all versions of one key have at most {KEY_BYTES_MAX} bytes together; make a new key"
            );
            return Err(Error::new(ErrorKind::TooLarge, public));
        }
        Ok(())
    }

    /// Whether the key's objects, as this request leaves them, are as large as they may be. Not bound to: there is room for
    /// what others add meanwhile.
    pub(crate) fn is_full(&self, key: &Key) -> Result<bool> {
        if key.objects().count() <= OBJECTS_UNCOUNTED_MAX {
            return Ok(false);
        }
        let mut bytes = 0;
        for id in key.objects() {
            let address = RecordKey::Object(id);
            let record = self.pending(&address).map_or_else(|| self.engine.store().get(&address), Ok)?;
            if let Some(Record::Object(object)) = record.as_deref() {
                bytes += canonical(object)?.len();
            }
        }
        Ok(bytes > KEY_BYTES_MAX)
    }

    /// Records a changed object: counts the revision, sets the date of change, renews the MAC.
    ///
    /// # Errors
    /// `Internal` where the stored object is not what the server wrote: a new MAC would launder it.
    pub fn put_changed(&mut self, mut object: ManagedObject) -> Result<Arc<ManagedObject>> {
        self.check_stored(object.id)?;
        object.revision += 1;
        object.dates.last_change = self.now;
        if object.state.is_destroyed() {
            object.mac = Vec::new();
        } else {
            let sealed = sealed(self.get(RecordKey::Material(object.id))?, &object)?;
            let binding = binding(&object, &sealed);
            let mac = self.engine.sealer().attributes_mac(
                &binding,
                &sealed,
                object.revision,
                &canonical(&object)?,
            )?;
            object.mac = mac.to_vec();
        }
        self.touch(&object)?;
        let object = Arc::new(object);
        self.put(Record::Object(Arc::clone(&object)));
        Ok(object)
    }

    /// Notes what is another way than in the store; nothing for an object that this request makes.
    fn touch(&mut self, after: &ManagedObject) -> Result<()> {
        let address = RecordKey::Object(after.id);
        let Some(record) = self.engine.store().get(&address)? else { return Ok(()) };
        let Record::Object(before) = &*record else { return Err(damaged(&address, &record)) };
        let attributes = crate::attributes::differing(before, after, self.now, self.crypto());
        // One request may change an object more than once: what counts is what it was before, and is after.
        self.touched.retain(|touched| touched.object != after.id);
        if !attributes.is_empty() {
            self.touched.push(Touched { object: after.id, attributes });
        }
        Ok(())
    }

    /// The object as it is stored must bear its MAC. One that this request makes is not stored yet, and one that is
    /// destroyed has none any more.
    fn check_stored(&self, id: ObjectId) -> Result<()> {
        let store = self.engine.store();
        let Some(record) = store.get(&RecordKey::Object(id))? else { return Ok(()) };
        let Record::Object(stored) = &*record else { return Err(damaged(&RecordKey::Object(id), &record)) };
        if stored.state.is_destroyed() {
            return Ok(());
        }
        let sealed = sealed(store.get(&RecordKey::Material(id))?, stored)?;
        self.engine.check_mac(stored, &sealed)
    }

    /// Drops the material of an object, from the store and from the caches, and gives what an erasure must know to erase
    /// it everywhere else.
    ///
    /// # Errors
    /// `Destroyed` where it is gone.
    pub fn drop_material(&mut self, object: &ManagedObject) -> Result<ErasedObject> {
        let address = RecordKey::Material(object.id);
        let sealed = sealed(self.get(address.clone())?, object)?;
        self.delete(address);
        self.purge.push(object.id);
        Ok(erased(object, &sealed))
    }

    /// Seals an object's material anew, with the MAC of its attributes, where it is not under this root key. Gives the
    /// former root key's version, and what an erasure must know of the former leaf.
    ///
    /// # Errors
    /// `Internal` where the stored object is not what the server wrote: sealing it anew would launder it.
    pub(crate) fn reseal(&mut self, id: ObjectId, root_version: u32) -> Result<Option<(u32, ErasedObject)>> {
        let (object, material) = (self.get(RecordKey::Object(id))?, self.get(RecordKey::Material(id))?);
        let (Some(Record::Object(object)), Some(Record::Material(former))) =
            (object.as_deref(), material.as_deref())
        else {
            return Ok(None);
        };
        if former.root_version == root_version {
            return Ok(None);
        }
        let material = self.engine.open_material(object, former)?;
        let (sealer, binding) = (self.engine.sealer(), binding(object, former));
        let sealed = sealer.seal(&binding, &material.bytes)?;
        let mac = sealer.attributes_mac(&binding, &sealed, object.revision, &canonical(object)?)?;
        let resealed = ManagedObject { mac: mac.to_vec(), ..ManagedObject::clone(object) };
        self.put(Record::Object(Arc::new(resealed)));
        self.put(Record::Material(Arc::new(sealed)));
        Ok(Some((former.root_version, erased(object, former))))
    }
}

/// Attributes of one object that a client may set, encoded, in bytes at most. Every change of one of them writes them
/// all to the journal again.
const ATTRIBUTES_BYTES_MAX: usize = 32 * 1024;

/// All objects of one key, encoded, in bytes at most: they are revoked, disabled and destroyed in one entry, which holds
/// 8 MiB.
const KEY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// So many objects are not too large together, with all that the server adds to the attributes of each.
const OBJECTS_UNCOUNTED_MAX: usize = KEY_BYTES_MAX / (2 * ATTRIBUTES_BYTES_MAX);

/// Nesting of an attribute's structures at most; the store decodes records well beyond it.
const VALUE_DEPTH_MAX: usize = 8;

/// The object's attributes as bytes for its MAC: the CBOR form of the record without the MAC.
///
/// # Errors
/// `Internal` where the record cannot be encoded.
pub(crate) fn canonical(object: &ManagedObject) -> Result<Vec<u8>> {
    let bare = ManagedObject { mac: Vec::new(), ..object.clone() };
    let mut bytes = Vec::with_capacity(512);
    ciborium::into_writer(&bare, &mut bytes).map_err(Error::internal)?;
    Ok(bytes)
}

/// Refuses attributes that a client made too large or nested too deep. Checked where clients set attributes, never
/// where the server changes an object by itself: a full object can still be revoked. Gives them in canonical form.
///
/// # Errors
/// `TooLarge`.
pub(crate) fn check_attributes(object: &ManagedObject) -> Result<Vec<u8>> {
    if object.further.values().flatten().any(|value| value.depth() > VALUE_DEPTH_MAX) {
        let public = format!("an attribute's structure is nested at most {VALUE_DEPTH_MAX} deep");
        return Err(Error::new(ErrorKind::TooLarge, public));
    }
    let attributes = canonical(object)?;
    if attributes.len() > ATTRIBUTES_BYTES_MAX {
        let public =
            format!("the attributes of one object have at most {ATTRIBUTES_BYTES_MAX} bytes together");
        return Err(Error::new(ErrorKind::TooLarge, public));
    }
    Ok(attributes)
}

/// Immutable attributes of a stored object, as its sealed material names them.
pub(crate) fn binding(object: &ManagedObject, sealed: &SealedMaterial) -> SealBinding {
    SealBinding { sensitive: sealed.sensitive, extractable: sealed.extractable, ..new_binding(object) }
}

fn new_binding(object: &ManagedObject) -> SealBinding {
    SealBinding {
        realm: object.realm,
        object: object.id,
        version: object.version,
        object_type: object.object_type,
        algorithm: object.spec.map(|spec| spec.algorithm),
        length_bits: object.spec.map_or(0, |spec| spec.length_bits),
        format: object.format,
        sensitive: object.sensitive,
        extractable: object.extractable,
    }
}

/// What an erasure must know of an object and the leaf that its material was sealed under.
fn erased(object: &ManagedObject, sealed: &SealedMaterial) -> ErasedObject {
    ErasedObject {
        object: object.id,
        key: object.key,
        version: object.version,
        object_type: object.object_type,
        leaf_index: sealed.leaf_index,
    }
}

fn sealed(record: Option<Arc<Record>>, object: &ManagedObject) -> Result<Arc<SealedMaterial>> {
    match record.as_deref() {
        Some(Record::Material(sealed)) => Ok(Arc::clone(sealed)),
        Some(other) => Err(damaged(&RecordKey::Material(object.id), other)),
        None if object.state.is_destroyed() => {
            Err(Error::new(ErrorKind::Destroyed, format!("object {} was destroyed", object.id)))
        }
        None => Err(Error::internal(format!("material of object {} is missing", object.id))),
    }
}

/// At most so many bytes of a text, cut between characters.
pub(crate) fn shortened(text: &str, bytes_max: usize) -> String {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
