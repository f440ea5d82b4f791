//! Where a request comes from: the peer's address, or what trusted proxies say of it.
//!
//! `X-Forwarded-For` counts only hop by hop from the right, as far as the hops are configured as trusted.
//! No other forwarding header is read at all.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A network of trusted proxies, as `10.0.0.0/24` or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    bits: u8,
}

impl Network {
    /// Parses a network. One that holds every address is refused: trusting everybody is trusting nobody.
    pub fn parse(text: &str) -> Result<Self, InvalidNetwork> {
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) => (base, Some(bits)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().map_err(|_| InvalidNetwork::Malformed)?;
        let widest = if base.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().map_err(|_| InvalidNetwork::Malformed)?,
            None => widest,
        };
        if bits > widest {
            return Err(InvalidNetwork::Malformed);
        }
        if bits == 0 {
            return Err(InvalidNetwork::Everybody);
        }
        Ok(Self { base, bits })
    }

    /// Whether the address lies inside.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                same_head(u128::from(base.to_bits()), u128::from(address.to_bits()), 32, self.bits)
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                same_head(base.to_bits(), address.to_bits(), 128, self.bits)
            }
            _ => false,
        }
    }
}

const fn same_head(left: u128, right: u128, width: u8, bits: u8) -> bool {
    let shift = width.saturating_sub(bits) as u32;
    match (left.checked_shr(shift), right.checked_shr(shift)) {
        (Some(left), Some(right)) => left == right,
        _ => true,
    }
}

/// The text is no network of proxies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNetwork {
    /// Not an address, or more bits than it has.
    #[error("expected an address or a network such as 10.0.0.0/24")]
    Malformed,
    /// A network of all addresses.
    #[error("a network of all addresses would let every caller choose the address they seem to come from")]
    Everybody,
}

/// The right-most address that is not a trusted proxy; the peer itself when it is none.
#[must_use]
pub fn of(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut address = peer.to_canonical();
    if !is_trusted(address) {
        return address;
    }
    let hops = headers.get_all(X_FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = hops.flat_map(|value| value.split(',')).map(str::trim).collect();
    for hop in hops.iter().rev() {
        let Ok(next) = hop.parse::<IpAddr>() else { break };
        address = next.to_canonical();
        if !is_trusted(address) {
            break;
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn seen(peer: &str, forwarded: &'static str, trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(X_FORWARDED_FOR, HeaderValue::from_static(forwarded));
        let trusted: Vec<_> = trusted.iter().map(|text| Network::parse(text).unwrap()).collect();
        of(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn without_trusted_proxies_the_header_means_nothing() {
        assert_eq!(seen("203.0.113.9", "192.0.2.7", &[]), "203.0.113.9");
    }

    #[test]
    fn the_right_most_untrusted_hop_is_the_caller() {
        let trusted = ["10.0.0.0/24"];
        assert_eq!(seen("10.0.0.5", "192.0.2.7, 203.0.113.9", &trusted), "203.0.113.9");
        assert_eq!(seen("10.0.0.5", "192.0.2.7, 203.0.113.9, 10.0.0.9", &trusted), "203.0.113.9");
        assert_eq!(seen("203.0.113.9", "192.0.2.7, 10.0.0.9", &trusted), "203.0.113.9");
        assert_eq!(seen("10.0.0.5", "garbage", &trusted), "10.0.0.5");
        assert_eq!(seen("::ffff:10.0.0.5", "203.0.113.9", &trusted), "203.0.113.9");
    }

    #[test]
    fn trusting_everybody_is_refused() {
        assert_eq!(Network::parse("0.0.0.0/0"), Err(InvalidNetwork::Everybody));
        assert_eq!(Network::parse("::/0"), Err(InvalidNetwork::Everybody));
        assert_eq!(Network::parse("10.0.0.0/33"), Err(InvalidNetwork::Malformed));
        assert_eq!(Network::parse("proxy.example"), Err(InvalidNetwork::Malformed));
    }
}
