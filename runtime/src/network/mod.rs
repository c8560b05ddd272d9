//! The network: a libp2p swarm that speaks the core's types.
//!
//! Invariants:
//! - a peer is reported connected with its first connection and disconnected with its last;
//! - every gossip message is forwarded only after [`Network::judge`];
//! - all connections to a peer are to one run of it: those to a run that is over are closed;
//! - connections, streams and messages are bounded in number and size.

mod behaviour;
mod recorder;

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    num::NonZeroU32,
    time::Duration,
};

use behaviour::{Behaviour, BehaviourEvent, behaviour, sync_protocol};
use futures::{FutureExt as _, StreamExt as _};
#[cfg(feature = "mdns")]
use libp2p::mdns;
use libp2p::{
    Multiaddr, Swarm, SwarmBuilder, TransportError,
    core::transport::ListenerId,
    gossipsub, identify, identity, noise, ping, request_response,
    swarm::{
        ConnectionId, DialError, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
    tcp, yamux,
};
use recorder::Recorder;
use rollbook_core::PeerId;
use tracing::{debug, trace, warn};

use crate::{
    addresses::{core_peer_id, network_peer_id, tcp_socket},
    error::StartError,
};

const LISTEN_TIMEOUT: Duration = Duration::from_secs(5);
const CLOSE_TIMEOUT: Duration = Duration::from_millis(250);

/// What the network is made from.
#[derive(Debug)]
pub(crate) struct NetworkConfig {
    pub(crate) name: String,
    pub(crate) agent: String,
    /// Names this run of the node to its peers.
    pub(crate) run: String,
    /// These may connect even when all places are taken.
    pub(crate) authorities: Vec<PeerId>,
    pub(crate) max_connections: u32,
    /// Whether to look for nodes on the local network.
    #[cfg_attr(not(feature = "mdns"), expect(dead_code, reason = "only mDNS reads it"))]
    pub(crate) mdns: bool,
    pub(crate) idle_timeout: Duration,
    pub(crate) request_timeout: Duration,
    /// How often a peer is asked whether it is there, and how long it may take to say so.
    pub(crate) ping_interval: Duration,
    pub(crate) ping_timeout: Duration,
}

/// What happens on the network.
#[derive(Debug)]
pub(crate) enum NetworkEvent {
    /// A connected peer passed a gossip message on; it waits for [`Network::judge`].
    Gossip { from: PeerId, message: Vec<u8>, ticket: GossipTicket },
    /// A peer asks; [`Network::respond`] answers.
    Request { from: PeerId, request: Vec<u8>, channel: ResponseChannel },
    /// A peer answers.
    Response { from: PeerId, response: Vec<u8> },
    /// A peer did not answer.
    RequestFailed { to: PeerId },
    /// The first connection to a peer, and the address of its other end.
    Connected { peer: PeerId, remote: Multiaddr },
    /// The last connection to a peer is closed.
    Disconnected { peer: PeerId },
    /// A peer that was dialled is not reached.
    DialFailed { peer: PeerId },
    /// Nodes were heard of on the local network, and where they are.
    #[cfg_attr(not(feature = "mdns"), expect(dead_code, reason = "only mDNS finds nodes"))]
    Found(Vec<(PeerId, Multiaddr)>),
    /// Nodes were not heard of on the local network for a while.
    #[cfg_attr(not(feature = "mdns"), expect(dead_code, reason = "only mDNS loses nodes"))]
    Lost(Vec<(PeerId, Multiaddr)>),
    /// The addresses that the node listens on are others.
    ListenChanged,
}

/// Where the answer to a request goes.
pub(crate) type ResponseChannel = request_response::ResponseChannel<Vec<u8>>;

/// Names a gossip message that waits for a verdict.
#[derive(Debug)]
pub(crate) struct GossipTicket {
    id: gossipsub::MessageId,
    from: libp2p::PeerId,
}

/// The swarm.
pub(crate) struct Network {
    swarm: Swarm<Behaviour>,
    topic: gossipsub::IdentTopic,
    version: String,
    /// Who may connect even when all places are taken.
    authorities: Vec<PeerId>,
    listening: BTreeSet<Multiaddr>,
    /// What the peer at each connection called its software and its run.
    runs: HashMap<ConnectionId, (libp2p::PeerId, String)>,
    /// Events that came while waiting for the listeners.
    early: VecDeque<NetworkEvent>,
    /// Where the figures of libp2p itself are kept.
    recorder: Recorder,
}

impl Network {
    /// Sets the swarm up. It neither listens nor dials yet.
    pub(crate) fn new(
        key: &identity::Keypair,
        config: &NetworkConfig,
    ) -> Result<Network, StartError> {
        let topic = gossipsub::IdentTopic::new(format!("/rollbook/{}/gossip/1", config.name));
        let version = format!("/rollbook/{}", config.name);
        let (behaviour, recorder) = behaviour(key, config, &topic, &version)?;
        let builder = SwarmBuilder::with_existing_identity(key.clone())
            .with_tokio()
            .with_tcp(
                tcp::Config::default().nodelay(true),
                noise::Config::new,
                yamux::Config::default,
            )
            .map_err(transport_error)?;
        #[cfg(feature = "quic")]
        let builder = builder.with_quic();
        let swarm = builder
            .with_behaviour(|_| behaviour)
            .map_err(transport_error)?
            .with_swarm_config(|swarm| swarm.with_idle_connection_timeout(config.idle_timeout))
            .build();
        let early = VecDeque::new();
        let mut network = Network {
            swarm,
            topic,
            version,
            authorities: Vec::new(),
            listening: BTreeSet::new(),
            runs: HashMap::new(),
            early,
            recorder,
        };
        network.set_authorities(&config.authorities);
        Ok(network)
    }

    /// These may connect even when all places are taken, and none else.
    pub(crate) fn set_authorities(&mut self, listed: &[PeerId]) {
        let limits = &mut self.swarm.behaviour_mut().limits;
        for peer in std::mem::replace(&mut self.authorities, listed.to_vec()) {
            limits.remove_peer_id(&network_peer_id(&peer));
        }
        for peer in listed {
            limits.bypass_peer_id(&network_peer_id(peer));
        }
    }

    /// Where the figures of libp2p itself are read from.
    #[cfg(feature = "metrics")]
    pub(crate) fn registry(&self) -> std::sync::Arc<crate::Registry> {
        self.recorder.registry()
    }

    /// Listens on all `addresses`, and waits until the system has said where that is.
    pub(crate) async fn listen(&mut self, addresses: &[Multiaddr]) -> Result<(), StartError> {
        let mut waiting: HashSet<ListenerId> = HashSet::new();
        for address in addresses {
            check_tcp_port(address)?;
            let listener = self.swarm.listen_on(address.clone()).map_err(|error| {
                StartError::Listen { address: address.clone(), reason: listen_reason(&error) }
            })?;
            waiting.insert(listener);
        }
        let all_listen = async {
            while !waiting.is_empty() {
                let event = self.swarm.select_next_some().await;
                match &event {
                    SwarmEvent::NewListenAddr { listener_id, .. } => {
                        waiting.remove(listener_id);
                    }
                    SwarmEvent::ListenerClosed { reason: Err(error), .. } => {
                        return Err(error.to_string());
                    }
                    _ => {}
                }
                let event = self.translate(event);
                self.early.extend(event);
            }
            Ok(())
        };
        let listen_error = |reason| StartError::Listen {
            address: addresses.first().cloned().unwrap_or_else(Multiaddr::empty),
            reason,
        };
        match tokio::time::timeout(LISTEN_TIMEOUT, all_listen).await {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => return Err(listen_error(reason)),
            Err(_elapsed) => return Err(listen_error("the system did not say where".to_owned())),
        }
        // A listener on all interfaces reports them one by one, but all at once.
        while let Some(Some(event)) = self.swarm.next().now_or_never() {
            let event = self.translate(event);
            self.early.extend(event);
        }
        Ok(())
    }

    /// The addresses that the node listens on, without its peer id.
    pub(crate) fn listening(&self) -> &BTreeSet<Multiaddr> {
        &self.listening
    }

    /// Tells peers (by identify) where this node is reached.
    pub(crate) fn set_external_addresses(&mut self, addresses: &[Multiaddr]) {
        let old: Vec<Multiaddr> = self.swarm.external_addresses().cloned().collect();
        for address in old.iter().filter(|address| !addresses.contains(address)) {
            self.swarm.remove_external_address(address);
        }
        for address in addresses.iter().filter(|address| !old.contains(address)) {
            self.swarm.add_external_address(address.clone());
        }
    }

    /// What happens next. Nothing is lost if the future is dropped before it is ready.
    pub(crate) async fn next(&mut self) -> NetworkEvent {
        loop {
            if let Some(event) = self.early.pop_front() {
                return event;
            }
            let event = self.swarm.select_next_some().await;
            if let Some(event) = self.translate(event) {
                return event;
            }
        }
    }

    /// How many peers are connected.
    pub(crate) fn peer_count(&self) -> usize {
        self.swarm.network_info().num_peers()
    }

    /// Whether there is a connection to `peer`.
    pub(crate) fn is_connected(&self, peer: &PeerId) -> bool {
        self.swarm.is_connected(&network_peer_id(peer))
    }

    /// Dials `peer` at `addresses`; false if that cannot even be begun.
    pub(crate) fn dial(&mut self, peer: &PeerId, addresses: Vec<Multiaddr>) -> bool {
        let options = DialOpts::peer_id(network_peer_id(peer))
            .condition(PeerCondition::DisconnectedAndNotDialing)
            .addresses(addresses)
            .build();
        match self.swarm.dial(options) {
            Ok(()) => true,
            Err(error) => {
                debug!(%peer, %error, "not dialled");
                false
            }
        }
    }

    /// Hands a message to the mesh. Gossip is a hint: where nobody listens yet, nothing is lost
    /// that synchronisation does not bring.
    pub(crate) fn publish(&mut self, message: &[u8]) {
        let published =
            self.swarm.behaviour_mut().gossip.publish(self.topic.clone(), message.to_vec());
        match published {
            Ok(id) => trace!(%id, size = message.len(), "published"),
            Err(gossipsub::PublishError::NoPeersSubscribedToTopic) => {
                trace!("published to nobody");
            }
            Err(error) => warn!(%error, "gossip message not published"),
        }
    }

    /// Says what becomes of a gossip message.
    pub(crate) fn judge(&mut self, ticket: &GossipTicket, verdict: gossipsub::MessageAcceptance) {
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        if !gossip.report_message_validation_result(&ticket.id, &ticket.from, verdict) {
            trace!(id = %ticket.id, "judged too late");
        }
    }

    /// Sends a request to a connected peer; false if it is not connected.
    pub(crate) fn request(&mut self, to: &PeerId, request: Vec<u8>) -> bool {
        let to = network_peer_id(to);
        if !self.swarm.is_connected(&to) {
            return false;
        }
        self.swarm.behaviour_mut().sync.send_request(&to, request);
        true
    }

    /// Answers a request.
    pub(crate) fn respond(&mut self, channel: ResponseChannel, response: Vec<u8>) {
        if self.swarm.behaviour_mut().sync.send_response(channel, response).is_err() {
            trace!("the peer no longer waits for an answer");
        }
    }

    /// Closes all connections, so that peers need not wait for this node's silence.
    pub(crate) async fn close(&mut self) {
        let peers: Vec<libp2p::PeerId> = self.swarm.connected_peers().copied().collect();
        peers.into_iter().for_each(|peer| self.disconnect(peer));
        let closed = async {
            while self.peer_count() > 0 {
                self.swarm.select_next_some().await;
            }
        };
        if tokio::time::timeout(CLOSE_TIMEOUT, closed).await.is_err() {
            debug!("connections were cut off");
        }
    }

    /// Closes all connections to `peer`.
    fn disconnect(&mut self, peer: libp2p::PeerId) {
        if self.swarm.disconnect_peer_id(peer).is_err() {
            trace!(%peer, "already disconnected");
        }
    }

    fn translate(&mut self, event: SwarmEvent<BehaviourEvent>) -> Option<NetworkEvent> {
        self.recorder.record(&event);
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Gossip(event)) => translate_gossip(event),
            SwarmEvent::Behaviour(BehaviourEvent::Sync(event)) => translate_sync(event),
            SwarmEvent::Behaviour(BehaviourEvent::Identify(event)) => {
                self.identified(event);
                None
            }
            SwarmEvent::Behaviour(BehaviourEvent::Ping(event)) => {
                self.pinged(&event);
                None
            }
            #[cfg(feature = "mdns")]
            SwarmEvent::Behaviour(BehaviourEvent::Mdns(event)) => Some(match event {
                mdns::Event::Discovered(nodes) => NetworkEvent::Found(core_peers(nodes)),
                mdns::Event::Expired(nodes) => NetworkEvent::Lost(core_peers(nodes)),
            }),
            SwarmEvent::Behaviour(BehaviourEvent::Limits(never)) => match never {},
            SwarmEvent::ConnectionEstablished { peer_id, num_established, endpoint, .. } => {
                debug!(peer = %peer_id, address = %endpoint.get_remote_address(), "connected");
                let Some(peer) = core_peer_id(&peer_id) else {
                    self.disconnect(peer_id);
                    return None;
                };
                let remote = endpoint.get_remote_address().clone();
                (num_established == NonZeroU32::MIN)
                    .then_some(NetworkEvent::Connected { peer, remote })
            }
            SwarmEvent::ConnectionClosed {
                peer_id, connection_id, num_established, cause, ..
            } => {
                self.runs.remove(&connection_id);
                debug!(peer = %peer_id, cause = cause.map(tracing::field::display), "disconnected");
                let peer = core_peer_id(&peer_id)?;
                (num_established == 0).then_some(NetworkEvent::Disconnected { peer })
            }
            SwarmEvent::OutgoingConnectionError { peer_id, error, .. } => {
                dial_failed(peer_id.as_ref(), &error)
            }
            SwarmEvent::IncomingConnectionError { send_back_addr, error, .. } => {
                debug!(address = %send_back_addr, %error, "incoming connection failed");
                None
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                debug!(%address, "listening");
                self.listening.insert(address).then_some(NetworkEvent::ListenChanged)
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                debug!(%address, "no longer listening");
                self.listening.remove(&address).then_some(NetworkEvent::ListenChanged)
            }
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                warn!(?addresses, ?reason, "a listener closed");
                self.listening.retain(|address| !addresses.contains(address));
                Some(NetworkEvent::ListenChanged)
            }
            SwarmEvent::ListenerError { error, .. } => {
                debug!(%error, "a listener's connection failed");
                None
            }
            _ => None,
        }
    }

    fn identified(&mut self, event: identify::Event) {
        let identify::Event::Received { connection_id, peer_id, info } = event else { return };
        trace!(peer = %peer_id, version = info.protocol_version, "identified");
        // A peer of another network has nothing to say here, and takes up a place.
        if info.protocol_version.starts_with("/rollbook/") && info.protocol_version != self.version
        {
            warn!(peer = %peer_id, theirs = info.protocol_version, ours = self.version,
                "the peer is of another network: disconnecting");
            return self.disconnect(peer_id);
        }
        // On a local network there may be many that libp2p finds and that know no roll.
        if self.is_found(&peer_id) && !info.protocols.contains(&sync_protocol(&self.version)) {
            debug!(peer = %peer_id, "found on the local network, and none of ours: disconnecting");
            return self.disconnect(peer_id);
        }
        // A peer that was killed and is back may have left connections that look alive for a
        // while. The protocols greet a peer once, on its first connection: to greet the new run,
        // all have to go.
        let is_other_run =
            |(peer, run): &(_, String)| *peer == peer_id && *run != info.agent_version;
        if self.runs.values().any(is_other_run) {
            debug!(peer = %peer_id, "the peer was restarted: disconnecting from its former run");
            return self.disconnect(peer_id);
        }
        if self.swarm.is_connected(&peer_id) {
            self.runs.insert(connection_id, (peer_id, info.agent_version));
        }
    }

    /// Whether the peer was heard of on the local network.
    #[cfg(feature = "mdns")]
    fn is_found(&self, peer: &libp2p::PeerId) -> bool {
        let search = self.swarm.behaviour().mdns.as_ref();
        search.is_some_and(|search| search.discovered_nodes().any(|found| found == peer))
    }

    #[cfg(not(feature = "mdns"))]
    fn is_found(&self, _peer: &libp2p::PeerId) -> bool {
        false
    }

    /// A connection that does not answer is closed: the peer's machine may be gone.
    fn pinged(&mut self, event: &ping::Event) {
        match &event.result {
            Ok(_) | Err(ping::Failure::Unsupported) => {}
            Err(error) => {
                debug!(peer = %event.peer, %error, "no answer to a ping: closing the connection");
                self.swarm.close_connection(event.connection);
            }
        }
    }
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network")
            .field("version", &self.version)
            .field("listening", &self.listening)
            .finish_non_exhaustive()
    }
}

