//! The command line: what can be typed, and the help that explains it.
//!
//! Values of `start` stay texts here: `layers` and `config` read them, together with those from
//! variables and the file, so that all three are checked by one code.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::api::SELECT_LIMIT;
use crate::layers::Layer;

/// Examples under `rollbook --help`; a test parses every line of them.
const EXAMPLES: &str = "\
Examples:
  rollbook start
  rollbook start --authority /ip4/192.0.2.7/tcp/7655/p2p/12D3KooWQnwEGNqcM2nAcPtRR9rAX8Hrg4k9kJLCHoTR5chJfz6d
  rollbook nodes --online
  rollbook watch --json
  rollbook grant 12D3KooWQnwEGNqcM2nAcPtRR9rAX8Hrg4k9kJLCHoTR5chJfz6d staked
  rollbook import nodes.json --format masa --trust-grants
  rollbook export --format json --output roll.json
  rollbook identity --data-dir ./rollbook-data
  rollbook doctor

Exit codes: 0 done; 1 it failed; 2 what was typed is not understood; 3 no node runs in the data \
directory; 4 the node said no; 5 doctor found something that needs attention.";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  rollbook doctor
  rollbook doctor --json --data-dir /var/lib/rollbook";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  rollbook completions bash
  rollbook completions fish";

const MAN_EXAMPLES: &str = "\
Examples:
  rollbook man ./man";

const START_EXAMPLES: &str = "\
Every option is also a key of the file (--config) and a variable: --sync-interval, sync-interval = \
\"10s\", ROLLBOOK_SYNC_INTERVAL=10s. An option wins over a variable, a variable over the file. \
Lists in variables are separated by commas. ROLLBOOK_LOG sets what is logged, for example \
ROLLBOOK_LOG=rollbook=debug.

Examples:
  rollbook start
  rollbook start --network test --key-type secp256k1 --capability storage --capability relay
  rollbook start --authority /ip4/192.0.2.7/tcp/7655/p2p/12D3KooWQnwEGNqcM2nAcPtRR9rAX8Hrg4k9kJLCHoTR5chJfz6d
  rollbook start --listen /ip4/127.0.0.1/tcp/0 --http 127.0.0.1:0 --data-dir ./second
  rollbook start --admission manual --grant-name indexer --grant-name archive
  rollbook start --external-address /ip4/192.0.2.8/tcp/7655 --reach private --mdns
  rollbook start --config node.toml
  rollbook start --fresh";

const NODES_EXAMPLES: &str = "\
Examples:
  rollbook nodes
  rollbook nodes --online --capability storage
  rollbook nodes --grant staked --presence left --sort -uptime
  rollbook nodes --all --json";

const SELECT_EXAMPLES: &str = "\
Examples:
  rollbook select storage
  rollbook select twitter-scraper --grant staked --limit 3";

const OBSERVE_EXAMPLES: &str = "\
Examples:
  rollbook observe 12D3KooWQnwEGNqcM2nAcPtRR9rAX8Hrg4k9kJLCHoTR5chJfz6d successes
  rollbook observe 12D3KooWQnwEGNqcM2nAcPtRR9rAX8Hrg4k9kJLCHoTR5chJfz6d timeouts --count 3";

const WATCH_EXAMPLES: &str = "\
Examples:
  rollbook watch
  rollbook watch --json --after 120";

const GRANT_EXAMPLES: &str = "\
Examples:
  rollbook grant 12D3KooWQnwEGNqcM2nAcPtRR9rAX8Hrg4k9kJLCHoTR5chJfz6d staked
  rollbook grant 12D3KooWQnwEGNqcM2nAcPtRR9rAX8Hrg4k9kJLCHoTR5chJfz6d validator";

const IMPORT_EXAMPLES: &str = "\
Examples:
  rollbook import v0.8.4_test_node_data.json --format masa
  rollbook import - --format masa --trust-grants";

