//! The store across reopening, and what listings show.

use serde_json::json;

use super::*;
use crate::operation::{Operation, Submission};
use crate::policy::ReviewTerms;
use crate::principal::PrincipalName;
use crate::sys::scratch::Scratch;

fn principal(name: &str) -> PrincipalName {
    PrincipalName::try_from(name.to_owned()).unwrap()
}

fn job(number: u64, who: &str) -> Job {
    let operation = json!({"kind":"zfs","op":"destroy","resource":format!("tank/a@s{number}")});
    let submission = Submission {
        operation: Operation::from_value(operation).unwrap(),
        reason: Some("weekly".to_owned()),
        run_id: None,
        on_behalf_of: None,
    };
    let id = new_id("op", std::time::UNIX_EPOCH + std::time::Duration::from_millis(number), [0; 10]);
    Job::new(id, principal(who), submission, number)
}

#[test]
fn a_job_is_whole_after_the_store_was_closed_and_opened_again() {
    let scratch = Scratch::new();
    let path = scratch.path("state.redb");
    let mut first = job(1, "librarian");
    first.become_state(State::Denied, 2).unwrap();
    let entry = KeyEntry { operation: "sha256:x".to_owned(), id: first.id.clone(), at: 1 };
    Store::open(&path).unwrap().put_with_key(&first, Some(("key-1", &entry))).unwrap();
    let store = Store::open(&path).unwrap();
    let again = store.get(&first.id).unwrap().unwrap();
    assert_eq!(serde_json::to_value(&again).unwrap(), serde_json::to_value(&first).unwrap());
    assert_eq!(store.key(&principal("librarian"), "key-1").unwrap(), Some(entry));
    assert_eq!(store.key(&principal("archivist"), "key-1").unwrap(), None);
    assert!(store.get("op_00000000000000000000000000").unwrap().is_none());
}

#[test]
fn a_listing_is_newest_first_and_pages_on() {
    let scratch = Scratch::new();
    let store = Store::open(&scratch.path("state.redb")).unwrap();
    for number in 1..=5 {
        store.put(&job(number, if number == 3 { "archivist" } else { "librarian" })).unwrap();
    }
    let filter = Filter { principal: Some(principal("librarian")), ..Filter::default() };
    let page = store.list(&filter, 2).unwrap();
    assert_eq!(page.jobs.iter().map(Job::created_at).collect::<Vec<_>>(), [5, 4]);
    let next = Filter { before: page.next, ..filter.clone() };
    let rest = store.list(&next, 10).unwrap();
    assert_eq!(rest.next, None);
    assert_eq!(rest.jobs.iter().map(Job::created_at).collect::<Vec<_>>(), [2, 1]);
    let none = Filter { state: Some(State::Pending), ..Filter::default() };
    assert!(store.list(&none, 10).unwrap().jobs.is_empty());
    let kind = Filter { kind: Some("pct".to_owned()), ..Filter::default() };
    assert!(store.list(&kind, 10).unwrap().jobs.is_empty());
    assert_eq!(store.since(4).unwrap().iter().map(Job::created_at).collect::<Vec<_>>(), [4, 5]);
}

#[test]
fn what_has_not_ended_is_found_at_a_start_and_what_ended_long_ago_is_forgotten() {
    let scratch = Scratch::new();
    let store = Store::open(&scratch.path("state.redb")).unwrap();
    let mut ended = job(1, "librarian");
    ended.become_state(State::Denied, 10).unwrap();
    let waiting = job(2, "librarian");
    store.put(&ended).unwrap();
    store.put(&waiting).unwrap();
    let open = store.open_jobs().unwrap();
    assert_eq!(open.iter().map(|job| job.id.as_str()).collect::<Vec<_>>(), [waiting.id.as_str()]);
    assert_eq!(store.forget(10).unwrap(), 0);
    assert_eq!(store.forget(11).unwrap(), 1);
    assert!(store.get(&ended.id).unwrap().is_none());
    assert!(store.get(&waiting.id).unwrap().is_some());
}

