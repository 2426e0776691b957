//! A confinement as text: `key=value` between semicolons, in one order. One confinement has one text, and what is not
//! exactly such a text is no confinement. The bounds here hold whoever wrote it.

use std::fmt;

use super::carving;
use super::destination::is_denial;
use super::egress::{Destination, Egress, Lists};
use super::module::{Bounds, Module, PLACE, RUNNER};
use super::{BUILTIN, Confinement, Limits, MOST_INODES, MemoryBy, Tier, WORKSPACES, Workspace};

/// What every one begins with.
const MAGIC: &str = "reeve-tool-v1";
const MAX_BYTES: usize = 16 * 1024;
const MAX_LIST: usize = 32;
/// Words that stand alone, and are there or not.
const SINGLE: &str = "single=1";
const DEBUG: &str = "debug=1";

/// Variables by which a library or an interpreter would load something else than what was declared; `*` stands for the rest of
/// a name. The confinement holds without this: it keeps declarations from meaning more than they seem to.
#[rustfmt::skip]
const LOADERS: [&str; 29] = [
    "LD_*", "GCONV_PATH", "LOCPATH", "MALLOC_*", "GLIBC_TUNABLES",
    "BASH_*", "ENV", "IFS",
    "PYTHONSTARTUP", "PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONINSPECT",
    "NODE_OPTIONS", "NODE_PATH",
    "PERL5*", "PERLLIB",
    "RUBYOPT", "RUBYLIB",
    "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH",
    "LUA_INIT*", "LUA_PATH*", "LUA_CPATH*", "PHPRC",
    "GIT_*", "SSH_*",
];

/// Where nothing may be granted, at, above or below: the kernel's own trees, what runs, and Reeve's own files.
const NEVER: [&str; 10] = [
    "/proc",
    "/sys",
    "/dev",
    "/run",
    "/boot",
    "/root",
    "/etc/reeve",
    "/var/lib/reeve",
    "/var/lib/reeve-root",
    "/var/log/reeve",
];

/// What is wrong with the text of a confinement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAConfinement(pub &'static str);

impl fmt::Display for NotAConfinement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no confinement: {}", self.0)
    }
}

impl std::error::Error for NotAConfinement {}

/// The text of a confinement.
#[must_use]
pub fn encode(confinement: &Confinement) -> String {
    let Confinement {
        tool,
        tier,
        user,
        program,
        sha256,
        workspace,
        workspace_exec,
        single_program,
        debug,
        read_only,
        hidden,
        protected,
        environment,
        egress,
        limits,
        module,
    } = confinement;
    let workspace = match workspace {
        Workspace::Fresh => "fresh".to_owned(),
        Workspace::Principal(name) => format!("principal:{name}"),
        Workspace::Named(name) => format!("named:{name}"),
    };
    let memory_by = match limits.memory_by {
        MemoryBy::Cgroup => "cgroup",
        MemoryBy::Rlimit => "rlimit",
    };
    let mut text = format!(
        "{MAGIC};tool={tool};tier={};user={user};program={program};sha256={sha256};workspace={workspace};exec={};cpu={};\
         memory={};by={memory_by};processes={};files={};file={};output={};space={};inodes={};egress={}",
        tier.as_str(),
        u8::from(*workspace_exec),
        limits.cpu,
        limits.memory,
        limits.processes,
        limits.open_files,
        limits.file_size,
        limits.output,
        limits.workspace,
        limits.inodes,
        egress.as_str(),
    );
    if let Some(lists) = egress.lists() {
        lists.allow.iter().for_each(|entry| text.push_str(&format!(";to={entry}")));
        lists.never.iter().for_each(|name| text.push_str(&format!(";never={name}")));
    }
    read_only.iter().for_each(|path| text.push_str(&format!(";read={path}")));
    hidden.iter().for_each(|path| text.push_str(&format!(";hide={path}")));
    protected.iter().for_each(|path| text.push_str(&format!(";protect={path}")));
    environment.iter().for_each(|(name, value)| text.push_str(&format!(";env={name}={value}")));
    for (word, is_so) in [(SINGLE, single_program), (DEBUG, debug)] {
        if *is_so {
            text.push_str(&format!(";{word}"));
        }
    }
    if let Some(Module { path, bounds }) = module {
        text.push_str(&format!(";module={path};bounds={bounds}"));
    }
    text
}

/// The confinement that a text is.
///
/// # Errors
/// The first thing that is wrong.
pub fn decode(text: &str) -> Result<Confinement, NotAConfinement> {
    if text.len() > MAX_BYTES {
        return Err(NotAConfinement("too long"));
    }
    let mut fields = Fields(text.split(';').peekable());
    if fields.0.next() != Some(MAGIC) {
        return Err(NotAConfinement("does not begin as one of this version does"));
    }
    let confinement = fields.confinement()?;
    check(&confinement)?;
    // Of all texts that would be read the same, one is right: the one that is written.
    if encode(&confinement) != text {
        return Err(NotAConfinement("not in its one form"));
    }
    Ok(confinement)
}

