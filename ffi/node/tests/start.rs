//! How a node is started by its C ABI, and what it is told then.
#![allow(unsafe_code, reason = "the functions are those of C")]

mod common;

use core::{mem::size_of, ptr};

use common::*;
use rollbook_c::*;
use rollbook_node_c::*;

#[test]
fn a_node_of_settings_says_what_it_is() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut settings = settings();
    settings.network_size = 4;
    settings.network[..4].copy_from_slice(b"test");
    settings.key_kind = ROLLBOOK_KEY_SECP256K1;
    settings.announcement.capability_count = 1;
    settings.announcement.capabilities[0] = name("storage");
    settings.announcement.agent_size = 3;
    settings.announcement.agent[..3].copy_from_slice(b"x/1");
    let node = start(&settings, dir.path());
    let own = node.peer_id();
    node.await_online(&own);
    let seen = node.get(&own).expect("it is in its own roll");
    assert_eq!(seen.has_ethereum_address, 1);
    assert_eq!(&seen.announcement.agent[..3], b"x/1");
    assert_eq!(seen.announcement.capability_count, 1);
    assert_eq!(seen.announcement.capabilities[0].name, name("storage").name);
    assert_eq!(seen.standing, ROLLBOOK_STANDING_ADMITTED);
    let status = node.status();
    assert_eq!((status.role, status.admitted), (ROLLBOOK_ROLE_AUTHORITY, 1));
    assert_eq!(status.peer_id, own);
    assert!(node.listen_address().starts_with("/ip4/127.0.0.1/tcp/"));
}

#[test]
fn a_node_of_toml_keeps_what_it_was_over_a_restart() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let toml = format!(
        "data-dir = {:?}\nlisten = \"/ip4/127.0.0.1/tcp/0\"\nsync-interval = \"500ms\"\n",
        dir.path()
    );
    let started = || try_start_toml(&toml).unwrap_or_else(|error| panic!("{}", message(&error)));
    let first = started();
    let own = first.peer_id();
    first.await_online(&own);
    let joined = first.get(&own).expect("it is there").first_joined;
    // SAFETY: a handle.
    assert_eq!(unsafe { rollbook_runtime_stop(first.0, TIME_MAX_MS) }, ROLLBOOK_OK);
    // What was read before can still be read, and what happened too.
    assert_eq!(first.get(&own).expect("it is there").first_joined, joined);
    let last = figures(&first).last_event;
    drop(first);

    let second = started();
    assert_eq!(second.peer_id(), own);
    assert_eq!(second.get(&own).expect("it is there").first_joined, joined);
    // SAFETY: a handle.
    assert_eq!(unsafe { rollbook_runtime_seek_event(second.0, 0) }, ROLLBOOK_OK);
    // Numbers go on where they were, without a gap.
    let mut events = 0;
    while let Ok(event) = second.next_event() {
        events += 1;
        assert_eq!((event.id, event.lost), (events, 0));
    }
    assert!(last > 0 && events >= last);
}

fn figures(node: &Running) -> rollbook_figures_t {
    // SAFETY: a handle and what is here; zeros are figures.
    unsafe {
        let mut figures = core::mem::zeroed();
        let size = size_of::<rollbook_figures_t>();
        assert_eq!(rollbook_runtime_figures(node.0, &mut figures, size), ROLLBOOK_OK);
        figures
    }
}

#[test]
fn a_directory_has_one_node_at_a_time() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let node = start(&settings(), dir.path());
    let error = try_start(&settings(), dir.path()).expect_err("it is in use");
    assert_eq!(error.code, ROLLBOOK_E_IN_USE);
    assert!(message(&error).starts_with("data directory "), "{}", message(&error));
    drop(node);
    drop(start(&settings(), dir.path()));
}

/// Makes settings unusable.
type Spoil = fn(&mut rollbook_settings_t);

