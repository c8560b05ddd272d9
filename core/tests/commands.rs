//! Every command: what it does, and that one that is refused leaves all as it was.

mod common;

use common::{Cluster, INTERVAL_MS, keys};
use rollbook_core::{
    Admission, AnnounceError, AnnouncementFields, CommandError, Event, Grant, Here, ImportOutcome,
    Imported, Inline, Keypair, MAX_FRAME, NodeEventTracker, Now, PeerId, PublicKey, Standing,
};

type Storage = Inline<8, 1024, 8, 8>;
type Tracker = NodeEventTracker<Storage, Keypair>;
type Command = fn(&mut Tracker, Now, &PeerId) -> Result<(), CommandError>;

const HISTORY: Imported = Imported::of(1_600_000_000, 5_000);

const ADMIT: Command = |tracker, now, peer| tracker.admit(now, peer).map(|_| ());
const REMOVE: Command = |tracker, now, peer| tracker.remove(now, peer).map(|_| ());
const BAN: Command = |tracker, now, peer| tracker.ban(now, peer).map(|_| ());
const GRANT: Command = |tracker, now, peer| tracker.grant(now, peer, Grant::STAKED).map(|_| ());
const REVOKE: Command = |tracker, now, peer| tracker.revoke(now, peer, Grant::STAKED).map(|_| ());
const IMPORT: Command =
    |tracker, now, peer| tracker.import(now, peer, HISTORY, &[Grant::STAKED]).map(|_| ());
const ALL: [Command; 6] = [ADMIT, REMOVE, BAN, GRANT, REVOKE, IMPORT];

/// An authority and two members, all online, under the given admission.
fn cluster(admission: Admission) -> Cluster<Storage> {
    let mut cluster = Cluster::with(1, 2, |config| config.admission = admission);
    if admission == Admission::Manual {
        cluster.run(2 * INTERVAL_MS);
        let now = cluster.now();
        let peers = [0, 1, 2].map(|node| cluster.peer(node));
        peers.iter().for_each(|peer| {
            cluster.tracker(0).admit(now, peer).expect("there is room");
        });
    }
    cluster.run_until_converged();
    cluster
}

#[track_caller]
fn assert_refused(
    cluster: &mut Cluster<Storage>,
    node: usize,
    peer: &PeerId,
    commands: &[Command],
    error: CommandError,
) {
    for command in commands {
        let answer =
            cluster.assert_changes_nothing(node, |tracker, now| command(tracker, now, peer));
        assert_eq!(answer, Err(error));
    }
}

/// How many frames the authority's journal takes in for a command.
fn frames(cluster: &mut Cluster<Storage>, command: Command, peer: &PeerId) -> usize {
    cluster.settle();
    let now = cluster.now();
    let tracker = cluster.tracker(0);
    command(tracker, now, peer).expect("there is room");
    let mut count = 0;
    while let Some(written) = tracker.poll_journal(&mut [0; MAX_FRAME]) {
        tracker.handle_journal_synced(written.position);
        count += 1;
    }
    count
}

/// A peer id with a key of small order, under which anything verifies.
fn weak() -> PeerId {
    let identity_point = [&[1][..], &[0; 31]].concat();
    PublicKey::Ed25519(identity_point.try_into().expect("32 bytes")).peer_id()
}

/// A peer id that holds no key.
fn hashed() -> PeerId {
    "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N".parse().expect("valid")
}

#[test]
fn admitted_node_is_let_in_with_what_it_said() {
    common::on_a_large_stack(|| {
        let mut cluster =
            Cluster::<Storage>::with(1, 1, |config| config.admission = Admission::Manual);
        cluster.run(3 * INTERVAL_MS);
        let peer = cluster.peer(1);
        assert_eq!(cluster.view(0, 1).expect("it waits").standing, Standing::PENDING);
        let now = cluster.now();
        cluster.tracker(0).admit(now, &peer).expect("there is room");
        let view = cluster.view(0, 1).expect("held");
        assert_eq!(view.standing, Standing::ADMITTED);
        assert_eq!(view.announcement.as_ref().expect("it waited").1.agent, "test/1");
        drop(view);
        assert_eq!(cluster.tracker(0).status(now).pending, 0);
        cluster.run_until_converged();
    });
}

