//! What a node is and does, in figures for Prometheus. `docs/metrics.md` lists them.
//!
//! Figures are taken when they are asked for: from the status, which looks at every node, and from
//! what the driver counts. Counters of the core that share the beginning of their name are one
//! metric, and the rest of the name is its label, so that a new counter needs no line here.

use std::fmt;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::{encode, encode_registry};
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeMetric as _, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use rollbook::{Measures, NodeHandle, Registry, Role, SYNC_BOUNDS_S, Status, SyncTimes};

use super::error::AnyRequest;

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Beginnings of the core's counters, the metric that they become, and what it counts.
const GROUPS: [(&str, &str, &str); 9] = [
    ("statements_", "rollbook_statements", "Statements met, by what became of them"),
    ("gossip_", "rollbook_gossip_messages", "Gossip, by what became of it"),
    ("requests_", "rollbook_sync_requests", "Requests of synchronisation"),
    ("responses_", "rollbook_sync_responses", "Responses of synchronisation"),
    ("walks_", "rollbook_sync_walks", "Walks to find out where two rolls differ"),
    ("leases_", "rollbook_lease_changes", "What this authority did with leases"),
    ("newcomers_", "rollbook_newcomers", "New nodes that this authority put off"),
    ("observations_", "rollbook_observations", "Observations that were not counted"),
    ("pool_", "rollbook_pool_changes", "Announcements of nodes that nobody vouches for"),
];
/// All other counters.
const OTHER: (&str, &str) = ("rollbook_other", "Whatever else is counted");

/// The node in figures, for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "watch",
    responses(
        (status = 200, description = "OpenMetrics text", body = String,
            content_type = "application/openmetrics-text"),
        AnyRequest,
    )
)]
pub(crate) async fn metrics(State(node): State<NodeHandle>) -> impl IntoResponse {
    let figures = Figures { status: node.status(), measures: node.measures() };
    let text = text(figures, node.network_registry());
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text)
}

/// This node's figures, then those of libp2p.
fn text(figures: Figures, network: &Registry) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(figures));
    let mut text = String::new();
    encode_registry(&mut text, &registry)
        .and_then(|()| encode(&mut text, network))
        .expect("a string takes any text");
    text
}

/// Everything that is told.
#[derive(Debug)]
struct Figures {
    status: Status,
    measures: Measures,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Gauge,
    Counter,
}

type Labels = Vec<(&'static str, String)>;

/// One metric with its values.
#[derive(Debug)]
struct Metric {
    name: &'static str,
    help: &'static str,
    sort: Sort,
    values: Vec<(Labels, u64)>,
}

impl Metric {
    fn new(name: &'static str, help: &'static str, sort: Sort) -> Self {
        Self { name, help, sort, values: Vec::new() }
    }

    fn one(name: &'static str, help: &'static str, sort: Sort, value: u64) -> Self {
        Self { values: vec![(Vec::new(), value)], ..Self::new(name, help, sort) }
    }

    /// Adds a value under one label.
    fn with(mut self, label: &'static str, value: &str, count: u64) -> Self {
        self.values.push((vec![(label, value.to_owned())], count));
        self
    }

    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let sort = match self.sort {
            Sort::Gauge => MetricType::Gauge,
            Sort::Counter => MetricType::Counter,
        };
        let mut metric = encoder.encode_descriptor(self.name, self.help, None, sort)?;
        if let [(labels, value)] = self.values.as_slice()
            && labels.is_empty()
        {
            return self.encode_value(*value, metric);
        }
        self.values.iter().try_for_each(|(labels, value)| {
            self.encode_value(*value, metric.encode_family(labels)?)
        })
    }

    fn encode_value(&self, value: u64, encoder: MetricEncoder<'_>) -> fmt::Result {
        match self.sort {
            Sort::Gauge => ConstGauge::new(value).encode(encoder),
            Sort::Counter => ConstCounter::new(value).encode(encoder),
        }
    }
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for metric in self.state().iter().chain(&self.work()).chain(&self.counted()) {
            metric.encode(&mut encoder)?;
        }
        encode_sync_times(&self.measures.journal_syncs, &mut encoder)
    }
}

