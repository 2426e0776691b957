//! What the two folders hold, and what is made of what should not be in them.

use super::*;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for folder in ["waiting", "told"] {
            fs::create_dir(place.0.path().join(folder)).unwrap();
        }
        place
    }

    fn spool(&self, most: usize) -> Spool {
        let text = format!(
            "directory = {:?}\nmost_waiting = {most}\n[[webhook]]\nname = \"one\"\nurl = \"https://a.example\"\nkey = \"/k\"\n[[webhook]]\nname = \"two\"\nurl = \"https://b.example\"\nkey = \"/k\"\n",
            self.0.path()
        );
        Spool::of(&AlarmsConfig::parse("alarms.toml", &text).unwrap())
    }
}

fn alarm(id: &str) -> Alarm {
    let text = |text: &str| text.to_owned();
    Alarm {
        id: text(id),
        host: text("host01"),
        what: text("test"),
        text: text("…"),
        at: 1_000,
        expires_at: 61_000,
    }
}

fn told(outcome: Outcome) -> Told {
    Told { outcome, tries: 2, why: None }
}

#[test]
fn an_alarm_waits_until_every_way_is_done_with_it() {
    let (place, now) = (Place::new(), 2_000);
    let spool = place.spool(10);
    spool.put(&alarm("al_2")).unwrap();
    spool.put(&alarm("al_1")).unwrap();
    assert_eq!(spool.waiting().unwrap(), [alarm("al_1"), alarm("al_2")]);
    spool.settle("al_1", "one", &told(Outcome::Told)).unwrap();
    assert!(spool.is_settled("al_1", "one") && !spool.is_settled("al_1", "two"));
    assert_eq!(spool.ended(now).unwrap(), []);
    spool.settle("al_1", "two", &told(Outcome::Expired)).unwrap();
    let said = vec![("one".to_owned(), told(Outcome::Told)), ("two".to_owned(), told(Outcome::Expired))];
    assert_eq!(spool.ended(now).unwrap(), [("al_1".to_owned(), said)]);
    spool.remove("al_1").unwrap();
    spool.tidy().unwrap();
    assert_eq!(spool.count().unwrap(), 1);
    assert_eq!(names(&spool.told).unwrap(), [""; 0]);
}

#[test]
fn no_more_wait_than_may_and_what_nobody_fetches_ends_with_its_time() {
    let place = Place::new();
    let spool = place.spool(2);
    spool.put(&alarm("al_1")).unwrap();
    spool.put(&alarm("al_2")).unwrap();
    assert!(matches!(spool.put(&alarm("al_3")), Err(PutError::Full(2))));
    spool.settle("al_1", "one", &told(Outcome::Told)).unwrap();
    assert_eq!(spool.ended(61_000 + GRACE).unwrap(), []);
    let ended = spool.ended(61_001 + GRACE).unwrap();
    let outcomes: Vec<_> =
        ended.iter().map(|(id, said)| (id.as_str(), said[0].1.outcome, said[1].1.outcome)).collect();
    assert_eq!(
        outcomes,
        [("al_1", Outcome::Told, Outcome::Expired), ("al_2", Outcome::Expired, Outcome::Expired)]
    );
}

#[test]
fn what_does_not_belong_there_is_passed_over_and_bounded() {
    let place = Place::new();
    let spool = place.spool(10);
    let long = "x".repeat(100_000);
    let in_waiting = |name: &str| place.0.path().join("waiting").join(name);
    fs::write(in_waiting("al_9.json"), serde_json::to_vec(&alarm("al_other")).unwrap()).unwrap();
    fs::write(in_waiting("al_8.json"), "{").unwrap();
    fs::write(in_waiting("al_7.json"), &long).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", in_waiting("al_6.json")).unwrap();
    assert_eq!(spool.waiting().unwrap(), []);
    // Of who delivers nothing is believed that is no file of theirs, and no more words than fit into a record.
    spool.put(&alarm("al_1")).unwrap();
    let in_told = |name: &str| place.0.path().join("told").join(name);
    std::os::unix::fs::symlink("/etc/passwd", in_told("al_1.one.json")).unwrap();
    spool.settle("al_1", "two", &Told { why: Some("y".repeat(1_000)), ..told(Outcome::Told) }).unwrap();
    let waits = |ended: &[Ended]| !ended.iter().any(|(id, _)| id == "al_1");
    assert!(waits(&spool.ended(2_000).unwrap()));
    let ended = spool.ended(u64::MAX).unwrap();
    let (_, said) = ended.iter().find(|(id, _)| id == "al_1").unwrap();
    assert_eq!(said[0].1.tries, 0);
    assert_eq!(said[1].1.why.as_deref().map(str::len), Some(MOST_WORDS));
}
