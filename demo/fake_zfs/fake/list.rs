//! `zfs list` and `zfs get`, as columns, as tables and as JSON.

use serde_json::{Map, Value, json};

use super::flags::Flags;
use super::json;
use super::property;
use super::state::no_dataset;
use super::values::{Thing, friendly, table};
use super::{Done, Fail, Host, Output};

const KINDS: [&str; 4] = ["filesystem", "volume", "snapshot", "bookmark"];

impl Host<'_> {
    pub(super) fn list(&mut self, flags: &Flags) -> Done {
        let columns = flags.value('o').unwrap_or("name,used,available,referenced,mountpoint");
        let columns: Vec<&str> =
            columns.split(',').map(|name| if name == "name" { name } else { known(name) }).collect();
        if let Some(stranger) = columns.iter().find(|name| !is_known(name) && **name != "name") {
            return Err(Fail::usage(&format!("bad property list: invalid property '{stranger}'"), "list"));
        }
        let kinds = kinds(flags, "filesystem,volume", "list")?;
        let names = self.selected(flags, &kinds)?;
        if flags.has('j') {
            return self.as_json("zfs list", flags, &names, &columns);
        }
        let rows: Vec<Vec<String>> = names
            .iter()
            .filter_map(|name| Some((name, self.thing(name)?)))
            .map(|(name, thing)| columns.iter().map(|column| self.cell(name, thing, column, flags)).collect())
            .collect();
        Ok(laid_out(flags, &columns.iter().map(|column| heading(column)).collect::<Vec<_>>(), &rows))
    }

    pub(super) fn get(&mut self, flags: &Flags) -> Done {
        let Some((list, targets)) = flags.names.split_first() else {
            return Err(Fail::usage("missing property argument", "get"));
        };
        let wanted: Vec<&str> = match list.as_str() {
            "all" => property::all().map(|property| property.name).collect(),
            list => list.split(',').map(known).collect(),
        };
        if let Some(stranger) = wanted.iter().find(|name| !is_known(name)) {
            return Err(Fail::usage(&format!("bad property list: invalid property '{stranger}'"), "get"));
        }
        let only = flags.about(targets);
        let kinds = kinds(flags, "filesystem,volume,snapshot,bookmark", "get")?;
        let names = self.selected(&only, &kinds)?;
        if flags.has('j') {
            return self.as_json("zfs get", flags, &names, &wanted);
        }
        let fields: Vec<&str> = flags.value('o').unwrap_or("name,property,value,source").split(',').collect();
        let mut rows = Vec::new();
        for name in &names {
            let Some(thing) = self.thing(name) else { continue };
            for property in &wanted {
                let (value, source) = self.property(thing, property);
                let value = if flags.has('p') { value } else { friendly(property, &value) };
                if list == "all" && value == "-" {
                    continue;
                }
                let field = |field: &&str| match *field {
                    "name" => name.clone(),
                    "property" => (*property).to_owned(),
                    "value" => value.clone(),
                    "source" => source.clone(),
                    _received => "-".to_owned(),
                };
                rows.push(fields.iter().map(field).collect());
            }
        }
        Ok(laid_out(flags, &fields.iter().map(|field| heading(field)).collect::<Vec<_>>(), &rows))
    }

    fn cell(&self, name: &str, thing: Thing<'_>, column: &str, flags: &Flags) -> String {
        if column == "name" {
            return name.to_owned();
        }
        let (value, _) = self.property(thing, column);
        if flags.has('p') { value } else { friendly(column, &value) }
    }

    fn as_json(&self, command: &str, flags: &Flags, names: &[String], columns: &[&str]) -> Done {
        let mut datasets = Map::new();
        for name in names {
            let Some(thing) = self.thing(name) else { continue };
            let mut map = json::thing(name, thing.kind(), thing.createtxg(), flags.json_int);
            let mut properties = Map::new();
            for column in columns.iter().filter(|column| **column != "name") {
                let (value, source) = self.property(thing, column);
                let value = if flags.has('p') || flags.json_int { value } else { friendly(column, &value) };
                properties.insert((*column).to_owned(), json::property(&value, &source, flags.json_int));
            }
            map.insert("properties".to_owned(), Value::Object(properties));
            datasets.insert(name.clone(), Value::Object(map));
        }
        let stderr = if names.is_empty() { "no datasets available\n" } else { "" };
        let value = json!({"output_version": json::head(command), "datasets": datasets});
        Ok(Output { code: 0, stdout: format!("{value}\n"), stderr: stderr.to_owned() })
    }

    /// The names that a call is about, in OpenZFS's order.
    fn selected(&self, flags: &Flags, kinds: &[&str]) -> Result<Vec<String>, Fail> {
        let depth: Option<usize> = flags.value('d').and_then(|depth| depth.parse().ok());
        let recursive = flags.has('r') || depth.is_some() || flags.names.is_empty();
        let only_kept = kinds.iter().all(|kind| matches!(*kind, "snapshot" | "bookmark"));
        let mut selected = Vec::new();
        let tops: Vec<String> = match flags.names.is_empty() {
            true => self.state.pools.keys().cloned().collect(),
            false => flags.names.clone(),
        };
        for name in tops {
            let Some(thing) = self.thing(&name) else { return Err(self.not_there(&name, kinds)) };
            if matches!(thing, Thing::Bookmark(_)) && !kinds.contains(&"bookmark") {
                let problem = "bookmark delimiter '#' is not expected here";
                return Err(Fail::say(format!("cannot open '{name}': {problem}")));
            }
            let reach = match (recursive, depth) {
                (true, depth) => depth.unwrap_or(usize::MAX),
                (false, _) => usize::from(only_kept),
            };
            match thing {
                Thing::Dataset(..) => self.walk(&name, reach, kinds, &mut selected),
                Thing::Snapshot(_) | Thing::Bookmark(_) => selected.push(name),
            }
        }
        if !flags.names.is_empty() && flags.names.len() > 1 {
            selected.sort();
        }
        selected.dedup();
        Ok(selected)
    }

    fn not_there(&self, name: &str, kinds: &[&str]) -> Fail {
        match name.split_once('#') {
            Some(_) if !kinds.contains(&"bookmark") => {
                Fail::say(format!("cannot open '{name}': bookmark delimiter '#' is not expected here"))
            }
            Some((dataset, _)) if self.state.datasets.contains_key(dataset) => {
                Fail::say(format!("cannot open '{name}': no such pool or dataset"))
            }
            Some(_) | None => no_dataset(name),
        }
    }

    /// A dataset, its snapshots by age, its bookmarks, and all that is below by name.
    fn walk(&self, top: &str, reach: usize, kinds: &[&str], selected: &mut Vec<String>) {
        let levels = |name: &str| name.matches('/').count();
        for name in std::iter::once(top.to_owned()).chain(self.state.below(top)) {
            let depth = levels(&name) - levels(top);
            let Some(dataset) = self.state.datasets.get(&name).filter(|_| depth <= reach) else { continue };
            let kind = if dataset.volume { "volume" } else { "filesystem" };
            if kinds.contains(&kind) {
                selected.push(name.clone());
            }
            if depth < reach && kinds.contains(&"snapshot") {
                let mut snapshots: Vec<_> = dataset.snapshots.iter().collect();
                snapshots.sort_by_key(|snapshot| snapshot.createtxg);
                selected.extend(snapshots.iter().map(|snapshot| format!("{name}@{}", snapshot.name)));
            }
            if depth < reach && kinds.contains(&"bookmark") {
                selected.extend(dataset.bookmarks.iter().map(|bookmark| format!("{name}#{}", bookmark.name)));
            }
        }
    }
}

