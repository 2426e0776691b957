//! Grants as a taken-over launcher would show them to the real wrapper, through the real sudo: good once, and only as made.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::signature::Ed25519KeyPair;
use reeve::grant::{Grant, RunAs, SigningKey, WrapperName};
use reeve::sys::clock::{Clock, SystemClock};
use reeve::sys::host;

use crate::host::{DIR, exists, records, up, zfs};

/// What the wrapper exits with when it refuses.
const REFUSED: i32 = 125;
/// How the operations of these grants are called, so that the ledger's entries are known.
pub const OPERATION: &str = "op_NOBODYASKEDFORTHIS";

/// The gate's key, as root can have it.
fn key_file() -> PathBuf {
    let copy = PathBuf::from(DIR).join("grant.key");
    std::fs::write(&copy, "").unwrap();
    Command::new("/bin/chmod").args(["0600".as_ref(), copy.as_os_str()]).status().unwrap();
    std::fs::write(&copy, std::fs::read("/var/lib/reeve/grant.key").unwrap()).unwrap();
    copy
}

pub fn grant(argv: &[&str]) -> Grant {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    let in_ten_seconds = SystemClock.boot() + Duration::from_secs(10);
    Grant {
        operation: OPERATION.to_owned(),
        step: 0,
        wrapper: WrapperName::Zfs,
        program: "/usr/sbin/zfs".to_owned(),
        argv: argv.iter().map(|&arg| arg.to_owned()).collect(),
        directory: None,
        run_as: RunAs::Root,
        host: host::machine_id().unwrap(),
        boot: host::boot_id().unwrap(),
        not_after: in_ten_seconds.as_nanos().try_into().unwrap(),
        run_limit_secs: 10,
        nonce: [NEXT.fetch_add(1, Ordering::Relaxed); 16],
    }
}

pub fn sign(grant: &Grant) -> Vec<u8> {
    // The copy of the key is one file, and runs beside each other sign.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    SigningKey::load(&key_file()).unwrap().sign(grant).unwrap().as_bytes().to_vec()
}

/// Signs bytes that no honest gate would make.
fn sign_bytes(message: &[u8]) -> Vec<u8> {
    let text = std::fs::read_to_string(key_file()).unwrap();
    let digits = text.trim();
    let seed: Vec<u8> =
        (0..32).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap()).collect();
    let signature = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap().sign(message);
    [message, signature.as_ref()].concat()
}

/// As the launcher does it.
pub fn show(bytes: &[u8]) -> Output {
    show_to("reeve-zfs", bytes)
}

/// The same to another wrapper.
pub fn show_to(wrapper: &str, bytes: &[u8]) -> Output {
    let wrapper = format!("/usr/local/libexec/reeve/{wrapper}");
    let mut sudo = Command::new("/usr/bin/setpriv")
        .args(["--reuid", "reeve-run", "--regid", "reeve-run", "--init-groups", "--"])
        .args(["/usr/bin/sudo", "-n", "--", &wrapper])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may refuse before it has read everything.
    drop(sudo.stdin.take().unwrap().write_all(bytes));
    sudo.wait_with_output().unwrap()
}

fn is_refused(bytes: &[u8], why: &str) {
    let output = show(bytes);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(
        (output.status.code(), said.contains(why)),
        (Some(REFUSED), true),
        "wanted {why:?}, it said {said:?}"
    );
    assert!(output.stdout.is_empty());
}

#[test]
fn a_grant_is_good_once_and_its_bytes_are_worth_nothing_after() {
    up();
    let bytes = sign(&grant(&["snapshot", "tank/media@granted"]));
    let output = show(&bytes);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(exists("tank/media@granted"));
    zfs(&["destroy", "tank/media@granted"]);
    is_refused(&bytes, "the grant has been spent");
    let mut same_nonce = grant(&["snapshot", "tank/media@granted"]);
    same_nonce.nonce = bytes[bytes.len() - 80..bytes.len() - 64].try_into().unwrap();
    is_refused(&sign(&same_nonce), "the grant has been spent");
    assert!(!exists("tank/media@granted"));
}