struct Fields<'a>(std::iter::Peekable<std::str::Split<'a, char>>);

impl Fields<'_> {
    fn confinement(&mut self) -> Result<Confinement, NotAConfinement> {
        Ok(Confinement {
            tool: self.text("tool=")?,
            tier: match self.text("tier=")?.as_str() {
                "a" => Tier::A,
                "b" => Tier::B,
                "c" => Tier::C,
                "w" => Tier::W,
                _ => return Err(NotAConfinement("unknown tier")),
            },
            user: self.text("user=")?,
            program: self.text("program=")?,
            sha256: self.text("sha256=")?,
            workspace: workspace(&self.text("workspace=")?)?,
            workspace_exec: self.text("exec=")? == "1",
            limits: self.limits()?,
            egress: self.egress()?,
            read_only: self.all("read="),
            hidden: self.all("hide="),
            protected: self.all("protect="),
            environment: self
                .all("env=")
                .iter()
                .map(|pair| pair.split_once('='))
                .map(|pair| pair.map(|(name, value)| (name.to_owned(), value.to_owned())))
                .collect::<Option<_>>()
                .ok_or(NotAConfinement("a variable without a value"))?,
            single_program: self.has(SINGLE),
            debug: self.has(DEBUG),
            module: self.module()?,
        })
    }

    fn limits(&mut self) -> Result<Limits, NotAConfinement> {
        Ok(Limits {
            cpu: self.number("cpu=")?,
            memory: self.number("memory=")?,
            memory_by: match self.text("by=")?.as_str() {
                "cgroup" => MemoryBy::Cgroup,
                "rlimit" => MemoryBy::Rlimit,
                _ => return Err(NotAConfinement("unknown way to bound memory")),
            },
            processes: self.number("processes=")?,
            open_files: self.number("files=")?,
            file_size: self.number("file=")?,
            output: self.number("output=")?,
            workspace: self.number("space=")?,
            inodes: self.number("inodes=")?,
        })
    }

    fn egress(&mut self) -> Result<Egress, NotAConfinement> {
        let word = self.text("egress=")?;
        let allow = self.all("to=").iter().map(|entry| Destination::read(entry)).collect::<Option<_>>();
        let allow = allow.ok_or(NotAConfinement("a host to reach"))?;
        let lists = Lists { allow, never: self.all("never=") };
        match word.as_str() {
            "none" if lists == Lists::default() => Ok(Egress::None),
            "preflight" => Ok(Egress::Preflight(lists)),
            "strict" => Ok(Egress::Strict(lists)),
            _ => Err(NotAConfinement("unknown egress")),
        }
    }

    fn module(&mut self) -> Result<Option<Module>, NotAConfinement> {
        if self.0.peek().is_none() {
            return Ok(None);
        }
        let path = self.text("module=")?;
        let bounds = Bounds::read(&self.text("bounds=")?).ok_or(NotAConfinement("the bounds of a module"))?;
        Ok(Some(Module { path, bounds }))
    }

    fn text(&mut self, key: &'static str) -> Result<String, NotAConfinement> {
        self.0.next().and_then(|field| field.strip_prefix(key)).map(str::to_owned).ok_or(NotAConfinement(key))
    }

    fn number(&mut self, key: &'static str) -> Result<u64, NotAConfinement> {
        self.text(key)?.parse().map_err(|_| NotAConfinement(key))
    }

    fn has(&mut self, word: &str) -> bool {
        self.0.next_if_eq(&word).is_some()
    }

    fn all(&mut self, key: &str) -> Vec<String> {
        let mut found = Vec::new();
        while let Some(value) = self.0.peek().and_then(|field| field.strip_prefix(key)) {
            found.push(value.to_owned());
            self.0.next();
        }
        found
    }
}

fn workspace(text: &str) -> Result<Workspace, NotAConfinement> {
    match text.split_once(':') {
        None if text == "fresh" => Ok(Workspace::Fresh),
        Some(("principal", name)) => Ok(Workspace::Principal(name.to_owned())),
        Some(("named", name)) => Ok(Workspace::Named(name.to_owned())),
        _ => Err(NotAConfinement("unknown workspace")),
    }
}

