//! What is put in place, what stays, and what is told, with vaults that do as they are told.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tokio::sync::Barrier;

use super::*;
use crate::sys::clock::ManualClock;

/// Answers with what stands here; a name that does not is never answered.
struct Shelf {
    secrets: BTreeMap<&'static str, Result<&'static str, &'static str>>,
    together: Option<Barrier>,
}

impl Vaults for Shelf {
    async fn get(&self, _url: &Url, name: &str, _version: Option<&str>) -> Result<Got, Trouble> {
        if let Some(together) = &self.together {
            together.wait().await;
        }
        match self.secrets.get(name) {
            Some(Ok(value)) => Ok(Got { value: Secret::new(value.as_bytes().to_vec()), credential: "shelf" }),
            Some(Err(problem)) => Err(Trouble { problem: (*problem).to_owned(), credential: Some("shelf") }),
            None => std::future::pending().await,
        }
    }
}

struct Stage {
    folder: tempfile::TempDir,
    config: VaultsConfig,
    wanted: Wanted,
    clock: ManualClock,
}

impl Stage {
    /// With what the gate and reeved want.
    fn new(gate: &[&str], front: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for consumer in ["gate", "reeved", "told"] {
            std::fs::create_dir(folder.path().join(consumer)).unwrap();
        }
        let me = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
        let text = format!(
            "directory = {:?}\nuser = {me:?}\nazure.patience = \"1s\"\n[vault.main]\nurl = \"https://m.example\"\n",
            folder.path()
        );
        let config = VaultsConfig::parse("secrets.toml", &text).unwrap();
        let clock = ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000), Duration::ZERO);
        let mut stage = Self { folder, config, wanted: Wanted::default(), clock };
        stage.want(gate, front);
        stage
    }

    fn want(&mut self, gate: &[&str], front: &[&str]) {
        self.wanted = Wanted::default();
        for (consumer, references) in [(Consumer::Gate, gate), (Consumer::Front, front)] {
            self.wanted.add(consumer, "t", &format!("a = {references:?}")).unwrap();
        }
    }

    async fn fetch(&self, secrets: &[(&'static str, Result<&'static str, &'static str>)]) -> State {
        let shelf = Shelf { secrets: secrets.iter().copied().collect(), together: None };
        let state = fetch(&self.config, &self.wanted, Arc::new(shelf), (&self.clock, AT_MOST)).await.unwrap();
        assert_eq!(self.config.folder.state().unwrap(), state);
        let told = std::fs::read_to_string(self.config.folder.state_path()).unwrap();
        assert!(!told.contains("hunter2"), "{told}");
        state
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn value(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.path(name)).ok()
    }
}

#[tokio::test]
async fn each_value_is_put_where_its_reader_alone_finds_it() {
    let stage = Stage::new(&["@kv:smtp", "@kv:main/both"], &["@kv:main/both"]);
    let state = stage.fetch(&[("smtp", Ok("hunter2")), ("both", Ok("hunter2\nlines\n"))]).await;
    assert_eq!(stage.value("gate/smtp").as_deref(), Some("hunter2"));
    assert_eq!(stage.value("gate/main+both").as_deref(), Some("hunter2\nlines\n"));
    assert_eq!(stage.value("reeved/main+both").as_deref(), Some("hunter2\nlines\n"));
    assert_eq!(stage.value("reeved/smtp"), None);
    let mode = std::fs::metadata(stage.path("gate/smtp")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o640);
    let fetched = Fetched {
        reference: "@kv:main/both".to_owned(),
        consumers: vec!["gate".to_owned(), "reeved".to_owned()],
        vault: Some("https://m.example/".to_owned()),
        credential: Some("shelf".to_owned()),
        good_at: Some(1_000),
        problem: None,
    };
    assert_eq!(state.of("@kv:main/both"), Some(&fetched));
}

#[tokio::test]
async fn all_are_asked_for_at_the_same_time() {
    let stage = Stage::new(&["@kv:a", "@kv:b", "@kv:c"], &[]);
    let secrets = ["a", "b", "c"].map(|name| (name, Ok("v"))).into_iter().collect();
    // One after the other, none of them would get past the first.
    let shelf = Shelf { secrets, together: Some(Barrier::new(3)) };
    let state = fetch(&stage.config, &stage.wanted, Arc::new(shelf), (&stage.clock, AT_MOST)).await.unwrap();
    assert!(state.secrets.iter().all(|fetched| fetched.problem.is_none()), "{state:?}");
}

#[tokio::test]
async fn in_an_outage_the_last_good_value_stays_with_its_age_and_the_others_come() {
    let stage = Stage::new(&["@kv:smtp", "@kv:never", "@kv:silent", "@kv:other"], &[]);
    let first = [("smtp", Ok("hunter2")), ("never", Err("HTTP 404 SecretNotFound")), ("other", Ok("1"))];
    let good_at = stage.fetch(&first).await.of("@kv:smtp").unwrap().good_at;
    assert_eq!(good_at, Some(1_000));
    stage.clock.advance(Duration::from_secs(600));
    let second = [("smtp", Err("HTTP 503")), ("never", Ok("")), ("other", Ok("2"))];
    let state = stage.fetch(&second).await;
    assert_eq!(stage.value("gate/smtp").as_deref(), Some("hunter2"));
    assert_eq!(stage.value("gate/other").as_deref(), Some("2"));
    let told = |name: &str| {
        let fetched = state.of(name).unwrap();
        (fetched.good_at.is_some(), fetched.problem.as_deref())
    };
    assert_eq!(told("@kv:smtp"), (true, Some("HTTP 503")));
    assert_eq!(told("@kv:never"), (false, Some("its value is empty, and an empty secret keeps nobody out")));
    assert_eq!(told("@kv:silent"), (false, Some("no answer within 1 s")));
    assert_eq!(told("@kv:other"), (true, None));
    assert_eq!(stage.value("gate/never"), None);
}

#[tokio::test]
async fn a_vault_that_answers_nobody_is_told_within_the_units_time() {
    let names: Vec<String> = (0..200).map(|number| format!("@kv:silent-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut stage = Stage::new(&[], &["@kv:smtp"]);
    stage.fetch(&[("smtp", Ok("hunter2"))]).await;
    stage.want(&names, &["@kv:smtp"]);
    stage.fetch(&[("smtp", Ok("hunter2"))].map(|one| one)).await;
    let (began, within) = (tokio::time::Instant::now(), Duration::from_millis(1_500));
    let shelf = Shelf { secrets: BTreeMap::new(), together: None };
    let round = (&stage.clock as &dyn Clock, within);
    let state = fetch(&stage.config, &stage.wanted, Arc::new(shelf), round).await.unwrap();
    // Sixteen at a time and a second for each would be thirteen.
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    assert_eq!(stage.config.folder.state().unwrap(), state);
    assert_eq!(state.secrets.len(), 201);
    assert!(state.secrets.iter().all(|fetched| fetched.problem.is_some()), "{state:?}");
    // What was there before stays.
    assert_eq!(stage.value("reeved/smtp").as_deref(), Some("hunter2"));
}

#[tokio::test]
async fn a_round_waits_for_another_one_that_goes_on() {
    let stage = Stage::new(&["@kv:smtp"], &[]);
    let held = folder::alone(&stage.config.folder).unwrap().unwrap();
    let round = stage.fetch(&[("smtp", Ok("hunter2"))]);
    tokio::pin!(round);
    let early = tokio::time::timeout(Duration::from_millis(300), &mut round).await;
    assert!(early.is_err() && stage.value("gate/smtp").is_none());
    drop(held);
    assert_eq!(round.await.of("@kv:smtp").unwrap().problem, None);
}

#[tokio::test]
async fn what_nobody_wants_any_more_is_taken_away() {
    let mut stage = Stage::new(&["@kv:old", "@kv:new"], &["@kv:new"]);
    stage.fetch(&[("old", Ok("hunter2")), ("new", Ok("hunter2"))]).await;
    stage.want(&["@kv:new"], &[]);
    stage.fetch(&[("new", Ok("hunter2"))]).await;
    assert_eq!(stage.value("gate/old"), None);
    assert_eq!(stage.value("reeved/new"), None);
    assert_eq!(stage.value("gate/new").as_deref(), Some("hunter2"));
}

#[tokio::test]
async fn a_reference_to_a_vault_that_nobody_named_is_told_and_asks_nobody() {
    let stage = Stage::new(&["@kv:mian/smtp"], &[]);
    let state = stage.fetch(&[("smtp", Ok("hunter2"))]).await;
    let problem = state.of("@kv:mian/smtp").unwrap().problem.clone().unwrap();
    assert_eq!(problem, "secrets.toml has no [vault.mian]; did you mean `main`?");
}
