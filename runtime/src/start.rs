//! Starts a node: checks its settings, opens its files, listens, and lets the driver run.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt as _;
use rollbook_core::PeerId;
use tokio::sync::{mpsc, watch};
use tracing::{Instrument as _, debug_span, error, info};

use crate::{
    clock::Clock,
    dial::Dialler,
    disk::Disk,
    driver::{Announcer, Connector, Driver, DriverParts, Said},
    error::{RunError, StartError},
    grants::GrantNames,
    handle::NodeHandle,
    journal_writer::{JournalWriter, Snapshot},
    network::{Network, NetworkConfig},
    node::NodeBuilder,
    random::{self, Random},
    settings::{
        check_announced, check_built_in, check_external, check_own_addresses, group_by_peer,
    },
    shared::{Shared, SharedParts},
    store::{is_compaction_due, open_store, warnings},
};

/// Commands that wait for the driver. Beyond that, handles wait to give theirs.
const COMMANDS_MAX: usize = 256;
/// Names that are being resolved.
const RESOLVING_MAX: usize = 32;
const IDLE_TIMEOUT_MIN: Duration = Duration::from_secs(60);
const REQUEST_TIMEOUT_MIN: Duration = Duration::from_secs(2);
const REQUEST_TIMEOUT_MAX: Duration = Duration::from_secs(10);
/// A connection that was cut without a word is found out by two pings in a row that nobody answers,
/// which takes about as long as a lease. It must be found out: TCP by itself would stay silent after
/// a partition for about as long as that lasted.
const PING_INTERVAL_MIN: Duration = Duration::from_secs(2);
const PING_INTERVAL_MAX: Duration = Duration::from_secs(30);
const PING_TIMEOUT_MIN: Duration = Duration::from_secs(3);
const PING_TIMEOUT_MAX: Duration = Duration::from_secs(10);
/// An authority that is away is dialled at least every so many intervals.
const PATIENCE_INTERVALS: u32 = 3;

/// Starts a node with these settings.
pub(crate) async fn start(builder: NodeBuilder) -> Result<NodeHandle, StartError> {
    let grants = GrantNames::new(builder.grant_names.clone())?;
    let authorities = group_by_peer(&builder.authorities)?;
    check_external(&builder.external_addresses)?;
    check_announced(&builder.agent, &builder.capabilities)?;
    check_built_in(builder.mdns)?;
    let interval_ms = u64::try_from(builder.sync_interval.as_millis()).unwrap_or(u64::MAX);
    let config = builder.clone();
    let acting = authorities.clone();
    let opened = tokio::task::spawn_blocking(move || open_store(&config, &acting, interval_ms));
    let mut store = opened.await.map_err(|error| StartError::Config(error.to_string()))??;
    check_own_addresses(&builder.external_addresses, &store.identity.peer_id())?;

    let listed: Vec<PeerId> = store.tracker.authorities().acting().map(|(_, peer)| *peer).collect();
    let network_config = network_config(&builder, &listed)?;
    let mut network = Network::new(&store.identity.network_key(), &network_config)?;
    network.listen(&builder.listen).await?;

    let warnings = warnings(&store);
    let compaction_due = is_compaction_due(&store);
    let clock = Clock::new();
    store.tracker.start(clock.now());
    let announcer = Announcer::new(
        builder.listen.clone(),
        builder.reach,
        Said {
            external: builder.external_addresses.clone(),
            agent: builder.agent.clone(),
            capabilities: builder.capabilities.clone(),
        },
    );
    announcer
        .announce(clock.now(), &mut store.tracker, &mut network)
        .map_err(|error| StartError::Config(format!("cannot announce this node: {error}")))?;
    if builder.fresh {
        store.tracker.end_recovery(clock.now());
    }

    let patience_ms = interval_ms.saturating_mul(PATIENCE_INTERVALS.into());
    let own = store.identity.peer_id();
    let dialler = Dialler::new(own, &listed, patience_ms, Random::new()?);
    let (resolved_in, resolved) = mpsc::channel(RESOLVING_MAX);
    let authorities = authorities.into_iter().collect();
    let connector =
        Connector::new(dialler, authorities, store.hints, resolved_in, interval_ms, Random::new()?);
    let (commands_in, commands) = mpsc::channel(COMMANDS_MAX);
    let (outcome_in, outcome) = watch::channel(None);
    let shared = Arc::new(Shared::new(SharedParts {
        network: builder.network,
        data_dir: builder.data_dir,
        grants,
        clock,
        events: store.events.log(),
        outcome,
        warnings,
        tracker: store.tracker,
        #[cfg(feature = "metrics")]
        registry: network.registry(),
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
        admission: builder.admission.into(),
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

fn network_config(
    builder: &NodeBuilder,
    authorities: &[PeerId],
) -> Result<NetworkConfig, StartError> {
    let patience = builder.sync_interval.saturating_mul(PATIENCE_INTERVALS);
    Ok(NetworkConfig {
        name: builder.network.clone(),
        agent: builder.agent.clone(),
        run: hex::encode(random::bytes::<4>()?),
        authorities: authorities.to_vec(),
        max_connections: builder.max_connections,
        mdns: builder.mdns,
        idle_timeout: patience.max(IDLE_TIMEOUT_MIN),
        request_timeout: builder.sync_interval.clamp(REQUEST_TIMEOUT_MIN, REQUEST_TIMEOUT_MAX),
        ping_interval: builder.sync_interval.clamp(PING_INTERVAL_MIN, PING_INTERVAL_MAX),
        ping_timeout: builder.sync_interval.clamp(PING_TIMEOUT_MIN, PING_TIMEOUT_MAX),
    })
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
