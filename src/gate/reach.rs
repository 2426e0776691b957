//! How far one operation reaches into the host: what the gate may read itself it reads itself, and for the rest each
//! reading command gets a grant of its own, for the user that the caller's contract says.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::runtime::Handle;

use super::Gate;
use super::hosts::bounded;
use super::launch::{Launch, reading_limit};
use crate::adapter::{
    Argv, FolderError, Host, HostError, ListingForm, PinnedFile, Reads, Settings, SystemHost, ToolOutput,
};
use crate::audit::{Event, EventKind};
use crate::grant::{RunAs, WrapperName};
use crate::job::{Job, State};
use crate::launcher::client::{Cancellation, run, run_timed};
use crate::operation::secret::Secrets;
use crate::policy::Contract;
use crate::principal::PrincipalName;
use crate::sandbox::egress::Lists;
use crate::sys::process::{Exit, Stream};
use crate::trace::Context;
use crate::wrapper::REFUSED;

/// The host as one operation's adapter sees it. To be used from a thread that may block.
pub(super) struct Reach {
    gate: Arc<Gate>,
    host: Arc<SystemHost>,
    operation: String,
    principal: PrincipalName,
    run_id: Option<String>,
    run_as: RunAs,
    secrets: Secrets,
    trace: Option<Context>,
    runtime: Handle,
}

/// How far back the calls of one run are counted.
const RUN_MS: u64 = 24 * 60 * 60 * 1000;

impl Gate {
    /// The host as this operation's adapter sees it.
    pub(super) fn reach(self: &Arc<Self>, job: &Job) -> Reach {
        let run_as = self.rules.load().run_as(&job.principal, &job.submission);
        // An operation that is looked into after its contract has gone still belongs to the user that it ran as.
        let run_as = run_as.or_else(|| job.run_as.clone().map(RunAs::User)).unwrap_or(RunAs::Root);
        Reach {
            gate: Arc::clone(self),
            host: self.host.load_full(),
            operation: job.id.clone(),
            principal: job.principal.clone(),
            run_id: job.submission.run_id.clone(),
            run_as,
            secrets: job.submission.operation.secrets(),
            trace: job.trace.map(|place| place.here),
            runtime: Handle::current(),
        }
    }
}

impl Reach {
    fn granted(&self, argv: &Argv, wrapper: WrapperName) -> Result<ToolOutput, HostError> {
        let program = argv.program;
        let not_run = |why: &str| HostError::NotRun { program, source: why.into() };
        let limit = reading_limit(argv);
        let launch = Launch { wrapper, argv, run_as: &self.run_as, limit };
        let signed =
            self.gate.sign(&self.operation, 0, &launch).map_err(|problem| not_run(&problem.detail))?;
        let digest: String = signed.digest().iter().map(|byte| format!("{byte:02x}")).collect();
        let event = Event::new(EventKind::GrantSigned)
            .principal(self.principal.as_str())
            .operation(&self.operation)
            .with("read", json!(true))
            .with("argv", self.secrets.hidden_in(&argv.to_string()))
            .with("grant", format!("sha256:{digest}"))
            .with("nonce", signed.nonce());
        let event = match self.trace {
            Some(context) => event.with("trace", context.trace.to_string()),
            None => event,
        };
        self.runtime
            .block_on(self.gate.record(event))
            .map_err(|_unrecorded| not_run("the audit log takes no record"))?;
        let request = self.gate.request(&launch, signed);
        let socket = &self.gate.launcher.settings.socket;
        let never = Cancellation::default();
        let work = self.gate.traces.work(self.trace, "launch");
        let nowhere = &mut |_stream: Stream, _bytes: &[u8]| {};
        let run = if work.is_kept() {
            run_timed(socket, &request, &never, nowhere)
        } else {
            run(socket, &request, &never, nowhere).map(|finished| (finished, None))
        };
        let (finished, times) =
            run.map_err(|error| HostError::NotRun { program, source: Box::new(error) })?;
        self.gate.trace_launched(&work, wrapper, times);
        if finished.truncated {
            return Err(HostError::TooMuchOutput { program, bytes: request.max_output });
        }
        match finished.status {
            Exit::Code(code) if code == i32::from(REFUSED) => {
                let said = String::from_utf8_lossy(&finished.stderr).into_owned();
                tracing::error!(operation = self.operation, said, "a wrapper refused to read");
                Err(HostError::Refused { program, said })
            }
            Exit::Code(exit_code) => {
                Ok(ToolOutput { exit_code, stdout: finished.stdout, stderr: finished.stderr })
            }
            Exit::Signal(signal) if signal == nix::libc::SIGALRM || finished.timed_out => {
                Err(HostError::TimedOut { program, after: Duration::from_secs(limit.into()) })
            }
            Exit::Signal(signal) => Err(HostError::Killed { program, signal }),
        }
    }
}

impl Host for Reach {
    fn read(&self, argv: &Argv) -> Result<ToolOutput, HostError> {
        match argv.program.reads() {
            Reads::Directly => self.host.read(argv),
            Reads::ByWrapper(wrapper) => self.granted(argv, wrapper),
        }
    }

    fn settings(&self) -> &Settings {
        self.host.settings()
    }

    fn caller(&self) -> Option<&str> {
        Some(self.principal.as_str())
    }

    /// By the order in which they were asked for, so that of two that plan at one time one is the first.
    fn calls_in_run(&self, tool: &str) -> Option<u64> {
        let run_id = self.run_id.as_ref()?;
        let counts = |other: &Job| {
            other.principal == self.principal
                && other.submission.run_id.as_ref() == Some(run_id)
                && other.id < self.operation
                && other.submission.operation.kind() == "tool"
                && other.submission.operation.resource() == tool
                && !matches!(
                    other.state,
                    State::Denied | State::Refused | State::Expired | State::Cancelled | State::Superseded
                )
        };
        let since = self.gate.now_ms().saturating_sub(RUN_MS);
        // A store that cannot be read has counted everything.
        let count = self.gate.store.since(since).map(|jobs| jobs.iter().filter(|job| counts(job)).count());
        Some(count.map_or(u64::MAX, |count| u64::try_from(count).unwrap_or(u64::MAX)))
    }

    fn bounded(&self, lists: Lists) -> Result<Lists, String> {
        let rules = self.gate.rules.load();
        let contract = rules.contracts.get(&self.principal);
        let never = rules.lists.never_for_tools().map_err(|name| {
            format!("the list of domains {name}, which no tool may reach, has never been readable")
        })?;
        bounded(lists, contract.map(Contract::domains).unwrap_or_default(), &never)
    }

    fn folder(&self, path: &str) -> Result<Vec<PinnedFile>, FolderError> {
        self.host.folder(path)
    }

    fn listing_form(&self) -> Option<&std::sync::OnceLock<ListingForm>> {
        self.host.listing_form()
    }
}