#[test]
fn grant_and_revocation_show_and_to_repeat_them_says_nothing() {
    common::on_a_large_stack(|| {
        let mut cluster = cluster(Admission::Open);
        let peer = cluster.peer(1);
        for (command, granted) in [(GRANT, true), (REVOKE, false)] {
            assert_eq!(frames(&mut cluster, command, &peer), 1);
            let view = cluster.view(0, 1).expect("held");
            assert_eq!(view.grants.contains(Grant::STAKED), granted);
            drop(view);
            let again =
                cluster.assert_changes_nothing(0, |tracker, now| command(tracker, now, &peer));
            assert_eq!(again, Ok(()));
        }
    });
}

#[test]
fn removal_and_ban_close_the_session_and_drop_what_the_node_said() {
    common::on_a_large_stack(|| {
        for (command, standing) in [(REMOVE, Standing::REMOVED), (BAN, Standing::BANNED)] {
            let mut cluster = cluster(Admission::Open);
            let peer = cluster.peer(1);
            let joined = cluster.view(0, 1).and_then(|view| view.last_joined).expect("joined");
            assert_eq!(frames(&mut cluster, command, &peer), 2, "a presence and a decision");
            let (now, view) = (cluster.now(), cluster.view(0, 1).expect("the decision stays"));
            assert_eq!((view.standing, view.last_known), (standing, Here::Left));
            assert!(view.announcement.is_none());
            assert_eq!(view.accumulated_uptime, now.unix_s - joined);
            drop(view);
            let leases = cluster.tracker(0).authority().expect("it is one").lease_count();
            assert_eq!(leases, 2);
            let again =
                cluster.assert_changes_nothing(0, |tracker, now| command(tracker, now, &peer));
            assert_eq!(again, Ok(()));
            cluster.run(2 * INTERVAL_MS);
            assert_eq!(cluster.view(2, 1).expect("held").standing, standing);
            let event = if standing == Standing::BANNED {
                Event::Banned { peer }
            } else {
                Event::Removed { peer }
            };
            assert!(cluster.saw(2, event));
        }
    });
}

#[test]
fn node_that_waits_is_banned_and_waits_no_more() {
    common::on_a_large_stack(|| {
        let mut cluster =
            Cluster::<Storage>::with(1, 1, |config| config.admission = Admission::Manual);
        cluster.run(3 * INTERVAL_MS);
        let peer = cluster.peer(1);
        assert_eq!(frames(&mut cluster, BAN, &peer), 1);
        let now = cluster.now();
        let status = cluster.tracker(0).status(now);
        assert_eq!((status.banned, status.pending), (1, 0));
    });
}

#[test]
fn import_takes_over_history_and_all_grants_in_two_statements() {
    common::on_a_large_stack(|| {
        let mut cluster = cluster(Admission::Open);
        let import: Command = |tracker, now, peer| {
            let grants = [Grant::STAKED, Grant::VALIDATOR, Grant::STAKED];
            tracker.import(now, peer, HISTORY, &grants).map(|_| ())
        };
        for peer in [cluster.peer(1), keys(50).1] {
            assert_eq!(frames(&mut cluster, import, &peer), 2, "a presence and a decision");
            let view = cluster.view_of(0, &peer).expect("held");
            assert_eq!(view.first_joined, Some(HISTORY.first_joined));
            assert!(view.accumulated_uptime >= HISTORY.uptime);
            assert!(view.grants.iter().eq([Grant::STAKED, Grant::VALIDATOR]));
            drop(view);
            let again =
                cluster.assert_changes_nothing(0, |tracker, now| import(tracker, now, &peer));
            assert_eq!(again, Ok(()));
        }
    });
}

#[test]
fn import_leaves_what_an_operator_decided() {
    common::on_a_large_stack(|| {
        let mut cluster = cluster(Admission::Open);
        let peer = cluster.peer(1);
        frames(&mut cluster, GRANT, &peer);
        frames(&mut cluster, REVOKE, &peer);
        assert_eq!(frames(&mut cluster, IMPORT, &peer), 1, "the history alone");
        assert!(!cluster.view(0, 1).expect("held").grants.contains(Grant::STAKED));
        for command in [REMOVE, BAN] {
            frames(&mut cluster, command, &peer);
            let outcome = cluster.assert_changes_nothing(0, |tracker, now| {
                tracker.import(now, &peer, HISTORY, &[Grant::VALIDATOR])
            });
            assert_eq!(outcome, Ok(ImportOutcome::NotAdmitted));
        }
    });
}

#[test]
fn member_is_refused_every_command() {
    common::on_a_large_stack(|| {
        let mut cluster = cluster(Admission::Open);
        let peer = cluster.peer(2);
        assert_refused(&mut cluster, 1, &peer, &ALL, CommandError::NotAuthority);
    });
}