fn kinds<'a>(flags: &'a Flags, usual: &'a str, command: &str) -> Result<Vec<&'a str>, Fail> {
    let mut kinds = Vec::new();
    for word in flags.value('t').unwrap_or(usual).split(',') {
        match word {
            "all" => kinds.extend(KINDS),
            "fs" => kinds.push("filesystem"),
            "vol" => kinds.push("volume"),
            "snap" => kinds.push("snapshot"),
            word if KINDS.contains(&word) => kinds.push(word),
            stranger => return Err(Fail::usage(&format!("invalid type '{stranger}'"), command)),
        }
    }
    Ok(kinds)
}

fn known(name: &str) -> &str {
    property::find(name).map_or(name, |property| property.name)
}

fn is_known(name: &str) -> bool {
    property::find(name).is_some() || property::is_user(name) || name.contains('@')
}

fn heading(column: &str) -> String {
    match column {
        "available" => "AVAIL".to_owned(),
        "referenced" => "REFER".to_owned(),
        other => other.to_uppercase(),
    }
}

fn laid_out(flags: &Flags, head: &[String], rows: &[Vec<String>]) -> Output {
    let stdout = match flags.has('H') {
        true => rows.iter().map(|row| format!("{}\n", row.join("\t"))).collect(),
        false if rows.is_empty() => {
            return Output { stderr: "no datasets available\n".to_owned(), ..Output::default() };
        }
        false => table(&head.iter().map(String::as_str).collect::<Vec<_>>(), rows),
    };
    Output { stdout, ..Output::default() }
}
