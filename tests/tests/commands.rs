//! The other subcommands: what they say when something is wrong, and when nothing is.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use rollbook_core::PublicKey;
use rollbook_tests::{GoRecord, Network, RunningNode, Setup, eventually, peer_id, refusal, run};

/// Every command that needs a running node.
fn commands(peer: &str) -> Vec<Vec<&str>> {
    vec![
        vec!["nodes"],
        vec!["nodes", "--json"],
        vec!["node", peer],
        vec!["explain", peer],
        vec!["select", "storage"],
        vec!["observe", peer, "successes"],
        vec!["status"],
        vec!["reload"],
        vec!["watch"],
        vec!["grant", peer, "staked"],
        vec!["revoke", peer, "staked"],
        vec!["admit", peer],
        vec!["remove", peer],
        vec!["ban", peer],
        vec!["import", "-", "--format", "masa"],
        vec!["export", "--format", "json"],
        vec!["export", "--format", "masa"],
    ]
}

#[test]
fn without_a_node_every_command_says_so_in_one_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().to_str().expect("a plain path");
    let peer = peer_id(1).to_string();
    for command in commands(&peer) {
        let line = refusal(command.iter().chain(&["--data-dir", dir]));
        assert!(line.starts_with(&format!("no node runs in {dir}")), "{command:?}: {line}");
        assert!(line.contains("rollbook start"), "{command:?}: {line}");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("ours").count(), 0, "nothing was made");
}

#[test]
fn every_command_has_its_help_with_options_explained() {
    let help = run(["--help"]).success();
    let names: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help")
        .collect();
    assert!(names.len() > 18, "{help}");
    for name in names {
        let text = run([name, "--help"]).success();
        assert!(text.contains(&format!("Usage: rollbook {name}")), "{name}: {text}");
        assert!(!text.contains('\u{1b}'), "no colours where there is no terminal: {text:?}");
        let json = !["start", "completions", "man", "export"].contains(&name);
        assert_eq!(text.contains("--json"), json, "{name}");
    }
}

#[test]
fn every_command_speaks_json() {
    let node = RunningNode::start(Setup::new().with("capability", "storage"));
    let (own, peer) = (node.peer_id(), peer_id(0).to_string());
    let json = |args: &[&str]| -> serde_json::Value {
        let text = node.cli(args.iter().chain(&["--json"])).success();
        assert_eq!(text.lines().count(), 1, "{args:?}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"))
    };
    assert_eq!(json(&["admit", &peer])["standing"], "admitted");
    assert_eq!(json(&["grant", &peer, "staked"])["isStaked"], true);
    assert_eq!(json(&["revoke", &peer, "staked"])["isStaked"], false);
    assert_eq!(json(&["observe", &peer, "successes", "--count", "2"])["peerId"], peer.as_str());
    assert_eq!(json(&["ban", &peer])["standing"], "banned");
    assert_eq!(json(&["remove", &peer])["standing"], "removed");
    assert_eq!(json(&["nodes"])[0]["peerId"], own);
    assert_eq!(json(&["nodes", "--all"]).as_array().map(Vec::len), Some(2));
    assert_eq!(json(&["nodes", "--standing", "removed"])[0]["peerId"], peer.as_str());
    assert_eq!(json(&["nodes", "--capability", "none"]), serde_json::json!([]));
    assert_eq!(json(&["node", own])["peerId"], own);
    assert!(json(&["explain", own])["facts"].is_array());
    assert_eq!(json(&["select", "storage"])[0]["peerId"], own);
    assert_eq!(json(&["status"])["peerId"], own);
    assert_eq!(json(&["identity"])["peerId"], own);
    assert!(json(&["doctor"]).as_array().expect("findings").len() > 6);
    let records = GoRecord::file(&[GoRecord::numbered(0), GoRecord::numbered(1)]);
    let import = ["import", "-", "--format", "masa", "--json"];
    let report = node.cli_with_input(import, &records).success();
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["recordsRead"], 2, "{report}");
}

