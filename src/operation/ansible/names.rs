//! The name of a playbook, as root's configuration gives it.

use crate::operation::name_type::{check_word, name_type};

name_type! {
    /// A playbook by the name of its section, `[ansible.playbook.NAME]`: never a path.
    PlaybookName, check_word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_playbooks_name_is_a_word_and_never_a_path() {
        for name in ["motd", "web-1.2_x", "a"] {
            assert_eq!(PlaybookName::try_from(name.to_owned()).unwrap().as_str(), name);
        }
        for name in ["", "-x", ".x", "a/b", "../a", "a b", "ä", "a\n", &"a".repeat(65)] {
            assert!(PlaybookName::try_from(name.to_owned()).is_err(), "{name:?}");
        }
    }
}
