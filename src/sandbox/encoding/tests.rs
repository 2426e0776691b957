//! Confinements in their one form, and the bounds that hold whoever wrote them.

use super::super::module::Import;
use super::*;

pub(crate) fn sample(tier: Tier) -> Confinement {
    if tier == Tier::W {
        let imports = ["fd_read", "fd_write", "proc_exit"].map(|name| Import::read(name).unwrap()).to_vec();
        let bounds = Bounds {
            sha256: "0e".repeat(32),
            key: "vendor".to_owned(),
            fuel: 1_000_000,
            deadline: 5,
            memory: 1 << 20,
            table: 100,
            imports,
        };
        return Confinement {
            tier,
            program: RUNNER.to_owned(),
            workspace: Workspace::Fresh,
            read_only: vec![],
            module: Some(Module { path: "/usr/local/lib/reeve/modules/count.wasm".to_owned(), bounds }),
            ..sample(Tier::B)
        };
    }
    if tier == Tier::A {
        return Confinement {
            tier,
            program: BUILTIN.to_owned(),
            read_only: vec![],
            environment: vec![],
            ..sample(Tier::B)
        };
    }
    Confinement {
        tool: "rg".to_owned(),
        tier,
        user: "reeve-tool".to_owned(),
        program: "/usr/bin/rg".to_owned(),
        sha256: "0f".repeat(32),
        workspace: Workspace::Principal("librarian".to_owned()),
        workspace_exec: false,
        single_program: false,
        debug: false,
        read_only: vec!["/srv/docs".to_owned(), "/opt/x".to_owned()],
        hidden: vec![],
        protected: vec![],
        environment: vec![("LANG".to_owned(), "C=x y".to_owned())],
        egress: Egress::None,
        limits: Limits {
            cpu: 10,
            memory: 64 << 20,
            memory_by: MemoryBy::Cgroup,
            processes: 16,
            open_files: 64,
            file_size: 1 << 20,
            output: 1 << 16,
            workspace: 1 << 20,
            inodes: 1000,
        },
        module: None,
    }
}

#[test]
fn a_confinement_has_one_text() {
    for tier in [Tier::A, Tier::W] {
        assert_eq!(decode(&encode(&sample(tier))), Ok(sample(tier)));
    }
    for (single_program, debug) in [(true, false), (false, true), (true, true)] {
        let confinement = Confinement { single_program, debug, ..sample(Tier::C) };
        let text = encode(&confinement);
        assert_eq!(decode(&text), Ok(confinement));
        assert!(decode(&text.replace("=1", "=0")).is_err() && decode(&format!("{text};single=1")).is_err());
    }
    let hidden = vec!["/srv/docs/private".to_owned()];
    let carved = Confinement { hidden, protected: vec![".git".to_owned()], ..sample(Tier::C) };
    assert_eq!(decode(&encode(&carved)), Ok(carved));
    for tier in [Tier::B, Tier::C] {
        let text = encode(&sample(tier));
        assert_eq!(decode(&text), Ok(sample(tier)));
        for other in [
            format!("{text};"),
            format!(" {text}"),
            text.replace("cpu=10", "cpu=010"),
            text.replace("cpu=10", "cpu=+10"),
            text.replace("exec=0", "exec=2"),
            text.replace(";read=/opt/x", "").replace(";env=", ";read=/opt/x;env=").replace("tier", "Tier"),
            text.replace("v1", "v2"),
            String::new(),
        ] {
            assert!(decode(&other).is_err(), "{other}");
        }
    }
}

fn lists(allow: &[&str], never: &[&str]) -> Lists {
    Lists {
        allow: allow.iter().map(|entry| Destination::read(entry).unwrap()).collect(),
        never: never.iter().map(|&name| name.to_owned()).collect(),
    }
}

#[test]
fn egress_is_written_with_its_lists() {
    let both = lists(&["api.example.com:443", "*.example.org:80"], &["bad.example.org"]);
    for egress in [Egress::Strict(both.clone()), Egress::Preflight(both)] {
        let confinement = Confinement { egress, ..sample(Tier::C) };
        assert_eq!(decode(&encode(&confinement)), Ok(confinement));
    }
}

#[test]
fn the_bounds_hold_whoever_wrote_it() {
    let alters: [fn(&mut Confinement); 35] = [
        |c| c.egress = Egress::Strict(lists(&[], &[])),
        |c| c.egress = Egress::Strict(lists(&["*:443"], &[])),
        |c| c.egress = Egress::Preflight(lists(&["a.com:443"], &["a;b"])),
        |c| c.egress = Egress::Strict(lists(&["a.com:443"; 33], &[])),
        |c| c.egress = Egress::Strict(lists(&["a.com:443"], &["UP.com"])),
        |c| {
            c.tier = Tier::B;
            c.egress = Egress::Strict(lists(&["a.com:443"], &[]));
        },
        |c| c.tool = "../x".to_owned(),
        |c| c.user = String::new(),
        |c| c.program = "usr/bin/rg".to_owned(),
        |c| c.program = "/usr/../bin/rg".to_owned(),
        |c| c.program = "/srv/other/rg".to_owned(),
        |c| c.program = "/srv/docsx/rg".to_owned(),
        |c| c.sha256 = "0F".repeat(32),
        |c| c.workspace = Workspace::Named("..".to_owned()),
        |c| c.workspace = Workspace::Principal("a/b".to_owned()),
        |c| c.read_only = vec!["/".to_owned()],
        |c| c.read_only = vec!["/etc".to_owned()],
        |c| c.read_only = vec!["/var/lib".to_owned()],
        |c| c.read_only = vec!["/var/lib/reeve-tools/principal/archivist".to_owned()],
        |c| c.read_only = vec!["/proc/1".to_owned()],
        |c| c.read_only = vec!["/srv//x".to_owned()],
        |c| c.read_only = vec!["/srv/x;exec=1".to_owned()],
        |c| c.environment = vec![("LD_PRELOAD".to_owned(), "x".to_owned())],
        |c| c.environment = vec![("A".to_owned(), "x\ny".to_owned())],
        |c| c.environment = vec![("A-B".to_owned(), "x".to_owned())],
        |c| c.limits.cpu = 0,
        |c| c.limits.memory = 0,
        |c| c.limits.processes = 0,
        |c| c.limits.open_files = u64::MAX,
        |c| c.limits.file_size = u64::MAX,
        |c| c.limits.output = 1 << 30,
        |c| c.limits.workspace = 0,
        |c| c.limits.inodes = 15,
        |c| c.limits.inodes = (1 << 20) + 1,
        |c| c.environment = vec![("A".to_owned(), "x".to_owned()); 33],
    ];
    for (place, alter) in alters.iter().enumerate() {
        let mut altered = sample(Tier::C);
        alter(&mut altered);
        assert!(decode(&encode(&altered)).is_err(), "{place}: {altered:?}");
    }
}

