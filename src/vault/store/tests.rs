//! What is put into a vault is known to be there, and what fails leaves it as it was, with a vault that fails as it is told.

use std::sync::Mutex;

use super::*;

#[derive(Debug, Clone)]
struct Version {
    value: String,
    is_enabled: bool,
    was_taken_back: bool,
    tags: BTreeMap<String, String>,
}

/// How it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ill {
    Well,
    /// Keeps something else than what it was given.
    Loses,
    /// Takes it in, and says that it did not.
    AnswersNothing,
    /// Somebody else is faster.
    Raced,
    /// Does not take anything in.
    Refuses,
    /// Neither takes anything in nor out, once it has what is put there.
    Dies,
}

struct Shelf {
    versions: Mutex<Vec<Version>>,
    ill: Ill,
}

fn trouble(problem: &str) -> Trouble {
    Trouble { problem: problem.to_owned(), credential: Some("shelf") }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

impl Shelf {
    fn new(values: &[&str], ill: Ill) -> Self {
        let tags = BTreeMap::from([("of".to_owned(), "ops".to_owned())]);
        let version = |value: &&str| Version {
            value: (*value).to_owned(),
            is_enabled: true,
            was_taken_back: false,
            tags: tags.clone(),
        };
        Self { versions: Mutex::new(values.iter().map(version).collect()), ill }
    }

    /// What it gives out of each version.
    fn given_out(&self) -> Vec<Option<String>> {
        let versions = self.versions.lock().unwrap();
        versions.iter().map(|one| one.is_enabled.then(|| one.value.clone())).collect()
    }

    fn is_dead(&self) -> bool {
        self.ill == Ill::Dies && self.versions.lock().unwrap().iter().any(|one| one.value == "new")
    }
}

impl Vaults for Shelf {
    async fn get(&self, _url: &Url, _name: &str, version: Option<&str>) -> Result<Got, Trouble> {
        if self.is_dead() {
            return Err(trouble("HTTP 503"));
        }
        let versions = self.versions.lock().unwrap();
        let number: usize = version.unwrap().parse().unwrap();
        Ok(Got { value: secret(&versions[number].value), credential: "shelf" })
    }
}

impl Keeper for Shelf {
    async fn newest(&self, _url: &Url, name: &str) -> Result<Kept, Trouble> {
        if self.is_dead() || name == "forbidden" {
            return Err(trouble("HTTP 503"));
        }
        let versions = self.versions.lock().unwrap();
        Ok(match versions.last() {
            None => Kept::Nothing,
            Some(one) if !one.is_enabled => Kept::Disabled { was_taken_back: one.was_taken_back },
            Some(one) => Kept::Value {
                value: secret(&one.value),
                version: (versions.len() - 1).to_string(),
                about: About { content_type: None, tags: one.tags.clone() },
            },
        })
    }

    async fn put(&self, _url: &Url, _name: &str, value: &Secret, about: &About) -> Result<String, Trouble> {
        if self.ill == Ill::Refuses || self.is_dead() {
            return Err(trouble("HTTP 403 Forbidden"));
        }
        let mut versions = self.versions.lock().unwrap();
        let text = value.expose_text().unwrap();
        let is_ours = text == "new";
        let kept = if self.ill == Ill::Loses && is_ours { "ne" } else { text };
        versions.push(Version {
            value: kept.to_owned(),
            is_enabled: true,
            was_taken_back: false,
            tags: about.tags.clone(),
        });
        let number = versions.len() - 1;
        if self.ill == Ill::Raced && is_ours {
            versions.push(Version {
                value: "theirs".to_owned(),
                is_enabled: true,
                was_taken_back: false,
                tags: BTreeMap::new(),
            });
        }
        if self.ill == Ill::AnswersNothing && is_ours {
            Err(trouble("no answer"))
        } else {
            Ok(number.to_string())
        }
    }

    async fn disable(&self, _url: &Url, _name: &str, version: &str) -> Result<(), Trouble> {
        if self.is_dead() {
            return Err(trouble("HTTP 503"));
        }
        let one = &mut self.versions.lock().unwrap()[version.parse::<usize>().unwrap()];
        (one.is_enabled, one.was_taken_back) = (false, true);
        Ok(())
    }
}

async fn put(shelf: &Shelf, value: &str, taken: Taken) -> Result<(String, bool), String> {
    let url = Url::parse("https://m.example").unwrap();
    let stored = store(shelf, (&url, "smtp"), &secret(value), taken).await?;
    Ok((stored.version.clone(), stored.was_there()))
}

fn given(values: &[Option<&str>]) -> Vec<Option<String>> {
    values.iter().map(|value| value.map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_value_is_put_there_once_and_keeps_what_was_written_about_it() {
    let shelf = Shelf::new(&[], Ill::Well);
    assert_eq!(put(&shelf, "new", Taken::Refused).await, Ok(("0".to_owned(), false)));
    assert_eq!(put(&shelf, "new", Taken::Refused).await, Ok(("0".to_owned(), true)));
    let shelf = Shelf::new(&["old"], Ill::Well);
    assert_eq!(put(&shelf, "new", Taken::Renewed).await, Ok(("1".to_owned(), false)));
    assert_eq!(shelf.versions.lock().unwrap()[1].tags["of"], "ops");
}

#[tokio::test]
async fn somebody_elses_value_is_not_overwritten() {
    let shelf = Shelf::new(&["old"], Ill::Well);
    assert!(put(&shelf, "new", Taken::Refused).await.unwrap_err().contains("is left alone"));
    assert_eq!(shelf.given_out(), given(&[Some("old")]));
}

#[tokio::test]
async fn somebody_elses_disabled_value_is_not_overwritten() {
    let shelf = Shelf::new(&["old"], Ill::Well);
    shelf.versions.lock().unwrap()[0].is_enabled = false;
    let problem = put(&shelf, "new", Taken::Refused).await.unwrap_err();
    assert!(problem.contains("a disabled value under this name, which is left alone"), "{problem}");
    assert_eq!(shelf.given_out(), given(&[None]));
    // Root may put one there by its name, knowing it, and what Reeve itself took back is in nobody's way.
    put(&shelf, "new", Taken::Renewed).await.unwrap();
    assert_eq!(shelf.given_out(), given(&[None, Some("new")]));
    let shelf = Shelf::new(&[], Ill::Well);
    let moves = [Move {
        url: Url::parse("https://m.example").unwrap(),
        name: "smtp".to_owned(),
        value: secret("new"),
        taken: Taken::Refused,
    }];
    store_all(&shelf, &moves, || Err(io::Error::other("the disk is full"))).await.unwrap_err();
    assert_eq!(shelf.given_out(), given(&[None]));
    store_all(&shelf, &moves, || Ok(())).await.unwrap();
    assert_eq!(shelf.given_out(), given(&[None, Some("new")]));
}

#[tokio::test]
async fn what_is_read_back_otherwise_is_taken_back_and_the_old_value_holds() {
    for ill in [Ill::Loses, Ill::AnswersNothing] {
        let shelf = Shelf::new(&["old"], ill);
        let problem = put(&shelf, "new", Taken::Renewed).await.unwrap_err();
        assert!(problem.ends_with("; it was taken back"), "{problem}");
        assert_eq!(shelf.given_out(), given(&[Some("old"), None, Some("old")]), "{ill:?}");
        assert_eq!(shelf.versions.lock().unwrap()[2].tags["of"], "ops");
        let shelf = Shelf::new(&[], ill);
        assert!(put(&shelf, "new", Taken::Renewed).await.is_err());
        assert_eq!(shelf.given_out(), given(&[None]), "{ill:?}");
    }
}

#[tokio::test]
async fn of_two_at_once_only_one_is_content() {
    let shelf = Shelf::new(&[], Ill::Raced);
    let problem = put(&shelf, "new", Taken::Renewed).await.unwrap_err();
    assert!(problem.starts_with("somebody else put another value there"), "{problem}");
    assert_eq!(shelf.given_out(), given(&[None, Some("theirs")]));
    let shelf = Shelf::new(&["old"], Ill::Raced);
    assert!(put(&shelf, "new", Taken::Renewed).await.is_err());
    assert_eq!(shelf.given_out(), given(&[Some("old"), None, Some("theirs")]));
}

#[tokio::test]
async fn a_vault_that_refuses_has_nothing_new_and_one_that_dies_is_said_to_be_unknown() {
    let shelf = Shelf::new(&["old"], Ill::Refuses);
    assert_eq!(put(&shelf, "new", Taken::Renewed).await.unwrap_err(), "HTTP 403 Forbidden (as shelf)");
    assert_eq!(shelf.given_out(), given(&[Some("old")]));
    let shelf = Shelf::new(&["old"], Ill::Dies);
    let problem = put(&shelf, "new", Taken::Renewed).await.unwrap_err();
    assert!(problem.contains("could not be looked at"), "{problem}");
}

fn moves(names: &[&str]) -> Vec<Move> {
    let url = Url::parse("https://m.example").unwrap();
    let one = |name: &&str| Move {
        url: url.clone(),
        name: (*name).to_owned(),
        value: secret("new"),
        taken: Taken::Refused,
    };
    names.iter().map(one).collect()
}

#[tokio::test]
async fn when_one_of_several_fails_or_what_relies_on_them_all_of_them_are_taken_back() {
    let shelf = Shelf::new(&[], Ill::Well);
    let problem = store_all(&shelf, &moves(&["smtp", "forbidden"]), || panic!("was done")).await.unwrap_err();
    assert_eq!(problem, "forbidden: HTTP 503 (as shelf)");
    assert_eq!(shelf.given_out(), given(&[None]));
    let failed = || Err(io::Error::other("no room"));
    assert_eq!(store_all(&shelf, &moves(&["smtp"]), failed).await.unwrap_err(), "no room");
    assert_eq!(shelf.given_out(), given(&[None, None]));
    let moved = store_all(&shelf, &moves(&["smtp"]), || Ok(())).await.unwrap();
    assert_eq!(moved, [Moved { name: "smtp".to_owned(), version: "2".to_owned(), was_there: false }]);
}

#[tokio::test]
async fn what_no_vault_can_hold_is_not_put_there() {
    let shelf = Shelf::new(&[], Ill::Well);
    for value in ["", &"x".repeat(MOST_IN_VAULT + 1)] {
        assert!(put(&shelf, value, Taken::Renewed).await.is_err());
    }
    let url = Url::parse("https://m.example").unwrap();
    assert!(store(&shelf, (&url, "a"), &Secret::new(vec![0xff]), Taken::Renewed).await.is_err());
    assert!(shelf.given_out().is_empty());
}
