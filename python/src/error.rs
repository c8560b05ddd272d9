//! How failures reach Python: by the name of a code, of which the package has the one table.

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use pyo3::{prelude::*, sync::PyOnceLock};
use rollbook::{CommandError, IdentityError, StartError};
use rollbook_core as core;

/// A failure: the name of its code, the name of its cause, and a line for people.
#[derive(Debug)]
pub(crate) struct Failure {
    code: &'static str,
    reason: String,
    message: String,
}

impl Failure {
    pub(crate) fn new(
        code: &'static str,
        reason: impl Into<String>,
        message: impl Into<String>,
    ) -> Failure {
        Failure { code, reason: reason.into(), message: message.into() }
    }

    /// An argument that means nothing.
    pub(crate) fn argument(message: impl Into<String>) -> Failure {
        Failure::new("ARGUMENT", "Argument", message)
    }

    /// A call that does not fit the state of the object.
    pub(crate) fn state(message: impl Into<String>) -> Failure {
        Failure::new("STATE", "State", message)
    }

    /// The object is closed.
    pub(crate) fn closed(what: &str) -> Failure {
        Failure::new("CLOSED", "Closed", format!("the {what} is closed"))
    }

    /// An earlier panic left the object in no known state.
    pub(crate) fn poisoned() -> Failure {
        Failure::new("POISONED", "Poisoned", "a fault of an earlier call left this unusable")
    }

    /// A failure of the core's or the runtime's, under `code`.
    fn of<E: fmt::Debug + fmt::Display>(code: &'static str, error: &E) -> Failure {
        Failure::new(code, variant(error), error.to_string())
    }
}

/// The name of an error's variant: what a program may compare.
fn variant(error: &impl fmt::Debug) -> String {
    let text = format!("{error:?}");
    let is_word = |character: char| character.is_alphanumeric();
    // Errors that wrap another one are as the innermost: `Key(WeakKey)` is `WeakKey`.
    let inner = text.strip_suffix(')').and_then(|text| text.rsplit('(').next()).unwrap_or(&text);
    let is_name = !inner.is_empty() && inner.chars().all(is_word);
    let outer = || text.chars().take_while(|character| is_word(*character)).collect();
    if is_name { inner.to_owned() } else { outer() }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> PyErr {
        static ERROR_OF: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        Python::attach(|py| {
            let made = ERROR_OF
                .import(py, "rollbook._errors", "error_of")
                .and_then(|make| make.call1((failure.code, failure.reason, failure.message)));
            match made {
                Ok(exception) => PyErr::from_value(exception),
                Err(error) => error,
            }
        })
    }
}

macro_rules! failure_of {
    ($($error:ty: $code:expr;)+) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Failure {
                let code: fn(&$error) -> &'static str = $code;
                Failure::of(code(&error), &error)
            }
        })+
    };
}

failure_of! {
    core::PeerIdError: |_| "PEER_ID";
    core::NetworkError: |_| "CONFIG";
    core::AuthoritiesError: |_| "CONFIG";
    core::ConfigError: |error| match error {
        core::ConfigError::Key(_) => "KEY",
        _ => "CONFIG",
    };
    core::RollOutError: |error| match error {
        core::RollOutError::Key(_) => "KEY",
        core::RollOutError::Recovering => "RECOVERING",
        core::RollOutError::Partial => "PARTIAL",
        core::RollOutError::NoLongerAuthority => "NO_LONGER_AUTHORITY",
        core::RollOutError::Damaged => "DAMAGED",
        _ => "CONFIG",
    };
    core::RecoverError: |error| match error {
        core::RecoverError::Format => "FORMAT",
        core::RecoverError::ForeignPeer | core::RecoverError::ForeignNetwork => "FOREIGN",
        core::RecoverError::NoLongerAuthority => "NO_LONGER_AUTHORITY",
        core::RecoverError::Full => "FULL",
        _ => "MALFORMED",
    };
    core::AnnounceError: |error| match error {
        core::AnnounceError::TooLong => "FULL",
        _ => "ARGUMENT",
    };
    core::ObserveError: |error| match error {
        core::ObserveError::UnknownPeer => "UNKNOWN_NODE",
        core::ObserveError::Full => "FULL",
        _ => "ARGUMENT",
    };
    core::CommandError: |error| match error {
        core::CommandError::NotAuthority => "NOT_AUTHORITY",
        core::CommandError::Full => "FULL",
        core::CommandError::UnknownPeer => "UNKNOWN_NODE",
        core::CommandError::Recovering => "RECOVERING",
        core::CommandError::UnsupportedKey => "KEY",
        core::CommandError::SubjectIsAuthority => "IS_AUTHORITY",
        core::CommandError::NotAdmitted => "NOT_ADMITTED",
        _ => "STATE",
    };
    core::VerifyError: |error| match error {
        core::VerifyError::BadSignature => "SIGNATURE",
        _ => "KEY",
    };
    core::message::MessageError: |error| match error {
        core::message::MessageError::OverBudget => "BUSY",
        _ => "MALFORMED",
    };
    core::statement::StatementError: |_| "MALFORMED";
    CommandError: |error| match error {
        CommandError::NotAuthority => "NOT_AUTHORITY",
        CommandError::UnknownNode => "UNKNOWN_NODE",
        CommandError::UnknownGrant(_) | CommandError::UnknownCounter(_) => "ARGUMENT",
        CommandError::UnsupportedKey => "KEY",
        CommandError::Full | CommandError::Announcement(_) => "FULL",
        CommandError::IsAuthority => "IS_AUTHORITY",
        CommandError::Recovering => "RECOVERING",
        CommandError::Disk(_) => "IO",
        CommandError::Stopped => "CLOSED",
        _ => "CONFIG",
    };
    StartError: |error| match error {
        StartError::DirInUse { .. } => "IN_USE",
        StartError::Identity(error) => match error {
            IdentityError::Io { .. } | IdentityError::Random(_) => "IO",
            IdentityError::DirInUse { .. } => "IN_USE",
            _ => "KEY",
        },
        StartError::Network { .. } | StartError::Config(_) => "CONFIG",
        StartError::AuthorityWithoutPeerId(_) | StartError::AuthorityKey(_) => "CONFIG",
        StartError::ForeignJournal { .. } => "FOREIGN",
        StartError::NoLongerAuthority { .. } => "NO_LONGER_AUTHORITY",
        StartError::NotAJournal { .. } => "DAMAGED",
        StartError::JournalTooLarge { .. } => "FULL",
        _ => "IO",
    };
}

/// Runs the body of a call; what panics in it is an `InternalError`, which programs can catch.
pub(crate) fn guarded<T>(body: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        let message = format!("a fault in this software: {}", panic_text(&*panic));
        Err(Failure::new("PANIC", "Panic", message).into())
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// Panics, in builds for development only: how the tests see what becomes of that.
#[cfg(debug_assertions)]
#[pyfunction]
pub(crate) fn panic_for_a_test() -> PyResult<()> {
    guarded(|| panic!("as it was told to"))
}
