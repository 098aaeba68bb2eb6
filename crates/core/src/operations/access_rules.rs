//! Access rules of a realm: apply, remove, show. Not here: what a rule is and how it decides (access/rules), and questions
//! about who may do what (check access).

use std::{ops::ControlFlow, sync::Arc};

use super::{Operation, Subject, terms};
use crate::{
    access::{
        Action, Permit, Target,
        approvals::{DEFAULT_RULE, Terms},
        rules::{self, AccessRules, Applied, Question, RuleSet},
    },
    engine::damaged,
    error::{Error, ErrorKind, Result},
    model::{Principal, Role},
    record::{Record, ServerData},
    request::{Context, Resolved},
};

/// Names in the detail of an entry.
const NAMES_TOLD_MAX: usize = 20;

/// Adds rules, or puts them in the place of those of the same names.
pub struct ApplyAccessRules {
    /// Cedar; each rule has `@id("name")`.
    pub text: String,
}

/// What applying did.
pub struct AppliedRules {
    /// By names.
    pub applied: Applied,
    /// What is probably not meant so.
    pub warnings: Vec<String>,
    /// The revision of the realm's rules from now on.
    pub revision: u64,
}

/// Takes a rule away.
pub struct RemoveAccessRule {
    /// Its name.
    pub name: String,
}

/// Tells the rules.
pub struct ShowAccessRules;

impl Operation for ApplyAccessRules {
    type Reply = AppliedRules;

    fn action(&self) -> Action {
        Action::SetAccessRules
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    /// A text of the longest kind takes a second to check.
    fn takes_long(&self) -> bool {
        true
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let parsed = rules::parse(&self.text)?;
        let names: Vec<&str> = parsed.policies.iter().filter_map(|policy| policy.annotation("id")).collect();
        Ok(Some(terms::text(context, &self.text, "rules", &names)))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<AppliedRules> {
        let parsed = rules::parse(&self.text)?;
        require_dual_control_settled(context, &RuleSet::new(context.realm(), &parsed.policies)?)?;
        let mut stored = stored(context)?;
        let applied = stored.apply(&parsed, context.now(), context.caller().name())?;
        let names = [("added", &applied.added), ("changed", &applied.changed)];
        let told = names.iter().filter(|(_, names)| !names.is_empty());
        context.note_detail(told.map(|(what, names)| told_names(what, names)).collect::<Vec<_>>().join("; "));
        if !applied.added.is_empty() || !applied.changed.is_empty() {
            put(context, &stored)?;
        }
        Ok(AppliedRules { applied, warnings: parsed.warnings, revision: stored.revision })
    }
}

/// Refuses a rule that lets others administer as long as nobody has said whether two must agree then.
///
/// INVARIANT: power counts, not the role that gives it. The rule by default comes with the second administrator by role, who alone could
/// approve by it.
fn require_dual_control_settled(context: &mut Context<'_>, set: &RuleSet) -> Result<()> {
    let Some(rule) = set.lets_administer() else { return Ok(()) };
    let known = context.approval_rules()?;
    if known.settled || !known.rules.is_empty() {
        return Ok(());
    }
    let public = format!(
        "the access rule {rule} lets others administer, and nothing says yet whether two must agree on what is dangerous: make a \
         second administrator (`keyreeve client add NAME --role admin`), which brings that rule, or say that none is wanted \
         (`keyreeve approval release {DEFAULT_RULE}`)"
    );
    Err(Error::new(ErrorKind::WrongState, public))
}

impl Operation for RemoveAccessRule {
    /// The revision of the realm's rules from now on.
    type Reply = u64;

    fn action(&self) -> Action {
        Action::SetAccessRules
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn takes_long(&self) -> bool {
        true
    }

    fn terms(&self, _: &mut Context<'_>) -> Result<Option<Terms>> {
        Ok(Some(vec![("remove".into(), self.name.clone())]))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<u64> {
        context.note_target(&self.name);
        let mut stored = stored(context)?;
        let before = stored.rules.len();
        stored.rules.retain(|rule| rule.name != self.name);
        if stored.rules.len() == before {
            return Err(Error::not_found("access rule"));
        }
        stored.revision += 1;
        context.note_detail(told_names("removed", std::slice::from_ref(&self.name)));
        put(context, &stored)?;
        Ok(stored.revision)
    }
}

impl Operation for ShowAccessRules {
    type Reply = AccessRules;

    fn action(&self) -> Action {
        Action::ShowAccessRules
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<AccessRules> {
        stored(context)
    }
}

fn told_names(what: &str, names: &[String]) -> String {
    let told = names.iter().take(NAMES_TOLD_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(NAMES_TOLD_MAX) {
        Some(more @ 1..) => format!("{what} {told} and {more} more"),
        _ => format!("{what} {told}"),
    }
}

/// The realm's rules as they are stored. What a request makes of them is bound to their staying so.
///
/// # Errors
/// The store's.
pub(super) fn stored(context: &mut Context<'_>) -> Result<AccessRules> {
    let address = rules::address(context.realm());
    match context.get(address.clone())?.as_deref() {
        Some(Record::Server(data)) => ciborium::from_reader(&data.data[..]).map_err(Error::internal),
        Some(other) => Err(damaged(&address, other)),
        None => Ok(AccessRules::default()),
    }
}

fn put(context: &mut Context<'_>, stored: &AccessRules) -> Result<()> {
    let ready = stored.compile(context.realm())?;
    require_administrator(context, &ready, None)?;
    let mut data = Vec::new();
    ciborium::into_writer(stored, &mut data).map_err(Error::internal)?;
    let name = rules::record_name(context.realm());
    context.put(Record::Server(Arc::new(ServerData { name, data, sealed: None })));
    Ok(())
}

/// Refuses a change after which nobody could be sure to change rules any more. Conditions of rules are not looked at: what
/// holds now may not hold tomorrow. `changed` is a principal as it will be.
///
/// # Errors
/// `Denied`; the store's.
pub(super) fn require_administrator(
    context: &mut Context<'_>,
    rules: &RuleSet,
    changed: Option<&Arc<Principal>>,
) -> Result<()> {
    let target = Target::Realm(context.realm());
    let (mut in_the_way, mut is_sure) = (None, false);
    context.each_principal(|principal| {
        let principal = changed.filter(|changed| changed.id == principal.id).unwrap_or(principal);
        if !principal.is_lasting() || !principal.roles.contains(&Role::Admin) {
            return ControlFlow::Continue(());
        }
        match rules.could_forbid(&Question { principal, action: Action::SetAccessRules, target }) {
            None => {
                is_sure = true;
                ControlFlow::Break(())
            }
            Some(rule) => {
                in_the_way = Some(rule.to_owned());
                ControlFlow::Continue(())
            }
        }
    })?;
    if is_sure {
        return Ok(());
    }
    let public = match in_the_way {
        Some(rule) => format!(
            "no administrator would be sure to change access rules any more: the rule {rule} could forbid it; let it \
             except one, or name other actions, or write `resource is Key`"
        ),
        None => "there would be no administrator left".into(),
    };
    Err(Error::new(ErrorKind::Denied, public))
}
