//! Which host, and as whom: flags, then a profile that was typed, then the environment, then the default profile.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use http::Uri;
use serde::Deserialize;

use crate::cli::exit::{Exit, Failure, with_causes};
use crate::config;

/// How the host is reached, on the command line.
#[derive(Debug, Default, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub(in crate::cli) struct ConnectionArgs {
    /// A profile of ~/.config/reeve/config.toml [env: REEVE_PROFILE]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// The host, as https://host01.example:8443 [env: REEVE_URL]
    #[arg(long)]
    url: Option<String>,
    /// The CA that the host's certificate is from [env: REEVE_CA]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Our certificate [env: REEVE_CERT]
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// Its key [env: REEVE_KEY]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// Looks a variable of the environment up.
type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// A host with everything that it takes to speak to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Target {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) ca: PathBuf,
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            return write!(f, "[{}]:{}", self.host, self.port);
        }
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A profile as it is written.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    url: Option<String>,
    ca: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
}

const EXAMPLE: &str = "\
name the host and your certificate in ~/.config/reeve/config.toml:\n
    [default]
    url  = \"https://host01.example:8443\"
    ca   = \"ca.crt\"           # paths from the file's own directory
    cert = \"librarian.crt\"
    key  = \"librarian.key\"
\n    or with --url, --ca, --cert, --key, or REEVE_URL, REEVE_CA, REEVE_CERT, REEVE_KEY";

impl ConnectionArgs {
    /// The host that is meant.
    pub(in crate::cli) fn target(&self) -> Result<Target, Failure> {
        self.target_in(&|name| std::env::var_os(name).filter(|value| !value.is_empty()))
    }

    fn target_in(&self, environment: Environment<'_>) -> Result<Target, Failure> {
        let flags = Profile {
            url: self.url.clone(),
            ca: self.ca.clone(),
            cert: self.cert.clone(),
            key: self.key.clone(),
        };
        // Whoever types a profile means it: a variable left over in the shell does not lead to another host.
        let chosen = match &self.profile {
            Some(name) => flags.or(profile(Some(name), environment)?),
            None => {
                let near = flags.or(from_environment(environment));
                if near.is_whole() { near } else { near.or(profile(None, environment)?) }
            }
        };
        chosen.meant()
    }
}

fn from_environment(environment: Environment<'_>) -> Profile {
    let path = |name: &str| environment(name).map(PathBuf::from);
    Profile {
        url: environment("REEVE_URL").map(|url| url.to_string_lossy().into_owned()),
        ca: path("REEVE_CA"),
        cert: path("REEVE_CERT"),
        key: path("REEVE_KEY"),
    }
}

fn profile(named: Option<&str>, environment: Environment<'_>) -> Result<Profile, Failure> {
    let from_variable = environment("REEVE_PROFILE").map(|name| name.to_string_lossy().into_owned());
    let name = named.map(str::to_owned).or(from_variable);
    let usage = |message: String| Failure::new(Exit::Usage, message).hint(EXAMPLE);
    let Some(path) = config_path(environment) else {
        return Err(usage("there is no home directory to look for a profile in".to_owned()));
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        // Flags and variables may have all that is needed; what is missing is named then.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && name.is_none() => {
            return Ok(Profile::default());
        }
        Err(error) => return Err(usage(format!("{}: {error}", path.display()))),
    };
    let directory = path.parent().unwrap_or(Path::new("/"));
    let found = from_file(&path, &text, name.as_deref().unwrap_or("default"))?;
    Ok(found.seen_from(directory))
}

fn from_file(path: &Path, text: &str, name: &str) -> Result<Profile, Failure> {
    let profiles: BTreeMap<String, Profile> = config::parse(&path.display().to_string(), text)
        .map_err(|error| Failure::new(Exit::Usage, with_causes(&error)))?;
    match profiles.get(name) {
        Some(profile) => Ok(profile.clone()),
        None if name == "default" => Ok(Profile::default()),
        None => {
            let known: Vec<&str> = profiles.keys().map(String::as_str).collect();
            let message = format!("{}: there is no profile {name:?}", path.display());
            let hint =
                format!("it has {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") });
            Err(Failure::new(Exit::Usage, message).hint(hint))
        }
    }
}

impl Profile {
    /// This, and what it leaves open as the other has it.
    fn or(self, other: Self) -> Self {
        Self {
            url: self.url.or(other.url),
            ca: self.ca.or(other.ca),
            cert: self.cert.or(other.cert),
            key: self.key.or(other.key),
        }
    }

    fn is_whole(&self) -> bool {
        self.url.is_some() && [&self.ca, &self.cert, &self.key].iter().all(|path| path.is_some())
    }

    fn meant(self) -> Result<Target, Failure> {
        let (host, port) = address(&need(self.url, "url")?)?;
        Ok(Target {
            host,
            port,
            ca: need(self.ca, "ca")?,
            cert: need(self.cert, "cert")?,
            key: need(self.key, "key")?,
        })
    }

