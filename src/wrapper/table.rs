//! What a wrapper will run: the last line of defence, so it compares with fixed lists and understands as little as
//! possible. The gate's own checks are stricter; this one holds when the gate has been taken over.

use crate::grant::{Grant, Refusal, WrapperName};

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
    /// What its first argument may be.
    pub subcommands: &'static [Subcommand],
}

/// A first argument, and what may follow it: options first, then one operand or more.
#[derive(Debug)]
pub struct Subcommand {
    /// The first argument.
    pub name: &'static str,
    /// The options it may have, each as often as it likes.
    pub options: &'static [Opt],
    /// What its operands look like.
    pub operands: Operands,
}

/// An option, as its own argument.
#[derive(Debug)]
pub enum Opt {
    /// Alone.
    Flag(&'static str),
    /// Followed by a number of bytes.
    Size(&'static str),
    /// Followed by one of these settings.
    Setting(&'static str, Settings),
}

/// The `name=value` that may be set: either exactly one of these, or, for one that ends in `=`, whatever follows; and
/// any whose name has a colon, which mean nothing to ZFS itself.
#[derive(Clone, Copy, Debug)]
pub struct Settings(pub &'static [&'static str]);

/// What stands behind the options.
#[derive(Debug)]
pub enum Operands {
    /// Names only.
    Names,
    /// Names, among them a dataset with a list of its snapshots, which go in one transaction: `tank/a@one,two`. Every
    /// one is spelt out; there is no range (`%`).
    NamesAndLists,
    /// One setting, then names.
    SettingAndNames(Settings),
}

/// As many names as one call may have.
const MAX_NAMES: usize = 64;
/// As long as one list of snapshots may be.
const MAX_LIST: usize = 4096;

impl Table {
    /// Compares a grant with the table.
    pub(super) fn permits(&self, grant: &Grant) -> Result<&'static Program, Refusal> {
        let program = self.programs.iter().find(|program| program.path == grant.program);
        let program = program.ok_or(Refusal::ProgramNotInTable)?;
        let mut args = Args { rest: grant.argv.iter(), place: 0 };
        let name = args.next()?;
        let subcommand = program.subcommands.iter().find(|subcommand| subcommand.name == name);
        subcommand.ok_or(args.refusal())?.permits(&mut args)?;
        Ok(program)
    }
}

impl Subcommand {
    fn permits(&self, args: &mut Args<'_>) -> Result<(), Refusal> {
        let mut arg = args.next()?;
        while arg.starts_with('-') {
            self.option(arg, args)?;
            arg = args.next()?;
        }
        if let Operands::SettingAndNames(settings) = &self.operands {
            args.require(settings.permit(arg))?;
            arg = args.next()?;
        }
        args.require(self.operands.permit(arg))?;
        args.require(args.rest.len() < MAX_NAMES)?;
        while args.rest.len() > 0 {
            let name = args.next()?;
            args.require(self.operands.permit(name))?;
        }
        Ok(())
    }

    fn option(&self, flag: &str, args: &mut Args<'_>) -> Result<(), Refusal> {
        match self.options.iter().find(|option| option.flag() == flag).ok_or(args.refusal())? {
            Opt::Flag(_) => Ok(()),
            Opt::Size(_) => {
                let size = args.next()?;
                args.require(is_size(size))
            }
            Opt::Setting(_, settings) => {
                let setting = args.next()?;
                args.require(settings.permit(setting))
            }
        }
    }
}

impl Operands {
    fn permit(&self, name: &str) -> bool {
        match self {
            Operands::Names | Operands::SettingAndNames(_) => is_name(name),
            Operands::NamesAndLists => is_name(name) || is_list(name),
        }
    }
}

impl Opt {
    fn flag(&self) -> &'static str {
        match self {
            Opt::Flag(flag) | Opt::Size(flag) | Opt::Setting(flag, _) => flag,
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
        let of_a_user = name.contains(':') && is_part(name);
        (listed || of_a_user) && value.bytes().all(|byte| byte.is_ascii_graphic())
    }
}

/// The arguments, and the place of the one that was taken last.
struct Args<'a> {
    rest: std::slice::Iter<'a, String>,
    place: usize,
}

impl<'a> Args<'a> {
    fn next(&mut self) -> Result<&'a str, Refusal> {
        self.place += 1;
        self.rest.next().map(String::as_str).ok_or(self.refusal())
    }

    fn require(&self, holds: bool) -> Result<(), Refusal> {
        if holds { Ok(()) } else { Err(self.refusal()) }
    }

    fn refusal(&self) -> Refusal {
        Refusal::ArgumentNotInTable(self.place)
    }
}

/// A ZFS name, or a part of one. No blank, `%` or `,`: the last two make one argument of `destroy` mean many snapshots.
fn is_name(text: &str) -> bool {
    text.len() <= 255 && text.split(['/', '@', '#']).all(is_part)
}

/// Snapshots of one dataset, each by its name.
fn is_list(text: &str) -> bool {
    let Some((dataset, snapshots)) = text.split_once('@') else { return false };
    text.len() <= MAX_LIST && is_name(dataset) && !dataset.contains('#') && snapshots.split(',').all(is_part)
}

fn is_part(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-');
    !part.is_empty() && !part.starts_with('-') && !matches!(part, "." | "..") && part.bytes().all(plain)
}

fn is_size(text: &str) -> bool {
    let digits = text.strip_suffix(['K', 'M', 'G', 'T', 'P']).unwrap_or(text);
    (1..=19).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}
