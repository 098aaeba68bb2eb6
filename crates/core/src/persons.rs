//! Persons: principals whose name, and what their requests say beside what was done, can be erased. Here: keeping these sealed
//! under a key of the person's own, and opening them. Not here: who is one (principals), and erasing (erase subject).
//!
//! Entries and all other records hold a word that says nothing (`person-0123456789ab`) in place of a person's name. The
//! name itself and a random key lie in server data of their own, sealed under a leaf of the key tree as any key; what the
//! person's requests say is sealed under that key. So the tree over the entries covers ciphertext alone, and erasing the leaf
//! changes no entry. A name leads to its person by an HMAC under a key of the realm, which is replaced where somebody is
//! erased: with the former one in hand the journal would confirm a guess.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

use crate::{
    access::Caller,
    engine::{Engine, damaged},
    error::{Error, Result},
    model::{Credential, CredentialId, CredentialKind, ObjectId, Principal, PrincipalId, RealmId},
    operations::server::open_bound,
    ports::crypto::Crypto,
    record::{Entry, EntryDraft, Record, RecordKey, SealedFields, ServerData},
    secret::SecretBytes,
};

/// What stands where something personal was.
pub const ERASED: &str = "erased";

/// Before a text of a person's credential that is sealed. No name and no subject begins so.
const SEALED: &str = "\u{1}sealed:";

/// Bytes of a person's key and of a realm's key of names.
pub(crate) const KEY_LEN: usize = 32;

/// Persons that are kept ready at most.
const KEPT_MAX: usize = 4096;

/// Persons' keys and names, opened. Holds secrets.
#[derive(Clone, Default)]
pub(crate) struct Persons(Arc<Mutex<HashMap<ObjectId, Arc<Profile>>>>);

/// A person's key, 32 bytes, and behind it the name. Holds a secret.
pub(crate) struct Profile(SecretBytes);

/// What entries say of a request beside what was done.
type Fields = (Option<String>, Option<String>, Option<String>);

impl Persons {
    /// Forgets a person whose key was erased.
    pub(crate) fn remove(&self, person: ObjectId) {
        self.0.lock().remove(&person);
    }

    fn get(&self, person: ObjectId) -> Option<Arc<Profile>> {
        self.0.lock().get(&person).cloned()
    }

    fn insert(&self, person: ObjectId, profile: Arc<Profile>) {
        let mut kept = self.0.lock();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(person, profile);
    }
}

impl Profile {
    /// From the secret part of the person's server data.
    ///
    /// # Errors
    /// `Internal` where that is none.
    pub(crate) fn new(secret: SecretBytes) -> Result<Self> {
        match secret.expose().split_at_checked(KEY_LEN) {
            Some((_, name)) if std::str::from_utf8(name).is_ok() => Ok(Self(secret)),
            _ => Err(Error::internal("a person's sealed data is malformed")),
        }
    }

    /// The person's name.
    pub(crate) fn name(&self) -> &str {
        // `new` has checked both.
        self.0.expose().get(KEY_LEN..).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
    }

    fn key(&self) -> &[u8] {
        self.0.expose().get(..KEY_LEN).unwrap_or_default()
    }

    /// The credential's kind with the names in it sealed.
    ///
    /// # Errors
    /// The generator's.
    pub(crate) fn concealed(
        &self,
        crypto: &dyn Crypto,
        id: CredentialId,
        mut kind: CredentialKind,
    ) -> Result<CredentialKind> {
        if let Some(text) = personal_text(&mut kind).filter(|text| !text.starts_with(SEALED)) {
            let mut nonce = [0; 12];
            crypto.fill(&mut nonce)?;
            let sealed = crypto.aead_seal(self.key(), &nonce, &id.0, text.as_bytes())?;
            *text = format!("{SEALED}{}", hex::encode([&nonce[..], &sealed].concat()));
        }
        Ok(kind)
    }

    /// The text of a credential that `concealed` sealed; `None` where it does not open.
    fn opened(&self, crypto: &dyn Crypto, id: CredentialId, text: &str) -> Option<String> {
        let bytes = hex::decode(text.strip_prefix(SEALED)?).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<12>()?;
        let opened = crypto.aead_open(self.key(), nonce, &id.0, sealed).ok()?;
        String::from_utf8(opened.expose().to_vec()).ok()
    }
}

