//! Nodes in one process, over real sockets on loopback.

use std::{path::Path, time::Duration};

use rollbook::{
    AnnouncementChange, CommandError, EventKind, Filter, Identity, IdentityError, ImportOptions,
    ImportRecord, Multiaddr, Node, NodeBuilder, NodeHandle, NodeView, PeerId, Presence, Role,
    Standing, StartError,
};

const INTERVAL: Duration = Duration::from_millis(100);
/// Far longer than anything here takes; it only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(30);

fn builder(dir: &Path, authorities: &[Multiaddr]) -> NodeBuilder {
    Node::builder()
        .data_dir(dir.to_owned())
        .network("test")
        .listen(vec!["/ip4/127.0.0.1/tcp/0".parse().expect("it is an address")])
        .authorities(authorities.to_vec())
        .sync_interval(INTERVAL)
}

async fn start(dir: &Path, authorities: &[Multiaddr]) -> NodeHandle {
    builder(dir, authorities).start().await.expect("the node starts")
}

/// Waits until `condition` holds; asks again after each event of `node` and each interval.
async fn eventually(node: &NodeHandle, what: &str, condition: impl Fn(&NodeHandle) -> bool) {
    let mut watch = node.watch(None);
    let holds = async {
        while !condition(node) {
            // Not all that changes is an event: look again after a while in any case.
            let _ = tokio::time::timeout(INTERVAL, watch.next()).await;
        }
    };
    if tokio::time::timeout(PATIENCE, holds).await.is_err() {
        panic!("{what}: {:#?} {:#?}", node.status(), node.list(&Filter::default()));
    }
}

fn view(at: &NodeHandle, of: &NodeHandle) -> Option<NodeView> {
    at.get(&of.peer_id())
}

fn presence(at: &NodeHandle, of: &NodeHandle) -> Option<Presence> {
    view(at, of).map(|view| view.presence)
}

