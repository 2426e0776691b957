//! By which names and options a program is known that runs what it is given.

use super::*;

fn refuses(program: &str, arguments: &[&str]) -> bool {
    let arguments: Vec<Template> = arguments
        .iter()
        .map(|text| match text.strip_prefix('{') {
            Some(name) => {
                Template::Each { name: name.trim_end_matches('}').to_owned(), may_be_option: false }
            }
            None => Template::Literal((*text).to_owned()),
        })
        .collect();
    assert_eq!(check(program, &arguments, true), Ok(()), "{program}: it was said");
    check(program, &arguments, false).is_err()
}

#[test]
fn row_059_a_shell_is_one_by_whatever_of_its_names() {
    for name in [
        "sh",
        "/usr/bin/sh",
        "/usr/bin/BASH",
        "/usr/bin/bash-5.2",
        "/usr/bin/python3.13",
        "/usr/bin/perl5.40.1",
        "/usr/bin/node20",
        "/usr/bin/lua5.4",
        // What Debian's links lead to.
        "/usr/bin/perl5.36-x86_64-linux-gnu",
        "/usr/bin/x86_64-linux-gnu-gcc-12",
        "/usr/bin/x86_64-linux-gnu-g++-14",
        "/usr/bin/aarch64-linux-gnu-gcc-14",
        "/usr/bin/arm-linux-gnueabihf-gcc-12",
        "/usr/bin/x86_64-pc-linux-gnu-gcc",
        "/usr/bin/i686-w64-mingw32-gcc-12",
        "/usr/bin/vim.basic",
        "/usr/bin/vim.tiny",
        "/usr/bin/vim.gtk3",
        "/usr/bin/nc.openbsd",
        "/bin/nc.traditional",
        "/usr/bin/emacs-nox",
        "/usr/bin/bash-static",
        "/usr/bin/python3.13-dbg",
        "/usr/bin/guile-3.0",
        "/usr/bin/fakeroot-sysv",
        "/usr/bin/sudo-rs",
        "/usr/bin/bsd-csh",
        "/usr/bin/original-awk",
        "/usr/bin/mawk",
        "/usr/bin/gawk",
        "/usr/bin/busybox",
        "/usr/bin/newgrp",
        "/usr/bin/runcon",
        "/usr/bin/ssh-agent",
    ] {
        assert!(refuses(name, &[]), "{name}");
    }
    for name in [
        "/usr/bin/jq",
        "/usr/bin/cat",
        "/usr/bin/shasum",
        "/usr/bin/wc",
        "/usr/bin/base64",
        "/usr/bin/x86_64-linux-gnu-objdump",
        "/usr/bin/dpkg-query",
        "/usr/bin/apt-cache",
        "/usr/bin/linux-version",
        "/usr/bin/7z",
        "/usr/local/bin/watch.py",
        "/usr/local/bin/time.sh",
        "/usr/bin/mkfs.ext4",
    ] {
        assert!(!refuses(name, &["{x}"]), "{name}");
    }
}

#[test]
fn row_064_code_in_an_argument_has_to_be_meant() {
    for (program, argument) in [
        ("sh", "-c"),
        ("bash", "-lc"),
        ("dash", "-ec"),
        ("python3", "-c"),
        ("python3", "-cprint()"),
        ("python3", "-Ic"),
        ("python3", "-m"),
        ("node", "-e"),
        ("node", "-p"),
        ("node", "--eval=x"),
        ("node", "--require"),
        ("perl", "-e"),
        ("perl", "-ne"),
        ("perl", "-pe"),
        ("ruby", "-e"),
        ("php", "-r"),
        ("awk", "BEGIN{system(\"x\")}"),
        ("find", "-exec"),
        ("xargs", "cat"),
        ("env", "-S"),
        ("busybox", "sh"),
    ] {
        assert!(refuses(program, &[argument, "{code}"]), "{program} {argument}");
    }
    // A script of root's, with what the caller gives behind it.
    for (program, before) in
        [("python3", vec!["-I", "-B"]), ("sh", vec!["-e"]), ("perl", vec![]), ("node", vec!["--no-warnings"])]
    {
        let arguments = [before.as_slice(), &["/usr/share/x/script", "{word}"]].concat();
        assert!(!refuses(program, &arguments), "{program}");
    }
    assert!(!refuses("find", &[".", "-name", "{name}"]));
}

#[test]
fn row_065_what_starts_other_programs_has_to_be_meant() {
    for (program, argument) in [
        ("env", "ls"),
        ("nice", "ls"),
        ("timeout", "5"),
        ("setsid", "ls"),
        ("stdbuf", "-o0"),
        ("sudo", "ls"),
        ("/usr/lib64/ld-linux-x86-64.so.2", "ls"),
        ("script", "-c"),
        ("git", "status"),
        ("tar", "--to-command=sh"),
        ("tar", "-Ish"),
        ("tar", "-xIsh"),
        ("tar", "xIf"),
        ("tar", "-xF/usr/bin/x"),
        ("tar", "--to-com=sh"),
        ("tar", "--use-compress-prog"),
        ("tar", "--rmt-command=sh"),
        ("tar", "--checkpoint-action=exec=sh"),
        ("ssh", "-oProxyCommand=sh"),
        ("rsync", "-e"),
        ("rsync", "-ae"),
        ("rsync", "--rs=sh"),
        ("zip", "-rTT"),
        ("fdfind", "-x"),
        ("sort", "--compress-prog=sh"),
        ("curl", "-sK"),
        ("ip", "netns"),
        ("ip", "netn"),
        ("ip", "--batch"),
        ("ip", "-b"),
        ("ip", "{object}"),
        ("make", "all"),
        ("vim", "-c"),
        ("rg", "--pre=sh"),
        ("curl", "--config=x"),
    ] {
        assert!(refuses(program, &[argument]), "{program} {argument}");
    }
    assert!(
        !refuses("tar", &["--extract", "--file=a"])
            && !refuses("rsync", &["-a"])
            && !refuses("rg", &["--json"])
    );
    for (program, arguments) in [
        ("tar", ["--checkpoint=10", "{file}"]),
        ("tar", ["-xzf", "Index"]),
        ("tar", ["xzf", "{file}"]),
        ("tar", ["-C/srv/Images", "-xf"]),
        ("find", ["-executable", "{path}"]),
        ("rsync", ["--exclude=x", "-av"]),
        ("ip", ["-j", "address"]),
        ("ip", ["neigh", "{device}"]),
    ] {
        assert!(!refuses(program, &arguments), "{program} {arguments:?}");
    }
}

#[test]
fn row_066_code_from_the_input_or_the_workspace_has_to_be_meant() {
    for arguments in
        [&[] as &[&str], &["-"], &["-I", "-"], &["script.py"], &["./x"], &["{file}"], &["-B", "{file}"]]
    {
        assert!(refuses("python3", arguments), "{arguments:?}");
    }
}
