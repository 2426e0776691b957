//! Which user of this host is at the other end of a TCP connection, as the kernel's tables of sockets say: for loopback, what
//! credentials are for a Unix socket.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A dual socket stands in the second of them, also for IPv4.
const TABLES: [&str; 2] = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
/// How the tables say that a connection is established.
const ESTABLISHED: &str = "01";

/// The user whose process accepted the connection; none when it ends on no socket of this host, or nobody has accepted it yet.
///
/// # Errors
/// When the tables cannot be read.
pub fn accepted_by(own: SocketAddr, peer: SocketAddr) -> io::Result<Option<u32>> {
    for table in TABLES {
        let text = match fs::read_to_string(table) {
            Ok(text) => text,
            // A kernel without IPv6 has no table of it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if let Some(uid) = text.lines().skip(1).find_map(|line| owner(line, peer, own)) {
            return Ok(Some(uid));
        }
    }
    Ok(None)
}

/// The owner of the socket in this line, if it is the one between these two, seen from the other end.
fn owner(line: &str, local: SocketAddr, remote: SocketAddr) -> Option<u32> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_slot, from, to, state, _queues, _timer, _retransmits, uid, _timeout, inode, ..] = fields.as_slice()
    else {
        return None;
    };
    // Until it is accepted a connection has no inode, and says that it is root's.
    let is_it = is_at(from, local) && is_at(to, remote) && *state == ESTABLISHED && *inode != "0";
    is_it.then(|| uid.parse().ok()).flatten()
}

fn is_at(field: &str, address: SocketAddr) -> bool {
    let Some((ip, port)) = field.split_once(':') else { return false };
    u16::from_str_radix(port, 16) == Ok(address.port())
        && parse(ip).is_some_and(|ip| ip.to_canonical() == address.ip().to_canonical())
}

/// Words of 32 bits as the host has them, of an address in the network's order.
fn parse(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(hex.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    match hex.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?].concat();
            Some(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(words).ok()?)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn ends(stream: &TcpStream) -> (SocketAddr, SocketAddr) {
        (stream.local_addr().unwrap(), stream.peer_addr().unwrap())
    }

    #[test]
    fn who_accepted_a_connection_is_known_and_nobody_is_before() {
        let own = nix::unistd::geteuid().as_raw();
        for listen in ["127.0.0.1:0", "[::]:0"] {
            let listener = TcpListener::bind(listen).unwrap();
            let port = listener.local_addr().unwrap().port();
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
            let (here, there) = ends(&stream);
            assert_eq!(accepted_by(here, there).unwrap(), None, "{listen}: nobody has accepted it");
            let (_accepted, _address) = listener.accept().unwrap();
            assert_eq!(accepted_by(here, there).unwrap(), Some(own), "{listen}");
            let elsewhere = SocketAddr::from((Ipv4Addr::LOCALHOST, port.wrapping_add(1)));
            assert_eq!(accepted_by(here, elsewhere).unwrap(), None);
        }
    }

    #[test]
    fn lines_are_read_as_the_kernel_writes_them() {
        let line = "   3: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1007        0 48213 1 00000000 20 4 30 10 -1";
        let [daemon, own] = ["127.0.0.1:8080", "127.0.0.1:54321"].map(|text| text.parse().unwrap());
        if cfg!(target_endian = "little") {
            assert_eq!(owner(line, daemon, own), Some(1007));
            assert_eq!(owner(line, own, daemon), None);
            assert_eq!(owner(&line.replace(" 01 ", " 0A "), daemon, own), None);
            assert_eq!(owner(&line.replace("48213", "0"), daemon, own), None);
            let mapped = line.replace("0100007F", "0000000000000000FFFF00000100007F");
            assert_eq!(owner(&mapped, daemon, own), Some(1007));
        }
        for odd in ["", "a b c", "0: 1:1F90 0100007F:D431 01 0 0 0 7 0 9"] {
            assert_eq!(owner(odd, daemon, own), None);
        }
    }
}
