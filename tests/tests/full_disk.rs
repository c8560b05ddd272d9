//! A disk without room: what cannot be kept is not promised, and what was promised is kept.

use std::collections::BTreeMap;
use std::io::Write as _;

use rollbook_tests::{GoRecord, RunningNode, Setup, Tmpfs, eventually};
use serde_json::json;

/// More decisions than fit in what is left of a page of the journal.
const TRIES: usize = 200;

/// A small disk; none where none can be mounted, which is said loudly.
fn small_disk() -> Option<Tmpfs> {
    let reason = match Tmpfs::mount(256) {
        Ok(disk) => return Some(disk),
        Err(reason) => reason,
    };
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "no small disk can be mounted, and in CI nothing may be skipped: {reason}"
    );
    let line = format!("\nSKIPPED: full_disk: no small disk can be mounted: {reason}\n");
    // Past what the test harness keeps to itself.
    std::io::stderr().write_all(line.as_bytes()).expect("somebody reads it");
    None
}

/// An authority with its data on a small disk, and records to decide about.
fn authority_on(disk: &Tmpfs) -> (RunningNode, Vec<GoRecord>) {
    let authority = RunningNode::start_in(&disk.path().join("data"), Setup::new());
    let records: Vec<GoRecord> = (0..20).map(GoRecord::numbered).collect();
    let import = ["import", "-", "--format", "masa"];
    authority.cli_with_input(import, &GoRecord::file(&records)).success();
    (authority, records)
}

/// Grants and revokes until it is refused. What was acknowledged, and how it was refused last;
/// whether that decision will take effect is open.
#[track_caller]
fn decide_until_refused(
    authority: &RunningNode,
    records: &[GoRecord],
) -> (BTreeMap<String, bool>, String) {
    let mut acknowledged = BTreeMap::new();
    for number in 0..TRIES {
        let peer = &records[number % records.len()].peer_id;
        let granted = (number / records.len()).is_multiple_of(2);
        let action = if granted { "grant" } else { "revoke" };
        let finished = authority.cli([action, peer, "validator"]);
        if !finished.status.success() {
            acknowledged.remove(peer);
            return (acknowledged, finished.refusal());
        }
        acknowledged.insert(peer.clone(), granted);
    }
    panic!("a full disk refuses sooner or later");
}

#[test]
fn on_a_full_disk_a_decision_fails_clearly_until_there_is_room_again() {
    let Some(disk) = small_disk() else { return };
    let (mut authority, records) = authority_on(&disk);
    let granted = &records[0].peer_id;
    authority.cli(["grant", granted, "staked"]).success();

    disk.fill();
    let (acknowledged, refused) = decide_until_refused(&authority, &records[1..11]);
    assert!(refused.contains("not on disk") && refused.contains("space"), "{refused}");
    // It goes on as far as it can, and says what is the matter.
    assert_eq!(authority.view(granted).expect("reads go on")["isStaked"], true);
    authority.await_status("a warning", |status| {
        status["warnings"].to_string().to_lowercase().contains("space")
    });
    let line = authority.cli(["grant", &records[15].peer_id, "staked"]).refusal();
    assert!(line.contains("not on disk"), "{line}");
    let import = ["import", "-", "--format", "masa"];
    let line = authority.cli_with_input(import, &GoRecord::file(&records)).refusal();
    assert!(line.contains("nothing was imported: not on disk"), "{line}");

    disk.free();
    let late = &records[16].peer_id;
    eventually("the disk is used again", || {
        let finished = authority.cli(["grant", late, "staked"]);
        if finished.status.success() { Ok(()) } else { Err(finished.stderr) }
    });
    authority.await_status("no warning", |status| status["warnings"] == json!([]));
    authority.kill9();
    authority.start_again();
    for peer in [granted, late] {
        assert_eq!(authority.view(peer).expect("it is kept")["isStaked"], true);
    }
    all_kept(&authority, &records, &acknowledged);
    authority.await_presence(authority.peer_id(), "online");
}

#[test]
fn a_node_killed_on_a_full_disk_has_lost_nothing_that_it_acknowledged() {
    let Some(disk) = small_disk() else { return };
    let (mut authority, records) = authority_on(&disk);
    disk.fill();
    let (acknowledged, _) = decide_until_refused(&authority, &records);
    authority.kill9();
    disk.free();
    authority.start_again();
    all_kept(&authority, &records, &acknowledged);
    // The same where it was full for a while, with a node that could not say good-bye.
    disk.fill();
    let (acknowledged, _) = decide_until_refused(&authority, &records);
    let status = authority.terminate();
    assert_eq!(status.code(), Some(1), "its last changes are not on disk: {}", authority.log());
    assert!(authority.log().contains("last changes are not on disk"), "{}", authority.log());
    disk.free();
    authority.start_again();
    all_kept(&authority, &records, &acknowledged);
}

#[track_caller]
fn all_kept(authority: &RunningNode, records: &[GoRecord], decided: &BTreeMap<String, bool>) {
    for record in records {
        let view = authority.view(&record.peer_id).expect("it was imported");
        assert_eq!(view["firstJoined"], record.first_joined);
    }
    for (peer, granted) in decided {
        let view = authority.view(peer).expect("it is kept");
        assert_eq!(view["isValidator"], *granted, "it was acknowledged: {view}");
    }
}
