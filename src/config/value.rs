//! Values that several files have, held to the same bounds in the same words. Each error begins with the key.

use std::path::PathBuf;
use std::time::Duration;

use url::{Host, Url};

/// Where Debian keeps the authorities that the host trusts.
#[must_use]
pub fn system_authorities() -> PathBuf {
    "/etc/ssl/certs/ca-certificates.crt".into()
}

/// A path that no working directory decides about.
///
/// # Errors
/// When it is relative.
pub fn absolute(key: &str, path: PathBuf) -> Result<PathBuf, String> {
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(format!("{key}: {} is not an absolute path", path.display()))
    }
}

/// A time such as `30s`, `10m`, `2h`, from `least` to `most` seconds.
///
/// # Errors
/// When it is none, or out of bounds.
pub fn duration(key: &str, text: &str, least: u64, most: u64) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|error| format!("{key}: {text:?} is no duration such as 30s, 10m, 2h: {error}"))?;
    let [least, most] = [least, most].map(Duration::from_secs);
    if (least..=most).contains(&duration) {
        return Ok(duration);
    }
    let [least, most] = [least, most].map(humantime::format_duration);
    Err(format!("{key}: {text:?} is not from {least} to {most}"))
}

/// The address of a server that is asked: over TLS, or on this very host by its number, since a name may lead anywhere.
///
/// # Errors
/// When it is no address, has a user or password in it, or is another's without TLS.
pub fn web_address(key: &str, text: &str) -> Result<Url, String> {
    let url = address_without_login(key, text)?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_here(&url) => Ok(url),
        _ => Err(format!("{key}: begins with https://, or with http:// for 127.0.0.1 and [::1]")),
    }
}

/// Any address, as long as it tells nobody how to log in.
///
/// # Errors
/// When it is no address, or has a user or password in it.
pub fn address_without_login(key: &str, text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{key}: {error}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{key}: has a user or password in it; they belong into a file"));
    }
    Ok(url)
}

/// Whether it is this host by its number.
#[must_use]
pub fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        // Of schemes that browsers do not know, numbers are not read.
        Some(Host::Domain(name)) => name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_asked_over_tls_or_is_this_host_by_its_number() {
        for good in ["https://otel.example.net:4318/v1", "http://127.0.0.1:8080", "http://[::1]/"] {
            assert!(web_address("url", good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("http://otel.example.net/", "url: begins with https://"),
            ("http://localhost/", "url: begins with https://"),
            ("http://10.0.0.1", "url: begins with https://"),
            ("ws://127.0.0.1", "url: begins with https://"),
            ("https://a:b@otel.example.net/", "url: has a user or password"),
            ("https://a@otel.example.net/", "url: has a user or password"),
            ("otel.example.net", "url: relative URL"),
        ] {
            let error = web_address("url", bad).unwrap_err();
            assert!(error.starts_with(why), "{bad}: {error}");
        }
    }

    #[test]
    fn a_time_is_held_to_its_bounds_to_the_millisecond() {
        assert_eq!(duration("every", "90s", 10, 3600), Ok(Duration::from_secs(90)));
        assert_eq!(duration("every", "1h", 10, 3600), Ok(Duration::from_secs(3600)));
        for (text, why) in [
            ("9999ms", "every: \"9999ms\" is not from 10s to 1h"),
            ("3600001ms", "every: \"3600001ms\" is not from 10s to 1h"),
            ("soon", "every: \"soon\" is no duration such as 30s"),
        ] {
            let error = duration("every", text, 10, 3600).unwrap_err();
            assert!(error.starts_with(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_path_does_not_depend_on_where_one_is() {
        assert_eq!(absolute("ca", "/a".into()), Ok("/a".into()));
        assert_eq!(absolute("ca", "a".into()), Err("ca: a is not an absolute path".to_owned()));
    }
}
