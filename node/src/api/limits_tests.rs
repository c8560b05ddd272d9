//! What clients can use up, and that nobody else is held up by those who try.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::tests::Running;
use super::{Limits, events};

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(100);

fn limits(connections_max: usize) -> Limits {
    Limits { connections_max, head: LONG, write: LONG }
}

async fn connect(running: &Running) -> TcpStream {
    TcpStream::connect(running.address).await.expect("connected")
}

/// Sends a request on a connection that stays open.
async fn send(running: &Running, stream: &mut TcpStream, line: &str) {
    let text = format!("{line} HTTP/1.1\r\nHost: {}\r\n\r\n", running.address);
    stream.write_all(text.as_bytes()).await.expect("sent");
}

/// Follows the events on a connection of its own, once the stream has begun.
async fn follow(running: &Running) -> TcpStream {
    let mut stream = connect(running).await;
    send(running, &mut stream, "GET /api/v1/events?after=0").await;
    let mut seen = String::new();
    while !seen.contains("data: ") {
        let mut bytes = [0; 1_024];
        let size = stream.read(&mut bytes).await.expect("read");
        assert!(size > 0, "the stream ended: {seen}");
        seen.push_str(&String::from_utf8_lossy(&bytes[..size]));
    }
    stream
}

/// Whatever comes until the other side hangs up.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // It may hang up by a reset.
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn idle_connections_give_way_and_busy_ones_do_not() {
    let running = Running::start_with(limits(4), |_| {}).await;
    let mut reader = follow(&running).await;
    let mut idle = Vec::new();
    for _ in 0..50 {
        idle.push(connect(&running).await);
        assert_eq!(running.ask("GET /healthz", "", "").await.body, "ok");
    }
    assert_eq!(rest(&mut idle[0]).await, "", "the oldest was given up");
    let peer = "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9";
    let line = format!("POST /api/v1/nodes/{peer}/ban");
    assert!(running.ask(&line, &running.bearer(), "").await.status.is_success());
    let mut told = String::new();
    while !told.contains("banned") {
        let mut bytes = [0; 1_024];
        let size = reader.read(&mut bytes).await.expect("read");
        assert!(size > 0, "the reader of events was given up: {told}");
        told.push_str(&String::from_utf8_lossy(&bytes[..size]));
    }
}

#[tokio::test]
async fn without_a_place_a_client_is_told_so() {
    let running = Running::start_with(limits(2), |_| {}).await;
    let readers = [follow(&running).await, follow(&running).await];
    let mut third = connect(&running).await;
    let answer = rest(&mut third).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.ends_with("{\"error\":\"too many connections are in use\"}\n"), "{answer}");
    drop(readers);
    // A place is free once the server has seen one of them go.
    while !rest_of_health(&running).await.starts_with("HTTP/1.1 200 ") {
        tokio::task::yield_now().await;
    }
}

async fn rest_of_health(running: &Running) -> String {
    let mut stream = connect(running).await;
    let text =
        format!("GET /healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", running.address);
    // It may be closed before that is sent.
    let _ = stream.write_all(text.as_bytes()).await;
    rest(&mut stream).await
}

#[tokio::test]
async fn readers_of_events_are_bounded() {
    let running = Running::start_with(limits(10_000), |_| {}).await;
    let mut readers = Vec::new();
    for _ in 0..events::READERS_MAX {
        readers.push(follow(&running).await);
    }
    let refused = running.ask("GET /api/v1/events", "", "").await;
    assert_eq!(refused.status.as_u16(), 503);
    assert!(refused.error().contains("256 readers"), "{}", refused.body);
    assert!(refused.head.contains("retry-after"), "{}", refused.head);
    assert_eq!(running.ask("GET /healthz", "", "").await.body, "ok");
    readers.pop();
    // The place is given back once the server has seen it go.
    loop {
        let mut stream = connect(&running).await;
        send(&running, &mut stream, "GET /api/v1/events?after=0").await;
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.expect("an answer");
        if &first == b"HTTP/1.1 200" {
            break;
        }
    }
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let running = Running::start_with(Limits { head: SHORT, ..limits(100) }, |_| {}).await;
    let mut silent = connect(&running).await;
    assert_eq!(rest(&mut silent).await, "");
    let mut slow = connect(&running).await;
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: 127").await.expect("sent");
    let answer = rest(&mut slow).await;
    assert!(!answer.contains("200 OK"), "{answer}");
    let mut kept = connect(&running).await;
    send(&running, &mut kept, "GET /healthz").await;
    assert!(rest(&mut kept).await.ends_with("\r\n\r\nok"), "answered, then closed when idle");
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_given_up() {
    let running = Running::start_with(Limits { write: SHORT, ..limits(100) }, |_| {}).await;
    let mut stream = connect(&running).await;
    let host = running.address;
    let request = format!("GET /api/v1/openapi.json HTTP/1.1\r\nHost: {host}\r\n\r\n");
    // Asks for more and more and reads nothing, until the other side has hung up.
    while stream.write_all(request.as_bytes()).await.is_ok() {}
    assert_eq!(running.ask("GET /healthz", "", "").await.body, "ok");
}

#[tokio::test]
async fn too_many_requests_are_refused_and_the_monitor_is_not() {
    let running = Running::start_with(limits(100), |options| options.rate = 1).await;
    let mut statuses = Vec::new();
    for _ in 0..20 {
        statuses.push(running.ask("GET /api/v1/status", "", "").await.status.as_u16());
    }
    assert_eq!(statuses[..2], [200, 200], "a burst is allowed");
    assert!(statuses.contains(&429), "{statuses:?}");
    for path in ["/healthz", "/readyz"] {
        assert!(running.ask(&format!("GET {path}"), "", "").await.status.is_success());
    }
}

#[tokio::test]
async fn too_many_header_lines_are_refused() {
    let running = Running::start_with(limits(100), |_| {}).await;
    let many: String = (0..500).map(|number| format!("X-{number}: x\r\n")).collect();
    assert_eq!(running.ask("GET /healthz", &many, "").await.status.as_u16(), 431);
    assert_eq!(running.ask("GET /healthz", "", "").await.body, "ok");
}