const EXPORT_EXAMPLES: &str = "\
Examples:
  rollbook export --format json
  rollbook export --format masa --output node_data.json";

const IDENTITY_EXAMPLES: &str = "\
Examples:
  rollbook identity
  rollbook identity --key-type secp256k1 --data-dir ./second
  rollbook identity --import-masa masa_oracle_key";

/// Keeps the roll of a peer-to-peer network: who is in it, how each node is reached, what it can
/// do, who vouches for it, and whether it is here now.
#[derive(Debug, Parser)]
#[command(name = "rollbook", bin_name = "rollbook", version, after_help = EXAMPLES)]
#[command(arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a node until it is told to stop (Ctrl-C or SIGTERM).
    #[command(after_help = START_EXAMPLES)]
    Start(Box<StartArgs>),
    /// Show the roll.
    #[command(after_help = NODES_EXAMPLES)]
    Nodes(NodesArgs),
    /// Show one node.
    Node(NodeArgs),
    /// Show why a node is seen as it is: each fact with the statement that it stands in.
    Explain(NodeArgs),
    /// Show the nodes that can do something, the most reliable first.
    #[command(after_help = SELECT_EXAMPLES)]
    Select(SelectArgs),
    /// Count something about another node.
    #[command(after_help = OBSERVE_EXAMPLES)]
    Observe(ObserveArgs),
    /// Let a running node read its authorities and its allow-list anew, as SIGHUP does.
    Reload(StatusArgs),
    /// Show this node's own state: role, home, counts, root, journal, counters.
    Status(StatusArgs),
    /// Show events as they come, a line each.
    #[command(after_help = WATCH_EXAMPLES)]
    Watch(WatchArgs),
    /// Give a node a grant (on an authority).
    #[command(after_help = GRANT_EXAMPLES)]
    Grant(GrantArgs),
    /// Take a grant back (on an authority).
    Revoke(GrantArgs),
    /// Admit a node: one that is pending, or was removed or banned (on an authority).
    Admit(PeerArgs),
    /// Remove a node from the network (on an authority).
    Remove(PeerArgs),
    /// Ban a node from the network (on an authority).
    Ban(PeerArgs),
    /// Take over what another system knew about nodes (on an authority).
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(ImportArgs),
    /// Write the whole roll as JSON.
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(ExportArgs),
    /// Show this data directory's identity, and make it if it has none.
    #[command(after_help = IDENTITY_EXAMPLES)]
    Identity(IdentityArgs),
    /// Look whether everything is well, and say what to do where it is not.
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(DoctorArgs),
    /// Print a script that completes commands and options in a shell.
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
    /// Write the manual pages into a directory.
    #[command(after_help = MAN_EXAMPLES)]
    Man(ManArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Print a JSON array of what was looked at
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell that is to complete
    #[arg(value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Where the pages are written; made if it is missing
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Default, Args)]
pub(crate) struct StartArgs {
    /// Name of the network: nodes of other networks are not talked to [default: main]
    #[arg(long, value_name = "NAME")]
    pub(crate) network: Option<String>,
    /// Address of an authority, ending in /p2p/ID; may be repeated [default: this node is its own]
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) authority: Vec<String>,
    /// Peer id of an authority that retired: it is nobody's home and signs nothing new, and what it
    /// signed still counts; may be repeated; read again at SIGHUP, as are authorities in a file
    #[arg(long, value_name = "PEER", num_args = 1..)]
    pub(crate) retired: Vec<String>,
    /// Where the identity, the journal and the events are kept [default: ./rollbook-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<String>,
    /// Address to listen on, port 0 for any; may be repeated [default: /ip4/0.0.0.0/tcp/7655 and
    /// /ip4/0.0.0.0/udp/7655/quic-v1]
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) listen: Vec<String>,
    /// Address at which others reach this node, if it is not one it listens on; may be repeated
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) external_address: Vec<String>,
    /// Nearest addresses that this node announces, and dials where other nodes announced them:
    /// loopback, private or public [default: by the addresses that it listens on]
    #[arg(long, value_name = "REACH")]
    pub(crate) reach: Option<String>,
    /// Look for nodes on the local network by multicast DNS, and be found there [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) mdns: Option<String>,
    /// Address of the HTTP API, port 0 for any. Beyond loopback everything needs the token [default:
    /// 127.0.0.1:7656]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) http: Option<String>,
    /// File with the token of the HTTP API, in place of a new one at each start
    #[arg(long, value_name = "FILE")]
    pub(crate) http_token_file: Option<String>,
    /// Origin whose web pages may read the HTTP API, such as https://status.example; may be repeated
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) http_allow_origin: Vec<String>,
    /// Requests to the HTTP API that one address may make in a second [default: 500]
    #[arg(long, value_name = "COUNT")]
    pub(crate) http_rate: Option<String>,
    /// Serve the read routes of a masa-oracle node too
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) masa_api: Option<String>,
    /// What this node can do, for others to find it by; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) capability: Vec<String>,
    /// The software that this node runs [default: rollbook/VERSION]
    #[arg(long, value_name = "TEXT")]
    pub(crate) agent: Option<String>,
    /// How often this node synchronises with its home [default: 10s]
    #[arg(long, value_name = "DURATION")]
    pub(crate) sync_interval: Option<String>,
    /// Kind of key to make where there is none: ed25519 or secp256k1 [default: ed25519]
    #[arg(long, value_name = "TYPE")]
    pub(crate) key_type: Option<String>,
    /// Whether an authority admits whoever comes (open), whoever is on a list (allow-list), or only
    /// whom its operator admits (manual) [default: open]
    #[arg(long, value_name = "MODE")]
    pub(crate) admission: Option<String>,
    /// File with the peer ids that are admitted under --admission allow-list, one a line; read again
    /// at SIGHUP
    #[arg(long, value_name = "FILE")]
    pub(crate) allow_list: Option<String>,
    /// Name of a grant of the network's own, beside staked and validator, in the same order on
    /// every node; may be repeated
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub(crate) grant_name: Vec<String>,
    /// Most connections at a time; an authority needs one for each member [default: 1024]
    #[arg(long, value_name = "COUNT")]
    pub(crate) max_connections: Option<String>,
    /// Vouch for an authority that lost its journal: nothing that it signed is left anywhere, so it
    /// need not wait until others gave it back
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) fresh: Option<String>,
    /// TOML file with any of these settings; ROLLBOOK_CONFIG names one too
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

