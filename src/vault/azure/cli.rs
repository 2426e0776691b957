//! The Azure CLI, started as every program is: by its absolute path, with an environment of ours, for a while, and without a shell. The SDK would
//! have a shell look for it in the caller's `PATH`, which for root may be anybody's.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Output};
use std::time::Duration;

use azure_identity::Executor;

use crate::sys::process::{self, Command, Exit};

/// Where its packages put it.
const AZ: &str = "/usr/bin/az";
/// It starts an interpreter, and may ask for a new token.
const DEADLINE: Duration = Duration::from_secs(30);
/// A token and what is known about it.
const LONGEST: usize = 64 << 10;
/// Where whoever is logged in keeps that.
const KEPT: [&str; 2] = ["HOME", "AZURE_CONFIG_DIR"];

/// What starts it, for the SDK.
#[derive(Debug)]
pub(super) struct Az {
    program: &'static str,
    environment: Vec<(&'static str, String)>,
}

impl Az {
    pub(super) fn new(environment: &dyn Fn(&str) -> Option<String>) -> Self {
        let kept = KEPT.iter().filter_map(|name| Some((*name, environment(name)?)));
        Self { program: AZ, environment: kept.collect() }
    }
}

#[async_trait::async_trait]
impl Executor for Az {
    /// Of the shell's line only what the token is for is taken.
    async fn run(&self, _shell: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
        let scope = args.iter().find_map(|line| scope(line.to_str()?));
        let scope = scope.ok_or_else(|| io::Error::other("it is not said what a token is wanted for"))?;
        let words = ["account", "get-access-token", "-o", "json", "--scope", scope];
        let command = Command::new(self.program).args(words).deadline(DEADLINE).max_output(LONGEST);
        let with = |command: Command, (name, value): &(&str, String)| command.env(*name, value);
        let command = self.environment.iter().fold(command, with);
        let run = tokio::task::spawn_blocking(move || process::run(&command));
        let finished = run.await.map_err(io::Error::other)?.map_err(io::Error::other)?;
        if finished.timed_out || finished.truncated {
            return Err(io::Error::other("it did not end in time, or with an answer that is none"));
        }
        // As `wait` has it: a status above the byte of the signal.
        let status = match finished.status {
            Exit::Code(code) => ExitStatus::from_raw((code & 0xff) << 8),
            Exit::Signal(signal) => ExitStatus::from_raw(signal & 0x7f),
        };
        Ok(Output { status, stdout: finished.stdout, stderr: finished.stderr })
    }
}

/// The address of what the token is for.
fn scope(line: &str) -> Option<&str> {
    let mut words = line.split_ascii_whitespace();
    words.find(|word| *word == "--scope")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/.-_".contains(&byte);
    words.next().filter(|scope| scope.starts_with("https://") && scope.bytes().all(plain))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const LINE: &str =
        "cd /bin && az account get-access-token -o json --scope https://vault.azure.net/.default";

    /// What a program says that stands for the CLI.
    async fn said(script: &str, line: &str) -> io::Result<Output> {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("az");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let program: &'static str = program.display().to_string().leak();
        let environment = vec![("HOME", "/home/anna".to_owned())];
        let (shell, option, line) = (OsStr::new("/bin/sh"), OsStr::new("-c"), OsStr::new(line));
        loop {
            let az = Az { program, environment: environment.clone() };
            match az.run(shell, &[option, line]).await {
                // A child that another test has just forked may still have the script open.
                Err(error) if format!("{error:?}").contains("ExecutableFileBusy") => {
                    tokio::task::yield_now().await;
                }
                other => return other,
            }
        }
    }

    #[tokio::test]
    async fn the_azure_cli_is_started_by_its_own_path_with_fixed_words_and_no_shell() {
        let script = "echo \"$*\"; echo \"$HOME\"; echo \"$PATH\"; echo told >&2; exit 3";
        let output = said(script, LINE).await.unwrap();
        let words = "account get-access-token -o json --scope https://vault.azure.net/.default";
        let path = "/usr/sbin:/usr/bin:/sbin:/bin";
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{words}\n/home/anna\n{path}\n"));
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(3), &b"told\n"[..]));
        // Nothing else of the line is done.
        let more = format!("{LINE} ; touch /tmp/never --tenant x");
        assert_eq!(said("echo \"$#\"", &more).await.unwrap().stdout, b"6\n");
        assert!(said("true", "cd /bin && az account show").await.is_err());
        assert!(said("true", "az --scope $(id)").await.is_err());
        assert!(Az::new(&|name| (name == "PATH").then(|| "/tmp".to_owned())).environment.is_empty());
        assert_eq!(Az::new(&|_name| None).program, "/usr/bin/az");
    }

    #[tokio::test]
    async fn an_azure_cli_that_says_too_much_has_said_nothing() {
        assert!(said("head -c 200000 /dev/zero", LINE).await.is_err());
    }
}
