//! Rows on egress: what a tool may reach through its proxy, and that there is no other way.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

use reeve::sandbox::Tier;
use reeve::sandbox::egress::{Destination, Egress, Lists, Stop};
use reeve::sandbox::traffic::Traffic;

use super::fixture::*;
use crate::edited::Covered;
use crate::host::{up, wait_until};

const LIST: &str = "/etc/reeve/egress";
const PROXY_USER: &str = "reeve-egress";

/// A name server's worth of names, root's list, and a server that answers every request and keeps what it got.
pub(super) struct Net {
    hosts: String,
    pub(super) port: u16,
    got: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Net {
    pub(super) fn new() -> Net {
        up();
        let hosts = std::fs::read_to_string("/etc/hosts").unwrap();
        let names = "127.0.0.2 listed.test a.listed.test x.a.listed.test good.listed.test never.listed.test evillisted.test\n10.9.9.9 private.listed.test\n\
             169.254.169.254 metadata.listed.test\n127.0.0.3 own.listed.test\n";
        std::fs::write("/etc/hosts", format!("{hosts}{names}")).unwrap();
        let listener = TcpListener::bind("127.0.0.2:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let got = Arc::new(Mutex::new(vec![]));
        let kept = Arc::clone(&got);
        std::thread::spawn(move || listener.incoming().flatten().for_each(|client| answer(client, &kept)));
        let net = Net { hosts, port, got };
        // The network of the tests is this host's loopback, of which root's list names one address.
        net.roots(&format!("host *:{port}\nhost *:80\nnetwork 127.0.0.2/32\n"));
        net
    }

    fn roots(&self, text: &str) {
        std::fs::write(LIST, text).unwrap();
    }

    fn lists(&self) -> Lists {
        let entry = |text: String| Destination::read(&text).unwrap();
        let allow = vec![
            entry(format!("listed.test:{}", self.port)),
            entry(format!("*.listed.test:{}", self.port)),
            entry("169.254.169.254:80".to_owned()),
        ];
        Lists { allow, never: vec!["never.listed.test".to_owned()] }
    }

    fn strict(&self, code: &str) -> Tool {
        Tool::probe(Tier::C, &format!("{ASK}{code}"))
            .with(|tool| tool.confinement.egress = Egress::Strict(self.lists()))
    }

    /// In the host's network, where root lets it be.
    pub(super) fn preflight(&self, tier: Tier, code: &str) -> Tool {
        self.roots("preflight\n");
        Tool::probe(tier, code).with(|tool| tool.confinement.egress = Egress::Preflight(self.lists()))
    }

    fn seen(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.got.lock().unwrap())
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        std::fs::write("/etc/hosts", &self.hosts).unwrap();
        drop(std::fs::remove_file(LIST));
    }
}

fn answer(mut client: TcpStream, kept: &Mutex<Vec<Vec<u8>>>) {
    let mut buffer = vec![0; 4096];
    let count = client.read(&mut buffer).unwrap_or(0);
    buffer.truncate(count);
    kept.lock().unwrap().push(buffer);
    let _gone = client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
}

/// How a probe asks its proxy for a tunnel: the status that it gets, and the connection.
const ASK: &str = r#"
def tunnel(to):
    c = socket.create_connection(('127.0.0.1', 3128))
    c.send(('CONNECT %s HTTP/1.1\r\n\r\n' % to).encode())
    head = b''
    while b'\r\n\r\n' not in head:
        more = c.recv(1)
        if not more: break
        head += more
    return head.decode().split(' ')[1], c
def status(to): return tunnel(to)[0]
"#;

#[test]
fn row_091_a_listed_host_is_reached_through_the_proxy_and_bytes_are_counted() {
    let net = Net::new();
    let url = format!("http://listed.test:{}/x", net.port);
    let ran = net
        .strict(&format!("import urllib.request\nprint(urllib.request.urlopen('{url}').read().decode())"))
        .run();
    assert_eq!(ran.text(), "hello");
    let seen = net.seen();
    let request = String::from_utf8(seen[0].clone()).unwrap();
    assert!(request.starts_with("GET /x HTTP/1.1\r\nHost: listed.test:"), "{request}");
    let [Traffic::Reached { to, connections: 1, sent, received: 62 }] = ran.traffic.as_slice() else {
        panic!("{ran:#?}")
    };
    assert_eq!((to, *sent), (&format!("listed.test:{}", net.port), request.len() as u64));
    assert_eq!(ran.active.unwrap().egress, "strict");
    let tunnel = format!(
        "s, c = tunnel('A.Listed.test.:{}'); c.send(b'ping'); print(s, c.recv(100).decode().split()[-1])",
        net.port
    );
    assert_eq!(net.strict(&tunnel).run().text(), "200 hello");
    assert_eq!(net.seen(), [b"ping"]);
    // curl goes by the same variables.
    let curl = Tool::new(Tier::C, "/usr/bin/curl", &["-sS", &url])
        .with(|tool| tool.confinement.egress = Egress::Strict(net.lists()));
    assert_eq!(curl.run().text(), "hello");
}

#[test]
fn row_092_there_is_no_way_around_the_proxy() {
    let net = Net::new();
    let code = |address: &str, port: u16| {
        format!("print(tried(lambda: socket.create_connection(('{address}', {port}), 3)))")
    };
    assert_eq!(outside(USER, &code("127.0.0.2", net.port)), "OK");
    wait_until("the control arrives", || !net.seen().is_empty());
    for (address, port, answer) in [
        ("127.0.0.2", net.port, "ECONNREFUSED"),
        ("192.0.2.1", 443, "ENETUNREACH"),
        ("169.254.169.254", 80, "ENETUNREACH"),
        ("10.9.9.9", net.port, "ENETUNREACH"),
        ("127.0.0.1", 18443, "ECONNREFUSED"),
    ] {
        assert_eq!(net.strict(&code(address, port)).run().text(), answer, "{address}");
    }
    let datagram = "print(tried(lambda: socket.socket(2, 2).sendto(b'x', ('192.0.2.1', 53))))";
    assert_eq!(net.strict(datagram).run().text(), "ENETUNREACH");
    assert_eq!(net.strict("print(socket.if_nameindex())").run().text(), "[(1, 'lo')]");
    assert!(net.seen().is_empty());
}

#[test]
fn row_089_no_socket_is_inherited_neither_the_proxys_nor_another() {
    let net = Net::new();
    let code =
        "print(sorted(n for n in map(int, os.listdir('/proc/self/fd')) if tried(os.fstat, n) == 'OK'))";
    assert_eq!(net.strict(code).run().text(), "[0, 1, 2]");
    // The inner stage has none of the proxy's either: what a child of its could take over is not there.
    let sockets = "import stat\nprint([n for n in (0, 1, 2) if stat.S_ISSOCK(os.fstat(n).st_mode)])";
    assert_eq!(net.strict(sockets).run().text(), "[]");
}

#[test]
fn row_093_strict_without_a_working_proxy_does_not_start() {
    let net = Net::new();
    let tool = net.strict("print('ran')");
    assert_eq!(tool.run().text(), "ran");
    let refused = |why: &str| tool.run().is_refused(why);
    {
        let _gone = Covered::with("/usr/local/libexec/reeve/reeve-egress", "/usr/bin/false");
        refused("egress: the proxy");
    }
    {
        let _gone = Covered::with("/usr/local/libexec/reeve/reeve-egress", "/dev/null");
        refused("the tool's program is not to be trusted");
    }
    net.roots("# nothing\nnetwork 127.0.0.0/8\n");
    refused("egress: cannot be enforced here");
    net.roots("host everything\n");
    refused("line 1");
    std::fs::remove_file(LIST).unwrap();
    refused("root lists in /etc/reeve/egress what tools may reach");
    net.roots("host *:443\n");
    std::fs::set_permissions(LIST, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    refused("not to be trusted");
    std::fs::set_permissions(LIST, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    // Tier B has no network of its own to shut a tool in.
    let b = Tool::probe(Tier::B, "").with(|tool| tool.confinement.egress = Egress::Strict(net.lists()));
    b.run().is_refused("argument 1 is not in the table");
}

#[test]
fn row_094_names_are_compared_by_whole_labels_and_what_is_never_reached_is_not() {
    let net = Net::new();
    let port = net.port;
    let names = [
        ("listed.test", "200"),
        ("LISTED.test.", "200"),
        ("a.listed.test", "200"),
        ("evillisted.test", "403"),
        ("listed.test.evil.example", "403"),
        ("never.listed.test", "403"),
        ("x.never.listed.test", "403"),
        ("127.0.0.2", "403"),
        ("2130706434", "400"),
        ("0177.0.0.2", "400"),
        ("listed.test@evil.example", "400"),
    ];
    let code: String = names.iter().map(|(name, _)| format!("print(status('{name}:{port}'))\n")).collect();
    let ran = net.strict(&format!("{code}print(status('listed.test:80'))")).run();
    let wanted: Vec<&str> = names.iter().map(|(_, status)| *status).chain(["403"]).collect();
    assert_eq!(ran.text().lines().collect::<Vec<_>>(), wanted);
    let stopped = |to: &str, why: Stop| Traffic::Stopped { to: to.to_owned(), why, times: 1 };
    for one in [
        stopped(&format!("never.listed.test:{port}"), Stop::Never),
        stopped(&format!("evillisted.test:{port}"), Stop::NotListed),
        stopped("listed.test:80", Stop::NotListed),
    ] {
        assert!(ran.traffic.contains(&one), "{one:?} in {:#?}", ran.traffic);
    }
    // Whatever a grant lists: root's list is the last word.
    net.roots(&format!("host other.test:{port}\nnetwork 127.0.0.2/32\n"));
    let ran = net.strict(&format!("print(status('listed.test:{port}'))")).run();
    assert_eq!((ran.text(), ran.traffic.len()), ("403", 1));
    assert_eq!(ran.traffic, [stopped(&format!("listed.test:{port}"), Stop::NotRoots)]);
}

#[test]
fn row_095_a_name_that_leads_inwards_and_tls_for_another_host_are_stopped() {
    let net = Net::new();
    let port = net.port;
    let inwards = ["private.listed.test", "metadata.listed.test", "own.listed.test"];
    let code: String = inwards.iter().map(|name| format!("print(status('{name}:{port}'))\n")).collect();
    let ran = net.strict(&format!("{code}print(status('169.254.169.254:80'))")).run();
    assert_eq!(ran.text(), "403\n403\n403\n403");
    assert!(
        ran.traffic.iter().all(|one| matches!(one, Traffic::Stopped { why: Stop::Address, .. })),
        "{ran:#?}"
    );
    assert!(net.seen().is_empty());
    let hello = |name: &str| {
        format!(
            "import ssl\ns, c = tunnel('listed.test:{port}')\ni, o = ssl.MemoryBIO(), ssl.MemoryBIO()\n\
             w = ssl.create_default_context().wrap_bio(i, o, server_hostname='{name}')\n\
             try: w.do_handshake()\nexcept ssl.SSLWantReadError: pass\n\
             c.send(o.read()); print(s, len(c.recv(10)))"
        )
    };
    assert_eq!(net.strict(&hello("listed.test")).run().text(), "200 10");
    assert_eq!(net.seen().len(), 1);
    let ran = net.strict(&hello("other.example")).run();
    assert_eq!(ran.text(), "200 0");
    let other = Traffic::Stopped { to: format!("listed.test:{port}"), why: Stop::OtherName, times: 1 };
    assert!(ran.traffic.contains(&other), "{ran:#?}");
    assert!(net.seen().iter().all(Vec::is_empty), "no byte of it arrived");
}

/// A server reads a first message in many records, and many read over an alert that one goes on after: so does whoever hides a name.
#[test]
fn row_095_tls_for_another_host_is_stopped_however_its_first_message_is_cut_and_whatever_stands_before_it() {
    let net = Net::new();
    let to = format!("listed.test:{}", net.port);
    let stopped = |why| Traffic::Stopped { to: to.clone(), why, times: 1 };
    let sent = |name: &str, how: &str| {
        net.strict(&format!(
            "import ssl\ns, c = tunnel('{to}')\nc.setsockopt(6, 1, 1)\ni, o = ssl.MemoryBIO(), ssl.MemoryBIO()\n\
             w = ssl.create_default_context().wrap_bio(i, o, server_hostname='{name}')\n\
             try: w.do_handshake()\nexcept ssl.SSLWantReadError: pass\n\
             h = o.read()\nr = [b'\\x16\\x03\\x01' + struct.pack('>H', len(h[n:n + 16])) + h[n:n + 16] for n in range(5, len(h), 16)]\n\
             try:\n  {how}\nexcept OSError: pass\n\
             try: print(s, len(c.recv(10)))\nexcept OSError: print(s, 0)"
        ))
        .run()
    };
    let cut = "for one in r: c.send(one[:9]); time.sleep(0.01); c.send(one[9:]); time.sleep(0.01)";
    let ran = sent("listed.test", cut);
    assert_eq!(ran.text(), "200 10");
    assert!(ran.traffic.iter().all(|one| matches!(one, Traffic::Reached { .. })), "{ran:#?}");
    net.seen();
    for (how, why) in [
        (cut, Stop::OtherName),
        ("c.send(b'\\x15\\x03\\x01\\0\\2\\1\\x5a' + h)", Stop::Malformed),
        ("c.send(b'\\x16\\2' + h[2:])", Stop::Malformed),
    ] {
        let ran = sent("other.example", how);
        assert_eq!(ran.text(), "200 0", "{how}");
        assert!(ran.traffic.contains(&stopped(why)), "{how}: {ran:#?}");
        assert!(net.seen().iter().all(Vec::is_empty), "{how}: no byte of it arrived");
    }
}

#[test]
fn the_proxy_is_nobody_and_ends_with_its_run() {
    let net = Net::new();
    for kill in [false, true] {
        let mut sudo = net.strict("time.sleep(86395)").with(|tool| tool.seconds = 3).start();
        wait_until("the tool runs", || processes_of_the_user().contains("86395"));
        let pid = processes_of(PROXY_USER).split(' ').next().unwrap().to_owned();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        for line in
            ["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"]
        {
            assert!(status.contains(line), "{line}: {status}");
        }
        for fd in 0..3 {
            let leads = std::fs::read_link(format!("/proc/{pid}/fd/{fd}")).unwrap();
            assert_eq!(leads.to_str(), Some("/dev/null"), "it cannot speak for the wrapper");
        }
        if kill {
            assert!(
                Command::new("/bin/kill").args(["-9", &sudo.id().to_string()]).status().unwrap().success()
            );
        }
        sudo.wait().unwrap();
        wait_until("the proxy is gone", || processes_of(PROXY_USER).is_empty());
        wait_until("the tool is gone", || processes_of_the_user().is_empty());
    }
}

#[test]
fn row_090_preflight_is_the_hosts_network_where_root_allows_it_and_then_the_ports_of_the_list() {
    let net = Net::new();
    let code =
        |port: u16| format!("print(tried(lambda: socket.create_connection(('127.0.0.2', {port}), 3)))");
    let other = TcpListener::bind("127.0.0.2:0").unwrap();
    let closed = other.local_addr().unwrap().port();
    assert_eq!(outside(USER, &code(closed)), "OK");
    for tier in TIERS {
        let tool = |code: &str| {
            Tool::probe(tier, code).with(|tool| tool.confinement.egress = Egress::Preflight(net.lists()))
        };
        net.roots("host *:443\n");
        tool("").run().is_refused("egress: cannot be enforced here: a line \"preflight\"");
        net.roots("preflight\n");
        let ran = tool(&code(net.port)).run();
        assert_eq!(
            (ran.text(), ran.active.as_ref().unwrap().egress.as_str()),
            ("OK", "preflight"),
            "{tier:?}"
        );
        assert_eq!(tool(&code(closed)).run().text(), "EACCES", "{tier:?}");
        assert_eq!(tool("print(tried(lambda: socket.socket(1)))").run().text(), "EAFNOSUPPORT");
        assert_eq!(
            tool("print(tried(lambda: socket.socket().bind(('127.0.0.2', 0))))").run().text(),
            "EACCES"
        );
    }
}

/// Whichever way it is asked for, and whatever the list says: the ports that the kernel holds a tool to are those of `connect`.
#[test]
fn row_090_preflight_neither_listens_nor_connects_by_sending() {
    let net = Net::new();
    let other = TcpListener::bind("127.0.0.2:0").unwrap();
    other.set_nonblocking(true).unwrap();
    let not_listed = other.local_addr().unwrap().port();
    let arrived = || std::iter::from_fn(|| other.accept().ok()).count();
    let fast = |port: u16| {
        format!(
            "to = ('127.0.0.2', {port})\ndef by_option():\n  s = socket.socket(); s.setsockopt(6, 30, 1); s.connect(to); s.send(b'x')\n\
             print(tried(lambda: socket.socket().sendto(b'x', 0x20000000, to)), tried(lambda: socket.socket().sendmsg([b'x'], [], 0x20000000, to)), tried(by_option))"
        )
    };
    // Bound nowhere, it would be given a port by listening.
    let listens = "s = socket.socket(); s.setblocking(False)\nprint(tried(s.listen), tried(s.accept), call(43, s.fileno(), 0, 0))";
    assert_eq!(outside(USER, listens), "OK EAGAIN EAGAIN");
    assert_eq!(outside(USER, &fast(not_listed)), "OK OK OK");
    assert_eq!(arrived(), 3, "the controls");
    assert_eq!(outside(USER, &fast(net.port)), "OK OK OK");
    wait_until("the controls arrive", || net.got.lock().unwrap().len() == 3);
    net.seen();
    let multipath = "print(tried(lambda: socket.socket(2, 1, 262)))";
    let has_it = std::path::Path::new("/proc/sys/net/mptcp/enabled").exists();
    assert_eq!(outside(USER, multipath), if has_it { "OK" } else { "EPROTONOSUPPORT" });
    for tier in TIERS {
        let answer = |code: &str| net.preflight(tier, code).run().text().to_owned();
        assert_eq!(answer(listens), "EPERM EPERM EPERM", "{tier:?}");
        for port in [not_listed, net.port] {
            assert_eq!(answer(&fast(port)), "EPERM EPERM EPERM", "{tier:?}");
        }
        assert_eq!(answer(multipath), "EPROTONOSUPPORT", "{tier:?}");
    }
    assert_eq!((arrived(), net.seen().len()), (0, 0), "nothing of a tool's");
}
