//! What a tracker is told once.

use core::mem::size_of;

use rollbook_core::{
    Admission, Authorities, AuthoritiesError, Config, ConfigError, PeerId,
    limits::{AUTHORITIES_MAX, NETWORK_SIZE_MAX},
};

use crate::{
    args::{Plain, SizedOut},
    code::{Code, ROLLBOOK_E_ARGUMENT, ROLLBOOK_E_CONFIG, ROLLBOOK_E_KEY},
    guard::{guard, rollbook_error_t},
    peer_id::rollbook_peer_id_t,
};

/// An authority lets in whoever renews a lease, at a limited rate.
pub const ROLLBOOK_ADMISSION_OPEN: u8 = 0;
/// An authority lets in whoever is on a list, and whom an operator admits.
pub const ROLLBOOK_ADMISSION_ALLOW_LIST: u8 = 1;
/// An authority lets in whom an operator admits.
pub const ROLLBOOK_ADMISSION_MANUAL: u8 = 2;

/// The most authorities of a network, retired ones included.
pub const ROLLBOOK_AUTHORITIES_MAX: usize = 8;
/// The most bytes of a network's name.
pub const ROLLBOOK_NETWORK_SIZE_MAX: usize = 32;

const _: () = assert!(ROLLBOOK_AUTHORITIES_MAX == AUTHORITIES_MAX);
const _: () = assert!(ROLLBOOK_NETWORK_SIZE_MAX == NETWORK_SIZE_MAX);

/// What a tracker is told once. Filled in by `rollbook_config_default`; then the network and its
/// authorities are set.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rollbook_config_t {
    /// How often a member asks its home for changes and renews its lease, in milliseconds, from 10
    /// to a day. Shorter finds out sooner, longer costs less; a lease lasts three of them.
    pub interval_ms: u64,
    /// The size of journal, in bytes, below which no compaction is asked for.
    pub compaction_floor: u64,
    /// After how long an authority publishes what others counted about a node, in milliseconds,
    /// where nothing else is to be said of it.
    pub tallies_interval_ms: u64,
    /// The most nodes that the roll holds. A member of a larger network becomes partial.
    pub capacity: u32,
    /// The largest message of synchronisation that is taken, in bytes, from 16 KiB to 1 MiB.
    pub message_size_max: u32,
    /// Whom it lets in, if it is an authority: one of `ROLLBOOK_ADMISSION_*`.
    pub admission: u8,
    /// 1: hold only this node, the authorities and what `rollbook_tracker_hold` names.
    pub partial: u8,
    /// How many of `authorities` act: at least 1. A node that is among them is one.
    pub acting_count: u8,
    /// How many behind them are retired: nobody's home, and what they signed still counts.
    pub retired_count: u8,
    /// The size of the network's name, at least 1.
    pub network_size: u8,
    /// Zeros.
    pub zero: [u8; 3],
    /// The name of the network: part of every signature.
    pub network: [u8; ROLLBOOK_NETWORK_SIZE_MAX],
    /// The authorities in the order in which a member tries them, then the retired ones.
    pub authorities: [rollbook_peer_id_t; ROLLBOOK_AUTHORITIES_MAX],
}

const _: () = assert!(size_of::<rollbook_config_t>() == 24 + 8 + 8 + 32 + 8 * 48);

// SAFETY: it is made of integers and rows of them, without padding, as is asserted.
unsafe impl Plain for rollbook_config_t {}

impl rollbook_config_t {
    /// The configuration that it stands for.
    pub(crate) fn checked(&self) -> Result<Config, rollbook_error_t> {
        if self.zero != [0; 3] || self.partial > 1 {
            return Err(wrong(ROLLBOOK_E_ARGUMENT, "a byte of the configuration is no 0 or 1"));
        }
        let admission = admission(self.admission)
            .ok_or(wrong(ROLLBOOK_E_ARGUMENT, "there is no such way of admission"))?;
        let name = self.network.get(..self.network_size.into());
        let name = name.and_then(|name| core::str::from_utf8(name).ok());
        let network = name.and_then(|name| name.parse().ok()).ok_or(wrong(
            ROLLBOOK_E_CONFIG,
            "the network's name is not 1 to 32 characters of a-z, 0-9 and -",
        ))?;
        let (acting, retired): (usize, usize) =
            (self.acting_count.into(), self.retired_count.into());
        let authorities = self.authorities.get(..acting).and_then(|acting_ids| {
            let retired_ids = self.authorities.get(acting..acting + retired)?;
            Some((acting_ids, retired_ids))
        });
        let (acting, retired) =
            authorities.ok_or(wrong(ROLLBOOK_E_CONFIG, "more than 8 authorities"))?;
        Ok(Config {
            interval_ms: self.interval_ms,
            capacity: self.capacity,
            admission,
            partial: self.partial == 1,
            compaction_floor: self.compaction_floor,
            tallies_interval_ms: self.tallies_interval_ms,
            message_size_max: self.message_size_max,
            ..Config::new(network, list(acting, retired)?)
        })
    }
}

