//! What the wrapper said of a run: what confined the tool, what it wrote, how it ended.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::adapter::{Garbled, Plan, Ran, WrapperName};
use crate::sandbox::decode;
use crate::sandbox::module::Bounds;
use crate::sandbox::report::{Active, End, FULL, How, bytes};
use crate::sandbox::traffic::{Traffic, UNCOUNTED};

/// What the caller may see of one line while the tool runs.
pub(super) fn progress(line: &[u8]) -> Option<Value> {
    let line = std::str::from_utf8(line).ok()?;
    if let Some(active) = Active::read(line) {
        return Some(json!({"confined": receipt(&active)}));
    }
    let (stream, written) = output(line)?;
    let mut entry = text(&written);
    if let Some(map) = entry.as_object_mut() {
        map.insert("stream".to_owned(), json!(stream));
    }
    Some(entry)
}

/// What a run came to.
///
/// # Errors
/// When the lines are not those of a run that came to its end.
pub(super) fn ran(stdout: &[u8]) -> Result<Ran, Garbled> {
    let all = std::str::from_utf8(stdout).map_err(|_| Garbled("its lines are not text".to_owned()))?;
    let (mut out, mut err, mut active, mut end) = (Vec::new(), Vec::new(), None, None);
    let mut traffic = Some(Vec::new());
    for line in all.lines() {
        if end.is_none() && line == UNCOUNTED {
            traffic = None;
            continue;
        }
        if let (Some(one), None) = (Traffic::read(line), &end) {
            traffic.iter_mut().for_each(|all| all.push(one.clone()));
            continue;
        }
        match (output(line), Active::read(line), End::read(line)) {
            (Some(("stdout", written)), ..) => out.extend(written),
            (Some((_stderr, written)), ..) => err.extend(written),
            (None, Some(found), _) if active.is_none() => active = Some(found),
            (None, None, Some(found)) if end.is_none() => end = Some(found),
            (None, _, _) => {
                return Err(Garbled(format!("a line that means nothing: {}", line.escape_debug())));
            }
        }
    }
    let (Some(active), Some(end)) = (active, end) else {
        return Err(Garbled("it ends before its end".to_owned()));
    };
    let (exit_code, error) = match end.how {
        How::Exit(0) => (Some(0), None),
        How::Exit(status) => (Some(status), Some(format!("the tool ended with status {status}"))),
        How::Signal(signal) => (None, Some(format!("the tool was ended by signal {signal}"))),
        How::Limit(limit) => (None, Some(format!("the tool was ended by its limit: {}", limit.as_str()))),
        How::Trap => (None, Some("the tool's module trapped: its standard error says how".to_owned())),
        How::Refused => {
            (None, Some("the tool's module was not begun: its standard error says why".to_owned()))
        }
    };
    let reached: Vec<&str> = end.reached.iter().map(|limit| limit.as_str()).collect();
    let error = error.map(|error| match reached.as_slice() {
        [] => error,
        some => format!("{error}, having come to its limits: {}", some.join(", ")),
    });
    let mut result = json!({"ended": ended(end.how), "confined": receipt(&active), "used": used(&end)});
    if let (Some(map), false) = (result.as_object_mut(), reached.is_empty()) {
        map.insert("reached".to_owned(), json!(reached));
    }
    if let (Some(map), "strict") = (result.as_object_mut(), active.egress.as_str()) {
        map.insert("egress".to_owned(), through(traffic.as_deref()));
    }
    if let (Some(map), true) = (result.as_object_mut(), end.is_cut) {
        map.insert("truncated".to_owned(), Value::Bool(true));
    }
    Ok(Ran { result, output: json!({"stdout": text(&out), "stderr": text(&err)}), exit_code, error })
}

/// A run as it is counted: in which tier, how it ended, and how long it took to begin. A run that its wrapper did not begin
/// was refused.
pub fn counted(plan: &Plan, result: &Value) -> Option<(&'static str, &'static str, Option<Duration>)> {
    let step = plan.steps.first().filter(|step| step.wrapper == WrapperName::Tool)?;
    let tier = decode(step.argv.args.first()?).ok()?.tier.as_str();
    let by = result.get("ended").and_then(|ended| ended.get("by")).and_then(Value::as_str);
    let outcome = match by {
        Some("itself") => "itself",
        Some("signal") => "signal",
        Some("limit") => "limit",
        Some("trap") => "trap",
        Some("refusal") => "refused",
        Some(_) => "unseen",
        None => "refused",
    };
    let start = result.get("used").and_then(|used| used.get("start_ms")).and_then(Value::as_u64);
    Some((tier, outcome, start.map(Duration::from_millis)))
}

fn output(line: &str) -> Option<(&'static str, Vec<u8>)> {
    let (stream, digits) = line.split_once(' ')?;
    match stream {
        "out" => Some(("stdout", bytes(digits)?)),
        "err" => Some(("stderr", bytes(digits)?)),
        _ => None,
    }
}

