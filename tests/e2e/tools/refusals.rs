//! What the wrapper refuses, whoever signed, and what it refuses when the host cannot hold what is declared.

use std::process::Command;

use reeve::sandbox::module::{Bounds, Module, RUNNER};
use reeve::sandbox::{Tier, Workspace, encode};

use super::fixture::*;
use crate::edited::Covered;

#[test]
fn whoever_signs_it_no_tool_runs_as_somebody_else_than_a_tools_user() {
    crate::host::up();
    for user in ["root", "daemon", "nobody", "librarian", "reeve", "reeve-gate", "reeve-run"] {
        for tier in TIERS {
            let ran = Tool::probe(tier, "").with(|tool| tool.confinement.user = user.to_owned()).run();
            ran.is_refused("a tool's user is a system user of the group reeve-tools");
        }
    }
    let ran = Tool::probe(Tier::B, "").with(|tool| tool.confinement.user = "no-such-user".to_owned()).run();
    ran.is_refused("the host has no such user");
}

#[test]
fn a_tools_user_that_is_in_another_group_too_is_none() {
    crate::host::up();
    let in_group = |how: &str| {
        assert!(Command::new("/usr/bin/gpasswd").args([how, USER, "disk"]).status().unwrap().success());
    };
    in_group("-a");
    let ran = Tool::probe(Tier::C, "").run();
    in_group("-d");
    ran.is_refused("a tool's user is a system user of the group reeve-tools");
    Tool::probe(Tier::C, "").run().text();
}

#[test]
fn whoever_signs_it_what_is_no_confinement_is_refused() {
    let good = Tool::probe(Tier::C, "");
    let text = encode(&good.confinement);
    for other in [
        text.replace("tier=c", "tier=a"),
        text.replace("exec=0", "exec=no"),
        text.replace("cpu=", "cpu=0"),
        format!("{text};read=/etc"),
        format!("{text};read=/"),
        format!("{text};env=LD_PRELOAD=/tmp/x"),
        format!("{text};caps=all"),
        text.replace("reeve-tool-v1;", ""),
        String::new(),
    ] {
        let mut grant = good.grant();
        grant.argv[0] = other.clone();
        let output = crate::grants::show_to("reeve-tool", &crate::grants::sign(&grant));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            (output.status.code(), said.contains("argument 1 is not in the table")),
            (Some(125), true),
            "{other}: {said}"
        );
    }
    let alters: [fn(&mut reeve::grant::Grant); 3] = [
        |grant| grant.program = "/bin/sh".to_owned(),
        |grant| grant.run_as = reeve::grant::RunAs::User(USER.to_owned()),
        |grant| grant.directory = Some("/".to_owned()),
    ];
    for alter in alters {
        let mut grant = good.grant();
        alter(&mut grant);
        let output = crate::grants::show_to("reeve-tool", &crate::grants::sign(&grant));
        assert_eq!(output.status.code(), Some(125), "{output:?}");
    }
}

#[test]
fn whoever_signs_it_no_file_outside_of_usr_is_looked_at_as_a_module() {
    crate::host::up();
    let bounds = format!("{},vendor,1000,5,65536,10,", "0".repeat(64));
    let run = |path: &str| {
        let module = Module { path: path.to_owned(), bounds: Bounds::read(&bounds).unwrap() };
        let tool = Tool::new(Tier::W, "/usr/bin/true", &[]).with(|tool| {
            tool.confinement.program = RUNNER.to_owned();
            tool.confinement.module = Some(module);
        });
        tool.run()
    };
    for path in ["/etc/shadow", "/root/.ssh/id_ed25519", "/var/lib/reeve/grant.key", "/srv/not-there.wasm"] {
        let ran = run(path);
        ran.is_refused("argument 1 is not in the table");
        assert_eq!(ran.said.lines().count(), 1, "nothing is said of {path}: {ran:#?}");
    }
    // What keeps those out is where they lie.
    let below = run("/usr/lib/not-there.wasm");
    below.is_refused("");
    assert!(!below.said.contains("is not in the table"), "{below:#?}");
}

#[test]
fn the_inner_stage_gives_nobody_anything() {
    crate::host::up();
    // Root takes no argument; and whoever is not root has no grant to hand on, and is shut in if it had an order.
    for user in ["root", "librarian"] {
        let output = crate::as_user(user, &[WRAPPER, "--inside"]);
        assert_eq!(output.status.code(), Some(125), "{user}: {output:?}");
    }
}

