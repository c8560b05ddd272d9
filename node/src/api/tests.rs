//! The whole API of a running node over real connections.

use std::net::SocketAddr;

use axum::http::StatusCode;
use rollbook::{Node, NodeHandle};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::{PEER_ID_HEADER, Token, router};
use crate::api_file::ApiFile;
use crate::client::Client;

const OTHER: &str = "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9";

/// An authority of its own with its API, until it is dropped.
struct Running {
    node: NodeHandle,
    address: SocketAddr,
    token: String,
    dir: TempDir,
}

/// What came back.
struct Answer {
    status: StatusCode,
    head: String,
    body: String,
}

impl Running {
    async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let listen = "/ip4/127.0.0.1/tcp/0".parse().expect("an address");
        let builder = Node::builder().data_dir(dir.path().to_owned()).listen(vec![listen]);
        let node = builder.start().await.expect("a node starts");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let token = Token::random().expect("random numbers");
        let revealed = token.reveal().to_owned();
        let routes = router(node.clone(), token);
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { node, address, token: revealed, dir }
    }

    fn write_api_file(&self, peer_id: &str) {
        let file = ApiFile {
            url: format!("http://{}", self.address),
            token: self.token.clone(),
            peer_id: peer_id.to_owned(),
            listen: Vec::new(),
        };
        file.write(self.dir.path()).expect("written");
    }

    /// Sends a request with the right `Host`, further header lines, and a body.
    async fn ask(&self, line: &str, headers: &str, body: &str) -> Answer {
        let host = format!("Host: {}\r\n{headers}", self.address);
        self.ask_raw(line, &host, body).await
    }

    async fn ask_raw(&self, line: &str, headers: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.expect("connected");
        let length = body.len();
        let text = format!(
            "{line} HTTP/1.1\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n\
             {body}"
        );
        // A refused body may be cut off while it is sent.
        let _ = stream.write_all(text.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).expect("text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Answer {
            status: status.expect("a status"),
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }

    fn bearer(&self) -> String {
        format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", self.token)
    }
}

impl Answer {
    /// The text of a refusal, which is always JSON.
    fn error(&self) -> String {
        assert!(self.head.contains("content-type: application/json"), "{}", self.head);
        let value: serde_json::Value = serde_json::from_str(&self.body).expect("JSON");
        value["error"].as_str().expect("a text").to_owned()
    }
}

#[tokio::test]
async fn reads_need_no_token_and_keep_the_order_of_keys() {
    let running = Running::start().await;
    let own = running.node.peer_id().to_string();
    assert_eq!(running.ask("GET /healthz", "", "").await.body, "ok");
    let nodes = running.ask("GET /api/v1/nodes", "", "").await;
    assert_eq!(nodes.status, StatusCode::OK);
    let nodes: Vec<serde_json::Map<String, serde_json::Value>> =
        serde_json::from_str(&nodes.body).expect("an array of objects");
    let node = nodes.iter().find(|node| node["peerId"] == own.as_str()).expect("itself");
    let keys: Vec<_> = node.keys().map(String::as_str).collect();
    assert_eq!(
        keys.join(" "),
        "peerId multiaddrs agent capabilities standing isStaked isValidator grants presence \
         isActive home session firstJoined lastJoined lastLeft lastUpdated uptimeSeconds \
         accumulatedUptimeSeconds ethAddress epoch seq tallies"
    );
    let one = running.ask(&format!("GET /api/v1/nodes/{own}"), "", "").await;
    assert!(one.body.starts_with(&format!("{{\"peerId\":\"{own}\"")), "{}", one.body);
    let status = running.ask("GET /api/v1/status", "", "").await;
    assert!(status.body.contains("\"role\":\"authority\""), "{}", status.body);
    assert!(status.head.contains(&format!("{PEER_ID_HEADER}: {}", own.to_lowercase())));
    assert!(!status.head.contains("access-control-"), "{}", status.head);
}

