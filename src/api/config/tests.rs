//! Every key, what it means and how it can be wrong.

use super::*;

const LEAST: &str =
    "listen = \"127.0.0.1:8443\"\n[tls]\ncertificate = \"/c\"\nkey = \"/k\"\nclient_ca = \"/a\"\n";

fn read(text: &str) -> Settings {
    Settings::parse("reeved.toml", text).unwrap()
}

/// The first line of what is said; the line of the file follows, with carets.
fn refusal(text: &str) -> String {
    let said = Settings::parse("reeved.toml", text).unwrap_err().to_string();
    said.lines().next().unwrap().to_owned()
}

fn file(path: &str) -> Reference {
    Reference::File(path.into())
}

fn places(directory: &str) -> Places {
    let written = config::parse::<PlacesAsWritten>("t", &format!("directory = {directory:?}")).unwrap();
    written.meant(Consumer::Front).unwrap()
}

fn principal(name: &str) -> PrincipalName {
    PrincipalName::try_from(name.to_owned()).unwrap()
}

#[test]
fn what_is_left_out_is_as_the_documentation_says() {
    let settings = Settings {
        listen: "127.0.0.1:8443".parse().unwrap(),
        metrics_listen: None,
        gate_socket: "/run/reeve/gate.sock".into(),
        gate_user: "reeve-gate".to_owned(),
        log: "info".to_owned(),
        traces_file: "/etc/reeve/traces.toml".into(),
        traces: None,
        tls: TlsFiles { certificate: "/c".into(), key: file("/k"), client_ca: "/a".into(), crl: None },
        secrets: places("/run/reeve-secrets"),
        limits: Limits {
            connections: 1024,
            connections_per_principal: 64,
            requests_per_second: 100,
            burst: 200,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(120),
        },
        identities: Identities::default(),
    };
    assert_eq!(read(LEAST), settings);
}

#[test]
fn every_key_changes_what_it_names() {
    let text = "listen = \"[::1]:9443\"\nmetrics_listen = \"127.0.0.1:9464\"\ngate_socket = \"/g\"\ngate_user = \"g\"\n\
                log = \"reeve=debug\"\ntraces = \"/t\"\nallow_cn = true\n\
                [tls]\ncertificate = \"/1\"\nkey = \"/2\"\nclient_ca = \"/3\"\ncrl = \"/4\"\n\
                [secrets]\ndirectory = \"/5\"\n\
                [limits]\nconnections = 1\nconnections_per_principal = 2\nrequests_per_second = 3\nburst = 4\n\
                handshake_timeout = \"1s\"\nheader_timeout = \"2s\"\nbody_timeout = \"3s\"\nidle_timeout = \"4s\"\n\
                [[identity]]\nuri = \"u\"\nprincipal = \"one\"\n[[identity]]\ndns = \"d\"\nprincipal = \"two\"\n\
                [[identity]]\ncn = \"c\"\nprincipal = \"three\"\n";
    let settings = Settings {
        listen: "[::1]:9443".parse().unwrap(),
        metrics_listen: Some("127.0.0.1:9464".parse().unwrap()),
        gate_socket: "/g".into(),
        gate_user: "g".to_owned(),
        log: "reeve=debug".to_owned(),
        traces_file: "/t".into(),
        traces: None,
        tls: TlsFiles {
            certificate: "/1".into(),
            key: file("/2"),
            client_ca: "/3".into(),
            crl: Some("/4".into()),
        },
        secrets: places("/5"),
        limits: Limits {
            connections: 1,
            connections_per_principal: 2,
            requests_per_second: 3,
            burst: 4,
            handshake_timeout: Duration::from_secs(1),
            header_timeout: Duration::from_secs(2),
            body_timeout: Duration::from_secs(3),
            idle_timeout: Duration::from_secs(4),
        },
        identities: Identities::new(vec![
            (Name::Uri("u".to_owned()), principal("one")),
            (Name::Dns("d".to_owned()), principal("two")),
            (Name::Common("c".to_owned()), principal("three")),
        ]),
    };
    assert_eq!(read(text), settings);
}

