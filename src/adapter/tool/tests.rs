//! What a run would be: planned from the declaration, bound to all that confines it.

use super::declaration::tests::WHOLE;
use super::*;
use crate::adapter::{Growth, HostError, Settings, Still, ToolOutput, still};
use crate::operation::Operation;

struct Declared(Settings, Option<&'static str>);

thread_local! {
    /// What the host under test says of the run.
    static CALLS: std::cell::Cell<Option<u64>> = const { std::cell::Cell::new(None) };
}

impl Host for Declared {
    fn read(&self, _argv: &Argv) -> Result<ToolOutput, HostError> {
        unreachable!("a tool's plan reads no program")
    }

    fn settings(&self) -> &Settings {
        &self.0
    }

    fn caller(&self) -> Option<&str> {
        self.1
    }

    fn calls_in_run(&self, _tool: &str) -> Option<u64> {
        CALLS.get()
    }

    fn bounded(&self, lists: Lists) -> Result<Lists, String> {
        if lists.allow.iter().any(|entry| entry.port == 9) {
            return Err("nobody is left".to_owned());
        }
        Ok(Lists { never: vec!["bad.example.org".to_owned()], ..lists })
    }
}

fn host(text: &str) -> Declared {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("rg.toml"), text).unwrap();
    let tools = ToolSettings::load(directory.path()).unwrap();
    Declared(Settings { tools, ..Settings::default() }, Some("librarian"))
}

fn plan(host: &Declared, params: Value) -> Result<Plan, PlanRefusal> {
    let asked = json!({"kind": "tool", "op": "run", "resource": "rg", "params": params});
    crate::adapter::of(&Operation::from_value(asked).unwrap()).plan(host)
}

#[test]
fn a_run_is_one_step_that_carries_the_whole_confinement() {
    let planned = plan(&host(WHOLE), json!({"arguments": {"pattern": "x"}, "input": "in"})).unwrap();
    let [step] = planned.steps.as_slice() else { panic!("{planned:?}") };
    assert_eq!((step.wrapper, step.argv.program), (WrapperName::Tool, Program::Tool));
    let confinement = sandbox::decode(&step.argv.args[0]).unwrap();
    assert_eq!(confinement.workspace, Workspace::Principal("librarian".to_owned()));
    assert_eq!(step.argv.args[1..], ["in", "--json", "--", "x"]);
    assert_eq!(step.argv.limit, Some(std::time::Duration::from_secs(5)));
    assert!(!planned.effects.reversible);
}

#[test]
fn an_approval_binds_to_arguments_input_and_every_part_of_the_confinement() {
    let digest = |text: &str, params: Value| plan(&host(text), params).unwrap().effects.effects_digest();
    let params = json!({"arguments": {"pattern": "x"}});
    let first = digest(WHOLE, params.clone());
    assert_eq!(first, digest(WHOLE, params.clone()));
    assert_ne!(first, digest(WHOLE, json!({"arguments": {"pattern": "y"}})));
    assert_ne!(first, digest(WHOLE, json!({"arguments": {"pattern": "x"}, "input": "y"})));
    for (from, to) in
        [("tier = \"c\"", "tier = \"b\""), ("64M", "65M"), ("0f0f", "1f0f"), ("/srv/docs", "/srv/doc")]
    {
        assert_ne!(first, digest(&WHOLE.replacen(from, to, 1), params.clone()), "{to}");
    }
}

/// What root may write into the declaration while people decide.
const CHANGES: [(&str, &str); 10] = [
    ("wall_clock = \"5s\"", "wall_clock = \"1h\""),
    ("memory = \"64M\"", "memory = \"1G\""),
    ("tier = \"c\"", "tier = \"b\""),
    ("0f0f0f", "1f0f0f"),
    ("\"/srv/docs\"", "\"/srv\""),
    ("\"--json\", ", ""),
    ("LANG = \"C\"", "LANG = \"de\""),
    ("workspace = \"principal\"", "workspace = \"fresh\""),
    ("maxLength = 200", "maxLength = 100"),
    ("about = \"Searches", "about = \"Looks through"),
];