fn translate_gossip(event: gossipsub::Event) -> Option<NetworkEvent> {
    match event {
        gossipsub::Event::Message { propagation_source, message_id, message } => {
            Some(NetworkEvent::Gossip {
                from: core_peer_id(&propagation_source)?,
                message: message.data,
                ticket: GossipTicket { id: message_id, from: propagation_source },
            })
        }
        gossipsub::Event::SlowPeer { peer_id, .. } => {
            debug!(peer = %peer_id, "the peer is slow to take gossip");
            None
        }
        _ => None,
    }
}

fn translate_sync(event: request_response::Event<Vec<u8>, Vec<u8>>) -> Option<NetworkEvent> {
    match event {
        request_response::Event::Message { peer, message, .. } => {
            let from = core_peer_id(&peer)?;
            Some(match message {
                request_response::Message::Request { request, channel, .. } => {
                    NetworkEvent::Request { from, request, channel }
                }
                request_response::Message::Response { response, .. } => {
                    NetworkEvent::Response { from, response }
                }
            })
        }
        request_response::Event::OutboundFailure { peer, error, .. } => {
            debug!(%peer, %error, "a request failed");
            Some(NetworkEvent::RequestFailed { to: core_peer_id(&peer)? })
        }
        request_response::Event::InboundFailure { peer, error, .. } => {
            debug!(%peer, %error, "a peer's request failed");
            None
        }
        request_response::Event::ResponseSent { .. } => None,
    }
}

