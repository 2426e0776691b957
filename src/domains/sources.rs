//! Every list with where it comes from: looked at again and again, taken over when it is good, and left as it was when it is not.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::config::{ListConfig, ListsConfig, Origin, Tools};
use super::extract::Found;
use super::kept::Kept;
use super::list::{BadLine, DomainList, Read};
use crate::sys::foreign_file::{self, Mark};
use crate::sys::ids;

/// How often what was fetched is looked at, at least.
const LOOK: Duration = Duration::from_secs(60);

/// The lists in force.
#[derive(Debug)]
pub struct DomainLists {
    config: ListsConfig,
    owners: Vec<u32>,
    kept: Option<Kept>,
    sources: Mutex<Vec<Source>>,
    in_force: ArcSwap<BTreeMap<String, Arc<DomainList>>>,
}

#[derive(Debug, Default)]
struct Source {
    looked_at: Option<SystemTime>,
    mark: Option<Mark>,
    state: State,
}

/// How a list is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct State {
    /// What policies call it.
    pub name: String,
    /// How many entries are in force; nothing when there is no list at all, and rules that use it are errors.
    pub entries: Option<usize>,
    /// When what is in force was written, in seconds since 1970; nothing for what was kept from before.
    pub written: Option<i64>,
    /// The first of the lines that were skipped.
    pub bad: Vec<BadLine>,
    /// How many those are.
    pub bad_count: usize,
    /// Why the latest is not in force.
    pub problem: Option<String>,
}

/// A list that is not as it was at the last look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// How it is now.
    pub state: State,
    /// Whether other entries are in force.
    pub is_other: bool,
}

impl DomainLists {
    /// No lists at all.
    #[must_use]
    pub fn none() -> Self {
        Self::new(ListsConfig::default(), None, Vec::new())
    }

    /// The lists of a configuration, with their last good texts in a folder. Nothing is read before the first [`DomainLists::look`].
    #[must_use]
    pub fn of(config: ListsConfig, kept: Option<&Path>) -> Self {
        // Root and the process itself are trusted with any list, the one who fetches with what it fetched.
        let fetcher = ids::user(&config.user).ok().flatten().map(|user| user.uid);
        let owners = [0, nix::unistd::geteuid().as_raw()].into_iter().chain(fetcher).collect();
        Self::new(config, kept.map(Kept::new), owners)
    }

    fn new(config: ListsConfig, kept: Option<Kept>, owners: Vec<u32>) -> Self {
        let named = |list: &ListConfig| Source {
            state: State { name: list.name.clone(), ..State::default() },
            ..Source::default()
        };
        let sources = Mutex::new(config.lists.iter().map(named).collect());
        Self { config, owners, kept, sources, in_force: ArcSwap::default() }
    }

    /// What they are made from.
    #[must_use]
    pub fn config(&self) -> &ListsConfig {
        &self.config
    }

