//! The handle that an application holds of a running node.

use std::{path::Path, sync::Arc};

use libp2p::Multiaddr;
use rollbook_core::{HeapTracker, Now, PeerId};
use tokio::sync::oneshot;

use crate::{
    command::{Command, Operation},
    error::{CommandError, RunError},
    explanation::Explanation,
    import::{ImportOptions, ImportRecord, ImportReport},
    measures::Measures,
    page::{NodePage, PageRequest},
    shared::Shared,
    status::Status,
    view::{Filter, NodeView, counter_of_name},
    watch::{self, EventPage, Watch},
};

/// What to change in what this node says of itself; `None` leaves a part as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnnouncementChange {
    /// What the node can do.
    pub capabilities: Option<Vec<String>>,
    /// The software that it runs.
    pub agent: Option<String>,
    /// How it is reached; empty means by the addresses that it listens on.
    pub external_addresses: Option<Vec<Multiaddr>>,
}

/// A running node. Reads are answered from memory and never wait for the network or the disk.
///
/// Clones are handles of the same node. Once all are dropped, the node leaves as by
/// [`leave`](NodeHandle::leave).
#[derive(Clone, Debug)]
pub struct NodeHandle {
    shared: Arc<Shared>,
    commands: tokio::sync::mpsc::Sender<Command>,
}

impl NodeHandle {
    pub(crate) fn new(
        shared: Arc<Shared>,
        commands: tokio::sync::mpsc::Sender<Command>,
    ) -> NodeHandle {
        NodeHandle { shared, commands }
    }

    /// Who this node is.
    pub fn peer_id(&self) -> PeerId {
        self.shared.peer_id
    }

    /// Where its files are.
    pub fn data_dir(&self) -> &Path {
        &self.shared.data_dir
    }

    /// Where it listens: full addresses that end in `/p2p/ID`.
    pub fn listen_addresses(&self) -> Vec<Multiaddr> {
        self.shared.listen_addresses()
    }

    /// Looks at the tracker itself, for what the other functions do not show, or without their
    /// copies. The node waits meanwhile: a look is short, and uses no handle of this node.
    pub fn look<T>(&self, look: impl FnOnce(&HeapTracker, Now) -> T) -> T {
        look(&self.shared.tracker(), self.shared.clock.now())
    }

    /// One node of the roll.
    pub fn get(&self, peer: &PeerId) -> Option<NodeView> {
        self.shared.get(peer)
    }

    /// The nodes of the roll that `filter` selects, in the order of the roll.
    pub fn list(&self, filter: &Filter) -> Vec<NodeView> {
        self.shared.list(filter)
    }

    /// A page of the nodes that a filter selects, in an order of one's choice. Whoever asks for one
    /// page after another sees every node that stays as it is exactly once.
    pub fn page(&self, request: &PageRequest) -> Result<NodePage, CommandError> {
        self.shared.page(request)
    }

    /// The nodes that can do something, the most reliable first, `limit` at most: those that are
    /// online, then those that can be reached while nobody can tell whether they are here. With a
    /// grant by its name, only nodes that have it.
    pub fn select(
        &self,
        capability: &str,
        grant: Option<&str>,
        limit: usize,
    ) -> Result<Vec<NodeView>, CommandError> {
        self.shared.select(capability, grant, limit)
    }

    /// Why a node is seen as it is: every fact with the statement that it stands in.
    pub fn explain(&self, peer: &PeerId) -> Option<Explanation> {
        self.shared.explain(peer)
    }

    /// Follows events: those after number `after`, or from now on.
    pub fn watch(&self, after: Option<u64>) -> Watch {
        Watch::new(Arc::clone(&self.shared.events), after)
    }

    /// At most `limit` of the events that follow number `after` and are still kept.
    pub fn events(&self, after: u64, limit: usize) -> EventPage {
        watch::page(&self.shared.events, after, limit)
    }

    /// What this node counted of its own work since its start.
    pub fn measures(&self) -> Measures {
        self.shared.measures()
    }

    /// The figures of libp2p itself: connections, gossip, round-trip times.
    #[cfg(feature = "metrics")]
    pub fn network_registry(&self) -> &crate::Registry {
        &self.shared.registry
    }

    /// The state of this node.
    pub fn status(&self) -> Status {
        self.shared.status()
    }

    /// Changes what this node says of itself.
    pub async fn announce(&self, change: AnnouncementChange) -> Result<(), CommandError> {
        self.command(|reply| Command::Announce { change, reply }).await?
    }