impl Figures {
    /// What the node is at the moment.
    fn state(&self) -> Vec<Metric> {
        use Sort::Gauge;
        let status = &self.status;
        let nodes = &status.nodes;
        let gauge = |name, help, value| Metric::one(name, help, Gauge, value);
        // One that retired need not be in touch with anybody.
        let acting = status.authorities.iter().filter(|authority| !authority.retired);
        let authorities = acting.fold(
            Metric::new(
                "rollbook_authority_in_touch",
                "Whether this node, or its home, heard the authority within a lease window",
                Gauge,
            ),
            |metric, authority| {
                let peer = authority.peer_id.to_string();
                metric.with("authority", &peer, authority.in_touch.into())
            },
        );
        vec![
            self.info(),
            gauge("rollbook_start_time_seconds", "When the node was started", status.started_at),
            Metric::new("rollbook_nodes", "Nodes of the roll, by state", Gauge)
                .with("state", "online", nodes.online)
                .with("state", "left", nodes.left)
                .with("state", "unknown", nodes.unknown)
                .with("state", "pending", nodes.pending)
                .with("state", "removed", nodes.removed)
                .with("state", "banned", nodes.banned),
            gauge("rollbook_roll_bytes", "Size of all statements in the roll", status.roll_bytes),
            gauge(
                "rollbook_root_prefix",
                "The first bytes of the roll's root as a number: equal rolls have equal ones",
                root_prefix(&status.root),
            ),
            authorities,
            gauge("rollbook_degraded", "1 while the node has no home", status.degraded.into()),
            gauge(
                "rollbook_isolated",
                "1 while an authority takes itself to be cut off",
                status.isolated.into(),
            ),
            gauge(
                "rollbook_recovering",
                "1 while an authority signs nothing until it has back what it had signed",
                status.recovering.into(),
            ),
            gauge(
                "rollbook_leases",
                "Sessions that this authority knows to be here",
                status.leases,
            ),
            gauge("rollbook_connections", "Connected peers", status.connections.into()),
            gauge("rollbook_journal_bytes", "Size of the journal", status.journal_bytes),
            gauge(
                "rollbook_journal_failing",
                "1 while the journal cannot be written",
                status.journal_fault.is_some().into(),
            ),
        ]
    }

    fn info(&self) -> Metric {
        let status = &self.status;
        let role = match status.role {
            Role::Authority => "authority",
            Role::Member => "member",
        };
        let labels = vec![
            ("version", status.version.clone()),
            ("network", status.network.clone()),
            ("role", role.to_owned()),
            ("peer_id", status.peer_id.to_string()),
        ];
        let help = "Who this node is; always 1";
        Metric { values: vec![(labels, 1)], ..Metric::new("rollbook_node_info", help, Sort::Gauge) }
    }

    /// What the driver counts.
    fn work(&self) -> Vec<Metric> {
        use Sort::Counter;
        let measures = &self.measures;
        let events = measures.events.iter().fold(
            Metric::new("rollbook_events", "Events since the start, by kind", Counter),
            |metric, (kind, count)| metric.with("kind", kind, *count),
        );
        let bytes = |name, help, traffic: rollbook::Traffic| {
            Metric::new(name, help, Counter).with("direction", "in", traffic.bytes_in).with(
                "direction",
                "out",
                traffic.bytes_out,
            )
        };
        vec![
            events,
            bytes("rollbook_gossip_bytes", "Bytes of gossip messages", measures.gossip),
            bytes("rollbook_sync_bytes", "Bytes of requests and responses", measures.sync),
            Metric::one(
                "rollbook_failovers",
                "How often the home was replaced by another",
                Counter,
                measures.failovers,
            ),
        ]
    }

    /// What the core counts.
    fn counted(&self) -> Vec<Metric> {
        let mut metrics: Vec<_> =
            GROUPS.iter().map(|(_, name, help)| Metric::new(name, help, Sort::Counter)).collect();
        let mut other = Metric::new(OTHER.0, OTHER.1, Sort::Counter);
        for (name, count) in &self.status.counters {
            let group = GROUPS.iter().position(|(start, ..)| name.starts_with(start));
            let (metric, label, rest) = match group {
                Some(index) => (&mut metrics[index], "outcome", &name[GROUPS[index].0.len()..]),
                None => (&mut other, "counter", name.as_str()),
            };
            metric.values.push((vec![(label, rest.to_owned())], *count));
        }
        metrics.push(other);
        metrics
    }
}

