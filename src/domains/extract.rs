//! Which hosts a call's arguments name: in URLs anywhere in any text, in keys as well as in values, at any depth, read as a browser
//! reads them; and bare, where the key says that it is a host.

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;

use super::name::Domain;

/// The hosts that were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Each once, in the order in which they stand.
    pub domains: Vec<Domain>,
    /// How many URLs have a host that cannot be read.
    pub unreadable: usize,
}

/// Schemes that a browser reads loosely: with backslashes, and with any number of slashes.
const LOOSE: &[&str] = &["https", "http", "wss", "ws", "ftp"];
/// Keys whose values are hosts, or begin with one, by their last word: `host`, `target_url`, `api-endpoint`.
const HOST_KEYS: &[&str] = &[
    "host", "hostname", "domain", "fqdn", "url", "uri", "href", "link", "server", "endpoint", "site",
    "website", "address", "proxy", "webhook", "callback",
];
/// How often text is percent-decoded to look for a URL within a URL.
const ROUNDS: usize = 3;
/// The longest authority of a URL; a longer one cannot be read.
const LONGEST: usize = 2048;
/// The longest scheme.
const LONGEST_SCHEME: usize = 32;

/// Finds the hosts in a value.
#[must_use]
pub fn found_in(value: &Value) -> Found {
    let mut search = Search::default();
    search.value(value, false);
    search.found
}

#[derive(Default)]
struct Search {
    found: Found,
    seen: BTreeSet<Domain>,
}

