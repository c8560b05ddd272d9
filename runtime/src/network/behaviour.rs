//! The protocols that the swarm speaks, and their bounds.

use libp2p::{
    StreamProtocol, connection_limits, gossipsub, identify, identity, ping, request_response,
    swarm::NetworkBehaviour,
};
#[cfg(feature = "mdns")]
use libp2p::{mdns, swarm::behaviour::toggle::Toggle};
use rollbook_core::limits::GOSSIP_SIZE_MAX;

use super::{NetworkConfig, recorder::Recorder, transport_error};
use crate::{codec::SyncCodec, error::StartError};

/// A message's envelope around its data: author, number, topic, signature, key.
const GOSSIP_ENVELOPE_SIZE_MAX: usize = 1024;
/// Room for the control part of an RPC, which gossipsub bounds by itself.
const GOSSIP_CONTROL_SIZE_MAX: usize = 16 * 1024;
const GOSSIP_QUEUE_MAX: usize = 1024;
const CONNECTIONS_PER_PEER_MAX: u32 = 4;
const PENDING_INCOMING_MAX: u32 = 256;
const PENDING_OUTGOING_MAX: u32 = 32;
const SYNC_STREAMS_MAX: usize = 16;

#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    pub(super) limits: connection_limits::Behaviour,
    pub(super) gossip: gossipsub::Behaviour,
    pub(super) sync: request_response::Behaviour<SyncCodec>,
    pub(super) identify: identify::Behaviour,
    pub(super) ping: ping::Behaviour,
    #[cfg(feature = "mdns")]
    pub(super) mdns: Toggle<mdns::tokio::Behaviour>,
}

pub(super) fn behaviour(
    key: &identity::Keypair,
    config: &NetworkConfig,
    topic: &gossipsub::IdentTopic,
    version: &str,
) -> Result<(Behaviour, Recorder), StartError> {
    let limits = connection_limits::Behaviour::new(
        connection_limits::ConnectionLimits::default()
            .with_max_pending_incoming(Some(PENDING_INCOMING_MAX))
            .with_max_pending_outgoing(Some(PENDING_OUTGOING_MAX))
            .with_max_established(Some(config.max_connections))
            .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER_MAX)),
    );
    let sync_protocol = sync_protocol(version);
    let (gossip, recorder) = Recorder::new(gossip(key, topic)?);
    let behaviour = Behaviour {
        limits,
        gossip,
        sync: request_response::Behaviour::with_codec(
            SyncCodec,
            [(sync_protocol, request_response::ProtocolSupport::Full)],
            request_response::Config::default()
                .with_request_timeout(config.request_timeout)
                .with_max_concurrent_streams(SYNC_STREAMS_MAX),
        ),
        identify: identify::Behaviour::new(
            identify::Config::new(version.to_owned(), key.public())
                .with_agent_version(format!("{} {}", config.agent, config.run))
                // What a node listens on beyond what it announces is nobody's business.
                .with_hide_listen_addrs(true)
                .with_cache_size(0),
        ),
        ping: ping::Behaviour::new(
            ping::Config::new()
                .with_interval(config.ping_interval)
                .with_timeout(config.ping_timeout),
        ),
        #[cfg(feature = "mdns")]
        mdns: local_search(key, config)?,
    };
    Ok((behaviour, recorder))
}

/// Looks for others on the local network, and answers those who look.
#[cfg(feature = "mdns")]
fn local_search(
    key: &identity::Keypair,
    config: &NetworkConfig,
) -> Result<Toggle<mdns::tokio::Behaviour>, StartError> {
    let own = key.public().to_peer_id();
    let search = config.mdns.then(|| mdns::tokio::Behaviour::new(mdns::Config::default(), own));
    Ok(search.transpose().map_err(transport_error)?.into())
}

/// What nodes of one network ask each other by.
pub(super) fn sync_protocol(version: &str) -> StreamProtocol {
    StreamProtocol::try_from_owned(format!("{version}/sync/1"))
        .expect("a protocol name may start with a slash")
}

fn gossip(
    key: &identity::Keypair,
    topic: &gossipsub::IdentTopic,
) -> Result<gossipsub::Behaviour, StartError> {
    let config = gossipsub::ConfigBuilder::default()
        .validation_mode(gossipsub::ValidationMode::Strict)
        .validate_messages()
        .message_id_fn(message_id)
        .max_transmit_size(GOSSIP_SIZE_MAX + GOSSIP_ENVELOPE_SIZE_MAX + GOSSIP_CONTROL_SIZE_MAX)
        .max_control_message_size(GOSSIP_CONTROL_SIZE_MAX)
        .max_transmit_size_for_topic(GOSSIP_SIZE_MAX + GOSSIP_ENVELOPE_SIZE_MAX, topic.hash())
        // An authority has hundreds of peers: the mesh brings its messages to all.
        .flood_publish(false)
        .connection_handler_queue_len(GOSSIP_QUEUE_MAX)
        .build()
        .map_err(transport_error)?;
    let privacy = gossipsub::MessageAuthenticity::Signed(key.clone());
    let mut gossip = gossipsub::Behaviour::new(privacy, config)
        .map_err(|error| StartError::Transport(error.to_owned()))?;
    gossip.subscribe(topic).map_err(transport_error)?;
    Ok(gossip)
}

/// The author's peer id, then the sequence number in big-endian bytes: the default of
/// go-libp2p-pubsub, so that nodes of both kinds know a message as the same one.
fn message_id(message: &gossipsub::Message) -> gossipsub::MessageId {
    let mut id = message.source.map(libp2p::PeerId::to_bytes).unwrap_or_default();
    id.extend(message.sequence_number.unwrap_or_default().to_be_bytes());
    gossipsub::MessageId::from(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_named_by_its_author_and_its_number() {
        let author = identity::Keypair::generate_ed25519().public().to_peer_id();
        let message = gossipsub::Message {
            source: Some(author),
            data: vec![1],
            sequence_number: Some(0x0102),
            topic: gossipsub::TopicHash::from_raw("topic"),
        };
        let id = [author.to_bytes(), vec![0, 0, 0, 0, 0, 0, 1, 2]].concat();
        assert_eq!(message_id(&message), gossipsub::MessageId::from(id));
    }
}
