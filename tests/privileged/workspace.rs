//! The real wrapper on a workspace that stays: what is protected there is looked at from outside, before a run and after it.

use reeve::sandbox::{Confinement, Tier};

use super::tool::Tools;

/// A workspace that stays, and `again NAME`, which shows the wrapper that grant, leaves the workspace as it is, and tells how the
/// tool ended or why it did not begin.
const KEPT: &str = r#"
W=/var/lib/reeve-tools/named/faults
install -d -m 0700 -o reeve-tool -g reeve-tools "$W"
tools() { setpriv --reuid reeve-tool --regid reeve-tools --clear-groups -- "$@"; }
again() {
  set +e
  /usr/local/libexec/reeve/reeve-tool <"$TEST/$1" >"$TEST/out" 2>"$TEST/err"
  set -e
  echo "$1: $(sed -n 's/^end \([a-z]* [a-z0-9_]*\) .*/\1/p' "$TEST/out")$(grep -o 'cannot be enforced here: .*' "$TEST/err" || :)"
}
"#;

fn shell() -> String {
    std::fs::canonicalize("/bin/sh").unwrap().display().to_string()
}

fn grant(tools: &Tools, (name, code): (&str, &str), change: impl FnOnce(&mut Confinement)) {
    tools.grant_of(name, (&shell(), &["-c", code]), |confinement| {
        confinement.tier = Tier::C;
        change(confinement);
    });
}

fn protecting(tools: &Tools, case: (&str, &str), protected: &[&str]) {
    grant(tools, case, |confinement| {
        confinement.protected = protected.iter().map(|&one| one.to_owned()).collect();
    });
}

#[test]
fn what_is_protected_stays_where_it_is_whatever_is_done_to_the_directories_above_it() {
    let tools = Tools::new("protected");
    let moves = "! mv ci old && ! mv vendor v && ! mv vendor/x vendor/y && ! rm -r vendor && ! (echo EVIL >ci/release.sh) \
        && ! mkdir vendor/x/.git/hooks && echo x >ci/other && mkdir vendor/x/own && mv vendor/x/own vendor/x/mine \
        && cp /usr/bin/true ci/code && ! /lib64/ld-linux-*.so.* ci/code && /lib64/ld-linux-*.so.* /usr/bin/true";
    let protected = [".git", "ci/release.sh"];
    protecting(&tools, ("moves", moves), &protected);
    protecting(&tools, ("linked", "true"), &protected);
    protecting(&tools, ("unlinked", "true"), &protected);
    // The control: the same without it.
    protecting(&tools, ("free", "mv ci old && mv vendor v && mkdir ci && echo EVIL >ci/release.sh"), &[]);
    let script = r#"
tools mkdir -p "$W/ci" "$W/vendor/x/.git"; tools cp /dev/null "$W/ci/release.sh"
look() { stat -c %i "$W" "$W/ci" "$W/ci/release.sh" "$W/vendor/x/.git" | tr '\n' ' '; cat "$W/ci/release.sh"; }
before=$(look)
again moves
[ "$before" != "$(look)" ] || echo same
tools ln "$W/ci/release.sh" "$W/other"; again linked; rm "$W/other"; again unlinked
again free; cat "$W/ci/release.sh"
"#;
    let (out, err) = tools.said(&format!("{KEPT}{script}"));
    let linked = "linked: cannot be enforced here: ci/release.sh: is a file with more names than this, and could be written by another";
    assert_eq!(
        out.lines().collect::<Vec<_>>(),
        ["moves: exit 0", "same", linked, "unlinked: exit 0", "free: exit 0", "EVIL"],
        "{err}"
    );
}