proptest::proptest! {
    #[test]
    fn a_tool_runs_as_it_was_shown_or_people_are_asked_anew(
        changed in proptest::collection::vec(proptest::bool::ANY, CHANGES.len()),
    ) {
        let params = json!({"arguments": {"pattern": "x", "count": 3}, "input": "in"});
        let shown = plan(&host(WHOLE), params.clone()).unwrap();
        let made = CHANGES.iter().zip(&changed).filter(|(_, is_made)| **is_made);
        let text = made.fold(WHOLE.to_owned(), |text, ((from, to), _)| text.replacen(from, to, 1));
        let op = Operation::from_value(json!({"kind": "tool", "op": "run", "resource": "rg", "params": params}));
        let now = plan(&host(&text), params);
        match still(&op.unwrap(), (Some(&shown.effects), Growth::default()), now) {
            Still::Retain(plan) => proptest::prop_assert_eq!(plan.steps, shown.steps),
            Still::Replace(plan) => proptest::prop_assert_ne!(plan.steps, shown.steps, "asked for nothing"),
            Still::Clear | Still::Not(_) => proptest::prop_assert!(false, "a run is never done already"),
        }
    }
}

#[test]
fn an_approval_about_a_tool_is_kept_or_replaced_and_void_without_the_tool() {
    let params = json!({"arguments": {"pattern": "x"}});
    let shown = plan(&host(WHOLE), params.clone()).unwrap();
    let after = |host: &Declared| {
        let asked = json!({"kind": "tool", "op": "run", "resource": "rg", "params": params});
        let op = Operation::from_value(asked).unwrap();
        still(&op, (Some(&shown.effects), Growth::default()), plan(host, params.clone()))
    };
    assert!(matches!(after(&host(WHOLE)), Still::Retain(_)));
    assert!(matches!(after(&host(&WHOLE.replacen("Searches", "Looks through", 1))), Still::Retain(_)));
    assert!(matches!(after(&host(&WHOLE.replacen("\"5s\"", "\"1h\"", 1))), Still::Replace(_)));
    assert!(
        matches!(after(&Declared(host(WHOLE).0, Some("archivist"))), Still::Replace(_)),
        "another's workspace"
    );
    assert!(matches!(after(&Declared(Settings::default(), Some("librarian"))), Still::Not(_)));
}

#[test]
fn a_fresh_workspace_leaves_nothing_to_take_back() {
    let fresh =
        plan(&host(&WHOLE.replacen("\"principal\"", "\"fresh\"", 1)), json!({"arguments": {"pattern": "x"}}));
    let effects = fresh.unwrap().effects;
    assert!(effects.reversible);
    assert_eq!(effects.objects.len(), 1);
}

#[test]
fn what_the_schema_does_not_have_is_refused_with_its_place() {
    let host = host(WHOLE);
    for (arguments, word) in [
        (json!({}), "pattern"),
        (json!({"pattern": "x", "exec": "sh"}), "exec"),
        (json!({"pattern": 5}), "pattern"),
        (json!({"pattern": "x", "count": 101}), "count"),
    ] {
        let refused = plan(&host, json!({"arguments": arguments})).unwrap_err();
        assert_eq!(refused.rule, Rule::ToolArguments);
        assert!(refused.reason.contains(word), "{}", refused.reason);
    }
}

#[test]
fn a_tool_that_nobody_declared_is_not_found() {
    let none = Declared(Settings::default(), Some("librarian"));
    assert_eq!(plan(&none, json!({})).unwrap_err().rule, Rule::ToolNotFound);
}

#[test]
fn a_list_shows_schema_and_confinement_and_no_value_of_the_environment() {
    let list = Operation::from_value(json!({"kind": "tool", "op": "list", "resource": "declared"})).unwrap();
    let answer = crate::adapter::of(&list)
        .read(&host(&WHOLE.replacen("LANG = \"C\"", "TOKEN = \"s3cret\"", 1)))
        .unwrap();
    let tool = &answer.result["tools"][0];
    assert_eq!((&tool["name"], &tool["tier"], &tool["egress"]), (&json!("rg"), &json!("c"), &json!("none")));
    assert_eq!(tool["schema"]["required"], json!(["pattern"]));
    assert_eq!(tool["environment"], json!(["TOKEN"]));
    assert!(!answer.result.to_string().contains("s3cret"));
}

