//! What a decision costs in two engines that others use, by the rules that `benches/policy.rs` has in Starlark: cedar-policy and
//! regorus, within one process, from the input as JSON to the verdict. The last of the rules matches.
//!
//! `reeve-bench-engines RULES` prints one JSON object: for each engine the median and what 99 of 100 stay below, in µs.

use std::time::Instant;

use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request};
use serde_json::{Value, json};

const DECISIONS: usize = 2000;

fn main() {
    let rules: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).expect("how many rules");
    let input = json!({
        "tool": format!("tool{}.run", rules - 1),
        "args": {"resource": format!("tank/app{}/data@daily", rules - 1), "recursive": false},
        "context": {"agent_id": "librarian", "roles": ["agent"], "effect": "change", "reversible": true},
    })
    .to_string();
    let other = input.replace("tank/app", "tank/else");
    let (cedar, mut rego) = (Cedar::of(rules), rego(rules));
    for (input, is_allowed) in [(&input, true), (&other, false)] {
        assert_eq!(cedar.decide(input), is_allowed, "cedar: {input}");
        assert_eq!(decide(&mut rego, input), is_allowed, "regorus: {input}");
    }
    let figures =
        json!({"cedar": each(|| cedar.decide(&input)), "regorus": each(|| decide(&mut rego, &input))});
    println!("{figures}");
}

/// The median and the 99th percentile of so many decisions, each of which allows.
fn each(mut decide: impl FnMut() -> bool) -> [f64; 2] {
    let mut times: Vec<f64> = (0..DECISIONS)
        .map(|_| {
            let began = Instant::now();
            assert!(decide());
            began.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    [times[DECISIONS / 2], times[DECISIONS * 99 / 100]]
}

/// Each rule is a policy about one action, as its language is meant; the resource is at or below a dataset.
struct Cedar {
    policies: PolicySet,
    entities: Entities,
    authorizer: Authorizer,
}

impl Cedar {
    fn of(rules: usize) -> Self {
        let text: String = (0..rules)
            .map(|number| {
                let below: String =
                    ["/", "@", "#"].map(|sign| format!(" || context.resource like \"tank/app{number}{sign}*\"")).concat();
                format!(
                    "permit(principal, action == Action::\"tool{number}.run\", resource) when {{ context.resource == \"tank/app{number}\"{below} }};\n"
                )
            })
            .collect();
        let policies = text.parse().expect("the policies");
        Self { policies, entities: Entities::empty(), authorizer: Authorizer::new() }
    }

    fn decide(&self, input: &str) -> bool {
        let input: Value = serde_json::from_str(input).expect("the input");
        let uid = |kind: &str, name: &Value| -> EntityUid {
            format!("{kind}::{}", json!(name)).parse().expect("a name")
        };
        let principal = uid("Agent", &input["context"]["agent_id"]);
        let (action, resource) = (uid("Action", &input["tool"]), uid("Dataset", &input["args"]["resource"]));
        let mut context = input["args"].clone();
        for name in ["roles", "effect", "reversible"] {
            context[name] = input["context"][name].clone();
        }
        let context = Context::from_json_value(context, None).expect("the context");
        let request = Request::new(principal, action, resource, context, None).expect("the request");
        self.authorizer.is_authorized(&request, &self.policies, &self.entities).decision() == Decision::Allow
    }
}

/// The rules as a list that is gone through, as the Starlark has them.
fn rego(rules: usize) -> regorus::Engine {
    // A line each: regorus takes none of more than 1024 columns.
    let list: Vec<String> = (0..rules)
        .map(|number| json!({"tool": format!("tool{number}.run"), "dataset": format!("tank/app{number}")}))
        .map(|rule| rule.to_string())
        .collect();
    let text = format!(
        "package reeve\n\nimport rego.v1\n\nrules := [\n{}\n]\n\ndefault allow := false\n\n\
         allow if {{\n\tsome rule in rules\n\trule.tool == input.tool\n\tbelow(input.args.resource, rule.dataset)\n}}\n\n\
         below(name, top) if name == top\n\nbelow(name, top) if {{\n\tsome sign in [\"/\", \"@\", \"#\"]\n\t\
         startswith(name, concat(\"\", [top, sign]))\n}}\n",
        list.join(",\n")
    );
    let mut engine = regorus::Engine::new();
    engine.add_policy("reeve.rego".to_owned(), text).expect("the policy");
    engine
}

fn decide(engine: &mut regorus::Engine, input: &str) -> bool {
    engine.set_input(regorus::Value::from_json_str(input).expect("the input"));
    engine.eval_rule("data.reeve.allow".to_owned()).expect("a verdict") == regorus::Value::from(true)
}
