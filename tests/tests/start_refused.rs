//! What `start` refuses: in one clear line, with nothing left running and nothing damaged.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rollbook_tests::{RunningNode, Setup, refusal};

/// Why a node with these options does not start.
#[track_caller]
fn refused_in(data_dir: &Path, setup: &Setup) -> String {
    refusal(setup.args(data_dir))
}

/// The same in a new data directory.
#[track_caller]
fn refused(setup: &Setup) -> String {
    let dir = tempfile::tempdir().expect("a temporary folder");
    refused_in(&dir.path().join("data"), setup)
}

/// Fails unless the node is all right.
#[track_caller]
fn still_fine(node: &mut RunningNode) {
    assert_eq!(node.try_wait(), None, "it runs");
    assert_eq!(node.api().get("/healthz"), Ok(serde_json::json!("ok")));
    node.await_presence(node.peer_id(), "online");
    assert!(node.cli(["status"]).success().contains(node.peer_id()));
}

#[test]
fn a_second_node_on_the_same_data_is_refused_and_the_first_goes_on() {
    let mut first = RunningNode::start(Setup::new());
    let line = refused_in(first.data_dir(), &Setup::new());
    assert!(line.contains("is in use") && line.contains("--data-dir"), "{line}");
    still_fine(&mut first);
    // Also where the second would take the same ports.
    let same = Setup::new().http(first.api().address());
    let line = refused_in(first.data_dir(), &same);
    assert!(line.contains("a node runs in ") && line.contains("already"), "{line}");
    still_fine(&mut first);
    let mut identity: Vec<OsString> = vec!["identity".into(), "--data-dir".into()];
    identity.push(first.data_dir().into());
    let shown = rollbook_tests::run(&identity).success();
    assert!(shown.contains(first.peer_id()), "reading the identity is harmless: {shown}");
    still_fine(&mut first);
}

#[test]
fn a_port_in_use_is_named() {
    let mut first = RunningNode::start(Setup::new());
    let address = first.listen()[0].split("/p2p/").next().expect("an address").to_owned();
    let line = refused(&Setup::new().listening(std::slice::from_ref(&address)));
    assert!(line.contains(&address) && line.contains("in use"), "{line}");
    let line = refused(&Setup::new().http(first.api().address()));
    assert!(line.contains(first.api().address()) && line.contains("in use"), "{line}");
    assert!(line.contains("--http"), "{line}");
    still_fine(&mut first);
}

#[test]
fn a_node_that_was_refused_starts_once_the_reason_is_gone() {
    let mut first = RunningNode::start(Setup::new());
    let dir = tempfile::tempdir().expect("a temporary folder");
    let setup = Setup::new().http(first.api().address());
    refused_in(dir.path(), &setup);
    assert!(!dir.path().join("api.json").exists());
    first.kill9();
    let second = RunningNode::start_in(dir.path(), setup);
    second.await_presence(second.peer_id(), "online");
}

#[test]
fn an_identity_key_that_cannot_be_used_is_refused_and_kept() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let key = dir.path().join("identity.key");
    for content in [&b"garbage"[..], b"", &[0xff; 68], &[8, 1, 18, 64, 1, 2, 3]] {
        fs::write(&key, content).expect("our folder");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("our file");
        let line = refused_in(dir.path(), &Setup::new());
        assert!(line.contains("identity.key is not a libp2p private key"), "{line}");
        assert_eq!(fs::read(&key).expect("it is there"), content);
    }
    fs::remove_file(&key).expect("our file");
    fs::create_dir(&key).expect("our folder");
    let line = refused_in(dir.path(), &Setup::new());
    assert!(line.contains("identity.key"), "{line}");
}

