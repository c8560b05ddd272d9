//! With what a node is started.

use std::ffi::OsString;
use std::path::Path;

use crate::{Machine, Namespace, RunningNode};

/// The options of `rollbook start`, other than where its data are.
#[derive(Clone, Debug)]
pub struct Setup {
    listen: Vec<String>,
    http: String,
    options: Vec<(String, String)>,
    namespace: Option<Namespace>,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup::new()
    }
}

impl Setup {
    /// A node on loopback with ports of the system, that synchronises twice a second.
    pub fn new() -> Setup {
        Setup::slow().with("sync-interval", "500ms")
    }

    /// The same with the default interval, in which nothing happens by mere waiting.
    pub fn slow() -> Setup {
        Setup {
            listen: vec!["/ip4/127.0.0.1/tcp/0".to_owned()],
            http: "127.0.0.1:0".to_owned(),
            options: Vec::new(),
            namespace: None,
        }
    }

    /// Adds an option, or replaces it if it may be given once only.
    #[must_use]
    pub fn with(mut self, option: &str, value: &str) -> Setup {
        if ["sync-interval", "network", "agent", "key-type", "admission", "reach"].contains(&option)
        {
            self.options.retain(|(known, _)| known != option);
        }
        self.options.push((option.to_owned(), value.to_owned()));
        self
    }

    /// Makes it a member of a running authority's network.
    #[must_use]
    pub fn member_of(self, authority: &RunningNode) -> Setup {
        authority.listen().iter().fold(self, |setup, address| setup.with("authority", address))
    }

    /// Sets where it listens, in place of a port of the system.
    #[must_use]
    pub fn listening(mut self, addresses: &[String]) -> Setup {
        self.listen = addresses.to_vec();
        self
    }

    /// Puts it on a machine of its own, where it listens at the machine's address.
    #[must_use]
    pub fn on(mut self, machine: &Machine) -> Setup {
        self.listen = vec![machine.multiaddr()];
        self.namespace = Some(machine.namespace().clone());
        self
    }

    /// The machine that it is on, if that is one of its own.
    pub fn namespace(&self) -> Option<&Namespace> {
        self.namespace.as_ref()
    }

    /// Runs `work` on its machine.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.namespace {
            Some(namespace) => namespace.inside(work),
            None => work(),
        }
    }

    /// Sets where its API answers, in place of a port of the system.
    #[must_use]
    pub fn http(mut self, address: &str) -> Setup {
        address.clone_into(&mut self.http);
        self
    }

    /// All arguments.
    pub fn args(&self, data_dir: &Path) -> Vec<OsString> {
        let mut args: Vec<OsString> = vec!["start".into(), "--data-dir".into(), data_dir.into()];
        let mut add = |option: &str, value: &str| {
            args.push(format!("--{option}").into());
            args.push(value.into());
        };
        self.listen.iter().for_each(|address| add("listen", address));
        add("http", &self.http);
        self.options.iter().for_each(|(option, value)| add(option, value));
        args
    }
}