impl Search {
    fn value(&mut self, value: &Value, is_host: bool) {
        match value {
            Value::String(text) => self.text(text, is_host),
            Value::Array(items) => items.iter().for_each(|item| self.value(item, is_host)),
            Value::Object(fields) => {
                for (key, value) in fields {
                    self.text(key, false);
                    self.value(value, is_host_key(key));
                }
            }
            // An address may be a number.
            Value::Number(number) if is_host => self.bare(&number.to_string()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&mut self, text: &str, is_host: bool) {
        let mut text = std::borrow::Cow::Borrowed(text);
        for _ in 0..ROUNDS {
            self.urls(&text);
            if is_host {
                self.bare(&text);
            }
            if !text.contains('%') {
                return;
            }
            let decoded = percent_decoded(&text);
            if decoded == text {
                return;
            }
            text = decoded.into();
        }
    }

    fn urls(&mut self, text: &str) {
        self.whole(text);
        for (colon, _) in text.match_indices(':') {
            let (before, after) =
                (text.get(..colon).unwrap_or_default(), text.get(colon + 1..).unwrap_or_default());
            let scheme = scheme_at_end_of(before);
            let is_loose = LOOSE.iter().any(|loose| loose.eq_ignore_ascii_case(scheme));
            let slashes =
                after.bytes().take_while(|byte| *byte == b'/' || (is_loose && *byte == b'\\')).count();
            if scheme.is_empty() || slashes < if is_loose { 1 } else { 2 } || (!is_loose && slashes > 2) {
                continue;
            }
            self.authority(after.get(slashes..).unwrap_or_default());
        }
        let is_end = |c: char| c.is_whitespace() || is_quote(c);
        for word in text.split(is_end).filter(|word| starts_with(word, "www.")) {
            self.bare(word.trim_end_matches(|c: char| c.is_ascii_punctuation() && c != '/'));
        }
    }

    /// A text that is a URL and nothing else, as a browser takes it: line breaks and tabs do not count, nor do missing slashes.
    fn whole(&mut self, text: &str) {
        let is_outer = |c: char| c <= ' ';
        let text: String =
            text.trim_matches(is_outer).chars().filter(|c| !matches!(c, '\t' | '\r' | '\n')).collect();
        if text.contains(' ') {
            return;
        }
        let loose = text
            .split_once(':')
            .filter(|(scheme, _)| LOOSE.iter().any(|loose| loose.eq_ignore_ascii_case(scheme)));
        if let Some((_, rest)) = loose {
            return self.authority(rest.trim_start_matches(['/', '\\']));
        }
        if let Some(rest) = text.strip_prefix(['/', '\\']).and_then(|rest| rest.strip_prefix(['/', '\\'])) {
            return self.bare(rest);
        }
        // `git@host:path`, as ssh takes it.
        if let Some((user, rest)) = text.split_once('@')
            && let Some((host, _path)) = rest.split_once(':')
            && !user.is_empty()
            && !user.contains([':', '/'])
            && !host.contains('/')
        {
            self.bare(host);
        }
    }

    /// What stands behind the slashes: user, host and port, up to where the path begins.
    fn authority(&mut self, text: &str) {
        let is_end = |c: char| matches!(c, '/' | '\\' | '?' | '#') || c.is_whitespace() || is_quote(c);
        let authority = text.split(is_end).next().unwrap_or_default();
        if authority.is_empty() {
            return;
        }
        if authority.len() > LONGEST {
            self.found.unreadable += 1;
            return;
        }
        let whole = host_of(authority);
        // In a sentence the URL may end earlier, and who reads it may say so where there is a `@`.
        let cut = authority.find(|c| !is_of_host(c)).and_then(|end| authority.get(..end));
        let cut = cut.filter(|_| whole.is_none() || authority.contains('@')).and_then(host_of);
        if whole.is_none() && cut.is_none() {
            self.found.unreadable += 1;
        }
        whole.into_iter().chain(cut).for_each(|domain| self.add(domain));
    }

    /// A host without a scheme, perhaps with a port and a path.
    fn bare(&mut self, text: &str) {
        let text = text.trim();
        let authority = text.split(['/', '\\', '?', '#']).next().unwrap_or_default();
        if text.contains(char::is_whitespace) || text.contains("://") || authority.len() > LONGEST {
            return;
        }
        let read = Domain::parse(authority).or_else(|| host_of(authority));
        let is_host = |domain: &Domain| {
            domain.labels() > 1 || domain.as_str().contains(['.', ':']) || domain.as_str() == "localhost"
        };
        if let Some(domain) = read.filter(is_host) {
            self.add(domain);
        }
    }

    fn add(&mut self, domain: Domain) {
        if self.seen.insert(domain.clone()) {
            self.found.domains.push(domain);
        }
    }
}

fn host_of(authority: &str) -> Option<Domain> {
    let url = Url::parse(&format!("https://{authority}/")).ok()?;
    Domain::of_host(url.host()?)
}

fn is_host_key(key: &str) -> bool {
    let word = key.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    // `apiHost` is two words, too.
    let hump = word.rfind(|c: char| c.is_ascii_uppercase()).and_then(|at| word.get(at..)).unwrap_or(word);
    let is_one = |word: &str| {
        HOST_KEYS.iter().any(|known| {
            word.eq_ignore_ascii_case(known)
                || word.strip_suffix(['s', 'S']).is_some_and(|one| one.eq_ignore_ascii_case(known))
        })
    };
    is_one(word) || is_one(hump)
}

/// The scheme that a text ends with, or nothing.
fn scheme_at_end_of(text: &str) -> &str {
    let of_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let length = text.bytes().rev().take(LONGEST_SCHEME).take_while(of_scheme).count();
    let scheme = text.get(text.len() - length..).unwrap_or_default();
    scheme.trim_start_matches(|c: char| !c.is_ascii_alphabetic())
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

const fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '`' | '<' | '>')
}

fn is_of_host(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']' | '%' | '@' | '。' | '．' | '｡')
}

