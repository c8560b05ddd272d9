//! How much stack each call takes, measured: the call runs on a stack of its own that was filled
//! with a pattern, and what it changed of that, it used.

use core::{
    arch::asm,
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use crate::system::print;

/// The size of that stack, in bytes.
const STACK_SIZE: usize = 256 * 1024;
/// How much of it must be left untouched, or nobody knows what was overwritten below.
const STACK_SPARE: usize = STACK_SIZE / 4;
/// What it is filled with.
const PATTERN: u8 = 0xa5;

/// What is measured.
#[derive(Clone, Copy)]
pub(crate) enum Call {
    Recover,
    Start,
    Announce,
    Grant,
    Leave,
    Connected,
    Disconnected,
    Gossip,
    Request,
    Response,
    Timeout,
    PollJournal,
    PollPublication,
    PollRequest,
    PollEvent,
    Snapshot,
    VerifyEd25519,
    #[cfg(feature = "secp256k1")]
    VerifySecp256k1,
}

/// Their names, in the same order.
const NAMES: &[&str] = &[
    "recover",
    "start",
    "announce",
    "grant",
    "leave",
    "handle_connected",
    "handle_disconnected",
    "handle_gossip",
    "handle_request",
    "handle_response",
    "handle_timeout",
    "poll_journal",
    "poll_publication",
    "poll_request",
    "poll_event",
    "snapshot",
    "verify(ed25519)",
    #[cfg(feature = "secp256k1")]
    "verify(secp256k1)",
];

static DEPTHS: [AtomicUsize; NAMES.len()] = [const { AtomicUsize::new(0) }; NAMES.len()];

/// Runs `step` and remembers how deep it went, if no earlier call of this kind went deeper.
pub(crate) fn measure<R>(call: Call, step: impl FnOnce() -> R) -> R {
    let (result, depth) = on_painted_stack(step);
    DEPTHS[call as usize].fetch_max(depth, Ordering::Relaxed);
    result
}

/// Prints a line for each kind of call. All must have been made.
pub(crate) fn print_depths() {
    for (name, depth) in NAMES.iter().zip(&DEPTHS) {
        let depth = depth.load(Ordering::Relaxed);
        assert!(depth > 0, "{name} was never called");
        print(format_args!("stack {name} {depth}"));
    }
}

#[repr(align(16))]
struct Stack(UnsafeCell<[u8; STACK_SIZE]>);

// SAFETY: `on_painted_stack` alone reaches it, and not while it is within itself; the program has
// one thread.
unsafe impl Sync for Stack {}

static STACK: Stack = Stack(UnsafeCell::new([0; STACK_SIZE]));
static IN_USE: AtomicBool = AtomicBool::new(false);

/// A step with room for what it gives.
struct Step<F, R> {
    run: Option<F>,
    result: Option<R>,
}

/// Runs `step` on the painted stack; says how many bytes of it were used too.
pub(crate) fn on_painted_stack<F: FnOnce() -> R, R>(step: F) -> (R, usize) {
    assert!(!IN_USE.swap(true, Ordering::Relaxed), "there is one painted stack");
    let mut step = Step { run: Some(step), result: None };
    let bottom = STACK.0.get().cast::<u8>();
    // SAFETY: nobody else uses the stack. It is aligned as a call expects it, and large enough or
    // the assertion below ends the program. `enter` is given the step that it is made for. It
    // keeps the registers that a function must keep, r12 among them; the others are clobbered.
    unsafe {
        bottom.write_bytes(PATTERN, STACK_SIZE);
        asm!(
            "mov r12, rsp",
            "mov rsp, {top}",
            "call {enter}",
            "mov rsp, r12",
            top = in(reg) bottom.add(STACK_SIZE),
            enter = sym enter::<F, R>,
            in("rdi") &raw mut step,
            out("r12") _,
            clobber_abi("C"),
        );
    }
    // SAFETY: nobody else uses the stack.
    let stack = unsafe { &*STACK.0.get() };
    let untouched = stack.iter().take_while(|byte| **byte == PATTERN).count();
    assert!(untouched >= STACK_SPARE, "the painted stack is too small");
    IN_USE.store(false, Ordering::Relaxed);
    (step.result.expect("the step was run"), STACK_SIZE - untouched)
}

extern "C" fn enter<F: FnOnce() -> R, R>(step: &mut Step<F, R>) {
    let run = step.run.take().expect("a step is run once");
    step.result = Some(run());
}
