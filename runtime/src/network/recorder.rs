//! The figures of libp2p itself, for programs that are built with the feature `metrics`. Without it
//! nothing is recorded, and everything here is empty.

use libp2p::{gossipsub, swarm::SwarmEvent};

use super::behaviour::BehaviourEvent;

/// What records: made together with the swarm.
#[derive(Default)]
pub(crate) struct Recorder {
    #[cfg(feature = "metrics")]
    parts: Option<(std::sync::Arc<crate::Registry>, libp2p::metrics::Metrics)>,
}

#[cfg(feature = "metrics")]
impl Recorder {
    /// Lets gossip tell its figures, and makes the registry that they are read from.
    pub(super) fn new(gossip: gossipsub::Behaviour) -> (gossipsub::Behaviour, Recorder) {
        let mut registry = crate::Registry::default();
        let metrics = libp2p::metrics::Metrics::new(&mut registry);
        let under = registry.sub_registry_with_prefix("gossipsub");
        let gossip = gossip.with_metrics(under, gossipsub::MetricsConfig::default());
        (gossip, Recorder { parts: Some((std::sync::Arc::new(registry), metrics)) })
    }

    /// Where the figures are read from.
    pub(crate) fn registry(&self) -> std::sync::Arc<crate::Registry> {
        self.parts.as_ref().map(|(registry, _)| registry.clone()).unwrap_or_default()
    }

    pub(super) fn record(&self, event: &SwarmEvent<BehaviourEvent>) {
        use libp2p::metrics::Recorder as _;
        let Some((_, metrics)) = &self.parts else { return };
        metrics.record(event);
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Gossip(event)) => metrics.record(event),
            SwarmEvent::Behaviour(BehaviourEvent::Identify(event)) => metrics.record(event),
            SwarmEvent::Behaviour(BehaviourEvent::Ping(event)) => metrics.record(event),
            _ => {}
        }
    }
}

#[cfg(not(feature = "metrics"))]
impl Recorder {
    pub(super) fn new(gossip: gossipsub::Behaviour) -> (gossipsub::Behaviour, Recorder) {
        (gossip, Recorder::default())
    }

    pub(super) fn record(&self, _: &SwarmEvent<BehaviourEvent>) {}
}
