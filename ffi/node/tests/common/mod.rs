//! A node by its C ABI, for tests.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(unsafe_code, reason = "the functions are those of C")]

use core::{mem::size_of, ptr};
use std::{
    ffi::CStr,
    os::unix::ffi::OsStrExt as _,
    path::Path,
    time::{Duration, Instant},
};

use rollbook_c::*;
use rollbook_node_c::*;

/// Longer than anything takes that works.
pub(crate) const TIME_MAX_MS: u32 = 60_000;
/// So short that tests are fast, and so long that a busy machine keeps up.
pub(crate) const INTERVAL_MS: u64 = 500;

/// A running node, freed at the end.
#[derive(Debug)]
pub(crate) struct Running(pub(crate) *mut rollbook_runtime_t);

// SAFETY: the handle may be used by any thread, which is what tests of it do.
unsafe impl Send for Running {}
// SAFETY: the same.
unsafe impl Sync for Running {}

impl Drop for Running {
    fn drop(&mut self) {
        // SAFETY: it is a handle, or NULL once a test took it.
        let freed = unsafe { rollbook_runtime_free(self.0) };
        if !std::thread::panicking() {
            assert_eq!(freed, ROLLBOOK_OK);
        }
    }
}

/// What every node of these tests has in common: it is on loopback, on a port of its own.
pub(crate) fn settings() -> rollbook_settings_t {
    let mut settings = zeros();
    settings.interval_ms = INTERVAL_MS;
    settings.threads = 1;
    settings.listen_count = 1;
    settings.listen[0] = address("/ip4/127.0.0.1/tcp/0");
    settings
}

/// Settings that are all defaults.
pub(crate) fn zeros() -> rollbook_settings_t {
    // SAFETY: all zeros are settings, as the header says.
    unsafe { core::mem::zeroed() }
}

pub(crate) fn address(text: &str) -> rollbook_address_t {
    let mut address = rollbook_address_t { size: 0, bytes: [0; ROLLBOOK_ADDRESS_SIZE_MAX] };
    // SAFETY: the pointers are of what is here.
    let read = unsafe {
        rollbook_multiaddr_parse(text.as_ptr(), text.len(), &mut address, ptr::null_mut())
    };
    assert_eq!(read, ROLLBOOK_OK, "{text}");
    address
}

pub(crate) fn authority(text: &str) -> rollbook_authority_t {
    let mut authority = core::mem::MaybeUninit::<rollbook_authority_t>::zeroed();
    let mut error = no_error();
    // SAFETY: the pointers are of what is here, and zeros are an authority.
    unsafe {
        let (text, size) = (text.as_ptr(), text.len());
        let read = rollbook_authority_parse(text, size, authority.as_mut_ptr(), &mut error);
        assert_eq!(read, ROLLBOOK_OK, "{}", message(&error));
        authority.assume_init()
    }
}

/// A capability, or the name of a grant.
pub(crate) fn name(text: &str) -> rollbook_capability_t {
    let mut name = [0; ROLLBOOK_CAPABILITY_SIZE_MAX];
    name[..text.len()].copy_from_slice(text.as_bytes());
    rollbook_capability_t { size: u8::try_from(text.len()).expect("it is short"), name }
}

pub(crate) fn no_error() -> rollbook_error_t {
    rollbook_error_t { code: 0, offset: 0, message: [0; 112] }
}

/// The sentence of an error.
pub(crate) fn message(error: &rollbook_error_t) -> String {
    let bytes = error.message.map(|byte| byte.to_ne_bytes()[0]);
    let text = CStr::from_bytes_until_nul(&bytes).expect("it ends in a zero");
    text.to_str().expect("it is text").to_owned()
}

/// Starts a node in a directory; or says why not.
pub(crate) fn try_start(
    settings: &rollbook_settings_t,
    dir: &Path,
) -> Result<Running, rollbook_error_t> {
    let (mut runtime, mut error) = (ptr::null_mut(), no_error());
    let dir = dir.as_os_str().as_bytes();
    // SAFETY: the pointers are of what is here.
    let code = unsafe {
        let size = size_of::<rollbook_settings_t>();
        rollbook_runtime_start(settings, size, dir.as_ptr(), dir.len(), &mut runtime, &mut error)
    };
    started(code, runtime, error)
}

/// Starts a node by TOML; or says why not.
pub(crate) fn try_start_toml(toml: &str) -> Result<Running, rollbook_error_t> {
    let (mut runtime, mut error) = (ptr::null_mut(), no_error());
    // SAFETY: the pointers are of what is here.
    let code =
        unsafe { rollbook_runtime_start_toml(toml.as_ptr(), toml.len(), &mut runtime, &mut error) };
    started(code, runtime, error)
}

