//! Journals that were cut, damaged or exchanged: a node keeps what can be kept, says what it found,
//! and never destroys what is not its own.

use std::fs;

use rollbook_tests::{GoRecord, Network, RunningNode, Setup, refusal};

/// A stopped authority whose journal holds some records and grants.
fn stopped_authority() -> (RunningNode, Vec<GoRecord>) {
    let mut authority = RunningNode::start(Setup::new());
    let records: Vec<GoRecord> = (0..10).map(GoRecord::numbered).collect();
    let import = ["import", "-", "--format", "masa", "--trust-grants"];
    authority.cli_with_input(import, &GoRecord::file(&records)).success();
    assert!(authority.terminate().success());
    (authority, records)
}

/// How many of the records a node still has as they were imported.
fn kept(node: &RunningNode, records: &[GoRecord]) -> usize {
    let is_kept = |record: &&GoRecord| {
        node.view(&record.peer_id).is_ok_and(|view| view["firstJoined"] == record.first_joined)
    };
    records.iter().filter(is_kept).count()
}

#[test]
fn a_torn_end_costs_nothing_else_and_is_reported() {
    let (mut authority, records) = stopped_authority();
    let journal = authority.file("journal");
    for cut in [1, 3, 40] {
        let whole = fs::read(&journal).expect("it is there");
        fs::write(&journal, &whole[..whole.len() - cut]).expect("our folder");
        let log_before = authority.log().len();
        authority.start_again();
        assert!(kept(&authority, &records) >= records.len() - 1);
        let log = authority.log();
        assert!(log[log_before..].contains("ends in a torn frame"), "cut {cut}: {log}");
        authority.await_presence(authority.peer_id(), "online");
        authority.cli(["grant", &records[0].peer_id, "validator"]).success();
        authority.kill9();
        authority.start_again();
        let view = authority.view(&records[0].peer_id).expect("it is kept");
        assert_eq!(view["isValidator"], true, "what was written behind a cut end is read");
        assert!(authority.terminate().success());
    }
}

#[test]
fn damage_in_the_middle_costs_a_frame_and_is_a_warning_to_the_operator() {
    let (mut authority, records) = stopped_authority();
    let journal = authority.file("journal");
    let mut bytes = fs::read(&journal).expect("it is there");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8].copy_from_slice(b"garbage!");
    fs::write(&journal, &bytes).expect("our folder");
    authority.start_again();
    let damaged = kept(&authority, &records);
    assert!((records.len() - 2..=records.len()).contains(&damaged), "{damaged} are kept");
    let status = authority.status();
    let warnings = status["warnings"].to_string();
    assert!(warnings.contains("damaged bytes in the journal"), "{warnings}");
    assert_eq!(status["recovering"], true);
    let text = authority.cli(["status"]).success();
    assert!(text.contains("WARNING") && text.contains("authority (recovering)"), "{text}");
    assert!(text.contains("start it with --fresh"), "{text}");
    let line = authority.cli(["grant", &records[0].peer_id, "validator"]).refusal();
    assert!(line.contains("decides nothing until others gave it back"), "{line}");
    // Nobody else has it: its operator says so.
    assert!(authority.terminate().success());
    authority.start_again_with(|setup| setup.with("fresh", "true"));
    authority.await_presence(authority.peer_id(), "online");
    assert_eq!(authority.status()["recovering"], false);
    assert_eq!(kept(&authority, &records), damaged);
    // The members of its network, and those to come, do not notice.
    let member = RunningNode::start(Setup::new().member_of(&authority));
    authority.await_presence(member.peer_id(), "online");
    Network::agree(&[&authority, &member]);
    assert_eq!(kept(&member, &records), damaged);
}

