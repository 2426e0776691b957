//! Names of refs that mean two things: a tag that is called as a branch is, a branch that is called as a commit is.

use serde_json::json;

use crate::bench::Bench;

#[test]
fn a_name_that_means_two_things_moves_a_branch_to_the_commit_that_was_shown_or_nowhere() {
    let id = Bench::new().git("app", &["hash-object", "a"]);
    for name in ["main", "HEAD", "heads/main", "tags/main", "FETCH_HEAD", "first", id.as_str()] {
        let bench = Bench::new();
        let (first, second) = (bench.git("app", &["rev-parse", "HEAD~1"]), bench.head("app"));
        // A tag at one commit, and a branch at another, both of the name; and a branch that is called as the commit is.
        bench.git("app", &["update-ref", &format!("refs/tags/{name}"), &first]);
        bench.git("app", &["update-ref", &format!("refs/heads/{name}"), &second]);
        bench.git("app", &["update-ref", &format!("refs/heads/{first}"), &second]);
        for to in [name, first.as_str()] {
            let shown = match bench.plan("app", "reset", json!({"to": to})) {
                Ok(plan) => plan.effects.objects.first().and_then(|object| object.becomes.clone()),
                Err(_refused) => None,
            };
            if let Some(becomes) = &shown {
                bench.done("app", "reset", json!({"to": to}));
                assert_eq!(bench.head("app"), *becomes, "{to}");
            }
            assert!([&first, &second].contains(&&bench.head("app")), "{to}");
            assert_eq!(bench.git("app", &["symbolic-ref", "HEAD"]), "refs/heads/main", "{to}");
            bench.git("app", &["reset", "--quiet", "--hard", &second]);
        }
        // By its id a commit is meant, whatever is called so.
        let plan = bench.plan("app", "reset", json!({"to": &first})).unwrap();
        assert_eq!(plan.effects.objects[0].becomes.as_deref(), Some(first.as_str()), "{name}");
    }
    let bench = Bench::new();
    bench.git("app", &["tag", "main", "HEAD~1"]);
    assert_ne!(bench.git("app", &["rev-parse", "main"]), bench.head("app"), "plain git takes the tag");
}

#[test]
fn a_branch_is_switched_to_by_its_own_name_and_not_by_a_tags() {
    let bench = Bench::new();
    bench.git("app", &["branch", "work", "HEAD~1"]);
    let (work, main) = (bench.git("app", &["rev-parse", "work"]), bench.head("app"));
    bench.git("app", &["tag", "work", &main]);
    bench.git("app", &["update-ref", &format!("refs/heads/{main}"), &work]);
    bench.done("app", "checkout", json!({"branch": "work"}));
    assert_eq!(
        (bench.head("app"), bench.git("app", &["symbolic-ref", "HEAD"])),
        (work, "refs/heads/work".to_owned())
    );
}
