//! What `start` prints once the node is ready, and the exact commands by which others join.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use crate::config::NETWORK;

/// What the first screen is made of.
#[derive(Debug)]
pub(crate) struct FirstScreen<'a> {
    /// How this program was called.
    pub(crate) program: &'a str,
    pub(crate) peer_id: &'a str,
    pub(crate) network: &'a str,
    pub(crate) is_authority: bool,
    /// Full multiaddresses, as they were configured.
    pub(crate) authorities: &'a [String],
    /// Full multiaddresses.
    pub(crate) listen: &'a [String],
    /// As they were configured, with or without the peer id.
    pub(crate) external: &'a [String],
    pub(crate) data_dir: &'a str,
    pub(crate) url: &'a str,
    /// Where it is not the default: all nodes of a network have the same.
    pub(crate) sync_interval: Option<Duration>,
    /// In the order that all nodes of a network share.
    pub(crate) grant_names: &'a [String],
}

impl FirstScreen<'_> {
    /// The whole screen.
    pub(crate) fn render(&self) -> String {
        let mut text = format!("Rollbook {} is running.\n\n", env!("CARGO_PKG_VERSION"));
        let mut fact = |name: &str, value: &str| {
            writeln!(text, "  {name:<9}  {value}").expect("a string takes any text");
        };
        fact("peer id", self.peer_id);
        fact("network", self.network);
        fact("role", if self.is_authority { "authority" } else { "member" });
        if !self.is_authority {
            for (index, address) in self.authorities.iter().enumerate() {
                fact(if index == 0 { "authority" } else { "" }, address);
            }
        }
        for (index, address) in self.listen.iter().enumerate() {
            fact(if index == 0 { "listening" } else { "" }, address);
        }
        fact("data", self.data_dir);
        fact("HTTP API", self.url);
        if self.is_authority {
            text.push_str(&self.invitation());
        }
        let nodes = format!("{} nodes{}", quoted(self.program), self.data_dir_flag());
        writeln!(text, "\nThe roll is shown by:\n  {nodes}\n\nCtrl-C stops the node.")
            .expect("a string takes any text");
        text
    }

    /// The commands by which others join; none if nobody can reach this node.
    fn invitation(&self) -> String {
        let mut text = String::new();
        if let Some(address) = self.address_for_others() {
            let command = self.join_command("rollbook", &address);
            write!(text, "\nA node on another machine joins with:\n  {command}\n")
                .expect("a string takes any text");
        }
        if let Some(address) = self.address_on_this_machine() {
            let second = format!("{}-2", self.data_dir.trim_end_matches('/'));
            let command = self.join_command(&quoted(self.program), &address);
            write!(
                text,
                "\nA second node on this machine, to try it out, joins with:\n  {command} \
                 --listen /ip4/127.0.0.1/tcp/0 --http 127.0.0.1:0 --data-dir {}\n",
                quoted(&second)
            )
            .expect("a string takes any text");
        }
        text
    }

    fn join_command(&self, program: &str, own_address: &str) -> String {
        let mut command = format!("{program} start");
        if self.network != NETWORK {
            write!(command, " --network {}", quoted(self.network)).expect("a string");
        }
        for address in self.authorities_with(own_address) {
            write!(command, " --authority {}", quoted(&address)).expect("a string");
        }
        if let Some(interval) = self.sync_interval {
            let text = humantime::format_duration(interval).to_string().replace(' ', "");
            write!(command, " --sync-interval {text}").expect("a string");
        }
        for name in self.grant_names {
            write!(command, " --grant-name {}", quoted(name)).expect("a string");
        }
        command
    }

    /// All authorities in their order, this one by the given address.
    fn authorities_with(&self, own_address: &str) -> Vec<String> {
        let own_end = self.p2p();
        let mut addresses: Vec<String> = Vec::new();
        for address in self.authorities {
            let address = if address.ends_with(&own_end) { own_address } else { address };
            if !addresses.iter().any(|known| known == address) {
                addresses.push(address.to_owned());
            }
        }
        if addresses.is_empty() {
            addresses.push(own_address.to_owned());
        }
        addresses
    }

    /// What the operator named first, then what this machine calls itself; TCP passes more
    /// firewalls than QUIC.
    fn address_for_others(&self) -> Option<String> {
        let own_end = self.p2p();
        let configured = self.authorities.iter().find(|address| {
            address.ends_with(&own_end) && !ip_of(address).is_some_and(|ip| ip.is_loopback())
        });
        let external = self.external.first().map(|address| match address.contains("/p2p/") {
            true => address.clone(),
            false => format!("{address}{own_end}"),
        });
        let reachable = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_unspecified() && !ip.is_link_local(),
            IpAddr::V6(ip) => {
                !ip.is_loopback() && !ip.is_unspecified() && !ip.is_unicast_link_local()
            }
        };
        configured.cloned().or(external).or_else(|| self.listening_at(reachable))
    }

    fn address_on_this_machine(&self) -> Option<String> {
        self.listening_at(|ip| ip.is_loopback()).or_else(|| self.listening_at(|_| true))
    }

    fn listening_at(&self, wanted: impl Fn(IpAddr) -> bool) -> Option<String> {
        let rank = |address: &&String| {
            (!address.contains("/tcp/"), !ip_of(address).is_some_and(|ip| ip.is_ipv4()))
        };
        let found = self.listen.iter().filter(|address| ip_of(address).is_some_and(&wanted));
        found.min_by_key(rank).cloned()
    }

    fn p2p(&self) -> String {
        format!("/p2p/{}", self.peer_id)
    }

    fn data_dir_flag(&self) -> String {
        match self.data_dir == crate::config::DATA_DIR {
            true => String::new(),
            false => format!(" --data-dir {}", quoted(self.data_dir)),
        }
    }
}