    /// Looks at each list whose time has come, and takes over what is new and good. It reads files, so it may block.
    pub fn look(&self, now: SystemTime) -> Vec<Changed> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs = self.config.lists.iter().zip(sources.iter_mut());
        pairs.filter_map(|(list, source)| self.look_at(list, source, now)).collect()
    }

    fn look_at(&self, list: &ListConfig, source: &mut Source, now: SystemTime) -> Option<Changed> {
        let pause = match &list.origin {
            Origin::File(_) => list.refresh,
            Origin::Url { .. } => list.refresh.min(LOOK),
        };
        let is_early = |at: SystemTime| now.duration_since(at).is_ok_and(|since| since < pause);
        if source.looked_at.is_some_and(is_early) {
            return None;
        }
        source.looked_at = Some(now);
        let before = source.state.clone();
        let taken = match self.taken_over(list, source) {
            Ok(taken) => taken,
            Err(problem) => {
                source.state.problem = Some(problem);
                source.state.entries.is_none() && self.take_kept(list, source)
            }
        };
        (taken || source.state != before).then(|| Changed { state: source.state.clone(), is_other: taken })
    }

    /// Takes over what is there now; whether it is another than before.
    fn taken_over(&self, list: &ListConfig, source: &mut Source) -> Result<bool, String> {
        let (path, owners) = match &list.origin {
            Origin::File(path) => (path.clone(), self.owners.get(..2).unwrap_or_default()),
            Origin::Url { .. } => (self.config.fetched(list), self.owners.as_slice()),
        };
        let unreadable = |error: std::io::Error| format!("{}: {error}", path.display());
        let file = foreign_file::open(&path, owners).map_err(unreadable)?;
        let mark = file.mark;
        if source.mark == Some(mark) {
            // The same as was judged before, for good or bad.
            return source.state.problem.clone().map_or(Ok(false), Err);
        }
        source.mark = Some(mark);
        let text = file.read(list.max_bytes).map_err(unreadable)?;
        let read =
            DomainList::read(&text, list.limits).map_err(|error| format!("{}: {error}", path.display()))?;
        let entries = read.list.entries();
        if let Some(last) = source.state.entries.or_else(|| Some(self.kept.as_ref()?.read(list)?.1))
            && entries.saturating_mul(100) < last.saturating_mul(list.least_of_last)
        {
            return Err(format!(
                "{}: has {entries} entries, and the last good one has {last}; least_of_last = {} has that one stay",
                path.display(),
                list.least_of_last
            ));
        }
        source.state.problem = None;
        if let Some(Err(error)) = self.kept.as_ref().map(|kept| kept.write(list, &text, entries)) {
            source.state.problem = Some(format!("is in force, but could not be kept for a restart: {error}"));
        }
        self.put(list, source, read, Some(mark.written));
        Ok(true)
    }

    /// Takes the last good text over, when there is one.
    fn take_kept(&self, list: &ListConfig, source: &mut Source) -> bool {
        let kept = self.kept.as_ref().and_then(|kept| kept.read(list));
        let Some(Ok(read)) = kept.map(|(text, _)| DomainList::read(&text, list.limits)) else { return false };
        self.put(list, source, read, None);
        true
    }

    fn put(&self, list: &ListConfig, source: &mut Source, read: Read, written: Option<i64>) {
        let state = &mut source.state;
        (state.entries, state.written) = (Some(read.list.entries()), written);
        (state.bad, state.bad_count) = (read.bad, read.bad_count);
        let mut all = BTreeMap::clone(&self.in_force.load());
        all.insert(list.name.clone(), Arc::new(read.list));
        self.in_force.store(Arc::new(all));
    }

    /// How each list is.
    pub fn states(&self) -> Vec<State> {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.iter().map(|source| source.state.clone()).collect()
    }

    /// The lists that no tool may reach, by name.
    ///
    /// # Errors
    /// The first of them that has never been readable: what it would deny nobody knows.
    pub fn never_for_tools(&self) -> Result<Vec<(String, Arc<DomainList>)>, String> {
        let all = self.in_force.load();
        let wanted = self.config.lists.iter().filter(|list| list.tools == Tools::Never);
        let found = wanted.map(|list| match all.get(&list.name) {
            Some(found) => Ok((list.name.clone(), Arc::clone(found))),
            None => Err(list.name.clone()),
        });
        found.collect()
    }

    /// For each list that there is, which of these hosts are in it. A list that never was readable is not there.
    #[must_use]
    pub fn matches(&self, found: &Found) -> Value {
        let all = self.in_force.load();
        let of_list = |list: &DomainList| -> Vec<&str> {
            found.domains.iter().filter(|domain| list.has(domain)).map(|domain| domain.as_str()).collect()
        };
        let matches: Map<String, Value> =
            all.iter().map(|(name, list)| (name.clone(), json!(of_list(list)))).collect();
        Value::Object(matches)
    }
}

impl Default for DomainLists {
    fn default() -> Self {
        Self::none()
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::domains::found_in;

    struct Stage {
        folder: tempfile::TempDir,
        now: SystemTime,
    }

    impl Stage {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap(), now: UNIX_EPOCH + Duration::from_secs(1_000_000) }
        }

        fn lists(&self, keys: &str) -> DomainLists {
            let file = self.folder.path().join("bad.txt");
            let text = format!("[[list]]\nname = \"bad\"\nfile = {file:?}\nrefresh = \"1m\"\n{keys}");
            DomainLists::of(
                ListsConfig::parse("lists.toml", &text).unwrap(),
                Some(&self.folder.path().join("kept")),
            )
        }

        fn write(&self, text: &str) {
            let new = self.folder.path().join("new");
            std::fs::write(&new, text).unwrap();
            std::fs::rename(new, self.folder.path().join("bad.txt")).unwrap();
        }

