//! Names in addresses: `/dns4/example.org/...` becomes `/ip4/...` before it is dialled.

use std::{net::IpAddr, time::Duration};

use libp2p::{Multiaddr, multiaddr::Protocol};
use tracing::debug;

const TIMEOUT: Duration = Duration::from_secs(5);
/// Addresses that one name may stand for.
const ANSWERS_MAX: usize = 8;

/// Whether an address starts with a name.
pub(crate) fn is_name(address: &Multiaddr) -> bool {
    matches!(address.iter().next(), Some(Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_)))
}

/// Puts the addresses that names stand for in the place of the names. Those that have none, or are
/// not answered in time, are left out.
pub(crate) async fn resolve(addresses: Vec<Multiaddr>) -> Vec<Multiaddr> {
    let mut resolved = Vec::new();
    for address in addresses {
        if is_name(&address) {
            resolved.extend(resolve_one(&address).await);
        } else {
            resolved.push(address);
        }
    }
    resolved
}

async fn resolve_one(address: &Multiaddr) -> Vec<Multiaddr> {
    let mut components = address.iter();
    let (name, wanted): (_, fn(&IpAddr) -> bool) = match components.next() {
        Some(Protocol::Dns(name)) => (name.into_owned(), |_| true),
        Some(Protocol::Dns4(name)) => (name.into_owned(), IpAddr::is_ipv4),
        Some(Protocol::Dns6(name)) => (name.into_owned(), IpAddr::is_ipv6),
        _ => return vec![address.clone()],
    };
    let rest: Vec<Protocol<'_>> = components.collect();
    let lookup = tokio::net::lookup_host((name.as_str(), 0));
    let answers = match tokio::time::timeout(TIMEOUT, lookup).await {
        Ok(Ok(answers)) => answers,
        Ok(Err(error)) => {
            debug!(name, %error, "name not resolved");
            return Vec::new();
        }
        Err(_elapsed) => {
            debug!(name, "name not resolved in time");
            return Vec::new();
        }
    };
    let mut ips: Vec<IpAddr> = answers.map(|answer| answer.ip()).filter(wanted).collect();
    ips.dedup();
    ips.truncate(ANSWERS_MAX);
    let with_rest = |ip: IpAddr| {
        rest.iter().fold(Multiaddr::from(ip), |address, component| address.with(component.clone()))
    };
    ips.into_iter().map(with_rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_become_addresses_and_addresses_stay() {
        let given = ["/dns4/localhost/tcp/7655", "/ip4/10.0.0.1/tcp/1", "/dns6/127.0.0.1/tcp/1"];
        let given: Vec<Multiaddr> =
            given.iter().map(|text| text.parse().expect("it is an address")).collect();
        assert!(is_name(&given[0]) && !is_name(&given[1]));
        let resolved: Vec<String> = resolve(given).await.iter().map(Multiaddr::to_string).collect();
        assert_eq!(resolved, ["/ip4/127.0.0.1/tcp/7655", "/ip4/10.0.0.1/tcp/1"]);
    }
}