/// The address that a multiaddress begins with.
fn ip_of(multiaddr: &str) -> Option<IpAddr> {
    let mut parts = multiaddr.split('/').skip(1);
    match parts.next() {
        Some("ip4" | "ip6") => parts.next()?.parse().ok(),
        _ => None,
    }
}

/// A word for the shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:,=@+".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    const ID: &str = "12D3KooWQnwEGNqcM2nAcPtRR9rAX8Hrg4k9kJLCHoTR5chJfz6d";

    fn full(addresses: &[&str]) -> Vec<String> {
        addresses.iter().map(|address| format!("{address}/p2p/{ID}")).collect()
    }

    fn screen<'a>(listen: &'a [String], authorities: &'a [String]) -> FirstScreen<'a> {
        FirstScreen {
            program: "target/release/rollbook",
            peer_id: ID,
            network: "main",
            is_authority: true,
            authorities,
            listen,
            external: &[],
            data_dir: "./rollbook-data",
            url: "http://127.0.0.1:7656",
            sync_interval: None,
            grant_names: &[],
        }
    }

    fn commands(text: &str) -> Vec<&str> {
        text.lines()
            .filter_map(|line| line.strip_prefix("  "))
            .filter(|l| l.contains(" start "))
            .collect()
    }

    #[test]
    fn an_authority_prints_the_exact_commands_to_join() {
        let listen = full(&[
            "/ip4/127.0.0.1/udp/7655/quic-v1",
            "/ip4/127.0.0.1/tcp/7655",
            "/ip4/192.0.2.7/udp/7655/quic-v1",
            "/ip4/192.0.2.7/tcp/7655",
        ]);
        let text = screen(&listen, &[]).render();
        let commands = commands(&text);
        assert_eq!(
            commands,
            [
                format!("rollbook start --authority /ip4/192.0.2.7/tcp/7655/p2p/{ID}"),
                format!(
                    "target/release/rollbook start --authority /ip4/127.0.0.1/tcp/7655/p2p/{ID} \
                     --listen /ip4/127.0.0.1/tcp/0 --http 127.0.0.1:0 --data-dir ./rollbook-data-2"
                ),
            ]
        );
        for command in commands {
            assert!(Cli::try_parse_from(command.split_whitespace()).is_ok(), "{command}");
        }
    }

    #[test]
    fn a_node_that_only_this_machine_reaches_invites_nobody_else() {
        let listen = full(&["/ip4/127.0.0.1/tcp/40001"]);
        let text = screen(&listen, &[]).render();
        assert_eq!(commands(&text).len(), 1, "{text}");
    }

    #[test]
    fn a_member_invites_nobody() {
        let listen = full(&["/ip4/192.0.2.7/tcp/1"]);
        let authorities = ["/ip4/192.0.2.9/tcp/1/p2p/x".to_owned()];
        let text = FirstScreen { is_authority: false, ..screen(&listen, &authorities) }.render();
        assert_eq!(commands(&text), Vec::<&str>::new());
        assert!(text.contains("  role       member\n  authority  /ip4/192.0.2.9/"), "{text}");
    }

    #[test]
    fn what_all_nodes_share_is_part_of_the_command() {
        let listen = full(&["/ip4/192.0.2.7/tcp/1"]);
        let grants = ["indexer".to_owned()];
        let text = FirstScreen {
            network: "test",
            sync_interval: Some(Duration::from_millis(1_500)),
            grant_names: &grants,
            ..screen(&listen, &[])
        }
        .render();
        let expected = format!(
            "rollbook start --network test --authority {} --sync-interval 1s500ms --grant-name \
             indexer",
            listen[0]
        );
        assert_eq!(commands(&text)[0], expected);
    }

    #[test]
    fn all_authorities_are_named_and_an_external_address_comes_first() {
        let listen = full(&["/ip4/127.0.0.1/tcp/1", "/ip4/10.0.0.1/tcp/1"]);
        let other =
            "/ip4/192.0.2.9/tcp/1/p2p/16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9";
        let own = format!("/dns4/roll.example/tcp/1/p2p/{ID}");
        let authorities = [other.to_owned(), own.clone()];
        let text = screen(&listen, &authorities).render();
        assert!(commands(&text)[0].ends_with(&format!("--authority {other} --authority {own}")));
        assert!(
            commands(&text)[1].contains(&format!("--authority {other} --authority {}", listen[0]))
        );

        let external = ["/ip4/198.51.100.1/tcp/1".to_owned()];
        let text = FirstScreen { external: &external, ..screen(&listen, &[]) }.render();
        assert!(commands(&text)[0].ends_with(&format!("/ip4/198.51.100.1/tcp/1/p2p/{ID}")));
    }

    #[test]
    fn words_are_quoted_for_the_shell() {
        assert_eq!(quoted("./data-2"), "./data-2");
        assert_eq!(quoted("my data"), "'my data'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("~/x"), "'~/x'");
    }
}
