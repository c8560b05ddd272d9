//! What a running node reads anew when it is asked to: at SIGHUP, by the API, by `rollbook reload`.
//!
//! That is the list of authorities, those that retired, and the allow-list. Everything else counts
//! from the next start. What cannot be read or used changes nothing.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use rollbook::NodeHandle;

use crate::config::Config;
use crate::layers::Layer;

/// Where a node's settings came from.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    flags: Layer,
    file: Option<PathBuf>,
}

impl Source {
    /// Of a command line, with the configuration file that it names.
    pub(crate) fn new(flags: Layer, file: Option<PathBuf>) -> Self {
        Self { flags, file }
    }

    /// Reads all settings.
    pub(crate) fn load(&self) -> Result<Config> {
        Config::load(self.flags.clone(), self.file.as_deref(), variable)
    }

    /// Whether there is a file that could say something else another time.
    pub(crate) fn may_change(&self, config: &Config) -> bool {
        config.allow_list.is_some() || self.file.is_some() || named_file().is_some()
    }

    /// Reads what may change while a node runs, and lets it count.
    pub(crate) async fn reload(&self, node: &NodeHandle) -> Result<()> {
        let config = self.load()?;
        let others =
            node.status().authorities.iter().any(|listed| listed.peer_id != node.peer_id());
        ensure!(
            !others || !config.authorities.is_empty(),
            "no authority is listed any more: to be its own authority, the node has to start anew"
        );
        // Read before anything counts, so that a mistake in one changes neither.
        let allowed = config.allow_list.as_ref().map(|list| list.read()).transpose()?;
        node.set_authorities(config.authorities.clone(), config.retired.clone())
            .await
            .context("the list of authorities stays as it was")?;
        if let Some(allowed) = allowed.filter(|_| acts(node)) {
            node.set_allowed(allowed).await.context("the allow-list stays as it was")?;
        }
        tracing::warn!("authorities and allow-list read anew");
        Ok(())
    }
}

fn acts(node: &NodeHandle) -> bool {
    node.status().role == rollbook::Role::Authority
}

/// An environment variable.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// The configuration file that the environment names.
fn named_file() -> Option<PathBuf> {
    variable("ROLLBOOK_CONFIG").filter(|path| !path.is_empty()).map(|path| Path::new(&path).into())
}