impl StartArgs {
    /// What was given as flags, and the path of the file.
    pub(crate) fn into_layer(self) -> (Layer, Option<PathBuf>) {
        let mut layer = Layer::default();
        layer.flag("network", self.network);
        layer.flag("authority", self.authority);
        layer.flag("retired", self.retired);
        layer.flag("data-dir", self.data_dir);
        layer.flag("listen", self.listen);
        layer.flag("external-address", self.external_address);
        layer.flag("reach", self.reach);
        layer.flag("mdns", self.mdns);
        layer.flag("http", self.http);
        layer.flag("http-token-file", self.http_token_file);
        layer.flag("http-allow-origin", self.http_allow_origin);
        layer.flag("http-rate", self.http_rate);
        layer.flag("masa-api", self.masa_api);
        layer.flag("capability", self.capability);
        layer.flag("agent", self.agent);
        layer.flag("sync-interval", self.sync_interval);
        layer.flag("key-type", self.key_type);
        layer.flag("admission", self.admission);
        layer.flag("allow-list", self.allow_list);
        layer.flag("grant-name", self.grant_name);
        layer.flag("max-connections", self.max_connections);
        layer.flag("fresh", self.fresh);
        (layer, self.config)
    }
}

/// Which node to talk to.
#[derive(Debug, Args)]
pub(crate) struct DataDir {
    /// Data directory of the running node; ROLLBOOK_DATA_DIR names one too [default:
    /// ./rollbook-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl DataDir {
    /// The directory that was given, here or in the environment, or the default.
    pub(crate) fn path(&self) -> PathBuf {
        let given = self.data_dir.clone();
        let variable = || std::env::var_os("ROLLBOOK_DATA_DIR").filter(|dir| !dir.is_empty());
        given
            .or_else(|| variable().map(PathBuf::from))
            .unwrap_or_else(|| PathBuf::from(crate::config::DATA_DIR))
    }
}

