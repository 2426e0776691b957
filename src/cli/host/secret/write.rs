//! `reeve secret set` and `reeve secret migrate`: values go into a vault, and once they are known to be there, configuration names them there.

use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::files::{Configuration, Configurations, Stands, readers};
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::{Screen, Tone, harmless, paint};
use crate::config::written::{self, Written};
use crate::secret::{Alias, Consumer, PlacesAsWritten, Reference, Secret, VaultReference};
use crate::sys::rewrite::{Draft, Original, Put};
use crate::sys::{harden, host, ids};
use crate::vault::{self, CredentialKind, MOST_IN_VAULT, Move, Moved, Taken, VaultsConfig};

/// No configuration of ours comes near this.
const MOST_CONFIG: u64 = 1 << 20;

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// As which it is to be named: @kv:[VAULT/]NAME
    reference: String,
    /// The configuration file that is to name it
    #[arg(long, value_name = "FILE", requires = "key")]
    file: Option<PathBuf>,
    /// Its key there, such as tls.key or webhook[0].key
    #[arg(long, value_name = "KEY", requires = "file")]
    key: Option<String>,
    #[command(flatten)]
    by: By,
}

#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    configurations: Configurations,
    /// The vault, where secrets.toml has several
    #[arg(long, value_name = "NAME")]
    vault: Option<String>,
    /// What the names in the vault begin with [default: the host's name]
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    /// Move what stands in files that configuration names, too
    #[arg(long)]
    files: bool,
    /// Say what would be moved, and move nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    by: By,
}

/// As whom a vault is written to.
#[derive(Debug, Args)]
pub(super) struct By {
    /// As whom, instead of whom secrets.toml says: the host itself need not be allowed to write
    #[arg(long = "as", value_name = "CREDENTIAL", value_enum)]
    who: Option<Who>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Who {
    Workload,
    Managed,
    Environment,
    Cli,
}

impl By {
    fn config(&self, config: &VaultsConfig) -> VaultsConfig {
        let kind = self.who.map(|who| match who {
            Who::Workload => CredentialKind::Workload,
            Who::Managed => CredentialKind::Managed,
            Who::Environment => CredentialKind::Environment,
            Who::Cli => CredentialKind::Cli,
        });
        let mut config = config.clone();
        if let Some(kind) = kind {
            config.azure.credentials = vec![kind];
        }
        config
    }
}

/// A configuration file that is to be written anew, with the values that go elsewhere.
struct Page<'a> {
    path: &'a Path,
    original: Original,
    text: Zeroizing<String>,
    changes: Vec<(Written, VaultReference, Secret)>,
}

/// `reeve secret set`.
pub(super) async fn set(config: &VaultsConfig, args: &SetArgs, screen: Screen) -> Result<Exit, Failure> {
    harden::no_dump().map_err(|error| failed(error.to_string()))?;
    let config = args.by.config(config);
    let reference: VaultReference = args.reference.parse().map_err(usage)?;
    if reference.version().is_some() {
        return Err(usage("a version cannot be written to: leave it out"));
    }
    let url = config.address(&reference).map_err(failed)?.clone();
    let value = from_stdin()?;
    let page = args.file.as_deref().map(|path| (path, args.key.as_deref().unwrap_or_default()));
    let draft = page.map(|(path, key)| one_change(path, key, &reference)).transpose()?;
    let moves = [Move { url, name: reference.name().to_owned(), value, taken: Taken::Renewed }];
    let moved = write(&config, &moves, draft.into_iter().collect()).await?;
    let named = args.file.as_deref().map(|path| format!("{} names it", path.display()));
    let lines: Vec<(String, Option<String>)> =
        moved.iter().map(|moved| (format!("{reference}: {}", shown(moved)), named.clone())).collect();
    tell(screen, &moved, &lines)
}