/// Those of the found nodes whose ids the core knows.
#[cfg(feature = "mdns")]
fn core_peers(nodes: Vec<(libp2p::PeerId, Multiaddr)>) -> Vec<(PeerId, Multiaddr)> {
    let known = |(peer, address)| Some((core_peer_id(&peer)?, address));
    nodes.into_iter().filter_map(known).collect()
}

fn dial_failed(peer: Option<&libp2p::PeerId>, error: &DialError) -> Option<NetworkEvent> {
    let peer = core_peer_id(peer?)?;
    match error {
        // The peer is connected, or about to be, by another way.
        DialError::DialPeerConditionFalse(_) => return None,
        DialError::WrongPeerId { obtained, address } => {
            warn!(%peer, %obtained, %address, "the node at this address has another identity");
        }
        error => debug!(%peer, %error, "not reached"),
    }
    Some(NetworkEvent::DialFailed { peer })
}

fn transport_error(error: impl std::fmt::Display) -> StartError {
    StartError::Transport(error.to_string())
}

/// Fails where another process listens on the TCP port. libp2p shares its listening ports, so the
/// system would give it a port that is in use, and half of the connections go astray.
fn check_tcp_port(address: &Multiaddr) -> Result<(), StartError> {
    let Some(socket) = tcp_socket(address).filter(|socket| socket.port() != 0) else {
        return Ok(());
    };
    let tried = std::net::TcpListener::bind(socket);
    tried
        .map(drop)
        .map_err(|error| StartError::Listen { address: address.clone(), reason: innermost(&error) })
}

fn listen_reason(error: &TransportError<std::io::Error>) -> String {
    match error {
        TransportError::MultiaddrNotSupported(_) if cfg!(feature = "quic") => {
            "only /ip4 and /ip6 with /tcp or /udp/PORT/quic-v1 are supported".to_owned()
        }
        TransportError::MultiaddrNotSupported(_) => {
            "only /ip4 and /ip6 with /tcp are supported by this build".to_owned()
        }
        TransportError::Other(error) => innermost(error),
    }
}

/// The system's own words, from inside the layers of the transport's.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
