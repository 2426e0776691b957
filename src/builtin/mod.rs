//! Tier A: what Reeve does itself with the files of a workspace, as the program `reeve-builtin`. `reeve-tool` starts it as
//! the tool's user, shut in, with the workspace as its directory; it reads there and writes nothing.
//!
//! Its arguments are the declaration's: `list [--depth=N] -- [PATH]`, `hash --most=N -- PATH…`, `query --most=N -- PATH QUERY`.
//! What it found goes to standard output as one line of JSON; what it could not do, to standard error, with status 1.

mod query;

pub use query::MOST_QUERY;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::sandbox::Builtin;
use crate::sys::beneath::{Directory, Kind};
use crate::sys::harden;

/// How deep a list goes at most.
pub const MOST_DEPTH: u32 = 32;
/// How many entries a list has at most, and matches a query.
const MOST_ENTRIES: usize = 10_000;
/// How many files are hashed in one call.
pub const MOST_FILES: u32 = 64;
const FAILED: u8 = 1;
const USAGE: u8 = 2;

/// What could not be done, and with which file.
#[derive(Debug)]
struct Failed {
    path: String,
    why: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.why)
    }
}

fn at(path: &str) -> impl Fn(io::Error) -> Failed + '_ {
    move |error| Failed { path: path.to_owned(), why: error.to_string() }
}

/// One call.
#[derive(Debug, PartialEq, Eq)]
enum Work {
    List { path: String, depth: u32 },
    Hash { paths: Vec<String>, most: u64 },
    Query { path: String, query: String, most: u64 },
}

/// The program.
pub fn main() -> ExitCode {
    // First of all, since the next step leaves the directory and closes everything else.
    let started = Directory::at(Path::new(".")).and_then(|here| {
        harden::start(&[here.as_fd().as_raw_fd()])?;
        Ok(here)
    });
    let workspace = match started {
        Ok(workspace) => workspace,
        Err(error) => return said(USAGE, &error),
    };
    let args: Option<Vec<String>> = std::env::args_os().skip(1).map(|arg| arg.into_string().ok()).collect();
    let Some(work) = args.and_then(|args| Work::read(&args)) else {
        return said(USAGE, &"reeve-tool starts it, with the arguments of a declaration of tier a");
    };
    match work.done_in(&workspace) {
        Ok(found) => {
            let mut stdout = io::stdout().lock();
            match writeln!(stdout, "{found}").and_then(|()| stdout.flush()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => said(FAILED, &error),
            }
        }
        Err(failed) => said(FAILED, &failed),
    }
}

fn said(status: u8, why: &dyn fmt::Display) -> ExitCode {
    // Nobody to tell when it fails.
    let _ = writeln!(io::stderr(), "reeve-builtin: {why}");
    ExitCode::from(status)
}

impl Work {
    fn read(args: &[String]) -> Option<Work> {
        let place = args.iter().position(|arg| arg == "--")?;
        let (before, after) = args.split_at_checked(place)?;
        let (kind, options) = before.split_first()?;
        let operands = after.get(1..)?;
        match (Builtin::read(kind)?, options, operands) {
            (Builtin::List, options, operands) => Some(Work::List {
                depth: match options {
                    [] => 1,
                    [depth] => number(depth, "--depth=").filter(|depth| (1..=MOST_DEPTH).contains(depth))?,
                    _more => return None,
                },
                path: match operands {
                    [] => ".".to_owned(),
                    [path] => path.clone(),
                    _more => return None,
                },
            }),
            (Builtin::Hash, [most], [_, ..]) => {
                Some(Work::Hash { paths: operands.to_vec(), most: number(most, "--most=")? })
            }
            (Builtin::Query, [most], [path, query]) => {
                Some(Work::Query { path: path.clone(), query: query.clone(), most: number(most, "--most=")? })
            }
            (Builtin::Hash | Builtin::Query, _, _) => None,
        }
    }

