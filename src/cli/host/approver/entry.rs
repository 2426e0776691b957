//! One `[[approver]]` as it is written into `gate.toml`, which otherwise stays as root wrote it.

use crate::approval::people::{Approver, Fingerprint, People};

/// Who is enrolled.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) account: String,
    pub(super) fingerprint: String,
    pub(super) unix_user: Option<String>,
    pub(super) groups: Vec<String>,
}

impl Entry {
    /// Whether somebody who is configured is this one.
    pub(super) fn is(&self, person: &Approver) -> bool {
        person.name == self.name
            && person.uuid.to_string() == self.account
            && Fingerprint::parse(&self.fingerprint).as_ref() == Some(&person.fingerprint)
    }
}

/// The text with the entry: at its end, or with the new key in place of the old one where the person is known.
pub(super) fn written(before: &str, entry: &Entry, people: &People) -> Result<String, String> {
    let Some(known) = people.named(&entry.name) else { return Ok(appended(before, entry)) };
    if entry.unix_user.is_some() || !entry.groups.is_empty() {
        return Err(format!(
            "{} is an approver already: groups and Unix user are changed in the file",
            entry.name
        ));
    }
    let account = known.uuid.to_string();
    let text = replaced(before, "uuid", &entry.account, |value| value.eq_ignore_ascii_case(&account))?;
    replaced(&text, "fingerprint", &entry.fingerprint, |value| {
        Fingerprint::parse(value).as_ref() == Some(&known.fingerprint)
    })
}

/// The text without somebody's entry. What stands between it and the next section belongs to that.
pub(super) fn without(before: &str, name: &str) -> Result<String, String> {
    let lines: Vec<&str> = before.lines().collect();
    let is_head = |line: &str| line.trim_start().starts_with('[');
    let is_blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        if line.split('#').next().unwrap_or_default().trim() != "[[approver]]" {
            continue;
        }
        let body = lines.get(start + 1..).unwrap_or_default();
        let body = body.split(|line| is_head(line)).next().unwrap_or_default();
        let last = body.iter().rposition(|line| !is_blank(line)).map_or(0, |last| last + 1);
        let entry = body.get(..last).unwrap_or_default().join("\n");
        let is_theirs = entry
            .parse::<toml::Table>()
            .is_ok_and(|entry| entry.get("name").and_then(toml::Value::as_str) == Some(name));
        if is_theirs {
            found.push((start, start + last));
        }
    }
    let [(start, end)] = found.as_slice() else {
        return Err(format!(
            "the entry of {name} stands {} times as an [[approver]] of its own in the file; change it by hand",
            found.len()
        ));
    };
    let kept = lines.iter().enumerate().filter(|(at, _)| !(start..=end).contains(&at));
    Ok(kept.map(|(_, line)| *line).collect::<Vec<_>>().join("\n") + "\n")
}

fn appended(before: &str, entry: &Entry) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let mut lines = vec![
        before.trim_end().to_owned(),
        String::new(),
        "[[approver]]".to_owned(),
        format!("name = {}", quoted(&entry.name)),
        format!("uuid = {}", quoted(&entry.account)),
        format!("fingerprint = {}", quoted(&entry.fingerprint)),
    ];
    lines.extend(entry.unix_user.iter().map(|user| format!("unix_user = {}", quoted(user))));
    if !entry.groups.is_empty() {
        let groups: Vec<String> = entry.groups.iter().map(|group| quoted(group)).collect();
        lines.push(format!("groups = [{}]", groups.join(", ")));
    }
    lines.join("\n") + "\n"
}

