//! The life of an object: which moves between states are legal, and what dates do by themselves.
//!
//! # Standard
//! NIST SP 800-57 part 1 rev. 5 section 7.6 (transitions 1 to 18); KMIP 2.1 section 4.57 (State), figure 1.

use crate::{
    error::{Error, ErrorKind, Result},
    model::{ManagedObject, State, Time},
};

/// What moves an object from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Move {
    /// Activate, or the activation date came.
    Activate,
    /// Revoke for any reason but compromise, or the deactivation date came.
    Deactivate,
    /// Revoke for compromise.
    Compromise,
    /// Destroy the material.
    Destroy,
}

/// The one transition table: state and move to next state. Everything that is not here is refused. Suspended is not in it:
/// it lies over the state that an object has (`Dates::suspended`), so that nothing of that is forgotten meanwhile.
const TABLE: &[(State, Move, State)] = {
    use Move::*;
    use State::*;
    &[
        (PreActive, Activate, Active),
        (PreActive, Compromise, Compromised),
        (PreActive, Destroy, Destroyed),
        (Active, Deactivate, Deactivated),
        (Active, Compromise, Compromised),
        (Deactivated, Compromise, Compromised),
        (Deactivated, Destroy, Destroyed),
        (Compromised, Compromise, Compromised),
        (Compromised, Destroy, DestroyedCompromised),
        (Destroyed, Compromise, DestroyedCompromised),
        (DestroyedCompromised, Compromise, DestroyedCompromised),
    ]
};

/// The state after a move.
///
/// # Errors
/// `WrongState` where the table has no such move, `Destroyed` where the material is gone.
pub fn next_state(from: State, by: Move) -> Result<State> {
    if let Some((_, _, to)) = TABLE.iter().find(|(state, action, _)| (*state, *action) == (from, by)) {
        return Ok(*to);
    }
    let verb = match by {
        Move::Activate => "activated",
        Move::Deactivate => "deactivated",
        Move::Compromise => "marked as compromised",
        Move::Destroy if from.is_destroyed() => "destroyed again",
        Move::Destroy => "destroyed: revoke it first",
    };
    let kind = if from.is_destroyed() { ErrorKind::Destroyed } else { ErrorKind::WrongState };
    Err(Error::new(kind, format!("an object that is {} cannot be {verb}", from.word())))
}

/// Whether one or more moves of the table lead from one recorded state to another, or none is needed: dates make moves that
/// stand in no entry of their own. For who checks what was recorded; no operation goes by it.
pub fn can_become(from: State, to: State) -> bool {
    let mut reached = vec![from];
    let mut at = 0;
    while let Some(state) = reached.get(at).copied() {
        let next = TABLE.iter().filter(|(before, _, _)| *before == state).map(|(_, _, after)| *after);
        let new: Vec<State> = next.filter(|next| !reached.contains(next)).collect();
        reached.extend(new);
        at += 1;
    }
    reached.contains(&to)
}

/// The state at `now` as others see it: Suspended while the object is disabled, else as its life goes.
pub fn shown_at(object: &ManagedObject, now: Time) -> State {
    match state_at(object, now) {
        state if state.is_destroyed() || object.dates.suspended.is_none() => state,
        _ => State::Suspended,
    }
}

/// The state at `now` by which its life goes on: the recorded state and what the dates have done since. Never Suspended.
pub fn state_at(object: &ManagedObject, now: Time) -> State {
    let reached = |date: Option<Time>| date.is_some_and(|date| date <= now);
    let mut state = object.state;
    if state == State::PreActive && reached(object.dates.activation) {
        state = State::Active;
    }
    if state == State::Active && reached(object.dates.deactivation) {
        state = State::Deactivated;
    }
    state
}

/// The next time at which a date moves the object or opens or closes a use, counted from its recorded state.
pub fn next_move(object: &ManagedObject) -> Option<Time> {
    let dates = &object.dates;
    let by_state = match object.state {
        State::PreActive => dates.activation,
        State::Active => dates.deactivation,
        _ => None,
    };
    let destruction = dates.destruction.filter(|_| !object.state.is_destroyed());
    [by_state, destruction].into_iter().flatten().min()
}

/// Until when a decision made at `now` from this object's state and dates holds; `None`: no date lies ahead.
pub fn holds_until(object: &ManagedObject, now: Time) -> Option<Time> {
    let dates = &object.dates;
    [dates.activation, dates.process_start, dates.protect_stop, dates.deactivation, dates.destruction]
        .into_iter()
        .flatten()
        .filter(|date| *date > now)
        .min()
}

