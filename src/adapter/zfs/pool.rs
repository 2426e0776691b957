//! A pool's state, and its scrub.

use serde_json::{Value, json};

use super::reader;
use crate::adapter::{
    Action, Argv, Effects, Host, ListingForm, Object, Plan, PlanRefusal, ReadAnswer, Rule, Step, UndoOffer,
};
use crate::operation::Operation;
use crate::operation::zfs::{PoolName, ScrubAction, ZfsOperation};

/// What a pool last did with all of its blocks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Scan {
    /// `SCRUB` or `RESILVER`; empty when there never was one.
    function: String,
    /// `SCANNING`, `FINISHED` or `CANCELED`.
    state: String,
    /// When it began, or the day of which the tool speaks: tells one scan from another.
    stamp: String,
    paused: bool,
}

/// Starts, pauses or stops a scrub.
pub(super) fn scrub(host: &dyn Host, pool: &PoolName, action: ScrubAction) -> Result<Plan, PlanRefusal> {
    let (guid, scan) = scan(host, pool.as_str())?;
    let object = Object::new(Action::Scrub, "pool", pool.as_str(), guid).was(scan.words());
    let object = object.becomes(match action {
        ScrubAction::Start => "scrubbing",
        ScrubAction::Pause => "scrub paused",
        ScrubAction::Stop => "no scrub",
    });
    let effects = Effects { objects: vec![object], ..Effects::none() };
    if scan.is_as_asked(action) {
        return Ok(Plan::settled(effects));
    }
    if let Some(obstacle) = scan.obstacle(action) {
        return Err(PlanRefusal::new(Rule::ZfsBusy, format!("{obstacle} in {pool}")));
    }
    let (option, undo) = match action {
        ScrubAction::Start => (None, Some(ScrubAction::Stop)),
        ScrubAction::Pause => (Some("-p"), Some(ScrubAction::Start)),
        ScrubAction::Stop => (Some("-s"), None),
    };
    let undo = undo.map(|action| Operation::Zfs(ZfsOperation::Scrub { pool: pool.clone(), action }));
    let args = ["scrub"].into_iter().chain(option).chain([pool.as_str()]);
    let words = undo.as_ref().map(Operation::command_line);
    Ok(Plan {
        effects: Effects { undo: words, ..effects },
        steps: vec![Step::zfs(Argv::zpool(args))],
        undo: undo.map(UndoOffer::by),
        settled: false,
    })
}

impl Scan {
    fn runs(&self, function: &str) -> bool {
        self.function == function && self.state == "SCANNING"
    }

    fn is_as_asked(&self, action: ScrubAction) -> bool {
        match action {
            ScrubAction::Start => self.runs("SCRUB") && !self.paused,
            ScrubAction::Pause => self.runs("SCRUB") && self.paused,
            ScrubAction::Stop => !self.runs("SCRUB"),
        }
    }

    fn obstacle(&self, action: ScrubAction) -> Option<&'static str> {
        match action {
            ScrubAction::Start => self.runs("RESILVER").then_some("a resilver runs"),
            ScrubAction::Pause => (!self.runs("SCRUB")).then_some("no scrub runs"),
            ScrubAction::Stop => None,
        }
    }

    /// The scan in one line that differs from that of every other scan.
    pub(super) fn words(&self) -> String {
        if self.function.is_empty() {
            return "never scanned".to_owned();
        }
        let state = if self.paused { "PAUSED" } else { &self.state };
        format!("{} {state} {}", self.function, self.stamp)
    }

    /// Whether the pool shows that the action was done, `was` being its words before.
    pub(super) fn shows(&self, action: ScrubAction, was: &str) -> bool {
        let is_over = self.function == "SCRUB" && self.state == "FINISHED" && self.words() != was;
        self.is_as_asked(action) || (action == ScrubAction::Start && is_over)
    }
}

/// The pool's guid, where the tool tells, and its last scan.
pub(super) fn scan(host: &dyn Host, pool: &str) -> Result<(Option<String>, Scan), PlanRefusal> {
    match status(host, pool)? {
        Status::Json(value) => {
            let scan = value.get("scan_stats").map(scan_of_json).unwrap_or_default();
            Ok((value.get("pool_guid").map(plain), scan))
        }
        Status::Text(text) => Ok((None, scan_of_text(&text)?)),
    }
}

/// Answers `pool-status`.
pub(super) fn answer(host: &dyn Host, pool: &PoolName) -> Result<ReadAnswer, PlanRefusal> {
    let result = match status(host, pool.as_str())? {
        Status::Json(value) => json!({
            "pool": pool, "guid": value.get("pool_guid").map(plain), "state": value.get("state"),
            "status": value.get("status"), "action": value.get("action"), "scan": value.get("scan_stats"),
            "errors": value.get("error_count"), "devices": value.get("vdevs").map(devices),
        }),
        Status::Text(text) => json!({
            "pool": pool, "state": field(&text, "state"), "status": field(&text, "status"),
            "action": field(&text, "action"), "scan": field(&text, "scan"), "errors": field(&text, "errors"),
        }),
    };
    Ok(ReadAnswer { result, exit_code: 0 })
}

