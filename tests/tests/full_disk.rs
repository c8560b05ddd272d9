//! A disk without room: what cannot be kept is not promised, and what was promised is kept.

use std::io::Write as _;

use rollbook_tests::{GoRecord, RunningNode, Setup, Tmpfs, eventually};

/// More decisions than fit in what is left of a page of the journal.
const TRIES: usize = 200;

#[test]
fn on_a_full_disk_a_grant_fails_clearly_and_nothing_acknowledged_is_lost() {
    let disk = match Tmpfs::mount(256) {
        Ok(disk) => disk,
        Err(reason) => {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "no small disk can be mounted, and in CI nothing may be skipped: {reason}"
            );
            let line = format!("\nSKIPPED: full_disk: no small disk can be mounted: {reason}\n");
            // Past what the test harness keeps to itself.
            std::io::stderr().write_all(line.as_bytes()).expect("somebody reads it");
            return;
        }
    };
    let mut authority = RunningNode::start_in(&disk.path().join("data"), Setup::new());
    let records: Vec<GoRecord> = (0..20).map(GoRecord::numbered).collect();
    let import = ["import", "-", "--format", "masa"];
    authority.cli_with_input(import, &GoRecord::file(&records)).success();
    let granted = &records[0].peer_id;
    authority.cli(["grant", granted, "staked"]).success();

    disk.fill();
    let refused = (0..TRIES).find_map(|number| {
        let record = &records[1 + number % 10];
        let action = if number / 10 % 2 == 0 { "grant" } else { "revoke" };
        let finished = authority.cli([action, &record.peer_id, "validator"]);
        (!finished.status.success()).then(|| finished.refusal())
    });
    let refused = refused.expect("a full disk refuses sooner or later");
    assert!(refused.contains("not on disk") && refused.contains("space"), "{refused}");
    // It goes on as far as it can, and says what is the matter.
    assert_eq!(authority.view(granted).expect("reads go on")["isStaked"], true);
    authority.await_status("a warning", |status| {
        status["warnings"].to_string().to_lowercase().contains("space")
    });
    let line = authority.cli(["grant", &records[15].peer_id, "staked"]).refusal();
    assert!(line.contains("not on disk"), "{line}");

    disk.free();
    let late = &records[16].peer_id;
    eventually("the disk is used again", || {
        let finished = authority.cli(["grant", late, "staked"]);
        if finished.status.success() { Ok(()) } else { Err(finished.stderr) }
    });
    authority.await_status("no warning", |status| status["warnings"] == serde_json::json!([]));
    authority.kill9();
    authority.start_again();
    for peer in [granted, late] {
        assert_eq!(authority.view(peer).expect("it is kept")["isStaked"], true);
    }
    for record in &records {
        let view = authority.view(&record.peer_id).expect("it was imported");
        assert_eq!(view["firstJoined"], record.first_joined);
    }
    authority.await_presence(authority.peer_id(), "online");

    // Killed while it is full, it comes back as well: it needs no room to read.
    disk.fill();
    authority.kill9();
    disk.free();
    authority.start_again();
    assert_eq!(authority.view(granted).expect("it is kept")["isStaked"], true);
}
