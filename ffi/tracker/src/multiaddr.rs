//! Addresses as text: the protocols that addresses of libp2p are commonly made of.
//!
//! The text form is that of <https://github.com/multiformats/multiaddr>, the numbers are those of
//! its table of protocols.

use core::{
    fmt::Write as _,
    net::{Ipv4Addr, Ipv6Addr},
    str::{FromStr, from_utf8},
};

use rollbook_core::{PeerId, limits::ADDRESS_SIZE_MAX, multiaddr::is_well_formed};

use crate::{
    announcement::rollbook_address_t,
    args::{self, Buffer, Out},
    code::{Answer, Code, ROLLBOOK_E_MALFORMED},
    guard::{Told, guard, rollbook_error_t, telling},
};

/// The most bytes that the text of an address has.
pub const ROLLBOOK_ADDRESS_TEXT_MAX: usize = 672;

// Each byte of a value takes at most four. More takes only a name: at most 14, of a number of two.
const _: () = assert!(ROLLBOOK_ADDRESS_TEXT_MAX == ADDRESS_SIZE_MAX / 2 * "/webrtc-direct".len());

/// How the value of a protocol is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    None,
    Ip4,
    Ip6,
    Port,
    Name,
    Peer,
}

/// The protocols that have a text here.
const PROTOCOLS: [(&str, u16, Value); 16] = [
    ("ip4", 4, Value::Ip4),
    ("tcp", 6, Value::Port),
    ("ip6", 41, Value::Ip6),
    ("dns", 53, Value::Name),
    ("dns4", 54, Value::Name),
    ("dns6", 55, Value::Name),
    ("dnsaddr", 56, Value::Name),
    ("udp", 273, Value::Port),
    ("p2p-circuit", 290, Value::None),
    ("p2p", 421, Value::Peer),
    ("tls", 448, Value::None),
    ("quic-v1", 461, Value::None),
    ("webtransport", 465, Value::None),
    ("ws", 477, Value::None),
    ("wss", 478, Value::None),
    ("webrtc-direct", 280, Value::None),
];

/// The bytes of an address.
///
/// cbindgen:ignore
type Bytes = heapless::Vec<u8, ADDRESS_SIZE_MAX>;

/// Reads an address as text, such as `/ip4/192.0.2.1/tcp/7655`.
///
/// @param error takes where the text is wrong; may be NULL
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UTF8`, `ROLLBOOK_E_MALFORMED`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_multiaddr_parse(
    text: *const u8,
    text_size: usize,
    address: *mut rollbook_address_t,
    error: *mut rollbook_error_t,
) -> i32 {
    let take = |told: &mut Told| {
        // SAFETY: the caller's pointers, as described.
        let (text, mut out) = unsafe { (args::text(text, text_size)?, Out::new(address)?) };
        let read = parse(text).map_err(|(offset, why)| {
            let (code, offset) = (Code(ROLLBOOK_E_MALFORMED), u32::try_from(offset).unwrap_or(0));
            told.tell(rollbook_error_t::new(code, offset, why))
        })?;
        let mut bytes = [0; ADDRESS_SIZE_MAX];
        bytes[..read.len()].copy_from_slice(&read);
        let size = u8::try_from(read.len()).expect("an address has at most 96 bytes");
        out.put(rollbook_address_t { size, bytes });
        Ok(())
    };
    // SAFETY: the caller's pointers, as described.
    unsafe { telling(error, |told| guard(|| take(told))) }
}

/// Writes an address as text, without a zero at its end.
///
/// @param text room for `ROLLBOOK_ADDRESS_TEXT_MAX` bytes
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_BUFSIZE`, `ROLLBOOK_E_MALFORMED` for bytes
///         that are no address, or one of a protocol that has no text here
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_multiaddr_text(
    address: *const u8,
    address_size: usize,
    text: *mut u8,
    text_capacity: usize,
    text_size: *mut usize,
) -> i32 {
    guard(|| {
        // SAFETY: the caller's pointers, as described.
        let written = write(unsafe { args::bytes(address, address_size) }?)?;
        let size = ROLLBOOK_ADDRESS_TEXT_MAX;
        // SAFETY: the caller's pointers, as described. What was read is not looked at any more.
        let mut out = unsafe { Buffer::new(text, text_capacity, text_size, size) }?;
        out.bytes[..written.len()].copy_from_slice(written.as_bytes());
        out.put_used(written.len());
        Ok(())
    })
}

/// The bytes of an address; or where it is wrong, and what.
fn parse(text: &str) -> Result<Bytes, (usize, &'static str)> {
    let mut bytes = Bytes::new();
    let rest = text.strip_prefix('/').ok_or((0, "an address begins with a slash"))?;
    let mut parts = rest.split('/');
    let offset = |part: &str| part.as_ptr().addr() - text.as_ptr().addr();
    while let Some(name) = parts.next() {
        let known = PROTOCOLS.iter().find(|(listed, ..)| *listed == name);
        let (_, code, value) = known.ok_or((offset(name), "there is no such protocol here"))?;
        let given = if *value == Value::None {
            ""
        } else {
            parts.next().ok_or((text.len(), "a protocol lacks its value"))?
        };
        let at = if given.is_empty() { offset(name) } else { offset(given) };
        push_number(&mut bytes, *code)
            .and_then(|()| push_value(&mut bytes, *value, given))
            .ok_or((at, "the value is not one of its protocol, or the address is too long"))?;
    }
    Ok(bytes)
}

