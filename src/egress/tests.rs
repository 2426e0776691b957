//! The proxy against servers on this host's loopback, which root's list names for it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use super::hello::tests::{WARNING, hello};
use super::reach::Reach;
use super::tally::Tally;
use crate::sandbox::egress::{Destination, Lists, RootsList};

/// A server that reads until it has what it waits for, says something, and returns what it read.
fn server(until: usize, answer: &'static [u8]) -> (u16, std::thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let (mut got, mut buffer) = (vec![], [0; 1024]);
        while got.len() < until {
            match client.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(count) => got.extend(&buffer[..count]),
            }
        }
        client.write_all(answer).unwrap();
        got
    });
    (port, thread)
}

/// What a client gets that sends this through a proxy that may reach `listed.test` at this port, and the proxy's counts.
fn through(port: u16, request: &[u8]) -> (Vec<u8>, String) {
    through_in_parts(port, &[request])
}

/// The same for a client that sends in several parts, each when the one before has been read.
fn through_in_parts(port: u16, parts: &[&[u8]]) -> (Vec<u8>, String) {
    let lists = Lists {
        allow: vec![Destination::read(&format!("*.test:{port}")).unwrap()],
        never: vec!["never.test".to_owned()],
    };
    let roots = RootsList::read(&format!("host *:{port}\nnetwork 127.0.0.1/32")).unwrap();
    let resolver = |name: &str, port: u16| {
        let ip = if name == "private.test" { [10, 0, 0, 1] } else { [127, 0, 0, 1] };
        Ok(vec![SocketAddr::new(ip.into(), port)])
    };
    let reach = Reach { lists, roots, resolver: Box::new(resolver) };
    let tally = Arc::new(Tally::default());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    let counts = Arc::clone(&tally);
    let proxy = std::thread::spawn(move || super::serve::serve(&accepted, &reach, &counts));
    client.set_nodelay(true).unwrap();
    for part in parts {
        // Whoever is stopped may be so before all of it was sent.
        let _sent = client.write_all(part);
        std::thread::sleep(Duration::from_millis(if parts.len() > 1 { 20 } else { 0 }));
    }
    client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut got = vec![];
    let _whatever_ended_it = client.read_to_end(&mut got);
    drop(client);
    proxy.join().unwrap();
    (got, tally.lines())
}

#[test]
fn a_plain_request_reaches_a_listed_host_and_bytes_are_counted_both_ways() {
    let request = |port: u16| {
        format!(
            "POST http://a.listed.test:{port}/x HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET / HTTP/1.1\r\nHost: other\r\n\r\n"
        )
    };
    let wanted = |port: u16| {
        format!(
            "POST /x HTTP/1.1\r\nHost: a.listed.test:{port}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"
        )
    };
    let (port, server) = server(wanted(10_000).len(), b"HTTP/1.1 200 OK\r\n\r\nhello");
    let (got, counts) = through(port, request(port).as_bytes());
    // A second request behind the first goes nowhere.
    let seen = String::from_utf8(server.join().unwrap()).unwrap();
    assert_eq!(seen, wanted(port));
    assert_eq!(got, b"HTTP/1.1 200 OK\r\n\r\nhello");
    assert_eq!(counts, format!("reached a.listed.test:{port} 1 {} {}\n", seen.len(), got.len()));
}

#[test]
fn a_tunnel_carries_what_it_is_given() {
    let (port, server) = server(4, b"pong");
    let (got, _) = through(port, format!("CONNECT a.test:{port} HTTP/1.1\r\n\r\nping").as_bytes());
    assert_eq!(server.join().unwrap(), b"ping");
    assert_eq!(got, b"HTTP/1.1 200 Connection established\r\n\r\npong");
}

#[test]
fn tls_has_to_name_the_host_that_was_asked_for() {
    let first = hello(Some("a.test"), 100);
    let (port, server_of_a) = server(first.len(), b"ok");
    let request = [format!("CONNECT a.test:{port} HTTP/1.1\r\n\r\n").into_bytes(), first.clone()].concat();
    through(port, &request);
    assert_eq!(server_of_a.join().unwrap(), first);
    let (port, server_of_b) = server(1, b"");
    let request =
        [format!("CONNECT a.test:{port} HTTP/1.1\r\n\r\n").into_bytes(), hello(Some("b.test"), 100)].concat();
    let (_, counts) = through(port, &request);
    assert_eq!(server_of_b.join().unwrap(), b"", "no byte of it arrived");
    assert!(counts.contains(&format!("stopped a.test:{port} other_name 1")), "{counts}");
}

#[test]
fn a_first_message_in_many_records_and_parts_is_read_whole_before_a_byte_of_it_goes_on() {
    let request = |port: u16| format!("CONNECT a.test:{port} HTTP/1.1\r\n\r\n").into_bytes();
    let whole = hello(Some("a.test"), 3);
    let (port, server_of_a) = server(whole.len(), b"ok");
    let head = request(port);
    let parts: Vec<&[u8]> = std::iter::once(head.as_slice()).chain(whole.chunks(25)).collect();
    assert!(through_in_parts(port, &parts).0.ends_with(b"ok"));
    assert_eq!(server_of_a.join().unwrap(), whole);
    let other = hello(Some("b.test"), 3);
    let (port, server_of_b) = server(1, b"");
    let head = request(port);
    let parts: Vec<&[u8]> = std::iter::once(head.as_slice()).chain(other.chunks(25)).collect();
    let (_, counts) = through_in_parts(port, &parts);
    assert_eq!(server_of_b.join().unwrap(), b"", "no byte of it arrived");
    assert!(counts.contains(&format!("stopped a.test:{port} other_name 1")), "{counts}");
}

#[test]
fn what_stands_before_a_first_message_does_not_hide_whom_it_names() {
    let mut old = hello(Some("b.test"), 4000);
    old[1] = 2;
    for first in [[&WARNING[..], &hello(Some("b.test"), 4000)].concat(), old] {
        let (port, server_of_b) = server(1, b"");
        let head = format!("CONNECT a.test:{port} HTTP/1.1\r\n\r\n").into_bytes();
        let (_, counts) = through(port, &[head, first].concat());
        assert_eq!(server_of_b.join().unwrap(), b"", "no byte of it arrived");
        assert!(counts.contains(&format!("stopped a.test:{port} malformed 1")), "{counts}");
    }
}

#[test]
fn what_is_stopped_is_said_and_counted_with_its_host_and_why() {
    for (host, port, why, status) in [
        ("elsewhere.example", 9, "not_listed", "403"),
        ("x.never.test", 9, "never", "403"),
        ("private.test", 9, "address", "403"),
        ("127.0.0.1", 9, "not_listed", "403"),
        ("a.test", 10, "not_listed", "403"),
    ] {
        let (got, counts) = through(9, format!("CONNECT {host}:{port} HTTP/1.1\r\n\r\n").as_bytes());
        let got = String::from_utf8(got).unwrap();
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")) && got.contains(why), "{got}");
        assert_eq!(counts, format!("stopped {host}:{port} {why} 1\n"));
    }
    let (_, counts) = through(9, b"HELO\r\n\r\n");
    assert_eq!(counts, "stopped - malformed 1\n");
}
