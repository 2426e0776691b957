//! What people would use instead: nginx for TLS, a warm ssh with sudo for commands.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::load::Client;
use crate::processes::{Place, Server, program, run};
use crate::reeve::pki;

const NGINX_PORT: u16 = 18444;
const BARE_PORT: u16 = 18445;
const SSH_PORT: u16 = 18422;
const SSH: &str = "/run/bench-ssh";

/// nginx with client certificates, the same revocation list, and an answer from memory.
pub(crate) fn nginx(place: Place) -> (Server, Client) {
    let file = "/run/bench-nginx.conf";
    fs::write(file, nginx_configuration()).unwrap();
    let mut command = program(place, "/usr/sbin/nginx");
    command.args(["-c", file, "-e", "stderr"]);
    (Server::start(&mut command), Client::new(NGINX_PORT, &pki()))
}

fn nginx_configuration() -> String {
    let pki = pki();
    let pki = pki.display();
    format!(
        "daemon off; user root; worker_processes 1; pid /run/bench-nginx.pid; error_log stderr crit;
         events {{ worker_connections 4096; }}
         http {{
           access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; default_type application/json;
           server {{
             listen 127.0.0.1:{NGINX_PORT} ssl backlog=1024;
             ssl_protocols TLSv1.3; ssl_session_tickets off; ssl_session_cache off;
             ssl_certificate {pki}/server/host01.crt; ssl_certificate_key {pki}/server/host01.key;
             ssl_verify_client on; ssl_client_certificate {pki}/ca.crt; ssl_crl /etc/reeve/tls/ca.crl;
             location / {{
               return 200 '{{\"approvals\":\"none\",\"audit\":true,\"host\":\"host01\",\"status\":\"ok\",\"sudoers_warnings\":null,\"version\":\"0\"}}';
             }}
           }}
         }}"
    )
}

/// The bare server of [`crate::bare`], in a process of its own.
pub(crate) fn bare(place: Place) -> (Server, Client) {
    let own = std::env::current_exe().unwrap();
    let mut command = program(place, own.to_str().unwrap());
    command.arg("bare").arg(BARE_PORT.to_string()).arg(pki());
    (Server::start(&mut command), Client::new(BARE_PORT, &pki()))
}

/// An ssh daemon, and a connection to it that stays open, as a person who works a lot would have it.
pub(crate) struct Ssh(Server);

impl Ssh {
    pub(crate) fn up() -> Self {
        let home = format!("{SSH}/home");
        fs::create_dir_all("/run/sshd").unwrap();
        fs::create_dir_all(SSH).unwrap();
        fs::set_permissions(SSH, fs::Permissions::from_mode(0o755)).unwrap();
        run(Command::new("useradd")
            .args(["--create-home", "--shell", "/bin/bash", "--home-dir"])
            .args([&home, "storage"]));
        fs::write("/etc/sudoers.d/bench", "storage ALL=(root) NOPASSWD: /usr/sbin/zfs\n").unwrap();
        fs::set_permissions("/etc/sudoers.d/bench", fs::Permissions::from_mode(0o440)).unwrap();
        for name in ["host", "user"] {
            run(Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(format!("{SSH}/{name}")));
        }
        fs::copy(format!("{SSH}/user.pub"), format!("{SSH}/authorized")).unwrap();
        fs::write(format!("{SSH}/sshd_config"), sshd_configuration()).unwrap();
        let mut daemon = Command::new("/usr/sbin/sshd");
        // It tells of each connection that says nothing, and `until_open` makes some.
        daemon.args(["-D", "-e", "-f"]).arg(format!("{SSH}/sshd_config")).stderr(Stdio::null());
        let daemon = Server::start(&mut daemon);
        until_open(SSH_PORT);
        let ssh = Self(daemon);
        run(ssh
            .client()
            .args(["-o", "ControlMaster=yes", "-f", "-N", "storage@127.0.0.1"])
            .stderr(Stdio::null()));
        ssh
    }

    /// `sudo zfs …` over the open connection.
    pub(crate) fn sudo_zfs(&self, arguments: &[&str]) -> Command {
        assert!(!self.0.processes().is_empty());
        let mut command = self.client();
        command.args(["storage@127.0.0.1", "sudo", "-n", "/usr/sbin/zfs"]).args(arguments);
        command
    }

    fn client(&self) -> Command {
        let mut command = Command::new("/usr/bin/ssh");
        command.args(["-F", "/dev/null", "-p", &SSH_PORT.to_string(), "-i", &format!("{SSH}/user")]);
        command.args(["-o", "StrictHostKeyChecking=no", "-o", &format!("UserKnownHostsFile={SSH}/known")]);
        command.args([
            "-o",
            "BatchMode=yes",
            "-o",
            "LogLevel=ERROR",
            "-o",
            &format!("ControlPath={SSH}/control"),
        ]);
        command
    }
}

fn sshd_configuration() -> String {
    format!(
        "Port {SSH_PORT}\nListenAddress 127.0.0.1\nHostKey {SSH}/host\nAuthorizedKeysFile {SSH}/authorized\n\
         StrictModes no\nUsePAM yes\nPasswordAuthentication no\nLogLevel ERROR\nPidFile {SSH}/sshd.pid\n"
    )
}

fn until_open(port: u16) {
    for _ in 0..500 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("nothing listens on port {port}");
}

/// Where the `reeve` command is, and how it is told of the host.
pub(crate) fn one_shot_list() -> Command {
    let pki = pki();
    let file = |name: &str| Path::new(&pki).join(name);
    let mut command = Command::new("/usr/local/bin/reeve");
    command
        .args(["op", "zfs", "list", "tank/media", "--url", "https://localhost:18443", "--ca"])
        .arg(file("ca.crt"));
    command.arg("--cert").arg(file("agent/librarian.crt")).arg("--key").arg(file("agent/librarian.key"));
    command
}
