//! The Go network's routes: their bodies byte for byte.

use rollbook::{ImportOptions, ImportRecord};

use super::Limits;
use super::tests::Running;

const STAKED: &str = "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9";
const ZERO_TIMES: &str = "\"workerTimeout\":\"0001-01-01T00:00:00Z\",\"returnedTweets\":0,\
    \"lastReturnedTweet\":\"0001-01-01T00:00:00Z\",\"tweetTimeout\":false,\"tweetTimeouts\":0,\
    \"lastTweetTimeout\":\"0001-01-01T00:00:00Z\",\"lastNotFoundTime\":\"0001-01-01T00:00:00Z\",\
    \"notFoundCount\":0}";

async fn start() -> Running {
    let running = Running::start_with(Limits::default(), |options| options.masa = true).await;
    let record = ImportRecord {
        peer_id: STAKED.to_owned(),
        first_joined: 1_736_940_000,
        accumulated_uptime_seconds: 963_600,
        is_staked: true,
        ..ImportRecord::default()
    };
    let options = ImportOptions { trust_grants: true };
    let report = running.node.import(vec![record], options).await.expect("it is taken");
    assert_eq!((report.imported, report.grants_taken), (1, 1));
    running
}

async fn body(running: &Running, path: &str, status: u16) -> String {
    let answer = running.ask(&format!("GET {path}"), "", "").await;
    assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.body);
    assert!(answer.head.contains("content-type: application/json; charset=utf-8"), "{path}");
    answer.body
}

/// The record that was imported, as the Go network would write it.
fn record(running: &Running) -> String {
    let node = running.node.get(&STAKED.parse().expect("a peer id")).expect("imported");
    let updated = node.last_updated.expect("just now");
    let eth = "0xfcf04285bf18a18Db4f346E28bfe3914B9776eF7";
    format!(
        "{{\"peerId\":\"{STAKED}\",\"firstJoined\":1736940000,\"lastUpdated\":{updated},\
         \"uptimeStr\":\"0 minutes\",\"accumulatedUptime\":963600000000000,\
         \"accumulatedUptimeStr\":\"11 days 3 hours 40 minutes\",\"ethAddress\":\"{eth}\",\
         \"activity\":1,\"isActive\":false,\"isStaked\":true,\"isValidator\":false,\
         \"isTwitterScraper\":false,\"isWebScraper\":false,\"version\":\"\",{ZERO_TIMES}"
    )
}

#[tokio::test]
async fn one_node_is_its_record_byte_for_byte() {
    let running = start().await;
    let found = body(&running, &format!("/api/v1/node/data/{STAKED}"), 200).await;
    assert_eq!(found, format!("{{\"data\":{},\"success\":true}}", record(&running)));
    let missing = "{\"message\":\"Node not found\",\"success\":false}";
    for id in ["abc", "%FF", "16Uiu2HAm9Nkz9kEMnL1YqPTtXZHQZ1E9rhquwSqKNsUViqTojLZt"] {
        assert_eq!(body(&running, &format!("/api/v1/node/data/{id}"), 404).await, missing);
    }
}

#[tokio::test]
async fn pages_have_the_shape_and_not_the_panics() {
    let running = start().await;
    let own = running.node.peer_id();
    let (all, record) = (body(&running, "/api/v1/node/data", 200).await, record(&running));
    assert!(all.starts_with("{\"data\":[{"), "{all}");
    assert!(all.ends_with("],\"pageNbr\":0,\"success\":true,\"total\":1,\"totalRecords\":2}"));
    assert!(all.contains(&record) && all.contains(&own.to_string()), "{all}");
    // What is no number counts as not given, as there.
    assert_eq!(body(&running, "/api/v1/node/data?pageNbr=x&pageSize=", 200).await, all);
    let mut seen = String::new();
    for page in 0..2 {
        let path = format!("/api/v1/node/data?pageNbr={page}&pageSize=1");
        let one = body(&running, &path, 200).await;
        let end = format!("],\"pageNbr\":{page},\"success\":true,\"total\":2,\"totalRecords\":2}}");
        assert!(one.ends_with(&end), "{one}");
        seen.push_str(&one);
    }
    assert!(seen.contains(&record) && seen.contains(&own.to_string()), "{seen}");
    let end = "{\"data\":[],\"pageNbr\":9,\"success\":true,\"total\":1,\"totalRecords\":2}";
    assert_eq!(body(&running, "/api/v1/node/data?pageNbr=9", 200).await, end);
    let huge = format!("/api/v1/node/data?pageNbr={0}&pageSize={0}", i64::MAX);
    assert!(body(&running, &huge, 200).await.starts_with("{\"data\":[],"));
    for query in ["pageNbr=-1", "pageSize=0", "pageSize=-5", "pageNbr=-9223372036854775808"] {
        let refused = body(&running, &format!("/api/v1/node/data?{query}"), 400).await;
        assert!(refused.ends_with(",\"success\":false}"), "{refused}");
    }
}

#[tokio::test]
async fn peers_and_addresses_are_lists_and_who_has_none_is_left_out() {
    let running = start().await;
    let own = running.node.peer_id().to_string();
    let peers = body(&running, "/api/v1/peers", 200).await;
    let entry = |peer: &str| format!("{{\"peerId\":\"{peer}\"}}");
    let either = [[&own, STAKED], [STAKED, &own]].map(|[one, other]| {
        let (one, other) = (entry(one), entry(other));
        format!("{{\"data\":[{one},{other}],\"success\":true,\"totalCount\":2}}")
    });
    assert!(either.contains(&peers), "{peers}");
    let view = running.node.get(&running.node.peer_id()).expect("itself");
    let address = view.multiaddrs.first().expect("it listens");
    assert_eq!(
        body(&running, "/api/v1/peer/addresses", 200).await,
        format!(
            "{{\"data\":[{{\"peerAddress\":\"{address}\",\"peerId\":\"{own}\"}}],\
             \"success\":true,\"totalCount\":1}}"
        )
    );
}
