//! What Python says by names: the settings of a node, which nodes are wanted, and in which order.

use std::{path::PathBuf, time::Duration};

use pyo3::{prelude::*, types::PyDict};
use rollbook::{Filter, NodeBuilder, Presence, SortKey, Standing};

use crate::{
    error::Failure,
    keys::{multiaddrs, peer, peers},
};

/// Nodes are selected by these.
#[derive(FromPyObject)]
pub(crate) struct FilterParts {
    #[pyo3(item)]
    online: bool,
    #[pyo3(item)]
    all: bool,
    #[pyo3(item)]
    capability: Option<String>,
    #[pyo3(item)]
    grant: Option<String>,
    #[pyo3(item)]
    standing: Option<String>,
    #[pyo3(item)]
    presence: Option<String>,
    #[pyo3(item)]
    home: Option<String>,
}

impl FilterParts {
    pub(crate) fn filter(self) -> Result<Filter, Failure> {
        Ok(Filter {
            online: self.online,
            all: self.all,
            capability: self.capability,
            grant: self.grant,
            standing: self.standing.as_deref().map(standing_of).transpose()?,
            presence: self.presence.as_deref().map(presence_of).transpose()?,
            home: self.home.as_deref().map(peer).transpose()?,
        })
    }
}

fn standing_of(name: &str) -> Result<Standing, Failure> {
    match name {
        "pending" => Ok(Standing::Pending),
        "admitted" => Ok(Standing::Admitted),
        "banned" => Ok(Standing::Banned),
        "removed" => Ok(Standing::Removed),
        _ => Err(Failure::argument("the standing is `pending`, `admitted`, `banned` or `removed`")),
    }
}

fn presence_of(name: &str) -> Result<Presence, Failure> {
    match name {
        "online" => Ok(Presence::Online),
        "left" => Ok(Presence::Left),
        "unknown" => Ok(Presence::Unknown),
        _ => Err(Failure::argument("the presence is `online`, `left` or `unknown`")),
    }
}

pub(crate) fn sort_of(name: &str) -> Result<(SortKey, bool), Failure> {
    let (name, descending) = name.strip_prefix('-').map_or((name, false), |name| (name, true));
    let key = match name {
        "peerId" => SortKey::PeerId,
        "firstJoined" => SortKey::FirstJoined,
        "lastJoined" => SortKey::LastJoined,
        "lastUpdated" => SortKey::LastUpdated,
        "uptime" => SortKey::Uptime,
        _ => {
            let message = "nodes are sorted by `peerId`, `firstJoined`, `lastJoined`, `lastUpdated` \
                           or `uptime`, with `-` before it for the greatest first";
            return Err(Failure::argument(message));
        }
    };
    Ok((key, descending))
}

/// Sets what Python gave in place of the defaults.
pub(crate) fn builder(settings: &Bound<'_, PyDict>) -> PyResult<NodeBuilder> {
    let mut builder = rollbook::Node::builder();
    for (name, value) in settings {
        let name: String = name.extract()?;
        let wrong =
            |error: &dyn std::fmt::Display| Failure::new("CONFIG", "Setting", error.to_string());
        builder = match name.as_str() {
            "data_dir" => builder.data_dir(value.extract::<PathBuf>()?),
            "network" => builder.network(&value.extract::<String>()?),
            "listen" => builder.listen(multiaddrs(&value.extract::<Vec<String>>()?)?),
            "external_addresses" => {
                builder.external_addresses(multiaddrs(&value.extract::<Vec<String>>()?)?)
            }
            "reach" => {
                builder.reach(value.extract::<String>()?.parse().map_err(|error| wrong(&error))?)
            }
            "mdns" => builder.mdns(value.extract()?),
            "authorities" => builder.authorities(multiaddrs(&value.extract::<Vec<String>>()?)?),
            "retired" => builder.retired(peers(&value.extract::<Vec<String>>()?)?),
            "capabilities" => builder.capabilities(value.extract()?),
            "agent" => builder.agent(value.extract()?),
            "sync_interval" => {
                let seconds = value.extract::<f64>()?;
                let interval =
                    Duration::try_from_secs_f64(seconds).map_err(|error| wrong(&error))?;
                builder.sync_interval(interval)
            }
            "key_type" => {
                builder.key_type(value.extract::<String>()?.parse().map_err(|error| wrong(&error))?)
            }
            "admission" => builder
                .admission(value.extract::<String>()?.parse().map_err(|error| wrong(&error))?),
            "allowed" => builder.allowed(peers(&value.extract::<Vec<String>>()?)?),
            "grant_names" => builder.grant_names(value.extract()?),
            "max_connections" => builder.max_connections(value.extract()?),
            "capacity" => builder.capacity(value.extract()?),
            "fresh" => builder.fresh(value.extract()?),
            _ => return Err(Failure::argument(format!("a node has no setting {name:?}")).into()),
        };
    }
    Ok(builder)
}
