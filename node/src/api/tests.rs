//! The whole API of a running node over real connections.

use std::net::SocketAddr;

use axum::http::StatusCode;
use rollbook::{Node, NodeHandle};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::{Limits, Options, PEER_ID_HEADER, Server, Token, router};
use crate::api_file::ApiFile;
use crate::client::Client;

const OTHER: &str = "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9";

/// An authority of its own with its API, until it is dropped.
pub(super) struct Running {
    pub(super) node: NodeHandle,
    pub(super) address: SocketAddr,
    token: String,
    dir: TempDir,
    _server: Server,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) head: String,
    pub(super) body: String,
}

impl Running {
    async fn start() -> Self {
        Self::start_with(Limits::default(), |_| {}).await
    }

    pub(super) async fn start_with(limits: Limits, change: impl FnOnce(&mut Options)) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let listen = "/ip4/127.0.0.1/tcp/0".parse().expect("an address");
        let builder = Node::builder().data_dir(dir.path().to_owned()).listen(vec![listen]);
        let node = builder.start().await.expect("a node starts");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let token = Token::random().expect("random numbers");
        let revealed = token.reveal().to_owned();
        let mut options = Options {
            token,
            beyond_loopback: false,
            allowed_origins: Vec::new(),
            masa: false,
            rate: 1_000_000,
            source: None,
        };
        change(&mut options);
        let server = Server::spawn(listener, router(node.clone(), options), limits);
        Self { node, address, token: revealed, dir, _server: server }
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
    pub(super) async fn ask(&self, line: &str, headers: &str, body: &str) -> Answer {
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

    pub(super) fn bearer(&self) -> String {
        format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", self.token)
    }
}

impl Answer {
    /// The text of a refusal, which is always JSON.
    pub(super) fn error(&self) -> String {
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
    let page: serde_json::Value = serde_json::from_str(&nodes.body).expect("JSON");
    assert!(page["next"].is_null(), "{page}");
    let nodes = page["nodes"].as_array().expect("an array");
    let node = nodes.iter().find(|node| node["peerId"] == own.as_str()).expect("itself");
    let keys: Vec<_> = node.as_object().expect("an object").keys().map(String::as_str).collect();
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
        ("GET /api/v1/nodes?limit=-1", "", "", 400),
        ("GET /api/v1/nodes?limit=0", "", "", 400),
        ("GET /api/v1/nodes?limit=99999999999999999999", "", "", 400),
        ("GET /api/v1/nodes?after=nowhere", "", "", 400),
        ("GET /api/v1/nodes?grant=none", "", "", 404),
        ("GET /api/v1/select", "", "", 400),
        ("GET /api/v1/select?capability=x&limit=1001", "", "", 400),
        ("GET /api/v1/events?after=x", "", "", 400),
        ("GET /api/v1/events/log?after=-1", "", "", 400),
        ("GET /api/v1/events/log?limit=0", "", "", 400),
        // Served only where it is asked for.
        ("GET /api/v1/node/data", "", "", 404),
        ("GET /api/v1/peers", "", "", 404),
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
async fn pages_show_every_node_once_in_any_order() {
    let running = Running::start().await;
    let mut expected = vec![running.node.peer_id().to_string()];
    for peer in ["16Uiu2HAm9Nkz9kEMnL1YqPTtXZHQZ1E9rhquwSqKNsUViqTojLZt", OTHER] {
        let line = format!("POST /api/v1/nodes/{peer}/admit");
        assert_eq!(running.ask(&line, &running.bearer(), "").await.status, StatusCode::OK);
        expected.push(peer.to_owned());
    }
    expected.sort();
    for sort in ["peerId", "-peerId", "firstJoined", "-lastUpdated", "-uptime", "lastJoined"] {
        for limit in 1..=4 {
            let (mut seen, mut after) = (Vec::new(), String::new());
            loop {
                let line = format!("GET /api/v1/nodes?sort={sort}&limit={limit}{after}");
                let body = running.ask(&line, "", "").await.body;
                let page: serde_json::Value = serde_json::from_str(&body).expect("JSON");
                let nodes = page["nodes"].as_array().expect("an array");
                assert!(nodes.len() <= limit && !nodes.is_empty(), "{page}");
                seen.extend(nodes.iter().map(|n| n["peerId"].as_str().expect("text").to_owned()));
                match page["next"].as_str() {
                    Some(next) => after = format!("&after={next}"),
                    None => break,
                }
            }
            seen.sort();
            assert_eq!(seen, expected, "{sort} {limit}");
        }
    }
    // Past the end is an empty page.
    let far = format!("GET /api/v1/nodes?sort=-uptime&after=0.0.{}", "1111111111");
    assert_eq!(running.ask(&far, "", "").await.status, StatusCode::BAD_REQUEST);
    let last =
        expected.iter().max_by_key(|peer| peer.parse::<rollbook::PeerId>().expect("a peer id"));
    let end = format!("GET /api/v1/nodes?after=0.0.{}", last.expect("three"));
    assert_eq!(running.ask(&end, "", "").await.body, r#"{"nodes":[],"next":null}"#);
}

#[tokio::test]
async fn the_log_is_read_in_pages() {
    let running = Running::start().await;
    let line = format!("POST /api/v1/nodes/{OTHER}/ban");
    assert_eq!(running.ask(&line, &running.bearer(), "").await.status, StatusCode::OK);
    let (mut ids, mut after) = (Vec::new(), 0);
    loop {
        let line = format!("GET /api/v1/events/log?limit=1&after={after}");
        let body = running.ask(&line, "", "").await.body;
        let page: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(page["lost"], 0);
        ids.extend(page["events"].as_array().expect("a list").iter().map(|e| e["id"].as_u64()));
        match page["next"].as_u64() {
            Some(next) => after = next,
            None => break,
        }
    }
    assert!(!ids.is_empty() && ids.iter().zip(1..).all(|(id, n)| *id == Some(n)), "{ids:?}");
}

#[tokio::test]
async fn beyond_loopback_everything_needs_the_token_and_any_name_will_do() {
    let running = Running::start_with(Limits::default(), |o| o.beyond_loopback = true).await;
    let paths = ["/healthz", "/readyz", "/metrics", "/api/v1/nodes", "/api/v1/events", "/none"];
    for path in paths {
        let line = format!("GET {path}");
        let answer = running.ask(&line, "", "").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(answer.head.contains("www-authenticate: bearer"), "{}", answer.head);
    }
    let named = format!("Host: roll.example\r\n{}", running.bearer());
    for (path, status) in [("/healthz", 200), ("/api/v1/nodes", 200), ("/none", 404)] {
        let answer = running.ask_raw(&format!("GET {path}"), &named, "").await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
    }
    // The command line finds out by itself that it has to show the token.
    running.write_api_file(&running.node.peer_id().to_string());
    let dir = running.dir.path().to_owned();
    let asked = tokio::task::spawn_blocking(move || {
        Client::open(&dir)?.get::<rollbook::Status>("/api/v1/status")
    });
    asked.await.expect("no panic").expect("it shows the token");
}

#[tokio::test]
async fn other_origins_read_only_what_the_operator_allows() {
    let origin = "https://status.example";
    let running = Running::start_with(Limits::default(), |options| {
        options.allowed_origins = vec![origin.parse().expect("plain text")];
    })
    .await;
    let ask = |origin: &str| format!("Origin: {origin}\r\n");
    let allowed = running.ask("GET /api/v1/status", &ask(origin), "").await;
    assert!(allowed.head.contains(&format!("access-control-allow-origin: {origin}")));
    let preflight = format!("{}Access-Control-Request-Method: POST\r\n", ask(origin));
    let preflight = running.ask("OPTIONS /api/v1/nodes", &preflight, "").await;
    assert!(preflight.status.is_success() && preflight.head.contains("authorization"));
    let other = running.ask("GET /api/v1/status", &ask("https://evil.example"), "").await;
    assert!(!other.head.contains("access-control-allow-origin"), "{}", other.head);
}

#[tokio::test]
async fn a_node_without_a_home_is_alive_and_not_ready() {
    let running = Running::start().await;
    assert_eq!(running.ask("GET /readyz", "", "").await.body, "ready");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let authority = format!("/ip4/127.0.0.1/tcp/1/p2p/{OTHER}").parse().expect("an address");
    let lonely = Node::builder()
        .data_dir(dir.path().to_owned())
        .listen(vec!["/ip4/127.0.0.1/tcp/0".parse().expect("an address")])
        .authorities(vec![authority])
        .start()
        .await
        .expect("a node starts");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let options = Options {
        token: Token::random().expect("random numbers"),
        beyond_loopback: false,
        allowed_origins: Vec::new(),
        masa: false,
        rate: 1_000,
        source: None,
    };
    let server = Server::spawn(listener, router(lonely.clone(), options), Limits::default());
    let member = Running { node: lonely, address, token: String::new(), dir, _server: server };
    assert_eq!(member.ask("GET /healthz", "", "").await.body, "ok");
    let answer = member.ask("GET /readyz", "", "").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.error().contains("no authority is this node's home"));
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