    /// Admits a node; on an authority only. Returns once the decision is on disk.
    pub async fn admit(&self, peer: &PeerId) -> Result<(), CommandError> {
        self.operate(*peer, Operation::Admit).await
    }

    /// Replaces the list of whom an authority lets in under [`Admission::AllowList`]. Who is not on
    /// it any more stays until it is removed. The list is not kept over a restart:
    /// [`NodeBuilder::allowed`] gives it again.
    ///
    /// [`Admission::AllowList`]: crate::Admission::AllowList
    /// [`NodeBuilder::allowed`]: crate::NodeBuilder::allowed
    pub async fn set_allowed(&self, peers: Vec<PeerId>) -> Result<(), CommandError> {
        self.command(|reply| Command::SetAllowed { peers, reply }).await?
    }

    /// Replaces the list of authorities, in which this node may become one or retire: `acting` as in
    /// [`NodeBuilder::authorities`], `retired` as in [`NodeBuilder::retired`], which give it again
    /// at the next start. Nodes need not have the same list at the same time. What authorities said
    /// who are not on it any more counts no longer.
    ///
    /// [`NodeBuilder::authorities`]: crate::NodeBuilder::authorities
    /// [`NodeBuilder::retired`]: crate::NodeBuilder::retired
    pub async fn set_authorities(
        &self,
        acting: Vec<Multiaddr>,
        retired: Vec<PeerId>,
    ) -> Result<(), CommandError> {
        self.command(|reply| Command::SetAuthorities { acting, retired, reply }).await?
    }

    /// Bans a node; on an authority only. Returns once the decision is on disk.
    pub async fn ban(&self, peer: &PeerId) -> Result<(), CommandError> {
        self.operate(*peer, Operation::Ban).await
    }

    /// Removes a node; on an authority only. Returns once the decision is on disk.
    pub async fn remove(&self, peer: &PeerId) -> Result<(), CommandError> {
        self.operate(*peer, Operation::Remove).await
    }

    /// Gives a node a grant by its name; on an authority only. Returns once it is on disk.
    pub async fn grant(&self, peer: &PeerId, name: &str) -> Result<(), CommandError> {
        self.operate(*peer, Operation::Grant(self.shared.grants.of_name(name)?)).await
    }

    /// Takes a grant back; on an authority only. Returns once it is on disk.
    pub async fn revoke(&self, peer: &PeerId, name: &str) -> Result<(), CommandError> {
        self.operate(*peer, Operation::Revoke(self.shared.grants.of_name(name)?)).await
    }

    /// Counts something about another node, in the counter `successes`, `timeouts`, `not-found`, or
    /// one of the application's, `app0` to `app4`. What was not handed to an authority when this
    /// node stops is lost.
    pub async fn observe(
        &self,
        peer: &PeerId,
        counter: &str,
        count: u32,
    ) -> Result<(), CommandError> {
        let unknown = || CommandError::UnknownCounter(counter.to_owned());
        let counter = counter_of_name(counter).ok_or_else(unknown)?;
        self.command(|reply| Command::Observe { peer: *peer, counter, count, reply }).await?
    }

    /// Takes over what another system knew; on an authority only. Returns once it is on disk.
    /// Importing the same again changes nothing.
    pub async fn import(
        &self,
        records: Vec<ImportRecord>,
        options: ImportOptions,
    ) -> Result<ImportReport, CommandError> {
        self.command(|reply| Command::Import { records, options, reply }).await?
    }

    /// Says that this node leaves, brings everything to disk and stops. Returns when it has
    /// stopped, which takes at most a few seconds.
    pub async fn leave(&self) {
        // A node that has stopped has nothing left to do.
        let _ = self.commands.send(Command::Leave).await;
        // How it ended is told by `stopped`.
        let _ = self.stopped().await;
    }

    /// Waits until the node has stopped, and says whether it did so in order.
    pub async fn stopped(&self) -> Result<(), RunError> {
        self.shared.stopped().await
    }

    async fn operate(&self, peer: PeerId, operation: Operation) -> Result<(), CommandError> {
        self.command(|reply| Command::Operate { peer, operation, reply }).await?
    }

    /// Sends a command and waits for its answer.
    async fn command<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, CommandError> {
        let (reply, answer) = oneshot::channel();
        self.commands
            .send(command(reply))
            .await
            .map_err(|_driver_has_ended| CommandError::Stopped)?;
        answer.await.map_err(|_driver_has_ended| CommandError::Stopped)
    }
}