/// Refuses to protect (encrypt, sign, wrap, MAC) unless state and dates allow it.
///
/// # Errors
/// `Destroyed` or `WrongState` with the reason.
pub fn require_protect(object: &ManagedObject, now: Time) -> Result<()> {
    let state = state_at(object, now);
    if !state.may_protect() {
        return Err(refuse(object, state, "protect new data"));
    }
    require_serving(object)?;
    if object.dates.protect_stop.is_some_and(|stop| stop <= now) {
        return Err(wrong(
            "its protect stop date has passed: it only processes (decrypts, verifies, unwraps)",
        ));
    }
    Ok(())
}

/// Refuses to process (decrypt, verify, unwrap) unless state and dates allow it.
///
/// # Errors
/// `Destroyed` or `WrongState` with the reason.
pub fn require_process(object: &ManagedObject, now: Time) -> Result<()> {
    let state = state_at(object, now);
    if !state.may_process() {
        return Err(refuse(object, state, "process data"));
    }
    require_serving(object)?;
    if object.dates.process_start.is_some_and(|start| start > now) {
        return Err(wrong("its process start date has not come"));
    }
    Ok(())
}

/// Refuses what an archived object does not do.
///
/// # Errors
/// `Archived` with the date and the way out.
pub fn require_online(object: &ManagedObject) -> Result<()> {
    match object.dates.archive.filter(|_| !object.state.is_destroyed()) {
        Some(since) => {
            let public = format!(
                "object {} is archived since {since}; `keyreeve key recover NAME` takes it back",
                object.id
            );
            Err(Error::new(ErrorKind::Archived, public))
        }
        None => Ok(()),
    }
}

/// Refuses every use of an object that is archived, disabled or waits for its destruction, whatever its state.
///
/// # Errors
/// `Archived`, or `WrongState`, with the date and the way out.
pub fn require_serving(object: &ManagedObject) -> Result<()> {
    require_online(object)?;
    if let Some(since) = object.dates.suspended.filter(|_| !object.state.is_destroyed()) {
        return Err(wrong(&format!(
            "it is disabled since {since}; `keyreeve key enable NAME` takes it into use again"
        )));
    }
    match object.dates.destruction {
        Some(date) if !object.state.is_destroyed() => Err(wrong(&format!(
            "it waits for its destruction on {date}; `keyreeve key destroy NAME --cancel` takes it back"
        ))),
        _ => Ok(()),
    }
}

fn refuse(object: &ManagedObject, state: State, what: &str) -> Error {
    let kind = if state.is_destroyed() { ErrorKind::Destroyed } else { ErrorKind::WrongState };
    Error::new(kind, format!("object {} is {} and cannot {what}", object.id, state.word()))
}

fn wrong(why: &str) -> Error {
    Error::new(ErrorKind::WrongState, why)
}

#[cfg(test)]
mod tests {
    use super::{Move, TABLE, next_state};
    use crate::{error::ErrorKind, model::State};

    const MOVES: [Move; 4] = [Move::Activate, Move::Deactivate, Move::Compromise, Move::Destroy];

    #[test]
    fn every_state_and_move_is_decided_by_the_table() {
        for from in State::ALL {
            for by in MOVES {
                let listed =
                    TABLE.iter().filter(|(state, action, _)| (*state, *action) == (from, by)).count();
                assert!(listed <= 1, "{from:?} {by:?} stands twice in the table");
                match next_state(from, by) {
                    Ok(to) => {
                        assert_eq!(listed, 1);
                        assert!(!from.is_destroyed() || to.is_destroyed(), "{from:?} came back as {to:?}");
                        assert!(
                            from != State::Compromised || to != State::Active,
                            "a compromise was forgotten"
                        );
                    }
                    Err(error) if from.is_destroyed() => assert_eq!(error.kind(), ErrorKind::Destroyed),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WrongState),
                }
            }
        }
    }

    #[test]
    fn what_was_recorded_can_only_have_moved_along_the_table() {
        use super::can_become;
        assert!(can_become(State::PreActive, State::Destroyed), "over Active and Deactivated too");
        assert!(can_become(State::Active, State::DestroyedCompromised));
        assert!(can_become(State::Active, State::Active));
        for from in State::ALL {
            assert_eq!(can_become(from, State::PreActive), from == State::PreActive);
            assert!(
                !from.is_destroyed()
                    || State::ALL.iter().all(|to| to.is_destroyed() || !can_become(from, *to))
            );
        }
        assert!(!can_become(State::Compromised, State::Active));
        assert!(!can_become(State::Deactivated, State::Active));
    }

    #[test]
    fn nothing_leads_back_to_pre_active() {
        assert!(TABLE.iter().all(|(_, _, to)| *to != State::PreActive));
    }

    #[test]
    fn an_active_key_is_not_destroyed_before_it_is_deactivated() {
        assert_eq!(
            next_state(State::Active, Move::Destroy).map_err(|error| error.kind()),
            Err(ErrorKind::WrongState)
        );
    }
}