#[test]
fn a_run_that_ends_before_its_first_workspace_is_its_users_keeps_no_later_one_out() {
    let tools = Tools::new("first");
    for name in ["stopped", "again", "many-1", "many-2", "many-3", "many-4"] {
        grant(&tools, (name, "true"), |_| {});
    }
    // The first is stopped between making the directory and giving it away. Then several begin at once.
    let script = r#"
rm -r "$W"
set +e
/usr/bin/python3 "$TEST/without.py" @CHOWN@ 1 /usr/local/libexec/reeve/reeve-tool <"$TEST/stopped" >"$TEST/out" 2>"$TEST/err"
echo "stopped: $? $(cat "$TEST/err")"
set -e
again again; stat -c '%U %a' "$W"; ls -A /var/lib/reeve-tools/named
rm -r "$W"
once() { /usr/local/libexec/reeve/reeve-tool <"$TEST/$1" >"$TEST/out-$1" 2>&1 || :; grep -o '^end exit 0' "$TEST/out-$1" || cat "$TEST/out-$1"; }
for name in many-1 many-2 many-3 many-4; do once $name & done; wait
"#;
    // Newer architectures have the one with a directory alone.
    let chown = if cfg!(target_arch = "x86_64") { 92 } else { libc::SYS_fchownat };
    let script = script.replace("@CHOWN@", &chown.to_string());
    let (out, err) = tools.said(&format!("{KEPT}{script}"));
    let lines: Vec<&str> = out.lines().collect();
    assert!(
        lines[0].starts_with("stopped: 125 ") && lines[0].contains("cannot have the workspace"),
        "{out}{err}"
    );
    let ended = ["end exit 0"; 4];
    assert_eq!(lines[1..], [&["again: exit 0", "reeve-tool 700", "faults"][..], &ended].concat(), "{err}");
}

#[test]
fn row_056_to_what_is_too_large_already_nothing_is_added_and_all_of_it_can_be_removed() {
    let tools = Tools::new("full");
    let python = "python3 -B -c";
    let adding = [
        "echo x >new".to_owned(),
        "echo x >>small".to_owned(),
        ": <>big".to_owned(),
        "mkdir d".to_owned(),
        "mkfifo p".to_owned(),
        "ln small l".to_owned(),
        "ln -s x s".to_owned(),
        "cp big copy".to_owned(),
        "truncate -s 300K big".to_owned(),
        "mv small other".to_owned(),
        format!("{python} 'import socket; socket.socketpair()[0].bind(\"b\")'"),
        format!("{python} 'import os; os.open(\".\", os.O_TMPFILE | os.O_RDWR)'"),
    ];
    // The control: before it is too large.
    let can: String = adding.iter().map(|one| format!("({one}) && ")).collect();
    let can = can + "mv other small && rm -r new d p l s copy b";
    let cannot: String = adding.iter().map(|one| format!("! ({one}) && ")).collect();
    let cannot = cannot + "cat small >/dev/null && ls >/tmp/list";
    let mut script = String::new();
    let mut expected = vec![];
    for tier in [Tier::B, Tier::C] {
        let name = |what: &str| format!("{}-{what}", tier.as_str());
        let of = |confinement: &mut Confinement| confinement.tier = tier;
        let fills = "dd if=/dev/zero of=big bs=64k count=4 status=none && echo x >small";
        grant(&tools, (&name("fills"), &format!("{fills} && {can}")), of);
        grant(&tools, (&name("adds"), &cannot), of);
        grant(&tools, (&name("fails"), "echo x >new"), of);
        let removes = format!(
            "{python} 'import os; os.truncate(\"big\", 1)' && rm big && ls | tr -d '\\n' | grep -qx small"
        );
        grant(&tools, (&name("removes"), &removes), of);
        grant(&tools, (&name("writes"), "echo x >new && echo x >>small"), of);
        script += &format!(
            "again {0}-fills\ntools dd if=/dev/zero of=\"$W/big\" bs=1M count=2 status=none\nbefore=$(du -s -B1 \"$W\")\n\
             again {0}-adds\nagain {0}-fails\n[ \"$before\" != \"$(du -s -B1 \"$W\")\" ] || echo same\n\
             again {0}-removes\nagain {0}-writes\ntools rm -r \"$W/small\" \"$W/new\"\n",
            tier.as_str()
        );
        expected.push(format!("{}: exit 0", name("fills")));
        expected.push(format!("{}: exit 0", name("adds")));
        expected.push(format!("{}: limit workspace", name("fails")));
        expected.push("same".to_owned());
        expected.push(format!("{}: exit 0", name("removes")));
        expected.push(format!("{}: exit 0", name("writes")));
    }
    let (out, err) = tools.said(&format!("{KEPT}{script}"));
    assert_eq!(out.lines().collect::<Vec<_>>(), expected, "{err}");
}
