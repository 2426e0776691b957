//! Rows on the network: a tool has none, whichever way it asks.

use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::time::Duration;

use reeve::sandbox::Tier;

use super::fixture::*;
use crate::edited::Covered;

/// Somebody on the host who counts what arrives.
fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn arrived(listener: &TcpListener) -> usize {
    std::iter::from_fn(|| listener.accept().ok()).count()
}

#[test]
fn row_081_no_tcp_gets_out_not_even_to_the_hosts_own_loopback() {
    let (listener, port) = listener();
    let code = format!("print(tried(lambda: socket.socket().connect(('127.0.0.1', {port}))))");
    row(&code, (USER, "OK"), ["EPERM", "ECONNREFUSED"]);
    let mapped =
        format!("print(tried(lambda: socket.socket(socket.AF_INET6).connect(('::ffff:127.0.0.1', {port}))))");
    row(&mapped, (USER, "OK"), ["EPERM", "ECONNREFUSED"]);
    assert_eq!(arrived(&listener), 2, "the two controls, and nothing of a tool's");
    for (tier, answer) in [(Tier::B, "EPERM"), (Tier::C, "ENETUNREACH")] {
        for (family, address) in [("AF_INET", "192.0.2.1"), ("AF_INET6", "2001:db8::1")] {
            let code =
                format!("print(tried(lambda: socket.socket(socket.{family}).connect(('{address}', 443))))");
            assert_eq!(Tool::probe(tier, &code).run().text(), answer, "{tier:?} {family}");
        }
    }
}

#[test]
fn row_082_tcp_fast_open_is_no_way_out() {
    let (listener, port) = listener();
    let code =
        format!("print(tried(lambda: socket.socket().sendto(b'x', 0x20000000, ('127.0.0.1', {port}))))");
    row(&code, (USER, "OK"), ["EPERM", "ECONNREFUSED"]);
    assert_eq!(arrived(&listener), 1, "the control");
}

/// A kernel that has it takes one end of it for plain TCP where the other has only that: here, too, it arrives.
#[test]
fn row_083_multipath_tcp_is_no_way_out() {
    let (listener, port) = listener();
    let code = |address: &str, port: u16| {
        format!("print(tried(lambda: socket.socket(2, 1, 262).connect(('{address}', {port}))))")
    };
    let is_there = std::path::Path::new("/proc/sys/net/mptcp/enabled").exists();
    let [control, near, far] = match is_there {
        true => ["OK", "ECONNREFUSED", "ENETUNREACH"],
        // What nobody has no tool has.
        false => ["EPROTONOSUPPORT"; 3],
    };
    row(&code("127.0.0.1", port), (USER, control), ["EPERM", near]);
    assert_eq!(arrived(&listener), usize::from(is_there), "the control, and nothing of a tool's");
    assert_eq!(Tool::probe(Tier::C, &code("192.0.2.1", 443)).run().text(), far);
    let plain = format!("print(tried(lambda: socket.socket(2, 1, 0).connect(('127.0.0.1', {port}))))");
    assert_eq!(outside(USER, &plain), "OK");
}

/// How a name is looked up, best of three; and in how much of the time that the C library takes for a number, which asks nobody.
const LOOK_UP: &str = "def fastest(name):
  all = []
  for _ in range(3):
    began = time.monotonic()
    try: socket.getaddrinfo(name, 443); found = True
    except OSError: found = False
    all.append(time.monotonic() - began)
  return found, min(all)
number, base = fastest('192.0.2.1')
found, took = fastest('www.example.com')
print(found, 'at once' if took < 0.1 + 20 * base else f'{took} beside {base}')
";

#[test]
fn row_084_no_datagram_gets_out_and_no_name_is_looked_up() {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let port = receiver.local_addr().unwrap().port();
    let code = format!("print(tried(lambda: socket.socket(2, 2).sendto(b'x', ('127.0.0.1', {port}))))");
    assert_eq!(outside(USER, &code), "OK");
    let mut buffer = [0; 512];
    receiver.recv(&mut buffer).unwrap();
    for tier in TIERS {
        let _whatever_it_says = Tool::probe(tier, &code).run();
        assert!(receiver.recv(&mut buffer).is_err(), "{tier:?}: a datagram arrived");
    }
    let far = "print(tried(lambda: socket.socket(2, 2).sendto(b'x', ('192.0.2.1', 53))))";
    assert_eq!(Tool::probe(Tier::C, far).run().text(), "ENETUNREACH");
}