enum Status {
    Json(Value),
    Text(String),
}

fn status(host: &dyn Host, pool: &str) -> Result<Status, PlanRefusal> {
    let missing = || PlanRefusal::new(Rule::ZfsPoolMissing, format!("pool {pool} is not imported"));
    if form(host, pool)? == ListingForm::Json {
        let text = reader::text(host, &Argv::zpool(["status", "-j", "--json-int", pool]), pool)?;
        let value: Option<Value> = serde_json::from_str(&text.ok_or_else(missing)?).ok();
        let found = value.as_ref().and_then(|value| value.get("pools")?.get(pool)).cloned();
        return found
            .map(Status::Json)
            .ok_or_else(|| reader::unreadable("zpool status printed no such pool"));
    }
    let text = reader::text(host, &Argv::zpool(["status", "-p", pool]), pool)?;
    text.map(Status::Text).ok_or_else(missing)
}

/// Which form the tools list in, found out once: OpenZFS before 2.3 does not know the option.
pub(super) fn form(host: &dyn Host, pool: &str) -> Result<ListingForm, PlanRefusal> {
    if let Some(known) = host.listing_form().and_then(|form| form.get()) {
        return Ok(*known);
    }
    let output = reader::run(host, &Argv::zpool(["status", "-j", "--json-int", pool]))?;
    let is_old = output.exit_code == 2 && output.stderr.starts_with(b"invalid option 'j'");
    let form = if is_old { ListingForm::Columns } else { ListingForm::Json };
    if let Some(cell) = host.listing_form() {
        // Two threads may find out at once; both find the same.
        return Ok(*cell.get_or_init(|| form));
    }
    Ok(form)
}

fn scan_of_json(stats: &Value) -> Scan {
    let text = |name: &str| stats.get(name).map(plain).unwrap_or_default();
    let paused = stats.get("scrub_pause").and_then(Value::as_u64).is_some_and(|since| since > 0);
    Scan { function: text("function"), state: text("state"), stamp: text("start_time"), paused }
}

/// `scan: scrub repaired 0B in 00:00:01 with 0 errors on Fri Nov 20 08:55:14 2026` and its like.
fn scan_of_text(text: &str) -> Result<Scan, PlanRefusal> {
    let Some(line) = field(text, "scan").filter(|line| !line.starts_with("none requested")) else {
        return Ok(Scan::default());
    };
    let function = match line.split(' ').next() {
        Some("scrub") => "SCRUB",
        Some("resilver" | "resilvered") => "RESILVER",
        Some(_) | None => return Err(reader::unreadable("zpool status shows an unknown scan")),
    };
    let paused = line.contains(" paused since ");
    let state = match () {
        () if paused || line.contains(" in progress since ") => "SCANNING",
        () if line.contains(" canceled on ") => "CANCELED",
        () => "FINISHED",
    };
    let stamp = line
        .rsplit_once(" since ")
        .or_else(|| line.rsplit_once(" on "))
        .map_or(line.as_str(), |(_, day)| day);
    Ok(Scan { function: function.to_owned(), state: state.to_owned(), stamp: stamp.to_owned(), paused })
}

fn field(text: &str, name: &str) -> Option<String> {
    let wanted = format!("{name}:");
    text.lines().find_map(|line| Some(line.trim_start().strip_prefix(&wanted)?.trim().to_owned()))
}

/// Text or number as text: guids are too large for the numbers of many readers.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn devices(vdevs: &Value) -> Value {
    let Some(map) = vdevs.as_object() else { return Value::Null };
    let device = |vdev: &Value| {
        let mut device = json!({
            "name": vdev.get("name"), "type": vdev.get("vdev_type"), "state": vdev.get("state"),
            "read_errors": vdev.get("read_errors"), "write_errors": vdev.get("write_errors"),
            "checksum_errors": vdev.get("checksum_errors"),
        });
        if let (Some(inner), Some(map)) = (vdev.get("vdevs"), device.as_object_mut()) {
            map.insert("devices".to_owned(), devices(inner));
        }
        device
    };
    map.values().map(device).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        scan_of_text(&format!("  pool: tank\n state: ONLINE\n  scan: {text}\nconfig:\n")).unwrap().words()
    }

    #[test]
    fn the_scan_line_of_older_tools_is_read() {
        let day = "Fri Nov 20 08:55:14 2026";
        assert_eq!(
            words(&format!("scrub repaired 0B in 00:00:01 with 0 errors on {day}")),
            format!("SCRUB FINISHED {day}")
        );
        assert_eq!(words(&format!("scrub in progress since {day}")), format!("SCRUB SCANNING {day}"));
        assert_eq!(words(&format!("scrub paused since {day}")), format!("SCRUB PAUSED {day}"));
        assert_eq!(words(&format!("scrub canceled on {day}")), format!("SCRUB CANCELED {day}"));
        assert_eq!(
            words(&format!("resilvered 1M in 00:00:01 with 0 errors on {day}")),
            format!("RESILVER FINISHED {day}")
        );
        assert_eq!(words("none requested"), "never scanned");
        assert!(scan_of_text("  scan: trimmed\n").is_err());
    }
}