#[tokio::test]
async fn every_route_refuses_a_foreign_host() {
    let running = Running::start().await;
    let paths = ["/healthz", "/api/v1/nodes", "/api/v1/status", "/api/v1/events", "/none"];
    for path in paths {
        let line = format!("GET {path}");
        let foreign = running.ask_raw(&line, "Host: evil.example\r\n", "").await;
        assert_eq!(foreign.status, StatusCode::FORBIDDEN, "{path}");
        assert!(foreign.error().contains("loopback"));
        let missing = running.ask_raw(&line, "", "").await;
        assert_eq!(missing.status, StatusCode::BAD_REQUEST, "{path}");
    }
    let line = format!("POST /api/v1/nodes/{OTHER}/ban");
    let headers = format!("Host: evil.example\r\n{}", running.bearer());
    assert_eq!(running.ask_raw(&line, &headers, "").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn every_write_needs_the_token() {
    let running = Running::start().await;
    let before = running.node.status().root;
    for line in [
        format!("POST /api/v1/nodes/{OTHER}/admit"),
        format!("POST /api/v1/nodes/{OTHER}/ban"),
        format!("POST /api/v1/nodes/{OTHER}/remove"),
        format!("POST /api/v1/nodes/{OTHER}/grants/staked"),
        format!("DELETE /api/v1/nodes/{OTHER}/grants/staked"),
        format!("POST /api/v1/nodes/{OTHER}/observations/successes"),
        "POST /api/v1/import".to_owned(),
    ] {
        for headers in ["", "Authorization: Bearer 00\r\n"] {
            let answer = running.ask(&line, headers, "").await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{line}");
            assert!(answer.error().contains("token"));
        }
    }
    assert_eq!(running.node.status().root, before);
}

#[tokio::test]
async fn what_is_not_there_or_too_large_is_refused_in_json() {
    let running = Running::start().await;
    let bearer = running.bearer();
    let large = format!("{{\"records\":[],\"x\":\"{}\"}}", "x".repeat(9 << 20));
    let long = format!("Cookie: {}\r\n", "x".repeat(20 << 10));
    for (line, headers, body, status) in [
        ("GET /", "", "", 404),
        ("GET /api/v1/other", "", "", 404),
        ("DELETE /api/v1/nodes", "", "", 405),
        ("POST /healthz", "", "", 405),
        ("GET /api/v1/import", "", "", 405),
        ("GET /api/v1/nodes/abc", "", "", 400),
        ("GET /api/v1/nodes/%FF", "", "", 400),
        (&format!("GET /api/v1/nodes/{OTHER}"), "", "", 404),
        ("GET /api/v1/nodes?online=maybe", "", "", 400),
        ("GET /api/v1/events?after=x", "", "", 400),
        ("GET /healthz", &long, "", 431),
        (&format!("POST /api/v1/nodes/{OTHER}/grants/none"), &bearer, "", 404),
        ("POST /api/v1/nodes/abc/ban", &bearer, "", 400),
        ("POST /api/v1/import", &bearer, "nonsense", 400),
        ("POST /api/v1/import", &bearer, "{\"records\":[],\"other\":1}", 422),
        ("POST /api/v1/import", &bearer, &large, 413),
    ] {
        let answer = running.ask(line, headers, body).await;
        assert_eq!(answer.status.as_u16(), status, "{line}");
        assert!(!answer.error().is_empty());
    }
}

#[tokio::test]
async fn an_import_may_be_larger_than_other_bodies() {
    let running = Running::start().await;
    let body = format!("{{\"records\":[{}]}}", " ".repeat(5 << 20));
    let answer = running.ask("POST /api/v1/import", &running.bearer(), &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(answer.body.contains("\"imported\":0"), "{}", answer.body);
}

#[tokio::test]
async fn events_are_numbered_resumed_and_end_with_the_node() {
    let running = Running::start().await;
    let bearer = running.bearer();
    let line = format!("POST /api/v1/nodes/{OTHER}/ban");
    assert_eq!(running.ask(&line, &bearer, "").await.status, StatusCode::OK);
    let mut stream = TcpStream::connect(running.address).await.expect("connected");
    let request = format!(
        "GET /api/v1/events?after=9999 HTTP/1.1\r\nHost: {}\r\nLast-Event-ID: 0\r\n\r\n",
        running.address
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut lines = BufReader::new(stream).lines();
    let mut ids: Vec<u64> = Vec::new();
    loop {
        let line = lines.next_line().await.expect("read").expect("the stream goes on");
        if let Some(id) = line.strip_prefix("id: ") {
            ids.push(id.parse().expect("a number"));
        }
        if line.starts_with("data: ") && line.contains("\"banned\"") {
            assert!(line.contains(OTHER), "{line}");
            break;
        }
    }
    assert!(ids.windows(2).all(|pair| pair[1] == pair[0] + 1), "{ids:?}");
    running.node.leave().await;
    while lines.next_line().await.ok().flatten().is_some_and(|line| line != "0") {}
}

#[tokio::test]
async fn the_client_gives_commands_and_reads_what_came_of_them() {
    let running = Running::start().await;
    running.write_api_file(&running.node.peer_id().to_string());
    let dir = running.dir.path().to_owned();
    let asked = tokio::task::spawn_blocking(move || -> anyhow::Result<_> {
        let client = Client::open(&dir)?;
        client.command("POST", &format!("/api/v1/nodes/{OTHER}/admit"))?;
        client.command("POST", &format!("/api/v1/nodes/{OTHER}/grants/staked"))?;
        let staked: rollbook::NodeView = client.get(&format!("/api/v1/nodes/{OTHER}"))?;
        client.command("DELETE", &format!("/api/v1/nodes/{OTHER}/grants/staked"))?;
        let revoked: rollbook::NodeView = client.get(&format!("/api/v1/nodes/{OTHER}"))?;
        let refused = client.command("POST", &format!("/api/v1/nodes/{OTHER}/grants/none"));
        Ok((staked.is_staked, revoked.is_staked, refused.map_err(|error| error.to_string())))
    });
    let (staked, revoked, refused) = asked.await.expect("no panic").expect("all went well");
    assert!(staked && !revoked);
    assert!(refused.expect_err("refused").contains("no grant is named `none`"));
}

#[tokio::test]
async fn another_program_at_the_same_address_is_noticed() {
    let running = Running::start().await;
    running.write_api_file(OTHER);
    let dir = running.dir.path().to_owned();
    let asked = tokio::task::spawn_blocking(move || {
        let error = Client::open(&dir)?.get_text("/api/v1/status").expect_err("another node");
        anyhow::Ok(error.to_string())
    });
    let error = asked.await.expect("no panic").expect("opened");
    assert!(error.contains("no node runs in "), "{error}");
    assert!(error.ends_with("another program answers there)"), "{error}");
}