/// Neither found nor waited for. Outside it is: the server of names here answers nobody.
#[test]
fn row_084_a_name_is_not_found_at_once() {
    let server = UdpSocket::bind("127.0.0.9:53").unwrap();
    server.set_nonblocking(true).unwrap();
    let asked = || {
        let mut buffer = [0; 512];
        std::iter::from_fn(|| server.recv(&mut buffer).ok()).count()
    };
    let ours = |path: &str| path.replace("/etc/", "/run/reeve-e2e-");
    let files = [
        ("/etc/resolv.conf", "nameserver 127.0.0.9\noptions timeout:1 attempts:1\n"),
        ("/etc/nsswitch.conf", "hosts: files dns\n"),
    ];
    let covered = files.map(|(path, text)| {
        std::fs::write(ours(path), text).unwrap();
        Covered::with(path, &ours(path))
    });
    let control = outside(USER, LOOK_UP);
    assert!(control.starts_with("False ") && !control.ends_with("at once"), "{control}");
    assert!(asked() > 0, "outside somebody is asked");
    for tier in TIERS {
        assert_eq!(Tool::probe(tier, LOOK_UP).run().text(), "False at once", "{tier:?}");
    }
    assert_eq!(asked(), 0);
    drop(covered);
    files.iter().for_each(|(path, _text)| std::fs::remove_file(ours(path)).unwrap());
}

#[test]
fn row_085_no_raw_socket_is_had() {
    for code in ["socket.socket(17, 3)", "socket.socket(2, 3, 1)"] {
        let code = format!("print(tried(lambda: {code}))");
        assert_eq!(outside("root", &code), "OK");
        for tier in TIERS {
            let ran = Tool::probe(tier, &code).run();
            assert!(["EPERM", "EAFNOSUPPORT"].contains(&ran.text()), "{tier:?}: {}", ran.text());
        }
    }
}

#[test]
fn row_086_no_other_family_of_sockets_is_had() {
    row("print(tried(lambda: socket.socket(16, 3, 16)))", (USER, "OK"), ["EPERM", "EAFNOSUPPORT"]);
    // Whether the kernel has these or not: the answer is the filter's.
    let code = "print(*{call(41, family, 1, 0) for family in [38, 40, 15, 21, 30, 31, 29, 43, 44]})";
    for (tier, answer) in [(Tier::B, "EPERM"), (Tier::C, "EAFNOSUPPORT")] {
        assert_eq!(Tool::probe(tier, code).run().text(), answer, "{tier:?}");
    }
}

#[test]
fn row_087_nothing_listens_on_the_host() {
    let code = "s = None\ndef listen():\n global s\n s = socket.socket(); s.listen()\nprint(tried(listen))";
    row(code, (USER, "OK"), ["EPERM", "OK"]);
    // What listens in tier C does so in its own network.
    let tool = Tool::probe(Tier::C, "s = socket.create_server(('0.0.0.0', 18099)); time.sleep(86393)")
        .with(|tool| tool.seconds = 2);
    let mut child = tool.start();
    crate::host::wait_until("the tool listens", || processes_of_the_user().contains("86393"));
    std::thread::sleep(Duration::from_millis(300));
    assert!(std::net::TcpStream::connect("127.0.0.1:18099").is_err());
    child.wait().unwrap();
}

#[test]
fn row_074_no_abstract_socket_of_the_host_is_reached() {
    let code_of = |name: &str| format!("print(tried(lambda: socket.socket(1).connect('\\0{name}')))");
    let address = <SocketAddr as SocketAddrExt>::from_abstract_name("reeve-e2e").unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    row(&code_of("reeve-e2e"), (USER, "OK"), ["EPERM", "ECONNREFUSED"]);
}

#[test]
fn row_075_no_socket_in_a_file_of_the_host_is_reached() {
    let path = "/run/reeve-e2e.sock";
    drop(std::fs::remove_file(path));
    let listener = UnixListener::bind(path).unwrap();
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let code = format!("print(tried(lambda: socket.socket(1).connect('{path}')))");
    row(&code, (USER, "OK"), ["EPERM", "ENOENT"]);
    listener.set_nonblocking(true).unwrap();
    let (mut control, _) = listener.accept().unwrap();
    assert_eq!(control.read(&mut [0]).unwrap(), 0);
    assert!(listener.accept().is_err(), "only the control arrived");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn row_076_pairs_of_sockets_work() {
    let code = "a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1).decode())";
    row(code, (USER, "x"), ["x", "x"]);
}

#[test]
fn row_096_in_tier_c_a_server_and_its_client_find_each_other() {
    let code = "s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname()); c.send(b'x'); print(s.accept()[0].recv(1).decode())";
    row_c(code, "x");
}

#[test]
fn row_097_no_interface_of_the_host_is_seen() {
    row_c("print(socket.if_nameindex())", "[(1, 'lo')]");
    row_c("print(len(open('/proc/net/tcp').readlines()))", "1");
}

fn row_c(code: &str, expected: &str) {
    assert_eq!(Tool::probe(Tier::C, code).run().text(), expected, "{code}");
}
