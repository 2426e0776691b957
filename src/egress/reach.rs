//! From a host to a connection: its name is looked up here, once, and what is connected to is an address that was looked
//! at. A name that means something else a moment later gains nothing.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::Duration;

use crate::sandbox::egress::{Host, Lists, RootsList, Stop};

/// How long one address may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What finds a name's addresses.
pub(super) type Resolver = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// The host's own resolver.
pub(super) fn by_the_host(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((name, port).to_socket_addrs()?.collect())
}

/// Who may be reached, by the tool's lists and by root's.
pub(super) struct Reach {
    pub(super) lists: Lists,
    pub(super) roots: RootsList,
    pub(super) resolver: Box<Resolver>,
}

impl Reach {
    /// The addresses that may be connected to.
    pub(super) fn addresses(&self, host: &Host, port: u16) -> Result<Vec<SocketAddr>, Stop> {
        self.lists.check(host, port)?;
        self.roots.check(host, port)?;
        let found = match host {
            Host::Address(address) => vec![SocketAddr::new(*address, port)],
            Host::Name(name) => (self.resolver)(name, port).map_err(|_| Stop::Unknown)?,
        };
        if found.is_empty() {
            return Err(Stop::Unknown);
        }
        let may = |address: &SocketAddr| {
            let ip = address.ip();
            self.roots.has_network(ip) || (self.roots.may_reach(ip) && !is_own(ip))
        };
        let reachable: Vec<SocketAddr> = found.into_iter().filter(may).collect();
        if reachable.is_empty() { Err(Stop::Address) } else { Ok(reachable) }
    }

    /// A connection to a host.
    pub(super) fn connect(&self, host: &Host, port: u16) -> Result<TcpStream, Stop> {
        let addresses = self.addresses(host, port)?;
        let mut connected =
            addresses.iter().filter_map(|address| TcpStream::connect_timeout(address, PATIENCE).ok());
        connected.next().ok_or(Stop::Unreachable)
    }
}

/// Whether an address is this host's own, in which case the kernel would speak from it. Nothing is sent.
fn is_own(address: IpAddr) -> bool {
    let from = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let source = UdpSocket::bind(from)
        .and_then(|socket| socket.connect((address, 9)).and_then(|()| socket.local_addr()));
    source.is_ok_and(|source| source.ip().to_canonical() == address.to_canonical())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::sandbox::egress::Destination;

    fn reach(roots: &str, resolver: Box<Resolver>) -> Reach {
        let allow = ["a.com:443", "127.0.0.1:443", "10.0.0.1:443", "[::1]:443", "1.1.1.1:443", "own.com:443"];
        let allow = allow.map(|entry| Destination::read(entry).unwrap()).to_vec();
        let lists = Lists { allow, never: vec!["own.com".to_owned()] };
        Reach { lists, roots: RootsList::read(roots).unwrap(), resolver }
    }

    fn leads_to(addresses: &'static [&'static str]) -> Box<Resolver> {
        Box::new(move |_name, port| {
            Ok(addresses.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), port)).collect())
        })
    }

    fn host(text: &str) -> Host {
        Host::read(text).unwrap()
    }

    #[test]
    fn a_name_that_leads_to_a_private_address_leads_nowhere() {
        for address in [
            &["127.0.0.1"] as &'static [&'static str],
            &["169.254.169.254"],
            &["10.0.0.1", "192.168.0.1"],
            &["::ffff:10.0.0.1"],
            &["fd00::1", "::1"],
        ] {
            let reach = reach("host *:443", leads_to(address));
            assert_eq!(reach.addresses(&host("a.com"), 443), Err(Stop::Address), "{address:?}");
        }
        let mixed = reach("host *:443", leads_to(&["10.0.0.1", "1.1.1.1"]));
        assert_eq!(mixed.addresses(&host("a.com"), 443), Ok(vec!["1.1.1.1:443".parse().unwrap()]));
    }

    #[test]
    fn an_address_that_is_asked_for_is_judged_as_well() {
        let reach = reach("host *:443", leads_to(&[]));
        for address in ["127.0.0.1", "10.0.0.1", "[::1]"] {
            assert_eq!(reach.addresses(&host(address), 443), Err(Stop::Address), "{address}");
        }
        assert!(reach.addresses(&host("1.1.1.1"), 443).is_ok());
        assert_eq!(reach.addresses(&host("a.com"), 443), Err(Stop::Unknown));
    }

    #[test]
    fn roots_list_bounds_the_tools_and_names_the_networks_that_are_reached_all_the_same() {
        let none = reach("host b.com:443", leads_to(&["1.1.1.1"]));
        assert_eq!(none.addresses(&host("a.com"), 443), Err(Stop::NotRoots));
        assert_eq!(none.addresses(&host("b.com"), 443), Err(Stop::NotListed));
        assert_eq!(none.addresses(&host("own.com"), 443), Err(Stop::Never));
        let named = reach("host a.com:443\nnetwork 127.0.0.0/8", leads_to(&["127.0.0.7"]));
        assert!(named.addresses(&host("a.com"), 443).is_ok());
    }

    #[test]
    fn a_name_is_looked_up_once_and_what_is_connected_to_was_looked_at() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        // The first answer may be reached; every later one may not.
        let resolver = move |_name: &str, port: u16| {
            let first = count.fetch_add(1, Ordering::Relaxed) == 0;
            Ok(vec![SocketAddr::new(if first { [127, 0, 0, 1] } else { [10, 0, 0, 1] }.into(), port)])
        };
        let text = format!("host a.com:{port}\nnetwork 127.0.0.1/32");
        let mut reach = reach(&text, Box::new(resolver));
        reach.lists.allow.push(Destination::read(&format!("a.com:{port}")).unwrap());
        assert!(reach.connect(&host("a.com"), port).is_ok());
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert_eq!(reach.connect(&host("a.com"), port).err(), Some(Stop::Address));
    }

    #[test]
    fn an_address_of_this_host_is_known_as_such() {
        assert!(is_own([127, 0, 0, 1].into()));
        assert!(!is_own([192, 0, 2, 1].into()));
    }
}
