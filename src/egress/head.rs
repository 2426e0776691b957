//! What a client asks a proxy for: a tunnel, or one plain request, read strictly. What could be read in two ways is not
//! read at all.

use crate::sandbox::egress::{Host, Stop, read_authority};

/// As much as may stand before a request's body.
pub(super) const MAX_HEAD: usize = 16 * 1024;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Bytes in both directions.
    Tunnel { host: Host, port: u16 },
    /// One request, written as the server wants it, with so many bytes of body to come.
    Forward { host: Host, port: u16, head: Vec<u8>, body: u64 },
}

impl Ask {
    pub(super) fn to(&self) -> (&Host, u16) {
        match self {
            Ask::Tunnel { host, port } | Ask::Forward { host, port, .. } => (host, *port),
        }
    }
}

/// Where a request's head ends, the empty line included.
pub(super) fn end_of(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// Reads a whole head.
pub(super) fn read(head: &[u8]) -> Result<Ask, Stop> {
    parse(head).ok_or(Stop::Malformed)
}

fn parse(head: &[u8]) -> Option<Ask> {
    let text = std::str::from_utf8(head).ok()?.strip_suffix("\r\n\r\n")?;
    let mut lines = text.split("\r\n");
    let request: Vec<&str> = lines.next()?.split(' ').collect();
    let headers = lines.map(header).collect::<Option<Vec<_>>>()?;
    let [method, target, version] = request.as_slice() else { return None };
    let is_known = is_token(method) && matches!(*version, "HTTP/1.1" | "HTTP/1.0");
    if !is_known || !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    if *method == "CONNECT" {
        let (host, port) = read_authority(target, None)?;
        return Some(Ask::Tunnel { host, port });
    }
    let rest = target.strip_prefix("http://")?;
    let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(at);
    let (host, port) = read_authority(authority, Some(80))?;
    let path = path.split('#').next().unwrap_or_default();
    let slash = if path.starts_with('/') { "" } else { "/" };
    let body = body_length(&headers)?;
    let place = if port == 80 { host.to_string() } else { format!("{host}:{port}") };
    let mut written = format!("{method} {slash}{path} HTTP/1.1\r\nHost: {place}\r\n");
    for (name, value) in headers.iter().filter(|(name, _)| goes_on(name, &headers)) {
        written.push_str(&format!("{name}: {value}\r\n"));
    }
    written.push_str("Connection: close\r\n\r\n");
    Some(Ask::Forward { host, port, head: written.into_bytes(), body })
}

/// A name without blanks, a colon, a value without controls. A line that goes on from the one before is none.
fn header(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let value = value.trim_matches([' ', '\t']);
    let is_plain = value.chars().all(|character| character == '\t' || !character.is_control());
    (is_token(name) && is_plain).then_some((name, value))
}

fn is_token(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(plain)
}

/// How long the body is. One whose length is said while it is sent could hide a second request, for another host.
fn body_length(headers: &[(&str, &str)]) -> Option<u64> {
    let has = |wanted: &str| {
        headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| *value)
            .collect::<Vec<_>>()
    };
    if !has("transfer-encoding").is_empty() {
        return None;
    }
    match has("content-length").as_slice() {
        [] => Some(0),
        [digits] if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
        _more => None,
    }
}

/// Whether a header is the server's to see: what is about this connection, about the proxy, or named in `Connection`, is not.
fn goes_on(name: &str, headers: &[(&str, &str)]) -> bool {
    const ENDS_HERE: [&str; 7] =
        ["host", "connection", "keep-alive", "te", "trailer", "upgrade", "proxy-connection"];
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    let named = headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("connection"))
        .flat_map(|(_, value)| value.split(','))
        .any(|word| is(word.trim()) && !is("content-length"));
    !ENDS_HERE.iter().any(|ends| is(ends)) && !name.to_ascii_lowercase().starts_with("proxy-") && !named
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded(request: &str) -> (String, String, u64) {
        match read(request.as_bytes()).unwrap() {
            Ask::Forward { host, port, head, body } => {
                (format!("{host}:{port}"), String::from_utf8(head).unwrap(), body)
            }
            other @ Ask::Tunnel { .. } => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_tunnel_is_asked_for_by_host_and_port() {
        let asked = read(b"CONNECT API.example.com.:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n").unwrap();
        assert_eq!(asked, Ask::Tunnel { host: Host::Name("api.example.com".to_owned()), port: 443 });
    }

    #[test]
    fn a_request_is_written_anew_for_the_host_that_was_looked_at() {
        let request = "GET http://a.com/x?y#z HTTP/1.1\r\nHost: evil.com\r\nProxy-Authorization: x\r\nConnection: X-Hop\r\nX-Hop: 1\r\nAccept: */*\r\n\r\n";
        assert_eq!(
            forwarded(request),
            (
                "a.com:80".to_owned(),
                "GET /x?y HTTP/1.1\r\nHost: a.com\r\nAccept: */*\r\nConnection: close\r\n\r\n".to_owned(),
                0
            )
        );
        let request =
            "POST http://a.com:8080 HTTP/1.1\r\nContent-Length: 5\r\nConnection: content-length\r\n\r\n";
        assert_eq!(
            forwarded(request),
            (
                "a.com:8080".to_owned(),
                "POST / HTTP/1.1\r\nHost: a.com:8080\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
                    .to_owned(),
                5
            )
        );
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_not_read() {
        for request in [
            "",
            "GET / HTTP/1.1\r\nHost: a.com\r\n\r\n",
            "GET https://a.com/ HTTP/1.1\r\n\r\n",
            "GET ftp://a.com/ HTTP/1.1\r\n\r\n",
            "GET http://user@a.com/ HTTP/1.1\r\n\r\n",
            "GET http://a.com@evil.com/ HTTP/1.1\r\n\r\n",
            "GET http://a.com:x/ HTTP/1.1\r\n\r\n",
            "GET http://0x7f.1/ HTTP/1.1\r\n\r\n",
            "GET http://a.com/ HTTP/2.0\r\n\r\n",
            "GET http://a.com/ x HTTP/1.1\r\n\r\n",
            "GET  http://a.com/ HTTP/1.1\r\n\r\n",
            "GET http://a.com/ HTTP/1.1\r\nA b: c\r\n\r\n",
            "GET http://a.com/ HTTP/1.1\r\nA : c\r\n\r\n",
            "GET http://a.com/ HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
            "GET http://a.com/ HTTP/1.1\r\nA: b\nHost: c\r\n\r\n",
            "GET http://a.com/ HTTP/1.1\r\nA: b\rc\r\n\r\n",
            "GET http://a.com/ HTTP/1.1\r\nA: \0\r\n\r\n",
            "POST http://a.com/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST http://a.com/ HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            "POST http://a.com/ HTTP/1.1\r\nContent-Length: +5\r\n\r\n",
            "CONNECT a.com HTTP/1.1\r\n\r\n",
            "CONNECT user@a.com:443 HTTP/1.1\r\n\r\n",
            "CONNECT http://a.com:443 HTTP/1.1\r\n\r\n",
            "CONNECT a.com:443 HTTP/1.1\r\n",
        ] {
            assert_eq!(read(request.as_bytes()), Err(Stop::Malformed), "{request:?}");
        }
    }
}
