//! Remotes on the loopback: git's daemon, git's HTTP backend behind a small server, and an SSH server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::super::bench::GIT;

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn until_open(port: u16) {
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing listens on {port}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// `git daemon` for every repository below a folder.
pub struct Daemon {
    child: Child,
    port: u16,
}

impl Daemon {
    pub fn start(folder: &Path) -> Self {
        let port = free_port();
        let child = Command::new("/usr/lib/git-core/git-daemon")
            .args(["--reuseaddr", "--export-all", "--listen=127.0.0.1", &format!("--port={port}")])
            .arg(format!("--base-path={}", folder.display()))
            .env("HOME", folder)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until_open(port);
        Self { child, port }
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// `git http-backend` behind a server that understands as much of HTTP as git speaks.
pub struct Http {
    port: u16,
    asked: Arc<AtomicUsize>,
}

#[derive(Clone)]
enum Answers {
    Backend { folder: PathBuf, basic: Option<String> },
    Redirect(String),
}

impl Http {
    /// Serves every repository below a folder, to those who show `user:password` where that is given.
    pub fn start(folder: &Path, password: Option<&str>) -> Self {
        Self::serve(Answers::Backend { folder: folder.to_owned(), basic: password.map(basic) })
    }

    /// Sends everybody elsewhere.
    pub fn redirecting(to: &str) -> Self {
        Self::serve(Answers::Redirect(to.to_owned()))
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many requests came.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn serve(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        // Ends with the test's process.
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let answers = answers.clone();
                std::thread::spawn(move || answer(connection, &answers));
            }
        });
        Self { port, asked }
    }
}

/// One request on each connection.
fn answer(mut connection: TcpStream, answers: &Answers) -> Option<()> {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let (folder, basic) = match answers {
        Answers::Redirect(to) => {
            let head = format!(
                "HTTP/1.1 302 Found\r\nLocation: {to}{target}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            return connection.write_all(head.as_bytes()).ok();
        }
        Answers::Backend { folder, basic } => (folder, basic),
    };
    if basic.is_some() && header("authorization") != *basic {
        let head = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return connection.write_all(head.as_bytes()).ok();
    }
    let mut backend = Command::new(GIT);
    backend.arg("http-backend").env_clear().env("PATH", "/usr/bin:/bin").env("HOME", folder);
    backend.env("GIT_PROJECT_ROOT", folder).env("GIT_HTTP_EXPORT_ALL", "1").env("PATH_INFO", path);
    backend
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", &method)
        .env("CONTENT_LENGTH", length.to_string());
    for (name, variable) in [
        ("content-type", "CONTENT_TYPE"),
        ("git-protocol", "GIT_PROTOCOL"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
    ] {
        backend.env(variable, header(name).unwrap_or_default());
    }
    let mut child =
        backend.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // What the backend does not read it does not need.
    let _ = child.stdin.take().unwrap().write_all(&body);
    let output = child.wait_with_output().unwrap().stdout;
    let end = output.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK").to_owned();
    let rest = &output[end + 4..];
    let head =
        format!("HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", rest.len());
    connection.write_all(head.as_bytes()).ok()?;
    connection.write_all(rest).ok()
}

/// `Basic dXNlcjpwYXNz`, without a library for one line.
fn basic(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::from("Basic ");
    for chunk in text.as_bytes().chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[usize::try_from((bits >> (18 - 6 * place)) & 63).unwrap()];
            out.push(if place > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    out
}

/// An SSH server for this process's own user, with a key of its own.
pub struct Ssh {
    child: Child,
    port: u16,
    folder: PathBuf,
}

impl Ssh {
    pub fn start(folder: &Path) -> Self {
        std::fs::create_dir(folder).unwrap();
        for key in ["host", "agent"] {
            let made = Command::new("/usr/bin/ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(folder.join(key))
                .status()
                .unwrap();
            assert!(made.success());
        }
        let port = free_port();
        let host = std::fs::read_to_string(folder.join("host.pub")).unwrap();
        std::fs::write(folder.join("known_hosts"), format!("[127.0.0.1]:{port} {host}")).unwrap();
        std::fs::copy(folder.join("agent.pub"), folder.join("authorized_keys")).unwrap();
        let configuration = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {0}/host\nAuthorizedKeysFile {0}/authorized_keys\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nPidFile none\nPermitRootLogin prohibit-password\n",
            folder.display()
        );
        std::fs::write(folder.join("sshd_config"), configuration).unwrap();
        // sshd wants a folder of its own that only root can have made.
        if nix::unistd::geteuid().is_root() {
            std::fs::create_dir_all("/run/sshd").unwrap();
        }
        let child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(folder.join("sshd_config"))
            .stderr(std::fs::File::create(folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        until_open(port);
        Self { child, port, folder: folder.to_owned() }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn user(&self) -> String {
        nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name
    }

    pub fn key(&self) -> String {
        self.folder.join("agent").display().to_string()
    }

    pub fn known_hosts(&self) -> String {
        self.folder.join("known_hosts").display().to_string()
    }
}

impl Drop for Ssh {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