#[test]
fn exit_codes_tell_scripts_why() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().to_str().expect("a plain path");
    assert_eq!(run(["nodes", "--data-dir", dir]).status.code(), Some(3));
    let node = RunningNode::start(Setup::new());
    let stranger = peer_id(0).to_string();
    assert_eq!(node.cli(["node", &stranger]).status.code(), Some(4));
    assert_eq!(node.cli(["ban", node.peer_id()]).status.code(), Some(4));
    assert_eq!(node.cli(["nodes", "--sort", "beauty"]).status.code(), Some(4));
    assert_eq!(node.cli(["nodes", "--standing", "good"]).status.code(), Some(2));
    assert_eq!(node.cli(["node", "nonsense"]).status.code(), Some(1));
    let missing = ["import", "/nowhere/file", "--format", "masa"];
    assert_eq!(node.cli(missing).status.code(), Some(1));
}

#[test]
fn the_doctor_tells_the_well_from_the_unwell() {
    let mut node = RunningNode::start(Setup::new());
    let text = node.cli(["doctor"]).success();
    for check in ["disk", "key", "node", "clock", "ports", "reach", "authority", "roll"] {
        assert!(text.lines().any(|line| line.contains(&format!("  {check}"))), "{check}: {text}");
    }
    assert!(!text.contains("WRONG"), "{text}");
    let lonely = Setup::new().with("authority", &node.listen()[0]);
    assert!(node.terminate().success());
    let lonely = RunningNode::start(lonely);
    let found = lonely.cli(["doctor"]);
    assert_eq!(found.status.code(), Some(5), "{}", found.stdout);
    assert!(found.stdout.contains("no authority is its home"), "{}", found.stdout);
    assert!(found.stderr.starts_with("error: "), "{}", found.stderr);
    let stopped = node.cli(["doctor", "--json"]);
    assert_eq!(stopped.status.code(), Some(5), "{}", stopped.stdout);
    let findings: serde_json::Value = serde_json::from_str(&stopped.stdout).expect("JSON");
    let findings = findings.as_array().expect("a list");
    let wrong = findings.iter().find(|finding| finding["state"] == "wrong").expect("found");
    assert_eq!(wrong["check"], "node");
    assert!(wrong["advice"].as_str().is_some_and(|text| text.contains("rollbook start")));
}

#[test]
fn shells_and_man_get_what_they_need() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(["completions", shell]).success();
        assert!(script.contains("rollbook") && script.contains("doctor"), "{shell}");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("man");
    run(["man", dir.to_str().expect("a plain path")]).success();
    let page = |name: &str| fs::read_to_string(dir.join(name)).expect(name);
    assert!(page("rollbook.1").contains("Exit codes"));
    assert!(page("rollbook-start.1").contains("sync\\-interval"));
    assert_eq!(fs::read_dir(&dir).expect("made").count(), 21, "one each, and one for the program");
    let line = refusal(["man", "/proc/nowhere"]);
    assert!(line.contains("/proc/nowhere"), "{line}");
}

#[test]
fn a_stale_api_file_is_recognised() {
    let mut node = RunningNode::start(Setup::new());
    node.kill9();
    assert!(node.file("api.json").exists());
    let peer = node.peer_id().to_owned();
    let records = GoRecord::file(&[GoRecord::numbered(0)]);
    for command in commands(&peer) {
        let line = node.cli_with_input(&command, &records).refusal();
        assert!(line.contains("no node runs in ") && line.contains("stale"), "{line}");
    }
    // Another node took the port meanwhile: it is not mistaken for this one.
    let other = RunningNode::start(Setup::new().http(node.api().address()));
    for command in commands(&peer) {
        let line = node.cli_with_input(&command, &records).refusal();
        assert!(line.contains("another program answers there"), "{line}");
    }
    assert!(other.cli(["status"]).success().contains(other.peer_id()));
    for content in ["", "{\"url\":", "[]"] {
        fs::write(node.file("api.json"), content).expect("our folder");
        let line = node.cli(["status"]).refusal();
        assert!(line.contains("is not what a node writes"), "{line}");
    }
    node.start_again_with(|setup| setup.http("127.0.0.1:0"));
    assert!(node.cli(["status"]).success().contains(&peer));
}