/// As many bits as a float of Prometheus holds exactly.
fn root_prefix(root: &str) -> u64 {
    root.get(..12).and_then(|prefix| u64::from_str_radix(prefix, 16).ok()).unwrap_or(0)
}

fn encode_sync_times(times: &SyncTimes, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let mut classes: Vec<(f64, u64)> = SYNC_BOUNDS_S.iter().copied().zip(times.classes).collect();
    // The encoder adds the classes up and ends with one that has no bound.
    let above = times.count.saturating_sub(times.classes.iter().sum());
    classes.push((f64::INFINITY, above));
    let help = "How long the disk took for what had to be on it";
    let name = "rollbook_journal_sync_seconds";
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
    metric.encode_histogram::<NoLabelSet>(times.sum_s, times.count, &classes, None)
}

#[cfg(test)]
mod tests {
    use rollbook::Node;

    use super::*;

    async fn sample() -> Figures {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let listen = "/ip4/127.0.0.1/tcp/0".parse().expect("an address");
        let builder = Node::builder().data_dir(dir.path().to_owned()).listen(vec![listen]);
        let node = builder.start().await.expect("a node starts");
        let figures = Figures { status: node.status(), measures: node.measures() };
        node.leave().await;
        figures
    }

    #[tokio::test]
    async fn every_counter_of_the_core_is_told_once() {
        let figures = sample().await;
        let counted = figures.counted();
        let told: usize = counted.iter().map(|metric| metric.values.len()).sum();
        assert_eq!(told, figures.status.counters.len());
        assert!(counted.iter().all(|metric| !metric.values.is_empty()), "{counted:?}");
    }

    #[tokio::test]
    async fn every_metric_is_documented() {
        let page = include_str!("../../../docs/metrics.md");
        let text = text(sample().await, &Registry::default());
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let mut count = 0;
        for (name, sort) in types.map(|line| line.split_once(' ').expect("a name and a type")) {
            let suffix = if sort == "counter" { "_total" } else { "" };
            let row = format!("| `{name}{suffix}");
            assert!(page.contains(&row), "docs/metrics.md has no row {row}");
            count += 1;
        }
        assert!(count > 20, "{text}");
    }

    #[tokio::test]
    async fn syncs_add_up_to_their_count() {
        let mut figures = sample().await;
        let mut times = SyncTimes { count: 5, sum_s: 61.5, ..SyncTimes::default() };
        times.classes[0] = 3;
        times.classes[2] = 1;
        figures.measures.journal_syncs = times;
        let text = text(figures, &Registry::default());
        for line in [
            "rollbook_journal_sync_seconds_bucket{le=\"0.001\"} 3",
            "rollbook_journal_sync_seconds_bucket{le=\"0.0025\"} 3",
            "rollbook_journal_sync_seconds_bucket{le=\"0.005\"} 4",
            "rollbook_journal_sync_seconds_bucket{le=\"5.0\"} 4",
            "rollbook_journal_sync_seconds_bucket{le=\"+Inf\"} 5",
            "rollbook_journal_sync_seconds_count 5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"), "{text}");
    }

    #[tokio::test]
    async fn libp2ps_own_figures_follow_and_the_end_is_said_once() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let listen = "/ip4/127.0.0.1/tcp/0".parse().expect("an address");
        let builder = Node::builder().data_dir(dir.path().to_owned()).listen(vec![listen]);
        let node = builder.start().await.expect("a node starts");
        let figures = Figures { status: node.status(), measures: node.measures() };
        let text = text(figures, node.network_registry());
        assert!(text.contains("\nlibp2p_swarm_new_listen_addr_total{"), "{text}");
        assert!(text.contains("\ngossipsub_"), "{text}");
        assert_eq!(text.matches("# EOF").count(), 1);
        let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let mut names: Vec<_> = names.collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "no metric is told twice");
        node.leave().await;
    }

    #[test]
    fn a_root_becomes_a_number_that_a_float_holds() {
        assert_eq!(root_prefix("0000000000ff0123456789abcdef0123"), 255);
        assert_eq!(root_prefix(&"f".repeat(32)), (1 << 48) - 1);
        assert_eq!(root_prefix(""), 0);
    }
}
