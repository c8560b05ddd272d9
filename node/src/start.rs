//! `rollbook start`: a node with its HTTP API, from the first check to an orderly end.

use std::io::{self, IsTerminal as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context as _, Result, anyhow};
use rollbook::{NodeHandle, Role};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use crate::api::{self, Limits, Options, Server};
use crate::api_file::ApiFile;
use crate::cli::StartArgs;
use crate::config::Config;
use crate::first_screen::FirstScreen;
use crate::output;
use crate::reload::{Source, variable};
use crate::signals::Signals;

/// Warnings of the libraries are about single peers, and in a network of any size there is always
/// one: they are for those who ask.
const DEFAULT_LOG: &str = "error,rollbook=warn";

/// Runs a node until it is told to stop.
pub(crate) fn run(args: StartArgs) -> Result<()> {
    let (flags, file) = args.into_layer();
    let source = Source::new(flags, file);
    let config = source.load()?;
    log_to_stderr(variable("ROLLBOOK_LOG").or_else(|| variable("RUST_LOG")))?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start threads")?
        .block_on(start(config, source))
}

async fn start(config: Config, source: Source) -> Result<()> {
    let mut signals =
        Signals::new(source.may_change(&config)).context("cannot listen for signals")?;
    let options = Options { source: Some(source), ..config.api_options()? };
    let listener = bind(&config).await?;
    let node = tokio::select! {
        node = config.builder()?.start() => node?,
        () = signals.next() => return Ok(()),
    };
    let outcome = run_ready(&config, &node, options, listener, &mut signals).await;
    if outcome.is_err() {
        // What failed was outside the node, which still has to leave in order.
        node.leave().await;
    }
    outcome
}

/// Everything from "the node runs" to "it has stopped".
async fn run_ready(
    config: &Config,
    node: &NodeHandle,
    options: Options,
    listener: TcpListener,
    signals: &mut Signals,
) -> Result<()> {
    let api_file = ApiFile {
        url: url(listener.local_addr().context("HTTP address")?),
        token: options.token.reveal().to_owned(),
        peer_id: node.peer_id().to_string(),
        listen: node.listen_addresses().iter().map(ToString::to_string).collect(),
    };
    let source = options.source.clone();
    let server = Server::spawn(listener, api::router(node.clone(), options), Limits::default());
    api_file
        .write(node.data_dir())
        .with_context(|| format!("cannot write api.json in {}", node.data_dir().display()))?;
    // A closed standard output is no reason to stop.
    let _ = output::print(&first_screen(config, node, &api_file));

    loop {
        tokio::select! {
            reads_anew = signals.next_or_reload() => match reads_anew {
                true => reload(source.as_ref(), node).await,
                false => break,
            },
            _ = node.stopped() => break,
        }
    }
    tracing::info!("leaving");
    api_file.remove(node.data_dir());
    tokio::select! {
        () = node.leave() => {}
        () = signals.next() => std::process::exit(130),
    }
    tokio::select! {
        () = server.stop() => {}
        () = signals.next() => {}
    }
    Ok(node.stopped().await?)
}

/// Reads anew what may change. What cannot be used changes nothing.
async fn reload(source: Option<&Source>, node: &NodeHandle) {
    let Some(source) = source else { return };
    if let Err(error) = source.reload(node).await {
        tracing::error!("nothing was read anew: {error:#}");
    }
}

/// Takes the address of the HTTP API before the node shows itself to others.
async fn bind(config: &Config) -> Result<TcpListener> {
    TcpListener::bind(config.http).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse if runs_at(config, config.http) => anyhow!(
            "a node runs in {} already (its HTTP API answers at {}); a second one needs its own \
             --data-dir, --listen and --http",
            config.data_dir.display(),
            config.http
        ),
        io::ErrorKind::AddrInUse => anyhow!(
            "the HTTP address {} is in use, by another node or program: choose another with --http \
             (port 0 takes any that is free)",
            config.http
        ),
        _ => anyhow!("cannot listen on the HTTP address {}: {error}", config.http),
    })
}

/// Where this machine reaches the API.
fn url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

fn runs_at(config: &Config, address: SocketAddr) -> bool {
    ApiFile::read(&config.data_dir).is_ok_and(|file| file.url == url(address))
}

fn first_screen(config: &Config, node: &NodeHandle, api_file: &ApiFile) -> String {
    let texts = |addresses: &[rollbook::Multiaddr]| -> Vec<String> {
        addresses.iter().map(ToString::to_string).collect()
    };
    let called = std::env::args().next().filter(|name| name.contains('/'));
    let status = node.status();
    FirstScreen {
        program: called.as_deref().unwrap_or("rollbook"),
        peer_id: &api_file.peer_id,
        network: &config.network,
        is_authority: status.role == Role::Authority,
        authorities: &texts(&config.authorities),
        listen: &api_file.listen,
        external: &texts(&config.external_addresses),
        data_dir: &config.data_dir.display().to_string(),
        url: &api_file.url,
        sync_interval: config.sync_interval,
        grant_names: &config.grant_names,
    }
    .render()
}

fn log_to_stderr(filter: Option<String>) -> Result<()> {
    let filter = filter.filter(|filter| !filter.trim().is_empty());
    let directives = filter.as_deref().unwrap_or(DEFAULT_LOG);
    let filter = EnvFilter::builder()
        .parse(directives)
        .with_context(|| format!("ROLLBOOK_LOG: {directives:?} is not a log filter"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        // Reporting that standard error is closed would need standard error: it would panic.
        .log_internal_errors(false)
        .init();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_answers_everywhere_is_reached_by_loopback() {
        for (address, expected) in [
            ("0.0.0.0:1", "http://127.0.0.1:1"),
            ("[::]:1", "http://[::1]:1"),
            ("192.0.2.7:1", "http://192.0.2.7:1"),
            ("127.0.0.1:1", "http://127.0.0.1:1"),
        ] {
            assert_eq!(url(address.parse().expect("an address")), expected);
        }
    }
}
