//! The Go network's real data: taken in on an authority, seen on all, and written again.

use std::collections::BTreeMap;

use rollbook_tests::{GoRecord, Network, RunningNode, Setup, eventually};
use serde_json::{Value, json};

const IMPORT: [&str; 4] = ["import", "-", "--format", "masa"];
const IMPORT_TRUSTING: [&str; 5] = ["import", "-", "--format", "masa", "--trust-grants"];

/// One number of an import's report.
#[track_caller]
fn count(report: &str, name: &str) -> u64 {
    let line = report.lines().find_map(|line| line.strip_prefix(name));
    let word = line.and_then(|rest| rest.split_whitespace().next());
    let number = word.and_then(|word| word.parse().ok());
    number.unwrap_or_else(|| panic!("no count of {name}: {report}"))
}

fn by_peer(node: &RunningNode) -> BTreeMap<String, Value> {
    let id = |view: &Value| view["peerId"].as_str().expect("a text").to_owned();
    node.nodes().into_iter().map(|view| (id(&view), view)).collect()
}

#[test]
fn five_hundred_go_records_show_on_all_and_survive_a_crash_of_all() {
    let mut network = Network::start(4);
    let records: Vec<GoRecord> = (0..500).map(GoRecord::numbered).collect();
    let file = network.authority.file("node_data.json");
    std::fs::write(&file, GoRecord::file(&records)).expect("our folder");
    let file = file.to_str().expect("a plain path");
    let import = ["import", file, "--format", "masa"];
    let report = network.authority.cli(import).success();
    assert_eq!(count(&report, "records read"), 500, "{report}");
    assert_eq!(count(&report, "imported"), 500, "{report}");
    let flags = |record: &GoRecord| u64::from(record.is_staked) + u64::from(record.is_validator);
    let claimed: u64 = records.iter().map(flags).sum();
    assert_eq!(count(&report, "grants left out"), claimed, "{report}");
    assert_eq!(count(&report, "grants taken"), 0, "{report}");
    assert!(report.contains("--trust-grants"), "{report}");

    let root = Network::agree(&network.all().collect::<Vec<_>>());
    for node in network.all() {
        let nodes = by_peer(node);
        assert_eq!(nodes.len(), 505, "on {}", node.peer_id());
        for record in &records {
            let view = &nodes[&record.peer_id];
            assert_eq!(view["firstJoined"], record.first_joined);
            assert_eq!(view["accumulatedUptimeSeconds"], record.accumulated_seconds);
            assert_eq!(view["ethAddress"], record.eth_address);
            assert_eq!(view["standing"], "admitted");
            // History makes nobody online, and addresses stay with who imported them.
            assert_eq!((&view["presence"], &view["isActive"]), (&json!("unknown"), &json!(false)));
            assert_eq!(view["multiaddrs"], json!([]));
            assert_eq!((&view["isStaked"], &view["grants"]), (&json!(false), &json!([])));
        }
    }
    network.converge();

    let report = network.authority.cli(import).success();
    assert_eq!(count(&report, "imported"), 0, "{report}");
    assert_eq!(count(&report, "unchanged"), 500, "{report}");
    assert_eq!(Network::agree(&network.all().collect::<Vec<_>>()), root);

    let trusting = ["import", file, "--format", "masa", "--trust-grants"];
    let report = network.authority.cli(trusting).success();
    assert_eq!(count(&report, "grants taken"), claimed, "{report}");
    Network::agree(&network.all().collect::<Vec<_>>());
    for node in network.all() {
        let nodes = by_peer(node);
        for record in &records {
            let view = &nodes[&record.peer_id];
            let flags = (&view["isStaked"], &view["isValidator"]);
            assert_eq!(flags, (&json!(record.is_staked), &json!(record.is_validator)));
        }
    }

    // All of it is there again after a crash of everybody.
    let before = by_peer(&network.members[3]);
    network.members.iter_mut().for_each(RunningNode::kill9);
    network.authority.kill9();
    network.authority.start_again();
    network.members.iter_mut().for_each(RunningNode::start_again);
    network.converge();
    for node in network.all() {
        let after = by_peer(node);
        assert_eq!(after.len(), 505, "on {}", node.peer_id());
        for record in &records {
            assert_eq!(after[&record.peer_id], before[&record.peer_id], "on {}", node.peer_id());
        }
    }
}

