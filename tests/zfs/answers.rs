//! Answers to reads, from tools with JSON and from older ones.

use std::sync::OnceLock;

use reeve::adapter::{self, Argv, Host, HostError, ListingForm, ToolOutput};
use serde_json::json;

use crate::model::{Model, operation};

const START: &[&str] = &[
    "zfs create tank/a",
    "zfs create tank/a/b",
    "zfs set quota=10M tank/a",
    "zfs snapshot tank/a@s",
    "zfs bookmark tank/a@s tank/a#m",
];

/// The same host with tools from before OpenZFS 2.3.
struct Old(Model, OnceLock<ListingForm>);

impl Host for Old {
    fn read(&self, argv: &Argv) -> Result<ToolOutput, HostError> {
        if argv.args.iter().any(|arg| arg == "-j") {
            let stderr = b"invalid option 'j'\nusage:\n".to_vec();
            return Ok(ToolOutput { exit_code: 2, stdout: Vec::new(), stderr });
        }
        self.0.read(argv)
    }

    fn listing_form(&self) -> Option<&OnceLock<ListingForm>> {
        Some(&self.1)
    }
}

fn names(model: &Model, params: serde_json::Value) -> Vec<String> {
    let answer = adapter::of(&operation("list", "tank/a", params)).read(model).unwrap();
    answer.result["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_list_has_what_was_asked_for() {
    let model = Model::after(START);
    assert_eq!(names(&model, json!({})), ["tank/a"]);
    assert_eq!(names(&model, json!({"recursive": true})), ["tank/a", "tank/a/b"]);
    assert_eq!(names(&model, json!({"types": ["snapshot", "bookmark"]})), ["tank/a@s", "tank/a#m"]);
    let all = json!({"recursive": true, "types": ["filesystem", "snapshot"]});
    assert_eq!(names(&model, all), ["tank/a", "tank/a@s", "tank/a/b"]);
}

#[test]
fn guids_above_two_to_the_63rd_come_through_whole() {
    let model = Model::after(START);
    for (name, guid) in model.everything() {
        let answer =
            adapter::of(&operation("get", &name, json!({"properties": ["guid"]}))).read(&model).unwrap();
        assert_eq!(answer.result["properties"]["guid"]["value"], json!(guid));
    }
}

#[test]
fn properties_come_with_their_sources_from_new_and_old_tools_alike() {
    let get = operation("get", "tank/a/b", json!({"properties": ["quota", "compression", "com.x:y"]}));
    let commands = [START, &["zfs set compression=zstd tank/a", "zfs set com.x:y=1 tank/a/b"]].concat();
    let old = Old(Model::after(&commands), OnceLock::new());
    let expected = json!({"name": "tank/a/b", "properties": {
        "quota": {"value": "0", "source": "default"},
        "compression": {"value": "zstd", "source": "inherited from tank/a"},
        "com.x:y": {"value": "1", "source": "local"},
    }});
    assert_eq!(adapter::of(&get).read(&old.0).unwrap().result, expected);
    assert_eq!(adapter::of(&get).read(&old).unwrap().result, expected);
    assert_eq!(old.1.get(), Some(&ListingForm::Columns));
}

#[test]
fn what_openzfs_does_not_know_or_have_is_refused() {
    let model = Model::after(START);
    let rule = |op, resource, params| {
        adapter::of(&operation(op, resource, params)).read(&model).unwrap_err().rule.as_str()
    };
    assert_eq!(rule("get", "tank/a", json!({"properties": ["nosuch"]})), "zfs-property");
    assert_eq!(rule("get", "tank/no", json!({})), "zfs-not-found");
    assert_eq!(rule("list", "tank/no", json!({})), "zfs-not-found");
    assert_eq!(rule("list", "gone/no", json!({})), "zfs-pool-missing");
    assert_eq!(rule("pool-status", "gone", json!({})), "zfs-pool-missing");
}

#[test]
fn a_value_with_line_ends_forges_no_other_property() {
    struct Forged;
    impl Host for Forged {
        fn read(&self, argv: &Argv) -> Result<ToolOutput, HostError> {
            let (exit_code, stdout, stderr) = match argv.args.iter().any(|arg| arg == "-j") {
                true => (2, "", "invalid option 'j'\n"),
                false => (0, "com.x:y\t1\tlocal\nquota\t1\tlocal\nquota\t0\tdefault\n", ""),
            };
            Ok(ToolOutput { exit_code, stdout: stdout.into(), stderr: stderr.into() })
        }
    }
    let get = operation("get", "tank/a", json!({"properties": ["com.x:y", "quota"]}));
    assert_eq!(adapter::of(&get).read(&Forged).unwrap_err().rule.as_str(), "host-unreadable");
}

#[test]
fn the_state_of_a_pool_is_read_from_new_and_old_tools() {
    let status = operation("pool-status", "tank", json!({}));
    let model = Model::after(START);
    let answer = adapter::of(&status).read(&model).unwrap().result;
    assert_eq!(
        (&answer["pool"], &answer["state"], &answer["errors"]),
        (&json!("tank"), &json!("ONLINE"), &json!(0))
    );
    assert_eq!(answer["devices"][0]["devices"][0]["name"], json!("/var/tmp/v0"));
    let old = Old(model, OnceLock::new());
    let answer = adapter::of(&status).read(&old).unwrap().result;
    assert_eq!((&answer["state"], &answer["errors"]), (&json!("ONLINE"), &json!("No known data errors")));
    let scrub = operation("scrub", "tank", json!({}));
    let plan = adapter::of(&scrub).plan(&old).unwrap();
    old.0.act(&plan).unwrap();
    assert!(adapter::of(&scrub).verify(&plan, &old).verified);
}

#[test]
fn differences_go_by_grant_and_are_read_from_what_the_step_printed() {
    let model = Model::after(START);
    model.must("zfs fake-write tank/a 10 report.txt");
    let diff = operation("diff", "tank/a@s", json!({}));
    assert!(!adapter::of(&diff).is_plain_read());
    let plan = adapter::of(&diff).plan(&model).unwrap();
    let output = model.step(&plan.steps[0].argv);
    let changes = adapter::of(&diff).interpret(&output.stdout).unwrap();
    assert_eq!(changes["changes"][0]["path"], json!("/tank/a/report.txt"));
    assert_eq!(changes["changes"][0]["change"], json!("created"));
}
