//! Whose word is taken for where a request comes from: loopback, and in a container its gateway,
//! which is where the platform's proxy connects from and no neighbour on the network can.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::bad;
use crate::error::Result;
use crate::store::mount;

const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];
/// Flags of a route in the kernel's tables: it is up, and leads over a gateway.
const UP_BY_GATEWAY: u32 = 0x3;

/// Reads `TRUSTED_PROXIES`.
///
/// # Errors
/// [`Kind::Invalid`](crate::error::Kind::Invalid) for what is no list of addresses and networks.
pub(super) fn trusted(value: Option<&str>) -> Result<Vec<IpNet>> {
    let Some(value) = value else {
        return Ok(default_proxies());
    };
    if value == "none" {
        return Ok(Vec::new());
    }
    let networks = value.split([',', ' ']).filter(|part| !part.is_empty());
    let networks = networks.map(|part| {
        let network = part.parse().ok();
        let network = network.or_else(|| part.parse::<IpAddr>().ok().map(IpNet::from));
        let right = "addresses or networks such as 10.0.0.0/8, or \"none\"";
        network.ok_or_else(|| bad("TRUSTED_PROXIES", value, right))
    });
    networks.collect()
}

/// Outside a container the gateway is a router of the network, whose clients are everybody's.
fn default_proxies() -> Vec<IpNet> {
    let loopback = LOOPBACK.iter().filter_map(|network| network.parse().ok());
    let gateways = match mount::in_container() {
        true => gateways(),
        false => Vec::new(),
    };
    loopback
        .chain(gateways.into_iter().map(IpNet::from))
        .collect()
}

fn gateways() -> Vec<IpAddr> {
    let read = |file| std::fs::read_to_string(file).unwrap_or_default();
    let v4 = read("/proc/net/route");
    let v6 = read("/proc/net/ipv6_route");
    let v4 = v4.lines().filter_map(v4_gateway).map(IpAddr::from);
    let v6 = v6.lines().filter_map(v6_gateway).map(IpAddr::from);
    v4.chain(v6).collect()
}

/// The gateway of a line of `/proc/net/route`, if it is that of the default route. Addresses are
/// the bytes as they lie in memory.
fn v4_gateway(line: &str) -> Option<Ipv4Addr> {
    let mut fields = line.split_whitespace().skip(1);
    let (destination, gateway, flags) = (fields.next()?, fields.next()?, fields.next()?);
    let mask = fields.nth(3)?;
    let is_default = destination == "00000000" && mask == "00000000";
    let flags = u32::from_str_radix(flags, 16).ok()?;
    let gateway = u32::from_str_radix(gateway, 16).ok()?;
    (is_default && flags & UP_BY_GATEWAY == UP_BY_GATEWAY && gateway != 0)
        .then(|| Ipv4Addr::from(gateway.to_ne_bytes()))
}

/// The same of `/proc/net/ipv6_route`. A link-local address is nobody's in particular.
fn v6_gateway(line: &str) -> Option<Ipv6Addr> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [destination, length, _, _, gateway, _, _, _, flags, ..] = fields[..] else {
        return None;
    };
    let is_default = length == "00" && destination.bytes().all(|byte| byte == b'0');
    let flags = u32::from_str_radix(flags, 16).ok()?;
    let gateway = Ipv6Addr::from(u128::from_str_radix(gateway, 16).ok()?);
    (is_default
        && flags & UP_BY_GATEWAY == UP_BY_GATEWAY
        && !gateway.is_unspecified()
        && !gateway.is_unicast_link_local())
    .then_some(gateway)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: &str = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth1\t0000000A\t0100000A\t0003\t0\t0\t0\t000000FF\t0\t0\t0
";
    const ROUTES_V6: &str = "\
fd00000000000000000000000000ab00 78 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd00000000000000000000000000ab01 00000400 00000001 00000000 00000003     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
";

    #[test]
    fn the_default_gateway_is_read_and_nothing_else() {
        let v4: Vec<_> = ROUTES.lines().filter_map(v4_gateway).collect();
        // Written as a machine of this byte order has it.
        assert_eq!(v4, [Ipv4Addr::from(0x0100_11ac_u32.to_ne_bytes())]);
        #[cfg(target_endian = "little")]
        assert_eq!(v4, [Ipv4Addr::new(172, 17, 0, 1)]);
        let v6: Vec<_> = ROUTES_V6.lines().filter_map(v6_gateway).collect();
        assert_eq!(v6, ["fd00::ab01".parse::<Ipv6Addr>().unwrap()]);
        for odd in ["", "eth0", "eth0\t00000000", "x y z w v u t s r q"] {
            assert_eq!((v4_gateway(odd), v6_gateway(odd)), (None, None), "{odd}");
        }
    }

    #[test]
    fn neighbours_are_not_believed_unless_they_are_named() {
        let trusts = |value: Option<&str>, address: &str| {
            let address: IpAddr = address.parse().unwrap();
            let networks = trusted(value).unwrap();
            networks.iter().any(|network| network.contains(&address))
        };
        for neighbour in [
            "10.1.2.3",
            "172.16.5.5",
            "192.168.1.77",
            "fd12::5",
            "fe80::5",
        ] {
            assert!(!trusts(None, neighbour), "{neighbour}");
            assert!(trusts(Some(neighbour), neighbour), "{neighbour}");
        }
        for own in ["127.0.0.1", "127.9.9.9", "::1"] {
            assert!(trusts(None, own), "{own}");
            assert!(!trusts(Some("none"), own), "{own}");
        }
        assert!(trusts(Some("10.0.0.0/8 192.0.2.7"), "192.0.2.7"));
        assert!(trusted(Some("localhost")).is_err());
    }
}