/// The text in a credential that names somebody.
fn personal_text(kind: &mut CredentialKind) -> Option<&mut String> {
    match kind {
        CredentialKind::Jwt { subject: text, .. } | CredentialKind::Member { name: text, .. } => Some(text),
        _ => None,
    }
}

/// The word that stands for a person.
pub(crate) fn word(id: PrincipalId) -> String {
    let id = id.0.simple().to_string();
    format!("person-{}", &id[id.len() - 12..])
}

/// Name of the server data of a person.
pub(crate) fn record_name(person: ObjectId) -> String {
    format!("person/{person}")
}

/// Whether server data is of a person, and of which principal then.
pub fn principal_of(data: &ServerData) -> Option<PrincipalId> {
    let id = data.data.as_slice().try_into().ok().filter(|_| data.name.starts_with("person/"))?;
    Some(PrincipalId(uuid::Uuid::from_bytes(id)))
}

/// Name of the server data with a realm's key of names.
pub(crate) fn names_key_name(realm: RealmId) -> String {
    format!("person-names/{realm}")
}

/// Whether a principal's name on record is one that leads to a person.
pub fn is_person_name(name: &str) -> bool {
    name.starts_with('~')
}

/// What leads from a name to a person: no principal is named so.
pub(crate) fn name_digest(crypto: &dyn Crypto, key: &SecretBytes, realm: RealmId, name: &str) -> String {
    format!("~{}", hex::encode(crypto.hmac_sha256(key.expose(), &[realm.as_bytes(), name.as_bytes()])))
}

impl Engine {
    /// The person's key and name; `None` once they are erased.
    ///
    /// # Errors
    /// The store's and the sealer's.
    pub(crate) fn profile(&self, person: ObjectId) -> Result<Option<Arc<Profile>>> {
        let address = RecordKey::Server(record_name(person));
        let record = self.store().get(&address)?;
        let data = match record.as_deref() {
            Some(Record::Server(data)) => data,
            Some(other) => return Err(damaged(&address, other)),
            None => {
                self.persons().remove(person);
                return Ok(None);
            }
        };
        if let Some(profile) = self.persons().get(person) {
            return Ok(Some(profile));
        }
        let Some(sealed) = &data.sealed else { return Err(Error::internal("a person without a key")) };
        let profile = Profile::new(open_bound(&**self.crypto(), &**self.sealer(), data, sealed)?)?;
        let profile = Arc::new(profile);
        self.persons().insert(person, Arc::clone(&profile));
        // Whoever erased it meanwhile has looked for it before it was there.
        if self.store().get(&address)?.is_none() {
            self.persons().remove(person);
            return Ok(None);
        }
        Ok(Some(profile))
    }

    /// The name of a principal for people: a person's own, as long as it is there; `erased` after that.
    ///
    /// # Errors
    /// The store's and the sealer's.
    pub fn name_for_people(&self, principal: &Principal) -> Result<String> {
        let Some(person) = principal.person else { return Ok(principal.name.clone()) };
        Ok(self.profile(person)?.map_or_else(|| ERASED.into(), |profile| profile.name().to_owned()))
    }

    /// A credential with the names in it opened; `erased` in their place where they are.
    ///
    /// # Errors
    /// The store's and the sealer's.
    pub fn opened_credential(&self, of: &Principal, credential: &Arc<Credential>) -> Result<Arc<Credential>> {
        let Some(person) = of.person else { return Ok(Arc::clone(credential)) };
        let mut opened = Credential::clone(credential);
        if let Some(text) = personal_text(&mut opened.kind).filter(|text| text.starts_with(SEALED)) {
            let profile = self.profile(person)?;
            let plain = profile.and_then(|profile| profile.opened(&**self.crypto(), credential.id, text));
            *text = plain.unwrap_or_else(|| ERASED.into());
        }
        Ok(Arc::new(opened))
    }