#[test]
fn a_key_that_others_can_read_is_refused_with_the_remedy() {
    let mut node = RunningNode::start(Setup::new());
    assert!(node.terminate().success());
    let key = node.file("identity.key");
    assert_eq!(fs::metadata(&key).expect("it is there").permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("our file");
    let line = refused_in(node.data_dir(), &Setup::new());
    assert!(line.contains("mode 644") && line.contains("chmod 600"), "{line}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("our file");
    let peer_id = node.peer_id().to_owned();
    node.start_again();
    assert_eq!(node.peer_id(), peer_id);
}

#[test]
fn a_key_of_another_kind_than_asked_for_is_refused() {
    let mut node = RunningNode::start(Setup::new().with("key-type", "secp256k1"));
    assert!(node.peer_id().starts_with("16Uiu2HA"), "{}", node.peer_id());
    assert!(node.terminate().success());
    let line = refused_in(node.data_dir(), &Setup::new().with("key-type", "ed25519"));
    assert!(line.contains("secp256k1, not ed25519"), "{line}");
    node.start_again();
}

#[test]
fn a_setting_that_makes_no_sense_is_refused_by_its_name() {
    const ID: &str = "12D3KooWQnwEGNqcM2nAcPtRR9rAX8Hrg4k9kJLCHoTR5chJfz6d";
    const RSA: &str = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N";
    for (option, value, reason) in [
        ("authority", "/ip4/127.0.0.1/tcp/7655".to_owned(), "must end in /p2p/ID"),
        ("authority", "nonsense".to_owned(), "--authority"),
        ("authority", "/ip4/127.0.0.1/tcp/7655/p2p/nonsense".to_owned(), "--authority"),
        ("authority", format!("/ip4/127.0.0.1/tcp/1/p2p/{RSA}"), "no ed25519 or secp256k1 key"),
        ("authority", format!("/ip4/127.0.0.1/tcp/99999/p2p/{ID}"), "--authority"),
        ("network", "Main".to_owned(), "network `Main`"),
        ("network", "a/b".to_owned(), "network `a/b`"),
        ("network", "x".repeat(33), "1 to 32 characters"),
        ("network", "\u{1b}[2J".to_owned(), "1 to 32 characters"),
        ("network", String::new(), "--network"),
        ("external-address", "/ip4/1.2.3".to_owned(), "--external-address"),
        ("sync-interval", "soon".to_owned(), "--sync-interval"),
        ("sync-interval", "0s".to_owned(), "interval"),
        ("sync-interval", "9days".to_owned(), "interval"),
        ("key-type", "rsa".to_owned(), "neither ed25519 nor secp256k1"),
        ("admission", "maybe".to_owned(), "--admission"),
        ("capability", "x".repeat(1_000), "--capability: "),
        ("agent", "x".repeat(1_000), "--agent: "),
        ("grant-name", "staked".to_owned(), "staked"),
        ("max-connections", "many".to_owned(), "--max-connections"),
        ("http-token-file", "/nowhere/token".to_owned(), "--http-token-file /nowhere/token"),
        ("http-token-file", "/dev/null".to_owned(), "32 to 512 visible"),
        ("http-allow-origin", "*".to_owned(), "--http-allow-origin"),
        ("http-rate", "0".to_owned(), "--http-rate"),
        ("masa-api", "maybe".to_owned(), "--masa-api"),
    ] {
        let line = refused(&Setup::slow().with(option, &value));
        assert!(line.contains(reason), "--{option} {value}: {line}");
        assert!(!line.contains('\u{1b}'), "no control characters: {line:?}");
    }
    let many: Setup = (0..9).fold(Setup::new(), |setup, number| {
        let peer = rollbook_tests::peer_id(number);
        setup.with("authority", &format!("/ip4/127.0.0.1/tcp/1/p2p/{peer}"))
    });
    let line = refused(&many);
    assert!(line.contains("at most 8 authorities"), "{line}");
    let line = refused(&Setup::new().listening(&["/ip4/192.0.2.1/tcp/0".to_owned()]));
    assert!(line.contains("cannot listen on /ip4/192.0.2.1"), "{line}");
    for http in ["nonsense", "127.0.0.1", "roll.example:80"] {
        let line = refused(&Setup::new().http(http));
        assert!(line.contains("--http"), "{line}");
    }
    let line = refused(&Setup::new().http("192.0.2.7:80"));
    assert!(line.contains("cannot listen on the HTTP address 192.0.2.7:80"), "{line}");
}

#[test]
fn a_configuration_file_is_read_and_its_mistakes_are_named_with_their_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("node.toml");
    let path = file.to_str().expect("a plain path");
    for (content, reason) in [
        (&b"network = \"test\"\nlissten = []\n"[..], "line 2: unknown key \"lissten\""),
        (b"sync-interval = [1]\n", "line 1: sync-interval"),
        (b"\ncapability = [[1]]\n", "line 2: capability"),
        (b"network = \"te\nst\"\n", "node.toml line "),
        (b"network = \"a\"\nnetwork = \"b\"\n", "line 2"),
        (b"network = \"Not A Name\"\n", "Not A Name"),
        (b"\xff\xfe\x00", "cannot read the configuration"),
        (b"{\"network\": \"json\"}", "line 1"),
    ] {
        fs::write(&file, content).expect("our folder");
        let line = refused(&Setup::new().with("config", path));
        assert!(line.contains(reason), "{}: {line}", String::from_utf8_lossy(content));
    }
    let line = refused(&Setup::new().with("config", "/nowhere/node.toml"));
    assert!(line.contains("cannot read the configuration /nowhere/node.toml"), "{line}");

    fs::write(&file, "network = \"test\"\ncapability = [\"storage\"]\nagent = \"file/1\"\n")
        .expect("our folder");
    let setup = Setup::new().with("config", path).with("agent", "flag/2");
    let node = RunningNode::start(setup);
    assert_eq!(node.status()["network"], "test");
    let view = node.await_presence(node.peer_id(), "online");
    assert_eq!(view["capabilities"], serde_json::json!(["storage"]));
    assert_eq!(view["agent"], "flag/2", "an option wins over the file");
}

#[test]
fn a_data_directory_that_cannot_be_used_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("file");
    fs::write(&file, "not a folder").expect("our folder");
    for path in [file.clone(), file.join("below"), "/proc/rollbook".into()] {
        let line = refused_in(&path, &Setup::new());
        assert!(line.contains(path.to_str().expect("a plain path")), "{line}");
    }
    assert_eq!(fs::read(&file).expect("it is there"), b"not a folder");
}
