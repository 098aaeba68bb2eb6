//! List keys: those that the caller may know of, by name, in pages.

use std::{collections::BTreeMap, ops::Bound};

use super::{
    Operation, Subject,
    show::{Shown, shown},
};
use crate::{
    access::{Action, Permit, Target},
    error::{ErrorKind, Result},
    model::{Key, KeyId, KeySpec, ObjectType, State},
    ports::store::{IndexHit, IndexRange},
    record::{INDEX_VALUE_BYTES_MAX, IndexKind},
    request::{Context, Resolved},
};

/// Keys in one page at most.
pub const PAGE_KEYS_MAX: usize = 1000;

/// Keys that one request looks at, at most, for a caller who may see few of them.
const KEYS_LOOKED_AT_MAX: usize = 10_000;

/// Lists keys.
pub struct ListKeys {
    /// Where the page before ended.
    pub after: Option<IndexHit>,
    /// Keys in this page at most, 1 to `PAGE_KEYS_MAX`.
    pub limit: usize,
    /// Only keys with all of these tags.
    pub tags: BTreeMap<String, String>,
    /// Only keys of these types; `None`: of all.
    pub types: Option<&'static [ObjectType]>,
    /// Only keys whose newest version is in this state.
    pub state: Option<State>,
    /// Only keys of this kind (`aes-256`) or algorithm (`aes`).
    pub algorithm: Option<String>,
    /// Only keys whose names begin with this.
    pub name_prefix: Option<String>,
}

/// One page.
pub struct Page {
    /// The keys.
    pub keys: Vec<Shown>,
    /// Where the next page starts; `None`: this was the last.
    pub next: Option<IndexHit>,
}

impl Operation for ListKeys {
    type Reply = Page;

    fn action(&self) -> Action {
        Action::ListKeys
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, permit: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Page> {
        let limit = self.limit.clamp(1, PAGE_KEYS_MAX);
        let (kind, from, to) = self.range();
        let is_over =
            |hit: &IndexHit| kind == IndexKind::KeyByName && !hit.value.starts_with(self.index_prefix());
        let range = IndexRange { realm: permit.realm(), kind, from, to };
        let (mut keys, mut after, mut looked_at) = (Vec::new(), self.after.clone(), 0);
        loop {
            let hits = context.find(&range, after.as_ref(), limit)?;
            let last = hits.len() < limit;
            looked_at += hits.len();
            for hit in hits {
                if is_over(&hit) {
                    return Ok(Page { keys, next: None });
                }
                if let Some(shown) = self.visible(context, KeyId(hit.id))? {
                    keys.push(shown);
                }
                after = Some(hit);
                if keys.len() == limit {
                    return Ok(Page { keys, next: after });
                }
            }
            if last {
                return Ok(Page { keys, next: None });
            }
            if looked_at >= KEYS_LOOKED_AT_MAX {
                return Ok(Page { keys, next: after });
            }
        }
    }
}

impl ListKeys {
    /// By one of the tags where there are any, else all keys by name.
    fn range(&self) -> (IndexKind, Bound<Vec<u8>>, Bound<Vec<u8>>) {
        match self.tags.iter().next() {
            Some((name, value)) => {
                let value = crate::record::tag_value(name, value);
                (IndexKind::KeyTag, Bound::Included(value.clone()), Bound::Included(value))
            }
            None => (IndexKind::KeyByName, Bound::Included(self.index_prefix().to_vec()), Bound::Unbounded),
        }
    }

    /// What the rows of the wanted names begin with.
    fn index_prefix(&self) -> &[u8] {
        let prefix = self.name_prefix.as_deref().unwrap_or_default().as_bytes();
        &prefix[..prefix.len().min(INDEX_VALUE_BYTES_MAX)]
    }

    /// Whether the key itself is one of those that are wanted.
    fn wants(&self, key: &Key) -> bool {
        let is_algorithm =
            |spec: KeySpec, wanted: &str| spec.name() == wanted || spec.algorithm.word() == wanted;
        self.tags.iter().all(|(name, value)| key.tags.get(name) == Some(value))
            && self.types.is_none_or(|types| types.contains(&key.object_type))
            && self.name_prefix.as_deref().is_none_or(|prefix| key.name.starts_with(prefix))
            && self
                .algorithm
                .as_deref()
                .is_none_or(|wanted| key.spec.is_some_and(|spec| is_algorithm(spec, wanted)))
    }

    fn visible(&self, context: &mut Context<'_>, id: KeyId) -> Result<Option<Shown>> {
        let key = match context.key(id) {
            Ok(key) => key,
            // Gone between the index and here.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let allowed = || context.authorize(Action::GetAttributes, Target::Key(&key)).is_ok();
        if !self.wants(&key) || !allowed() {
            return Ok(None);
        }
        let shown = shown(context, key)?;
        let latest = shown.key.latest().map(|latest| latest.primary);
        let state =
            shown.objects.iter().find(|(object, _)| Some(object.id) == latest).map(|(_, state)| *state);
        Ok(Some(shown).filter(|_| self.state.is_none() || self.state == state))
    }
}