/// The text with one value in place of the only one of that key which is the old one.
fn replaced(text: &str, key: &str, new: &str, is_old: impl Fn(&str) -> bool) -> Result<String, String> {
    let mut count = 0;
    let line = |line: &str| {
        let value = line.trim_start().strip_prefix(key).and_then(|rest| rest.trim_start().strip_prefix('='));
        let value = value.and_then(|rest| rest.split('"').nth(1)).filter(|value| is_old(value))?;
        Some(line.replacen(value, new, 1))
    };
    let lines: Vec<String> = text
        .lines()
        .map(|old| match line(old) {
            Some(new) => {
                count += 1;
                new
            }
            None => old.to_owned(),
        })
        .collect();
    match count {
        1 => Ok(lines.join("\n") + "\n"),
        _ => Err(format!("the {key} to be replaced stands {count} times in the file; change it by hand")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::config::GateConfig;

    const BEFORE: &str = "host = \"h\"\n\n[audit]\ndaily_at = \"never\" # quiet\n";

    fn entry(name: &str, digit: char) -> Entry {
        let account = format!("{0}-1111-4111-8111-111111111111", digit.to_string().repeat(8));
        let fingerprint = format!("05{}", digit.to_string().repeat(64));
        Entry { name: name.to_owned(), account, fingerprint, unix_user: None, groups: Vec::new() }
    }

    fn people(text: &str) -> People {
        GateConfig::parse("gate.toml", text, "h").unwrap().people
    }

    #[test]
    fn somebody_new_stands_at_the_end_and_the_rest_stays_as_it_was() {
        let carol = Entry {
            unix_user: Some("car\"ol".to_owned()),
            groups: vec!["storage".to_owned(), "owners".to_owned()],
            ..entry("carol", 'c')
        };
        let text = written(BEFORE, &carol, &people(BEFORE)).unwrap();
        assert!(text.starts_with(BEFORE), "{text}");
        let people = people(&text);
        let written = people.named("carol").unwrap();
        assert!(carol.is(written) && !carol.is(&Approver { name: "bob".to_owned(), ..written.clone() }));
        assert_eq!(written.groups, ["storage", "owners"]);
        assert_eq!(written.unix_user.as_deref(), Some("car\"ol"));
    }

    #[test]
    fn somebody_with_a_new_phone_has_the_new_key_in_the_place_of_the_old() {
        let both = written(BEFORE, &entry("carol", 'c'), &people(BEFORE)).unwrap();
        let both = written(&both, &entry("bob", 'b'), &people(&both)).unwrap();
        let new = Entry { account: entry("carol", 'c').account, ..entry("carol", 'e') };
        let text = written(&both, &new, &people(&both)).unwrap();
        assert_eq!(text, both.replace(&"c".repeat(64), &"e".repeat(64)));
        assert!(people(&text).iter().any(|person| new.is(person)));
        let also = Entry { groups: vec!["storage".to_owned()], ..new };
        assert!(written(&both, &also, &people(&both)).unwrap_err().contains("already"));
    }

    #[test]
    fn who_is_taken_out_takes_their_own_entry_along_and_nothing_else() {
        let mut text = written(BEFORE, &entry("alice", 'a'), &People::default()).unwrap();
        text += "\n# the second\n[[approver]] # bob\nname = \"bob\"\nuuid = \"bbbbbbbb-1111-4111-8111-111111111111\"\n";
        text += &format!("fingerprint = \"05{}\"\ngroups = [\n  \"storage\",\n]\n", "b".repeat(64));
        text += "\n# of votes by webhook\n[webhook]\nskew = \"2m\"\n";
        let all = people(&text);
        assert_eq!(all.iter().count(), 2);
        let left = without(&text, "bob").unwrap();
        assert!(left.contains("# the second\n\n# of votes by webhook\n[webhook]\nskew = \"2m\"\n"), "{left}");
        assert!(people(&left).iter().eq(all.iter().filter(|one| one.name == "alice")));
        let left = without(&text, "alice").unwrap();
        assert!(people(&left).iter().eq(all.iter().filter(|one| one.name == "bob")), "{left}");
        assert!(without(&text, "carol").unwrap_err().contains("stands 0 times"));
    }
}