async fn converge(nodes: &[&NodeHandle]) {
    let count = nodes.len() as u64;
    for node in nodes {
        eventually(node, "all are online", |node| node.status().nodes.online == count).await;
    }
    let same_root = |node: &NodeHandle| node.status().root == nodes[0].status().root;
    for node in nodes {
        eventually(node, "all have the same roll", same_root).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_converge_and_see_facts_and_a_graceful_leave() {
    let dirs: Vec<tempfile::TempDir> =
        (0..3).map(|_| tempfile::tempdir().expect("a temporary directory")).collect();
    let authority = start(dirs[0].path(), &[]).await;
    let at = authority.listen_addresses();
    let one = start(dirs[1].path(), &at).await;
    // A name leads there as well as an address.
    let by_name =
        |full: &Multiaddr| full.to_string().replace("/ip4/127.0.0.1/", "/dns4/localhost/");
    let named: Vec<Multiaddr> =
        at.iter().map(|full| by_name(full).parse().expect("it is an address")).collect();
    let two = start(dirs[2].path(), &named).await;
    let nodes = [&authority, &one, &two];
    converge(&nodes).await;

    assert_eq!(authority.status().role, Role::Authority);
    assert_eq!(one.status().home, Some(authority.peer_id()));
    assert!(!one.status().degraded);
    let seen = view(&two, &one).expect("it is in the roll");
    assert_eq!(seen.standing, Standing::Admitted);
    assert!(seen.is_active && seen.first_joined.is_some() && seen.session.is_some());
    let full: Vec<Multiaddr> = seen
        .multiaddrs
        .iter()
        .map(|address| format!("{address}/p2p/{}", one.peer_id()).parse().expect("an address"))
        .collect();
    assert_eq!(full, one.listen_addresses());

    // A decision by the authority is seen on all.
    let mut watch = two.watch(None);
    authority.grant(&one.peer_id(), "staked").await.expect("it is on disk");
    for node in nodes {
        let staked = |node: &NodeHandle| view(node, &one).is_some_and(|view| view.is_staked);
        eventually(node, "the grant is seen", staked).await;
    }
    loop {
        let event = tokio::time::timeout(PATIENCE, watch.next()).await.expect("an event comes");
        let event = event.expect("the node runs").expect("nothing is lost");
        if (event.kind, event.peer_id) == (EventKind::GrantsChanged, Some(one.peer_id())) {
            break;
        }
    }
    assert_eq!(one.grant(&two.peer_id(), "staked").await, Err(CommandError::NotAuthority));
    let rsa = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N".parse().expect("a peer id");
    assert_eq!(authority.admit(&rsa).await, Err(CommandError::UnsupportedKey));
    assert_eq!(authority.remove(&authority.peer_id()).await, Err(CommandError::IsAuthority));

    // What a node says of itself is seen on all.
    let change = AnnouncementChange {
        capabilities: Some(vec!["scrape".to_owned()]),
        ..AnnouncementChange::default()
    };
    one.announce(change).await.expect("it is short enough");
    let filter = Filter { capability: Some("scrape".to_owned()), ..Filter::default() };
    for node in nodes {
        eventually(node, "the capability is seen", |node| node.list(&filter).len() == 1).await;
    }

    // A graceful leave is seen as such, at once.
    one.leave().await;
    assert_eq!(one.stopped().await, Ok(()));
    assert_eq!(one.announce(AnnouncementChange::default()).await, Err(CommandError::Stopped));
    for node in [&authority, &two] {
        let has_left = |node: &NodeHandle| presence(node, &one) == Some(Presence::Left);
        eventually(node, "the leave is seen", has_left).await;
    }

    // It comes back with the same identity and everything it knew.
    let again = start(dirs[1].path(), &at).await;
    assert_eq!(again.peer_id(), one.peer_id());
    assert!(view(&again, &one).is_some_and(|view| view.is_staked));
    converge(&[&authority, &again, &two]).await;

    for node in [authority, again, two] {
        node.leave().await;
        assert_eq!(node.stopped().await, Ok(()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_find_each_other_and_stay_connected_without_the_authority() {
    let dirs: Vec<tempfile::TempDir> =
        (0..3).map(|_| tempfile::tempdir().expect("a temporary directory")).collect();
    let authority = start(dirs[0].path(), &[]).await;
    let at = authority.listen_addresses();
    let one = start(dirs[1].path(), &at).await;
    let two = start(dirs[2].path(), &at).await;
    converge(&[&authority, &one, &two]).await;
    for member in [&one, &two] {
        let both = |node: &NodeHandle| node.status().connections == 2;
        eventually(member, "members are connected with each other", both).await;
    }
    authority.leave().await;
    for member in [&one, &two] {
        let alone = |node: &NodeHandle| {
            let status = node.status();
            status.connections == 1 && status.degraded
        };
        eventually(member, "the authority is missed, the other member is not", alone).await;
    }
    // What a member says still reaches the other, by gossip.
    let change =
        AnnouncementChange { agent: Some("later".to_owned()), ..AnnouncementChange::default() };
    one.announce(change).await.expect("it is short enough");
    let told = |node: &NodeHandle| view(node, &one).is_some_and(|view| view.agent == "later");
    eventually(&two, "the announcement is seen", told).await;
}

#[cfg(feature = "quic")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_converge_over_quic() {
    let dirs: Vec<tempfile::TempDir> =
        (0..2).map(|_| tempfile::tempdir().expect("a temporary directory")).collect();
    let quic: Multiaddr = "/ip4/127.0.0.1/udp/0/quic-v1".parse().expect("it is an address");
    let authority =
        builder(dirs[0].path(), &[]).listen(vec![quic.clone()]).start().await.expect("it starts");
    let member = builder(dirs[1].path(), &authority.listen_addresses())
        .listen(vec![quic])
        .key_type(rollbook::KeyType::Secp256k1)
        .start()
        .await
        .expect("it starts");
    converge(&[&authority, &member]).await;
    let seen = view(&authority, &member).expect("it is in the roll");
    assert!(seen.eth_address.is_some());
}

/// A node that vanishes leaves connections that look alive for a while. When it is back, nothing of
/// its former run may stand between it and others.
#[cfg(feature = "quic")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_killed_and_is_back_hears_gossip() {
    let dirs: Vec<tempfile::TempDir> =
        (0..2).map(|_| tempfile::tempdir().expect("a temporary directory")).collect();
    let quic: Multiaddr = "/ip4/127.0.0.1/udp/0/quic-v1".parse().expect("it is an address");
    // Synchronisation is far too rare to bring anything but what a new connection brings.
    let patient = |builder: NodeBuilder| {
        builder.listen(vec![quic.clone()]).sync_interval(Duration::from_secs(3600))
    };
    let authority = patient(builder(dirs[0].path(), &[])).start().await.expect("it starts");
    let member = patient(builder(dirs[1].path(), &authority.listen_addresses()));

    let doomed = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime is built");
    let first = doomed.spawn(member.clone().start()).await.expect("no panic").expect("it starts");
    converge(&[&authority, &first]).await;
    doomed.shutdown_background();
    assert!(first.stopped().await.is_err());

    let again = loop {
        // The former run's lock goes with its last task.
        match member.clone().start().await {
            Err(StartError::DirInUse { .. }) => tokio::task::yield_now().await,
            started => break started.expect("it starts"),
        }
    };
    // What was on its way when the first run ended may be said again; what follows is gossip.
    let at_home = |node: &NodeHandle| node.status().home == Some(authority.peer_id());
    eventually(&again, "it has a home", at_home).await;
    let connected = |node: &NodeHandle| node.status().connections == 1;
    eventually(&authority, "the former run's connection is gone", connected).await;
    let mut granted = 0;
    let heard = |node: &NodeHandle| view(node, &again).is_some_and(|view| view.is_staked);
    while !heard(&again) {
        // Gossip to a peer that has not greeted yet is lost, so it is said until it is heard.
        authority.grant(&again.peer_id(), "staked").await.expect("it is on disk");
        let seen = eventually(&again, "the grant is heard", heard);
        if tokio::time::timeout(Duration::from_secs(2), seen).await.is_ok() {
            break;
        }
        authority.revoke(&again.peer_id(), "staked").await.expect("it is on disk");
        granted += 1;
        assert!(granted < 10, "the grant is never heard");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imported_history_is_on_disk_and_imported_once() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let authority = start(dir.path(), &[]).await;
    let peer = "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9";
    let record = ImportRecord {
        peer_id: peer.to_owned(),
        multiaddrs: vec!["/ip4/127.0.0.1/tcp/1".to_owned()],
        first_joined: 1_736_940_000,
        accumulated_uptime_seconds: u64::MAX,
        is_staked: true,
        is_validator: false,
        tallies: Vec::new(),
    };
    let bad = ImportRecord { peer_id: "nobody".to_owned(), ..ImportRecord::default() };
    let records = vec![record, bad];
    let options = ImportOptions { trust_grants: true };
    let report = authority.import(records.clone(), options).await.expect("it is on disk");
    assert_eq!((report.imported, report.clamped, report.grants_taken), (1, 1, 1));
    assert_eq!(report.invalid.len(), 1);
    let root = authority.status().root;
    let again = authority.import(records, options).await.expect("it is on disk");
    assert_eq!((again.imported, again.unchanged, again.grants_taken), (0, 1, 0));
    assert_eq!(authority.status().root, root);
    let seen = authority.get(&peer.parse().expect("a peer id")).expect("it is in the roll");
    assert_eq!(seen.first_joined, Some(1_736_940_000));
    assert!(seen.is_staked && !seen.is_active);
    authority.leave().await;

    let authority = start(dir.path(), &[]).await;
    let after = authority.get(&peer.parse().expect("a peer id")).expect("it is in the roll");
    assert_eq!(
        (after.first_joined, after.accumulated_uptime_seconds, after.grants),
        (seen.first_joined, seen.accumulated_uptime_seconds, seen.grants)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_handles_leaves_and_frees_its_directory() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let node = start(dir.path(), &[]).await;
    let in_use = builder(dir.path(), &[]).start().await.expect_err("it is in use");
    assert!(matches!(in_use, StartError::DirInUse { process: Some(_), .. }), "{in_use}");
    let mut watch = node.watch(None);
    drop(node);
    let end = async { while watch.next().await.is_some() {} };
    tokio::time::timeout(PATIENCE, end).await.expect("the node ends");
    start(dir.path(), &[]).await.leave().await;
}

#[tokio::test]
async fn bad_settings_are_clear_errors() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let peer = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
    let address = |text: &str| -> Vec<Multiaddr> { vec![text.parse().expect("it is an address")] };
    let errors = [
        builder(dir.path(), &[]).network("No Such").start().await,
        builder(dir.path(), &address("/ip4/127.0.0.1/tcp/1")).start().await,
        builder(dir.path(), &[]).sync_interval(Duration::ZERO).start().await,
        builder(dir.path(), &[]).grant_names(vec!["staked".to_owned()]).start().await,
        builder(dir.path(), &[]).capabilities(vec!["x".repeat(1_000)]).start().await,
        builder(dir.path(), &[]).listen(address("/ip4/203.0.113.7/tcp/0")).start().await,
        builder(dir.path(), &[]).listen(address("/dns4/example.org/tcp/0")).start().await,
        builder(dir.path(), &[])
            .external_addresses(address(&format!("/ip4/10.0.0.1/tcp/1/p2p/{peer}")))
            .start()
            .await,
    ];
    for error in errors {
        let error = error.expect_err("the setting is bad").to_string();
        assert!(!error.is_empty() && !error.contains('\n'), "{error}");
    }
    // None of them left the directory locked.
    start(dir.path(), &[]).await.leave().await;
}

#[tokio::test]
async fn a_port_in_use_is_said_so() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = taken.local_addr().expect("it is bound").port();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let address = format!("/ip4/127.0.0.1/tcp/{port}").parse().expect("it is an address");
    let error = builder(dir.path(), &[]).listen(vec![address]).start().await;
    let error = error.expect_err("the port is in use").to_string();
    assert!(error.contains(&port.to_string()) && error.contains("in use"), "{error}");
}

#[tokio::test]
async fn a_foreign_journal_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    start(dir.path(), &[]).await.leave().await;
    let journal = dir.path().join("journal");
    let before = std::fs::read(&journal).expect("it is there");
    let other = builder(dir.path(), &[]).network("other").start().await;
    assert!(matches!(other, Err(StartError::ForeignJournal { .. })));
    std::fs::write(&journal, b"not\0a journal at all").expect("it is written");
    let garbage = builder(dir.path(), &[]).start().await;
    assert!(matches!(garbage, Err(StartError::NotAJournal { .. })));
    // Without its key it is nobody's to go on with.
    std::fs::write(&journal, &before).expect("it is written");
    std::fs::remove_file(dir.path().join("identity.key")).expect("it is there");
    let stranger = builder(dir.path(), &[]).start().await;
    let stranger = stranger.expect_err("its key is gone");
    let without_key =
        StartError::Identity(IdentityError::JournalWithoutKey { path: journal.clone() });
    assert_eq!(stranger.to_string(), without_key.to_string());
    assert_eq!(std::fs::read(&journal).expect("it is there"), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_that_lost_its_journal_decides_nothing_until_somebody_vouches() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let journal = dir.path().join("journal");
    let record = ImportRecord { peer_id: record_peer().to_string(), ..ImportRecord::default() };
    start(dir.path(), &[]).await.leave().await;
    let whole = std::fs::read(&journal).expect("it is there");
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    // Neither is made good by a restart.
    for loss in [Loss::Whole, Loss::Nothing, Loss::Part(damaged), Loss::Nothing] {
        match loss {
            Loss::Whole => std::fs::remove_file(&journal).expect("it is there"),
            Loss::Part(rest) => std::fs::write(&journal, rest).expect("it is written"),
            Loss::Nothing => {}
        }
        let authority = start(dir.path(), &[]).await;
        let status = authority.status();
        assert!(status.recovering && status.role == Role::Authority);
        assert!(status.warnings.iter().any(|warning| warning.contains("--fresh")), "{status:?}");
        assert_eq!(authority.admit(&record_peer()).await, Err(CommandError::Recovering));
        let imported = authority.import(vec![record.clone()], ImportOptions::default()).await;
        assert_eq!(imported, Err(CommandError::Recovering));
        authority.leave().await;
        assert_eq!(authority.stopped().await, Ok(()));
    }
    let vouched = builder(dir.path(), &[]).fresh(true).start().await.expect("it starts");
    assert!(!vouched.status().recovering);
    assert_eq!(vouched.status().warnings, Vec::<String>::new());
    vouched.admit(&record_peer()).await.expect("it is on disk");
    let mut watch = vouched.watch(Some(0));
    let mut kinds = Vec::new();
    while !kinds.contains(&EventKind::Recovered) {
        let event = tokio::time::timeout(PATIENCE, watch.next()).await.expect("an event comes");
        kinds.push(event.expect("the node runs").expect("nothing is lost").kind);
    }
    assert!(kinds.contains(&EventKind::Recovering));
    vouched.leave().await;
    assert_eq!(vouched.stopped().await, Ok(()));
    // That is over, and is not asked again.
    let again = start(dir.path(), &[]).await;
    assert!(!again.status().recovering);
    assert_eq!(again.get(&record_peer()).map(|seen| seen.standing), Some(Standing::Admitted));
}

#[tokio::test]
async fn an_identity_that_was_made_before_is_a_new_node_of_whichever_network_it_starts_in() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let made = Identity::open_or_create(dir.path(), None).expect("it is made");
    let node = start(dir.path(), &[]).await;
    let status = node.status();
    assert_eq!((status.peer_id, status.network.as_str()), (made.peer_id(), "test"));
    assert!(!status.recovering && status.warnings.is_empty(), "{status:?}");
    node.leave().await;
    assert_eq!(node.stopped().await, Ok(()));
    let other = builder(dir.path(), &[]).network("other").start().await;
    assert!(matches!(other, Err(StartError::ForeignJournal { .. })));
}

/// What becomes of a journal while its node is away.
enum Loss {
    Whole,
    Part(Vec<u8>),
    Nothing,
}

/// Somebody who never comes.
fn record_peer() -> PeerId {
    "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9".parse().expect("it is a peer id")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn commands_and_reads_from_many_threads_at_once_lose_nothing() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let authority = start(dir.path(), &[]).await;
    let peer = "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9".parse().expect("valid");
    authority.admit(&peer).await.expect("it is on disk");
    let mut tasks = tokio::task::JoinSet::new();
    // All of them change one record.
    for index in 0..13 {
        let node = authority.clone();
        tasks.spawn(async move {
            let name = format!("app{index}");
            for _ in 0..3 {
                node.grant(&peer, &name).await.expect("it is on disk");
                node.revoke(&peer, &name).await.expect("it is on disk");
            }
            node.grant(&peer, &name).await.expect("it is on disk");
        });
    }
    for _ in 0..4 {
        let node = authority.clone();
        tasks.spawn(async move {
            for _ in 0..200 {
                let seen = node.get(&peer).expect("it is in the roll");
                assert_eq!(seen.standing, Standing::Admitted);
                assert_eq!(node.list(&Filter::default()).len(), 2);
                tokio::task::yield_now().await;
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("no task panics");
    }
    let seen = authority.get(&peer).expect("it is in the roll");
    assert_eq!(seen.grants.len(), 13, "{:?}", seen.grants);
}