#[test]
fn a_bad_record_costs_only_itself_and_is_reported_by_its_peer_id() {
    let authority = RunningNode::start(Setup::new());
    let good: Vec<GoRecord> = (0..3).map(GoRecord::numbered).collect();
    let bad_address = GoRecord { multiaddrs: vec!["nowhere".into()], ..GoRecord::numbered(3) };
    let wrong_peer = GoRecord { peer_id: "16Uiu2HAmNotAPeerId".into(), ..GoRecord::numbered(4) };
    let too_long = GoRecord { accumulated_seconds: 8_000_000_000, ..GoRecord::numbered(5) };
    let ghosts: Vec<GoRecord> = (6..8).map(GoRecord::ghost).collect();
    let wrong_type = GoRecord::numbered(8);
    let mut file = GoRecord::file(
        &[
            &good[..2],
            &[bad_address.clone(), wrong_peer.clone(), too_long.clone()],
            &ghosts,
            &good[2..],
        ]
        .concat(),
    );
    assert_eq!(file.pop(), Some('}'));
    let json = wrong_type.json().replace("\"isActive\":true", "\"isActive\":\"yes\"");
    file.push_str(&format!(",\"{}\":{json}}}", wrong_type.peer_id));

    let report = authority.cli_with_input(IMPORT, &file).success();
    assert_eq!(count(&report, "records read"), 9, "{report}");
    assert_eq!(count(&report, "imported"), 4, "{report}");
    assert_eq!(count(&report, "clamped"), 1, "{report}");
    assert_eq!(count(&report, "ghosts skipped"), 2, "{report}");
    assert_eq!(count(&report, "invalid  "), 3, "{report}");
    for record in [&bad_address, &wrong_peer, &wrong_type] {
        let line = format!("invalid {}: ", record.peer_id);
        assert!(report.lines().any(|found| found.starts_with(&line)), "{line} in {report}");
        authority.view(&record.peer_id).expect_err("it was skipped");
    }
    for record in &good {
        let view = authority.view(&record.peer_id).expect("a good record is taken");
        assert_eq!(view["firstJoined"], record.first_joined);
    }
    let view = authority.view(&too_long.peer_id).expect("a clamped record is taken");
    let uptime = view["accumulatedUptimeSeconds"].as_u64().expect("a number");
    assert!(uptime > 900_000 && uptime < 8_000_000_000, "{view}");
    for ghost in &ghosts {
        authority.view(&ghost.peer_id).expect_err("a ghost is skipped");
    }
}

