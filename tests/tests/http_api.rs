//! The HTTP API as other programs meet it: who may read, who may write, and the event stream.

use std::os::unix::fs::PermissionsExt as _;

use rollbook_tests::{
    Api, Network, RawAnswer, RunningNode, Setup, eventually, peer_id, raw_request,
};
use serde_json::{Value, json};

fn host(node: &RunningNode) -> String {
    format!("Host: {}", node.api().address())
}

#[track_caller]
fn ask(node: &RunningNode, line: &str, headers: &[&str]) -> RawAnswer {
    let host = host(node);
    let headers: Vec<&str> = [host.as_str()].into_iter().chain(headers.iter().copied()).collect();
    raw_request(node.api().address(), line, &headers)
}

/// The text of a refusal, which is always JSON.
#[track_caller]
fn error(answer: &RawAnswer) -> String {
    assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
    let body: Value = serde_json::from_str(&answer.body).expect("JSON");
    body["error"].as_str().expect("a text").to_owned()
}

#[test]
fn a_host_that_is_not_the_loopback_address_is_refused_everywhere() {
    let node = RunningNode::start(Setup::new());
    let address = node.api().address();
    let port = address.rsplit(':').next().expect("a port");
    let bearer = format!("Authorization: Bearer {}", node.api().token);
    let ban = format!("POST /api/v1/nodes/{}/ban", peer_id(0));
    for line in ["GET /healthz", "GET /api/v1/nodes", "GET /api/v1/events", "GET /other", &ban] {
        for name in ["evil.example".to_owned(), format!("evil.example:{port}"), "0.0.0.0".into()] {
            let answer = raw_request(address, line, &[&format!("Host: {name}"), &bearer]);
            assert_eq!(answer.status, 403, "{line} {name}");
            assert!(error(&answer).contains("loopback"), "{}", answer.body);
            assert!(!answer.head.contains("access-control-"), "{}", answer.head);
        }
    }
    for name in [address.to_owned(), format!("localhost:{port}"), format!("[::1]:{port}")] {
        let answer = raw_request(address, "GET /healthz", &[&format!("Host: {name}")]);
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok"), "{name}");
    }
    node.view(&peer_id(0).to_string()).expect_err("nobody was banned");
}

#[test]
fn reads_need_no_token_and_every_write_does() {
    let node = RunningNode::start(Setup::new());
    let other = RunningNode::start(Setup::new());
    let root = node.root();
    for path in ["/healthz", "/api/v1/nodes", "/api/v1/status"] {
        assert_eq!(ask(&node, &format!("GET {path}"), &[]).status, 200, "{path}");
    }
    let peer = peer_id(0);
    let foreign = format!("Authorization: Bearer {}", other.api().token);
    let cut = format!("Authorization: Bearer {}", &node.api().token[1..]);
    for line in [
        format!("POST /api/v1/nodes/{peer}/admit"),
        format!("POST /api/v1/nodes/{peer}/ban"),
        format!("POST /api/v1/nodes/{peer}/remove"),
        format!("POST /api/v1/nodes/{peer}/grants/staked"),
        format!("DELETE /api/v1/nodes/{peer}/grants/staked"),
        format!("POST /api/v1/nodes/{peer}/observations/successes"),
        "POST /api/v1/import".to_owned(),
    ] {
        for headers in [&[][..], &["Authorization: Bearer x"], &[&foreign], &[&cut]] {
            let answer = ask(&node, &line, headers);
            assert_eq!(answer.status, 401, "{line} {headers:?}");
            assert!(error(&answer).contains("token"), "{}", answer.body);
        }
    }
    assert_eq!(node.root(), root, "nothing changed");
    let bearer = format!("Authorization: Bearer {}", node.api().token);
    let answer = ask(&node, &format!("POST /api/v1/nodes/{peer}/admit"), &[&bearer]);
    assert!((200..300).contains(&answer.status), "{answer:?}");
    node.view(&peer.to_string()).expect("it was admitted");
}

