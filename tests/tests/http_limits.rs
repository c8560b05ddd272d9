//! Clients that want too much of the HTTP API of a real node, and others who are served meanwhile.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use rollbook_tests::{Api, RunningNode, Setup, eventually, peer_id, raw_request};

/// Far more than a node serves at a time.
const CONNECTIONS: usize = 3_000;

/// Lets this process hold that many connections, as far as the system allows.
fn raise_limit() {
    let id = std::process::id().to_string();
    let limit = format!("--nofile={}:", CONNECTIONS + 1_000);
    // Where it is not allowed, fewer are held.
    let _ = Command::new("prlimit").args(["--pid", &id, &limit]).status();
}

#[test]
fn thousands_of_open_connections_hold_nobody_up() {
    raise_limit();
    let node = RunningNode::start(Setup::new());
    let address = node.api().address().to_owned();
    let mut held = Vec::new();
    for number in 0..CONNECTIONS {
        let Ok(mut stream) = TcpStream::connect(&address) else { break };
        // Some say nothing, some begin to say something, some have asked and stay.
        let _ = match number % 3 {
            0 => stream.write_all(b""),
            1 => stream.write_all(b"POST /api/v1/import HTTP/1.1\r\nHost: 127"),
            _ => stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
        };
        held.push(stream);
        if number % 500 == 0 {
            assert_eq!(node.api().get("/healthz"), Ok(serde_json::json!("ok")), "{number}");
        }
    }
    assert!(held.len() > 800, "only {} connections could be opened", held.len());
    node.cli(["admit", &peer_id(0).to_string()]).success();
    assert_eq!(node.nodes().len(), 2);
    let open = fs::read_dir(format!("/proc/{}/fd", node.process_id())).expect("it runs").count();
    assert!(open < 700, "{open} files are open in the node");
}

#[test]
fn readers_of_events_that_do_not_read_hold_nobody_up() {
    let node = RunningNode::start(Setup::new());
    let host = node.api().address().to_owned();
    let mut silent = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(&host).expect("it listens");
        let request = format!("GET /api/v1/events?after=0 HTTP/1.1\r\nHost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        silent.push(stream);
    }
    for number in 0..50 {
        node.cli(["admit", &peer_id(number).to_string()]).success();
    }
    let told = eventually("a reader that reads is told", || {
        let events = node.events_after(0);
        let count = events.iter().filter(|event| event.kind == "admitted").count();
        if count >= 50 { Ok(count) } else { Err(format!("{events:?}")) }
    });
    assert!(told >= 50);
    // They find all of it when they read at last.
    let mut text = Vec::new();
    while !String::from_utf8_lossy(&text).contains(&peer_id(49).to_string()) {
        let mut bytes = [0; 4_096];
        let size = silent[0].read(&mut bytes).expect("the stream goes on");
        assert!(size > 0, "the stream ended");
        text.extend_from_slice(&bytes[..size]);
    }
}

#[test]
fn a_node_that_answers_everywhere_wants_the_token_for_everything() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("token");
    let token = "a-token-that-is-long-enough-to-be-one";
    fs::write(&file, format!("{token}\n")).expect("our folder");
    let path = file.to_str().expect("a plain path");
    let setup = Setup::new().http("0.0.0.0:0").with("http-token-file", path);
    let node = RunningNode::spawn(setup);
    let api = eventually("it says where it answers", || Api::read(node.data_dir()));
    assert_eq!(api.token, token);
    assert!(api.address().starts_with("127.0.0.1:"), "its own machine reaches it by loopback");
    let bearer = format!("Authorization: Bearer {token}");
    let ban = format!("POST /api/v1/nodes/{}/ban", peer_id(0));
    for line in ["GET /healthz", "GET /metrics", "GET /api/v1/nodes", "GET /other", &ban] {
        let without = raw_request(api.address(), line, &["Host: any.example"]);
        assert_eq!(without.status, 401, "{line}");
        let with = raw_request(api.address(), line, &["Host: any.example", &bearer]);
        assert_ne!(with.status, 401, "{line}");
    }
    // The command line shows it by itself.
    assert!(node.cli(["status"]).success().contains(&api.peer_id));
    assert!(node.cli(["doctor"]).success().contains("authority"));
    assert!(!node.log().contains(token));
}

#[test]
fn too_many_requests_are_refused_with_a_clear_answer() {
    let node = RunningNode::start(Setup::new().with("http-rate", "5"));
    let address = node.api().address();
    let host = format!("Host: {address}");
    let answers: Vec<_> =
        (0..60).map(|_| raw_request(address, "GET /api/v1/status", &[&host])).collect();
    let refused = answers.iter().find(|answer| answer.status == 429).expect("it is too many");
    assert!(refused.body.contains("too many requests"), "{}", refused.body);
    assert!(refused.head.contains("retry-after: 1"), "{}", refused.head);
    assert_eq!(raw_request(address, "GET /healthz", &[&host]).status, 200);
}

#[test]
fn the_go_networks_routes_are_there_when_they_are_asked_for() {
    let node = RunningNode::start(Setup::new().with("masa-api", "true"));
    let own = node.peer_id();
    let peers = node.api().get("/api/v1/peers").expect("served");
    assert_eq!(
        peers.to_string(),
        format!("{{\"data\":[{{\"peerId\":\"{own}\"}}],\"success\":true,\"totalCount\":1}}")
    );
    let page = node.api().get("/api/v1/node/data?pageNbr=7").expect("served");
    assert_eq!(page["data"], serde_json::json!([]));
    let other = RunningNode::start(Setup::new());
    let error = other.api().get("/api/v1/peers").expect_err("not served");
    assert!(error.starts_with("404"), "{error}");
}