#[test]
fn what_is_not_a_peer_id_is_refused() {
    let node = RunningNode::start(Setup::new());
    let own = node.peer_id().to_owned();
    for text in ["abc", "", "12D3KooW", &own[..own.len() - 1], "../status", "16Uiu2HA\u{1b}[2J"] {
        for command in [
            vec!["node", text],
            vec!["grant", text, "staked"],
            vec!["revoke", text, "staked"],
            vec!["admit", text],
            vec!["remove", text],
            vec!["ban", text],
        ] {
            let line = node.cli(&command).refusal();
            assert!(line.contains("not a peer id"), "{command:?}: {line}");
            assert!(!line.contains('\u{1b}'), "{line:?}");
        }
    }
    // The identity point: anything verifies under it. And a hash, which holds no key at all.
    let weak = PublicKey::Ed25519(std::array::from_fn(|index| u8::from(index == 0))).peer_id();
    for text in [weak.to_string().as_str(), "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"] {
        let line = node.cli(["admit", text]).refusal();
        assert!(line.contains("a weak one"), "{text}: {line}");
        let line = node.cli(["grant", text, "staked"]).refusal();
        assert!(line.contains("not know"), "{text}: {line}");
    }
    let line = node.cli(["node", &peer_id(1).to_string()]).refusal();
    assert!(line.contains("the roll has no node"), "{line}");
}

#[test]
fn a_decision_that_cannot_be_made_is_refused_and_changes_nothing() {
    let network = Network::start(1);
    let (authority, member) = (&network.authority, &network.members[0]);
    let root = Network::agree(&[authority, member]);
    for command in [
        vec!["grant", authority.peer_id(), "staked"],
        vec!["ban", authority.peer_id()],
        vec!["admit", member.peer_id()],
    ] {
        let line = member.cli(&command).refusal();
        assert!(line.contains("not an authority"), "{command:?}: {line}");
    }
    let line = authority.cli(["grant", member.peer_id(), "nonsense"]).refusal();
    assert!(line.contains("no grant is named `nonsense`"), "{line}");
    for action in ["remove", "ban"] {
        let line = authority.cli([action, authority.peer_id()]).refusal();
        assert!(line.contains("an authority cannot be"), "{line}");
    }
    assert_eq!(Network::agree(&[authority, member]), root);
}

#[test]
fn files_that_cannot_be_read_or_written_are_named() {
    let node = RunningNode::start(Setup::new());
    let line = node.cli(["import", "/nowhere/file.json", "--format", "masa"]).refusal();
    assert!(line.contains("/nowhere/file.json"), "{line}");
    let folder = node.data_dir().to_str().expect("a plain path");
    let line = node.cli(["import", folder, "--format", "masa"]).refusal();
    assert!(line.contains(folder), "{line}");
    let line = node.cli(["export", "--format", "json", "--output", "/nowhere/out"]).refusal();
    assert!(line.contains("/nowhere/out"), "{line}");
}

#[test]
fn what_was_typed_wrong_is_explained_without_a_trace() {
    for args in [
        vec!["nonsense"],
        vec!["nodes", "--jsn"],
        vec!["grant", "onlyone"],
        vec!["import", "-", "--format", "xml"],
        vec!["start", "--listen"],
    ] {
        let finished = run(&args);
        finished.assert_no_panic();
        assert_eq!(finished.status.code(), Some(2), "{args:?}");
        assert!(finished.stderr.starts_with("error: "), "{}", finished.stderr);
        assert!(finished.stderr.contains("--help"), "{}", finished.stderr);
    }
    let help = run(["--help"]).success();
    for command in ["start", "nodes", "node", "status", "watch", "grant", "import", "export"] {
        assert!(help.contains(command), "{help}");
    }
    assert!(run(["--version"]).success().starts_with("rollbook "));
}