    fn done_in(&self, workspace: &Directory) -> Result<Value, Failed> {
        match self {
            Work::List { path, depth } => list(workspace, path, *depth),
            Work::Hash { paths, most } => {
                let files: Result<Vec<_>, _> =
                    paths.iter().map(|path| hash(workspace, path, *most)).collect();
                Ok(json!({"files": files?}))
            }
            Work::Query { path, query, most } => {
                let bytes = content(workspace, path, *most)?;
                let found = query::run(&bytes, query, MOST_ENTRIES);
                found.map_err(|why| Failed { path: path.clone(), why })
            }
        }
    }
}

fn number<N: std::str::FromStr>(arg: &str, option: &str) -> Option<N> {
    arg.strip_prefix(option)?.parse().ok()
}

/// What lies in a directory of the workspace.
fn list(workspace: &Directory, path: &str, depth: u32) -> Result<Value, Failed> {
    let top = workspace.directory(OsStr::new(path)).map_err(at(path))?;
    let mut listing = Listing { entries: Vec::new(), truncated: false };
    listing.add(&top, OsStr::new(""), depth).map_err(at(path))?;
    Ok(json!({"entries": listing.entries, "truncated": listing.truncated}))
}

struct Listing {
    entries: Vec<Value>,
    truncated: bool,
}

impl Listing {
    fn add(&mut self, directory: &Directory, above: &OsStr, depth: u32) -> io::Result<()> {
        let (names, has_more) = directory.names(MOST_ENTRIES)?;
        self.truncated |= has_more;
        for name in names {
            if self.entries.len() >= MOST_ENTRIES {
                self.truncated = true;
                return Ok(());
            }
            let path = join(above, &name);
            let (kind, bytes) = match directory.look(&name) {
                Ok(found) => found,
                // Somebody took it away meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            self.entries.push(entry(&path, kind, bytes));
            if kind == Kind::Directory && depth > 1 {
                self.add(&directory.directory(&name)?, &path, depth - 1)?;
            }
        }
        Ok(())
    }
}

fn join(above: &OsStr, name: &OsStr) -> OsString {
    if above.is_empty() {
        return name.to_owned();
    }
    OsString::from_vec([above.as_bytes(), b"/", name.as_bytes()].concat())
}

/// A name that is no text stays what it is, in base64.
fn entry(path: &OsStr, kind: Kind, bytes: u64) -> Value {
    let kind = match kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Link => "link",
        Kind::Other => "other",
    };
    let mut entry = json!({"kind": kind});
    let (key, name) = match path.to_str() {
        Some(text) => ("path", text.to_owned()),
        None => ("path_base64", STANDARD.encode(path.as_bytes())),
    };
    if let Some(map) = entry.as_object_mut() {
        map.insert(key.to_owned(), json!(name));
        if kind == "file" {
            map.insert("bytes".to_owned(), json!(bytes));
        }
    }
    entry
}

fn hash(workspace: &Directory, path: &str, most: u64) -> Result<Value, Failed> {
    let file = workspace.file(OsStr::new(path)).map_err(at(path))?;
    let mut bounded = file.take(most.saturating_add(1));
    let (mut digest, mut buffer, mut bytes) = (Sha256::new(), vec![0; 64 * 1024], 0_u64);
    loop {
        let count = bounded.read(&mut buffer).map_err(at(path))?;
        if count == 0 {
            break;
        }
        bytes += u64::try_from(count).unwrap_or(u64::MAX);
        digest.update(buffer.get(..count).unwrap_or_default());
    }
    if bytes > most {
        return Err(too_large(path, most));
    }
    let hex: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(json!({"path": path, "sha256": hex, "bytes": bytes}))
}

fn content(workspace: &Directory, path: &str, most: u64) -> Result<Vec<u8>, Failed> {
    let file = workspace.file(OsStr::new(path)).map_err(at(path))?;
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(at(path))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
        return Err(too_large(path, most));
    }
    Ok(bytes)
}

fn too_large(path: &str, most: u64) -> Failed {
    Failed { path: path.to_owned(), why: format!("is larger than {most} bytes, which is limits.file_size") }
}

#[cfg(test)]
mod tests;
