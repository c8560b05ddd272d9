//! Whole files, good and bad, and what is taken from them.

use super::*;

const A: &str = "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9";
const B: &str = "16Uiu2HAm9P1PDBVktwivMPrT839zWNFdX9hyJ7VYmshrTsutrcus";
const C: &str = "16Uiu2HAm9Nkz9kEMnL1YqPTtXZHQZ1E9rhquwSqKNsUViqTojLZt";
/// Nanoseconds in a second.
const S: i64 = 1_000_000_000;

fn import(text: &str) -> ParsedImport {
    read_import(text.as_bytes()).expect("the test's file is sound")
}

fn record(peer_id: &str, fields: &str) -> String {
    format!(r#"{{"peerId":"{peer_id}","multiaddrs":["/ip4/10.0.0.1/udp/4001/quic-v1"],{fields}}}"#)
}

fn peers(import: &ParsedImport) -> Vec<&str> {
    import.records.iter().map(|record| record.peer_id.as_str()).collect()
}

fn reasons(list: &[InvalidRecord]) -> Vec<(&str, &str)> {
    list.iter().map(|entry| (entry.peer_id.as_str(), entry.reason.as_str())).collect()
}

fn tally(counter: &str, count: u64, last: u64) -> TallyView {
    TallyView { counter: counter.to_owned(), count, last }
}

#[test]
fn counts_below_one_and_times_before_1970_are_none() {
    let fields = r#""returnedTweets":-5,"tweetTimeouts":0,"notFoundCount":2,"firstJoined":5"#;
    let import = import(&record(A, fields));
    assert_eq!(import.records[0].tallies, [tally("not-found", 2, 0)]);
}

#[test]
fn a_go_record_becomes_a_neutral_one() {
    let import = import(include_str!("../../../testdata/masa/page.json"));
    let expected = ImportRecord {
        peer_id: A.to_owned(),
        multiaddrs: vec![
            "/ip4/172.89.165.130/udp/41577/quic-v1".to_owned(),
            "/ip4/10.1.1.96/udp/4001/quic-v1".to_owned(),
        ],
        first_joined: 1_736_940_000,
        accumulated_uptime_seconds: 963_600,
        is_staked: true,
        is_validator: false,
        tallies: vec![
            tally("successes", 1_250, 1_737_907_198),
            tally("timeouts", 17, 1_737_894_600),
            tally("not-found", 3, 1_737_849_599),
        ],
    };
    assert_eq!(import.records, [expected]);
    assert_eq!((import.record_count, import.ghost_count), (1, 0));
}

#[test]
fn files_of_every_shape_hold_the_same_nodes() {
    let files = [
        include_str!("../../../testdata/masa/map.json"),
        include_str!("../../../testdata/masa/array.json"),
        include_str!("../../../testdata/masa/pages.ndjson"),
        include_str!("../../../testdata/masa/node-data.json"),
    ];
    let expected = import(files[0]);
    assert_eq!(peers(&expected), [B, A]);
    for file in files {
        let mut import = import(file);
        import.records.sort_by(|a, b| a.peer_id.cmp(&b.peer_id));
        let mut expected = expected.records.clone();
        expected.sort_by(|a, b| a.peer_id.cmp(&b.peer_id));
        assert_eq!(import.records, expected);
        assert_eq!((import.record_count, import.ghost_count), (3, 1));
        assert_eq!((import.invalid, import.corrected), (vec![], vec![]));
    }
}

#[test]
fn files_of_early_releases_are_taken() {
    let import = import(include_str!("../../../testdata/masa/early.json"));
    assert_eq!(peers(&import), [A]);
    assert_eq!(import.records[0].first_joined, 1_705_312_800);
    assert_eq!(import.records[0].accumulated_uptime_seconds, 86_400);
    assert_eq!(import.invalid, []);
}

#[test]
fn one_bad_record_does_not_lose_the_others() {
    let bad_address = record(B, "\"version\":\"x\"").replace("/udp/", "/carrier-pigeon/");
    let file = format!(
        r#"{{"{A}":{},"nobody":{},"{B}":{},"{C}":{},"":{{}},"x":5}}"#,
        record(A, r#""firstJoined":5"#),
        record("nobody", r#""firstJoined":5"#),
        bad_address,
        record(A, r#""firstJoined":5"#),
    );
    let import = import(&file);
    assert_eq!(peers(&import), [A]);
    assert_eq!(import.record_count, 6);
    let mismatch = format!("stands over a record of another peer, {A}");
    assert_eq!(
        reasons(&import.invalid),
        [
            ("nobody", "not a peer id: the bytes are not a peer id's multihash"),
            (B, "has a bad address, /ip4/10.0.0.1/carrier-pigeon/4001/quic-v1"),
            (C, mismatch.as_str()),
            ("record 5", "has no peer id"),
            ("x", "is not a JSON object: 5"),
        ]
    );
}

#[test]
fn wrong_types_and_odd_strings_cost_one_record() {
    let file = format!(
        "[{},{},{},7]",
        record(A, r#""isStaked":"yes""#),
        record(B, r#""firstJoined":7,"version":"\ud800 and \u0000""#),
        record(C, r#""firstJoined":7,"records":1e999"#),
    );
    let import = import(&file);
    assert_eq!(peers(&import), [B]);
    assert_eq!(
        reasons(&import.invalid),
        [
            (A, "isStaked should be true or false, not \"yes\""),
            (C, "records should be JSON of ordinary depth and range, not 1e999"),
            ("record 4", "is not a JSON object: 7"),
        ]
    );
}

#[test]
fn ghosts_are_skipped_and_counted() {
    let stub = include_str!("../../../testdata/masa/stub.json");
    let import = import(&format!("[{stub},{stub},{}]", record(A, r#""isActive":true"#)));
    assert_eq!(peers(&import), [A], "an address alone is worth having");
    assert_eq!((import.record_count, import.ghost_count), (3, 2));
}

#[test]
fn impossible_uptimes_count_as_none() {
    let file = format!(
        "[{},{},{}]",
        record(A, &format!(r#""firstJoined":5,"accumulatedUptime":{}"#, -S)),
        record(B, &format!(r#""accumulatedUptime":{}"#, 9 * S)),
        record(C, &format!(r#""lastJoined":7,"accumulatedUptime":{}"#, 9 * S + 1)),
    );
    let import = import(&file);
    let uptimes: Vec<_> = import
        .records
        .iter()
        .map(|record| (record.first_joined, record.accumulated_uptime_seconds))
        .collect();
    assert_eq!(uptimes, [(5, 0), (0, 0), (7, 9)]);
    assert_eq!(
        reasons(&import.corrected),
        [
            (A, "has a negative uptime: counted as none"),
            (B, "has 9 s of uptime but never joined: counted as none"),
        ]
    );
}

#[test]
fn a_negative_first_joined_counts_as_unknown() {
    let import = import(&record(A, r#""firstJoined":-62135596800"#));
    assert_eq!(import.records[0].first_joined, 0);
}

#[test]
fn records_of_one_peer_are_merged_in_either_order() {
    let old = record(
        A,
        &format!(
            r#""firstJoined":5,"lastUpdated":10,"isStaked":true,"accumulatedUptime":{}"#,
            3 * S
        ),
    );
    let new = record(A, &format!(r#""firstJoined":8,"lastUpdated":20,"accumulatedUptime":{S}"#))
        .replace("10.0.0.1", "10.0.0.2");
    let expected = ImportRecord {
        peer_id: A.to_owned(),
        multiaddrs: vec!["/ip4/10.0.0.2/udp/4001/quic-v1".to_owned()],
        first_joined: 5,
        accumulated_uptime_seconds: 3,
        is_staked: false,
        is_validator: false,
        tallies: Vec::new(),
    };
    for file in [format!("[{old},{new}]"), format!("{new}\n{old}")] {
        let import = import(&file);
        assert_eq!(import.records, std::slice::from_ref(&expected));
        assert_eq!(reasons(&import.corrected), [(A, "is there more than once: merged")]);
    }
}

#[test]
fn repeated_addresses_are_taken_once() {
    let addresses = r#"["/ip4/1.2.3.4/tcp/1","/ip4/1.2.3.4/tcp/1","/ip6/::1/tcp/1"]"#;
    let import = import(&format!(r#"{{"peerId":"{A}","multiaddrs":{addresses}}}"#));
    assert_eq!(import.records[0].multiaddrs, ["/ip4/1.2.3.4/tcp/1", "/ip6/::1/tcp/1"]);
}

#[test]
fn a_key_alone_names_a_record() {
    let import = import(&format!(r#"{{"{A}":{{"firstJoined":5}}}}"#));
    assert_eq!(peers(&import), [A]);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let path = directory.path().join("nodes.json");
    let missing = read_import_file(&path).expect_err("there is no such file");
    assert!(missing.to_string().contains("nodes.json"), "{missing}");
    std::fs::write(&path, "{\n}}").expect("the directory is ours");
    let broken = format!("{:#}", read_import_file(&path).expect_err("one bracket too many"));
    assert!(broken.contains("nodes.json: not JSON at line 2, column 2"), "{broken}");
    std::fs::write(&path, "[]").expect("the directory is ours");
    assert_eq!(read_import_file(&path).expect("no records"), ParsedImport::default());
}

#[test]
fn foreign_text_in_reports_is_harmless() {
    let import = import(r#"{"\u001b[2J":{"firstJoined":1}}"#);
    assert_eq!(import.invalid[0].peer_id, "\\u{1b}[2J");
}

#[test]
fn files_cut_at_any_byte_are_refused_or_sound() {
    let file = include_bytes!("../../../testdata/masa/map.json");
    let file = file.trim_ascii_end();
    for size in 0..file.len() {
        assert!(read_import(&file[..size]).is_err(), "cut at {size}");
    }
}

#[test]
fn a_changed_byte_never_panics() {
    let file = include_bytes!("../../../testdata/masa/node-data.json");
    for index in 0..file.len() {
        for byte in [0, b'"', b'{', b'\\', b'9', 0xff] {
            let mut changed = file.to_vec();
            changed[index] = byte;
            // Either answer is right; what counts is that there is one.
            drop(read_import(&changed));
        }
    }
}
