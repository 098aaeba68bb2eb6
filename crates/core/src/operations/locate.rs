//! Locate: finds objects by their attributes. An index narrows the search; each candidate is then checked in full.

use std::{collections::HashSet, ops::Bound, sync::Arc};

use super::{Operation, Subject, usage_limits};
use crate::{
    access::{Action, Permit, Target},
    attributes::{View, part},
    error::{Error, Result},
    model::{
        Algorithm, AttributeKind, AttributeName, LEASE_SECONDS_DEFAULT, ManagedObject, ObjectId, ObjectType,
        State, Time, UsageMask, Value,
    },
    ports::store::{IndexHit, IndexRange, Order},
    record::{self, DateKind, IndexKind, Record, RecordKey},
    request::{Context, Resolved},
    walks::Walk,
};

/// Objects that one request answers at most.
pub const LOCATED_MAX: usize = 10_000;

/// Index rows that are read at a time.
const PAGE_ROWS: usize = 256;

/// Rows that a search looks at in vain before it needs the right to walk on.
const ROWS_IN_VAIN_MAX: usize = 1024;

/// Index rows that are looked at beyond a full page, to tell how many objects match in all.
const COUNTED_ROWS_MAX: usize = 1000;

const NAME: AttributeName = AttributeName::Standard(AttributeKind::Name);

/// Longest value of an index, in bytes; longer ones are cut and the object decides.
const INDEX_BYTES_MAX: usize = 512;

/// Which members of an object group are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupMember {
    /// Those that were never handed out.
    Fresh,
    /// One: the oldest of those that were never handed out, and once there are none the oldest.
    Default,
}

/// Which objects are searched, by where they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageStatus {
    /// Neither archived nor destroyed.
    pub online: bool,
    /// Archived.
    pub archived: bool,
    /// Destroyed.
    pub destroyed: bool,
}

/// Finds objects.
pub struct Locate {
    /// What they must have, all of it. Two values of a date attribute are a range, both ends included.
    pub criteria: Vec<(AttributeName, Value)>,
    /// Which members of the named group.
    pub group_member: Option<GroupMember>,
    /// Where to search.
    pub storage: StorageStatus,
    /// Most objects to answer; `LOCATED_MAX` at most.
    pub items_max: Option<usize>,
    /// Objects to skip.
    pub offset: usize,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The objects, newest first within one value of the index. Of names an alias leads first.
    pub objects: Vec<ObjectId>,
    /// How many match in all, where the search came to its end, or near enough to it to count the others.
    pub total: Option<usize>,
}

impl Operation for Locate {
    type Reply = Located;

    fn action(&self) -> Action {
        Action::Locate
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, permit: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Located> {
        let located = self.search(permit, context, self.group_member.is_some())?;
        if self.group_member == Some(GroupMember::Default) && located.objects.is_empty() {
            return self.search(permit, context, false);
        }
        Ok(located)
    }
}

impl Locate {
    /// `is_fresh`: only objects that were never handed out.
    fn search(&self, permit: &Permit, context: &mut Context<'_>, is_fresh: bool) -> Result<Located> {
        let limit = if self.group_member == Some(GroupMember::Default) { 1 } else { LOCATED_MAX };
        let limit = self.items_max.unwrap_or(limit).min(limit);
        let ranges = self.ranges(permit, context.now());
        // One range leads to an object once, where no alias does, and the page behind goes on where this one ends.
        let in_pages = limit > 0
            && matches!(ranges.as_slice(), [Search::Index(_)])
            && self.criteria.iter().all(|(name, _)| *name != NAME);
        let from = match in_pages && self.offset > 0 {
            true => context.pages().end(&self.digest(context, is_fresh)?, self.offset, context.now()),
            false => None,
        };
        let matched = if from.is_some() { self.offset } else { 0 };
        let seen = (!in_pages).then(HashSet::new);
        let (objects, offset, last) = (Vec::new(), self.offset, from);
        let mut found = Found {
            objects,
            matched,
            seen,
            offset,
            limit,
            last,
            counted_rows: 0,
            rows_in_vain: 0,
            walk: None,
            is_fresh,
            alias: None,
        };
        self.consider_aliased(context, &mut found)?;
        for range in ranges {
            match range {
                Search::Object(id) => self.consider(context, id, &mut found)?,
                Search::Index(range) => self.walk(context, &range, &mut found)?,
            }
            if found.is_cut() {
                break;
            }
        }
        context.note_detail(format!("{} found", found.objects.len()));
        let total = (!found.is_cut()).then_some(found.matched);
        let is_full = found.is_full();
        if let Some(last) = found.last.filter(|_| in_pages && is_full) {
            let matched = self.offset + found.objects.len();
            context.pages().keep(self.digest(context, is_fresh)?, matched, last, context.now());
        }
        Ok(Located { objects: found.objects, total })
    }
}

/// One way to candidates.
enum Search {
    Object(ObjectId),
    Index(IndexRange),
}

struct Found<'e> {
    objects: Vec<ObjectId>,
    /// How many matched, those that were skipped included.
    matched: usize,
    /// Which matched, where two ranges may lead to the same object.
    seen: Option<HashSet<ObjectId>>,
    offset: usize,
    limit: usize,
    /// Only objects count that were never handed out.
    is_fresh: bool,
    /// An alias that was asked for by name: it counts as a name of the objects of its key.
    alias: Option<String>,
    /// The row where a walk goes on, and after it the one that filled the page.
    last: Option<IndexHit>,
    /// Rows that were looked at since then, only to be counted.
    counted_rows: usize,
    /// Rows that were looked at without a match.
    rows_in_vain: usize,
    /// The right to look at more of them.
    walk: Option<Walk<'e>>,
}