    fn seen_from(self, directory: &Path) -> Self {
        let whole = |path: Option<PathBuf>| path.map(|path| expanded(directory, &path));
        Self { url: self.url, ca: whole(self.ca), cert: whole(self.cert), key: whole(self.key) }
    }
}

fn expanded(directory: &Path, path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        (Ok(_), None) | (Err(_), _) => directory.join(path),
    }
}

fn config_path(environment: Environment<'_>) -> Option<PathBuf> {
    if let Some(path) = environment("REEVE_CONFIG") {
        return Some(PathBuf::from(path));
    }
    let base = environment("XDG_CONFIG_HOME").map(PathBuf::from);
    let base = base.or_else(|| std::env::home_dir().map(|home| home.join(".config")))?;
    Some(base.join("reeve/config.toml"))
}

fn need<T>(value: Option<T>, name: &str) -> Result<T, Failure> {
    value.ok_or_else(|| {
        Failure::new(Exit::Usage, format!("which host, and as whom? There is no {name}")).hint(EXAMPLE)
    })
}

fn address(url: &str) -> Result<(String, u16), Failure> {
    let wrong = |problem: &str| {
        Failure::new(Exit::Usage, format!("the url {url:?} {problem}"))
            .hint("want https://HOST:PORT, as https://host01.example:8443")
    };
    let uri: Uri = url.parse().map_err(|_error| wrong("is none"))?;
    if uri.scheme_str() != Some("https") {
        return Err(wrong("does not begin with https://: a host is spoken to over TLS only"));
    }
    if uri.path_and_query().is_some_and(|path| path.as_str() != "/") {
        return Err(wrong("has a path"));
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(wrong("has a user in it: a certificate says who we are"));
    }
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| wrong("has no host"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok((host, uri.port_u16().unwrap_or(443)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_https_with_a_host_and_no_more() {
        for (url, host, port) in [
            ("https://host01.example:8443", "host01.example", 8443),
            ("https://host01.example/", "host01.example", 443),
            ("https://[::1]:8443", "::1", 8443),
            ("https://192.0.2.7:1", "192.0.2.7", 1),
        ] {
            assert_eq!(address(url).unwrap(), (host.to_owned(), port));
        }
        for bad in
            ["http://host01", "host01:8443", "https://", "https://a/b", "https://a?b", "https://u:p@a", "x y"]
        {
            assert_eq!(address(bad).unwrap_err().exit, Exit::Usage, "{bad}");
        }
    }

    #[test]
    fn a_profile_is_taken_by_its_name_with_paths_from_the_files_directory() {
        let text =
            "[default]\nurl = \"https://a\"\nca = \"ca.crt\"\n[lab]\nurl = \"https://b\"\nkey = \"/k\"\n";
        let lab = from_file(Path::new("c.toml"), text, "lab").unwrap().seen_from(Path::new("/d"));
        assert_eq!((lab.url.as_deref(), lab.key.as_deref()), (Some("https://b"), Some(Path::new("/k"))));
        let default = from_file(Path::new("c.toml"), text, "default").unwrap().seen_from(Path::new("/d"));
        assert_eq!(default.ca.as_deref(), Some(Path::new("/d/ca.crt")));
        let missing = from_file(Path::new("c.toml"), text, "prod").unwrap_err();
        assert_eq!(missing.hints, ["it has default, lab"]);
    }

    #[test]
    fn a_key_of_a_profile_that_nobody_knows_is_named_with_the_one_meant() {
        let wrong = from_file(Path::new("c.toml"), "[default]\ncret = \"x\"\n", "default").unwrap_err();
        assert!(wrong.message.contains("cret") && wrong.message.contains("cert"), "{}", wrong.message);
    }

    fn whole(url: &str) -> ConnectionArgs {
        let path = |text: &str| Some(PathBuf::from(text));
        let url = Some(url.to_owned());
        ConnectionArgs { url, ca: path("ca"), cert: path("cert"), key: path("key"), ..Default::default() }
    }

    #[test]
    fn flags_are_enough_and_stand_before_the_environment() {
        let environment = |name: &str| (name == "REEVE_URL").then(|| OsString::from("https://b:2"));
        let target = whole("https://a:1").target_in(&environment).unwrap();
        assert_eq!((target.to_string().as_str(), target.cert), ("a:1", PathBuf::from("cert")));
    }

    #[test]
    fn a_profile_that_is_typed_stands_before_the_environment() {
        let directory = crate::sys::scratch::Scratch::new();
        let file = directory.path("config.toml");
        let text = "[lab]\nurl = \"https://lab\"\nca = \"c\"\ncert = \"c\"\nkey = \"k\"\n";
        std::fs::write(&file, text).unwrap();
        let environment = |name: &str| match name {
            "REEVE_CONFIG" => Some(file.clone().into_os_string()),
            "REEVE_URL" => Some(OsString::from("https://production")),
            _ => Some(OsString::from("x")),
        };
        let typed = ConnectionArgs { profile: Some("lab".to_owned()), ..Default::default() };
        assert_eq!(typed.target_in(&environment).unwrap().host, "lab");
        assert_eq!(ConnectionArgs::default().target_in(&environment).unwrap().host, "production");
    }
}
