//! The names by which Python knows what the core has numbers for.

use rollbook_core::{Admission, Counter, Event, Grant, PeerId, Verdict};

use crate::error::Failure;

/// Before the number of a grant or a counter that has no name.
const UNNAMED: &str = "app";

/// The names that an application gave to its grants, in the order of their numbers.
#[derive(Debug, Default)]
pub(crate) struct GrantNames(Vec<String>);

impl GrantNames {
    pub(crate) fn new(names: Vec<String>) -> Result<GrantNames, Failure> {
        if names.len() > usize::from(Grant::APP_COUNT) {
            let message = format!("at most {} grants can be named", Grant::APP_COUNT);
            return Err(Failure::new("CONFIG", "GrantNames", message));
        }
        Ok(GrantNames(names))
    }

    /// The grant of that name; `app3` is number 3 whatever its name.
    pub(crate) fn of_name(&self, name: &str) -> Result<Grant, Failure> {
        let named = || {
            let index = self.0.iter().position(|known| known == name)?;
            Grant::app(u8::try_from(index).ok()?)
        };
        let grant = match name {
            "staked" => Some(Grant::STAKED),
            "validator" => Some(Grant::VALIDATOR),
            _ => named().or_else(|| Grant::app(unnamed(name)?)),
        };
        grant.ok_or_else(|| {
            let known = "staked, validator, a configured name, or app0 to app12";
            Failure::new("ARGUMENT", "UnknownGrant", format!("no grant is named {name:?}: {known}"))
        })
    }

    /// Puts the application's names in place of the numbers.
    pub(crate) fn rename(&self, grants: &mut [String]) {
        for grant in grants {
            let index = unnamed(grant).map(usize::from);
            if let Some(name) = index.and_then(|index| self.0.get(index)) {
                name.clone_into(grant);
            }
        }
    }
}

fn unnamed(name: &str) -> Option<u8> {
    name.strip_prefix(UNNAMED)?.parse().ok()
}

/// The counter of that name.
pub(crate) fn counter_of_name(name: &str) -> Result<Counter, Failure> {
    let counter = match name {
        "successes" => Some(Counter::SUCCESSES),
        "timeouts" => Some(Counter::TIMEOUTS),
        "not-found" => Some(Counter::NOT_FOUND),
        _ => unnamed(name).and_then(Counter::app),
    };
    counter.ok_or_else(|| {
        let known = "successes, timeouts, not-found, or app0 to app4";
        Failure::new("ARGUMENT", "UnknownCounter", format!("no counter is named {name:?}: {known}"))
    })
}

/// The admission mode of that name.
pub(crate) fn admission_of_name(name: &str) -> Result<Admission, Failure> {
    match name {
        "open" => Ok(Admission::Open),
        "allow-list" => Ok(Admission::AllowList),
        "manual" => Ok(Admission::Manual),
        _ => {
            let message = "the admission is `open`, `allow-list` or `manual`";
            Err(Failure::new("CONFIG", "UnknownAdmission", message))
        }
    }
}

/// What pubsub is to do with a message.
pub(crate) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accept => "accept",
        Verdict::Ignore => "ignore",
        Verdict::Reject => "reject",
    }
}

/// The name of an event of the tracker, and the node that it is about.
pub(crate) fn told(event: &Event, own: &PeerId) -> (&'static str, Option<PeerId>) {
    match event {
        Event::Joined { peer } => ("joined", Some(*peer)),
        Event::Returned { peer } => ("returned", Some(*peer)),
        Event::Left { peer } => ("left", Some(*peer)),
        Event::Unknown { peer } => ("unknown", Some(*peer)),
        Event::Changed { peer } => ("changed", Some(*peer)),
        Event::Admitted { peer } => ("admitted", Some(*peer)),
        Event::Removed { peer } => ("removed", Some(*peer)),
        Event::Banned { peer } => ("banned", Some(*peer)),
        Event::Forgotten { peer } => ("forgotten", Some(*peer)),
        Event::Pending { peer } => ("pending", Some(*peer)),
        Event::GrantsChanged { peer } => ("grantsChanged", Some(*peer)),
        Event::Equivocation { writer, .. } => ("equivocation", Some(*writer)),
        Event::RootsDiffer { peer } => ("rootsDiffer", Some(*peer)),
        Event::NothingInCommon { peer } => ("nothingInCommon", Some(*peer)),
        Event::DuplicateIdentity => ("duplicateIdentity", Some(*own)),
        Event::AuthorityInTouch { peer } => ("authorityInTouch", Some(*peer)),
        Event::AuthorityLost { peer } => ("authorityLost", Some(*peer)),
        Event::AuthoritiesChanged => ("authoritiesChanged", None),
        Event::HomeChanged { home } => ("homeChanged", *home),
        Event::Recovering => ("recovering", Some(*own)),
        Event::Recovered => ("recovered", Some(*own)),
        Event::BecamePartial => ("becamePartial", Some(*own)),
        Event::BecameWhole => ("becameWhole", Some(*own)),
        Event::CompactionDue => ("compactionDue", None),
        _ => ("other", None),
    }
}
