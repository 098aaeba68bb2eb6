//! What a running request asks of access: its principal and rules as they are now, and decisions. Not here: deciding (access).

use std::{collections::BTreeMap, sync::Arc};

use uuid::Uuid;

use super::Context;
use crate::{
    access::{Action, Caller, Decision, Permit, Target, authorize, decide, rules},
    error::Result,
    model::{Key, KeyId, KeyPolicy, ObjectType, Principal, PrincipalId, TokenScope},
    record::RecordKey,
};

/// An id is looked up as one of a key, of an object and of that object's key; each of two decisions looks at the newest version and
/// at the owner where rules do.
const LOOK_UPS_OF_HIDDEN: u32 = 8;

impl Context<'_> {
    /// Takes the caller's principal as it is now, and reads the rules of its realm; both bind the entry.
    ///
    /// # Errors
    /// The store's; `Internal` where the rules cannot be read: then nothing is allowed.
    pub(crate) fn begin_access(&mut self, principal: Arc<Principal>) -> Result<()> {
        let rules = self.get(rules::address(principal.realm))?;
        self.access.begin(principal, rules.as_deref())
    }

    /// Holds the request to what its tokens are narrowed to.
    pub(crate) fn narrow_access(&mut self, scopes: Vec<Arc<TokenScope>>) {
        self.access.narrow(scopes);
    }

    /// Notes what the operation binds a ciphertext to, in canonical bytes.
    pub(crate) fn bind_access(&mut self, encryption_context: &[u8]) {
        self.access.bind(pairs(encryption_context));
    }

    /// Decides whether the caller may do this, by roles, ownership, grants and rules.
    ///
    /// # Errors
    /// `NotFound` where the caller may not even know the key, `Denied` where it may.
    pub fn authorize(&self, action: Action, target: Target<'_>) -> Result<Permit> {
        authorize(&self.access, self.caller, action, target)
    }

    /// What the request took so far.
    pub(crate) fn effort(&self) -> rules::Effort {
        self.access.effort()
    }

    /// Does for what was not found what deciding about a key takes that is there and may not be known.
    pub(crate) fn decide_as_if_hidden(&mut self, action: Action) {
        let nothing = Key {
            id: KeyId(Uuid::nil()),
            realm: self.realm(),
            name: self.target.clone().unwrap_or_default(),
            owner: PrincipalId(Uuid::nil()),
            created: self.now,
            object_type: ObjectType::SymmetricKey,
            spec: None,
            versions: Vec::new(),
            policy: KeyPolicy::default(),
            tags: BTreeMap::new(),
            grants: Vec::new(),
        };
        // What comes of it is nobody's to know.
        let _ = self.authorize_with_quorum(action, Target::Key(&Arc::new(nothing)));
        self.quorum = 0;
        self.access.with_approvals(0);
    }

    /// Looks up as much as the longest way to a key that may not be known takes, from what was looked up `before` on.
    pub(crate) fn look_as_long(&self, before: rules::Effort) {
        while self.effort().look_ups.wrapping_sub(before.look_ups) < LOOK_UPS_OF_HIDDEN {
            self.access.looked_up();
            // A key that nobody has; where the store fails, the request has failed already.
            let _ = self.store().get(&RecordKey::Key(KeyId(Uuid::nil())));
        }
    }

    /// What would be decided for somebody who asks as this caller does.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn decide_as(&self, caller: &Caller, question: rules::Question<'_>) -> Result<Decision> {
        decide(&self.access, caller, question)
    }

    /// As `decide_as`, by other rules.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn decide_by(
        &self,
        rules: &Arc<rules::RuleSet>,
        caller: &Caller,
        question: rules::Question<'_>,
    ) -> Result<Decision> {
        decide(&self.access.with_rules(rules), caller, question)
    }
}

/// The pairs of an encryption context out of its canonical bytes: for each the key's length as 4 bytes big-endian, the key,
/// the value's length, the value. What is not made so has no pairs.
fn pairs(canonical: &[u8]) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    let mut rest = canonical;
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some((text, after)) = after.split_at_checked(length) else { return Vec::new() };
        let Ok(text) = std::str::from_utf8(text) else { return Vec::new() };
        texts.push(text.to_owned());
        rest = after;
    }
    let mut texts = texts.into_iter();
    std::iter::from_fn(|| Some((texts.next()?, texts.next()?))).collect()
}
