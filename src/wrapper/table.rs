//! What a wrapper will run: the last line of defence, so it compares with fixed lists and understands as little as
//! possible. The gate's own checks are stricter; this one holds when the gate has been taken over.

use super::form::{Form, is_size, is_zfs_list, is_zfs_name, is_zfs_part};
use crate::grant::{Grant, Refusal, RunAs, WrapperName};
use crate::sandbox;

/// All that a wrapper will run.
#[derive(Debug)]
pub struct Table {
    /// The wrapper that it is of.
    pub wrapper: WrapperName,
    /// The programs; any other is refused.
    pub programs: &'static [Program],
}

/// A program that may be run.
#[derive(Debug)]
pub struct Program {
    /// Its absolute path.
    pub path: &'static str,
    /// The arguments that come first, exactly these.
    pub prefix: &'static [&'static str],
    /// What may follow.
    pub arguments: Arguments,
    /// Who it may run as.
    pub runs_as: RunsAs,
    /// Where it runs.
    pub directory: Directory,
    /// What it sees of an environment besides what every program sees.
    pub environment: &'static [(&'static str, &'static str)],
    /// What the wrapper does while it runs.
    pub lifetime: Lifetime,
}

impl Program {
    /// A program with subcommands that runs as root or as a user, in `/`, and that the wrapper becomes.
    #[must_use]
    pub const fn new(path: &'static str, subcommands: &'static [Subcommand]) -> Program {
        Program {
            path,
            prefix: &[],
            arguments: Arguments::Subcommands(subcommands),
            runs_as: RunsAs::Either,
            directory: Directory::Root,
            environment: &[],
            lifetime: Lifetime::Exec,
        }
    }
}

/// What follows the prefix.
#[derive(Debug)]
pub enum Arguments {
    /// One of these words and what goes with it.
    Subcommands(&'static [Subcommand]),
    /// Options and operands.
    Plain(&'static [Opt], Operands),
    /// A confinement, what the tool reads from its standard input, and any arguments: they are the tool's own matter,
    /// which the confinement holds in whatever they say.
    Confined,
}

/// Who a program may run as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunsAs {
    /// Root only.
    Root,
    /// A user other than root only.
    User,
    /// Both.
    Either,
    /// This user, and nobody else.
    Only(&'static str),
}

/// Where a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directory {
    /// In `/`, and the grant names no directory.
    Root,
    /// In the directory that the grant names, which holds a `.git` directory of its own. No link is followed to either.
    Repository,
}

/// What the wrapper does while the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// It becomes the program.
    Exec,
    /// It stays, and ends everything that the program started when the time is over or nobody listens any more.
    Supervised,
    /// It stays, and shuts the tool in that the grant's confinement names.
    Confined,
}

/// A first argument, and what may follow it: options first, then operands.
#[derive(Debug)]
pub struct Subcommand {
    /// The first argument.
    pub name: &'static str,
    /// The options it may have, each as often as it likes.
    pub options: &'static [Opt],
    /// What its operands look like.
    pub operands: Operands,
}