#[test]
fn watch_shows_events_as_they_come_and_ends_with_its_node() {
    let mut network = Network::start(1);
    let id = network.members[0].peer_id().to_owned();
    let json = network.authority.start_cli(["watch", "--json", "--after", "0"], "");
    let plain = network.authority.start_cli(["watch", "--after", "0"], "");
    eventually("the join is shown", || match json.stdout() {
        text if text.contains(&id) => Ok(()),
        text => Err(text),
    });
    network.authority.cli(["grant", &id, "staked"]).success();
    for command in [&json, &plain] {
        eventually("the grant is shown", || match command.stdout() {
            text if text.contains("grantsChanged") && text.contains(&id) => Ok(()),
            text => Err(text),
        });
    }
    assert!(network.authority.terminate().success());
    let (json, plain) = (json.finish(), plain.finish());
    assert_eq!(json.status.code(), Some(1));
    assert_eq!(json.stderr, "error: the node stopped: no more events\n");
    assert_eq!(plain.stderr, json.stderr);
    let events: Vec<rollbook_tests::Event> = json
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("an event is a line of JSON"))
        .collect();
    let numbers: Vec<u64> = events.iter().map(|event| event.id).collect();
    let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
    assert_eq!(numbers, expected, "numbered without a gap");
    assert_eq!(plain.stdout.lines().count(), events.len());
}

#[test]
fn an_identity_is_made_once_and_kept() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("data");
    let dir = dir.to_str().expect("a plain path");
    let made = run(["identity", "--data-dir", dir, "--key-type", "secp256k1"]).success();
    assert!(made.contains("made now") && made.contains("0x"), "{made}");
    let shown = run(["identity", "--data-dir", dir]).success();
    assert_eq!(shown, made.replace(" (made now)", ""));
    let line = refusal(["identity", "--data-dir", dir, "--key-type", "ed25519"]);
    assert!(line.contains("secp256k1, not ed25519"), "{line}");
    let key_file = folder.path().join("masa_oracle_key");
    let key_path = key_file.to_str().expect("a plain path");
    for content in ["", "zz", "08021220", "0802122000"] {
        fs::write(&key_file, content).expect("our folder");
        let line = refusal(["identity", "--data-dir", dir, "--import-masa", key_path]);
        assert!(line.contains(key_path), "{line}");
    }
    fs::write(&key_file, format!("08021220{:064x}", 1)).expect("our folder");
    let line = refusal(["identity", "--data-dir", dir, "--import-masa", key_path]);
    assert!(line.contains("holds another identity"), "{line}");
    let other = folder.path().join("other");
    let other = other.to_str().expect("a plain path");
    let taken = run(["identity", "--data-dir", other, "--import-masa", key_path]).success();
    // The address of the key 1 is well known.
    assert!(taken.contains("0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"), "{taken}");
}

#[test]
fn garbage_on_its_ports_does_not_hurt_a_node() {
    let network = Network::start(1);
    let authority = &network.authority;
    let tcp = authority.listen()[0].split('/').nth(4).expect("a port").to_owned();
    let mut held = Vec::new();
    for number in 0..10u8 {
        for address in [format!("127.0.0.1:{tcp}"), authority.api().address().to_owned()] {
            let mut stream = TcpStream::connect(&address).expect("it listens");
            let garbage: Vec<u8> =
                (0..4_096u32).map(|i| (i * 31 + u32::from(number) * 97).to_le_bytes()[0]).collect();
            // It may hang up in the middle.
            let _ = stream.write_all(&garbage);
            match number % 3 {
                0 => drop(stream),
                1 => {
                    let _ = stream.shutdown(std::net::Shutdown::Write);
                    let _ = stream.read_to_end(&mut Vec::new());
                }
                _ => held.push(stream),
            }
        }
    }
    let late = RunningNode::start(Setup::new().member_of(authority));
    authority.await_presence(late.peer_id(), "online");
    network.converge();
    Network::agree(&[authority, &network.members[0], &late]);
    assert_eq!(authority.api().get("/healthz"), Ok(serde_json::json!("ok")));
    drop(held);
}