impl Found<'_> {
    fn is_full(&self) -> bool {
        self.objects.len() >= self.limit
    }

    /// No further row is looked at.
    fn is_cut(&self) -> bool {
        self.counted_rows > COUNTED_ROWS_MAX
    }

    fn has_seen(&self, id: ObjectId) -> bool {
        self.seen.as_ref().is_some_and(|seen| seen.contains(&id))
    }

    fn add(&mut self, id: ObjectId) {
        if let Some(seen) = &mut self.seen {
            seen.insert(id);
        }
        self.matched += 1;
        if self.matched > self.offset && !self.is_full() {
            self.objects.push(id);
        }
    }
}

impl Locate {
    /// A name may be an alias: then the newest version of the key that it leads to has it, and whatever else has it as a
    /// name of its own.
    fn consider_aliased(&self, context: &Context<'_>, found: &mut Found<'_>) -> Result<()> {
        for (_, value) in self.criteria.iter().filter(|(name, _)| *name == NAME) {
            let Some(Value::Text(text)) = part(value, "NameValue") else { continue };
            let get = |key: &RecordKey| context.store().get(key);
            let record = get(&RecordKey::KeyName(context.realm(), text.clone()))?;
            let Some(Record::KeyName { key, alias: true, .. }) = record.as_deref() else { continue };
            let record = get(&RecordKey::Key(*key))?;
            let Some(Record::Key(key)) = record.as_deref() else { continue };
            found.alias = Some(text.clone());
            for id in
                key.latest().into_iter().flat_map(|latest| [Some(latest.primary), latest.public]).flatten()
            {
                self.consider(context, id, found)?;
            }
            found.alias = None;
        }
        Ok(())
    }