#[test]
fn every_shape_of_the_go_network_is_read() {
    let authority = RunningNode::start(Setup::new());
    let json = |number: u32| GoRecord::numbered(number).json();
    let array = format!("[{},{}]", json(0), json(1));
    let page = |data: &str, number: u32| {
        format!(r#"{{"data":[{data}],"pageNumber":{number},"totalPages":2,"totalRecords":2}}"#)
    };
    let pages = format!("{}\n{}\n", page(&json(2), 0), page(&json(3), 1));
    let body = format!(
        r#"{{"data":[{}],"pageNbr":0,"success":true,"total":1,"totalRecords":1}}"#,
        json(4)
    );
    for (input, expected) in [(&array, 2), (&pages, 2), (&body, 1)] {
        let report = authority.cli_with_input(IMPORT, input).success();
        assert_eq!(count(&report, "imported"), expected, "{input}: {report}");
    }
    for number in 0..5 {
        let id = GoRecord::numbered(number).peer_id;
        authority.view(&id).expect("it was imported");
    }
    for (input, reason) in [
        ("", "the file is empty"),
        ("{\"16Uiu2HAm", "not JSON"),
        ("\"text\"", "no node data"),
        ("\u{0}\u{1}", "not JSON"),
    ] {
        let line = authority.cli_with_input(IMPORT, input).refusal();
        assert!(line.contains(reason), "{line}");
    }
}

#[test]
fn an_import_is_for_authorities_and_respects_a_ban() {
    let network = Network::start(1);
    let record = GoRecord::numbered(0);
    let file = GoRecord::file(std::slice::from_ref(&record));
    let line = network.members[0].cli_with_input(IMPORT, &file).refusal();
    assert!(line.contains("not an authority"), "{line}");
    network.authority.cli(["ban", &record.peer_id]).success();
    let report = network.authority.cli_with_input(IMPORT_TRUSTING, &file).success();
    assert_eq!(count(&report, "not admitted"), 1, "{report}");
    let view = network.authority.view(&record.peer_id).expect("a decision is kept");
    assert_eq!((&view["standing"], &view["isStaked"]), (&json!("banned"), &json!(false)));
}

#[test]
fn imported_history_is_counted_once_when_its_node_joins() {
    let authority = RunningNode::start(Setup::new());
    let folder = tempfile::tempdir().expect("a temporary folder");
    // The Go network's key file of record 0: the protobuf form of its key, in hex.
    let rollbook_core::Keypair::Secp256k1(key) = rollbook_tests::keypair(0) else {
        panic!("the Go network has secp256k1 keys");
    };
    let hex: String = key.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let key_file = folder.path().join("masa_oracle_key");
    std::fs::write(&key_file, format!("08021220{hex}")).expect("our folder");
    let record = GoRecord::numbered(0);
    let file = GoRecord::file(std::slice::from_ref(&record));
    authority.cli_with_input(IMPORT, &file).success();

    let data = folder.path().join("data");
    let taken = rollbook_tests::run([
        "identity".as_ref(),
        "--import-masa".as_ref(),
        key_file.as_os_str(),
        "--data-dir".as_ref(),
        data.as_os_str(),
    ]);
    let taken = taken.success();
    assert!(taken.contains(&record.peer_id) && taken.contains(&record.eth_address), "{taken}");
    let member = RunningNode::start_in(&data, Setup::new().member_of(&authority));
    assert_eq!(member.peer_id(), record.peer_id);
    for node in [&authority, &member] {
        let view = node.await_presence(&record.peer_id, "online");
        assert_eq!(view["firstJoined"], record.first_joined, "the earlier beginning");
        let uptime = view["uptimeSeconds"].as_u64().expect("a number");
        let all = view["accumulatedUptimeSeconds"].as_u64().expect("a number");
        assert_eq!(all, record.accumulated_seconds + uptime, "history and this session: {view}");
    }
    let report = authority.cli_with_input(IMPORT, &file).success();
    assert_eq!(count(&report, "unchanged"), 1, "{report}");
}

#[test]
fn an_export_has_the_go_networks_shape_and_json_is_the_whole_roll() {
    let network = Network::start_with(1, Setup::new().with("capability", "web-scraper"));
    network.converge();
    let records: Vec<GoRecord> = (0..3).map(GoRecord::numbered).collect();
    network.authority.cli_with_input(IMPORT_TRUSTING, &GoRecord::file(&records)).success();
    network.authority.cli(["ban", &records[2].peer_id]).success();
    Network::agree(&network.all().collect::<Vec<_>>());

    for node in network.all() {
        let output = node.file("exported.json");
        let path = output.to_str().expect("a plain path");
        let said = node.cli(["export", "--format", "masa", "--output", path]).success();
        assert_eq!(said, "");
        let text = std::fs::read_to_string(&output).expect("it was written");
        let printed = node.cli(["export", "--format", "masa"]).success();
        assert!(printed.starts_with(&text[..text.find(',').expect("fields")]), "{printed}");
        let exported: BTreeMap<String, Value> = serde_json::from_str(&text).expect("a map");
        assert_eq!(exported.len(), 4, "two nodes and two records: {text}");
        assert!(!exported.contains_key(&records[2].peer_id), "a banned node is left out");
        for record in &records[..2] {
            let expected = as_exported(record, &exported[&record.peer_id]["lastUpdated"]);
            assert!(text.contains(&expected), "{expected}\nin {text}");
        }
        let own = &exported[node.peer_id()];
        assert_eq!((&own["isActive"], &own["isWebScraper"]), (&json!(true), &json!(true)));
        let address = own["multiaddrs"][0].as_str().expect("its address");
        assert_eq!(own["multiaddrsString"], format!(" {address}"));

        let text = node.cli(["export", "--format", "json"]).success();
        let all: Vec<Value> = serde_json::from_str(&text).expect("an array");
        assert_eq!(all.len(), 5, "banned ones too: {text}");
    }
}

/// What is left of a record that was imported and whose node never came.
fn as_exported(record: &GoRecord, last_updated: &Value) -> String {
    format!(
        concat!(
            r#""{id}":{{"peerId":"{id}","firstJoined":{first},"lastUpdated":{updated},"#,
            r#""uptimeStr":"0 minutes","accumulatedUptime":{seconds}000000000,"#,
            r#""accumulatedUptimeStr":"10 days 10 hours 0 minutes","ethAddress":"{eth}","#,
            r#""activity":1,"isActive":false,"isStaked":{staked},"isValidator":{validator},"#,
            r#""isTwitterScraper":false,"isWebScraper":false,"version":"","#,
            r#""workerTimeout":"0001-01-01T00:00:00Z","returnedTweets":1250,"#,
            r#""lastReturnedTweet":"2025-01-26T15:59:58Z","tweetTimeout":false,"#,
            r#""tweetTimeouts":17,"lastTweetTimeout":"2025-01-26T12:30:00Z","#,
            r#""lastNotFoundTime":"2025-01-25T23:59:59Z","notFoundCount":3}}"#,
        ),
        id = record.peer_id,
        first = record.first_joined,
        updated = last_updated,
        seconds = record.accumulated_seconds,
        eth = record.eth_address,
        staked = record.is_staked,
        validator = record.is_validator,
    )
}

#[test]
fn what_was_exported_is_imported_elsewhere() {
    let one = RunningNode::start(Setup::new());
    let records: Vec<GoRecord> = (0..20).map(GoRecord::numbered).collect();
    one.cli_with_input(IMPORT_TRUSTING, &GoRecord::file(&records)).success();
    let text = one.cli(["export", "--format", "masa"]).success();
    let other = RunningNode::start(Setup::new());
    let report = other.cli_with_input(IMPORT_TRUSTING, &text).success();
    assert_eq!(count(&report, "imported"), 21, "20 records and the node itself: {report}");
    eventually("the same history", || {
        let same = records.iter().all(|record| {
            let views = [&one, &other].map(|node| node.view(&record.peer_id));
            let [Ok(one), Ok(other)] = views else { return false };
            ["firstJoined", "accumulatedUptimeSeconds", "grants"]
                .iter()
                .all(|key| one[key] == other[key])
        });
        if same { Ok(()) } else { Err("they differ") }
    });
}
