//! Operations: one file each. An operation reads through its `Context`, decides, and says what shall change; it never
//! writes, and it runs only with a `Permit`.

use crate::{
    access::{
        Action, Permit,
        approvals::{Person, Terms},
    },
    error::{Error, Result},
    request::{Context, Reference, Resolved},
};

pub mod access_rules;
pub mod activate;
pub mod administer;
pub mod alerts;
pub mod aliases;
pub mod apply_dates;
pub mod approvals;
pub mod archive;
pub mod as_of;
pub mod cancel_destroy;
pub mod certify;
pub mod change_key;
pub mod change_principal;
pub mod check;
pub mod check_access;
pub mod collect;
pub mod create;
pub mod create_split_key;
pub mod credentials;
pub mod cursor;
pub mod data_key;
pub mod decrypt;
pub mod derive_key;
pub mod destroy;
pub mod disable;
pub mod encrypt;
pub mod erase;
pub mod erase_subject;
pub mod erasures;
pub mod explain_access;
pub mod get;
pub mod get_attributes;
pub mod get_usage_allocation;
pub mod grant;
pub mod hash;
pub mod import;
pub mod import_object;
pub mod join_split_key;
pub mod journal;
pub mod list_keys;
pub mod locate;
pub mod login;
pub mod mac;
pub mod matching;
pub mod modify_attributes;
mod nonces;
pub mod object_rules;
pub mod obtain_lease;
pub mod parts;
mod persons;
pub mod policies;
pub mod policy_plan;
pub mod principals;
pub mod prove;
pub mod random;
pub mod realms;
pub mod recovery;
pub mod register;
pub mod register_chain;
pub mod rekey;
pub mod reprovision;
pub mod reseal;
pub mod restore_key;
pub mod revoke;
pub mod revoked;
pub mod rotate;
pub mod server;
pub mod show;
pub mod sign;
pub mod simulate_access;
pub mod stream;
pub mod test_access;
pub mod then_show;
pub mod undone;
pub mod verify;
pub mod wrap;
pub mod wrapping_key;

mod choose;
mod duplicates;
mod reach;
mod template;
mod terms;
mod usage_limits;
mod versions;

pub use template::{Activation, Template};

/// What an operation is about.
pub enum Subject<'a> {
    /// The caller's realm as a whole.
    Realm,
    /// One key or object.
    Key(&'a Reference),
}

/// An operation with its arguments.
pub trait Operation: Send + Sync {
    /// What it answers.
    type Reply: Send + 'static;

    /// The action that must be allowed.
    fn action(&self) -> Action;

    /// What it is about; the engine resolves it, and authorizes the action on it.
    fn subject(&self) -> Subject<'_>;

    /// Canonical bytes of the encryption context that it binds a ciphertext to, for who decides by it; empty for none.
    fn encryption_context(&self) -> &[u8] {
        &[]
    }

    /// True where it walks through the journal, which takes long, whatever the action says.
    fn reads_the_past(&self) -> bool {
        false
    }

    /// True where it may compute for long, whatever the action and the key say.
    fn takes_long(&self) -> bool {
        self.reads_the_past()
    }

    /// All that it would do, but for its key, where others can approve it: for them to read, and for the hash that their
    /// approval is bound to. Holds no secret. `None`: it cannot be approved, and is refused where it would have to be.
    ///
    /// # Errors
    /// Any.
    fn terms(&self, _: &mut Context<'_>) -> Result<Option<Terms>> {
        Ok(None)
    }

    /// Whom it makes, changes or gives a credential to, where it does: who approves is made and unmade by approval.
    ///
    /// # Errors
    /// Any.
    fn person(&self, _: &mut Context<'_>) -> Result<Option<Person>> {
        Ok(None)
    }

    /// Actions on the same subject that it comes to besides its own: each must be allowed, and approved where a rule says so.
    fn also(&self) -> Vec<Action> {
        Vec::new()
    }

    /// False where the same request has spent its approval by an entry before this one.
    fn spends_approval(&self) -> bool {
        true
    }

    /// Runs. `resolved` is there where the subject is a key.
    ///
    /// # Errors
    /// Any; a failed operation changes nothing and its failure goes on record.
    fn run(
        &self,
        permit: &Permit,
        context: &mut Context<'_>,
        resolved: Option<Resolved>,
    ) -> Result<Self::Reply>;
}

/// Data that is worked through within some tens of microseconds, in bytes.
const QUICK_BYTES_MAX: usize = 64 * 1024;

/// True of data on which an I/O thread would be held up.
fn is_long(bytes: usize) -> bool {
    bytes > QUICK_BYTES_MAX
}

/// The resolved subject of an operation whose `subject` is a key.
fn subject(resolved: Option<Resolved>) -> Result<Resolved> {
    resolved.ok_or_else(|| Error::internal("an operation on a key ran without one"))
}