    /// The principal that a name belongs to in a realm, a person's too.
    ///
    /// # Errors
    /// The store's and the sealer's.
    pub fn principal_named(&self, realm: RealmId, name: &str) -> Result<Option<PrincipalId>> {
        let plain = RecordKey::PrincipalName(realm, name.to_owned());
        match self.store().get(&plain)?.as_deref() {
            Some(Record::PrincipalName { principal, .. }) => return Ok(Some(*principal)),
            Some(other) => return Err(damaged(&plain, other)),
            None => {}
        }
        let address = RecordKey::Server(names_key_name(realm));
        let record = self.store().get(&address)?;
        let Some(Record::Server(data)) = record.as_deref() else { return Ok(None) };
        let Some(sealed) = &data.sealed else { return Ok(None) };
        let key = open_bound(&**self.crypto(), &**self.sealer(), data, sealed)?;
        let digest = RecordKey::PrincipalName(realm, name_digest(&**self.crypto(), &key, realm, name));
        match self.store().get(&digest)?.as_deref() {
            Some(Record::PrincipalName { principal, .. }) => Ok(Some(*principal)),
            Some(other) => Err(damaged(&digest, other)),
            None => Ok(None),
        }
    }

    /// Seals what an entry says of a person's request. Where there is no key to seal it under, it is left out.
    pub(crate) fn conceal(&self, caller: &Caller, draft: &mut EntryDraft) {
        let Some(person) = caller.principal().and_then(|principal| principal.person) else { return };
        let fields: Fields = (draft.source.take(), draft.target.take(), draft.detail.take());
        let sealed = self.profile(person).and_then(|profile| match profile {
            Some(profile) => self.sealed_fields(person, &profile, (draft, &fields)).map(Some),
            None => Ok(None),
        });
        match sealed {
            Ok(personal) => draft.personal = personal,
            Err(_) => {
                draft.detail = Some("what the person asked could not be sealed, and is left out".into())
            }
        }
    }

    fn sealed_fields(
        &self,
        person: ObjectId,
        profile: &Profile,
        (draft, fields): (&EntryDraft, &Fields),
    ) -> Result<SealedFields> {
        let mut plain = Vec::with_capacity(256);
        ciborium::into_writer(fields, &mut plain).map_err(Error::internal)?;
        let plain = SecretBytes::new(plain);
        let mut nonce = [0; 12];
        self.crypto().fill(&mut nonce)?;
        let aad = fields_aad(person, draft);
        let ciphertext = self.crypto().aead_seal(profile.key(), &nonce, &aad, plain.expose())?;
        Ok(SealedFields { person, nonce, ciphertext })
    }

    /// An entry as people read it: with a person's name and what the request said, or `erased` in place of them.
    pub fn reveal(&self, mut entry: Entry) -> Entry {
        let draft = &mut entry.draft;
        let Some(personal) = draft.personal.take() else { return entry };
        match self.profile(personal.person) {
            Ok(Some(profile)) => match self.opened_fields(&profile, (draft, &personal)) {
                Ok((source, target, detail)) => {
                    (draft.source, draft.target, draft.detail) = (source, target, detail);
                    draft.principal_name = profile.name().to_owned();
                }
                Err(_) => {
                    draft.detail = Some("personal fields that do not open: the entry was altered".into())
                }
            },
            Ok(None) => {
                draft.principal_name = ERASED.into();
                draft.detail = Some("personal fields were erased".into());
            }
            Err(_) => draft.detail = Some("personal fields cannot be opened now".into()),
        }
        entry
    }

    fn opened_fields(
        &self,
        profile: &Profile,
        (draft, personal): (&EntryDraft, &SealedFields),
    ) -> Result<Fields> {
        let aad = fields_aad(personal.person, draft);
        let plain = self.crypto().aead_open(profile.key(), &personal.nonce, &aad, &personal.ciphertext)?;
        ciborium::from_reader(plain.expose()).map_err(Error::internal)
    }
}

/// Binds personal fields to the entry that they stand in.
fn fields_aad(person: ObjectId, draft: &EntryDraft) -> Vec<u8> {
    let action = draft.action.word().as_bytes();
    [
        b"keyreeve/personal/v1".as_slice(),
        person.as_bytes(),
        draft.principal.as_bytes(),
        draft.request.0.as_bytes(),
        &draft.time.0.to_be_bytes(),
        action,
    ]
    .concat()
}
