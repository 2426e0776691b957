//! `reeve pki`: the CA from the shell.

mod show;

use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};

use super::exit::{Exit, Failure};
use super::screen::Screen;
use crate::pki::{
    Ca, DnsName, KeySource, LeafName, Profile, Reason, RenewedKey, Request, Selector, TrustDomain,
    default_days,
};
use crate::sys::clock::Clock;
use crate::sys::random;

const EXAMPLES: &str = "\
Examples:
  reeve pki init                                              a CA in ./pki
  reeve pki issue server host01 --dns host01.example          for the host
  reeve pki issue agent librarian --trust-domain reeve.example
  reeve pki show                                              what there is, and until when
  reeve pki revoke librarian --reason key-compromise          then copy ca.crl to the hosts

The CA's directory need not be on a host that Reeve runs, and is better on none of them: whoever
has ca.key can make any certificate. Hosts get ca.crt, ca.crl and their own certificate and key;
agents get ca.crt and their own two.";

/// Make and look after certificates for hosts and agents
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct PkiArgs {
    /// The CA's directory [default: ./pki, or /etc/reeve-ca where that is and ./pki is not]
    #[arg(
        long,
        global = true,
        display_order = 900,
        value_name = "DIR",
        env = "REEVE_PKI_DIR",
        hide_env_values = true
    )]
    dir: Option<PathBuf>,

    #[command(subcommand)]
    command: PkiCommand,
}

#[derive(Debug, Subcommand)]
enum PkiCommand {
    Init(InitArgs),
    Issue(IssueArgs),
    Renew(RenewArgs),
    Revoke(RevokeArgs),
    Crl(CrlArgs),
    Show(ShowArgs),
}

/// Make a CA: its key, its certificate and an empty revocation list
#[derive(Debug, Args)]
#[command(
    after_help = "An existing CA is never overwritten.\n\nExample:\n  reeve pki init --dir /etc/reeve-ca --name \"Example Ltd hosts\""
)]
struct InitArgs {
    /// What the CA is called in certificates [default: "Reeve CA" and six random digits]
    #[arg(long)]
    name: Option<String>,
    /// For how many days, 1 to 7300
    #[arg(long, default_value_t = 3650)]
    days: u16,
}

/// Issue a certificate, with a key made here or for a signing request
#[derive(Debug, Args)]
struct IssueArgs {
    #[command(subcommand)]
    role: IssueRole,
}

#[derive(Debug, Subcommand)]
enum IssueRole {
    Server(ServerArgs),
    Agent(AgentArgs),
}

/// For a host: it may answer, not call
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  reeve pki issue server host01 --dns host01.example --ip 192.0.2.7
  reeve pki issue server host01.example                       its name is its DNS name")]
struct ServerArgs {
    /// What the certificate is called: the common name and the file
    name: LeafName,
    /// A name that callers use, more than once if need be [default: NAME]
    #[arg(long, value_name = "NAME")]
    dns: Vec<DnsName>,
    /// An address that callers use
    #[arg(long, value_name = "ADDRESS")]
    ip: Vec<IpAddr>,
    #[command(flatten)]
    common: CommonArgs,
}

/// For an agent, a person or a collector: it may call, not answer
#[derive(Debug, Args)]
#[command(after_help = "\
The host knows an agent by its URI, spiffe://TRUST-DOMAIN/agent/NAME.

Examples:
  reeve pki issue agent librarian --trust-domain reeve.example
  reeve pki issue agent librarian --trust-domain reeve.example --csr librarian.csr

With --csr the key stays where it was made. Of the request only that key is taken: the names are
those given here, whatever it asks for.")]
struct AgentArgs {
    /// The agent's name
    name: LeafName,
    /// Whose agents these are
    #[arg(long, env = "REEVE_TRUST_DOMAIN", hide_env_values = true)]
    trust_domain: TrustDomain,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, Args)]
struct CommonArgs {
    /// For how many days, 1 to 825 [default: 365 for a server, 90 for an agent]
    #[arg(long)]
    days: Option<u16>,
    /// Sign this request instead of making a key; `-` reads it from standard input
    #[arg(long, value_name = "FILE")]
    csr: Option<PathBuf>,
}

/// Issue the successor of a certificate: same names, new serial, new key
#[derive(Debug, Args)]
#[command(
    after_help = "The old certificate stays valid until it ends or is revoked.\n\nExample:\n  reeve pki renew librarian --days 90"
)]
struct RenewArgs {
    /// A name, a serial, or a certificate's file
    which: String,
    /// For how many days, 1 to 825 [default: 365 for a server, 90 for an agent]
    #[arg(long)]
    days: Option<u16>,
    /// Keep the key: for keys that were made elsewhere
    #[arg(long)]
    keep_key: bool,
}

/// Take certificates back, and write the list that says so
#[derive(Debug, Args)]
#[command(after_help = "\
A name stands for every certificate that it has in force. Hosts know of it once they have the new
ca.crl.