/// Bytes as text where they are text, and in base64 where they are not, so that none is lost.
fn text(written: &[u8]) -> Value {
    match std::str::from_utf8(written) {
        Ok(text) => json!({"text": text}),
        Err(_) => {
            let line = crate::sandbox::report::output("", written);
            json!({"base64": line.trim_start()})
        }
    }
}

fn ended(how: How) -> Value {
    match how {
        How::Exit(status) => json!({"by": "itself", "status": status}),
        How::Signal(signal) => json!({"by": "signal", "signal": signal}),
        How::Limit(limit) => json!({"by": "limit", "limit": limit.as_str()}),
        How::Trap => json!({"by": "trap"}),
        How::Refused => json!({"by": "refusal"}),
    }
}

/// What was really in force, as the tool's own process found it.
fn receipt(active: &Active) -> Value {
    let Active {
        landlock,
        errata,
        fs,
        net,
        scoped,
        seccomp,
        uid,
        gid,
        namespaces,
        egress,
        exec,
        tracing,
        module,
        workspace,
        limits,
        bounded_by,
    } = active;
    let limits: Map<String, Value> = limits.iter().map(|(name, most)| (name.clone(), json!(most))).collect();
    let module = Bounds::read(module).map(|bounds| {
        json!({
            "sha256": bounds.sha256, "signed_by": bounds.key, "fuel": bounds.fuel, "deadline_seconds": bounds.deadline,
            "memory": bounds.memory, "table": bounds.table,
            "imports": bounds.imports.iter().map(|import| import.as_str()).collect::<Vec<_>>(),
        })
    });
    let mut receipt = json!({
        "landlock": {"abi": landlock, "errata": format!("{errata:#x}"), "fs": format!("{fs:#x}"), "net": format!("{net:#x}"), "scoped": format!("{scoped:#x}")},
        "seccomp": if *seccomp == 2 { "filter" } else { "none" },
        "namespaces": namespaces, "uid": uid, "gid": gid, "groups": "none", "capabilities": "none",
        "bounding_set": "empty", "no_new_privs": true, "egress": egress, "exec": exec, "tracing": tracing == "tracing", "limits": limits,
        "bounded_by": bounded_by,
    });
    if let (Some(map), Some(module)) = (receipt.as_object_mut(), module) {
        map.insert("module".to_owned(), module);
    }
    if let (Some(map), FULL) = (receipt.as_object_mut(), workspace.as_str()) {
        map.insert("workspace".to_owned(), json!(FULL));
    }
    receipt
}

/// Whom the tool reached through its proxy, with bytes, and whom not, with why. Nothing, when the proxy did not live to say.
fn through(traffic: Option<&[Traffic]>) -> Value {
    let (mut reached, mut stopped) = (Vec::new(), Vec::new());
    for one in traffic.into_iter().flatten() {
        match one {
            Traffic::Reached { to, connections, sent, received } => reached.push(json!({
                "to": to, "connections": connections, "sent_bytes": sent, "received_bytes": received,
            })),
            Traffic::Stopped { to, why, times } => {
                stopped.push(json!({"to": to, "why": why.as_str(), "times": times}));
            }
        }
    }
    traffic.map_or(Value::Null, |_| json!({"reached": reached, "stopped": stopped}))
}

