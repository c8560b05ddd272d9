//! How many requests one address may make: a bucket of permissions that fills evenly.
//!
//! Invariants:
//! * the table is bounded; addresses beyond it share one bucket, so nobody makes it grow
//! * whether the node is here is answered always: a monitor is not refused for what others do

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;

use super::ApiError;

/// Addresses that are told apart.
const ADDRESSES_MAX: usize = 4_096;
/// A burst may be this many seconds' worth of requests.
const BURST_S: f64 = 2.0;

/// Who sent a request; the server says so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller(pub(super) IpAddr);

/// The buckets of all addresses.
#[derive(Clone, Debug)]
pub(super) struct Rates {
    per_second: f64,
    table: Arc<Mutex<Table>>,
}

#[derive(Debug, Default)]
struct Table {
    buckets: HashMap<IpAddr, Bucket>,
    /// Of those that have no place of their own.
    others: Option<Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Rates {
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second: per_second.into(), table: Arc::default() }
    }

    /// Takes a permission, if there is one.
    fn take(&self, caller: IpAddr, now: Instant) -> bool {
        let full = Bucket { left: self.per_second * BURST_S, at: now };
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let key = neighbourhood(caller);
        if table.buckets.len() >= ADDRESSES_MAX && !table.buckets.contains_key(&key) {
            // Whoever was quiet for so long that its bucket is full again needs no place.
            table.buckets.retain(|_, bucket| !bucket.is_full(self.per_second, now));
        }
        let bucket = match table.buckets.len() < ADDRESSES_MAX || table.buckets.contains_key(&key) {
            true => table.buckets.entry(key).or_insert(full),
            false => table.others.get_or_insert(full),
        };
        bucket.take(self.per_second, now)
    }
}

impl Bucket {
    fn filled(&self, per_second: f64, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.left + passed * per_second).min(per_second * BURST_S)
    }

    fn is_full(&self, per_second: f64, now: Instant) -> bool {
        self.filled(per_second, now) >= per_second * BURST_S
    }

    fn take(&mut self, per_second: f64, now: Instant) -> bool {
        let left = self.filled(per_second, now);
        let taken = left >= 1.0;
        *self = Self { left: if taken { left - 1.0 } else { left }, at: now };
        taken
    }
}

/// One customer has a whole network of IPv6 addresses.
fn neighbourhood(caller: IpAddr) -> IpAddr {
    match caller.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// Lets only as many requests of an address through as it may make.
pub(super) async fn require_rate(
    State(rates): State<Rates>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let exempt = ["/healthz", "/readyz"].contains(&request.uri().path());
    let caller = request.extensions().get::<Caller>().map(|caller| caller.0);
    // Without a server there is nobody to be told apart, as in tests of the routes alone.
    if let Some(caller) = caller.filter(|_| !exempt)
        && !rates.take(caller, Instant::now())
    {
        let message = "too many requests from this address; try again in a second";
        return Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, message));
    }
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn v4(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[test]
    fn a_burst_is_allowed_and_then_the_rate() {
        let (rates, start) = (Rates::new(10), Instant::now());
        let taken = |at| (0..100).filter(|_| rates.take(v4(1), at)).count();
        assert_eq!(taken(start), 20);
        assert_eq!(taken(start + Duration::from_millis(300)), 3);
        assert!(rates.take(v4(2), start), "another address has its own");
        assert_eq!(taken(start + Duration::from_secs(100)), 20);
    }

    #[test]
    fn the_neighbours_of_an_ipv6_address_share_its_bucket() {
        let (rates, now) = (Rates::new(1), Instant::now());
        let v6 = |text: &str| text.parse().expect("an address");
        assert!(rates.take(v6("2001:db8::1"), now) && rates.take(v6("2001:db8::2"), now));
        assert!(!rates.take(v6("2001:db8::3"), now));
        assert!(rates.take(v6("2001:db8:0:1::1"), now));
        assert_eq!(neighbourhood(v6("::ffff:192.0.2.1")), v6("192.0.2.1"));
    }

    #[test]
    fn the_table_is_bounded_and_forgets_the_quiet() {
        let (rates, now) = (Rates::new(1), Instant::now());
        let length = || rates.table.lock().expect("not poisoned").buckets.len();
        for number in 0..2 * ADDRESSES_MAX {
            rates.take(v4(u32::try_from(number).expect("few")), now);
        }
        assert_eq!(length(), ADDRESSES_MAX);
        assert!(!rates.take(v4(u32::MAX), now), "those without a place share one bucket");
        assert!(rates.take(v4(u32::MAX), now + Duration::from_secs(60)));
        assert_eq!(length(), 1);
    }
}
