//! Which addresses the server may fetch something from: no way leads from a URL to cloud metadata, to this machine or to the
//! network around it, but where the configuration says so. Not here: fetching (fetch).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Anybody's network.
    Public,
    /// This machine, or the network around it.
    Private,
    /// Nothing that anybody fetches from: metadata services, link-local, multicast, reserved.
    Never,
}

/// Addresses of cloud providers that tell machines their secrets, and are neither link-local nor reserved.
const METADATA: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
];

/// How far an address reaches. An IPv6 address that stands for an IPv4 one is taken for that.
///
/// # Standard
/// RFC 6890 and the IANA registries of special-purpose addresses.
pub(super) fn reach(address: IpAddr) -> Reach {
    if METADATA.contains(&address) {
        return Reach::Never;
    }
    match address {
        IpAddr::V4(address) => of_v4(address),
        IpAddr::V6(address) => of_v6(address),
    }
}

fn of_v4(address: Ipv4Addr) -> Reach {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        (127 | 10, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) => Reach::Private,
        (0 | 224..=255, ..) | (169, 254, _) | (192, 0, 0 | 2) | (198, 18 | 19, _) => Reach::Never,
        (198, 51, 100) | (203, 0, 113) => Reach::Never,
        _ => Reach::Public,
    }
}

fn of_v6(address: Ipv6Addr) -> Reach {
    let segments = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        reach(IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
    };
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Private,
        // IPv4-mapped, IPv4-compatible (and the unspecified address), NAT64, 6to4.
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        [0xfc00..=0xfdff, ..] => Reach::Private,
        // Local NAT64, Teredo and its neighbours, documentation.
        [0x64, 0xff9b, ..] | [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, ..] => Reach::Never,
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn all(addresses: &[&str], expected: Reach) {
        for address in addresses {
            assert_eq!(reach(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn metadata_addresses_are_never_reached() {
        all(&["169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254"], Reach::Never);
        all(&["fe80::1", "fe80::a9fe:a9fe", "169.254.0.1"], Reach::Never);
    }

    #[test]
    fn v4_mapped_v6_addresses_count_as_what_they_stand_for() {
        all(&["::ffff:169.254.169.254", "::169.254.169.254", "64:ff9b::169.254.169.254"], Reach::Never);
        all(&["2002:a9fe:a9fe::1", "2001:0:4136:e378::1", "64:ff9b:1::1"], Reach::Never);
        all(&["::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:7f00:1::"], Reach::Private);
        all(&["::ffff:9.9.9.9", "64:ff9b::9.9.9.9"], Reach::Public);
    }

    #[test]
    fn private_networks_are_told_from_public_ones() {
        all(&["127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1"], Reach::Private);
        all(&["::1", "fc00::1", "fdff::1"], Reach::Private);
        all(&["0.0.0.0", "255.255.255.255", "224.0.0.1", "192.0.2.1", "::", "ff02::1"], Reach::Never);
        all(&["2001:db8::1", "4000::1"], Reach::Never);
        all(&["9.9.9.9", "172.32.0.1", "100.128.0.1", "2620:fe::fe", "2a00::1"], Reach::Public);
    }
}
