//! Starting a node: files, keys, network, driver.

use crate::{error::StartError, handle::NodeHandle, node::NodeBuilder};

pub(crate) async fn start(builder: NodeBuilder) -> Result<NodeHandle, StartError> {
    Err(StartError::Config(format!("not yet: {builder:?}")))
}
