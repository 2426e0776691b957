//! Cases: what somebody asks in which circumstances, and what has to come of it. They are written in TOML.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use toml::Spanned;

use crate::config::{self, ConfigError};
use crate::operation::{Entry, Operation, Submission, catalogue, named};
use crate::policy::{HOURS, Recent, Verdict, Window};
use crate::principal::PrincipalName;

/// When a case is asked that does not say: a Friday at noon.
const NOON: &str = "2026-11-20T12:00:00Z";

/// A file of cases as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AsWritten {
    #[serde(default)]
    case: Vec<Spanned<WrittenCase>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCase {
    name: String,
    #[serde(rename = "as")]
    principal: String,
    operation: String,
    resource: Option<String>,
    #[serde(default)]
    params: Map<String, Value>,
    reason: Option<String>,
    at: Option<Spanned<String>>,
    /// How often the caller asked in the last hour, two hours, …; the last number holds for all that follow.
    #[serde(default)]
    recent: Vec<u64>,
    #[serde(default)]
    context: Map<String, Value>,
    expect: Verdict,
    rule: Option<String>,
    approvals: Option<u32>,
    group: Option<String>,
    groups: Option<BTreeMap<String, u32>>,
    hold: Option<String>,
    window: Option<Window>,
    keep: Option<String>,
}

/// One case.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: String,
    /// The file, and the line in it.
    pub(super) file: PathBuf,
    pub(super) line: usize,
    pub(super) caller: PrincipalName,
    pub(super) what: What,
    pub(super) now_ms: u64,
    pub(super) recent: Recent,
    /// What the context holds besides.
    pub(super) context: Map<String, Value>,
    pub(super) expect: Expected,
}

/// What is asked about.
#[derive(Debug)]
pub(super) enum What {
    /// An operation of Reeve's own.
    Operation(Box<Submission>),
    /// A tool that another gateway runs, with its arguments.
    Tool(String, Value),
}

/// What has to come of it. What a case does not say may be anything.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) verdict: Verdict,
    pub(super) rule: Option<String>,
    pub(super) approvals: Option<u32>,
    pub(super) group: Option<String>,
    pub(super) groups: Option<BTreeMap<String, u32>>,
    pub(super) hold: Option<Duration>,
    pub(super) window: Option<Window>,
    pub(super) keep: Option<Duration>,
}

/// The cases of every `.toml` file in a directory, in order.
pub(super) fn read(directory: &Path) -> Result<Vec<Case>, ConfigError> {
    let cannot_list = |source| ConfigError::Directory { path: directory.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(cannot_list)? {
        let path = entry.map_err(cannot_list)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        cases.extend(of_file(&file)?);
    }
    Ok(cases)
}

fn of_file(path: &Path) -> Result<Vec<Case>, ConfigError> {
    let label = path.display().to_string();
    let text = config::read_text(path)?;
    let written: AsWritten = config::parse(&label, &text)?;
    let page = Page { path, label: &label, text: &text };
    written.case.into_iter().map(|case| page.case(case)).collect()
}

struct Page<'a> {
    path: &'a Path,
    label: &'a str,
    text: &'a str,
}

impl Page<'_> {
    fn case(&self, written: Spanned<WrittenCase>) -> Result<Case, ConfigError> {
        let span = written.span();
        let wrong = |problem: String| ConfigError::at(self.label, self.text, span.clone(), problem);
        let line = 1 + self.text.get(..span.start).unwrap_or_default().matches('\n').count();
        let written = written.into_inner();
        let caller = PrincipalName::try_from(written.principal.clone())
            .map_err(|error| wrong(format!("as = {:?}: {error}", written.principal)))?;
        let at = written.at.as_ref().map_or(NOON, |at| at.get_ref().as_str());
        let now = OffsetDateTime::parse(at, &Rfc3339)
            .ok()
            .and_then(|at| u64::try_from(at.unix_timestamp()).ok())
            .ok_or_else(|| wrong(format!("at = {at:?} is no time such as {NOON}")))?;
        let time = |key: &str, text: Option<&str>| {
            let time = text.map(humantime::parse_duration).transpose();
            time.map_err(|error| wrong(format!("{key}: {error}")))
        };
        let (hold, keep) = (time("hold", written.hold.as_deref())?, time("keep", written.keep.as_deref())?);
        let recent = recent(&written.recent).ok_or_else(|| {
            wrong(format!("recent has at most {HOURS} numbers, none smaller than the one before"))
        })?;
        let what = what(&written).map_err(wrong)?;
        let expect = Expected {
            verdict: written.expect,
            rule: written.rule,
            approvals: written.approvals,
            group: written.group,
            groups: written.groups,
            hold,
            window: written.window,
            keep,
        };
        let (name, context, file) = (written.name, written.context, self.path.to_owned());
        Ok(Case { name, file, line, caller, what, now_ms: now * 1000, recent, context, expect })
    }
}

fn what(case: &WrittenCase) -> Result<What, String> {
    let known = named(&case.operation);
    let Some(entry) = known else {
        let of_ours = catalogue().any(|entry| case.operation.split('.').next() == Some(entry.kind));
        if of_ours {
            let names: Vec<String> = catalogue().map(Entry::name).collect();
            let nearest = config::did_you_mean(&case.operation, names.iter().map(String::as_str));
            return Err(format!("there is no operation {}{nearest}", case.operation));
        }
        let mut args = case.params.clone();
        args.extend(case.resource.iter().map(|resource| ("resource".to_owned(), json!(resource))));
        return Ok(What::Tool(case.operation.clone(), Value::Object(args)));
    };
    let operation = Operation::from_value(json!({
        "kind": entry.kind, "op": entry.op, "resource": case.resource, "params": case.params,
    }))
    .map_err(|invalid| format!("{} {}", invalid.pointer, invalid.problem))?;
    let submission = Submission { operation, reason: case.reason.clone(), run_id: None, on_behalf_of: None };
    Ok(What::Operation(Box::new(submission)))
}

fn recent(written: &[u64]) -> Option<Recent> {
    let most = HOURS.unsigned_abs() as usize;
    let rises = written.iter().zip(written.iter().skip(1)).all(|(one, next)| one <= next);
    if written.len() > most || !rises {
        return None;
    }
    let last = written.last().copied().unwrap_or_default();
    let hours: Vec<u64> = written.iter().copied().chain(std::iter::repeat(last)).take(most).collect();
    let hour = written.first().copied().unwrap_or_default();
    Some(Recent { hour, hours, ..Recent::default() })
}