fn percent_decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
        let pair = digit(after.first()).zip(digit(after.get(1)));
        rest = match pair.filter(|_| *first == b'%') {
            Some((high, low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                after.get(2..).unwrap_or_default()
            }
            None => {
                bytes.push(*first);
                after
            }
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(value: Value) -> Vec<String> {
        found_in(&value).domains.iter().map(|domain| domain.as_str().to_owned()).collect()
    }

    #[test]
    fn a_host_is_found_in_any_argument_at_any_depth_and_in_keys() {
        let deep = json!({"a": [{"b": {"c": ["see https://deep.example/x and (http://two.example:81)."]}}], "https://key.example/": 1});
        assert_eq!(names(deep), ["deep.example", "two.example", "key.example"]);
        let twice = json!(["https://one.example", "https://ONE.example./again"]);
        assert_eq!(names(twice), ["one.example"]);
    }

    #[test]
    fn a_host_is_the_one_that_a_browser_would_go_to() {
        for (text, wanted) in [
            ("https://good.example@evil.example/", "evil.example"),
            ("https://good.example%40x:y@evil.example", "evil.example"),
            ("https://good.example\\@evil.example/", "good.example"),
            ("https:\\\\evil.example\\x", "evil.example"),
            ("https:/evil.example", "evil.example"),
            ("https:evil.example", "evil.example"),
            ("https:////evil.example", "evil.example"),
            ("HTTPS://EVIL.example", "evil.example"),
            (" \u{1}https://evil.example", "evil.example"),
            ("ht\ntps://ev\til.exa\r\nmple/", "evil.example"),
            ("//evil.example/x", "evil.example"),
            ("\\\\evil.example\\share", "evil.example"),
            ("https://evil%2eexample/", "evil.example"),
            ("https://%65vil.example/", "evil.example"),
            ("https://ｅｖｉｌ.example/", "evil.example"),
            ("https://evil。example/", "evil.example"),
            ("https://ev\u{ad}il.example/", "evil.example"),
            ("https://bücher.example/", "xn--bcher-kva.example"),
            ("http://2130706433/", "127.0.0.1"),
            ("http://0x7f000001/", "127.0.0.1"),
            ("http://0177.0.0.01/", "127.0.0.1"),
            ("http://[::ffff:7f00:1]:80/", "127.0.0.1"),
            ("http://[::1]/", "::1"),
            ("postgres://user:pw@db.example/x", "db.example"),
            ("git+ssh://git@code.example/x", "code.example"),
            ("git@code.example:team/x.git", "code.example"),
            ("www.evil.example/x", "evil.example"),
            ("data:text/html,<a href=\"https://evil.example\">", "evil.example"),
        ] {
            let found = names(json!({"x": text}));
            assert!(
                found.iter().any(|name| name.trim_start_matches("www.") == wanted),
                "{text:?}: {found:?}"
            );
        }
    }

    #[test]
    fn a_host_within_a_url_within_a_url_is_found() {
        let text =
            "https://good.example/go?to=https%3A%2F%2Fevil.example%2F&also=https%253A%252F%252Fworse.example";
        assert_eq!(names(json!({"x": text})), ["good.example", "evil.example", "worse.example"]);
    }

    #[test]
    fn both_readings_count_where_a_sentence_may_end_the_url() {
        assert_eq!(names(json!(["https://good.example,x@evil.example/"])), ["evil.example", "good.example"]);
        assert_eq!(names(json!(["https://good.example\n@evil.example/"])), ["evil.example", "good.example"]);
        assert_eq!(
            names(json!(["(https://one.example), https://two.example!"])),
            ["one.example", "two.example"]
        );
    }

    #[test]
    fn a_bare_host_counts_where_its_key_says_so() {
        for key in ["host", "Domain", "target_url", "apiHost", "api-endpoint", "urls", "HOSTNAME"] {
            assert_eq!(names(json!({key: "evil.example:8443/path"})), ["evil.example"], "{key}");
        }
        assert_eq!(names(json!({"hosts": ["a.example", {"x": "b.example"}, "::1"]})), ["a.example", "::1"]);
        assert_eq!(names(json!({"host": 2_130_706_433u32})), ["127.0.0.1"]);
        for value in [
            json!({"name": "notes.txt"}),
            json!({"host": "all of them"}),
            json!({"host": "db01"}),
            json!({"text": "a: b//c"}),
        ] {
            assert_eq!(names(value.clone()), Vec::<String>::new(), "{value}");
        }
    }

    #[test]
    fn what_has_no_host_has_none_and_what_cannot_be_read_is_counted() {
        for text in
            ["file:///etc/passwd", "C:\\dir", "12:30", "a:b", "https://", "tank/media@snap", "nothing at all"]
        {
            assert_eq!(found_in(&json!([text])), Found::default(), "{text}");
        }
        for text in ["https://ex ample.org", "https://1.2.3.4.5/", "https://[::1"] {
            let found = found_in(&json!([text]));
            assert!(found.unreadable > 0 || text.contains(' '), "{text}: {found:?}");
        }
        let long = format!("https://{}.example", "a".repeat(LONGEST));
        assert!(found_in(&json!([long])).unreadable > 0);
    }

    #[test]
    fn a_text_full_of_beginnings_takes_no_longer_than_its_length() {
        for text in
            ["http://".repeat(9000), "a:".repeat(30_000), "%25".repeat(20_000), "https://x@".repeat(6000)]
        {
            assert!(found_in(&json!([text])).domains.len() <= 1);
        }
    }
}
