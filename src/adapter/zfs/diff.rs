//! Files that differ between snapshots. It reads, but OpenZFS demands root for it, so it goes by grant.

use serde_json::{Value, json};

use super::item::Kind;
use super::reader;
use crate::adapter::{Argv, Effects, Garbled, Host, Plan, PlanRefusal, Rule, Step};
use crate::operation::zfs::{ShortName, SnapshotName};

/// How many changes an answer lists.
const MOST: usize = 10_000;

/// Lists what changed since `from`, up to a later snapshot or now.
pub(super) fn plan(
    host: &dyn Host,
    from: &SnapshotName,
    to: Option<&ShortName>,
) -> Result<Plan, PlanRefusal> {
    let older = reader::present(host, from.as_str())?;
    let dataset = reader::present(host, older.dataset())?;
    if dataset.kind != Kind::Filesystem {
        return Err(PlanRefusal::new(Rule::ZfsKind, format!("{} is no filesystem", dataset.name)));
    }
    let mut args = vec!["diff".to_owned(), "-FHt".to_owned(), from.to_string()];
    if let Some(short) = to {
        let younger = reader::present(host, &format!("{}@{short}", dataset.name))?;
        if younger.createtxg < older.createtxg {
            return Err(PlanRefusal::new(Rule::ZfsNewer, format!("{} is older than {from}", younger.name)));
        }
        args.push(younger.name);
    }
    let steps = vec![Step::zfs(Argv::zfs(args))];
    Ok(Plan { effects: Effects::none(), steps, undo: None, settled: false })
}

/// Reads what `zfs diff -FHt` printed.
pub(super) fn interpret(stdout: &[u8]) -> Result<Value, Garbled> {
    let text = String::from_utf8_lossy(stdout);
    let lines: Vec<&str> = text.lines().collect();
    let changes: Vec<Value> = lines.iter().take(MOST).map(|line| change(line)).collect::<Result<_, _>>()?;
    Ok(json!({"changes": changes, "truncated": lines.len() > MOST}))
}

fn change(line: &str) -> Result<Value, Garbled> {
    let columns: Vec<&str> = line.split('\t').collect();
    let unknown = || Garbled("a line of zfs diff".to_owned());
    let (four, new) = columns.split_at_checked(4).ok_or_else(unknown)?;
    let &[time, change, kind, path] = four else { return Err(unknown()) };
    let new = match new {
        [] => None,
        [new] => Some(*new),
        [_, _, ..] => return Err(unknown()),
    };
    let (Some(change), Some(kind)) = (change_word(change), kind_word(kind)) else {
        return Err(Garbled("a change in zfs diff".to_owned()));
    };
    let mut value = json!({"time": time, "change": change, "type": kind, "path": unescaped(path)});
    if let (Some(new), Some(map)) = (new, value.as_object_mut()) {
        map.insert("new_path".to_owned(), json!(unescaped(new)));
    }
    Ok(value)
}

fn change_word(sign: &str) -> Option<&'static str> {
    Some(match sign {
        "+" => "created",
        "-" => "removed",
        "M" => "modified",
        "R" => "renamed",
        _unknown => return None,
    })
}

fn kind_word(sign: &str) -> Option<&'static str> {
    Some(match sign {
        "F" => "file",
        "/" => "directory",
        "@" => "symlink",
        "|" => "fifo",
        "=" => "socket",
        "B" => "block-device",
        "C" => "character-device",
        ">" => "door",
        "P" => "event-port",
        _unknown => return None,
    })
}

/// Takes back `\0040`: a byte as a backslash and four octal digits.
fn unescaped(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let octal = after.get(..4).filter(|_| first == b'\\').and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 8).ok()
        });
        match octal {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(4..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_read_with_their_names_as_they_are() {
        let printed = b"1795171664.083999678\tR\tF\t/tank/m/f\t/tank/m/g\n\
            1795171664.031999678\t+\tF\t/tank/m/a\\0040b/\\0303\\0274\n";
        let expected = json!({"truncated": false, "changes": [
            {"time": "1795171664.083999678", "change": "renamed", "type": "file",
             "path": "/tank/m/f", "new_path": "/tank/m/g"},
            {"time": "1795171664.031999678", "change": "created", "type": "file", "path": "/tank/m/a b/ü"},
        ]});
        assert_eq!(interpret(printed).unwrap(), expected);
        assert_eq!(interpret(b"").unwrap(), json!({"truncated": false, "changes": []}));
    }

    #[test]
    fn a_line_of_another_form_is_no_change() {
        assert!(interpret(b"hello\n").is_err());
        assert!(interpret(b"1.0\t?\tF\t/x\n").is_err());
    }
}
