//! What is taken out of a grant again, which only mounts can do: what is hidden of a path to read, and what is protected of a
//! workspace to write.

use super::{Confinement, Tier, Workspace};

/// As many as a confinement names of either.
const MOST_NAMED: usize = 16;
/// As long as one of them may be.
const MOST_BYTES: usize = 512;

/// Whether there is what each of them is taken out of, and a tier that can.
pub(super) fn is_there_for(confinement: &Confinement) -> bool {
    let Confinement { tier, workspace, read_only, hidden, protected, .. } = confinement;
    if hidden.is_empty() && protected.is_empty() {
        return true;
    }
    let is_below = |path: &String| {
        read_only.iter().any(|top| path.strip_prefix(top.as_str()).is_some_and(|rest| rest.starts_with('/')))
    };
    *tier == Tier::C
        && hidden.len() <= MOST_NAMED
        && protected.len() <= MOST_NAMED
        && hidden.iter().all(|path| path.strip_prefix('/').is_some_and(is_path) && is_below(path))
        && protected.iter().all(|path| is_path(path))
        && (protected.is_empty() || *workspace != Workspace::Fresh)
}

fn is_path(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b';';
    text.len() <= MOST_BYTES
        && text.bytes().all(plain)
        && text.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Whether something protected is a name, and so protected wherever it is.
#[must_use]
pub fn is_name(protected: &str) -> bool {
    !protected.contains('/')
}

#[cfg(test)]
mod tests {
    use super::super::encoding::tests::sample;
    use super::*;

    #[test]
    fn what_cannot_be_carved_out_is_no_confinement() {
        let with = |tier, hidden: &[&str], protected: &[&str]| {
            let own = |all: &[&str]| all.iter().map(|&one| one.to_owned()).collect();
            is_there_for(&Confinement { hidden: own(hidden), protected: own(protected), ..sample(tier) })
        };
        assert!(with(Tier::C, &["/srv/docs/private", "/opt/x/y/z"], &[".git", "vendor/x/.git"]));
        for (hidden, protected) in [
            (&["/srv/docs"][..], &[][..]),
            (&["/srv/docs2/x"], &[]),
            (&["/srv"], &[]),
            (&["/srv/docs/../x"], &[]),
            (&["/srv/docs/"], &[]),
            (&["/srv/docs/a;b"], &[]),
            (&[], &["/abs"]),
            (&[], &["../x"]),
            (&[], &["a//b"]),
            (&[], &[""]),
            (&[], &["x"; 17]),
        ] {
            assert!(!with(Tier::C, hidden, protected), "{hidden:?} {protected:?}");
        }
        assert!(!with(Tier::B, &["/srv/docs/private"], &[]) && !with(Tier::B, &[], &[".git"]));
        let fresh = Confinement {
            workspace: Workspace::Fresh,
            protected: vec![".git".to_owned()],
            ..sample(Tier::C)
        };
        assert!(!is_there_for(&fresh));
    }
}
