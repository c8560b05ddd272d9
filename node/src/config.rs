//! What `start` runs with: the settings from flags, variables and file, checked, with defaults.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use axum::http::HeaderValue;
use rollbook::{Admission, KeyType, Multiaddr, Node, NodeBuilder, PeerId, Reach};

use crate::allow_list::AllowList;
use crate::api::{Options, Token};
use crate::layers::{Layer, Layers};

/// Where a node keeps its files if nothing else is said.
pub(crate) const DATA_DIR: &str = "./rollbook-data";
/// The network that a node belongs to if nothing else is said.
pub(crate) const NETWORK: &str = "main";
const HTTP: &str = "127.0.0.1:7656";
/// Requests of one address in a second if nothing else is said.
const HTTP_RATE: u32 = 500;

/// Checked settings. What is `None` or empty is left to the runtime's defaults.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) network: String,
    pub(crate) authorities: Vec<Multiaddr>,
    pub(crate) retired: Vec<PeerId>,
    pub(crate) data_dir: PathBuf,
    pub(crate) listen: Option<Vec<Multiaddr>>,
    pub(crate) external_addresses: Vec<Multiaddr>,
    pub(crate) reach: Option<Reach>,
    pub(crate) mdns: bool,
    pub(crate) http: SocketAddr,
    /// Read at the start, as it must be there from then on.
    pub(crate) http_token_file: Option<PathBuf>,
    pub(crate) http_allow_origins: Vec<HeaderValue>,
    pub(crate) http_rate: u32,
    pub(crate) masa_api: bool,
    pub(crate) capabilities: Vec<String>,
    pub(crate) agent: Option<String>,
    pub(crate) sync_interval: Option<Duration>,
    pub(crate) key_type: Option<KeyType>,
    pub(crate) admission: Admission,
    /// Given exactly if the admission is by it.
    pub(crate) allow_list: Option<AllowList>,
    pub(crate) grant_names: Vec<String>,
    pub(crate) max_connections: Option<u32>,
    pub(crate) fresh: bool,
}

