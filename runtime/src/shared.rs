//! What the driver and the handles share.

use std::{path::PathBuf, sync::Arc};

use libp2p::Multiaddr;
use rollbook_core::PeerId;

use crate::{
    error::RunError,
    event_log::EventLog,
    grants::GrantNames,
    status::Status,
    view::{Filter, NodeView},
};

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) peer_id: PeerId,
    pub(crate) data_dir: PathBuf,
    pub(crate) grants: GrantNames,
    pub(crate) events: Arc<EventLog>,
}

impl Shared {
    pub(crate) fn listen_addresses(&self) -> Vec<Multiaddr> {
        unreachable!()
    }
    pub(crate) fn get(&self, _peer: &PeerId) -> Option<NodeView> {
        unreachable!()
    }
    pub(crate) fn list(&self, _filter: &Filter) -> Vec<NodeView> {
        unreachable!()
    }
    pub(crate) fn status(&self) -> Status {
        unreachable!()
    }
    pub(crate) async fn stopped(&self) -> Result<(), RunError> {
        Ok(())
    }
}