        fn look(&mut self, lists: &DomainLists) -> Vec<Changed> {
            self.now += Duration::from_secs(60);
            lists.look(self.now)
        }
    }

    fn has(lists: &DomainLists, name: &str) -> Option<bool> {
        let found = found_in(&json!([format!("https://{name}/")]));
        lists.matches(&found).get("bad").map(|there| *there == json!([name]))
    }

    #[test]
    fn a_list_is_taken_over_when_it_changes_and_looked_at_as_often_as_said() {
        let mut stage = Stage::new();
        let lists = stage.lists("");
        stage.write("one.example\n");
        assert_eq!(has(&lists, "one.example"), None);
        let changed = stage.look(&lists);
        assert_eq!((changed.len(), changed[0].state.entries), (1, Some(1)));
        assert_eq!((has(&lists, "one.example"), has(&lists, "two.example")), (Some(true), Some(false)));
        assert_eq!(stage.look(&lists), []);
        stage.write("one.example\ntwo.example\nno name at all\n");
        assert_eq!(lists.look(stage.now + Duration::from_secs(59)), []);
        let changed = stage.look(&lists);
        assert_eq!(
            changed[0].state.bad,
            [BadLine { line: 3, problem: "is neither one name nor an address with names".to_owned() }]
        );
        assert_eq!(has(&lists, "two.example"), Some(true));
    }

    #[test]
    fn what_fails_leaves_the_last_good_list_in_force_and_is_said_once() {
        let mut stage = Stage::new();
        let lists = stage.lists("max_megabytes = 1\nmax_entries = 10");
        stage.write("one.example\ntwo.example\nthree.example\nfour.example\n");
        stage.look(&lists);
        let bomb = "x".repeat((1 << 20) + 1);
        let many: String = (0..11).map(|number| format!("n{number}.example\n")).collect();
        for (text, problem) in [
            ("", "no entry"),
            ("<html>\n<p>gone\n", "none of a list"),
            (bomb.as_str(), "larger than"),
            (many.as_str(), "more than 10 entries"),
            ("one.example\n", "has 1 entries, and the last good one has 4"),
        ] {
            stage.write(text);
            let changed = stage.look(&lists);
            assert!(changed[0].state.problem.as_ref().unwrap().contains(problem), "{changed:?}");
            assert!(!changed[0].is_other);
            assert_eq!(stage.look(&lists), [], "{problem} is said twice");
            assert_eq!(has(&lists, "four.example"), Some(true));
        }
        std::fs::remove_file(stage.folder.path().join("bad.txt")).unwrap();
        assert!(stage.look(&lists)[0].state.problem.is_some());
        assert_eq!(has(&lists, "four.example"), Some(true));
        stage.write("one.example\nfive.example\n");
        assert_eq!(stage.look(&lists)[0].state.problem, None);
        assert_eq!((has(&lists, "four.example"), has(&lists, "five.example")), (Some(false), Some(true)));
    }

    #[test]
    fn the_last_good_list_outlives_a_restart_and_so_does_its_size() {
        let mut stage = Stage::new();
        let lists = stage.lists("");
        stage.write("one.example\ntwo.example\nthree.example\n");
        stage.look(&lists);
        drop(lists);
        for text in ["", "one.example\n"] {
            stage.write(text);
            let lists = stage.lists("");
            let changed = stage.look(&lists);
            assert_eq!((changed[0].is_other, changed[0].state.written), (true, None));
            assert!(changed[0].state.problem.is_some());
            assert_eq!(has(&lists, "three.example"), Some(true));
        }
        let lists = stage.lists("least_of_last = 10");
        stage.look(&lists);
        assert_eq!(has(&lists, "three.example"), Some(false));
    }

    #[test]
    fn a_list_that_no_tool_may_reach_is_there_or_is_missed_by_name() {
        let mut stage = Stage::new();
        let (plain, never) = (stage.lists(""), stage.lists("tools = \"never\""));
        assert_eq!(never.never_for_tools().unwrap_err(), "bad");
        assert_eq!(plain.never_for_tools().unwrap().len(), 0);
        stage.write("one.example\n");
        stage.look(&never);
        stage.look(&plain);
        assert_eq!(never.never_for_tools().unwrap()[0].0, "bad");
        assert_eq!(
            plain.never_for_tools().unwrap().len(),
            0,
            "a list that is not for tools is none of theirs"
        );
    }

    #[test]
    fn a_list_of_somebody_elses_is_not_read() {
        let mut stage = Stage::new();
        std::fs::write(stage.folder.path().join("real"), "one.example\n").unwrap();
        std::os::unix::fs::symlink(stage.folder.path().join("real"), stage.folder.path().join("bad.txt"))
            .unwrap();
        let lists = stage.lists("");
        assert!(stage.look(&lists)[0].state.problem.is_some());
        assert_eq!(has(&lists, "one.example"), None);
    }
}