/// `reeve secret migrate`.
pub(super) async fn migrate(
    config: &VaultsConfig,
    args: &MigrateArgs,
    screen: Screen,
) -> Result<Exit, Failure> {
    harden::no_dump().map_err(|error| failed(error.to_string()))?;
    let config = args.by.config(config);
    let alias: Option<Alias> = args.vault.as_deref().map(str::parse).transpose().map_err(usage)?;
    let prefix = args.prefix.clone().map_or_else(host::hostname, Ok)?;
    let (mut moves, mut drafts, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    for configuration in args.configurations.all() {
        let Some(page) = page(&configuration, (alias.as_ref(), &prefix), args.files)? else { continue };
        for (written, reference, _) in &page.changes {
            let place = format!("{}: {}", page.path.display(), written.key);
            let left = match Stands::of(written) {
                Stands::Named(Reference::File(path)) => {
                    Some(format!("{} is not read any more: remove it once all runs", path.display()))
                }
                Stands::Named(_) | Stands::Plain => None,
            };
            lines.push((format!("{place} → {reference}"), left));
        }
        let (draft, of_page) = page.into_moves(&config, args.dry_run)?;
        moves.extend(of_page);
        drafts.extend(draft);
    }
    let moved = if args.dry_run { Vec::new() } else { write(&config, &moves, drafts).await? };
    tell(screen, &moved, &lines)
}

/// Puts values into vaults, and then the drafts into place. What fails before the first draft is in its place changes nothing.
async fn write(config: &VaultsConfig, moves: &[Move], drafts: Vec<Draft>) -> Result<Vec<Moved>, Failure> {
    if moves.is_empty() {
        return Ok(Vec::new());
    }
    let environment = |name: &str| std::env::var(name).ok();
    let keeper = vault::azure_keeper(&config.azure, &environment).map_err(failed)?;
    let mut left = Left::default();
    let moved = vault::store_all(&keeper, moves, || put(drafts, &mut left, Draft::put)).await;
    for unsure in &left.unsure {
        eprintln!("reeve secret: {}", harmless(unsure));
    }
    let moved = moved.map_err(|problem| {
        failed(problem).hint("no configuration was changed; what was put into a vault before was taken back, unless this says otherwise")
    })?;
    match left.failed {
        None => Ok(moved),
        Some(problem) => {
            Err(failed(problem).hint("the files before it name the vault already; run this again for it"))
        }
    }
}

/// What is left to say of drafts, the first of which is in its place.
#[derive(Debug, Default, PartialEq, Eq)]
struct Left {
    /// Which could not be put there, and why.
    failed: Option<String>,
    /// Which the disk may not have yet.
    unsure: Vec<String>,
}

/// All of them or none. Of those that nobody changed since they were read, none fails; if one does, those before it need what the vault has.
fn put(drafts: Vec<Draft>, left: &mut Left, put_one: impl Fn(Draft) -> io::Result<Put>) -> io::Result<()> {
    drafts.iter().try_for_each(Draft::check)?;
    for (number, draft) in drafts.into_iter().enumerate() {
        let path = draft.path().display().to_string();
        match put_one(draft) {
            Ok(put) => left.unsure.extend(put.unsynced.map(|error| {
                format!("{path} is written; whether it outlasts a power failure now is not known: {error}")
            })),
            Err(error) if number == 0 => return Err(error),
            Err(error) => {
                left.failed = Some(format!("{path}: {error}"));
                break;
            }
        }
    }
    Ok(())
}

/// What is written in one key of a file, which is to name the reference instead.
fn one_change(path: &Path, key: &str, reference: &VaultReference) -> Result<Draft, Failure> {
    let (original, text) = open(path)?;
    let label = path.display().to_string();
    let found = written::values(&label, &text).map_err(|error| failed(with_causes(&error)))?;
    let known = found.iter().map(|written| written.key.as_str());
    let nearest = crate::config::did_you_mean(key, known);
    let written = found
        .iter()
        .find(|written| written.key == key)
        .ok_or_else(|| failed(format!("{label}: has no value at {}{nearest}", harmless(key))))?;
    draft(path, original, (text.as_str(), &[(written, reference.to_string())]))
}

/// What is to be moved out of a configuration; nothing where there is no such file.
fn page<'a>(
    configuration: &Configuration<'a>,
    (alias, prefix): (Option<&Alias>, &str),
    with_files: bool,
) -> Result<Option<Page<'a>>, Failure> {
    let path = configuration.path;
    if !path.try_exists().map_err(|error| failed(format!("{}: {error}", path.display())))? {
        return Ok(None);
    }
    let (original, text) = open(path)?;
    let mut changes = Vec::new();
    for written in configuration.secrets(&text).map_err(failed)? {
        let value = match Stands::of(&written) {
            Stands::Plain => Secret::new(written.text.as_bytes().to_vec()),
            Stands::Named(reference @ Reference::File(_)) if with_files => {
                let places = PlacesAsWritten::default().meant(Consumer::Fetcher).map_err(failed)?;
                places.read(&reference).map_err(|error| failed(with_causes(&error)))?.value
            }
            Stands::Named(_) => continue,
        };
        let name = name((prefix, configuration.consumer), &text, &written);
        let reference = VaultReference::newest(alias.cloned(), &name).map_err(|_none| {
            usage(format!("{name:?} is no name of a secret in a vault: --prefix of letters, digits and -"))
        })?;
        changes.push((written, reference, value));
    }
    Ok((!changes.is_empty()).then_some(Page { path, original, text, changes }))
}

impl Page<'_> {
    fn into_moves(self, config: &VaultsConfig, is_dry: bool) -> Result<(Option<Draft>, Vec<Move>), Failure> {
        let changes: Vec<(&Written, String)> =
            self.changes.iter().map(|(written, reference, _)| (written, reference.to_string())).collect();
        let draft = if is_dry {
            None
        } else {
            Some(draft(self.path, self.original, (self.text.as_str(), changes.as_slice()))?)
        };
        let mut moves = Vec::new();
        for (_, reference, value) in self.changes {
            let url = config.address(&reference).map_err(failed)?.clone();
            moves.push(Move { url, name: reference.name().to_owned(), value, taken: Taken::Refused });
        }
        Ok((draft, moves))
    }
}

