//! Whose `X-Forwarded-For` is believed, and what it then says.

use std::{fmt, net::IpAddr, str::FromStr};

use crate::request::Head;

/// One address or network of a reverse proxy, such as `10.0.0.7` or `2001:db8::/32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proxy {
    network: IpAddr,
    prefix: u8,
}

/// Not an address or a network in CIDR notation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an IP address or network, such as 10.0.0.7 or 10.0.0.0/8 with no bits behind the 8")]
pub struct ProxyError;

impl Proxy {
    /// A network by its prefix length.
    ///
    /// # Errors
    /// The prefix is longer than the address, or bits below it are set.
    pub fn network(network: IpAddr, prefix: u8) -> Result<Self, ProxyError> {
        let (bits, width) = bits(network);
        if prefix > width || bits & !mask(prefix) != 0 {
            return Err(ProxyError);
        }
        Ok(Self { network, prefix })
    }

    fn contains(&self, address: IpAddr) -> bool {
        if self.network.is_ipv4() != address.is_ipv4() {
            return false;
        }
        let mask = mask(self.prefix);
        bits(self.network).0 & mask == bits(address).0 & mask
    }
}

impl From<IpAddr> for Proxy {
    fn from(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self {
            network: address,
            prefix: bits(address).1,
        }
    }
}

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let Some((network, prefix)) = text.split_once('/') else {
            return text
                .parse::<IpAddr>()
                .map(Self::from)
                .map_err(|_| ProxyError);
        };
        if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ProxyError);
        }
        Self::network(
            network.parse().map_err(|_| ProxyError)?,
            prefix.parse().map_err(|_| ProxyError)?,
        )
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

/// The bits of an address, left-aligned, and how many there are.
fn bits(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

fn mask(prefix: u8) -> u128 {
    match prefix {
        0 => 0,
        prefix => u128::MAX << (128 - u32::from(prefix.min(128))),
    }
}

/// The address that a request comes from: the right-most hop that is not one of `proxies`.
///
/// Only `X-Forwarded-For` is read, and only as far as listed proxies wrote it; a hop that is no
/// address ends the walk at the proxy that passed it on.
pub(crate) fn client_address(head: &Head, proxies: &[Proxy]) -> Option<IpAddr> {
    let trusted = |address: IpAddr| proxies.iter().any(|proxy| proxy.contains(address));
    let mut address = head.peer()?.to_canonical();
    let values: Vec<_> = head.values("x-forwarded-for").collect();
    let mut hops = values
        .iter()
        .rev()
        .flat_map(|value| value.rsplit(|byte| *byte == b','));
    while trusted(address) {
        match hops.next().map(hop) {
            Some(Some(before)) => address = before,
            Some(None) | None => break,
        }
    }
    Some(address)
}

/// One hop: an address, with or without a port.
fn hop(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim_matches([' ', '\t']);
    let address = text
        .parse::<IpAddr>()
        .ok()
        .or_else(|| {
            text.parse::<std::net::SocketAddr>()
                .ok()
                .map(|socket| socket.ip())
        })
        .or_else(|| {
            text.strip_prefix('[')?
                .strip_suffix(']')?
                .parse::<std::net::Ipv6Addr>()
                .ok()
                .map(IpAddr::V6)
        })?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, forwarded: &[&str], proxies: &[&str]) -> Option<String> {
        let mut head = Head::new("POST", "/login", "/start", "", peer.parse().ok());
        for value in forwarded {
            head = head.header("X-Forwarded-For", *value);
        }
        let proxies: Vec<Proxy> = proxies.iter().map(|text| text.parse().unwrap()).collect();
        client_address(&head, &proxies).map(|address| address.to_string())
    }

    #[test]
    fn trusted_proxy_parsing() {
        let proxy = &["10.0.0.0/8"];
        for (peer, forwarded, proxies, expected) in [
            // Nobody is trusted by default.
            ("10.0.0.1", &["203.0.113.9"][..], &[][..], "10.0.0.1"),
            ("203.0.113.1", &["198.51.100.1"], proxy, "203.0.113.1"),
            // One proxy, and what the client itself claimed before it.
            ("10.0.0.1", &["203.0.113.9"], proxy, "203.0.113.9"),
            ("10.0.0.1", &["6.6.6.6, 203.0.113.9"], proxy, "203.0.113.9"),
            (
                "10.0.0.1",
                &["6.6.6.6", "203.0.113.9"],
                proxy,
                "203.0.113.9",
            ),
            // A chain of our own proxies.
            (
                "10.0.0.1",
                &["6.6.6.6,203.0.113.9 , 10.1.2.3"],
                proxy,
                "203.0.113.9",
            ),
            ("10.0.0.1", &["10.9.9.9, 10.1.2.3"], proxy, "10.9.9.9"),
            // Nothing, or nonsense, was forwarded.
            ("10.0.0.1", &[], proxy, "10.0.0.1"),
            ("10.0.0.1", &[""], proxy, "10.0.0.1"),
            ("10.0.0.1", &["unknown"], proxy, "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.9, unknown"], proxy, "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.9, , 10.1.1.1"], proxy, "10.1.1.1"),
            ("10.0.0.1", &["203.0.113.9\u{b}"], proxy, "10.0.0.1"),
            // Ports, brackets and mapped addresses.
            ("10.0.0.1", &["203.0.113.9:4711"], proxy, "203.0.113.9"),
            ("10.0.0.1", &["[2001:db8::1]:443"], proxy, "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1]"], proxy, "2001:db8::1"),
            (
                "::ffff:10.0.0.1",
                &["::ffff:203.0.113.9"],
                proxy,
                "203.0.113.9",
            ),
            (
                "2001:db8::5",
                &["203.0.113.9"],
                &["2001:db8::/32"],
                "203.0.113.9",
            ),
            (
                "2001:db9::5",
                &["203.0.113.9"],
                &["2001:db8::/32"],
                "2001:db9::5",
            ),
        ] {
            assert_eq!(
                from(peer, forwarded, proxies).as_deref(),
                Some(expected),
                "{peer} {forwarded:?} {proxies:?}"
            );
        }
        assert_eq!(from("", &["203.0.113.9"], proxy), None);
        for wrong in [
            "",
            "10.0.0.1/",
            "10.0.0.1/33",
            "10.0.0.1/8",
            "10.0.0.0/+8",
            "::/129",
            "10.0.0.0/8/8",
            "proxy",
            "10.0.0",
            "*",
        ] {
            assert!(wrong.parse::<Proxy>().is_err(), "{wrong}");
        }
        assert!(
            "0.0.0.0/0"
                .parse::<Proxy>()
                .is_ok_and(|all| all.contains("9.9.9.9".parse().unwrap()))
        );
    }
}
