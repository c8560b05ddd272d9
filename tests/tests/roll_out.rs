//! Another list of authorities while nodes run: read anew from their configuration files.

use std::{fs, path::PathBuf};

use rollbook_tests::{RunningNode, Setup};
use tempfile::TempDir;

/// A node whose configuration file can be written anew.
struct Configured {
    node: RunningNode,
    file: PathBuf,
    _folder: TempDir,
}

impl Configured {
    fn start(text: &str) -> Configured {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("rollbook.toml");
        fs::write(&file, text).expect("written");
        let path = file.to_str().expect("a plain path");
        let node = RunningNode::start(Setup::new().with("config", path));
        Configured { node, file, _folder: folder }
    }

    fn write(&self, text: &str) {
        fs::write(&self.file, text).expect("written");
    }
}

fn listed(acting: &[&RunningNode], retired: &[&RunningNode]) -> String {
    let quoted =
        |texts: Vec<&str>| -> String { texts.iter().map(|text| format!("\"{text}\", ")).collect() };
    let acting = quoted(acting.iter().flat_map(|node| node.listen()).map(String::as_str).collect());
    let retired = quoted(retired.iter().map(|node| node.peer_id()).collect());
    format!("authority = [{acting}]\nretired = [{retired}]\n")
}

fn await_role(node: &RunningNode, role: &str) {
    node.await_status(role, |status| status["role"] == role);
}

#[test]
fn an_authority_is_added_and_another_retires_while_all_nodes_run() {
    let first = Configured::start("");
    let member_of_first = listed(&[&first.node], &[]);
    let second = Configured::start(&member_of_first);
    let member = Configured::start(&member_of_first);
    let nodes = [&first, &second, &member];
    for all in nodes {
        all.node.await_status("all are here", |status| status["nodes"]["online"] == 3);
    }
    let id = member.node.peer_id();
    first.node.cli(["grant", id, "validator"]).success();
    let joined = first.node.await_view("it joined", id, |view| view["isValidator"] == true);

    // The second is added: by a signal here, by the command there.
    for all in nodes {
        all.write(&listed(&[&first.node, &second.node], &[]));
    }
    first.node.signal("HUP");
    second.node.cli(["reload"]).success();
    assert_eq!(member.node.cli(["reload"]).success(), "read anew: 2 authorities, 0 retired\n");
    await_role(&second.node, "authority");
    second.node.cli(["grant", id, "staked"]).success();
    for all in nodes {
        all.node.await_view("a grant by the new one", id, |view| view["isStaked"] == true);
    }

    // The first retires.
    for all in nodes {
        all.write(&listed(&[&second.node], &[&first.node]));
        all.node.cli(["reload"]).success();
    }
    await_role(&first.node, "member");
    for all in [&first, &member] {
        let home = second.node.peer_id();
        all.node.await_status("the second is home", |status| status["home"] == home);
    }
    let refusal = first.node.cli(["grant", id, "staked"]).refusal();
    assert!(refusal.contains("not an authority"), "{refusal}");
    for all in nodes {
        let view = all.node.await_view("it is online", id, |view| view["presence"] == "online");
        assert_eq!(view["isValidator"], true, "what the first granted counts");
        assert_eq!(view["lastJoined"], joined["lastJoined"], "a move is no join");
        let left = all.node.events_after(0).iter().any(|event| event.kind == "left");
        assert!(!left, "nobody left");
    }

    // It starts again as what it is.
    let mut first = first;
    first.node.kill9();
    first.node.start_again();
    await_role(&first.node, "member");
    first.node.await_view("what it had granted", id, |view| view["isValidator"] == true);
}

#[test]
fn a_list_that_cannot_be_used_changes_nothing() {
    let authority = Configured::start("");
    let member = Configured::start(&listed(&[&authority.node], &[]));
    member.node.await_status("it has a home", |status| status["degraded"] == false);
    let other = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
    for (node, text, reason) in [
        (&member, "authority = [\"/ip4/127.0.0.1/tcp/1\"]", "must end in /p2p/ID"),
        (&member, "authority = [", "rollbook.toml"),
        (&member, "", "no authority is listed any more"),
        (&member, "retired = [\"nobody\"]", "is not a peer id"),
        (
            &authority,
            &format!("authority = [\"/ip4/127.0.0.1/tcp/1/p2p/{other}\"]"),
            "list it as retired",
        ),
    ] {
        let before = node.node.status()["authorities"].clone();
        node.write(text);
        let refusal = node.node.cli(["reload"]).refusal();
        assert!(refusal.contains(reason), "{text}: {refusal}");
        assert_eq!(node.node.status()["authorities"], before, "{text}");
    }
    // Nor does it end a node by a signal.
    member.write("authority = [");
    member.node.signal("HUP");
    member.node.await_status("it goes on", |status| status["degraded"] == false);
}
