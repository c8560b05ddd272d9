//! Starting a node: settings, files, network, and the driver that runs it.

use std::{any::Any, fs, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt as _;
use libp2p::Multiaddr;
use rollbook_core::{
    Authorities, Config, HeapTracker, PeerId, PublicKey, RecoverError, limits::AUTHORITIES_MAX,
};
use tokio::sync::{mpsc, watch};
use tracing::{Instrument as _, debug_span, error, info, warn};

use crate::{
    addresses::{core_peer_id, split_peer_id},
    clock::Clock,
    dial::Dialler,
    disk::Disk,
    driver::{Announcer, Connector, Driver, DriverParts},
    error::{RunError, StartError},
    event_log::EventFile,
    files,
    grants::GrantNames,
    handle::NodeHandle,
    hints::Hints,
    identity::Identity,
    journal_file::{JournalFile, OpenError, Recovered},
    journal_writer::{JournalWriter, Snapshot},
    lock::DirLock,
    network::{Network, NetworkConfig},
    node::{Admission, NodeBuilder},
    random::{self, Random},
    shared::{Shared, SharedParts},
};

/// Commands that wait for the driver. Beyond that, handles wait to give theirs.
const COMMANDS_MAX: usize = 256;
/// Names that are being resolved.
const RESOLVING_MAX: usize = 32;
const IDLE_TIMEOUT_MIN: Duration = Duration::from_secs(60);
const REQUEST_TIMEOUT_MIN: Duration = Duration::from_secs(2);
const REQUEST_TIMEOUT_MAX: Duration = Duration::from_secs(10);
/// An authority that is away is dialled at least every so many intervals.
const PATIENCE_INTERVALS: u32 = 3;
/// A journal several times larger than what it holds is compacted at the start.
const COMPACT_FACTOR: u64 = 4;
const COMPACT_FLOOR: u64 = 256 * 1024;

/// Everything in the data directory, open.
struct Store {
    lock: DirLock,
    identity: Identity,
    tracker: HeapTracker,
    journal: JournalFile,
    recovered: Recovered,
    events: EventFile,
    hints: Hints,
}

/// Starts a node with these settings.
pub(crate) async fn start(builder: NodeBuilder) -> Result<NodeHandle, StartError> {
    let grants = GrantNames::new(builder.grant_names.clone())?;
    let authorities = group_by_peer(&builder.authorities)?;
    check_external(&builder)?;
    let interval_ms = u64::try_from(builder.sync_interval.as_millis()).unwrap_or(u64::MAX);
    let config = builder.clone();
    let listed: Vec<PeerId> = authorities.iter().map(|(peer, _)| *peer).collect();
    let opened = tokio::task::spawn_blocking(move || open_store(&config, &listed, interval_ms));
    let mut store = opened.await.map_err(|error| StartError::Config(error.to_string()))??;
    check_own_addresses(&builder, &store.identity.peer_id())?;

    let listed: Vec<PeerId> = store.tracker.authorities().iter().map(|(_, peer)| *peer).collect();
    let mut network = Network::new(
        &store.identity.network_key(),
        &NetworkConfig {
            name: builder.network.clone(),
            agent: builder.agent.clone(),
            run: hex::encode(random::bytes::<4>()?),
            authorities: listed.clone(),
            max_connections: builder.max_connections,
            idle_timeout: IDLE_TIMEOUT_MIN
                .max(builder.sync_interval.saturating_mul(PATIENCE_INTERVALS)),
            request_timeout: builder.sync_interval.clamp(REQUEST_TIMEOUT_MIN, REQUEST_TIMEOUT_MAX),
        },
    )?;
    network.listen(&builder.listen).await?;

    let clock = Clock::new();
    store.tracker.start(clock.now());
    let announcer = Announcer::new(
        builder.listen.clone(),
        builder.external_addresses.clone(),
        builder.agent.clone(),
        builder.capabilities.clone(),
    );
    announcer
        .announce(clock.now(), &mut store.tracker, &mut network)
        .map_err(|error| StartError::Config(format!("cannot announce this node: {error}")))?;

    let patience_ms = interval_ms.saturating_mul(PATIENCE_INTERVALS.into());
    let own = store.identity.peer_id();
    let dialler = Dialler::new(own, &listed, patience_ms, Random::new()?);
    let (resolved_in, resolved) = mpsc::channel(RESOLVING_MAX);
    let authorities = authorities.into_iter().collect();
    let connector =
        Connector::new(dialler, authorities, store.hints, resolved_in, interval_ms, Random::new()?);
    let (commands_in, commands) = mpsc::channel(COMMANDS_MAX);
    let (outcome_in, outcome) = watch::channel(None);
    let warnings = warnings(&store.recovered, &store.identity);
    let compaction_due = is_compaction_due(&store.tracker, &store.journal, &store.recovered);
    let shared = Arc::new(Shared::new(SharedParts {
        network: builder.network,
        data_dir: builder.data_dir,
        grants,
        clock,
        events: store.events.log(),
        outcome,
        warnings,
        tracker: store.tracker,
    }));
    let journal = JournalWriter::new(store.journal, snapshot(&shared));
    let (disk, reports) = Disk::start(shared.data_dir.clone(), journal, store.events)
        .map_err(|source| StartError::DataDir { path: shared.data_dir.clone(), source })?;
    if compaction_due {
        disk.compact();
    }
    let driver = Driver::new(DriverParts {
        shared: Arc::clone(&shared),
        network,
        disk,
        reports,
        commands,
        announcer,
        connector,
        resolved,
        lock: store.lock,
    });
    let listening = shared.listen_addresses();
    info!(peer = %shared.peer_id, network = shared.network, ?listening, "node started");
    // Tells nodes in one process apart, for those who look closely.
    let span = debug_span!("node", peer = %shared.peer_id);
    tokio::spawn(run(driver, Arc::clone(&shared), outcome_in).instrument(span));
    Ok(NodeHandle::new(shared, commands_in))
}

/// Runs the driver to its end, and says how it ended.
async fn run(
    driver: Driver,
    shared: Arc<Shared>,
    outcome: watch::Sender<Option<Result<(), RunError>>>,
) {
    // After a panic the driver is gone for good; what it shared is still consistent enough to
    // read, and the journal's thread brings to disk what it was given.
    let ended = AssertUnwindSafe(driver.run()).catch_unwind().await;
    let ended = ended.unwrap_or_else(|panic| Err(RunError::Panicked(panic_text(&*panic))));
    match &ended {
        Ok(()) => info!("node stopped"),
        Err(error) => error!(%error, "node stopped"),
    }
    shared.events.close();
    outcome.send_replace(Some(ended));
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// Opens the data directory: lock, key, journal, event log, hints.
fn open_store(
    builder: &NodeBuilder,
    authorities: &[PeerId],
    interval_ms: u64,
) -> Result<Store, StartError> {
    let network = builder.network.parse().map_err(|error: rollbook_core::NetworkError| {
        StartError::Network { name: builder.network.clone(), reason: error.to_string() }
    })?;
    let dir = &builder.data_dir;
    let dir_error = |source| StartError::DataDir { path: dir.clone(), source };
    fs::create_dir_all(dir).map_err(dir_error)?;
    let Some(lock) = DirLock::take(dir).map_err(dir_error)? else {
        return Err(StartError::DirInUse { path: dir.clone(), process: DirLock::holder(dir) });
    };
    let identity = Identity::open_or_create_locked(dir, builder.key_type)?;
    let own = [identity.peer_id()];
    let authorities = if authorities.is_empty() { &own } else { authorities };
    let authorities =
        Authorities::new(authorities).map_err(|error| StartError::Config(error.to_string()))?;
    let config = Config {
        interval_ms,
        capacity: builder.capacity,
        admission: match builder.admission {
            Admission::Open => rollbook_core::Admission::Open,
            Admission::Manual => rollbook_core::Admission::Manual,
        },
        compaction_floor: COMPACT_FLOOR,
        ..Config::new(network, authorities)
    };
    let mut tracker = HeapTracker::new(config, identity.core_key(), random::bytes()?)
        .map_err(|error| StartError::Config(error.to_string()))?;
    let (journal, recovered) = open_journal(builder, &mut tracker)?;
    let events = EventFile::open(dir)
        .map_err(|source| StartError::EventLog { path: dir.join(files::EVENTS), source })?;
    Ok(Store { lock, identity, tracker, journal, recovered, events, hints: Hints::load(dir) })
}

fn open_journal(
    builder: &NodeBuilder,
    tracker: &mut HeapTracker,
) -> Result<(JournalFile, Recovered), StartError> {
    let path = builder.data_dir.join(files::JOURNAL);
    let mut unread = 0u64;
    let opened = JournalFile::open(&builder.data_dir, |frame| match tracker.recover(frame) {
        // A statement of a later version: others hold it too.
        Err(RecoverError::Statement(_)) => {
            unread += 1;
            Ok(())
        }
        taken => taken,
    });
    let (journal, recovered) = opened.map_err(|error| match error {
        OpenError::Io(source) => StartError::Journal { path: path.clone(), source },
        OpenError::Refused(RecoverError::ForeignPeer | RecoverError::ForeignNetwork) => {
            StartError::ForeignJournal { path: path.clone() }
        }
        OpenError::Refused(RecoverError::Full) => {
            StartError::JournalTooLarge { path: path.clone() }
        }
        OpenError::Refused(error) => StartError::Config(format!("{}: {error}", path.display())),
    })?;
    if recovered.is_no_journal() {
        return Err(StartError::NotAJournal { path });
    }
    info!(frames = recovered.frames, unread, "journal read");
    Ok((journal, recovered))
}

/// What an operator should know about the files that were found.
fn warnings(recovered: &Recovered, identity: &Identity) -> Vec<String> {
    let mut warnings = Vec::new();
    if recovered.created && !identity.created() {
        warnings.push(
            "there was a key but no journal: what this node issued before comes back only from \
             other nodes"
                .to_owned(),
        );
    }
    if recovered.damaged > 0 {
        let bytes = recovered.damaged;
        warnings.push(format!("{bytes} damaged bytes in the journal were skipped at the start"));
    }
    for warning in &warnings {
        warn!("{warning}");
    }
    warnings
}

fn is_compaction_due(tracker: &HeapTracker, journal: &JournalFile, recovered: &Recovered) -> bool {
    use crate::journal_file::Medium as _;
    let live = tracker.status(Clock::new().now()).roll_bytes;
    recovered.damaged > 0 || journal.size() > COMPACT_FLOOR.max(live.saturating_mul(COMPACT_FACTOR))
}

/// How the disk thread gets a whole journal of what is in memory: the tracker is read under its
/// lock, and written to disk without.
fn snapshot(shared: &Arc<Shared>) -> Snapshot {
    let shared = Arc::clone(shared);
    Box::new(move || {
        let mut bytes = Vec::new();
        let written = shared.tracker().snapshot(&mut bytes);
        written.expect("memory takes all");
        bytes
    })
}

/// The addresses of each authority, in the order in which the authorities were given.
fn group_by_peer(addresses: &[Multiaddr]) -> Result<Vec<(PeerId, Vec<Multiaddr>)>, StartError> {
    let mut grouped: Vec<(PeerId, Vec<Multiaddr>)> = Vec::new();
    for full in addresses {
        let (address, peer) = split_peer_id(full.clone());
        let peer = peer.ok_or_else(|| StartError::AuthorityWithoutPeerId(full.clone()))?;
        let key_error = || StartError::AuthorityKey(full.clone());
        let peer = core_peer_id(&peer).ok_or_else(key_error)?;
        let key = PublicKey::of(&peer).ok_or_else(key_error)?;
        key.check().map_err(|_unusable| key_error())?;
        match grouped.iter_mut().find(|(known, _)| *known == peer) {
            Some((_, known)) => known.push(address),
            None => grouped.push((peer, vec![address])),
        }
    }
    if grouped.len() > AUTHORITIES_MAX {
        let error = format!("at most {AUTHORITIES_MAX} authorities can be configured");
        return Err(StartError::Config(error));
    }
    Ok(grouped)
}

fn check_external(builder: &NodeBuilder) -> Result<(), StartError> {
    use rollbook_core::limits::{ADDRESS_SIZE_MAX, ADDRESSES_MAX};
    if builder.external_addresses.len() > ADDRESSES_MAX {
        let error = format!("at most {ADDRESSES_MAX} external addresses can be announced");
        return Err(StartError::Config(error));
    }
    let too_long = |address: &&Multiaddr| address.len() > ADDRESS_SIZE_MAX;
    match builder.external_addresses.iter().find(too_long) {
        Some(address) => {
            Err(StartError::Config(format!("the external address {address} is too long")))
        }
        None => Ok(()),
    }
}

/// An address of this node that names another one is a mistake.
fn check_own_addresses(builder: &NodeBuilder, own: &PeerId) -> Result<(), StartError> {
    for address in &builder.external_addresses {
        let (_, named) = split_peer_id(address.clone());
        if named.is_some_and(|named| core_peer_id(&named) != Some(*own)) {
            let error = format!("the external address {address} names another node than {own}");
            return Err(StartError::Config(error));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

    fn addresses(texts: &[String]) -> Vec<Multiaddr> {
        texts.iter().map(|text| text.parse().expect("it is an address")).collect()
    }

    #[test]
    fn several_addresses_of_one_authority_are_one_authority() {
        let given = addresses(&[
            format!("/ip4/10.0.0.1/tcp/1/p2p/{PEER}"),
            format!("/ip4/10.0.0.1/udp/1/quic-v1/p2p/{PEER}"),
        ]);
        let grouped = group_by_peer(&given).expect("they name it");
        assert_eq!(grouped.len(), 1);
        assert_eq!(grouped[0].1.len(), 2);
    }

    #[test]
    fn an_authority_without_a_usable_peer_id_is_refused() {
        let bare = addresses(&["/ip4/10.0.0.1/tcp/1".to_owned()]);
        let error = group_by_peer(&bare).expect_err("it names nobody");
        assert!(error.to_string().contains("must end in /p2p/ID"), "{error}");
        let rsa = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N";
        let rsa = addresses(&[format!("/ip4/10.0.0.1/tcp/1/p2p/{rsa}")]);
        assert!(matches!(group_by_peer(&rsa), Err(StartError::AuthorityKey(_))));
    }
}