#[test]
fn what_is_built_in_takes_nothing_besides_whoever_wrote_it() {
    let alters: [fn(&mut Confinement); 8] = [
        |c| c.single_program = true,
        |c| c.debug = true,
        |c| c.program = "/usr/bin/python3".to_owned(),
        |c| c.workspace = Workspace::Fresh,
        |c| c.workspace_exec = true,
        |c| c.read_only = vec!["/srv/docs".to_owned()],
        |c| c.environment = vec![("LANG".to_owned(), "C".to_owned())],
        |c| c.egress = Egress::Preflight(lists(&["a.com:443"], &[])),
    ];
    for (place, alter) in alters.iter().enumerate() {
        let mut altered = sample(Tier::A);
        alter(&mut altered);
        assert!(decode(&encode(&altered)).is_err(), "{place}: {altered:?}");
    }
}

#[test]
fn what_runs_a_module_has_one_in_bounds_and_nothing_besides_whoever_wrote_it() {
    let of = |c: &mut Confinement, alter: fn(&mut Module)| c.module.iter_mut().for_each(alter);
    type Alter = Box<dyn Fn(&mut Confinement)>;
    let alters: Vec<Alter> = vec![
        Box::new(|c| c.single_program = true),
        Box::new(|c| c.debug = true),
        Box::new(|c| c.program = "/usr/bin/python3".to_owned()),
        Box::new(|c| c.workspace = Workspace::Named("x".to_owned())),
        Box::new(|c| c.workspace_exec = true),
        Box::new(|c| c.read_only = vec!["/srv/docs".to_owned()]),
        Box::new(|c| c.egress = Egress::Preflight(lists(&["a.com:443"], &[]))),
        Box::new(|c| c.module = None),
        Box::new(|c| c.tier = Tier::B),
        Box::new(move |c| of(c, |m| m.path = "/etc/reeve/x.wasm".to_owned())),
        Box::new(move |c| of(c, |m| m.path = "/var/lib/reeve-tools/named/x/m.wasm".to_owned())),
        Box::new(move |c| of(c, |m| m.path = "/etc/shadow".to_owned())),
        Box::new(move |c| of(c, |m| m.path = "/root/m.wasm".to_owned())),
        Box::new(move |c| of(c, |m| m.path = "/srv/m.wasm".to_owned())),
        Box::new(move |c| of(c, |m| m.path = "/usrlocal/m.wasm".to_owned())),
        Box::new(move |c| of(c, |m| m.path = "/usr/../m.wasm".to_owned())),
        Box::new(move |c| of(c, |m| m.bounds.sha256 = "0".to_owned())),
        Box::new(move |c| of(c, |m| m.bounds.key = "../x".to_owned())),
        Box::new(move |c| of(c, |m| m.bounds.fuel = 0)),
        Box::new(move |c| of(c, |m| m.bounds.deadline = 3601)),
        Box::new(move |c| of(c, |m| m.bounds.memory = (1 << 32) + 1)),
        Box::new(move |c| of(c, |m| m.bounds.table = 1 << 25)),
        Box::new(move |c| of(c, |m| m.bounds.imports.reverse())),
        Box::new(move |c| of(c, |m| m.bounds.imports.extend(Import::read("proc_exit")))),
    ];
    for (place, alter) in alters.iter().enumerate() {
        let mut altered = sample(Tier::W);
        alter(&mut altered);
        assert!(decode(&encode(&altered)).is_err(), "{place}: {altered:?}");
    }
}

#[test]
fn row_068_no_variable_is_given_by_which_something_else_is_loaded() {
    let with = |name: &str| {
        let environment = vec![(name.to_owned(), "x".to_owned())];
        encode(&Confinement { environment, ..sample(Tier::B) })
    };
    for name in [
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "LD_AUDIT",
        "GCONV_PATH",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "NODE_OPTIONS",
        "PERL5OPT",
        "PERL5LIB",
        "RUBYOPT",
        "BASH_ENV",
        "ENV",
        "IFS",
        "GIT_SSH_COMMAND",
        "GIT_CONFIG_GLOBAL",
        "SSH_ASKPASS",
        "JAVA_TOOL_OPTIONS",
        "_JAVA_OPTIONS",
    ] {
        assert_eq!(decode(&with(name)), Err(NotAConfinement("a variable")), "{name}");
    }
    for name in ["LANG", "TZ", "PYTHONDONTWRITEBYTECODE", "ENVIRONMENT", "HTTP_PROXY"] {
        assert!(decode(&with(name)).is_ok(), "{name}");
    }
}