#[derive(Debug, Args)]
pub(crate) struct NodesArgs {
    /// Print the API's JSON array instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Only nodes that are online
    #[arg(long)]
    pub(crate) online: bool,
    /// Removed and banned nodes as well
    #[arg(long)]
    pub(crate) all: bool,
    /// Only nodes that announce this capability
    #[arg(long, value_name = "NAME")]
    pub(crate) capability: Option<String>,
    /// Only nodes that have this grant
    #[arg(long, value_name = "NAME")]
    pub(crate) grant: Option<String>,
    /// Only nodes of this standing
    #[arg(long, value_parser = ["pending", "admitted", "banned", "removed"])]
    pub(crate) standing: Option<String>,
    /// Only nodes of this presence
    #[arg(long, value_parser = ["online", "left", "unknown"])]
    pub(crate) presence: Option<String>,
    /// Only nodes whose home is this authority
    #[arg(long, value_name = "PEER")]
    pub(crate) home: Option<String>,
    /// What to order by: peerId, firstJoined, lastJoined, lastUpdated or uptime; with - before it
    /// the greatest first
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) sort: Option<String>,
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
}

#[derive(Debug, Args)]
pub(crate) struct NodeArgs {
    /// Peer id of the node
    #[arg(value_name = "PEER")]
    pub(crate) peer: String,
    /// Print the API's JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
}

#[derive(Debug, Args)]
pub(crate) struct SelectArgs {
    /// What the nodes must announce that they can do
    #[arg(value_name = "CAPABILITY")]
    pub(crate) capability: String,
    /// Only nodes that have this grant
    #[arg(long, value_name = "NAME")]
    pub(crate) grant: Option<String>,
    /// How many nodes at most
    #[arg(long, value_name = "COUNT", default_value_t = SELECT_LIMIT)]
    pub(crate) limit: usize,
    /// Print the API's JSON array instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
}

#[derive(Debug, Args)]
pub(crate) struct ObserveArgs {
    /// Peer id of the node
    #[arg(value_name = "PEER")]
    pub(crate) peer: String,
    /// successes, timeouts, not-found, or one of the application's, app0 to app4
    #[arg(value_name = "COUNTER")]
    pub(crate) counter: String,
    /// How often
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    pub(crate) count: u32,
    /// Print the node as it is then, as the API's JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Print the API's JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
}

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Print a JSON object for each event
    #[arg(long)]
    pub(crate) json: bool,
    /// Begin after the event of this number instead of now
    #[arg(long, value_name = "ID")]
    pub(crate) after: Option<u64>,
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
}

#[derive(Debug, Args)]
pub(crate) struct PeerArgs {
    /// Peer id of the node
    #[arg(value_name = "PEER")]
    pub(crate) peer: String,
    /// Print the node as it is then, as the API's JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
}

#[derive(Debug, Args)]
pub(crate) struct GrantArgs {
    /// Peer id of the node
    #[arg(value_name = "PEER")]
    pub(crate) peer: String,
    /// staked, validator, or a name that the authority was started with (--grant-name)
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Print the node as it is then, as the API's JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFormat {
    /// Node data of masa-oracle: a map, an array, a sync page, or the body of GET /node/data
    Masa,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// File to read; - reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// What the file holds
    #[arg(long)]
    pub(crate) format: ImportFormat,
    /// Take over stake and validator flags, although nobody verified them there
    #[arg(long)]
    pub(crate) trust_grants: bool,
    /// Print what came of it as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// A JSON array of all nodes, as the API returns them
    Json,
    /// Node data of masa-oracle: a map by peer id
    Masa,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// What to write
    #[arg(long)]
    pub(crate) format: ExportFormat,
    /// File to replace, complete or not at all [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
}

