//! What people read of each object of a plan, besides its name: what it was and becomes, and what the adapter noted.

use crate::adapter::{Action, Effects, Object};
use crate::approval::prompt::ObjectLine;

/// The objects in the order of the plan.
pub(super) fn of(effects: &Effects) -> Vec<ObjectLine> {
    effects.objects.iter().map(line).collect()
}

fn line(object: &Object) -> ObjectLine {
    // A playbook's values are digests: behind the first line of its note stands the difference itself.
    let is_played = matches!(object.action, Action::Play | Action::Task | Action::Unforeseen);
    let noted = object.note.as_deref().unwrap_or_default().lines();
    let lines = if is_played {
        noted.skip(1).filter(|line| line.starts_with(['+', '-'])).map(str::to_owned).collect()
    } else {
        change(object).into_iter().chain(noted.map(str::to_owned)).collect()
    };
    ObjectLine { kind: object.kind.clone(), name: object.name.clone(), lines }
}

fn change(object: &Object) -> Option<String> {
    match (&object.was, &object.becomes) {
        (Some(was), Some(becomes)) => Some(format!("{was} -> {becomes}")),
        (Some(was), None) => Some(was.clone()),
        (None, Some(becomes)) => Some(format!("-> {becomes}")),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(action: Action, (was, becomes): (Option<&str>, Option<&str>), note: &str) -> Vec<String> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let object = Object {
            action,
            kind: "container".to_owned(),
            name: "101".to_owned(),
            guid: None,
            was: owned(was),
            becomes: owned(becomes),
            bytes: None,
            note: Some(note.to_owned()),
        };
        let all = of(&Effects { objects: vec![object], ..Effects::none() });
        all.into_iter().flat_map(|object| object.lines).collect()
    }

    #[test]
    fn people_read_what_was_what_becomes_and_every_line_that_was_noted() {
        assert_eq!(
            lines(Action::Destroy, (Some("stopped"), Some("gone; 1 backup stays")), "web"),
            ["stopped -> gone; 1 backup stays", "web"]
        );
        assert_eq!(lines(Action::Move, (Some("one"), None), "a\nb"), ["one", "a", "b"]);
        assert_eq!(lines(Action::Rename, (None, Some("tank/b")), ""), ["-> tank/b"]);
    }

    #[test]
    fn of_a_playbook_they_read_the_difference_and_no_digests() {
        let note = "the message, template at site.yml:4\n@@ -1 +1 @@\n-Hello\n+Bye";
        assert_eq!(
            lines(Action::Task, (Some("sha256:00"), Some("sha256:11 by sha256:22")), note),
            ["-Hello", "+Bye"]
        );
    }
}
