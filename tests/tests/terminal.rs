//! What a person sees at a terminal, and that nothing of it gets into pipes.

use std::fs;

use rollbook_tests::{GoRecord, RunningNode, Setup, on_terminal, peer_id};

fn start() -> RunningNode {
    let node = RunningNode::start(Setup::new().with("capability", "storage"));
    node.cli(["ban", &peer_id(0).to_string()]).success();
    node
}

fn dir(node: &RunningNode) -> &str {
    node.data_dir().to_str().expect("a plain path")
}

/// The text without what sets colours, moves the cursor or clears a line.
fn plain(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        shown.push_str(before);
        let end = after.find(|c: char| c.is_ascii_alphabetic()).map_or(after.len(), |at| at + 1);
        rest = &after[end..];
    }
    shown + rest
}

#[test]
fn tables_fit_the_terminal_and_are_coloured() {
    let node = start();
    let args = ["nodes", "--all", "--data-dir", dir(&node)];
    for columns in [30, 80, 200] {
        let (status, seen) = on_terminal(columns, &args, &[]);
        assert!(status.success(), "{seen}");
        for line in plain(&seen).lines() {
            assert!(line.chars().count() <= usize::from(columns), "{columns}: {line:?}");
        }
    }
    let (_, seen) = on_terminal(200, &args, &[]);
    assert!(seen.contains("\u{1b}[32monline\u{1b}[0m"), "{seen:?}");
    assert!(seen.contains("\u{1b}[31mbanned\u{1b}[0m"), "{seen:?}");
}

#[test]
fn colours_are_left_out_where_they_are_not_wanted() {
    let node = start();
    let args = ["nodes", "--all", "--data-dir", dir(&node)];
    for variable in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let (status, seen) = on_terminal(200, &args, &[variable]);
        assert!(status.success() && seen.contains("online"), "{seen}");
        assert!(!seen.contains('\u{1b}'), "{variable:?}: {seen:?}");
    }
    for args in [&["nodes", "--all"][..], &["status"], &["doctor"]] {
        let piped = node.cli(args).success();
        assert!(!piped.contains('\u{1b}'), "{piped:?}");
    }
    let (_, json) = on_terminal(40, &["nodes", "--json", "--data-dir", dir(&node)], &[]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON is not cut or coloured");
    assert_eq!(json[0]["peerId"], node.peer_id());
}

#[test]
fn a_long_import_shows_how_far_it_is_and_leaves_its_summary() {
    let node = RunningNode::start(Setup::new());
    let records: Vec<_> = (0..3_000).map(GoRecord::numbered).collect();
    let file = node.data_dir().join("records.json");
    fs::write(&file, GoRecord::file(&records)).expect("our folder");
    let path = file.to_str().expect("a plain path");
    let args = ["import", path, "--format", "masa", "--data-dir", dir(&node)];
    let (status, seen) = on_terminal(100, &args, &[]);
    assert!(status.success(), "{seen}");
    assert!(seen.contains("records imported, "), "{seen:?}");
    assert!(plain(&seen).contains("imported           3000"), "{seen:?}");
    let again = node.cli(["import", path, "--format", "masa"]);
    assert_eq!(again.stderr, "", "nothing of it is in a pipe");
}
