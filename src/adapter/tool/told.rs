//! What the wrapper said of a run: what confined the tool, what it wrote, how it ended.

use serde_json::{Value, json};

use crate::adapter::{Garbled, Ran};
use crate::sandbox::report::{Active, End, How, bytes};

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
    for line in all.lines() {
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
    };
    Ok(Ran {
        result: json!({"ended": ended(end.how), "confined": receipt(&active), "used": used(&end)}),
        output: json!({"stdout": text(&out), "stderr": text(&err)}),
        exit_code,
        error,
    })
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
    }
}

/// What was really in force, as the tool's own process found it.
fn receipt(active: &Active) -> Value {
    let Active { landlock, fs, net, scoped, seccomp, uid, gid, namespaces, bounded_by } = active;
    json!({
        "landlock": {"abi": landlock, "fs": format!("{fs:#x}"), "net": format!("{net:#x}"), "scoped": format!("{scoped:#x}")},
        "seccomp": if *seccomp == 2 { "filter" } else { "none" },
        "namespaces": namespaces, "uid": uid, "gid": gid, "groups": "none", "capabilities": "none",
        "bounding_set": "empty", "no_new_privs": true, "bounded_by": bounded_by,
    })
}

fn used(end: &End) -> Value {
    json!({"wall_ms": end.wall_ms, "cpu_ms": end.cpu_ms, "memory_bytes": end.memory})
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIVE: &str = "active 7 65535 3 3 2 998 997 mnt,pid cgroup-v2\n";

    #[test]
    fn output_is_put_together_and_told_apart_and_bytes_that_are_no_text_are_kept() {
        let lines = format!("{ACTIVE}out aGk=\nerr /w==\nout IQ==\nend exit 3 5 2 4096\n");
        let ran = ran(lines.as_bytes()).unwrap();
        assert_eq!(ran.output, json!({"stdout": {"text": "hi!"}, "stderr": {"base64": "/w=="}}));
        assert_eq!((ran.exit_code, ran.error.as_deref()), (Some(3), Some("the tool ended with status 3")));
        assert_eq!(ran.result["ended"], json!({"by": "itself", "status": 3}));
        assert_eq!(ran.result["confined"]["landlock"]["abi"], 7);
        assert!(!ran.result.to_string().contains("hi!"), "output goes to the caller, never into the log");
    }

    #[test]
    fn a_limit_is_named() {
        let lines = format!("{ACTIVE}end limit wall_clock 5000 2 -\n");
        let ran = ran(lines.as_bytes()).unwrap();
        assert_eq!(ran.error.as_deref(), Some("the tool was ended by its limit: wall_clock"));
        assert_eq!(ran.result["ended"], json!({"by": "limit", "limit": "wall_clock"}));
    }

    #[test]
    fn what_is_not_whole_is_not_believed() {
        for lines in [
            "",
            ACTIVE,
            "end exit 0 5 2 4096\n",
            &format!("{ACTIVE}{ACTIVE}end exit 0 5 2 4096\n"),
            &format!("{ACTIVE}junk\nend exit 0 5 2 4096\n"),
            &format!("{ACTIVE}end exit 0 5 2 4096\nend exit 1 5 2 4096\n"),
        ] {
            assert!(ran(lines.as_bytes()).is_err(), "{lines:?}");
        }
    }

    #[test]
    fn a_line_is_shown_as_it_comes() {
        assert_eq!(progress(b"out aGk="), Some(json!({"stream": "stdout", "text": "hi"})));
        assert_eq!(progress(b"err /w=="), Some(json!({"stream": "stderr", "base64": "/w=="})));
        assert!(progress(ACTIVE.trim().as_bytes()).unwrap()["confined"]["uid"] == 998);
        assert_eq!(progress(b"end exit 0 1 1 1"), None);
        assert_eq!(progress(b"\xff"), None);
    }
}
