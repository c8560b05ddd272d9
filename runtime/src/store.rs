//! Everything in a node's data directory, opened together.

use std::path::Path;

use libp2p::Multiaddr;
use rollbook_core::{Config, HeapTracker, PeerId, RecoverError};
use tracing::{info, warn};

use crate::{
    codec::MESSAGE_SIZE_MAX,
    data_dir::{DataDir, OsDir},
    error::StartError,
    event_log::EventFile,
    files,
    hints::Hints,
    identity::Identity,
    journal_file::{JournalFile, OpenError, Recovered},
    lock::DirLock,
    node::NodeBuilder,
    random, settings,
};

/// Everything in the data directory, open.
pub(crate) struct Store {
    pub(crate) lock: DirLock,
    pub(crate) identity: Identity,
    pub(crate) tracker: HeapTracker,
    pub(crate) journal: JournalFile<OsDir>,
    pub(crate) recovered: Recovered,
    pub(crate) events: EventFile,
    pub(crate) hints: Hints,
}

/// Opens the data directory: lock, key, journal, event log, hints.
pub(crate) fn open_store(
    builder: &NodeBuilder,
    acting: &[(PeerId, Vec<Multiaddr>)],
    interval_ms: u64,
) -> Result<Store, StartError> {
    let network = builder.network.parse().map_err(|error: rollbook_core::NetworkError| {
        StartError::Network { name: builder.network.clone(), reason: error.to_string() }
    })?;
    let dir = &builder.data_dir;
    let dir_error = |source| StartError::DataDir { path: dir.clone(), source };
    let files = OsDir::make(dir).map_err(dir_error)?;
    let Some(lock) = DirLock::take(dir).map_err(dir_error)? else {
        return Err(StartError::DirInUse { path: dir.clone(), process: DirLock::holder(dir) });
    };
    let identity = Identity::open_or_create_locked(dir, builder.key_type)?;
    let authorities = settings::authorities(&identity.peer_id(), acting, &builder.retired)
        .map_err(|error| StartError::Config(error.to_string()))?;
    let config = Config {
        interval_ms,
        capacity: builder.capacity,
        admission: builder.admission.into(),
        message_size_max: MESSAGE_SIZE_MAX,
        ..Config::new(network, authorities)
    };
    let mut tracker = HeapTracker::new();
    tracker
        .init(config, identity.core_key(), random::bytes()?)
        .map_err(|error| StartError::Config(error.to_string()))?;
    if tracker.authority().is_some() {
        tracker
            .set_allowed(&builder.allowed)
            .map_err(|error| StartError::Config(format!("the allow-list: {error}")))?;
    }
    let (journal, recovered) = open_journal(files, dir, &mut tracker)?;
    if recovered.damaged > 0 {
        tracker.note_damage();
    }
    let events = EventFile::open(dir)
        .map_err(|source| StartError::EventLog { path: dir.join(files::EVENTS), source })?;
    Ok(Store { lock, identity, tracker, journal, recovered, events, hints: Hints::load(dir) })
}

/// Opens the journal in `dir`, which errors call `path`, and gives `tracker` what it holds.
pub(crate) fn open_journal<D: DataDir>(
    dir: D,
    path: &Path,
    tracker: &mut HeapTracker,
) -> Result<(JournalFile<D>, Recovered), StartError> {
    let path = path.join(files::JOURNAL);
    let mut unread = 0u64;
    let opened = JournalFile::open(dir, |frame| match tracker.recover(frame) {
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
        OpenError::Refused(RecoverError::NoLongerAuthority) => {
            StartError::NoLongerAuthority { path: path.clone() }
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
pub(crate) fn warnings(Store { recovered, identity, .. }: &Store) -> Vec<String> {
    let mut warnings = Vec::new();
    if recovered.created && !identity.created() {
        warnings.push(
            "there was a key but no journal: what this node said before comes back only from \
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

/// Whether the journal holds damage, which a new one written from memory would not.
pub(crate) fn is_compaction_due(Store { recovered, .. }: &Store) -> bool {
    recovered.damaged > 0
}