#[test]
fn an_unknown_key_is_refused_with_the_one_that_was_meant() {
    assert_eq!(
        refusal(&format!("{LEAST}[limits]\nconnection = 1\n")),
        "reeved.toml:7:1: unknown key `connection`; did you mean `connections`?"
    );
    for text in [
        format!("sudo = true\n{LEAST}"),
        format!("{LEAST}ca = \"x\"\n"),
        format!("{LEAST}[[identity]]\nuri = \"u\"\nprincipal = \"p\"\nrole = \"admin\"\n"),
    ] {
        assert!(refusal(&text).contains("unknown key"), "{text}");
    }
}

#[test]
fn metrics_without_tls_stay_on_the_host() {
    for address in ["0.0.0.0:9464", "192.0.2.1:9464", "[::]:9464"] {
        let text = format!("metrics_listen = \"{address}\"\n{LEAST}");
        assert_eq!(
            refusal(&text),
            "reeved.toml:1:18: is not a loopback address; `GET /metrics` over TLS serves other hosts"
        );
    }
    assert!(read(&format!("metrics_listen = \"[::1]:1\"\n{LEAST}")).metrics_listen.is_some());
}

#[test]
fn limits_out_of_range_are_refused_where_they_stand() {
    for (key, value, wanted) in [
        ("connections", "0", "reeved.toml:7:15: is not from 1 to 1000000"),
        ("requests_per_second", "1000001", "reeved.toml:7:23: is not from 1 to 1000000"),
        ("idle_timeout", "\"2h\"", "reeved.toml:7:16: is not a time from 100ms to 1h, such as `10s`"),
        ("header_timeout", "\"10\"", "reeved.toml:7:18: is not a time from 100ms to 1h, such as `10s`"),
    ] {
        assert_eq!(refusal(&format!("{LEAST}[limits]\n{key} = {value}\n")), wanted);
    }
    assert!(refusal(&format!("{LEAST}[limits]\nburst = -1\n")).contains("reeved.toml:7:9"));
}

#[test]
fn an_identity_is_one_exact_value_and_stands_once() {
    let identity = |text: &str| refusal(&format!("{LEAST}[[identity]]\n{text}\n"));
    let exactly_one = "an identity has exactly one of `uri`, `dns` and `cn`";
    assert!(identity("principal = \"p\"").ends_with(exactly_one));
    assert!(identity("uri = \"u\"\ndns = \"d\"\nprincipal = \"p\"").ends_with(exactly_one));
    for value in ["", "spiffe://example.org/*"] {
        assert!(
            identity(&format!("uri = \"{value}\"\nprincipal = \"p\"")).ends_with("there are no wildcards"),
            "{value}"
        );
    }
    assert!(
        identity("cn = \"c\"\nprincipal = \"p\"")
            .ends_with("`cn` needs `allow_cn = true` at the top of the file")
    );
    assert!(identity("uri = \"u\"\nprincipal = \"Root User\"").contains("a principal's name is"));
    assert_eq!(
        identity("uri = \"u\"\nprincipal = \"p\"\n[[identity]]\nuri = \"u\"\nprincipal = \"q\""),
        "reeved.toml:9:1: uri = \"u\" stands twice; the first alone would count"
    );
}

#[test]
fn a_log_filter_that_is_none_is_refused() {
    assert!(
        refusal(&format!("log = \"reeve=loud\"\n{LEAST}"))
            .starts_with("reeved.toml:1:7: is not a log filter")
    );
}

#[test]
fn a_key_that_stands_there_itself_is_refused_and_not_repeated() {
    let text = LEAST.replace("/k", "-----BEGIN PRIVATE KEY-----");
    let refusal = refusal(&text);
    assert!(refusal.starts_with("reeved.toml:4:7: says no place of a secret"), "{refusal}");
    assert!(!refusal.contains("BEGIN"), "{refusal}");
}

#[test]
fn the_folder_of_what_was_fetched_is_an_absolute_path() {
    let refusal = refusal(&format!("{LEAST}[secrets]\ndirectory = \"c\"\n"));
    assert!(refusal.starts_with("reeved.toml:6:"), "{refusal}");
    assert!(refusal.ends_with("secrets.directory: is not an absolute path"), "{refusal}");
}