#[test]
fn an_authority_that_lost_its_journal_gets_back_what_it_decided_from_its_members() {
    let mut network = Network::start(2);
    let id = network.members[0].peer_id().to_owned();
    network.authority.cli(["grant", &id, "staked"]).success();
    network.all_see("a grant", &id, |view| view["isStaked"] == true);
    network.authority.kill9();
    fs::remove_file(network.authority.file("journal")).expect("it is there");
    network.authority.start_again();
    let warnings = network.authority.status()["warnings"].to_string();
    assert!(warnings.contains("key but no journal"), "{warnings}");
    network.authority.await_status("it has recovered", |status| status["recovering"] == false);
    let events = network.authority.events_after(0);
    for kind in ["recovering", "recovered"] {
        assert!(events.iter().any(|event| event.kind == kind), "{kind}: {events:?}");
    }
    network.converge();
    network.all_see("the grant still", &id, |view| view["isStaked"] == true);
    network.authority.cli(["revoke", &id, "staked"]).success();
    network.all_see("its end", &id, |view| view["isStaked"] == false);
    network.authority.kill9();
    network.authority.start_again();
    assert_eq!(network.authority.status()["recovering"], false);
}

#[test]
fn a_journal_of_another_node_is_refused_and_left_alone() {
    let (mut one, _) = stopped_authority();
    let (other, _) = stopped_authority();
    let foreign = fs::read(other.file("journal")).expect("it is there");
    let own = fs::read(one.file("journal")).expect("it is there");
    fs::write(one.file("journal"), &foreign).expect("our folder");
    let line = refusal(Setup::new().args(one.data_dir()));
    assert!(line.contains("is of another identity or network"), "{line}");
    assert_eq!(fs::read(one.file("journal")).expect("it is there"), foreign);
    assert!(!one.file("api.json").exists());
    // With its own back it goes on as if nothing had been.
    fs::write(one.file("journal"), own).expect("our folder");
    one.start_again();
}

#[test]
fn a_journal_of_another_network_is_refused_and_left_alone() {
    let (mut authority, _) = stopped_authority();
    let before = fs::read(authority.file("journal")).expect("it is there");
    let line = refusal(Setup::new().with("network", "other").args(authority.data_dir()));
    assert!(line.contains("is of another identity or network"), "{line}");
    assert_eq!(fs::read(authority.file("journal")).expect("it is there"), before);
    authority.start_again();
}

#[test]
fn a_file_that_is_no_journal_is_refused_and_left_alone() {
    let (mut authority, _) = stopped_authority();
    let own = fs::read(authority.file("journal")).expect("it is there");
    for content in [&b"#!/bin/sh\necho hello\n\0\0\0"[..], &[0; 4_096], &[b'x'; 10_000]] {
        fs::write(authority.file("journal"), content).expect("our folder");
        let line = refusal(Setup::new().args(authority.data_dir()));
        assert!(line.contains("journal"), "{line}");
        assert_eq!(fs::read(authority.file("journal")).expect("it is there"), content);
    }
    fs::write(authority.file("journal"), own).expect("our folder");
    authority.start_again();
}

#[test]
fn a_member_without_its_journal_gets_the_roll_back_from_others() {
    let mut network = Network::start(2);
    let id = network.members[0].peer_id().to_owned();
    network.authority.cli(["grant", &id, "staked"]).success();
    network.all_see("a grant", &id, |view| view["isStaked"] == true);
    let member = &mut network.members[0];
    member.kill9();
    fs::remove_file(member.file("journal")).expect("it is there");
    member.start_again();
    let warnings = member.status()["warnings"].to_string();
    assert!(warnings.contains("key but no journal"), "{warnings}");
    network.converge();
    network.all_see("the grant still", &id, |view| view["isStaked"] == true);
}

#[test]
fn a_damaged_event_log_does_not_keep_a_node_from_starting() {
    let (mut authority, records) = stopped_authority();
    for content in [&b"\xff\xfe garbage \n{}\n{\"id\":"[..], b"", &[0; 100]] {
        fs::write(authority.file("events"), content).expect("our folder");
        authority.start_again();
        assert_eq!(kept(&authority, &records), records.len());
        authority.await_presence(authority.peer_id(), "online");
        assert!(authority.last_event() > 0);
        assert!(authority.terminate().success());
    }
}
