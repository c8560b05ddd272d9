//! Statics that are lent out once, as firmware keeps what is too large for its stack.

use core::{
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, Ordering},
};

/// A value in a static.
pub(crate) struct Place<T> {
    value: UnsafeCell<T>,
    taken: AtomicBool,
}

// SAFETY: the value is reached by `take` alone, which lends it to one caller, ever.
unsafe impl<T: Send> Sync for Place<T> {}

impl<T> Place<T> {
    pub(crate) const fn new(value: T) -> Place<T> {
        Place { value: UnsafeCell::new(value), taken: AtomicBool::new(false) }
    }

    /// The value, to whoever asks first.
    #[expect(clippy::mut_from_ref, reason = "the flag makes sure that there is one borrower")]
    pub(crate) fn take(&'static self) -> &'static mut T {
        assert!(!self.taken.swap(true, Ordering::Relaxed), "a static is lent out once");
        // SAFETY: this is the only reference to the value: the flag was not set before, and it is
        // never cleared.
        unsafe { &mut *self.value.get() }
    }
}
