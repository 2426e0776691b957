//! Plays signal-cli's daemon and the people behind it, for the demo and for tests. Never installed.
//!
//! ```text
//! reeve-signal-stand-in --socket PATH --account +15550001 --own-uuid UUID --person NAME,UUID,FINGERPRINT…
//!                       [--http ADDRESS | --rest-api ADDRESS] [--control PATH] [--interactive | --auto confirm|deny|ignore]
//! ```

mod stand_in;

use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;

use clap::{Parser, ValueEnum};

use stand_in::world::Sent;
use stand_in::{Command, Daemon, Dialect, Person, Say, Web, World};

#[derive(Parser)]
struct Options {
    /// Where the daemon listens.
    #[arg(long)]
    socket: PathBuf,
    /// Where it listens as signal-cli does with --http, too
    #[arg(long, value_name = "ADDRESS", conflicts_with = "rest_api")]
    http: Option<SocketAddr>,
    /// Where it listens as signal-cli-rest-api, too
    #[arg(long, value_name = "ADDRESS")]
    rest_api: Option<SocketAddr>,
    /// Where commands for the people are taken.
    #[arg(long)]
    control: Option<PathBuf>,
    /// The daemon's account.
    #[arg(long)]
    account: String,
    /// The account's ACI.
    #[arg(long)]
    own_uuid: String,
    /// Somebody with a phone.
    #[arg(long = "person", value_name = "NAME,UUID,FINGERPRINT", value_parser = person)]
    people: Vec<Person>,
    /// Shows each message and takes answers from the terminal.
    #[arg(long, conflicts_with = "auto")]
    interactive: bool,
    /// Answers each prompt, knowing only its text.
    #[arg(long, value_enum)]
    auto: Option<Auto>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Auto {
    Confirm,
    Deny,
    Ignore,
}

fn person(text: &str) -> Result<Person, String> {
    let [name, uuid, fingerprint] = text.split(',').collect::<Vec<_>>()[..] else {
        return Err("NAME,UUID,FINGERPRINT is wanted".to_owned());
    };
    Ok(Person { name: name.to_owned(), uuid: uuid.to_owned(), fingerprint: fingerprint.to_owned() })
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    let world = World::new(&options.account, &options.own_uuid, options.people);
    let _daemon = Daemon::listen(&options.socket, &world)?;
    let _control = options.control.map(|path| Daemon::listen_for_commands(&path, &world)).transpose()?;
    let web = [(options.http, Dialect::Daemon), (options.rest_api, Dialect::Rest)];
    let listened = |(address, dialect): (Option<SocketAddr>, Dialect)| {
        address.map(|address| Web::listen(address, dialect, &world))
    };
    let _web = web.into_iter().filter_map(listened).collect::<io::Result<Vec<_>>>()?;
    println!("ready");
    if options.interactive {
        let reader = world.clone();
        thread::spawn(move || read_answers(&reader));
    }
    let mut known = 0;
    loop {
        for sent in world.wait_for_any_after(known) {
            known += 1;
            if options.interactive {
                show(&sent)?;
            }
            if let Some(text) = options.auto.and_then(|auto| vote(auto, &sent.text)) {
                world.command(Command::Say(Box::new(Say {
                    who: sent.to,
                    text: Some(text),
                    ..Say::default()
                })));
            }
        }
    }
}

/// What a person types who does what the last line of a prompt says.
fn vote(auto: Auto, prompt: &str) -> Option<String> {
    let (confirm, deny) = prompt.lines().last()?.split_once("   or   ")?;
    match auto {
        Auto::Confirm => Some(confirm.to_owned()),
        Auto::Deny => Some(deny.to_owned()),
        Auto::Ignore => None,
    }
}

fn show(sent: &Sent) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "\n┌─ {}'s phone", sent.to)?;
    sent.text.lines().try_for_each(|line| writeln!(out, "│ {line}"))?;
    writeln!(out, "└─ answer: {0} CONFIRM …   or as a reply: {0} > confirm   or: {0} ! 👎", sent.to)?;
    out.flush()
}

/// `alice hello` writes, `alice > confirm` replies to her last message, `alice ! 👎` reacts to it.
fn read_answers(world: &World) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let Some((who, said)) = line.trim().split_once(' ') else { continue };
        let newest_prompt = |sent: &Sent| sent.text.contains("   or   ").then_some(sent.timestamp);
        let prompts = world.wait_for_messages(who, 0, std::time::Duration::ZERO);
        let last = prompts.iter().rev().find_map(newest_prompt);
        let (text, emoji, quote) = match (said.strip_prefix('>'), said.strip_prefix('!')) {
            (Some(reply), _) => (Some(reply.trim().to_owned()), None, last),
            (None, Some(emoji)) => (None, Some(emoji.trim().to_owned()), last),
            (None, None) => (Some(said.to_owned()), None, None),
        };
        let say = Say { who: who.to_owned(), text, emoji, quote, ..Say::default() };
        let told = world.command(Command::Say(Box::new(say)));
        if let Some(error) = told.get("error") {
            println!("{error}");
        }
    }
}
