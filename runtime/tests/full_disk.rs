//! A disk that takes no more: what was acknowledged is kept, the rest is refused, reads go on.
//!
//! The disk is full for a child process whose files may not grow beyond a few kilobytes.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use libp2p::identity::Keypair;
use rollbook::{CommandError, Filter, ImportOptions, ImportRecord, Node, NodeHandle, PeerId};

/// Names the data directory to the child; without it the child's test has nothing to do.
const CHILD_DIR: &str = "ROLLBOOK_TEST_FULL_DISK";
/// In units of 1024 bytes, as the shell counts.
const FILE_SIZE_MAX: &str = "16";
/// Far longer than anything here takes; it only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(60);

async fn start(dir: &Path) -> NodeHandle {
    Node::builder()
        .data_dir(dir.to_owned())
        .listen(vec!["/ip4/127.0.0.1/tcp/0".parse().expect("it is an address")])
        .start()
        .await
        .expect("the node starts")
}

fn record() -> ImportRecord {
    let peer_id = Keypair::generate_ed25519().public().to_peer_id().to_string();
    ImportRecord { peer_id, first_joined: 1_700_000_000, ..ImportRecord::default() }
}

async fn import(node: &NodeHandle, records: &[ImportRecord]) -> Result<(), CommandError> {
    node.import(records.to_vec(), ImportOptions::default()).await.map(|_report| ())
}

/// Grants and revokes until the disk is full; says how often that was acknowledged.
async fn fill(node: &NodeHandle, peer: &PeerId) -> u32 {
    let mut acknowledged = 0;
    loop {
        let done = match acknowledged % 2 {
            0 => node.grant(peer, "staked").await,
            _ => node.revoke(peer, "staked").await,
        };
        match done {
            Ok(()) => acknowledged += 1,
            Err(CommandError::Disk(_)) => return acknowledged,
            Err(error) => panic!("{error}"),
        }
        assert!(acknowledged < 10_000, "the disk is never full");
    }
}

/// What the child does: see `a_full_disk_loses_nothing_that_was_acknowledged`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else { return };
    let node = start(Path::new(&dir)).await;
    let one = record();
    let peer: PeerId = one.peer_id.parse().expect("it is a peer id");
    import(&node, &[one]).await.expect("there is room");

    // The journal is full, but what it says would fit: it is written anew, and all goes on.
    assert!(fill(&node, &peer).await > 10);
    let recovered = async {
        while !node.status().warnings.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, recovered).await.expect("the journal is on disk again");
    node.grant(&peer, "validator").await.expect("there is room again");

    // More than fits in any form: refused, shown, and the node goes on from memory.
    let many: Vec<ImportRecord> = (0..200).map(|_| record()).collect();
    assert!(matches!(import(&node, &many).await, Err(CommandError::Disk(_))));
    assert_eq!(node.status().warnings.len(), 1);
    assert!(matches!(node.revoke(&peer, "validator").await, Err(CommandError::Disk(_))));
    assert_eq!(node.list(&Filter::default()).len(), 202);
    // As a kill would end it: nothing is written any more.
    std::process::exit(0);
}

#[tokio::test]
async fn a_full_disk_loses_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let script = format!("trap '' XFSZ; ulimit -f {FILE_SIZE_MAX}; exec \"$0\" \"$@\"");
    let child = Command::new("bash")
        .args(["-c", &script])
        .arg(std::env::current_exe().expect("this program has a path"))
        .args(["--exact", "on_a_full_disk", "--nocapture"])
        .env(CHILD_DIR, dir.path())
        .stdin(Stdio::null())
        .output()
        .expect("a shell is there");
    let said = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{said}");

    let node = start(dir.path()).await;
    let granted: Vec<Vec<String>> = node
        .list(&Filter::default())
        .into_iter()
        .filter(|seen| seen.is_validator)
        .map(|seen| seen.grants)
        .collect();
    assert_eq!(granted.len(), 1, "the last change that was acknowledged");
    node.leave().await;
    assert_eq!(node.stopped().await, Ok(()));
}
