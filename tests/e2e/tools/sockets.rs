//! Rows on the host's Unix sockets that lie in files: where a tool may read, and where it may not.

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener};

use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, accept, bind, listen, socket};
use nix::unistd::close;
use reeve::sandbox::Tier;

use super::egress::Net;
use super::fixture::*;

const PLACE: &str = "/var/lib/reeve-e2e-sockets";

/// Sockets of all three kinds, to which everybody may connect.
struct Sockets {
    stream: UnixListener,
    datagram: UnixDatagram,
    packets: OwnedFd,
}

impl Sockets {
    fn new() -> Sockets {
        drop(std::fs::remove_dir_all(PLACE));
        std::fs::create_dir(PLACE).unwrap();
        std::fs::set_permissions(PLACE, PermissionsExt::from_mode(0o755)).unwrap();
        let path = |name: &str| format!("{PLACE}/{name}");
        let stream = UnixListener::bind(path("stream")).unwrap();
        stream.set_nonblocking(true).unwrap();
        let datagram = UnixDatagram::bind(path("datagram")).unwrap();
        datagram.set_nonblocking(true).unwrap();
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let packets = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None).unwrap();
        bind(packets.as_raw_fd(), &UnixAddr::new(path("packets").as_str()).unwrap()).unwrap();
        listen(&packets, Backlog::new(16).unwrap()).unwrap();
        for name in ["stream", "datagram", "packets"] {
            std::fs::set_permissions(path(name), PermissionsExt::from_mode(0o777)).unwrap();
        }
        Sockets { stream, datagram, packets }
    }

    /// How many have come to each since the last time.
    fn arrived(&self) -> [usize; 3] {
        let mut buffer = [0; 8];
        [
            std::iter::from_fn(|| self.stream.accept().ok()).count(),
            std::iter::from_fn(|| self.datagram.recv(&mut buffer).ok()).count(),
            std::iter::from_fn(|| accept(self.packets.as_raw_fd()).ok()).map(close).count(),
        ]
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        std::fs::remove_dir_all(PLACE).unwrap();
    }
}

/// Each tier, where it may read the directory in which they lie, and where it may not.
fn tools(code: &str) -> [(Tier, bool, Tool); 4] {
    let tool = |tier, is_granted: bool| {
        let tool = Tool::probe(tier, code).with(|tool| {
            tool.confinement.read_only = if is_granted { vec![PLACE.to_owned()] } else { vec![] };
        });
        (tier, is_granted, tool)
    };
    [tool(Tier::B, true), tool(Tier::B, false), tool(Tier::C, true), tool(Tier::C, false)]
}

#[test]
fn row_075_no_socket_of_the_hosts_is_reached_in_a_directory_that_a_tool_may_read() {
    let sockets = Sockets::new();
    let code = format!(
        "def to(kind, name):\n  s = socket.socket(socket.AF_UNIX, kind); s.connect('{PLACE}/' + name); s.send(b'x')\n\
         print(tried(os.listdir, '{PLACE}'), tried(to, 1, 'stream'), tried(to, 2, 'datagram'), tried(to, 5, 'packets'))"
    );
    assert_eq!(outside(USER, &code), "OK OK OK OK");
    assert_eq!(sockets.arrived(), [1, 1, 1], "the controls");
    for (tier, is_granted, tool) in tools(&code) {
        let answers = match (tier, is_granted) {
            (Tier::B, true) => "OK EPERM EPERM EPERM",
            (Tier::B, false) => "EACCES EPERM EPERM EPERM",
            (_, true) => "OK EAFNOSUPPORT EAFNOSUPPORT EAFNOSUPPORT",
            (_, false) => "ENOENT ENOENT ENOENT ENOENT",
        };
        assert_eq!(tool.run().text(), answers, "{tier:?} {is_granted}");
        assert_eq!(sockets.arrived(), [0, 0, 0], "{tier:?} {is_granted}");
    }
}

/// A pair is all that it has of them: its ends are connected to each other, and one of datagrams sends wherever it is told to.
#[test]
fn row_076_a_pair_of_sockets_reaches_nobody_but_its_other_end() {
    let sockets = Sockets::new();
    let to = format!("{PLACE}/datagram");
    let code = format!(
        "def pair(): return socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
         def by_address():\n  a, _b = pair(); a.sendto(b'x', '{to}')\n\
         def by_message():\n  a, _b = pair(); a.sendmsg([b'x'], [], 0, '{to}')\n\
         def by_connecting():\n  a, _b = pair(); a.connect('{to}'); a.send(b'x')\n\
         print(tried(by_address), tried(by_message), tried(by_connecting))"
    );
    assert_eq!(outside(USER, &code), "OK OK OK");
    assert_eq!(sockets.arrived(), [0, 3, 0], "the controls");
    let net = Net::new();
    let preflight = TIERS.map(|tier| (tier, false, net.preflight(tier, &code)));
    for (tier, is_granted, tool) in tools(&code).into_iter().chain(preflight) {
        let ran = tool.run();
        assert_eq!(sockets.arrived(), [0, 0, 0], "{tier:?} {is_granted}: {}", ran.text());
        assert!(!ran.text().contains("OK"), "{tier:?} {is_granted}: {}", ran.text());
    }
}