#[test]
fn the_log_has_the_confinement_and_neither_environment_nor_input() {
    let text = WHOLE.replacen("LANG = \"C\"", "TOKEN = \"s3cret=1\"", 1);
    let planned = plan(&host(&text), json!({"arguments": {"pattern": "x"}, "input": "s3cret"})).unwrap();
    let line = planned.steps[0].argv.to_string();
    assert!(line.starts_with("tool reeve-tool-v1;tool=rg;tier=c;user=reeve-tool;"), "{line}");
    assert!(line.ends_with(";env=TOKEN input=6 --json -- x"), "{line}");
    assert!(!line.contains("s3cret"));
}

#[test]
fn a_run_has_as_many_calls_as_are_declared_and_has_to_be_named() {
    let host = host(&WHOLE.replacen("tier = \"c\"", "tier = \"c\"\nmax_calls_per_run = 2", 1));
    let asked = || plan(&host, json!({"arguments": {"pattern": "x"}}));
    for (before, is_refused) in
        [(Some(0), false), (Some(1), false), (Some(2), true), (Some(u64::MAX), true), (None, true)]
    {
        CALLS.set(before);
        assert_eq!(
            asked().err().map(|refused| refused.rule),
            is_refused.then_some(Rule::ToolCalls),
            "{before:?}"
        );
    }
    assert!(
        plan(&self::host(WHOLE), json!({"arguments": {"pattern": "x"}})).is_ok(),
        "without the key nothing is counted"
    );
}

#[test]
fn names_of_the_policys_lists_go_into_the_confinement_and_a_host_is_looked_at_before_the_start() {
    let egress = |mode: &str| {
        let keys = format!("tier = \"c\"\negress = \"{mode}\"\negress_allow = [\"*.example.org:443\"]");
        plan(
            &host(&WHOLE.replacen("tier = \"c\"", &keys, 1)),
            json!({"arguments": {"pattern": "https://bad.example.org/"}}),
        )
    };
    let planned = egress("strict").unwrap();
    let confinement = sandbox::decode(&planned.steps[0].argv.args[0]).unwrap();
    assert_eq!(confinement.egress.lists().unwrap().never, ["bad.example.org"]);
    let shown = format!("{:?}", planned.effects);
    assert!(shown.contains("reaching only *.example.org:443"), "{shown}");
    assert_eq!(egress("preflight").unwrap_err().rule, Rule::ToolArguments);
    let keys = "tier = \"c\"\negress = \"strict\"\negress_allow = [\"a.example.org:9\"]";
    let refused =
        plan(&host(&WHOLE.replacen("tier = \"c\"", keys, 1)), json!({"arguments": {"pattern": "x"}}));
    assert_eq!(refused.unwrap_err().rule, Rule::ToolHosts);
}

#[test]
fn a_program_that_no_package_has_is_not_run() {
    let host = host(&WHOLE.replacen(
        "sha256 = \"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f\"",
        "package = \"no-such-package\"",
        1,
    ));
    let refused = plan(&host, json!({"arguments": {"pattern": "x"}})).unwrap_err();
    assert_eq!(refused.rule, Rule::ToolNotFound);
    assert!(refused.reason.contains("no-such-package"), "{}", refused.reason);
}

#[test]
fn a_run_is_counted_by_its_tier_and_end() {
    let planned = plan(&host(WHOLE), json!({"arguments": {"pattern": "x"}})).unwrap();
    let start = Some(std::time::Duration::from_millis(7));
    let ended = |by: &str| json!({"ended": {"by": by}, "used": {"start_ms": 7}});
    assert_eq!(counted(&planned, &ended("itself")), Some(("c", "itself", start)));
    assert_eq!(counted(&planned, &ended("limit")), Some(("c", "limit", start)));
    assert_eq!(counted(&planned, &json!({"error": "refused"})), Some(("c", "refused", None)));
    let nothing = Plan { effects: Effects::none(), steps: Vec::new(), undo: None, settled: false };
    assert_eq!(counted(&nothing, &ended("itself")), None);
}
