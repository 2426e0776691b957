//! The files that `reeved` goes by, as they were read: what a reload is held against.

use std::path::Path;

use super::config::Settings;
use crate::config;
use crate::config::difference::Seen;
use crate::sys::trusted_file;

/// No file of these comes near this.
const MOST: usize = 64 << 20;

/// Reads every file that decides something.
pub(super) fn look(path: &Path, settings: &Settings) -> Seen {
    let mut seen = Seen::default();
    match config::read_text(path) {
        Ok(text) => seen.keys("reeved.toml", &text),
        Err(_) => seen.unreadable("reeved.toml"),
    }
    if settings.traces.is_some() {
        match config::read_text(&settings.traces_file) {
            Ok(text) => seen.keys("traces.toml", &text),
            Err(_) => seen.unreadable("traces.toml"),
        }
    }
    let files = &settings.tls;
    let public = [
        ("tls.certificate", Some(&files.certificate)),
        ("tls.client_ca", Some(&files.client_ca)),
        ("tls.crl", files.crl.as_ref()),
    ];
    for (name, path) in public.into_iter().filter_map(|(name, path)| Some((name, path?))) {
        let name = format!("the file of {name}");
        match trusted_file::read(path, MOST) {
            Ok(bytes) => seen.file(&name, &bytes),
            Err(_) => seen.unreadable(&name),
        }
    }
    key(&mut seen, settings);
    seen
}

fn key(seen: &mut Seen, settings: &Settings) {
    match settings.secrets.read(&settings.tls.key) {
        Ok(found) => seen.secret("the file of tls.key", found.value.expose()),
        Err(_) => seen.unreadable("the file of tls.key"),
    }
}