#[test]
fn row_063_a_program_that_is_not_the_pinned_one_does_not_run() {
    let program = "/usr/local/bin/reeve-e2e-true";
    std::fs::copy("/usr/bin/true", program).unwrap();
    for tier in TIERS {
        let tool = Tool::new(tier, program, &[]);
        tool.run().text();
        std::fs::copy("/usr/bin/false", program).unwrap();
        tool.run().is_refused("not the one that its declaration pins");
        std::fs::copy("/usr/bin/true", program).unwrap();
        std::fs::set_permissions(program, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        tool.run().is_refused("the tool's program is not to be trusted");
        std::fs::set_permissions(program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    std::fs::remove_file(program).unwrap();
}

#[test]
fn a_script_runs_by_its_path_and_is_pinned_as_well() {
    let program = "/usr/local/bin/reeve-e2e-script";
    std::fs::write(program, "#!/bin/sh\necho \"$1 $0\"\n").unwrap();
    std::fs::set_permissions(program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for tier in TIERS {
        assert_eq!(Tool::new(tier, program, &["hello"]).run().text(), format!("hello {program}"), "{tier:?}");
    }
    std::fs::remove_file(program).unwrap();
}

#[test]
fn row_004_that_the_program_cannot_be_run_is_no_status_of_its_own() {
    let program = "/usr/local/bin/reeve-e2e-broken";
    std::fs::write(program, "#!/nowhere/interpreter\n").unwrap();
    std::fs::set_permissions(program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for tier in TIERS {
        let ran = Tool::new(tier, program, &[]).run();
        assert_eq!(ran.code, Some(125), "{ran:#?}");
        assert!(ran.said.contains("exec: ") && ran.end.is_none(), "{ran:#?}");
    }
    std::fs::remove_file(program).unwrap();
}

#[test]
fn row_002_without_bubblewrap_tier_c_refuses_and_says_what_is_missing() {
    crate::host::up();
    let tool = Tool::probe(Tier::C, "print('ran')");
    let missing = {
        let _covered = Covered::with("/usr/bin/bwrap", "/dev/null");
        tool.run()
    };
    missing.is_refused("bubblewrap: cannot be enforced here");
    assert_eq!(tool.run().text(), "ran");
}

#[test]
fn row_003_and_018_a_bubblewrap_that_shuts_nothing_in_is_found_out() {
    crate::host::up();
    let fake = "/usr/local/bin/reeve-e2e-bwrap";
    // It starts the inner stage, and makes no namespace.
    std::fs::write(
        fake,
        format!("#!/bin/sh\ncd /var/lib/reeve-tools/named/e2e-fake && exec {WRAPPER} --inside\n"),
    )
    .unwrap();
    std::fs::set_permissions(fake, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let tool = Tool::probe(Tier::C, "print('ran')").with(|tool| {
        tool.confinement.workspace = Workspace::Named("e2e-fake".to_owned());
    });
    assert_eq!(tool.run().text(), "ran");
    let found_out = {
        let _covered = Covered::with("/usr/bin/bwrap", fake);
        std::fs::create_dir_all("/workspace").unwrap();
        tool.run()
    };
    std::fs::remove_dir("/workspace").unwrap();
    let failing = {
        std::fs::write(fake, "#!/bin/sh\necho no such luck >&2; exit 1\n").unwrap();
        let _covered = Covered::with("/usr/bin/bwrap", fake);
        tool.run()
    };
    found_out.is_refused("");
    assert!(
        found_out.said.contains("namespace is the host's") || found_out.said.contains("workspace"),
        "{found_out:#?}"
    );
    failing.is_refused("no such luck");
    std::fs::remove_file(fake).unwrap();
    std::fs::remove_dir_all("/var/lib/reeve-tools/named/e2e-fake").unwrap();
}

#[test]
fn a_workspace_that_is_somebody_elses_is_refused() {
    crate::host::up();
    let place = "/var/lib/reeve-tools/named/e2e-other";
    let tool = |tier| {
        let workspace = Workspace::Named("e2e-other".to_owned());
        Tool::probe(tier, "print('ran')").with(|tool| tool.confinement.workspace = workspace)
    };
    for tier in TIERS {
        std::fs::create_dir(place).unwrap();
        assert_eq!(tool(tier).run().code, Some(125));
        std::fs::remove_dir(place).unwrap();
        std::os::unix::fs::symlink("/etc", place).unwrap();
        assert_eq!(tool(tier).run().code, Some(125));
        std::fs::remove_file(place).unwrap();
        assert_eq!(tool(tier).run().text(), "ran");
        std::fs::remove_dir_all(place).unwrap();
    }
}

#[test]
fn row_005_a_granted_path_that_is_not_there_is_refused_and_not_made() {
    let path = "/srv/reeve-e2e-not-there";
    for tier in TIERS {
        let tool = Tool::probe(tier, "").with(|tool| tool.confinement.read_only = vec![path.to_owned()]);
        tool.run().is_refused("not to be trusted");
        assert!(!std::path::Path::new(path).exists());
    }
}
