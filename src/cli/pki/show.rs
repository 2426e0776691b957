//! What the CA did, as people and programs read it.

use std::path::Path;

use serde_json::{Value, json};

use crate::cli::exit::{Exit, Failure};
use crate::cli::screen::{Screen, Tone, harmless, paint};
use crate::pki::{Ca, Crl, Entry, Issued, LeafName};
use crate::sys::clock::Clock;

/// A CA that was made.
pub(super) fn new(ca: &Ca, screen: Screen) -> Result<Exit, Failure> {
    let (subject, until) = ca.about()?;
    if screen.is_json() {
        screen.document(&json!({
            "dir": ca.dir(), "subject": subject, "not_after": until,
            "certificate": ca.certificate_file(), "crl": ca.crl_file(),
        }))?;
        return Ok(Exit::Done);
    }
    screen.line(&format!("{} a CA until {}", paint("made", Tone::Good), day(&until)))?;
    screen.facts(&[
        ("certificate", Some(path(&ca.certificate_file()))),
        (
            "key",
            Some(format!("{}  (whoever has it can make any certificate)", path(&ca.dir().join("ca.key")))),
        ),
        ("list", Some(format!("{}  (what is revoked; hosts need it)", path(&ca.crl_file())))),
        (
            "next",
            Some(
                "reeve pki issue server NAME --dns …, reeve pki issue agent NAME --trust-domain …".to_owned(),
            ),
        ),
    ])?;
    Ok(Exit::Done)
}

/// A certificate that was issued.
pub(super) fn issued(issued: &Issued, screen: Screen) -> Result<Exit, Failure> {
    let entry = &issued.entry;
    if screen.is_json() {
        let mut document = json!(entry);
        if let Some(map) = document.as_object_mut() {
            map.insert("certificate".to_owned(), json!(issued.certificate));
            map.insert("key".to_owned(), json!(issued.key));
        }
        screen.document(&document)?;
        return Ok(Exit::Done);
    }
    let what = format!("{} {}", entry.role.as_str(), entry.name);
    screen.line(&format!("{} {what} until {}", paint("issued", Tone::Good), day(&entry.not_after)))?;
    screen.facts(&[
        ("names", Some(entry.sans.join(" "))),
        ("serial", Some(entry.serial.clone())),
        ("certificate", Some(path(&issued.certificate))),
        ("key", Some(issued.key.as_deref().map_or("with whoever made the request".to_owned(), path))),
    ])?;
    Ok(Exit::Done)
}

/// Certificates that were taken back.
pub(super) fn revoked(revoked: &[Entry], list: &Crl, screen: Screen) -> Result<Exit, Failure> {
    if screen.is_json() {
        screen.document(&json!({"revoked": revoked, "crl": crl_json(list)}))?;
        return Ok(Exit::Done);
    }
    for entry in revoked {
        screen.line(&format!(
            "{} {} {} {}",
            paint("revoked", Tone::Warning),
            entry.role.as_str(),
            entry.name,
            entry.serial
        ))?;
    }
    crl(list, screen)
}

fn crl_json(crl: &Crl) -> Value {
    json!({"number": crl.number, "next_update": crl.next_update, "path": crl.path})
}

/// A list that was written.
pub(super) fn crl(list: &Crl, screen: Screen) -> Result<Exit, Failure> {
    if screen.is_json() {
        screen.document(&crl_json(list))?;
        return Ok(Exit::Done);
    }
    screen.line(&format!("{} revocation list {}", paint("wrote", Tone::Good), list.number))?;
    screen.facts(&[
        ("file", Some(path(&list.path))),
        ("ends", Some(format!("{}  (write the next before that)", day(&list.next_update)))),
        ("next", Some("copy it to the hosts; each reads it when it changes".to_owned())),
    ])?;
    Ok(Exit::Done)
}

/// The CA and what it issued.
pub(super) fn all(
    ca: &Ca,
    name: Option<&LeafName>,
    screen: Screen,
    clock: &dyn Clock,
) -> Result<Exit, Failure> {
    let now = time::OffsetDateTime::from(clock.now());
    let mut entries = ca.entries()?;
    entries.retain(|entry| name.is_none_or(|name| entry.name == name.as_str()));
    let (subject, until) = ca.about()?;
    let (number, next_update) = ca.crl_state()?;
    if screen.is_json() {
        let certificates: Vec<Value> = entries.iter().map(|entry| with_status(entry, now)).collect();
        screen.document(&json!({
            "dir": ca.dir(), "subject": subject, "not_after": until,
            "crl": {"number": number, "next_update": next_update, "path": ca.crl_file()},
            "certificates": certificates,
        }))?;
        return Ok(Exit::Done);
    }
    screen.facts(&[
        ("ca", Some(format!("{}, until {}", harmless(&subject), day(&until)))),
        ("list", Some(format!("number {number}, ends {}", day(&next_update)))),
    ])?;
    screen.line("")?;
    let rows: Vec<Vec<String>> = entries.iter().map(|entry| row(entry, now)).collect();
    screen.table(&["role", "name", "status", "until", "names", "serial"], &rows)?;
    Ok(Exit::Done)
}

fn with_status(entry: &Entry, now: time::OffsetDateTime) -> Value {
    let mut value = json!(entry);
    if let Some(map) = value.as_object_mut() {
        map.insert("status".to_owned(), json!(entry.status(now)));
    }
    value
}

fn row(entry: &Entry, now: time::OffsetDateTime) -> Vec<String> {
    [
        entry.role.as_str(),
        &entry.name,
        entry.status(now),
        &day(&entry.not_after),
        &entry.sans.join(" "),
        &entry.serial,
    ]
    .map(harmless)
    .to_vec()
}

fn day(text: &str) -> String {
    text.chars().take(10).collect()
}

fn path(path: &Path) -> String {
    harmless(&path.display().to_string())
}