impl Config {
    /// Reads the settings of a command line, its environment and its file.
    pub(crate) fn load(
        flags: Layer,
        file: Option<&Path>,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let named = lookup("ROLLBOOK_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
        let file = match file.map(Path::to_owned).or(named) {
            Some(path) => Layer::file(&path)?,
            None => Layer::default(),
        };
        Self::from_layers(&Layers { flags, variables: Layer::variables(lookup), file })
    }

    fn from_layers(layers: &Layers) -> Result<Self> {
        let admission = layers.one("admission", admission)?.unwrap_or_default();
        let allow_list = layers.one("allow-list", text)?.map(AllowList::new);
        match (admission, &allow_list) {
            (Admission::AllowList, None) => {
                bail!("--admission: allow-list needs --allow-list FILE");
            }
            (Admission::Open | Admission::Manual, Some(_)) => {
                bail!("--allow-list: it counts only with --admission allow-list");
            }
            _ => {}
        }
        Ok(Self {
            network: layers.one("network", text)?.unwrap_or_else(|| NETWORK.to_owned()),
            authorities: layers.many("authority", authority)?.unwrap_or_default(),
            retired: layers.many("retired", peer_id)?.unwrap_or_default(),
            data_dir: layers.one("data-dir", text)?.unwrap_or_else(|| DATA_DIR.to_owned()).into(),
            listen: layers.many("listen", multiaddr)?,
            external_addresses: layers.many("external-address", multiaddr)?.unwrap_or_default(),
            reach: layers.one("reach", reach)?,
            mdns: layers.one("mdns", switch)?.unwrap_or(false),
            http: match layers.one("http", http)? {
                Some(address) => address,
                None => HTTP.parse().expect("the default is an address"),
            },
            http_token_file: layers.one("http-token-file", text)?.map(PathBuf::from),
            http_allow_origins: layers.many("http-allow-origin", origin)?.unwrap_or_default(),
            http_rate: layers.one("http-rate", count)?.unwrap_or(HTTP_RATE),
            masa_api: layers.one("masa-api", switch)?.unwrap_or(false),
            capabilities: layers.many("capability", text)?.unwrap_or_default(),
            agent: layers.one("agent", text)?,
            sync_interval: layers.one("sync-interval", duration)?,
            key_type: layers.one("key-type", key_type)?,
            admission,
            allow_list,
            grant_names: layers.many("grant-name", text)?.unwrap_or_default(),
            max_connections: layers.one("max-connections", count)?,
            fresh: layers.one("fresh", switch)?.unwrap_or(false),
        })
    }

    /// How its HTTP API is served.
    pub(crate) fn api_options(&self) -> Result<Options> {
        let token = match &self.http_token_file {
            Some(path) => {
                let named = || format!("--http-token-file {}", path.display());
                let text = std::fs::read_to_string(path).with_context(named)?;
                Token::chosen(&text).map_err(|reason| anyhow!("{}: {reason}", named()))?
            }
            None => Token::random().map_err(|error| anyhow!("no random numbers: {error}"))?,
        };
        Ok(Options {
            token,
            beyond_loopback: !self.http.ip().to_canonical().is_loopback(),
            allowed_origins: self.http_allow_origins.clone(),
            masa: self.masa_api,
            rate: self.http_rate,
            source: None,
        })
    }

    /// A node with these settings, not yet started.
    pub(crate) fn builder(&self) -> Result<NodeBuilder> {
        let allowed = self.allow_list.as_ref().map(AllowList::read).transpose()?;
        let mut builder = Node::builder()
            .network(&self.network)
            .authorities(self.authorities.clone())
            .retired(self.retired.clone())
            .data_dir(self.data_dir.clone())
            .external_addresses(self.external_addresses.clone())
            .capabilities(self.capabilities.clone())
            .admission(self.admission)
            .allowed(allowed.unwrap_or_default())
            .grant_names(self.grant_names.clone())
            .mdns(self.mdns)
            .fresh(self.fresh);
        if let Some(listen) = &self.listen {
            builder = builder.listen(listen.clone());
        }
        if let Some(reach) = self.reach {
            builder = builder.reach(reach);
        }
        if let Some(agent) = &self.agent {
            builder = builder.agent(agent.clone());
        }
        if let Some(interval) = self.sync_interval {
            builder = builder.sync_interval(interval);
        }
        if let Some(key_type) = self.key_type {
            builder = builder.key_type(key_type);
        }
        if let Some(count) = self.max_connections {
            builder = builder.max_connections(count);
        }
        Ok(builder)
    }
}

/// Reads the kind of a key.
pub(crate) fn key_type(text: &str) -> Result<KeyType, String> {
    text.parse().map_err(|_unknown| format!("{text:?} is neither ed25519 nor secp256k1"))
}

fn text(text: &str) -> Result<String, String> {
    match text.trim().is_empty() {
        true => Err("the text is empty".to_owned()),
        false => Ok(text.to_owned()),
    }
}

fn multiaddr(text: &str) -> Result<Multiaddr, String> {
    let refused = |reason: String| {
        format!("{text:?} is not a multiaddress such as /ip4/192.0.2.7/tcp/7655 ({reason})")
    };
    let address: Multiaddr = text.parse().map_err(|error| refused(format!("{error}")))?;
    match address.is_empty() {
        true => Err(refused("it is empty".to_owned())),
        false => Ok(address),
    }
}

fn authority(text: &str) -> Result<Multiaddr, String> {
    let address = multiaddr(text)?;
    // Without it anybody at that address could be the authority.
    match address.protocol_stack().last() {
        Some("p2p") => Ok(address),
        _ => Err(format!("{text:?} must end in /p2p/ID, the authority's peer id")),
    }
}

fn peer_id(text: &str) -> Result<PeerId, String> {
    text.parse().map_err(|error| format!("{text:?} is not a peer id ({error})"))
}

fn http(text: &str) -> Result<SocketAddr, String> {
    let localhost = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    localhost
        .as_deref()
        .unwrap_or(text)
        .parse()
        .map_err(|_invalid| format!("{text:?} is not an address and a port such as 127.0.0.1:7656"))
}

/// An origin as browsers write it: scheme, host, and a port where it is not the scheme's own.
fn origin(text: &str) -> Result<HeaderValue, String> {
    let refused = || {
        format!("{text:?} is not an origin such as https://status.example (no path, no wildcard)")
    };
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte);
    match rest {
        Some(host) if !host.is_empty() && host.bytes().all(plain) => {
            HeaderValue::from_str(text).map_err(|_not_plain| refused())
        }
        _ => Err(refused()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{text:?} is not a duration such as 10s or 500ms ({error})"))
}

fn admission(text: &str) -> Result<Admission, String> {
    text.parse().map_err(|_unknown| format!("{text:?} is neither open, allow-list nor manual"))
}

fn reach(text: &str) -> Result<Reach, String> {
    text.parse().map_err(|_unknown| format!("{text:?} is neither loopback, private nor public"))
}

fn switch(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_invalid| format!("{text:?} is neither true nor false"))
}

fn count(text: &str) -> Result<u32, String> {
    text.parse::<std::num::NonZeroU32>()
        .map(u32::from)
        .map_err(|_invalid| format!("{text:?} is not a count from 1 to {}", u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTHORITY: &str = "/ip4/192.0.2.7/tcp/7655/p2p/\
                             12D3KooWQnwEGNqcM2nAcPtRR9rAX8Hrg4k9kJLCHoTR5chJfz6d";

    fn load(flags: &[(&'static str, &str)]) -> Result<Config> {
        let mut layer = Layer::default();
        for (name, text) in flags {
            layer.flag(name, [(*text).to_owned()]);
        }
        Config::load(layer, None, |_| None)
    }

    fn refusal(name: &'static str, text: &str) -> String {
        let error = format!("{:#}", load(&[(name, text)]).expect_err("refused"));
        assert!(error.starts_with(&format!("--{name}: ")), "{error}");
        assert!(!error.contains('\n'), "{error}");
        error
    }

    #[test]
    fn nothing_given_means_the_defaults() {
        let config = load(&[]).expect("loaded");
        assert_eq!(config.network, "main");
        assert_eq!(config.data_dir, Path::new("./rollbook-data"));
        assert_eq!(config.http.to_string(), "127.0.0.1:7656");
        assert_eq!(config.authorities, []);
        assert_eq!(config.listen, None);
        assert_eq!((config.reach, config.mdns), (None, false));
    }

    #[test]
    fn a_whole_file_is_taken() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("node.toml");
        let file = format!(
            "network = \"test\"\nauthority = [\"{AUTHORITY}\"]\ndata-dir = \"/var/lib/rollbook\"\n\
             listen = [\"/ip4/127.0.0.1/tcp/0\"]\nexternal-address = \"/ip4/192.0.2.8/tcp/1\"\n\
             reach = \"private\"\nmdns = true\nhttp = \"[::1]:0\"\nmasa-api = true\nhttp-rate = 7\ncapability = [\"storage\"]\nagent = \"x/1\"\n\
             sync-interval = \"500ms\"\nkey-type = \"secp256k1\"\nadmission = \"manual\"\n\
             grant-name = [\"indexer\"]\nmax-connections = 64\nfresh = true\n"
        );
        std::fs::write(&path, file).expect("written");
        let config = Config::load(Layer::default(), Some(&path), |_| None).expect("loaded");
        assert_eq!(config.network, "test");
        assert_eq!(config.authorities[0].to_string(), AUTHORITY);
        assert_eq!(config.data_dir, Path::new("/var/lib/rollbook"));
        assert_eq!(config.listen.map(|all| all.len()), Some(1));
        assert_eq!(config.external_addresses.len(), 1);
        assert_eq!((config.reach, config.mdns), (Some(Reach::Private), true));
        assert_eq!(config.http.to_string(), "[::1]:0");
        assert!(config.masa_api);
        assert_eq!(config.http_rate, 7);
        assert_eq!(config.capabilities, ["storage"]);
        assert_eq!(config.agent.as_deref(), Some("x/1"));
        assert_eq!(config.sync_interval, Some(Duration::from_millis(500)));
        assert_eq!(config.key_type, Some(KeyType::Secp256k1));
        assert_eq!(config.admission, Admission::Manual);
        assert_eq!(config.grant_names, ["indexer"]);
        assert_eq!(config.max_connections, Some(64));
        assert!(config.fresh);
    }

    #[test]
    fn the_file_may_be_named_by_a_variable() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("node.toml");
        std::fs::write(&path, "network = \"file\"\nagent = \"file\"\n").expect("written");
        let lookup = |name: &str| match name {
            "ROLLBOOK_CONFIG" => Some(path.display().to_string()),
            "ROLLBOOK_AGENT" => Some("variable".to_owned()),
            _ => None,
        };
        let config = Config::load(Layer::default(), None, lookup).expect("loaded");
        assert_eq!(config.network, "file");
        assert_eq!(config.agent.as_deref(), Some("variable"));
    }

    #[test]
    fn a_missing_file_is_a_clear_error() {
        let missing = Path::new("/nonexistent/node.toml");
        let error = Config::load(Layer::default(), Some(missing), |_| None).expect_err("missing");
        let text = format!("{error:#}");
        assert!(text.starts_with("cannot read the configuration /nonexistent/node.toml: "));
    }

    #[test]
    fn bad_values_are_refused_by_the_name_of_their_flag() {
        for text in ["", "nonsense", "/ip4/999.0.0.1/tcp/1", "192.0.2.7:7655"] {
            assert!(refusal("listen", text).contains("is not a multiaddress"));
        }
        assert!(refusal("authority", "/ip4/192.0.2.7/tcp/7655").contains("must end in /p2p/ID"));
        refusal("authority", "/ip4/192.0.2.7/tcp/7655/p2p/abc");
        refusal("sync-interval", "10");
        refusal("key-type", "rsa");
        refusal("admission", "closed");
        assert!(refusal("reach", "all").contains("neither loopback, private nor public"));
        refusal("mdns", "on");
        refusal("fresh", "maybe");
        refusal("masa-api", "maybe");
        refusal("http-rate", "0");
        refusal("max-connections", "0");
        refusal("max-connections", "many");
        refusal("data-dir", " ");
    }

    #[test]
    fn list_is_given_with_its_admission_and_not_without() {
        let both = [("admission", "allow-list"), ("allow-list", "peers.txt")];
        assert_eq!(load(&both).expect("loaded").admission, Admission::AllowList);
        assert!(refusal("admission", "allow-list").contains("--allow-list"));
        assert!(refusal("allow-list", "peers.txt").contains("--admission"));
    }

    #[test]
    fn http_may_be_bound_beyond_loopback_and_then_says_so() {
        for text in ["127.0.0.1", "7656", "evil.example:80", "127.0.0.1:99999"] {
            assert!(refusal("http", text).contains("is not an address and a port"), "{text}");
        }
        for (text, beyond) in [
            ("127.0.0.1:0", false),
            ("127.0.0.2:7656", false),
            ("[::1]:1", false),
            ("localhost:7656", false),
            ("[::ffff:127.0.0.1]:1", false),
            ("0.0.0.0:7656", true),
            ("192.168.0.1:80", true),
            ("[::]:0", true),
            ("[2001:db8::1]:1", true),
        ] {
            let options = load(&[("http", text)]).and_then(|config| config.api_options());
            assert_eq!(options.expect("loaded").beyond_loopback, beyond, "{text}");
        }
    }

    #[test]
    fn a_token_file_is_read_and_checked() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("token");
        let options = || {
            let name = path.to_str().expect("a plain path");
            load(&[("http-token-file", name)]).expect("loaded").api_options()
        };
        let missing = format!("{:#}", options().expect_err("missing"));
        assert!(missing.starts_with("--http-token-file /"), "{missing}");
        std::fs::write(&path, "short\n").expect("written");
        let short = format!("{:#}", options().expect_err("short"));
        assert!(short.contains("32 to 512") && !short.contains('\n'), "{short}");
        let token = "0123456789abcdef0123456789abcdef";
        std::fs::write(&path, format!("{token}\n")).expect("written");
        assert_eq!(options().expect("good").token.reveal(), token);
    }

    #[test]
    fn an_origin_is_whole_and_no_pattern() {
        for text in ["*", "https://", "null", "https://a.example/", "ftp://a", "https://*.a", ""] {
            refusal("http-allow-origin", text);
        }
        for text in ["https://a.example", "http://localhost:3000", "http://[::1]:80"] {
            let config = load(&[("http-allow-origin", text)]).expect("loaded");
            assert_eq!(config.http_allow_origins, [text]);
        }
    }

    const EXAMPLE: &str = include_str!("../../contrib/rollbook.toml");

    /// The example with all that is commented out in it.
    fn whole_example() -> String {
        let mut text = String::new();
        for line in EXAMPLE.lines() {
            let shown = line.strip_prefix('#').filter(|rest| !rest.starts_with(' '));
            // A list goes on over lines that are indented.
            let inside = line.strip_prefix('#').filter(|rest| rest.starts_with("    \""));
            text.push_str(shown.or(inside).unwrap_or(line));
            text.push('\n');
        }
        text
    }

    #[test]
    fn the_example_is_taken_as_it_is() {
        let layers = Layers {
            file: Layer::toml("rollbook.toml", EXAMPLE).expect("parsed"),
            ..Layers::default()
        };
        let config = Config::from_layers(&layers).expect("taken");
        assert_eq!(config.data_dir, Path::new("/var/lib/rollbook"));
    }

    #[test]
    fn the_example_names_every_key_and_every_value_in_it_is_good() {
        let text = whole_example();
        for key in crate::layers::KEYS {
            let named = text.lines().filter(|line| line.starts_with(&format!("{} = ", key.name)));
            assert_eq!(named.count(), 1, "{} in\n{text}", key.name);
        }
        // The list counts only with its admission.
        let text = text.replace("admission = \"open\"", "admission = \"allow-list\"");
        let layers = Layers {
            file: Layer::toml("rollbook.toml", &text).expect("parsed"),
            ..Layers::default()
        };
        let config = Config::from_layers(&layers).expect("taken");
        assert_eq!((config.authorities.len(), config.grant_names.len()), (2, 2));
        config.builder().expect_err("the list of the example is not there");
    }
}
