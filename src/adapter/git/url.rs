//! Addresses of remotes: the four schemes that Reeve knows, and nothing that ssh, a shell or git would read otherwise.

use std::fmt;

/// How a remote is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Https,
    Http,
    Ssh,
    Git,
    File,
}

/// The address of a remote, or of a place that remotes lie below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    scheme: Scheme,
    user: Option<String>,
    host: String,
    port: Option<u16>,
    path: String,
    /// Written as `host:path`, which ssh takes from the user's home folder on.
    is_short: bool,
}

impl Scheme {
    const ALL: [Self; 5] = [Self::Https, Self::Http, Self::Ssh, Self::Git, Self::File];

    fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
            Self::Ssh => "ssh",
            Self::Git => "git",
            Self::File => "file",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
            Self::Ssh => 22,
            Self::Git => 9418,
            Self::File => 0,
        }
    }
}

impl Url {
    /// Reads `scheme://[user@]host[:port]/path`, `[user@]host:path` (ssh) or `/path` (a file).
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some((scheme, rest)) = text.split_once("://") {
            let known = Scheme::ALL.into_iter().find(|known| known.as_str() == scheme);
            let scheme =
                known.ok_or_else(|| format!("`{}` is no scheme that Reeve knows", scheme.escape_debug()))?;
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            return Self::of(scheme, authority, &format!("/{path}"));
        }
        if text.starts_with('/') {
            return Self::of(Scheme::File, "", text);
        }
        let (authority, path) = text.split_once(':').ok_or("is no address")?;
        if path.is_empty() || path.starts_with(':') || authority.contains('/') {
            return Err("is no address".to_owned());
        }
        if path.starts_with('/') {
            return Self::of(Scheme::Ssh, authority, path);
        }
        let url = Self::of(Scheme::Ssh, authority, &format!("/{path}"))?;
        Ok(Self { is_short: true, ..url })
    }

    fn of(scheme: Scheme, authority: &str, path: &str) -> Result<Self, String> {
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, authority),
        };
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) => {
                (host, Some(port.parse().map_err(|_error| "its port is no number".to_owned())?))
            }
            None => (place, None),
        };
        if user.is_some_and(|user| user.contains(':')) {
            return Err(
                "has a password in it; name a file of credentials in Reeve's settings instead".to_owned()
            );
        }
        if !user.is_none_or(is_word)
            || (scheme == Scheme::File) != host.is_empty()
            || !(host.is_empty() || is_word(host))
        {
            return Err("its user or host is none".to_owned());
        }
        if scheme == Scheme::File && (user.is_some() || port.is_some()) {
            return Err("a file has no host".to_owned());
        }
        if !is_path(path) {
            return Err("its path has characters that Reeve does not take, or leads upwards".to_owned());
        }
        let host = host.to_ascii_lowercase();
        Ok(Self { scheme, user: user.map(str::to_owned), host, port, path: path.to_owned(), is_short: false })
    }

    pub(super) fn is_ssh(&self) -> bool {
        self.scheme == Scheme::Ssh
    }

    pub(super) fn is_http(&self) -> bool {
        matches!(self.scheme, Scheme::Http | Scheme::Https)
    }

    /// Whether this lies at or below `place`: same scheme, host and port, the same user where one is named there, and a
    /// path below, by components.
    pub(super) fn is_within(&self, place: &Self) -> bool {
        let port = |url: &Self| url.port.unwrap_or(url.scheme.port());
        let is_below = |path: &str| {
            let above = place.path.trim_end_matches('/');
            path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.scheme == place.scheme
            && self.host == place.host
            && port(self) == port(place)
            && (place.user.is_none() || place.user == self.user)
            && is_below(&self.path)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_short {
            write!(f, "{}://", self.scheme.as_str())?;
        }
        self.user.iter().try_for_each(|user| write!(f, "{user}@"))?;
        f.write_str(&self.host)?;
        self.port.iter().try_for_each(|port| write!(f, ":{port}"))?;
        match self.path.strip_prefix('/').filter(|_| self.is_short) {
            Some(path) => write!(f, ":{path}"),
            None => f.write_str(&self.path),
        }
    }
}

fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !text.is_empty() && text.len() <= 255 && !text.starts_with(['-', '.']) && text.bytes().all(plain)
}

fn is_path(path: &str) -> bool {
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'+' | b'@' | b'~' | b'/')
    };
    let is_part = |part: &str| part != ".." && part != "." && !part.starts_with('-');
    path.len() <= 1024 && path.bytes().all(plain) && path.split('/').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn the_forms_that_people_write_are_one_form() {
        for (written, meant) in [
            ("https://git.example.net/a/b.git", "https://git.example.net/a/b.git"),
            ("https://Git.Example.net", "https://git.example.net/"),
            ("ssh://git@git.example.net:2222/a", "ssh://git@git.example.net:2222/a"),
            ("git@git.example.net:a/b.git", "git@git.example.net:a/b.git"),
            ("git.example.net:/a", "ssh://git.example.net/a"),
            ("/srv/mirror/a.git", "file:///srv/mirror/a.git"),
            ("git://localhost:9/a", "git://localhost:9/a"),
        ] {
            assert_eq!(url(written).to_string(), meant);
        }
    }

    #[test]
    fn an_address_that_would_run_something_is_none() {
        for text in [
            "",
            "ext::sh -c id",
            "fd::3",
            "ftp://h/a",
            "origin",
            "../a",
            "ssh://-oProxyCommand=id/a",
            "-oProxyCommand=id:a",
            "ssh://h/-x",
            "ssh://h/a b",
            "ssh://h/$(id)",
            "ssh://h/'a",
            "https://h/../a",
            "https://h/a?x",
            "https://h/a#x",
            "https://user:secret@h/a",
            "file://host/a",
            "h::a",
            "https://h:x/a",
            "https:///a",
            "ssh://a@b@c/d",
            "https://h/%2e%2e/a",
            "HTTPS://h/a",
            "file:///a/../b",
            "transport::https://h/a",
            "a/b:c",
        ] {
            assert!(Url::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn inside_means_the_same_host_and_whole_components() {
        let inside = |url_text: &str, place: &str| url(url_text).is_within(&url(place));
        assert!(inside("https://h/team/a.git", "https://h/team/"));
        assert!(inside("https://h:443/team", "https://h/team"));
        assert!(inside("ssh://git@h/a", "ssh://h/"));
        for (outside, place) in [
            ("https://h/team-evil/a", "https://h/team"),
            ("https://h.evil/team", "https://h/team"),
            ("http://h/team", "https://h/team"),
            ("https://h:8443/team", "https://h/team"),
            ("ssh://root@h/a", "ssh://git@h/"),
            ("ssh://h/a", "ssh://git@h/"),
            ("file:///srv/mirror2/a", "file:///srv/mirror"),
        ] {
            assert!(!inside(outside, place), "{outside} is not in {place}");
        }
    }
}
