//! The name in a TLS client's first message, to see that it is the host that was asked for: otherwise an allowed host
//! would lead to every other that the same servers answer for.

/// As much of a first message as is looked at.
pub(super) const MAX_HELLO: usize = 16 * 1024;

/// What the first bytes of a connection say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Not enough yet.
    More,
    /// No name: not TLS, or TLS without one.
    Nothing,
    /// This name, in lower case.
    Name(String),
    /// TLS, and broken.
    Broken,
}

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;

/// Reads the first bytes that a client sends.
pub(super) fn read(bytes: &[u8]) -> Said {
    match bytes {
        [] => return Said::More,
        [HANDSHAKE] | [HANDSHAKE, 3] => return Said::More,
        [HANDSHAKE, 3, ..] => {}
        _plain => return Said::Nothing,
    }
    let mut message = Vec::new();
    let mut rest = Bytes(bytes);
    // A message may be spread over several records.
    loop {
        let wanted = match message.as_slice() {
            [CLIENT_HELLO, a, b, c, ..] => {
                Some(4 + usize::from(*a) * 65_536 + usize::from(*b) * 256 + usize::from(*c))
            }
            [] | [CLIENT_HELLO, ..] => None,
            _other => return Said::Broken,
        };
        if wanted.is_some_and(|wanted| message.len() >= wanted) {
            return name_of(&message).unwrap_or(Said::Broken);
        }
        if bytes.len() >= MAX_HELLO {
            return Said::Broken;
        }
        let is_record = match rest.0 {
            [] => return Said::More,
            [first, ..] => *first == HANDSHAKE,
        };
        if !is_record {
            return Said::Broken;
        }
        let Some(record) = rest.take(3).and_then(|_head| rest.vector(2)) else { return Said::More };
        if record.0.is_empty() {
            return Said::Broken;
        }
        message.extend_from_slice(record.0);
    }
}

fn name_of(message: &[u8]) -> Option<Said> {
    let mut rest = Bytes(message);
    rest.take(4 + 2 + 32)?;
    let _session = rest.vector(1)?;
    let _ciphers = rest.vector(2)?;
    let _compression = rest.vector(1)?;
    if rest.0.is_empty() {
        return Some(Said::Nothing);
    }
    let mut extensions = rest.vector(2)?;
    let mut found = None;
    while !extensions.0.is_empty() {
        let kind = extensions.number()?;
        let mut content = extensions.vector(2)?;
        if kind != SERVER_NAME {
            continue;
        }
        let mut names = content.vector(2)?;
        let is_host = names.take(1)? == [0];
        let name = names.vector(2)?;
        if !is_host || !names.0.is_empty() || found.is_some() {
            return None;
        }
        found = Some(std::str::from_utf8(name.0).ok()?.to_ascii_lowercase());
    }
    Some(found.map_or(Said::Nothing, Said::Name))
}

/// Bytes that are taken from their beginning.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    /// Bytes behind their own length, which has so many bytes.
    fn vector(&mut self, length_of: usize) -> Option<Bytes<'a>> {
        let length = self.take(length_of)?.iter().fold(0, |length, byte| length * 256 + usize::from(*byte));
        self.take(length).map(Bytes)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn vector(length_of: usize, content: &[u8]) -> Vec<u8> {
        let length = content.len().to_be_bytes();
        [&length[8 - length_of..], content].concat()
    }

    /// A first message with this name, in records of at most so many bytes.
    pub(in crate::egress) fn hello(name: Option<&str>, record: usize) -> Vec<u8> {
        let mut extensions = [vec![0, 43], vector(2, &[2, 3, 4])].concat();
        if let Some(name) = name {
            let entry = [vec![0], vector(2, name.as_bytes())].concat();
            extensions.extend([vec![0, 0], vector(2, &vector(2, &entry))].concat());
        }
        let body = [
            vec![3, 3],
            vec![7; 32],
            vector(1, &[]),
            vector(2, &[0x13, 1]),
            vector(1, &[0]),
            vector(2, &extensions),
        ]
        .concat();
        let message = [vec![1], vector(3, &body)].concat();
        message.chunks(record).flat_map(|part| [vec![22, 3, 1], vector(2, part)].concat()).collect()
    }

    #[test]
    fn the_name_is_found_in_one_record_or_many_and_from_any_part_of_it_more_is_wanted() {
        for record in [1, 5, 40, 4000] {
            let whole = hello(Some("API.example.com"), record);
            assert_eq!(read(&whole), Said::Name("api.example.com".to_owned()), "{record}");
            for cut in 0..whole.len() {
                assert_eq!(read(&whole[..cut]), Said::More, "{record} {cut}");
            }
            assert_eq!(read(&hello(None, record)), Said::Nothing);
        }
    }

    #[test]
    fn what_is_not_tls_has_no_name_and_what_is_broken_is_said_to_be() {
        assert_eq!(read(b"SSH-2.0-x\r\n"), Said::Nothing);
        assert_eq!(read(b"GET / HTTP/1.1\r\n"), Said::Nothing);
        let mut other = hello(Some("a.com"), 4000);
        other[5] = 2;
        assert_eq!(read(&other), Said::Broken);
        let mut long = hello(Some("a.com"), 4000);
        let at = long.len() - 6;
        long[at] = 200;
        assert_eq!(read(&long), Said::Broken);
        assert_eq!(read(&[22, 3, 1, 0, 0]), Said::Broken);
        assert_eq!(read(&hello(Some(&"a".repeat(20_000)), 4000)[..MAX_HELLO]), Said::Broken);
    }
}
