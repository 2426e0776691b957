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
    /// TLS, and broken; or TLS that does not begin as it must to be looked at.
    Broken,
}

const HANDSHAKE: u8 = 22;
/// What else a record may be: a change of ciphers, an alert, data, a heartbeat. A server that reads over one before the first
/// message would see a name that nobody looked at.
const NO_BEGINNING: [u8; 4] = [20, 21, 23, 24];
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;

/// Reads the first bytes that a client sends.
pub(super) fn read(bytes: &[u8]) -> Said {
    match bytes {
        [] | [HANDSHAKE] | [HANDSHAKE, 3] => return Said::More,
        [HANDSHAKE, 3, ..] => {}
        [HANDSHAKE, ..] => return Said::Broken,
        [other, ..] if NO_BEGINNING.contains(other) => return Said::Broken,
        // A first message in the form of SSL 2, which has no name, and which some servers take for one of TLS.
        [0x80..=0xff, _, CLIENT_HELLO, ..] => return Said::Broken,
        [0x80..=0xff] | [0x80..=0xff, _] => return Said::More,
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
        if let Some(whole) = wanted.and_then(|wanted| message.get(..wanted)) {
            return name_of(whole).unwrap_or(Said::Broken);
        }
        if bytes.len() >= MAX_HELLO {
            return Said::Broken;
        }
        match rest.0 {
            [] | [HANDSHAKE] => return Said::More,
            [HANDSHAKE, 3, ..] => {}
            _other => return Said::Broken,
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
        if !is_host || !names.0.is_empty() || !content.0.is_empty() || found.is_some() {
            return None;
        }
        found = Some(std::str::from_utf8(name.0).ok()?.to_ascii_lowercase());
    }
    // What lies behind the extensions one reader passes over, and another may not.
    rest.0.is_empty().then(|| found.map_or(Said::Nothing, Said::Name))
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

    /// An alert that one goes on after: "unrecognized name".
    pub(in crate::egress) const WARNING: [u8; 7] = [21, 3, 1, 0, 2, 1, 112];

    #[test]
    fn what_begins_as_tls_and_is_no_first_message_is_broken_whatever_comes_behind_it() {
        let first = hello(Some("b.com"), 4000);
        for before in [
            WARNING.as_slice(),
            &[21, 3, 0, 0, 2, 1, 0x5a],
            &[21, 3, 3, 0, 0],
            &[20, 3, 3, 0, 1, 1],
            &[23, 3, 3, 0, 0],
            &[24, 3, 3, 0, 3, 1, 0, 0],
            &[22, 3, 1, 0, 0],
            // A server's own "begin anew", which has no content.
            &[22, 3, 1, 0, 4, 0, 0, 0, 0],
        ] {
            assert_eq!(read(&[before, &first].concat()), Said::Broken, "{before:?}");
        }
        for kind in [20, 21, 23, 24] {
            assert_eq!(read(&[kind]), Said::Broken, "from its first byte on");
        }
        for major in [0, 1, 2, 4, 255] {
            let mut other = hello(Some("b.com"), 4000);
            other[1] = major;
            assert_eq!(read(&other), Said::Broken, "version {major}");
            assert_eq!(read(&[22, major]), Said::Broken, "version {major}");
        }
        for kind in [0, 2, 4, 11, 16, 20, 254] {
            let mut other = hello(Some("b.com"), 4000);
            other[5] = kind;
            assert_eq!(read(&other), Said::Broken, "message {kind}");
        }
    }

    #[test]
    fn between_the_records_of_a_first_message_stands_nothing_else() {
        let whole = hello(Some("b.com"), 20);
        let (first, rest) = whole.split_at(25);
        for between in [WARNING.as_slice(), &[20, 3, 3, 0, 1, 1], &[22, 3, 1, 0, 0], &[23, 3, 3, 0, 0]] {
            assert_eq!(read(&[first, between, rest].concat()), Said::Broken, "{between:?}");
        }
        let mut other = whole.clone();
        other[26] = 2;
        assert_eq!(read(&other), Said::Broken, "another version in its second record");
    }

    #[test]
    fn a_first_message_in_the_form_of_ssl_2_is_broken() {
        // Version, lengths of ciphers, session and challenge, and these.
        let body = [&[1, 3, 1, 0, 3, 0, 0, 0, 16, 0, 0, 47][..], &[7; 16]].concat();
        let whole = [&[0x80, 28][..], &body].concat();
        assert_eq!(read(&whole), Said::Broken);
        assert_eq!((read(&whole[..1]), read(&whole[..2])), (Said::More, Said::More));
        assert_eq!(read(&[0x80, 28, 1, 0, 2]), Said::Broken, "and of SSL 2 itself");
        assert_eq!(read(&[0x82, 7, 2, 0]), Said::Nothing, "another protocol, which begins with such a byte");
    }

    #[test]
    fn what_a_first_message_has_behind_its_parts_makes_it_broken_and_what_stands_behind_it_does_not() {
        let whole = hello(Some("a.com"), 4000);
        let longer = |added: usize, at: &[usize]| {
            let mut longer = whole.clone();
            longer.extend(vec![0; added]);
            for at in at {
                longer[*at] += u8::try_from(added).unwrap();
            }
            longer
        };
        // In the record and in the message, of which the name's content is the last.
        assert_eq!(read(&longer(2, &[4, 8])), Said::Broken);
        let name = whole.len() - 14;
        assert_eq!(whole[name..][..4], [0, 0, 0, 10]);
        assert_eq!(read(&longer(1, &[4, 8, name - 8, name + 3])), Said::Broken);
        assert_eq!(read(&longer(2, &[4])), Said::Name("a.com".to_owned()));
        assert_eq!(read(&[whole.as_slice(), &WARNING].concat()), Said::Name("a.com".to_owned()));
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