#[test]
fn settings_that_cannot_be_used_are_refused_with_a_sentence() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let cases: [(Spoil, &str); 14] = [
        (|s| s.network_size = 33, "the network's name is too long"),
        (|s| (s.network_size, s.network[0]) = (1, 0xff), "the network's name is not UTF-8"),
        (|s| (s.network_size, s.network[0]) = (1, b'!'), "network `!`"),
        (|s| s.listen_count = 9, "too many addresses to listen on"),
        (|s| s.listen[0].size = 97, "an address is none"),
        (|s| s.authority_count = 17, "too many addresses of authorities"),
        (|s| s.authority_count = 1, "an authority has no peer id"),
        (|s| s.retired_count = 1, "a retired one is nobody"),
        (|s| s.grant_name_count = 14, "too many names of grants"),
        (|s| s.admission = 9, "there is no such admission"),
        (|s| s.reach = 4, "there is no such reach"),
        (|s| s.key_kind = ROLLBOOK_KEY_LIBP2P, "a key of a node is of"),
        (|s| s.mdns = 2, "mdns is 0 or 1"),
        (|s| s.zero[1] = 1, "what is to be zeros is not"),
    ];
    for (spoil, why) in cases {
        let mut settings = settings();
        spoil(&mut settings);
        let error = try_start(&settings, dir.path()).expect_err(why);
        assert_eq!(error.code, ROLLBOOK_E_CONFIG, "{why}");
        assert!(message(&error).starts_with(why), "{why}: {}", message(&error));
    }
    let mut settings = settings();
    settings.announcement.extra_size = 1;
    let error = try_start(&settings, dir.path()).expect_err("it is not passed on");
    assert_eq!(error.code, ROLLBOOK_E_UNSUPPORTED);
    assert_eq!(std::fs::read_dir(dir.path()).expect("it is read").count(), 0, "nothing was made");
}

#[test]
fn what_fails_outside_is_told_apart() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = taken.local_addr().expect("it has an address").port();
    let mut settings = settings();
    settings.listen[0] = address(&format!("/ip4/127.0.0.1/tcp/{port}"));
    let error = try_start(&settings, &dir.path().join("a")).expect_err("the port is taken");
    assert_eq!(error.code, ROLLBOOK_E_IO, "{}", message(&error));
    let file = dir.path().join("file");
    std::fs::write(&file, "").expect("it is written");
    let error = try_start(&common::settings(), &file).expect_err("it is a file");
    assert_eq!(error.code, ROLLBOOK_E_IO, "{}", message(&error));
    let journal = dir.path().join("b");
    std::fs::create_dir(&journal).expect("it is made");
    std::fs::write(journal.join("identity.key"), "no key").expect("it is written");
    let error = try_start(&common::settings(), &journal).expect_err("it is no key");
    assert_eq!(error.code, ROLLBOOK_E_KEY, "{}", message(&error));
}

#[test]
fn toml_that_cannot_be_used_is_refused_by_its_place() {
    let error = try_start_toml("network = \"a\"\nnonsense = 1\n").expect_err("no such key");
    assert_eq!((error.code, error.offset), (ROLLBOOK_E_CONFIG, 25));
    assert_eq!(message(&error), "nonsense: there is no such key");
    let (mut runtime, mut error) = (ptr::null_mut(), no_error());
    let text = b"network = \"\xff\"";
    // SAFETY: the pointers are of what is here.
    let code =
        unsafe { rollbook_runtime_start_toml(text.as_ptr(), text.len(), &mut runtime, &mut error) };
    assert_eq!((code, error.offset), (ROLLBOOK_E_UTF8, 11));
}

#[test]
fn an_older_program_and_a_newer_one_are_understood() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let start = |settings: *const u8, size: usize| {
        let mut runtime = ptr::null_mut();
        let dir = dir.path().to_str().expect("it is text");
        // SAFETY: the caller's settings have that size.
        let code = unsafe {
            let settings = settings.cast();
            let (dir, dir_size) = (dir.as_ptr(), dir.len());
            rollbook_runtime_start(settings, size, dir, dir_size, &mut runtime, ptr::null_mut())
        };
        drop(Running(runtime));
        code
    };
    let known = settings();
    let size = size_of::<rollbook_settings_t>();
    let mut larger = vec![0; size + 8];
    // SAFETY: settings are bytes without padding.
    let bytes = unsafe { core::slice::from_raw_parts(ptr::from_ref(&known).cast::<u8>(), size) };
    larger[..size].copy_from_slice(bytes);
    assert_eq!(start(larger.as_ptr(), size + 8), ROLLBOOK_OK);
    larger[size + 7] = 1;
    assert_eq!(start(larger.as_ptr(), size + 8), ROLLBOOK_E_UNSUPPORTED);
    assert_eq!(start(larger.as_ptr(), 0), ROLLBOOK_E_UNSUPPORTED);
    // As far as the addresses to listen on: what is behind them is zeros.
    assert_eq!(start(larger.as_ptr(), 64 + 8 * 97), ROLLBOOK_OK);
}
