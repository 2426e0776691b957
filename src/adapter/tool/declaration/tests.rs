//! Declarations as they are meant, and each key that cannot be held refused by its name.

use super::*;

pub(in crate::adapter::tool) const WHOLE: &str = r#"
about = "Searches the caller's workspace"
program = "/usr/bin/rg"
sha256 = "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"
tier = "c"
workspace = "principal"
read_only = ["/srv/docs"]
arguments = ["--json", "{hidden?--hidden}", "--max-count={count}", "--", "{pattern}", "{files}"]
environment = {LANG = "C"}

[parameters]
type = "object"
additionalProperties = false
required = ["pattern"]
properties.pattern = {type = "string", maxLength = 200}
properties.count = {type = "integer", minimum = 1, maximum = 100}
properties.hidden = {type = "boolean"}
properties.files = {type = "array", maxItems = 8, items = {type = "string"}}

[limits]
wall_clock = "5s"
memory = "64M"
"#;

pub(in crate::adapter::tool) fn parse(text: &str) -> Result<Declaration, String> {
    let name = ToolName::try_from("rg".to_owned()).unwrap();
    Declaration::parse("rg.toml", text, &name).map_err(|error| error.to_string())
}

#[test]
fn a_declaration_means_what_is_written_and_safe_defaults() {
    let declared = parse(WHOLE).unwrap();
    let confinement = &declared.confinement;
    assert_eq!((confinement.tier, confinement.user.as_str()), (Tier::C, "reeve-tool"));
    assert_eq!(declared.wall_clock, Duration::from_secs(5));
    assert_eq!((confinement.limits.memory, confinement.limits.processes), (64 << 20, 64));
    assert_eq!(confinement.limits.memory_by, MemoryBy::Cgroup);
    assert!(!confinement.workspace_exec && !confinement.single_program && !confinement.debug);
    let more = parse(&WHOLE.replacen("tier = ", "single_program = true\ndebug = true\ntier = ", 1)).unwrap();
    assert!(more.confinement.single_program && more.confinement.debug);
    assert_eq!(declared.schema["required"], json!(["pattern"]));
}

#[test]
fn every_key_that_cannot_be_held_is_refused_by_its_name() {
    for (from, to, key) in [
        ("tier = \"c\"", "tier = \"a\"", "builtin"),
        ("tier = \"c\"", "tier = \"c\"\nbuiltin = \"list\"", "builtin"),
        ("program = ", "# ", "program"),
        ("tier = \"c\"", "tier = \"x\"", "tier"),
        (
            "tier = \"c\"",
            "tier = \"w\"",
            if cfg!(feature = "wasm") { "program: tier w takes none" } else { "--features wasm" },
        ),
        ("tier = \"c\"", "tier = \"c\"\nmodule = \"/usr/lib/x.wasm\"", "module: only tier w"),
        ("tier = \"c\"", "tier = \"c\"\nsigned_by = \"x\"", "signed_by: only tier w"),
        ("tier = \"c\"", "tier = \"c\"\nimports = [\"fd_read\"]", "imports: only tier w"),
        ("memory = \"64M\"", "fuel = 1", "limits.fuel: only tier w"),
        ("memory = \"64M\"", "deadline = \"1s\"", "limits.deadline: only tier w"),
        ("memory = \"64M\"", "table = 1", "limits.table: only tier w"),
        ("sha256 = ", "# ", "sha256"),
        ("sha256 = ", "package = \"ripgrep\"\nsha256 = ", "package"),
        ("tier = \"c\"", "tier = \"c\"\nmax_calls_per_run = 0", "max_calls_per_run"),
        ("/usr/bin/rg", "/usr/bin/xargs", "runs_code"),
        ("\"--json\"", "\"--pre=sh\"", "runs_code"),
        ("tier = \"c\"", "tier = \"c\"\negress = \"some\"", "egress"),
        ("tier = \"c\"", "tier = \"c\"\negress = \"strict\"", "egress_allow"),
        (
            "tier = \"c\"",
            "tier = \"b\"\negress = \"strict\"\negress_allow = [\"a.com:443\"]",
            "strict egress needs tier c",
        ),
        ("tier = \"c\"", "tier = \"c\"\negress_allow = [\"a.com:443\"]", "egress_allow"),
        ("tier = \"c\"", "tier = \"c\"\negress = \"strict\"\negress_allow = [\"a.com\"]", "egress_allow"),
        ("tier = \"c\"", "tier = \"c\"\negress = \"strict\"\negress_allow = [\"*:443\"]", "egress_allow"),
        (
            "tier = \"c\"",
            "tier = \"c\"\negress = \"strict\"\negress_allow = [\"a.com:443\"]\negress_deny = [\"*.a.com\"]",
            "egress_deny",
        ),
        (
            "tier = \"c\"",
            "tier = \"c\"\negress = \"preflight\"\negress_allow = [\"a.com:443\"]\negress_parameters = [\"url\"]",
            "egress_parameters",
        ),
        ("tier = \"c\"", "tier = \"c\"\nuser = \"../x\"", "the user's name"),
        ("tier = \"c\"", "tier = \"c\"\nnetwork = true", "unknown key"),
        ("\"principal\"", "\"/srv\"", "workspace"),
        ("\"principal\"", "\"named:../x\"", "the workspace's name"),
        ("\"/srv/docs\"", "\"/etc\"", "a path to read"),
        ("tier = \"c\"", "tier = \"c\"\nhidden = [\"/srv/other\"]", "hidden and protected need"),
        ("tier = \"c\"", "tier = \"b\"\nprotected = [\".git\"]", "hidden and protected need"),
        ("/usr/bin/rg", "/opt/rg", "the program lies neither"),
        ("/usr/bin/rg", "rg", "the program's path"),
        ("0f0f0f0f", "0F0F0F0F", "the digest"),
        ("LANG = \"C\"", "LD_PRELOAD = \"x\"", "a variable"),
        ("LANG = \"C\"", "\"A=B\" = \"x\"", "environment"),
        ("wall_clock = \"5s\"", "wall_clock = \"2h\"", "limits.wall_clock"),
        ("memory = \"64M\"", "memory = \"much\"", "limits.memory"),
        ("memory = \"64M\"", "memory = \"1K\"", "memory"),
        ("memory = \"64M\"", "memory_by = \"hope\"", "limits.memory_by"),
        ("memory = \"64M\"", "open_files = 3", "open files"),
        ("memory = \"64M\"", "output = \"1G\"", "output"),
        ("memory = \"64M\"", "processes = 0", "processes"),
        ("memory = \"64M\"", "cpu = \"1500ms\"", "limits.cpu"),
        ("memory = \"64M\"", "file_size = \"1X\"", "limits.file_size"),
        ("memory = \"64M\"", "workspace = \"1K\"", "the size of the workspace"),
        ("memory = \"64M\"", "inodes = 5", "the number of files"),
        ("maxLength", "maxlength", "parameters"),
        ("\"{pattern}\"", "\"{patern}\"", "arguments"),
    ] {
        assert!(WHOLE.contains(from), "{from}");
        let said = parse(&WHOLE.replacen(from, to, 1)).unwrap_err();
        assert!(said.starts_with("rg.toml") && said.contains(key), "{to}: {said}");
    }
}

