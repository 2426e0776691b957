//! What a property of a thing is, and how tables look.

use super::Host;
use super::property;
use super::state::{Bookmark, Dataset, Snapshot, parent_of, pool_of};

/// Something that has properties.
#[derive(Debug, Clone, Copy)]
pub(super) enum Thing<'a> {
    Dataset(&'a str, &'a Dataset),
    Snapshot(&'a Snapshot),
    Bookmark(&'a Bookmark),
}

impl Thing<'_> {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Dataset(_, dataset) if dataset.volume => "volume",
            Self::Dataset(..) => "filesystem",
            Self::Snapshot(_) => "snapshot",
            Self::Bookmark(_) => "bookmark",
        }
    }

    pub(super) fn createtxg(&self) -> u64 {
        match self {
            Self::Dataset(_, dataset) => dataset.createtxg,
            Self::Snapshot(snapshot) => snapshot.createtxg,
            Self::Bookmark(bookmark) => bookmark.createtxg,
        }
    }
}

impl Host<'_> {
    /// The thing of that name.
    pub(super) fn thing<'a>(&'a self, name: &'a str) -> Option<Thing<'a>> {
        if name.contains('@') {
            return self.state.find_snapshot(name).map(Thing::Snapshot);
        }
        if name.contains('#') {
            return self.state.find_bookmark(name).map(Thing::Bookmark);
        }
        self.state.datasets.get(name).map(|dataset| Thing::Dataset(name, dataset))
    }

    /// A property in its exact form, with its source.
    pub(super) fn property(&self, thing: Thing<'_>, name: &str) -> (String, String) {
        let value = match thing {
            Thing::Dataset(at, dataset) => match self.of_dataset(at, dataset, name) {
                Some(value) => Some(value),
                None => return self.settable(at, dataset, name),
            },
            Thing::Snapshot(snapshot) => self.of_snapshot(snapshot, name),
            Thing::Bookmark(bookmark) => of_bookmark(bookmark, name),
        };
        (value.unwrap_or_else(|| "-".to_owned()), "-".to_owned())
    }

    fn of_dataset(&self, at: &str, dataset: &Dataset, name: &str) -> Option<String> {
        let below: u64 = self.state.used(at);
        Some(match name {
            "type" => if dataset.volume { "volume" } else { "filesystem" }.to_owned(),
            "creation" => dataset.creation.to_string(),
            "used" => below.to_string(),
            "available" | "avail" => self.available(at).to_string(),
            "referenced" | "refer" => dataset.referenced.to_string(),
            "logicalreferenced" | "logicalused" => (dataset.referenced / 2).to_string(),
            "compressratio" => "1.00".to_owned(),
            "mounted" if dataset.volume => "-".to_owned(),
            "mounted" => if dataset.mounted { "yes" } else { "no" }.to_owned(),
            "createtxg" => dataset.createtxg.to_string(),
            "guid" => dataset.guid.to_string(),
            "usedbysnapshots" => {
                dataset.snapshots.iter().map(|snapshot| snapshot.used).sum::<u64>().to_string()
            }
            "written" => dataset.written.to_string(),
            "origin" => {
                let origin = dataset.origin.and_then(|guid| self.state.snapshot_of_guid(guid));
                origin.unwrap_or_else(|| "-".to_owned())
            }
            "clones"
            | "userrefs"
            | "defer_destroy"
            | "keystatus"
            | "encryptionroot"
            | "receive_resume_token" => "-".to_owned(),
            _settable => return None,
        })
    }

    fn of_snapshot(&self, snapshot: &Snapshot, name: &str) -> Option<String> {
        Some(match name {
            "type" => "snapshot".to_owned(),
            "creation" => snapshot.creation.to_string(),
            "used" => snapshot.used.to_string(),
            "referenced" | "refer" => snapshot.referenced.to_string(),
            "logicalreferenced" => (snapshot.referenced / 2).to_string(),
            "compressratio" => "1.00".to_owned(),
            "createtxg" => snapshot.createtxg.to_string(),
            "guid" => snapshot.guid.to_string(),
            "written" => snapshot.written.to_string(),
            "clones" => {
                let clones = self.state.clones(snapshot.guid);
                if clones.is_empty() { "-".to_owned() } else { clones.join(",") }
            }
            "userrefs" => snapshot.holds.len().to_string(),
            "defer_destroy" => "off".to_owned(),
            _none => return None,
        })
    }

    /// A property that can be set: here, above, or nowhere.
    fn settable(&self, at: &str, dataset: &Dataset, name: &str) -> (String, String) {
        let none = || ("-".to_owned(), "-".to_owned());
        let known = property::find(name);
        if known.is_some_and(|property| !property.applies(dataset.volume))
            || (known.is_none() && !property::is_user(name))
        {
            return none();
        }
        let name = known.map_or(name, |property| property.name);
        if let Some(value) = dataset.local.get(name) {
            return (value.clone(), "local".to_owned());
        }
        if known.is_none_or(|property| property.inherits) {
            let mut above = parent_of(at);
            while let Some(parent) = above {
                let value = self.state.datasets.get(parent).and_then(|found| found.local.get(name));
                if let Some(value) = value {
                    let rest = at.strip_prefix(parent).unwrap_or_default();
                    let value = if name == "mountpoint" && value.starts_with('/') {
                        format!("{value}{rest}")
                    } else {
                        value.clone()
                    };
                    return (value, format!("inherited from {parent}"));
                }
                above = parent_of(parent);
            }
        }
        match known {
            Some(property) if property.name == "mountpoint" => (format!("/{at}"), "default".to_owned()),
            Some(property) if property.default == "-" => none(),
            Some(property) => (property.default.to_owned(), "default".to_owned()),
            None => none(),
        }
    }

    /// Where a filesystem is mounted, or would be.
    pub(super) fn mountpoint(&self, name: &str) -> String {
        self.state
            .datasets
            .get(name)
            .map_or_else(|| "-".to_owned(), |dataset| self.settable(name, dataset, "mountpoint").0)
    }

    fn available(&self, name: &str) -> u64 {
        let size = self.state.pools.get(pool_of(name)).map_or(0, |pool| pool.size);
        let free = size.saturating_sub(self.state.used(pool_of(name)));
        let quota =
            self.state.datasets.get(name).and_then(|dataset| dataset.local.get("quota")?.parse::<u64>().ok());
        match quota {
            Some(quota) if quota > 0 => free.min(quota.saturating_sub(self.state.used(name))),
            Some(_) | None => free,
        }
    }
}