#[test]
fn a_grant_of_another_time_boot_or_host_is_refused() {
    up();
    let of = |alter: fn(&mut Grant)| {
        let mut grant = grant(&["snapshot", "tank/media@smuggled"]);
        alter(&mut grant);
        sign(&grant)
    };
    is_refused(&of(|grant| grant.not_after -= 11_000_000_000), "the grant has expired");
    is_refused(&of(|grant| grant.not_after += 300_000_000_000), "would be good for more than 60 seconds");
    is_refused(
        &of(|grant| grant.boot = "00000000-0000-4000-8000-000000000000".to_owned()),
        "from before the last boot",
    );
    is_refused(&of(|grant| grant.host = "f".repeat(32)), "for another host");
    assert!(!exists("tank/media@smuggled"));
}

#[test]
fn a_grant_altered_by_a_bit_cut_short_or_with_a_byte_more_is_refused() {
    up();
    let good = sign(&grant(&["snapshot", "tank/media@smuggled"]));
    for at in [0, 20, good.len() / 2, good.len() - 65, good.len() - 1] {
        let mut altered = good.clone();
        altered[at] ^= 1;
        is_refused(&altered, "the signature is not the gate's");
    }
    is_refused(&[&good[..], b"\n"].concat(), "the signature is not the gate's");
    is_refused(&good[..good.len() - 1], "the signature is not the gate's");
    is_refused(b"", "not a grant");
    is_refused(&vec![b'x'; 70_000], "not a grant");
    // Even the gate's own signature makes no grant of these.
    let message = &good[..good.len() - 64];
    is_refused(&sign_bytes(&[message, b"\0"].concat()), "bytes after its end");
    let mut for_another = message.to_vec();
    let wrapper = "reeve grant v2\n".len() + 2 + OPERATION.len() + 2;
    assert_eq!(for_another[wrapper], WrapperName::Zfs.code());
    for_another[wrapper] = WrapperName::Git.code();
    is_refused(&sign_bytes(&for_another), "the grant is for another wrapper");
    for_another[wrapper] = 200;
    is_refused(&sign_bytes(&for_another), "not a grant");
    assert!(!exists("tank/media@smuggled"));
}

#[test]
fn what_the_table_of_the_wrapper_does_not_have_is_refused_although_it_is_signed() {
    up();
    zfs(&["snapshot", "tank/media@guarded"]);
    for argv in [
        &["destroy", "-r", "tank/media"][..],
        &["destroy", "-f", "tank/media@guarded"],
        &["destroy", "tank/media@guarded%"],
        &["set", "mountpoint=/etc", "tank/media"],
        &["set", "exec=on", "tank/media"],
        &["allow", "archivist", "destroy", "tank/media"],
        &["unmount", "tank/media"],
        &["send", "tank/media@guarded"],
        &["snapshot", "tank/media@a", "-r"],
    ] {
        is_refused(&sign(&grant(argv)), "is not in the table");
    }
    let mut shell = grant(&["-c", "id"]);
    shell.program = "/bin/sh".to_owned();
    is_refused(&sign(&shell), "the program is not in the table");
    assert!(exists("tank/media@guarded"));
}

#[test]
fn a_grant_cannot_name_root_or_a_user_of_the_base_system_to_run_as() {
    up();
    for (user, why) in [
        ("root", "no grant may name this user"),
        ("daemon", "no grant may name this user"),
        ("nobody-of-this-name", "the host has no such user"),
    ] {
        let mut smuggled = grant(&["snapshot", "tank/media@smuggled"]);
        smuggled.run_as = RunAs::User(user.to_owned());
        is_refused(&sign(&smuggled), why);
    }
    assert!(!exists("tank/media@smuggled"));
    assert!(
        records().iter().all(|record| record["operation"] != OPERATION),
        "the gate never made one of these"
    );
}
