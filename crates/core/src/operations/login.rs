//! Logging in: a bearer token for a while, for somebody who proved to be a principal by a secret id or a
//! password; and making it last longer. Not here: checking what was shown (the server's authn).

use std::sync::Arc;

use super::{
    Operation, Subject,
    principals::{NewCredential, add, credential, principal, revoke_credentials},
};
use crate::{
    access::{Action, Permit},
    error::{Error, ErrorKind, Result},
    model::{Credential, CredentialId, CredentialKind, Password, Principal, Time},
    record::Record,
    request::{Context, Resolved},
};

/// Gives the caller a token for a while. Spends one of the uses that what it showed has.
pub struct LogIn {
    /// What the caller showed.
    pub shown: CredentialId,
    /// Time step of the one-time code that it showed beside a password.
    pub step: Option<u64>,
    /// The token.
    pub token: NewCredential,
    /// A new password in place of the one that was shown. It counts as long as that one would have, and the token rests on it.
    pub password: Option<NewCredential>,
}

/// Spends the one-time code that the caller showed with a request, where there is no login: no code is taken twice.
pub struct TakeCode {
    /// The caller's password, whose code it is.
    pub shown: CredentialId,
    /// Time step of the code.
    pub step: u64,
}

/// Makes the caller's token of a login last longer.
pub struct RenewLogin {
    /// The token.
    pub token: CredentialId,
    /// Until when, at most.
    pub expires: Time,
}

/// Ends the caller's token of a login.
pub struct LogOut {
    /// The token.
    pub token: CredentialId,
}

impl Operation for LogIn {
    type Reply = Arc<Credential>;

    fn action(&self) -> Action {
        Action::Login
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, permit: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Self::Reply> {
        let shown = own(context, permit, self.shown)?;
        let kind = spent(&shown.kind, self.step)?;
        let mut principal = principal(context, permit.principal())?;
        context.note_target(&principal.name);
        if let Some(new) = &self.password {
            principal = replace_password(context, &principal, (&shown, new))?;
            context.note_detail(format!("new password {}, token {}", new.id, self.token.id));
        } else {
            if kind != shown.kind {
                context.put(Record::Credential(Arc::new(Credential { kind, ..Credential::clone(&shown) })));
            }
            context.note_detail(format!("token {}", self.token.id));
        }
        add(context, &principal, &self.token).map(|(_, token)| token)
    }
}

impl Operation for TakeCode {
    type Reply = ();

    fn action(&self) -> Action {
        Action::Login
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, permit: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<()> {
        let shown = own(context, permit, self.shown)?;
        let kind = spent(&shown.kind, Some(self.step))?;
        context.note_detail("a one-time code");
        context.put(Record::Credential(Arc::new(Credential { kind, ..Credential::clone(&shown) })));
        Ok(())
    }
}

impl Operation for RenewLogin {
    type Reply = Arc<Credential>;

    fn action(&self) -> Action {
        Action::Login
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, permit: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Self::Reply> {
        let known = own(context, permit, self.token)?;
        let CredentialKind::Session { until, .. } = &known.kind else { return Err(no_login()) };
        // Never shorter than before, and never beyond what the login gave.
        let expires =
            known.expires.into_iter().chain([self.expires]).max().map(|expires| expires.min(*until));
        context.note_detail(format!("token {}", self.token));
        let renewed = Arc::new(Credential { expires, ..Credential::clone(&known) });
        context.put(Record::Credential(Arc::clone(&renewed)));
        Ok(renewed)
    }
}

impl Operation for LogOut {
    type Reply = Arc<Credential>;

    fn action(&self) -> Action {
        Action::Logout
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, permit: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Self::Reply> {
        let known = own(context, permit, self.token)?;
        if !matches!(known.kind, CredentialKind::Session { .. }) {
            return Err(no_login());
        }
        context.note_detail(format!("token {}", self.token));
        let ended = Arc::new(Credential { revoked: Some(context.now()), ..Credential::clone(&known) });
        context.put(Record::Credential(Arc::clone(&ended)));
        Ok(ended)
    }
}

/// Puts a new password in the place of the one that was shown: every older one ends, with the tokens that it gave.
///
/// # Errors
/// `InvalidField` where no password was shown; as adding a credential.
fn replace_password(
    context: &mut Context<'_>,
    principal: &Principal,
    (shown, new): (&Credential, &NewCredential),
) -> Result<Arc<Principal>> {
    let is_password = |kind: &CredentialKind| matches!(kind, CredentialKind::Password(_));
    if !is_password(&shown.kind) || !is_password(&new.kind) {
        let public = "a new password is given beside the old one";
        return Err(Error::new(ErrorKind::InvalidField, public));
    }
    revoke_credentials(context, principal, is_password)?;
    let new = NewCredential { expires: shown.expires, ..new.clone() };
    add(context, principal, &new).map(|(principal, _)| principal)
}

/// A credential that counts, of the caller alone.
fn own(context: &mut Context<'_>, permit: &Permit, id: CredentialId) -> Result<Arc<Credential>> {
    let known = credential(context, id)?;
    let known = known.filter(|known| known.principal == permit.principal() && known.counts_at(context.now()));
    known.ok_or_else(|| Error::not_found("credential"))
}

fn no_login() -> Error {
    let public =
        "this is no token of a login; `token create` makes others, and `credential revoke` ends them";
    Error::new(ErrorKind::WrongState, public)
}

/// What a credential is once it was shown.
///
/// # Errors
/// `Unauthenticated` where it has no use left, its one-time code was taken before, or is nothing to log in with.
fn spent(shown: &CredentialKind, step: Option<u64>) -> Result<CredentialKind> {
    let refuse =
        |cause: &str| Err(Error::new(ErrorKind::Unauthenticated, "authentication failed").because(cause));
    let mut kind = shown.clone();
    match &mut kind {
        CredentialKind::SecretId { uses_left, .. } => match uses_left {
            Some(0) => return refuse("a secret id whose uses are spent"),
            Some(left) => *left -= 1,
            None => {}
        },
        CredentialKind::Password(Password { totp: Some(totp), .. }) => match (totp.last_step, step) {
            (_, None) => return refuse("a password without its one-time code"),
            (Some(last), Some(step)) if step <= last => return refuse("a one-time code for the second time"),
            (_, Some(step)) => totp.last_step = Some(step),
        },
        CredentialKind::Password(_) | CredentialKind::Jwt { .. } => {}
        _ => return refuse("a credential that nobody logs in with"),
    }
    Ok(kind)
}