    fn walk<'e>(&self, context: &Context<'e>, range: &IndexRange, found: &mut Found<'e>) -> Result<()> {
        // Of several ranges each is walked from its beginning.
        let mut after = found.last.take();
        loop {
            // Members of a group are given out in the order in which they came, all else newest first.
            let order = if self.group_member.is_some() { Order::Ascending } else { Order::Descending };
            let hits = context.find_in(order, range, after.as_ref(), PAGE_ROWS)?;
            let is_last = hits.len() < PAGE_ROWS;
            for hit in hits {
                let was_full = found.is_full();
                found.counted_rows += usize::from(was_full);
                if found.is_cut() {
                    return Ok(());
                }
                let matched = found.matched;
                self.consider(context, ObjectId(hit.id), found)?;
                found.rows_in_vain += usize::from(found.matched == matched);
                if found.rows_in_vain > ROWS_IN_VAIN_MAX && found.walk.is_none() {
                    found.walk = Some(context.walking()?);
                }
                if found.is_full() && !was_full {
                    found.last = Some(hit.clone());
                }
                after = Some(hit);
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// What two pages of one search have in common: who asks, and for what.
    fn digest(&self, context: &Context<'_>, is_fresh: bool) -> Result<[u8; 32]> {
        let StorageStatus { online, archived, destroyed } = self.storage;
        let mut search = Vec::new();
        // A search for members of a group walks the other way.
        let ways = [online, archived, destroyed, is_fresh, self.group_member.is_some()];
        let whole = (context.caller().id(), &self.criteria, ways);
        ciborium::into_writer(&whole, &mut search).map_err(Error::internal)?;
        Ok(context.crypto().sha256(&[&search]))
    }

    fn consider(&self, context: &Context<'_>, id: ObjectId, found: &mut Found<'_>) -> Result<()> {
        // Not tracked: a list tells what was true a moment ago.
        let record = context.store().get(&RecordKey::Object(id))?;
        let Some(Record::Object(object)) = record.as_deref() else { return Ok(()) };
        if object.realm == context.realm()
            && !found.has_seen(id)
            && self.matches(context, object, found)?
            && may_read(context, object)?
        {
            found.add(id);
        }
        Ok(())
    }

    fn matches(&self, context: &Context<'_>, object: &Arc<ManagedObject>, found: &Found<'_>) -> Result<bool> {
        let alias = found.alias.as_deref();
        let destroyed = object.state.is_destroyed();
        let archived = object.dates.archive.is_some();
        let searched = match (destroyed, archived) {
            (true, _) => self.storage.destroyed,
            (false, true) => self.storage.archived,
            (false, false) => self.storage.online,
        };
        if !searched || found.is_fresh && !object.fresh {
            return Ok(false);
        }
        let view = View {
            object,
            spent: usage_limits::spent(context, object)?,
            lease_seconds: self.lease_seconds(context, object)?,
            now: context.now(),
            crypto: context.crypto(),
        };
        let by_alias = |name: &AttributeName, wanted: &Value| {
            let text = part(wanted, "NameValue").filter(|_| *name == NAME);
            alias.is_some_and(|alias| matches!(text, Some(Value::Text(text)) if text == alias))
        };
        Ok(self.criteria.iter().all(|(name, wanted)| by_alias(name, wanted) || self.has(&view, name, wanted)))
    }

    /// Longest lease on the object; its key is looked at only where somebody asks for it.
    fn lease_seconds(&self, context: &Context<'_>, object: &ManagedObject) -> Result<u32> {
        const LEASE: AttributeName = AttributeName::Standard(AttributeKind::LeaseTime);
        if self.criteria.iter().all(|(name, _)| *name != LEASE) {
            return Ok(LEASE_SECONDS_DEFAULT);
        }
        let key = context.store().get(&RecordKey::Key(object.key))?;
        Ok(match key.as_deref() {
            Some(Record::Key(key)) => key.policy.lease_seconds(),
            _ => LEASE_SECONDS_DEFAULT,
        })
    }

    fn has(&self, view: &View<'_>, name: &AttributeName, wanted: &Value) -> bool {
        let values = view.read(name);
        if let Some((from, to)) = self.date_range(name) {
            return values
                .iter()
                .any(|value| matches!(value, Value::Date(date) if (from..=to).contains(date)));
        }
        values.iter().any(|value| equals(name, value, wanted))
    }

    /// The range that two values of the same date attribute stand for. One value is the second that it names: KMIP 1.x
    /// knows nothing finer.
    fn date_range(&self, name: &AttributeName) -> Option<(Time, Time)> {
        let dates = self.criteria.iter().filter(|(named, _)| named == name);
        let dates: Vec<Time> = dates
            .filter_map(|(_, value)| if let Value::Date(date) = value { Some(*date) } else { None })
            .collect();
        let (from, to) = (*dates.iter().min()?, *dates.iter().max()?);
        Some((from, Time(to.0.saturating_add(999))))
    }

    /// The way to candidates: the most selective criterion that an index knows.
    fn ranges(&self, permit: &Permit, now: Time) -> Vec<Search> {
        let ranked = self.criteria.iter().filter_map(|(name, value)| self.indexed(name, value));
        let best = ranked.min_by_key(|(rank, _)| *rank).map(|(_, by)| by);
        let index = |kind, from, to| Search::Index(IndexRange { realm: permit.realm(), kind, from, to });
        let exactly = |kind, mut value: Vec<u8>| {
            value.truncate(INDEX_BYTES_MAX);
            index(kind, Bound::Included(value.clone()), Bound::Included(value))
        };
        match best {
            Some(By::Nothing) => Vec::new(),
            Some(By::Object(id)) => vec![Search::Object(id)],
            Some(By::Value(kind, value)) => vec![exactly(kind, value)],
            Some(By::Dates(from, to)) => {
                vec![index(IndexKind::Date, Bound::Included(from), Bound::Included(to))]
            }
            // The index knows the state that was recorded; dates may have moved some objects since.
            Some(By::State(recorded)) => recorded
                .into_iter()
                .map(|state| exactly(IndexKind::State, vec![state]))
                .chain([index(
                    IndexKind::Due,
                    Bound::Unbounded,
                    Bound::Included(record::sortable(now.0).to_vec()),
                )])
                .collect(),
            None => vec![index(IndexKind::Object, Bound::Unbounded, Bound::Unbounded)],
        }
    }

    /// How an index finds objects with this value, and how selective that is: lower is better.
    fn indexed(&self, name: &AttributeName, value: &Value) -> Option<(u8, By)> {
        let whole =
            |rank| Some((rank, By::Value(IndexKind::Attribute, record::attribute_value(name, value))));
        let AttributeName::Standard(kind) = name else { return whole(3) };
        let text = |field: &str| match part(value, field) {
            Some(Value::Text(text)) => Some(text.clone().into_bytes()),
            _ => None,
        };
        match (kind, value) {
            (AttributeKind::UniqueIdentifier, Value::Text(id)) => {
                Some((0, id.parse().map_or(By::Nothing, By::Object)))
            }
            (AttributeKind::Name, _) => Some((1, By::Value(IndexKind::ObjectName, text("NameValue")?))),
            (AttributeKind::Link, _) => {
                Some((2, By::Value(IndexKind::Link, text("LinkedObjectIdentifier")?)))
            }
            (AttributeKind::ApplicationSpecificInformation, _)
                if has_all(value, ["ApplicationNamespace", "ApplicationData"]) =>
            {
                whole(3)
            }
            (AttributeKind::AlternativeName, _)
                if has_all(value, ["AlternativeNameValue", "AlternativeNameType"]) =>
            {
                whole(3)
            }
            (AttributeKind::ObjectGroup, Value::Text(group)) => {
                Some((4, By::Value(IndexKind::Group, group.clone().into_bytes())))
            }
            (
                AttributeKind::ContactInformation | AttributeKind::Description | AttributeKind::Comment,
                Value::Text(_),
            ) => whole(5),
            (AttributeKind::CryptographicAlgorithm, Value::Enumeration(code)) => {
                let algorithm = Algorithm::from_code(*code);
                // ECDSA and ECDH are kept as EC.
                let algorithm = if matches!(code, 0x06 | 0x0E) { Algorithm::Ec } else { algorithm };
                Some((7, By::Value(IndexKind::Algorithm, record::algorithm_value(algorithm))))
            }
            (AttributeKind::State, Value::Enumeration(code)) => {
                let recorded = State::ALL.into_iter().filter(|state| state.code() == *code);
                Some((8, By::State(recorded.map(|state| state as u8).collect())))
            }
            (AttributeKind::ObjectType, Value::Enumeration(code)) => {
                let by = ObjectType::from_code(*code)
                    .map_or(By::Nothing, |kind| By::Value(IndexKind::ObjectType, vec![kind as u8]));
                Some((9, by))
            }
            (_, Value::Date(_)) => {
                let which = date_kind(*kind)?;
                let (from, to) = self.date_range(name)?;
                Some((6, By::Dates(record::date_value(which, from), record::date_value(which, to))))
            }
            _ => None,
        }
    }
}

/// The index knows a structure by all of its fields.
fn has_all(value: &Value, fields: [&str; 2]) -> bool {
    fields.iter().all(|field| part(value, field).is_some())
}

/// What leads to candidates.
enum By {
    Nothing,
    Object(ObjectId),
    Value(IndexKind, Vec<u8>),
    Dates(Vec<u8>, Vec<u8>),
    State(Vec<u8>),
}

/// The standard's rules of comparison: masks by inclusion, limits by size, of a structure only the given fields.
fn equals(name: &AttributeName, value: &Value, wanted: &Value) -> bool {
    match (name, value, wanted) {
        (
            AttributeName::Standard(AttributeKind::CryptographicUsageMask),
            Value::Integer(has),
            Value::Integer(asked),
        ) => UsageMask(*has as u32) & UsageMask(*asked as u32) == UsageMask(*asked as u32),
        (_, Value::LongInteger(has), Value::LongInteger(asked))
            if *name == AttributeName::Standard(AttributeKind::UsageLimits) =>
        {
            has >= asked
        }
        (_, Value::Structure(_), Value::Structure(fields)) => {
            fields.iter().all(|(field, asked)| part(value, field).is_some_and(|has| equals(name, has, asked)))
        }
        _ => value == wanted,
    }
}

fn may_read(context: &Context<'_>, object: &ManagedObject) -> Result<bool> {
    let record = context.store().get(&RecordKey::Key(object.key))?;
    let Some(Record::Key(key)) = record.as_deref() else { return Ok(false) };
    Ok(context.authorize(Action::GetAttributes, Target::Key(key)).is_ok())
}

fn date_kind(kind: AttributeKind) -> Option<DateKind> {
    Some(match kind {
        AttributeKind::InitialDate => DateKind::Initial,
        AttributeKind::LastChangeDate => DateKind::LastChange,
        AttributeKind::ActivationDate => DateKind::Activation,
        AttributeKind::ProcessStartDate => DateKind::ProcessStart,
        AttributeKind::ProtectStopDate => DateKind::ProtectStop,
        AttributeKind::DeactivationDate => DateKind::Deactivation,
        AttributeKind::DestroyDate => DateKind::Destroy,
        AttributeKind::CompromiseOccurrenceDate => DateKind::CompromiseOccurrence,
        AttributeKind::CompromiseDate => DateKind::Compromise,
        AttributeKind::ArchiveDate => DateKind::Archive,
        AttributeKind::OriginalCreationDate => DateKind::OriginalCreation,
        _ => return None,
    })
}