fn of_bookmark(bookmark: &Bookmark, name: &str) -> Option<String> {
    Some(match name {
        "type" => "bookmark".to_owned(),
        "creation" => bookmark.creation.to_string(),
        "referenced" | "refer" => bookmark.referenced.to_string(),
        "logicalreferenced" => (bookmark.referenced / 2).to_string(),
        "createtxg" => bookmark.createtxg.to_string(),
        "guid" => bookmark.guid.to_string(),
        _none => return None,
    })
}

/// A value for people: sizes with units, days instead of seconds.
pub(super) fn friendly(name: &str, value: &str) -> String {
    let sizes = [
        "used",
        "available",
        "referenced",
        "quota",
        "refquota",
        "reservation",
        "refreservation",
        "volsize",
        "written",
        "usedbysnapshots",
        "logicalused",
        "logicalreferenced",
        "recordsize",
    ];
    match value.parse::<u64>() {
        Ok(0) if matches!(name, "quota" | "refquota" | "reservation" | "refreservation") => "none".to_owned(),
        Ok(bytes) if sizes.contains(&name) => human(bytes),
        Ok(seconds) if name == "creation" => date(seconds),
        Ok(_) | Err(_) => value.to_owned(),
    }
}

/// `36K`, `1.50M`: three digits and a unit.
pub(super) fn human(bytes: u64) -> String {
    let mut unit = 0_usize;
    while (bytes >> (10 * unit)) >= 1024 {
        unit += 1;
    }
    let letter = ["", "K", "M", "G", "T", "P", "E"].get(unit).copied().unwrap_or("");
    let scale = 1_u64 << (10 * unit);
    let letter = if unit == 0 { "B" } else { letter };
    let (whole, rest) = (bytes / scale, bytes % scale);
    match (rest, whole) {
        (0, _) => format!("{whole}{letter}"),
        (_, 100..) => format!("{whole}{letter}"),
        (_, 10..) => format!("{whole}.{}{letter}", rest * 10 / scale),
        (_, _) => format!("{whole}.{:02}{letter}", rest * 100 / scale),
    }
}

/// `Fri Nov 20 08:55 2026`.
pub(super) fn date(seconds: u64) -> String {
    let form = time::macros::format_description!(
        "[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute] [year]"
    );
    let at = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| time::OffsetDateTime::from_unix_timestamp(seconds).ok());
    at.and_then(|at| at.format(&form).ok()).unwrap_or_else(|| "-".to_owned())
}

/// A table with a heading, its columns two blanks apart.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let all: Vec<Vec<&str>> = std::iter::once(head.to_vec())
        .chain(rows.iter().map(|row| row.iter().map(String::as_str).collect()))
        .collect();
    let width = |column: usize| {
        all.iter().filter_map(|row| row.get(column)).map(|cell| cell.len()).max().unwrap_or(0)
    };
    let mut text = String::new();
    for row in &all {
        for (column, cell) in row.iter().enumerate() {
            if column + 1 == row.len() {
                text.push_str(&format!("{cell}\n"));
            } else {
                text.push_str(&format!("{cell:<width$}  ", width = width(column)));
            }
        }
    }
    text
}