/// An option.
#[derive(Debug)]
pub enum Opt {
    /// Alone.
    Flag(&'static str),
    /// Followed by a number of bytes.
    Size(&'static str),
    /// Followed by one of these settings.
    Setting(&'static str, Settings),
    /// Followed by an argument of this form.
    Value(&'static str, Form),
    /// In one argument with a value of this form: `--lines=20`.
    Joined(&'static str, Form),
}

/// The `name=value` that may be set: either exactly one of these, or, for one that ends in `=`, whatever follows; and
/// any whose name has a colon, which mean nothing to ZFS itself.
#[derive(Clone, Copy, Debug)]
pub struct Settings(pub &'static [&'static str]);

/// What stands behind the options.
#[derive(Debug)]
pub enum Operands {
    /// Nothing.
    None,
    /// ZFS names.
    Names,
    /// ZFS names, among them a dataset with a list of its snapshots, which go in one transaction: `tank/a@one,two`.
    /// Every one is spelt out; there is no range (`%`).
    NamesAndLists,
    /// One setting, then ZFS names.
    SettingAndNames(Settings),
    /// One or more of this form.
    Each(Form),
    /// The same, as many as a grant has room for.
    Many(Form),
    /// One of each of these forms, in this order.
    Exactly(&'static [Form]),
    /// One of each of the forms, then any number of the last.
    Then(&'static [Form], Form),
    /// The path of a file of this form that only root can have written, in folders that only root can have written.
    TrustedFile(Form),
}

/// As many operands as one call may have.
const MAX_OPERANDS: usize = 64;

/// What the table says to a grant.
#[derive(Debug)]
pub(super) struct Permitted<'a> {
    pub(super) program: &'static Program,
    /// The file that has to be root's own.
    pub(super) input: Option<&'a str>,
}

impl Table {
    /// Whether a grant's program and arguments are in the table. That makes no grant good: see [`super::authorise`].
    ///
    /// # Errors
    /// The first argument that is not.
    pub fn has(&self, grant: &Grant) -> Result<(), Refusal> {
        self.permits(grant).map(|_permitted| ())
    }

    /// Compares a grant with the table.
    pub(super) fn permits<'a>(&self, grant: &'a Grant) -> Result<Permitted<'a>, Refusal> {
        let program = self.programs.iter().find(|program| program.path == grant.program);
        let program = program.ok_or(Refusal::ProgramNotInTable)?;
        program.permits_identity(&grant.run_as)?;
        program.permits_directory(grant.directory.as_deref())?;
        let mut args = Args { rest: grant.argv.iter(), place: 0 };
        for word in program.prefix {
            let arg = args.next()?;
            args.require(arg == *word)?;
        }
        let input = match &program.arguments {
            Arguments::Confined => {
                let confinement = args.next()?;
                args.require(sandbox::decode(confinement).is_ok())?;
                let _input = args.next()?;
                None
            }
            Arguments::Plain(options, operands) => permits(options, operands, &mut args)?,
            Arguments::Subcommands(subcommands) => {
                let name = args.next()?;
                let mut answer = Err(args.refusal());
                // One name may stand in several lines; the first that fits is enough.
                for line in subcommands.iter().filter(|line| line.name == name) {
                    answer = permits(line.options, &line.operands, &mut args.clone());
                    if answer.is_ok() {
                        break;
                    }
                }
                answer?
            }
        };
        Ok(Permitted { program, input })
    }
}

impl Program {
    fn permits_identity(&self, run_as: &RunAs) -> Result<(), Refusal> {
        match (self.runs_as, run_as) {
            (RunsAs::Either, _) | (RunsAs::Root, RunAs::Root) | (RunsAs::User, RunAs::User(_)) => Ok(()),
            (RunsAs::Only(only), RunAs::User(user)) if only == user => Ok(()),
            (RunsAs::Root, RunAs::User(_))
            | (RunsAs::User, RunAs::Root)
            | (RunsAs::Only(_), RunAs::Root | RunAs::User(_)) => Err(Refusal::IdentityNotInTable),
        }
    }

    fn permits_directory(&self, directory: Option<&str>) -> Result<(), Refusal> {
        match (self.directory, directory) {
            (Directory::Root, None) | (Directory::Repository, Some(_)) => Ok(()),
            (Directory::Root, Some(_)) | (Directory::Repository, None) => Err(Refusal::DirectoryNotInTable),
        }
    }
}

/// Options first, then operands; the file among them that has to be root's own.
fn permits<'a>(
    options: &[Opt],
    operands: &Operands,
    args: &mut Args<'a>,
) -> Result<Option<&'a str>, Refusal> {
    let mut first = None;
    while args.rest.len() > 0 {
        let arg = args.next()?;
        if !arg.starts_with('-') {
            first = Some(arg);
            break;
        }
        option(options, arg, args)?;
    }
    operands.permit(first, args)
}

fn option(options: &[Opt], arg: &str, args: &mut Args<'_>) -> Result<(), Refusal> {
    match options.iter().find(|option| option.begins(arg)).ok_or(args.refusal())? {
        Opt::Flag(_) => Ok(()),
        Opt::Size(_) => {
            let size = args.next()?;
            args.require(is_size(size))
        }
        Opt::Setting(_, settings) => {
            let setting = args.next()?;
            args.require(settings.permit(setting))
        }
        Opt::Value(_, form) => {
            let value = args.next()?;
            args.require(form(value))
        }
        Opt::Joined(prefix, form) => args.require(arg.strip_prefix(prefix).is_some_and(form)),
    }
}

impl Operands {
    fn permit<'a>(&self, first: Option<&'a str>, args: &mut Args<'a>) -> Result<Option<&'a str>, Refusal> {
        let Some(first) = first else {
            args.place += usize::from(!matches!(self, Operands::None));
            return args.require(matches!(self, Operands::None)).map(|()| None);
        };
        match self {
            Operands::None => return Err(args.refusal()),
            Operands::Names => args.each(first, is_zfs_name)?,
            Operands::NamesAndLists => args.each(first, |name| is_zfs_name(name) || is_zfs_list(name))?,
            Operands::SettingAndNames(settings) => {
                args.require(settings.permit(first))?;
                let name = args.next()?;
                args.each(name, is_zfs_name)?;
            }
            Operands::Each(form) => args.each(first, *form)?,
            Operands::Many(form) => args.many(first, form)?,
            Operands::Exactly(forms) => {
                args.in_order(first, forms)?;
                args.end()?;
            }
            Operands::Then(forms, last) => {
                args.in_order(first, forms)?;
                if args.rest.len() > 0 {
                    let next = args.next()?;
                    args.each(next, *last)?;
                }
            }
            Operands::TrustedFile(form) => {
                args.require(form(first))?;
                args.end()?;
                return Ok(Some(first));
            }
        }
        Ok(None)
    }
}

impl Opt {
    fn begins(&self, arg: &str) -> bool {
        match self {
            Opt::Flag(flag) | Opt::Size(flag) | Opt::Setting(flag, _) | Opt::Value(flag, _) => *flag == arg,
            Opt::Joined(prefix, _) => arg.starts_with(prefix),
        }
    }
}

impl Settings {
    fn permit(&self, setting: &str) -> bool {
        let Some((name, value)) = setting.split_once('=') else { return false };
        let listed = self.0.iter().any(|listed| match listed.strip_suffix('=') {
            Some(listed) => listed == name,
            None => *listed == setting,
        });
        let of_a_user = name.contains(':') && is_zfs_part(name);
        (listed || of_a_user) && value.bytes().all(|byte| byte.is_ascii_graphic())
    }
}

/// The arguments, and the place of the one that was taken last.
#[derive(Clone)]
struct Args<'a> {
    rest: std::slice::Iter<'a, String>,
    place: usize,
}