#[derive(Debug, Args)]
pub(crate) struct IdentityArgs {
    /// Kind of key to make where there is none: ed25519 or secp256k1 [default: ed25519]
    #[arg(long, value_name = "TYPE", conflicts_with = "import_masa")]
    pub(crate) key_type: Option<String>,
    /// Take over the identity of masa-oracle's key file (masa_oracle_key, in hex)
    #[arg(long, value_name = "FILE")]
    pub(crate) import_masa: Option<PathBuf>,
    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::layers::KEYS;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_example_in_the_help_parses() {
        let command = Cli::command();
        let helps = command.get_subcommands().chain([&command]).filter_map(|c| c.get_after_help());
        let text: String = helps.map(|help| format!("{help}\n")).collect();
        let examples: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("  ")).collect();
        assert!(examples.len() > 20, "{examples:?}");
        for example in examples {
            let parsed = Cli::try_parse_from(example.split_whitespace());
            assert!(parsed.is_ok(), "{example}: {}", parsed.expect_err("not parsed"));
        }
    }

    #[test]
    fn every_key_is_a_flag_of_start() {
        let command = Cli::command();
        let start = command.find_subcommand("start").expect("start is a command");
        for key in KEYS {
            let flag = start.get_arguments().find(|flag| flag.get_long() == Some(key.name));
            let flag = flag.unwrap_or_else(|| panic!("--{} is missing", key.name));
            let repeats = matches!(flag.get_action(), clap::ArgAction::Append);
            assert_eq!(repeats, key.list, "--{}", key.name);
        }
        let others = start.get_arguments().filter_map(|flag| flag.get_long());
        let others: Vec<_> =
            others.filter(|flag| KEYS.iter().all(|key| key.name != *flag)).collect();
        assert_eq!(others, ["config"]);
    }

    #[test]
    fn every_flag_reaches_the_layer() {
        for key in KEYS {
            let line =
                ["rollbook".to_owned(), "start".into(), format!("--{}", key.name), "x".into()];
            let Command::Start(args) = Cli::try_parse_from(line).expect("parsed").command else {
                panic!("start was parsed as another command");
            };
            let layers = crate::layers::Layers { flags: args.into_layer().0, ..Default::default() };
            let value = layers.one(key.name, |text| Ok(text.to_owned())).expect("parsed");
            assert_eq!(value.as_deref(), Some("x"), "--{}", key.name);
        }
    }

    #[test]
    fn every_key_is_documented() {
        let page = include_str!("../../docs/config.md");
        for key in KEYS {
            let row = format!("| `{0}`, `--{0}` | `{1}` |", key.name, key.variable());
            assert!(page.contains(&row), "{row}");
        }
    }

    #[test]
    fn fresh_needs_no_value() {
        for (line, expected) in [
            (&["rollbook", "start", "--fresh", "--network", "n"][..], Some("true")),
            (&["rollbook", "start", "--fresh=false"], Some("false")),
            (&["rollbook", "start"], None),
        ] {
            let Command::Start(args) = Cli::try_parse_from(line).expect("parsed").command else {
                panic!("start was parsed as another command");
            };
            assert_eq!(args.fresh.as_deref(), expected);
        }
    }

    #[test]
    fn several_grant_names_may_follow_one_flag() {
        let line = ["rollbook", "start", "--grant-name", "a", "b", "--network", "n"];
        let Command::Start(args) = Cli::try_parse_from(line).expect("parsed").command else {
            panic!("start was parsed as another command");
        };
        assert_eq!(args.grant_name, ["a", "b"]);
    }
}