fn used(end: &End) -> Value {
    json!({"start_ms": end.start_ms, "wall_ms": end.wall_ms, "cpu_ms": end.cpu_ms, "memory_bytes": end.memory})
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIVE: &str =
        "active 7 3 65535 3 3 2 998 997 mnt,pid none once untraced - - cpu=20,memory=4096 cgroup-v2\n";

    #[test]
    fn output_is_put_together_and_told_apart_and_bytes_that_are_no_text_are_kept() {
        let lines = format!("{ACTIVE}out aGk=\nerr /w==\nout IQ==\nend exit 3 1 5 2 4096 whole -\n");
        let ran = ran(lines.as_bytes()).unwrap();
        assert_eq!(ran.output, json!({"stdout": {"text": "hi!"}, "stderr": {"base64": "/w=="}}));
        assert_eq!((ran.exit_code, ran.error.as_deref()), (Some(3), Some("the tool ended with status 3")));
        assert_eq!(ran.result["ended"], json!({"by": "itself", "status": 3}));
        let confined = &ran.result["confined"];
        assert_eq!(
            (&confined["landlock"]["abi"], &confined["landlock"]["errata"]),
            (&json!(7), &json!("0x3"))
        );
        assert_eq!(confined["limits"], json!({"cpu": 20, "memory": 4096}));
        assert!(!ran.result.to_string().contains("hi!"), "output goes to the caller, never into the log");
    }

    #[test]
    fn what_went_through_the_proxy_is_told_with_bytes_and_reasons() {
        let strict = ACTIVE.replace(" none ", " strict ");
        let lines = "reached a.com:443 1 20 300\nstopped b.com:80 not_listed 2\n";
        let told = |lines: &str| {
            ran(format!("{strict}{lines}end exit 0 1 5 2 - whole -\n").as_bytes()).unwrap().result
        };
        assert_eq!(
            told(lines)["egress"],
            json!({"reached": [{"to": "a.com:443", "connections": 1, "sent_bytes": 20, "received_bytes": 300}],
                "stopped": [{"to": "b.com:80", "why": "not_listed", "times": 2}]})
        );
        assert_eq!(told("")["egress"], json!({"reached": [], "stopped": []}));
        assert_eq!(told("uncounted\n")["egress"], Value::Null);
        assert_eq!(told("")["confined"]["egress"], "strict");
    }

    #[test]
    fn a_limit_is_named() {
        let lines = format!("{ACTIVE}end limit wall_clock 1 5000 2 - whole -\n");
        let ran = ran(lines.as_bytes()).unwrap();
        assert_eq!(ran.error.as_deref(), Some("the tool was ended by its limit: wall_clock"));
        assert_eq!(ran.result["ended"], json!({"by": "limit", "limit": "wall_clock"}));
    }

    #[test]
    fn output_that_was_cut_short_is_said_to_be() {
        let told = |how: &str, output: &str| {
            ran(format!("{ACTIVE}out aGk=\nend {how} 1 5 2 - {output} -\n").as_bytes()).unwrap()
        };
        // Whatever ended it.
        for how in ["limit output", "limit wall_clock", "limit memory", "exit 0"] {
            let cut = told(how, "cut");
            assert_eq!(
                (&cut.result["truncated"], &cut.output["stdout"]["text"]),
                (&json!(true), &json!("hi")),
                "{how}"
            );
            assert_eq!(told(how, "whole").result.get("truncated"), None, "{how}");
        }
    }

    #[test]
    fn limits_that_did_not_end_a_run_are_named_beside_what_did() {
        let told = |how: &str, reached: &str| {
            ran(format!("{ACTIVE}end {how} 1 5 2 - whole {reached}\n").as_bytes()).unwrap()
        };
        assert_eq!(told("exit 0", "-").result.get("reached"), None);
        let well = told("exit 0", "processes");
        assert_eq!((&well.result["reached"], well.error), (&json!(["processes"]), None));
        let badly = told("exit 1", "workspace,file_size");
        assert_eq!(badly.result["ended"], json!({"by": "itself", "status": 1}));
        assert_eq!(badly.result["reached"], json!(["workspace", "file_size"]));
        assert_eq!(
            badly.error.as_deref(),
            Some("the tool ended with status 1, having come to its limits: workspace, file_size")
        );
    }

    #[test]
    fn what_bounded_a_module_and_how_it_ended_are_told() {
        let active = ACTIVE.replace("untraced - -", "untraced 0f,vendor,1000,5,65536,10,fd_read+fd_write -");
        let told = |end: &str| ran(format!("{active}end {end} 1 5 2 - whole -\n").as_bytes()).unwrap();
        let fuel = told("limit fuel");
        assert_eq!(fuel.result["ended"], json!({"by": "limit", "limit": "fuel"}));
        assert_eq!(
            fuel.result["confined"]["module"],
            json!({"sha256": "0f", "signed_by": "vendor", "fuel": 1000, "deadline_seconds": 5, "memory": 65536, "table": 10,
                "imports": ["fd_read", "fd_write"]})
        );
        assert_eq!(told("trap -").result["ended"], json!({"by": "trap"}));
        assert_eq!(told("refused -").result["ended"], json!({"by": "refusal"}));
        assert!(told("refused -").error.unwrap().contains("not begun"));
    }

    #[test]
    fn that_nothing_could_be_added_to_the_workspace_is_told() {
        let told =
            |active: &str| ran(format!("{active}end exit 0 1 5 2 - whole -\n").as_bytes()).unwrap().result;
        assert_eq!(told(ACTIVE)["confined"].get("workspace"), None);
        assert_eq!(told(&ACTIVE.replace("untraced - -", "untraced - full"))["confined"]["workspace"], "full");
    }

    #[test]
    fn what_is_not_whole_is_not_believed() {
        for lines in [
            "",
            ACTIVE,
            "end exit 0 1 5 2 4096 whole -\n",
            &format!("{ACTIVE}{ACTIVE}end exit 0 1 5 2 4096 whole -\n"),
            &format!("{ACTIVE}junk\nend exit 0 1 5 2 4096 whole -\n"),
            &format!("{ACTIVE}end exit 0 1 5 2 4096 whole -\nend exit 1 1 5 2 4096 whole -\n"),
        ] {
            assert!(ran(lines.as_bytes()).is_err(), "{lines:?}");
        }
    }

    #[test]
    fn a_line_is_shown_as_it_comes() {
        assert_eq!(progress(b"out aGk="), Some(json!({"stream": "stdout", "text": "hi"})));
        assert_eq!(progress(b"err /w=="), Some(json!({"stream": "stderr", "base64": "/w=="})));
        assert!(progress(ACTIVE.trim().as_bytes()).unwrap()["confined"]["uid"] == 998);
        assert_eq!(progress(b"end exit 0 1 1 1 1"), None);
        assert_eq!(progress(b"\xff"), None);
    }
}