#[test]
fn nodes_are_counted_selected_and_explained() {
    let network = Network::start_with(1, Setup::new().with("capability", "worker"));
    network.converge();
    let (authority, member) = (&network.authority, &network.members[0]);
    let peer = member.peer_id();
    authority.cli(["observe", peer, "successes", "--count", "3"]).success();
    for (command, text) in [
        (["observe", peer, "praise"], "no counter"),
        (["observe", authority.peer_id(), "successes"], "itself"),
    ] {
        let refusal = authority.cli(command).refusal();
        assert!(refusal.contains(text), "{refusal}");
    }
    let selected = authority.cli(["select", "worker", "--limit", "1", "--json"]).success();
    assert!(selected.contains(peer) || selected.contains(authority.peer_id()), "{selected}");
    assert_eq!(authority.cli(["select", "nothing", "--json"]).success().trim(), "[]");
    let explained = authority.cli(["explain", peer]).success();
    assert!(explained.contains("capability") && explained.contains("worker"), "{explained}");
    let facts = authority.api().get(&format!("/api/v1/nodes/{peer}/explain")).expect("known");
    let said = facts["facts"].as_array().expect("a list");
    let agent = said.iter().find(|said| said["fact"] == "agent").expect("announced");
    assert_eq!((agent["writer"].as_str(), &agent["counts"]), (Some(peer), &json!(true)));
}

#[test]
fn nodes_are_filtered_sorted_and_paged() {
    let network = Network::start_with(2, Setup::new().with("capability", "worker"));
    network.converge();
    let (authority, members) = (&network.authority, &network.members);
    let (granted, banned) = (members[0].peer_id(), peer_id(0).to_string());
    authority.cli(["grant", granted, "staked"]).success();
    authority.cli(["ban", &banned]).success();
    let found = |query: &str| -> Vec<String> {
        let page = authority.api().get(&format!("/api/v1/nodes?{query}")).expect("a page");
        assert!(page["next"].is_null(), "{query}: {page}");
        let nodes = page["nodes"].as_array().expect("a list").iter();
        nodes.map(|node| node["peerId"].as_str().expect("a text").to_owned()).collect()
    };
    let home = format!("home={}", authority.peer_id());
    for (query, count) in [
        ("", 3),
        ("all", 4),
        ("online=true", 3),
        ("presence=online", 3),
        ("presence=left", 0),
        ("standing=admitted", 3),
        ("standing=pending", 0),
        ("capability=worker&grant=staked", 1),
        ("capability=none", 0),
        (home.as_str(), 3),
        ("grant=validator", 0),
    ] {
        assert_eq!(found(query).len(), count, "{query}");
    }
    assert_eq!(found("grant=staked"), [granted]);
    assert_eq!(found("standing=banned"), [banned]);
    for key in ["peerId", "firstJoined", "lastJoined", "lastUpdated", "uptime"] {
        let up = found(&format!("all&sort={key}"));
        let down = found(&format!("all&sort=-{key}"));
        assert_eq!(up.iter().rev().collect::<Vec<_>>(), down.iter().collect::<Vec<_>>(), "{key}");
    }

    // One that joins between two pages moves nobody to another page.
    let first = authority.api().get("/api/v1/nodes?all&limit=2").expect("a page");
    authority.cli(["admit", &peer_id(1).to_string()]).success();
    let next = first["next"].as_str().expect("there is more");
    let rest = authority.api().get(&format!("/api/v1/nodes?all&after={next}")).expect("a page");
    let ids = |page: &Value| -> Vec<String> {
        let nodes = page["nodes"].as_array().expect("a list").iter();
        nodes.map(|node| node["peerId"].as_str().expect("a text").to_owned()).collect()
    };
    let mut seen = [ids(&first), ids(&rest)].concat();
    seen.retain(|id| *id != peer_id(1).to_string());
    assert_eq!(seen, {
        let mut all = found("all");
        all.retain(|id| *id != peer_id(1).to_string());
        all
    });
}