#[test]
fn a_state_that_does_not_follow_is_refused_and_changes_nothing() {
    let mut ended = job(1, "librarian");
    ended.become_state(State::Denied, 2).unwrap();
    let error = ended.become_state(State::Executing, 3).unwrap_err();
    assert_eq!(error.to_string(), format!("operation {} cannot go from denied to executing", ended.id));
    assert_eq!((ended.state, ended.version()), (State::Denied, 2));
}

/// What a Reeve kept from before layouts were numbered: without what has been added to a job since, and with fewer tables.
const BEFORE_LAYOUTS: &str = include_str!("tests/state-before-layouts.json");

fn store_of_an_older_reeve(path: &std::path::Path) -> serde_json::Value {
    let kept: serde_json::Value = serde_json::from_str(BEFORE_LAYOUTS).unwrap();
    let database = redb::Database::create(path).unwrap();
    let write = database.begin_write().unwrap();
    for (name, entries) in kept.as_object().unwrap() {
        let mut table = write.open_table(redb::TableDefinition::<&str, &[u8]>::new(name)).unwrap();
        for (key, value) in entries.as_object().unwrap() {
            table.insert(key.as_str(), value.to_string().as_bytes()).unwrap();
        }
    }
    write.commit().unwrap();
    kept
}

#[test]
fn a_store_of_an_older_layout_is_opened_with_all_that_is_in_it() {
    let scratch = Scratch::new();
    let path = scratch.path("state.redb");
    let kept = store_of_an_older_reeve(&path);
    let store = Store::open(&path).unwrap();
    let [waiting] = store.open_jobs().unwrap().try_into().unwrap();
    let approval = waiting.approval.as_ref().unwrap();
    assert_eq!(waiting.id, "op_01JD0000000000000000000002");
    assert_eq!(approval.confirmed_by, ["alice"]);
    let two = ReviewTerms::new(2, Some("storage".to_owned()), std::time::Duration::from_secs(1800));
    assert_eq!(approval.terms, two.unwrap());
    let page = store.list(&Filter::default(), 10).unwrap();
    assert_eq!(page.jobs.len(), 2);
    let done = store.get("op_01JD0000000000000000000001").unwrap().unwrap();
    assert_eq!(done.submission.operation.to_value(), kept["jobs-1"][&done.id]["submission"]["operation"]);
    assert_eq!(store.key(&principal("librarian"), "key-1").unwrap().unwrap().id, done.id);
    assert!(store.due(u64::MAX).unwrap().is_empty(), "what is newer than that store is there, and empty");
    drop(store);
    assert!(Store::open(&path).is_ok(), "and once more, by the layout that it has now");
}

#[test]
fn a_store_of_a_newer_layout_is_refused_untouched_and_says_what_to_do() {
    let scratch = Scratch::new();
    let path = scratch.path("state.redb");
    drop(Store::open(&path).unwrap());
    let database = redb::Database::create(&path).unwrap();
    let write = database.begin_write().unwrap();
    let layouts = redb::TableDefinition::<&str, u64>::new("layout");
    write.open_table(layouts).unwrap().insert("layout", 2).unwrap();
    write.open_table(redb::TableDefinition::<&str, &[u8]>::new("jobs-2")).unwrap();
    write.commit().unwrap();
    drop(database);
    let Err(refused) = Store::open(&path) else { panic!("it was opened") };
    assert_eq!(
        refused.to_string(),
        format!(
            "the job store {} has layout 2, and this Reeve reads up to 1: install the Reeve that wrote it, or bring back the copy of \
             the state from before the upgrade (docs/upgrade.md)",
            path.display()
        )
    );
    let database = redb::Database::open(&path).unwrap();
    let read = redb::ReadableDatabase::begin_read(&database).unwrap();
    assert_eq!(read.list_tables().unwrap().count(), 6, "nothing was added to it");
}