Examples:
  reeve pki revoke librarian --reason key-compromise
  reeve pki revoke 40f3a91c5e0b7d2288aa10c3f4e95b67 --reason superseded")]
struct RevokeArgs {
    /// A name, a serial, or a certificate's file
    which: String,
    /// Why
    #[arg(long, value_enum, default_value_t = ReasonArg::Unspecified)]
    reason: ReasonArg,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ReasonArg {
    Unspecified,
    KeyCompromise,
    AffiliationChanged,
    Superseded,
    CessationOfOperation,
    PrivilegeWithdrawn,
}

/// Write a fresh revocation list
#[derive(Debug, Args)]
#[command(after_help = "\
A host whose list has ended lets nobody in, so write one before that, from a timer:
  reeve pki crl --days 30 && scp pki/ca.crl host01:/etc/reeve/tls/")]
struct CrlArgs {
    /// For how many days, 1 to 365
    #[arg(long, default_value_t = 30)]
    days: u16,
}

/// Show the CA and what it issued
#[derive(Debug, Args)]
struct ShowArgs {
    /// Only this name
    name: Option<LeafName>,
}

/// Runs `reeve pki …`.
pub(super) fn run(args: &PkiArgs, screen: Screen, clock: Arc<dyn Clock>) -> Result<Exit, Failure> {
    let dir = args.dir.clone().unwrap_or_else(default_dir);
    if let PkiCommand::Init(init) = &args.command {
        let name = init.name.clone().map_or_else(a_name, Ok)?;
        let ca = Ca::init(&dir, &name, init.days, clock)?;
        return show::new(&ca, screen);
    }
    let ca = Ca::open(&dir, Arc::clone(&clock))?;
    match &args.command {
        // Done above, where there is no CA yet.
        PkiCommand::Init(_) => Ok(Exit::Done),
        PkiCommand::Issue(issue) => show::issued(&ca.issue(&request(issue)?)?, screen),
        PkiCommand::Renew(renew) => {
            let key = if renew.keep_key { RenewedKey::Kept } else { RenewedKey::New };
            let which = Selector::from_argument(&renew.which)?;
            show::issued(&ca.renew(&which, renew.days, key)?, screen)
        }
        PkiCommand::Revoke(revoke) => {
            let (revoked, crl) = ca.revoke(&Selector::from_argument(&revoke.which)?, revoke.reason.into())?;
            show::revoked(&revoked, &crl, screen)
        }
        PkiCommand::Crl(crl) => {
            let crl = ca.crl(crl.days)?;
            show::crl(&crl, screen)
        }
        PkiCommand::Show(show) => show::all(&ca, show.name.as_ref(), screen, clock.as_ref()),
    }
}

/// A name that no other CA has: certificates and lists are matched by it before any signature is.
fn a_name() -> Result<String, Failure> {
    let mut digits = [0; 3];
    random::fill(&mut digits)?;
    let digits: String = digits.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("Reeve CA {digits}"))
}

fn default_dir() -> PathBuf {
    let (here, system) = (Path::new("pki"), Path::new("/etc/reeve-ca"));
    if !here.exists() && system.exists() { system.to_owned() } else { here.to_owned() }
}

fn request(args: &IssueArgs) -> Result<Request, Failure> {
    let (name, profile, common) = match &args.role {
        IssueRole::Server(server) => {
            let profile = Profile::Server { dns: server.dns.clone(), ips: server.ip.clone() };
            (&server.name, profile, &server.common)
        }
        IssueRole::Agent(agent) => {
            (&agent.name, Profile::Agent { trust_domain: agent.trust_domain.clone() }, &agent.common)
        }
    };
    let days = common.days.unwrap_or(default_days(profile.role()));
    let key = common.csr.as_deref().map_or(Ok(KeySource::New), |path| read_csr(path).map(KeySource::Csr))?;
    Ok(Request { name: name.clone(), profile, days, key })
}

/// A request is some hundred bytes; what is much longer is something else.
const MAX_CSR: u64 = 64 << 10;

fn read_csr(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(MAX_CSR).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_CSR).read_to_string(&mut text))
    };
    match read {
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::new(Exit::Usage, format!("{}: {error}", path.display()))
            .hint("--csr wants a signing request in PEM, as `openssl req -new` writes it")),
    }
}

impl From<ReasonArg> for Reason {
    fn from(reason: ReasonArg) -> Self {
        match reason {
            ReasonArg::Unspecified => Self::Unspecified,
            ReasonArg::KeyCompromise => Self::KeyCompromise,
            ReasonArg::AffiliationChanged => Self::AffiliationChanged,
            ReasonArg::Superseded => Self::Superseded,
            ReasonArg::CessationOfOperation => Self::CessationOfOperation,
            ReasonArg::PrivilegeWithdrawn => Self::PrivilegeWithdrawn,
        }
    }
}