fn started(
    code: i32,
    runtime: *mut rollbook_runtime_t,
    error: rollbook_error_t,
) -> Result<Running, rollbook_error_t> {
    match code {
        ROLLBOOK_OK => Ok(Running(runtime)),
        code => {
            assert_eq!((code, runtime), (error.code, ptr::null_mut()));
            Err(error)
        }
    }
}

/// Starts a node that is to start.
pub(crate) fn start(settings: &rollbook_settings_t, dir: &Path) -> Running {
    try_start(settings, dir).unwrap_or_else(|error| panic!("{}", message(&error)))
}

/// The settings of a member of the network of `authority`.
pub(crate) fn member_settings(of: &Running) -> rollbook_settings_t {
    let mut settings = settings();
    settings.authority_count = 1;
    settings.authorities[0] = authority(&of.listen_address());
    settings
}

impl Running {
    pub(crate) fn peer_id(&self) -> rollbook_peer_id_t {
        let mut peer_id = rollbook_peer_id_t { size: 0, bytes: [0; 47] };
        // SAFETY: a handle, and what is here.
        assert_eq!(unsafe { rollbook_runtime_peer_id(self.0, &mut peer_id) }, ROLLBOOK_OK);
        peer_id
    }

    /// Its first address, with its peer id.
    pub(crate) fn listen_address(&self) -> String {
        let (mut text, mut size) = ([0; ROLLBOOK_ADDRESS_TEXT_MAX], 0);
        // SAFETY: a handle, and what is here.
        let code = unsafe {
            let text = text.as_mut_ptr();
            rollbook_runtime_listen_address(self.0, 0, text, ROLLBOOK_ADDRESS_TEXT_MAX, &mut size)
        };
        assert_eq!(code, ROLLBOOK_OK);
        String::from_utf8(text[..size].to_vec()).expect("it is text")
    }

    pub(crate) fn status(&self) -> rollbook_status_t {
        // SAFETY: a handle and what is here; zeros are a status.
        unsafe {
            let mut status = core::mem::zeroed();
            let size = size_of::<rollbook_status_t>();
            assert_eq!(rollbook_runtime_status(self.0, &mut status, size), ROLLBOOK_OK);
            status
        }
    }

    /// A node of its roll.
    pub(crate) fn get(&self, peer: &rollbook_peer_id_t) -> Option<Box<rollbook_node_t>> {
        // SAFETY: a handle and what is here; zeros are a node.
        unsafe {
            let mut seen: Box<rollbook_node_t> = Box::new(core::mem::zeroed());
            let (peer, peer_size) = (peer.bytes.as_ptr(), peer.size.into());
            let size = size_of::<rollbook_node_t>();
            match rollbook_runtime_get(self.0, peer, peer_size, &mut *seen, size) {
                ROLLBOOK_OK => Some(seen),
                code => {
                    assert_eq!(code, ROLLBOOK_NOTHING);
                    None
                }
            }
        }
    }

    /// The next event, or the code instead of one.
    pub(crate) fn next_event(&self) -> Result<rollbook_runtime_event_t, i32> {
        // SAFETY: a handle and what is here; zeros are an event.
        unsafe {
            let mut event = core::mem::zeroed();
            let size = size_of::<rollbook_runtime_event_t>();
            match rollbook_runtime_next_event(self.0, &mut event, size) {
                ROLLBOOK_OK => Ok(event),
                code => Err(code),
            }
        }
    }

    pub(crate) fn wait(&self, timeout_ms: u32) -> i32 {
        // SAFETY: a handle.
        unsafe { rollbook_runtime_wait(self.0, timeout_ms) }
    }

    /// Takes events until there is one of this kind about this node.
    pub(crate) fn await_event(&self, kind: u8, peer: &rollbook_peer_id_t) {
        let until = Instant::now() + Duration::from_millis(TIME_MAX_MS.into());
        loop {
            assert!(Instant::now() < until, "no event of kind {kind}");
            match self.next_event() {
                Ok(event) if event.kind == kind && event.peer == *peer => return,
                Ok(_) => {}
                Err(code) => {
                    assert_eq!(code, ROLLBOOK_NOTHING);
                    self.wait(TIME_MAX_MS);
                }
            }
        }
    }

    /// Waits until something is so, which is looked at whenever anything happens, and now and then.
    pub(crate) fn await_state(&self, what: &str, is_so: impl Fn() -> bool) {
        let until = Instant::now() + Duration::from_millis(TIME_MAX_MS.into());
        while !is_so() {
            assert!(Instant::now() < until, "in vain: {what}");
            while self.next_event().is_ok() {}
            self.wait(100);
        }
    }

    /// Waits until it sees a node as being here.
    pub(crate) fn await_online(&self, peer: &rollbook_peer_id_t) {
        let is_online = || self.get(peer).is_some_and(|seen| seen.here == ROLLBOOK_HERE_ONLINE);
        self.await_state("it is online", is_online);
    }
}