/// An unsigned varint, as in <https://github.com/multiformats/unsigned-varint>.
fn push_number(bytes: &mut Bytes, mut number: u16) -> Option<()> {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80).ok()?;
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]).ok()
}

fn push_value(bytes: &mut Bytes, value: Value, text: &str) -> Option<()> {
    match value {
        Value::None => Some(()),
        Value::Ip4 => bytes.extend_from_slice(&Ipv4Addr::from_str(text).ok()?.octets()).ok(),
        Value::Ip6 => bytes.extend_from_slice(&Ipv6Addr::from_str(text).ok()?.octets()).ok(),
        Value::Port => bytes.extend_from_slice(&text.parse::<u16>().ok()?.to_be_bytes()).ok(),
        Value::Name => push_sized(bytes, text.as_bytes()),
        Value::Peer => push_sized(bytes, text.parse::<PeerId>().ok()?.as_bytes()),
    }
}

fn push_sized(bytes: &mut Bytes, value: &[u8]) -> Option<()> {
    push_number(bytes, u16::try_from(value.len()).ok().filter(|size| *size > 0)?)?;
    bytes.extend_from_slice(value).ok()
}

/// The text of an address.
fn write(address: &[u8]) -> Answer<heapless::String<ROLLBOOK_ADDRESS_TEXT_MAX>> {
    let bad = Code(ROLLBOOK_E_MALFORMED);
    if !is_well_formed(address) {
        return Err(bad);
    }
    let mut text = heapless::String::new();
    let mut rest = address;
    while !rest.is_empty() {
        let code = take_number(&mut rest).ok_or(bad)?;
        let known = PROTOCOLS.iter().find(|(_, listed, _)| *listed == code);
        let (name, _, value) = known.ok_or(bad)?;
        write!(text, "/{name}").map_err(|_too_long| bad)?;
        write_value(&mut text, *value, &mut rest).ok_or(bad)?;
    }
    Ok(text)
}

fn write_value(text: &mut impl core::fmt::Write, value: Value, rest: &mut &[u8]) -> Option<()> {
    match value {
        Value::None => Some(()),
        Value::Ip4 => {
            let octets = rest.split_off(..4)?.first_chunk::<4>()?;
            write!(text, "/{}", Ipv4Addr::from(*octets)).ok()
        }
        Value::Ip6 => {
            let octets = rest.split_off(..16)?.first_chunk::<16>()?;
            write!(text, "/{}", Ipv6Addr::from(*octets)).ok()
        }
        Value::Port => {
            let port = rest.split_off(..2)?.first_chunk::<2>()?;
            write!(text, "/{}", u16::from_be_bytes(*port)).ok()
        }
        Value::Name => {
            let size = usize::from(take_number(rest)?);
            let name = from_utf8(rest.split_off(..size)?).ok()?;
            // A slash would begin another protocol.
            if name.is_empty() || name.contains('/') {
                return None;
            }
            write!(text, "/{name}").ok()
        }
        Value::Peer => {
            let size = usize::from(take_number(rest)?);
            let peer_id = PeerId::from_bytes(rest.split_off(..size)?).ok()?;
            write!(text, "/{}", peer_id.to_text()).ok()
        }
    }
}

/// Takes a number of at most two bytes, as all that are listed have.
fn take_number(rest: &mut &[u8]) -> Option<u16> {
    let low = u16::from(*rest.split_off_first()?);
    if low < 0x80 {
        return Some(low);
    }
    let high = u16::from(*rest.split_off_first()?);
    (high < 0x80).then_some(low & 0x7f | high << 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_and_written_alike() {
        for text in [
            "/ip4/192.0.2.1/tcp/7655",
            "/ip6/2001:db8::1/udp/4001/quic-v1",
            "/dns4/roll.example.org/tcp/443/wss",
            "/ip4/192.0.2.1/tcp/7655/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN",
        ] {
            let bytes = parse(text).unwrap();
            assert!(is_well_formed(&bytes), "{text}");
            assert_eq!(write(&bytes).unwrap(), text);
        }
        assert_eq!(parse("/ip4/192.0.2.1/tcp/7655").unwrap(), [4, 192, 0, 2, 1, 6, 0x1d, 0xe7]);
    }

    #[test]
    fn what_is_wrong_is_told_by_its_place() {
        for (text, place) in [
            ("", 0),
            ("ip4/1.2.3.4", 0),
            ("/ip4", 4),
            ("/ip4/1.2.3", 5),
            ("/ip4/1.2.3.4/tcp/65536", 17),
            ("/nothing/1", 1),
            ("/ip4/1.2.3.4/", 13),
            ("/dns4//tcp/1", 1),
        ] {
            assert_eq!(parse(text).unwrap_err().0, place, "{text}");
        }
    }

    #[test]
    fn every_protocol_is_one_that_the_core_knows() {
        for (name, code, value) in PROTOCOLS {
            let mut bytes = Bytes::new();
            push_number(&mut bytes, code).unwrap();
            match value {
                Value::None => {}
                Value::Ip4 => bytes.extend_from_slice(&[0; 4]).unwrap(),
                Value::Ip6 => bytes.extend_from_slice(&[0; 16]).unwrap(),
                Value::Port => bytes.extend_from_slice(&[0; 2]).unwrap(),
                Value::Name => push_sized(&mut bytes, b"name").unwrap(),
                Value::Peer => push_sized(&mut bytes, &[0x12; 34]).unwrap(),
            }
            assert!(is_well_formed(&bytes), "{name}");
        }
    }
}