/// The list of authorities of these ids.
pub(crate) fn list(
    acting: &[rollbook_peer_id_t],
    retired: &[rollbook_peer_id_t],
) -> Result<Authorities, rollbook_error_t> {
    let mut ids = heapless::Vec::<PeerId, AUTHORITIES_MAX>::new();
    if acting.len() + retired.len() > AUTHORITIES_MAX {
        return Err(refused(ConfigError::Authorities(AuthoritiesError::TooMany)));
    }
    for given in acting.iter().chain(retired) {
        let id = given.read().map_err(|code| wrong(code.0, "an authority is no peer id"))?;
        ids.push(id).expect("there are no more than fit, as was checked");
    }
    let (acting, retired) = ids.as_slice().split_at(acting.len());
    Authorities::with_retired(acting, retired).map_err(|why| refused(ConfigError::Authorities(why)))
}

/// The way of admission of a code.
pub(crate) fn admission(code: u8) -> Option<Admission> {
    match code {
        ROLLBOOK_ADMISSION_OPEN => Some(Admission::Open),
        ROLLBOOK_ADMISSION_ALLOW_LIST => Some(Admission::AllowList),
        ROLLBOOK_ADMISSION_MANUAL => Some(Admission::Manual),
        _ => None,
    }
}

/// The core's reason as an error.
pub(crate) fn refused(why: ConfigError) -> rollbook_error_t {
    let code = match why {
        ConfigError::Key(_) => ROLLBOOK_E_KEY,
        _ => ROLLBOOK_E_CONFIG,
    };
    wrong(code, why)
}

fn wrong(code: i32, why: impl core::fmt::Display) -> rollbook_error_t {
    rollbook_error_t::new(Code(code), 0, why)
}

/// Fills in the defaults: an interval of 10 s, 100,000 nodes, open admission, 256 KiB of journal,
/// tallies every hour, messages of 16 KiB; no network and no authorities, which have to be set.
///
/// @param config_size `sizeof *config`
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UNSUPPORTED`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_config_default(
    config: *mut rollbook_config_t,
    config_size: usize,
) -> i32 {
    guard(|| {
        // SAFETY: the caller's pointer, as described.
        let mut out = unsafe { SizedOut::new(config, config_size) }?;
        out.put(&DEFAULT);
        Ok(())
    })
}

/// As the core's defaults are, which a test below compares.
const DEFAULT: rollbook_config_t = rollbook_config_t {
    interval_ms: 10_000,
    compaction_floor: 256 * 1024,
    tallies_interval_ms: 60 * 60 * 1000,
    capacity: 100_000,
    message_size_max: 16 * 1024,
    admission: ROLLBOOK_ADMISSION_OPEN,
    partial: 0,
    acting_count: 0,
    retired_count: 0,
    network_size: 0,
    zero: [0; 3],
    network: [0; ROLLBOOK_NETWORK_SIZE_MAX],
    authorities: [rollbook_peer_id_t::NONE; ROLLBOOK_AUTHORITIES_MAX],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_the_cores() {
        let config = Config::new("main".parse().unwrap(), one());
        assert_eq!(DEFAULT.interval_ms, config.interval_ms);
        assert_eq!(DEFAULT.compaction_floor, config.compaction_floor);
        assert_eq!(DEFAULT.tallies_interval_ms, config.tallies_interval_ms);
        assert_eq!(DEFAULT.capacity, config.capacity);
        assert_eq!(DEFAULT.message_size_max, config.message_size_max);
        assert_eq!(admission(DEFAULT.admission), Some(config.admission));
        assert_eq!(DEFAULT.partial == 1, config.partial);
    }

    fn one() -> Authorities {
        use rollbook_core::{Keypair, Signer as _};
        Authorities::new(&[Keypair::ed25519([1; 32]).peer_id()]).unwrap()
    }
}
