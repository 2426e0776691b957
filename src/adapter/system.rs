//! The real host: read-only tools, started by absolute path with a deadline and bounded output.

use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use super::{Argv, Host, HostError, ListingForm, Settings, ToolOutput};
use crate::sys::process::{Command, Exit, ProcessError, run};

/// How long a tool may read the host.
const DEADLINE: Duration = Duration::from_secs(10);
/// How much a tool may print: some ten thousand snapshots.
const MAX_OUTPUT: usize = 8 << 20;

/// The host that this process runs on, read as this process's own user.
#[derive(Debug, Default)]
pub struct SystemHost {
    form: OnceLock<ListingForm>,
    settings: Settings,
}

impl SystemHost {
    /// The host, nothing of which is read yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }
}

impl Host for SystemHost {
    fn read(&self, argv: &Argv) -> Result<ToolOutput, HostError> {
        let program = argv.program;
        let after = argv.limit.unwrap_or(DEADLINE);
        let command = Command::new(program.path()).args(&argv.args).deadline(after).max_output(MAX_OUTPUT);
        let finished = run(&command).map_err(|error| match error {
            ProcessError::Start { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                HostError::Missing { program }
            }
            other @ (ProcessError::NotAbsolute(_)
            | ProcessError::Start { .. }
            | ProcessError::Watch { .. }
            | ProcessError::StillRunning { .. }) => HostError::NotRun { program, source: Box::new(other) },
        })?;
        if finished.timed_out {
            return Err(HostError::TimedOut { program, after });
        }
        if finished.truncated {
            return Err(HostError::TooMuchOutput { program, bytes: MAX_OUTPUT });
        }
        match finished.status {
            Exit::Code(exit_code) => {
                Ok(ToolOutput { exit_code, stdout: finished.stdout, stderr: finished.stderr })
            }
            Exit::Signal(signal) => Err(HostError::Killed { program, signal }),
        }
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn listing_form(&self) -> Option<&OnceLock<ListingForm>> {
        Some(&self.form)
    }
}