impl<'a> Args<'a> {
    fn next(&mut self) -> Result<&'a str, Refusal> {
        self.place += 1;
        self.rest.next().map(String::as_str).ok_or(self.refusal())
    }

    /// This one and all that are left are of the form, and not too many.
    fn each(&mut self, first: &str, form: impl Fn(&str) -> bool) -> Result<(), Refusal> {
        self.require(self.rest.len() < MAX_OPERANDS)?;
        self.many(first, form)
    }

    /// This one and all that are left are of the form.
    fn many(&mut self, first: &str, form: impl Fn(&str) -> bool) -> Result<(), Refusal> {
        self.require(form(first))?;
        while self.rest.len() > 0 {
            let operand = self.next()?;
            self.require(form(operand))?;
        }
        Ok(())
    }

    /// This one and those that follow are of these forms, one each.
    fn in_order(&mut self, first: &str, forms: &[Form]) -> Result<(), Refusal> {
        let mut forms = forms.iter();
        self.require(forms.next().is_some_and(|form| form(first)))?;
        for form in forms {
            let operand = self.next()?;
            self.require(form(operand))?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Refusal> {
        self.place += 1;
        self.require(self.rest.len() == 0)
    }

    fn require(&self, holds: bool) -> Result<(), Refusal> {
        if holds { Ok(()) } else { Err(self.refusal()) }
    }

    fn refusal(&self) -> Refusal {
        Refusal::ArgumentNotInTable(self.place)
    }
}
