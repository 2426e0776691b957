//! What `systemctl show` prints: `Name=value` lines, and an empty line between units. systemd itself writes
//! `[unprintable]` for a text that holds a line end, so that no value can pass for another property.

use std::collections::BTreeMap;

/// The properties of one unit; one that can be there several times, such as `ExecStart`, has several values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Properties(BTreeMap<String, Vec<String>>);

impl Properties {
    /// Reads a block for each unit; None when a line is of another form.
    pub(super) fn blocks(stdout: &[u8]) -> Option<Vec<Self>> {
        let text = std::str::from_utf8(stdout).ok()?;
        if text.is_empty() {
            return Some(Vec::new());
        }
        text.strip_suffix('\n')?.split("\n\n").map(Self::block).collect()
    }

    fn block(text: &str) -> Option<Self> {
        let mut properties: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in text.lines() {
            let (name, value) = line.split_once('=')?;
            let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric());
            is_name.then(|| properties.entry(name.to_owned()).or_default().push(value.to_owned()))?;
        }
        Some(Self(properties))
    }

    /// The only value of a property; None when it is not there, or is there twice.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        match self.0.get(name)?.as_slice() {
            [value] => Some(value),
            [] | [_, _, ..] => None,
        }
    }

    /// The same, where an empty value says that there is none.
    pub(super) fn some(&self, name: &str) -> Option<&str> {
        self.one(name).filter(|value| !value.is_empty())
    }

    /// The names in a property that is a list of units. What has an escape in it stands in quotation marks, its
    /// backslashes doubled: `"system-a\\x2db.slice"`.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let unquoted = |word: &str| match word.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(inside) => inside.replace(r"\\", r"\"),
            None => word.to_owned(),
        };
        self.one(name).unwrap_or_default().split_ascii_whitespace().map(unquoted).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_units_and_a_repeated_property_has_several_values() {
        let printed = b"Id=a.service\nRequires=b.service  c.service\nExecStart={ path=/x }\nExecStart={ path=/y=z }\n\nId=b.service\nRequires=\n";
        let blocks = Properties::blocks(printed).unwrap();
        assert_eq!(blocks.len(), 2);
        assert_eq!(blocks[0].one("Id"), Some("a.service"));
        assert_eq!(blocks[0].list("Requires"), ["b.service", "c.service"]);
        let escaped = Properties::blocks(b"Requires=\"system-a\\\\x2db.slice\" c.service\n").unwrap();
        assert_eq!(escaped[0].list("Requires"), [r"system-a\x2db.slice", "c.service"]);
        assert_eq!(blocks[0].one("ExecStart"), None);
        assert_eq!(blocks[0].iter().find(|(name, _)| *name == "ExecStart").unwrap().1.len(), 2);
        assert_eq!(blocks[1].some("Requires"), None);
        assert!(blocks[1].list("Requires").is_empty());
        assert_eq!(Properties::blocks(b"").unwrap(), []);
    }

    #[test]
    fn what_has_another_form_is_not_read() {
        for printed in
            [b"Id=a".as_slice(), b"hello\n", b"=x\n", b"a b=c\n", b"\xff=x\n", b"Id=a\n\n\n\nId=b\n"]
        {
            let read = Properties::blocks(printed);
            assert!(
                read.is_none_or(|blocks| blocks.iter().any(|block| block.one("Id").is_none())),
                "{printed:?}"
            );
        }
    }
}