/// `host01-tls-key`, `host01-webhook-ops-key`: what a value is called in a vault that hosts may share.
fn name((prefix, consumer): (&str, Consumer), text: &str, written: &Written) -> String {
    // A key in no table is called by whose it is.
    let (table, key) = written.key.rsplit_once('.').unwrap_or((consumer.name(), &written.key));
    let table = match table.split_once('[') {
        // What it is called there says more than which one it is.
        Some((kind, _)) => {
            let own = format!("{table}.name");
            let values = written::values("", text).unwrap_or_default();
            let own = values.iter().find(|value| value.key == own).map(|value| value.text.to_string());
            format!("{kind}-{}", own.unwrap_or_default())
        }
        None => table.to_owned(),
    };
    let all = format!("{prefix}-{table}-{key}");
    all.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

fn open(path: &Path) -> Result<(Original, Zeroizing<String>), Failure> {
    let told = |error: io::Error| {
        let failure = failed(error.to_string());
        if ids::is_root() { failure } else { failure.hint("configuration is root's: run this as root") }
    };
    let mut original = Original::open(path).map_err(told)?;
    let text = Zeroizing::new(original.text(MOST_CONFIG).map_err(told)?);
    Ok((original, text))
}

fn draft(
    path: &Path,
    original: Original,
    (text, changes): (&str, &[(&Written, String)]),
) -> Result<Draft, Failure> {
    let label = path.display().to_string();
    let after = written::replaced(&label, text, changes).map_err(|error| failed(with_causes(&error)))?;
    original.draft(&after, readers(path)).map_err(|error| {
        failed(format!("{label}: cannot be rewritten: {error}"))
            .hint("nothing was changed, here or in the vault")
    })
}

/// A value is not typed: it would stand on the screen.
fn from_stdin() -> Result<Secret, Failure> {
    if io::stdin().is_terminal() {
        return Err(usage("the value comes on standard input: reeve secret set … <FILE"));
    }
    let most = u64::try_from(MOST_IN_VAULT).unwrap_or(u64::MAX).saturating_add(2);
    // Read into room that it does not outgrow, so that no part of it stays behind.
    let mut bytes = Vec::with_capacity(MOST_IN_VAULT + 2);
    let read = io::stdin().lock().take(most).read_to_end(&mut bytes);
    read.map_err(|error| failed(format!("the value cannot be read: {error}")))?;
    Ok(Secret::new(bytes).without_last_line_break())
}

fn shown(moved: &Moved) -> String {
    let how = if moved.was_there { "was there already" } else { "is in the vault" };
    format!("{how}, as version {}", moved.version)
}

fn tell(screen: Screen, moved: &[Moved], lines: &[(String, Option<String>)]) -> Result<Exit, Failure> {
    if screen.is_json() {
        let document: Vec<Value> = moved
            .iter()
            .map(|one| json!({"name": one.name, "version": one.version, "was_there": one.was_there}))
            .collect();
        let said: Vec<&String> = lines.iter().map(|(line, _)| line).collect();
        screen.document(&json!({"moved": document, "changes": said}))?;
        return Ok(Exit::Done);
    }
    for (line, more) in lines {
        screen.line(&format!("{} {}", paint("✓", Tone::Good), harmless(line)))?;
        if let Some(more) = more {
            screen.line(&format!("  {}", harmless(more)))?;
        }
    }
    if lines.is_empty() {
        screen.line("there is nothing to move: configuration holds no secret")?;
    } else if !moved.is_empty() {
        screen.note("systemctl restart reeve-secrets fetches it; systemctl reload reeved uses it");
    }
    Ok(Exit::Done)
}

fn failed(problem: impl Into<String>) -> Failure {
    Failure::new(Exit::Failed, problem)
}

fn usage(problem: impl ToString) -> Failure {
    Failure::new(Exit::Usage, problem.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_disk_may_not_have_yet_takes_nothing_back() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let draft = Original::open(&path).unwrap().draft("new", 0).unwrap();
        let mut left = Left::default();
        let unsynced = |draft: Draft| draft.put_and(|_folder| Err(io::Error::other("EIO")));
        // What the vault was given is taken back when this fails, and it does not.
        put(vec![draft], &mut left, unsynced).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!((left.failed, left.unsure.len()), (None, 1));
        assert!(left.unsure[0].ends_with("is not known: EIO"), "{:?}", left.unsure);
    }

    #[test]
    fn a_value_is_called_by_its_host_and_by_what_it_is_for() {
        for (consumer, text, wanted) in [
            (Consumer::Front, "[tls]\nkey = \"k\"\n", "host01-tls-key"),
            (Consumer::Alarms, "[[webhook]]\nname = \"ops\"\nkey = \"k\"\n", "host01-webhook-ops-key"),
            (Consumer::Traces, "token = \"k\"\n", "host01-traces-token"),
            (Consumer::Bridge, "key = \"k\"\n", "host01-bridge-key"),
            (Consumer::Witness, "key = \"k\"\n", "host01-witness-key"),
        ] {
            let found = written::values("", text).unwrap();
            let key = found.iter().find(|value| *value.text == "k").unwrap();
            assert_eq!(name(("host01", consumer), text, key), wanted);
        }
    }
}