pub(in crate::adapter::tool) const BUILT_IN: &str = r#"
about = "Finds values in a document of the caller's workspace"
tier = "A"
builtin = "query"
workspace = "principal"

[limits]
file_size = "8M"
"#;

#[test]
fn what_is_built_in_has_its_own_parameters_and_arguments() {
    for (builtin, arguments) in [
        ("list", &["list", "--depth={depth}", "--", "{path}"][..]),
        ("hash", &["hash", "--most=8388608", "--", "{paths}"]),
        ("query", &["query", "--most=8388608", "--", "{path}", "{query}"]),
    ] {
        let declared = parse(&BUILT_IN.replacen("query", builtin, 1)).unwrap();
        assert_eq!(declared.confinement.program, sandbox::BUILTIN);
        assert_eq!(declared.confinement.tier, Tier::A);
        assert_eq!(declared.builtin.map(Builtin::as_str), Some(builtin));
        let elements: Vec<String> = arguments.iter().map(|&element| element.to_owned()).collect();
        assert_eq!(
            declared.arguments,
            super::super::arguments::templates(&elements, &declared.schema).unwrap()
        );
    }
}

#[test]
fn what_is_built_in_takes_no_key_that_would_mean_nothing() {
    for (from, to, key) in [
        ("builtin = \"query\"", "", "builtin"),
        ("\"query\"", "\"write\"", "builtin"),
        ("\"principal\"", "\"fresh\"", "workspace"),
        ("workspace =", "program = \"/usr/bin/jq\"\nworkspace =", "program"),
        ("workspace =", "sha256 = \"0f\"\nworkspace =", "sha256"),
        ("workspace =", "package = \"jq\"\nworkspace =", "package"),
        ("workspace =", "runs_code = true\nworkspace =", "runs_code"),
        ("workspace =", "workspace_exec = true\nworkspace =", "workspace_exec"),
        ("workspace =", "single_program = true\nworkspace =", "single_program"),
        ("workspace =", "debug = true\nworkspace =", "debug"),
        ("workspace =", "read_only = [\"/srv/docs\"]\nworkspace =", "read_only"),
        ("workspace =", "hidden = [\"/srv/docs/x\"]\nworkspace =", "hidden"),
        ("workspace =", "protected = [\"x\"]\nworkspace =", "protected"),
        ("workspace =", "arguments = [\"x\"]\nworkspace =", "arguments"),
        (
            "workspace =",
            "parameters = {type = \"object\", additionalProperties = false}\nworkspace =",
            "parameters",
        ),
        ("workspace =", "environment = {LANG = \"C\"}\nworkspace =", "environment"),
        ("workspace =", "egress = \"strict\"\nworkspace =", "egress"),
        ("workspace =", "egress_allow = [\"a.com:443\"]\nworkspace =", "egress_allow"),
        ("workspace =", "egress_deny = [\"a.com\"]\nworkspace =", "egress_deny"),
        ("workspace =", "egress_parameters = [\"a\"]\nworkspace =", "egress_parameters"),
    ] {
        assert!(BUILT_IN.contains(from), "{from}");
        let said = parse(&BUILT_IN.replacen(from, to, 1)).unwrap_err();
        assert!(said.starts_with(&format!("rg.toml: {key}: ")), "{to}: {said}");
    }
}

