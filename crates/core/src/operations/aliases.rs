//! Aliases: further names of keys, each of which can be moved to another key. An alias leads to its key wherever a name
//! does.

use std::{ops::Bound, sync::Arc};

use super::{
    Operation, Subject,
    create::{check_name, check_no_id, check_reserved},
    subject,
    terms::term,
};
use crate::{
    access::{Action, Permit, Target, approvals::Terms},
    error::{Error, ErrorKind, Result},
    model::{Key, KeyId},
    ports::store::{IndexHit, IndexRange},
    record::{IndexKind, Record, RecordKey},
    request::{Context, Reference, Resolved},
};

/// An alias in bytes at most: the index that lists them holds no longer ones whole.
const ALIAS_BYTES_MAX: usize = 256;

/// Aliases in one page at most.
pub const PAGE_ALIASES_MAX: usize = 1000;

/// Aliases that one request looks at, at most, for a caller who may see few of them.
const ALIASES_LOOKED_AT_MAX: usize = 10_000;

/// Gives a key an alias, new or another key's.
pub struct SetAlias {
    /// The key.
    pub key: Reference,
    /// The alias, 1 to 256 bytes.
    pub alias: String,
}

/// Takes an alias away; its key stays.
pub struct RemoveAlias {
    /// The alias, as text.
    pub alias: Reference,
}

/// Lists aliases of keys that the caller may know of.
pub struct ListAliases {
    /// Only those of this key.
    pub key: Option<Reference>,
    /// Where the page before ended.
    pub after: Option<IndexHit>,
    /// Aliases in this page at most, 1 to `PAGE_ALIASES_MAX`.
    pub limit: usize,
}

/// One page.
pub struct Page {
    /// Aliases in the order of their bytes, and the keys that they lead to.
    pub aliases: Vec<(String, Arc<Key>)>,
    /// Where the next page starts; `None`: this was the last.
    pub next: Option<IndexHit>,
}

impl Operation for SetAlias {
    type Reply = Arc<Key>;

    fn action(&self) -> Action {
        Action::SetAlias
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn terms(&self, _: &mut Context<'_>) -> Result<Option<Terms>> {
        Ok(Some(vec![term("alias", &self.alias)]))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Arc<Key>> {
        let key = subject(resolved)?.key;
        check_name(&self.alias)?;
        check_reserved(context, &self.alias)?;
        check_no_id(context, key.id, &self.alias)?;
        if self.alias.len() > ALIAS_BYTES_MAX {
            let public = format!("an alias has at most {ALIAS_BYTES_MAX} bytes");
            return Err(Error::new(ErrorKind::InvalidField, public));
        }
        match context.name_held(&self.alias)? {
            Some((holder, true)) if holder == key.id => return Ok(key),
            Some((holder, alias)) if !(alias && may_take_from(context, holder)?) => {
                let public = format!("a key is named {:?}; choose another alias", self.alias);
                return Err(Error::new(ErrorKind::AlreadyExists, public));
            }
            _ => {}
        }
        context.note_detail(format!("alias {}", self.alias));
        let (realm, name) = (context.realm(), self.alias.clone());
        context.put(Record::KeyName { realm, name, key: key.id, alias: true });
        Ok(key)
    }
}

/// What is sent to an alias is meant for its key: only who manages that key may lead it elsewhere.
fn may_take_from(context: &mut Context<'_>, holder: KeyId) -> Result<bool> {
    let key = context.key(holder)?;
    if context.authorize(Action::SetAlias, Target::Key(&key)).is_err() {
        return Ok(false);
    }
    for action in [Action::SetAlias, Action::RemoveAlias] {
        context.refuse_ruled(action, Target::Key(&key))?;
    }
    Ok(true)
}

impl Operation for RemoveAlias {
    type Reply = ();

    fn action(&self) -> Action {
        Action::RemoveAlias
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.alias)
    }

    fn terms(&self, _: &mut Context<'_>) -> Result<Option<Terms>> {
        Ok(Some(vec![term("alias", &self.alias)]))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<()> {
        let key = subject(resolved)?.key;
        let Reference::Text(alias) = &self.alias else { return Err(Error::not_found("alias")) };
        match context.name_held(alias)? {
            Some((holder, true)) if holder == key.id => {
                context.delete(RecordKey::KeyName(context.realm(), alias.clone()));
                Ok(())
            }
            _ => Err(Error::not_found("alias")),
        }
    }
}

impl Operation for ListAliases {
    type Reply = Page;

    fn action(&self) -> Action {
        Action::ListAliases
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, permit: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Page> {
        let only = self.key.as_ref().map(|key| seen(context, key)).transpose()?;
        let limit = self.limit.clamp(1, PAGE_ALIASES_MAX);
        let (realm, kind) = (permit.realm(), IndexKind::Alias);
        let range = IndexRange { realm, kind, from: Bound::Unbounded, to: Bound::Unbounded };
        let (mut aliases, mut after, mut looked_at) = (Vec::new(), self.after.clone(), 0);
        loop {
            let hits = context.find(&range, after.as_ref(), limit)?;
            let last = hits.len() < limit;
            looked_at += hits.len();
            for hit in hits {
                if only.is_none_or(|only| only.0 == hit.id)
                    && let Some(key) = visible(context, KeyId(hit.id))?
                {
                    let alias = String::from_utf8(hit.value.clone()).map_err(Error::internal)?;
                    aliases.push((alias, key));
                }
                after = Some(hit);
                if aliases.len() == limit {
                    return Ok(Page { aliases, next: after });
                }
            }
            if last {
                return Ok(Page { aliases, next: None });
            }
            if looked_at >= ALIASES_LOOKED_AT_MAX {
                return Ok(Page { aliases, next: after });
            }
        }
    }
}

/// The key that a search is about: who may not see it learns no more than that there is none.
fn seen(context: &mut Context<'_>, key: &Reference) -> Result<KeyId> {
    let key = context.resolve(key)?.key;
    context.authorize(Action::GetAttributes, Target::Key(&key))?;
    Ok(key.id)
}

fn visible(context: &mut Context<'_>, id: KeyId) -> Result<Option<Arc<Key>>> {
    let key = match context.key(id) {
        Ok(key) => key,
        // Gone between the index and here.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let allowed = context.authorize(Action::GetAttributes, Target::Key(&key)).is_ok();
    Ok(allowed.then_some(key))
}