#[test]
fn authority_that_recovers_is_refused_every_command() {
    common::on_a_large_stack(|| {
        let mut cluster = cluster(Admission::Open);
        let peer = cluster.peer(2);
        cluster.stop(0);
        cluster.lose_disk(0);
        cluster.restart_alone(0);
        assert_refused(&mut cluster, 0, &peer, &ALL, CommandError::Recovering);
    });
}

#[test]
fn authority_is_neither_removed_nor_banned() {
    common::on_a_large_stack(|| {
        let mut cluster = cluster(Admission::Open);
        let own = cluster.peer(0);
        assert_refused(&mut cluster, 0, &own, &[REMOVE, BAN], CommandError::SubjectIsAuthority);
    });
}

#[test]
fn node_that_nobody_knows_is_not_removed_and_granted_nothing() {
    common::on_a_large_stack(|| {
        let mut cluster = cluster(Admission::Open);
        let commands = [REMOVE, GRANT, REVOKE];
        assert_refused(&mut cluster, 0, &keys(99).1, &commands, CommandError::UnknownPeer);
    });
}

#[test]
fn node_that_is_not_admitted_is_granted_nothing() {
    common::on_a_large_stack(|| {
        let mut cluster = cluster(Admission::Open);
        let peer = cluster.peer(1);
        for command in [REMOVE, BAN] {
            frames(&mut cluster, command, &peer);
            let commands = [GRANT, REVOKE];
            assert_refused(&mut cluster, 0, &peer, &commands, CommandError::NotAdmitted);
        }
    });
}

#[test]
fn nothing_is_decided_about_a_peer_id_that_cannot_sign() {
    common::on_a_large_stack(|| {
        let mut cluster = cluster(Admission::Open);
        let commands = [ADMIT, REMOVE, BAN, IMPORT];
        for peer in [weak(), hashed()] {
            assert_refused(&mut cluster, 0, &peer, &commands, CommandError::UnsupportedKey);
        }
    });
}

#[test]
fn announcement_that_cannot_be_made_leaves_the_one_before_it() {
    common::on_a_large_stack(|| {
        let mut cluster = cluster(Admission::Open);
        let address = &[4, 10, 0, 0, 1, 6, 0x1d, 0xe7][..];
        let capabilities = ["a"; 13];
        let long = "a".repeat(49);
        let none = AnnouncementFields::default();
        let cases = [
            (AnnouncementFields { addresses: &[address; 9], ..none }, AnnounceError::TooMany),
            (AnnouncementFields { capabilities: &capabilities, ..none }, AnnounceError::TooMany),
            (AnnouncementFields { agent: &long, ..none }, AnnounceError::TooLong),
            (AnnouncementFields { extra: &[0; 65], ..none }, AnnounceError::TooLong),
            (AnnouncementFields { addresses: &[&[0xff]], ..none }, AnnounceError::Address),
        ];
        for node in [0, 1] {
            for (fields, error) in &cases {
                let answer = cluster
                    .assert_changes_nothing(node, |tracker, now| tracker.announce(now, fields));
                assert_eq!(answer, Err(*error));
            }
        }
    });
}

#[test]
fn refused_commands_use_up_no_versions() {
    common::on_a_large_stack(|| {
        let mut asked = cluster(Admission::Manual);
        let mut left_alone = cluster(Admission::Manual);
        let (own, peer) = (asked.peer(0), asked.peer(1));
        assert_refused(&mut asked, 0, &own, &[REMOVE, BAN], CommandError::SubjectIsAuthority);
        assert_refused(&mut asked, 0, &weak(), &[BAN, IMPORT], CommandError::UnsupportedKey);
        // Together the greatest of everything is over the bound of a payload.
        let address = [&[0xb9, 0x04, 90][..], &[b'a'; 90]].concat();
        let too_long = AnnouncementFields {
            addresses: &[&address[..]; 8],
            extra: &[0; 64],
            ..AnnouncementFields::default()
        };
        let answer =
            asked.assert_changes_nothing(0, |tracker, now| tracker.announce(now, &too_long));
        assert!(answer.is_err());
        for cluster in [&mut asked, &mut left_alone] {
            frames(cluster, GRANT, &peer);
            frames(cluster, BAN, &peer);
        }
        // Payloads hold versions.
        assert_eq!(asked.tracker(0).root(), left_alone.tracker(0).root());
    });
}