#[test]
fn the_token_is_for_the_owners_eyes_and_new_at_each_start() {
    let mut node = RunningNode::start(Setup::new());
    let first = node.api().clone();
    let mode = std::fs::metadata(node.file("api.json")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(
        !node.log().contains(&first.token) && !node.status().to_string().contains(&first.token)
    );
    assert!(node.terminate().success());
    assert!(Api::read(node.data_dir()).is_err(), "it is removed at exit");
    node.start_again();
    assert_ne!(node.api().token, first.token);
    assert_eq!(node.api().peer_id, first.peer_id);
}

#[test]
fn what_is_not_there_is_said_in_json() {
    let node = RunningNode::start(Setup::new());
    let bearer = format!("Authorization: Bearer {}", node.api().token);
    let stranger = peer_id(0);
    for (line, status) in [
        ("GET /".to_owned(), 404),
        ("GET /api/v1/other".to_owned(), 404),
        ("GET /api/v2/nodes".to_owned(), 404),
        ("DELETE /api/v1/nodes".to_owned(), 405),
        ("GET /api/v1/nodes/nonsense".to_owned(), 400),
        (format!("GET /api/v1/nodes/{stranger}"), 404),
        ("GET /api/v1/nodes?online=perhaps".to_owned(), 400),
        ("GET /api/v1/events?after=x".to_owned(), 400),
        (format!("POST /api/v1/nodes/{stranger}/grants/staked"), 404),
        (format!("POST /api/v1/nodes/{stranger}/grants/nonsense"), 404),
    ] {
        let answer = ask(&node, &line, &[&bearer]);
        assert_eq!(answer.status, status, "{line}: {answer:?}");
        assert!(!error(&answer).is_empty());
    }
}

#[test]
fn events_are_numbered_and_a_reader_goes_on_where_it_was() {
    let network = Network::start(1);
    let node = &network.authority;
    let id = network.members[0].peer_id();
    let last = usize::try_from(node.last_event()).expect("few events");
    let events = node.api().events(0, last);
    let numbers: Vec<u64> = events.iter().map(|event| event.id).collect();
    assert_eq!(numbers, (1..=last as u64).collect::<Vec<_>>());
    assert!(events.iter().any(|event| event.kind == "joined"), "{events:?}");

    // Cut off after two, and on again.
    let first = node.api().events(0, 2);
    let rest = node.api().events(first[1].id, last - 2);
    assert_eq!([first, rest].concat(), events);

    // A reader that waits gets what happens meanwhile, and a header resumes as well as the query.
    node.cli(["grant", id, "staked"]).success();
    let next = node.api().events(last as u64, 1);
    assert_eq!(next[0].id, last as u64 + 1);
    let told = eventually("the grant is an event", || {
        let events = node.events_after(last as u64);
        let found = events.iter().find(|event| event.kind == "grantsChanged").cloned();
        found.ok_or_else(|| format!("{events:?}"))
    });
    assert_eq!(told.peer_id.as_deref(), Some(id));
}

#[test]
fn events_have_their_numbers_also_after_a_kill() {
    let mut node = RunningNode::start(Setup::new());
    let peer = peer_id(0).to_string();
    node.cli(["admit", &peer]).success();
    node.cli(["grant", &peer, "staked"]).success();
    let before = eventually("the grant is an event", || {
        let events = node.events_after(0);
        let told = events.iter().any(|event| event.kind == "grantsChanged");
        if told { Ok(events) } else { Err(format!("{events:?}")) }
    });
    node.kill9();
    node.start_again();
    let after = node.events_after(0);
    assert!(after.len() >= before.len(), "{after:?}");
    assert_eq!(after[..before.len()], before[..], "what was told stays as it was");
    let numbers: Vec<u64> = after.iter().map(|event| event.id).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
}

#[test]
fn an_import_by_http_answers_with_its_report() {
    let node = RunningNode::start(Setup::new());
    let records = json!({
        "trustGrants": true,
        "records": [
            {"peerId": peer_id(0).to_string(), "firstJoined": 1_700_000_000u64, "isStaked": true},
            {"peerId": "nonsense"},
        ],
    });
    let report = node.api().post("/api/v1/import", &records).expect("it is taken");
    assert_eq!((&report["imported"], &report["grantsTaken"]), (&json!(1), &json!(1)));
    assert_eq!(report["invalid"][0]["peerId"], "nonsense");
    let error = node.api().post("/api/v1/import", &json!({"nonsense": 1})).expect_err("refused");
    assert!(error.starts_with("422"), "{error}");
}