#[cfg(feature = "wasm")]
mod modules {
    use super::*;
    use crate::sandbox::module::{ROOM, RUNNER};

    const MODULE: &str = r#"
about = "Counts"
tier = "W"
module = "/usr/local/lib/reeve/modules/count.wasm"
sha256 = "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"
signed_by = "vendor"
imports = ["proc_exit", "fd_read"]

[limits]
fuel = 1000
"#;

    #[test]
    fn a_module_is_run_by_our_own_program_in_what_is_declared_and_safe_defaults() {
        let declared = parse(MODULE).unwrap();
        let module = declared.confinement.module.clone().unwrap();
        assert_eq!((declared.confinement.tier, declared.confinement.program.as_str()), (Tier::W, RUNNER));
        assert_eq!(
            module.bounds.to_string(),
            format!("{},vendor,1000,10,536870912,10000,fd_read+proc_exit", "0f".repeat(32))
        );
        assert_eq!(declared.confinement.limits.memory, (512 << 20) + ROOM);
        assert!(declared.confinement.whole_environment().is_empty());
        let more = MODULE.replace("fuel = 1000", "fuel = 7\ndeadline = \"3s\"\nmemory = \"1M\"\ntable = 5");
        let bounds = parse(&more).unwrap().confinement.module.unwrap().bounds;
        assert_eq!((bounds.fuel, bounds.deadline, bounds.memory, bounds.table), (7, 3, 1 << 20, 5));
    }

    #[test]
    fn what_a_module_could_not_use_or_what_would_not_bound_it_is_refused_by_its_key() {
        for (from, to, key) in [
            ("module = ", "# ", "module: says"),
            ("signed_by = ", "# ", "signed_by: names"),
            ("sha256 = ", "# ", "sha256: "),
            ("imports =", "program = \"/usr/bin/rg\"\nimports =", "program: "),
            ("imports =", "builtin = \"list\"\nimports =", "builtin: "),
            ("imports =", "package = \"jq\"\nimports =", "package: "),
            ("imports =", "runs_code = true\nimports =", "runs_code: "),
            ("imports =", "workspace = \"principal\"\nimports =", "workspace: "),
            ("imports =", "workspace_exec = true\nimports =", "workspace_exec: "),
            ("imports =", "single_program = true\nimports =", "single_program: "),
            ("imports =", "debug = true\nimports =", "debug: "),
            ("imports =", "read_only = [\"/srv/docs\"]\nimports =", "read_only: "),
            ("imports =", "hidden = [\"/srv/docs/x\"]\nimports =", "hidden: "),
            ("imports =", "protected = [\"x\"]\nimports =", "protected: "),
            ("imports =", "egress = \"strict\"\nimports =", "egress: "),
            ("imports =", "egress_allow = [\"a.com:443\"]\nimports =", "egress_allow: "),
            ("imports =", "egress_deny = [\"a.com\"]\nimports =", "egress_deny: "),
            ("imports =", "egress_parameters = [\"a\"]\nimports =", "egress_parameters: "),
            ("\"fd_read\"", "\"path_open\"", "imports: \"path_open\" is none of args_get, "),
            ("\"vendor\"", "\"../x\"", "tier w is Reeve's own program"),
            (
                "/usr/local/lib",
                "/etc/reeve",
                "module: /etc/reeve/reeve/modules/count.wasm does not lie below /usr",
            ),
            ("0f0f0f0f", "0f0F0F0F", "tier w is Reeve's own program"),
            ("fuel = 1000", "fuel = 0", "in bounds"),
            ("fuel = 1000", "table = 16777217", "in bounds"),
            ("fuel = 1000", "deadline = \"2h\"", "limits.deadline: "),
            ("fuel = 1000", "memory = \"5G\"", "in bounds"),
        ] {
            assert!(MODULE.contains(from), "{from}");
            let said = parse(&MODULE.replacen(from, to, 1)).unwrap_err();
            assert!(said.starts_with("rg.toml: ") && said.contains(key), "{to}: {said}");
        }
    }
}