/// The bounds that hold for every confinement.
///
/// # Errors
/// The first that does not.
pub(super) fn check(confinement: &Confinement) -> Result<(), NotAConfinement> {
    const KIB: u64 = 1 << 10;
    const TIB: u64 = 1 << 40;
    let Limits { cpu, memory, memory_by: _, processes, open_files, file_size, output, workspace, inodes } =
        &confinement.limits;
    let has_name = match &confinement.workspace {
        Workspace::Fresh => true,
        Workspace::Principal(name) | Workspace::Named(name) => is_name(name),
    };
    let is_digest =
        |text: &str| text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let bounds = [
        (is_name(&confinement.tool), "the tool's name"),
        (is_name(&confinement.user), "the user's name"),
        (is_path(&confinement.program), "the program's path"),
        (is_reachable(confinement), "the program lies neither below /usr nor below a path of read_only"),
        (is_digest(&confinement.sha256), "the digest"),
        (has_name, "the workspace's name"),
        (confinement.read_only.len() <= MAX_LIST, "the number of paths"),
        (confinement.read_only.iter().all(|path| is_path(path) && is_grantable(path)), "a path to read"),
        (
            carving::is_there_for(confinement),
            "hidden and protected need tier c, with a path of read_only above, and a workspace that stays",
        ),
        (confinement.environment.len() <= MAX_LIST, "the number of variables"),
        (confinement.environment.iter().all(|(name, value)| is_variable(name, value)), "a variable"),
        (has_its_network(confinement), "strict egress needs tier c"),
        (
            is_bare_where_built_in(confinement),
            "tier a is Reeve's own program on a workspace that stays, and nothing else",
        ),
        (
            has_its_module(confinement, is_digest),
            "tier w is Reeve's own program with one module below /usr in bounds, and nothing else",
        ),
        (confinement.egress.lists().is_none_or(is_bounded), "the hosts to reach, or those never to reach"),
        ((1..=86_400).contains(cpu), "processor time"),
        ((KIB * KIB * 4..=TIB).contains(memory), "memory"),
        ((1..=65_536).contains(processes), "processes"),
        ((16..=4096).contains(open_files), "open files"),
        ((0..=TIB).contains(file_size), "the size of a file"),
        ((0..=2 * KIB * KIB).contains(output), "output"),
        ((64 * KIB..=TIB).contains(workspace), "the size of the workspace"),
        ((16..=MOST_INODES).contains(inodes), "the number of files in the workspace"),
    ];
    match bounds.into_iter().find(|(holds, _)| !holds) {
        Some((_, broken)) => Err(NotAConfinement(broken)),
        None => Ok(()),
    }
}

fn has_its_network(confinement: &Confinement) -> bool {
    !matches!((&confinement.egress, confinement.tier), (Egress::Strict(_), Tier::A | Tier::B | Tier::W))
}

fn is_bare_where_built_in(confinement: &Confinement) -> bool {
    confinement.tier != Tier::A
        || confinement.program == BUILTIN
            && confinement.workspace != Workspace::Fresh
            && !confinement.workspace_exec
            && !confinement.single_program
            && !confinement.debug
            && confinement.read_only.is_empty()
            && confinement.environment.is_empty()
            && confinement.egress == Egress::None
}

/// A module in tier W and in no other, and nothing there that it could not use.
fn has_its_module(confinement: &Confinement, is_digest: impl Fn(&str) -> bool) -> bool {
    match (confinement.tier, &confinement.module) {
        (Tier::A | Tier::B | Tier::C, module) => module.is_none(),
        (Tier::W, None) => false,
        (Tier::W, Some(Module { path, bounds })) => {
            confinement.program == RUNNER
                && confinement.workspace == Workspace::Fresh
                && !confinement.workspace_exec
                && !confinement.single_program
                && !confinement.debug
                && confinement.read_only.is_empty()
                && confinement.egress == Egress::None
                && is_path(path)
                && is_at_or_below(path, PLACE)
                && is_digest(&bounds.sha256)
                && is_name(&bounds.key)
                && bounds.hold()
        }
    }
}

/// Some host, and each of them named: every host is for root's own list to say.
fn is_bounded(lists: &Lists) -> bool {
    (1..=MAX_LIST).contains(&lists.allow.len())
        && lists.allow.iter().all(|entry| !entry.is_any())
        && lists.never.len() <= 8 * MAX_LIST
        && lists.never.iter().all(|entry| is_denial(entry))
}

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=64).contains(&text.len())
        && text.bytes().all(plain)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
}

fn is_path(text: &str) -> bool {
    let is_part = |part: &str| !matches!(part, "" | "." | "..");
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b';';
    text.len() <= 1024
        && text.bytes().all(plain)
        && text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_part))
}

fn is_reachable(confinement: &Confinement) -> bool {
    let below = |top: &str| is_at_or_below(&confinement.program, top);
    below("/usr") || confinement.read_only.iter().any(|path| below(path))
}

fn is_grantable(path: &str) -> bool {
    let apart = |never: &str| !is_at_or_below(path, never) && !is_at_or_below(never, path);
    NEVER.into_iter().all(apart) && !is_at_or_below(WORKSPACES, path) && !is_at_or_below(path, WORKSPACES)
}

fn is_at_or_below(path: &str, top: &str) -> bool {
    path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_variable(name: &str, value: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=64).contains(&name.len())
        && name.bytes().all(plain)
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && !LOADERS.iter().any(|loader| match loader.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == *loader,
        })
        && value.len() <= 1024
        && value.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b';')
}

#[cfg(test)]
pub(super) mod tests;
