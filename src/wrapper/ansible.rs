//! What the wrapper of playbooks takes: a playbook's path, and variables as one JSON object of which Ansible can make
//! nothing but values.
//!
//! No JSON library is linked into what runs as root, and none is needed: text has no escape, numbers are integers, and
//! there is no blank between tokens, so that there is one way to write each value. What a template or a list could be
//! made of, and names that belong to Ansible, are not in this language.

/// What `ansible-playbook` sees of an environment: where its one configuration file is, and what prints.
pub const ENVIRONMENT: &[(&str, &str)] = &[
    // It starts in no other kind of locale.
    ("LC_ALL", "C.UTF-8"),
    ("HOME", "/root"),
    ("PYTHONNOUSERSITE", "1"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("ANSIBLE_CONFIG", "/usr/local/libexec/reeve/ansible/ansible.cfg"),
    // Also here, so that nothing runs without our plugin, which refuses to go by any other configuration file.
    ("ANSIBLE_STDOUT_CALLBACK", "reeve_events"),
    ("ANSIBLE_CALLBACK_PLUGINS", "/usr/local/libexec/reeve/ansible"),
];

const PLAYBOOKS: &str = "/etc/reeve/playbooks/";
const MAX_PATH: usize = 255;

const MAX_BYTES: usize = 16 * 1024;
const MAX_DEPTH: usize = 8;
const MAX_NAME: usize = 64;
const MAX_DIGITS: usize = 20;

/// Whether the text is the path of a playbook in a folder of its own.
#[must_use]
pub fn is_playbook(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let is_part =
        |part: &str| part.starts_with(|first: char| first.is_ascii_alphanumeric()) && part.bytes().all(plain);
    let Some((folder, file)) = path.strip_prefix(PLAYBOOKS).and_then(|rest| rest.rsplit_once('/')) else {
        return false;
    };
    path.len() <= MAX_PATH
        && folder.split('/').all(is_part)
        && is_part(file)
        && (file.ends_with(".yml") || file.ends_with(".yaml"))
}

/// Whether the text is such an object, and nothing else.
#[must_use]
pub fn is_vars(text: &str) -> bool {
    let mut rest = Rest(text.as_bytes());
    text.len() <= MAX_BYTES && rest.object(MAX_DEPTH).is_some() && rest.0.is_empty()
}

/// What has not been looked at yet. Each method takes one thing off its front, or nothing is what it should be.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn object(&mut self, depth: usize) -> Option<()> {
        self.list(b'{', b'}', depth, |rest, depth| {
            let name = rest.text()?;
            is_name(name).then_some(())?;
            rest.byte(b':')?;
            rest.value(depth)
        })
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        match self.0.first()? {
            b'{' => self.object(depth),
            b'[' => self.list(b'[', b']', depth, Self::value),
            b'"' => is_plain(self.text()?).then_some(()),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _number => self.number(),
        }
    }

    fn list(
        &mut self,
        open: u8,
        close: u8,
        depth: usize,
        item: impl Fn(&mut Self, usize) -> Option<()>,
    ) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        self.byte(open)?;
        if self.byte(close).is_some() {
            return Some(());
        }
        loop {
            item(self, depth)?;
            if self.byte(close).is_some() {
                return Some(());
            }
            self.byte(b',')?;
        }
    }

    /// What stands between two quotation marks: printable, without a backslash, and so without an escape.
    fn text(&mut self) -> Option<&'a [u8]> {
        self.byte(b'"')?;
        let end = self.0.iter().position(|byte| *byte == b'"')?;
        let (text, after) = self.0.split_at_checked(end)?;
        self.0 = after;
        self.byte(b'"')?;
        text.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b'\\').then_some(text)
    }

    fn number(&mut self) -> Option<()> {
        let _sign = self.byte(b'-');
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, after) = self.0.split_at_checked(digits)?;
        self.0 = after;
        let is_short = (1..=MAX_DIGITS).contains(&digits);
        (is_short && (digits == 1 || number.first() != Some(&b'0'))).then_some(())
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(word)?;
        Some(())
    }

    fn byte(&mut self, byte: u8) -> Option<()> {
        self.word(&[byte])
    }
}

fn is_name(name: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    name.len() <= MAX_NAME
        && name.first().is_some_and(u8::is_ascii_alphabetic)
        && name.iter().all(plain)
        && !name.starts_with(b"ansible_")
}

/// Text in which no template can begin, and that is not taken for a list.
fn is_plain(text: &[u8]) -> bool {
    !text.iter().any(|byte| matches!(byte, b'{' | b'}')) && !text.trim_ascii_start().starts_with(b"[")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_playbook_lies_in_a_folder_of_its_own_below_one_place() {
        for path in ["/etc/reeve/playbooks/motd/site.yml", "/etc/reeve/playbooks/a/b-1/x_2.yaml"] {
            assert!(is_playbook(path), "{path}");
        }
        for path in [
            "/etc/reeve/playbooks/site.yml",
            "/etc/reeve/playbooks//site.yml",
            "/etc/reeve/playbooks/a/.yml",
            "/etc/reeve/playbooks/../site.yml",
            "/etc/reeve/playbooks/a/../site.yml",
            "/etc/reeve/playbooks/.a/site.yml",
            "/etc/reeve/playbooks/-a/site.yml",
            "/etc/reeve/playbooks/a/site",
            "/etc/reeve/playbooks/a/site.yml/",
            "/etc/reeve/playbooks/a/site.yml\n",
            "/etc/reeve/playbooks/a b/site.yml",
            "etc/reeve/playbooks/a/site.yml",
            "/home/x/site.yml",
            "a.b.c",
            "",
        ] {
            assert!(!is_playbook(path), "{path}");
        }
        assert!(!is_playbook(&format!("/etc/reeve/playbooks/a/{}.yml", "x".repeat(255))));
    }

    #[test]
    fn objects_of_plain_values_pass() {
        for text in [
            "{}",
            r#"{"a":1}"#,
            r#"{"a":-1,"b":0,"c":true,"d":false,"e":null,"f":[],"g":{},"h":"it's 50% off, a=b # %"}"#,
            r#"{"a":[1,[2,{"b":"c"}]]}"#,
            r#"{"a":18446744073709551615}"#,
        ] {
            assert!(is_vars(text), "{text}");
        }
    }

    #[test]
    fn what_a_template_could_be_made_of_is_no_variable() {
        for text in [
            r#"{"a":"{{ lookup('pipe','id') }}"}"#,
            r#"{"a":"{% x %}"}"#,
            r#"{"a":"{# x #}"}"#,
            r#"{"a":"{"}"#,
            r#"{"a":["}"]}"#,
            r#"{"a":"\u007b\u007b x }}"}"#,
            r#"{"a":"\\"}"#,
            r#"{"a":"[1,2]"}"#,
            r#"{"a":"  [1"}"#,
            "{\"a\":\"x\ny\"}",
            "{\"a\":\"x\u{7f}\"}",
            "{\"a\":\"ä\"}",
            r#"{"{{ x }}":1}"#,
        ] {
            assert!(!is_vars(text), "{text}");
        }
    }

    #[test]
    fn names_that_belong_to_ansible_do_not_pass() {
        for name in [
            "ansible_connection",
            "ansible_",
            "__ansible_vault",
            "__ansible_unsafe",
            "_a",
            "1",
            "",
            "a-b",
            "a b",
        ] {
            assert!(!is_vars(&format!(r#"{{"{name}":1}}"#)), "{name}");
            assert!(!is_vars(&format!(r#"{{"a":{{"{name}":1}}}}"#)), "{name}");
        }
        assert!(!is_vars(&format!(r#"{{"{}":1}}"#, "a".repeat(65))));
    }

    #[test]
    fn what_is_not_exactly_one_object_does_not_pass() {
        for text in [
            "",
            "@/etc/shadow",
            "a=b",
            "[]",
            "1",
            "{",
            "}",
            "{}{}",
            "{} ",
            " {}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a":1 }"#,
            r#"{"a":01}"#,
            r#"{"a":1.5}"#,
            r#"{"a":1e9}"#,
            r#"{"a":-}"#,
            r#"{"a":+1}"#,
            r#"{"a":NaN}"#,
            r#"{"a":tru}"#,
            r#"{a: 1}"#,
            r#"{a: !!python/object x}"#,
            r#"{"a":[1}"#,
            r#"{"a":"x}"#,
            r#"{"a":'x'}"#,
            r#"{"a":[,]}"#,
            r#"{"a":111111111111111111111}"#,
        ] {
            assert!(!is_vars(text), "{text}");
        }
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let nested = |levels: usize| format!("{{\"a\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(is_vars(&nested(MAX_DEPTH - 1)));
        assert!(!is_vars(&nested(MAX_DEPTH)));
        assert!(!is_vars(&nested(MAX_BYTES / 2)));
        assert!(!is_vars(&format!(r#"{{"a":"{}"}}"#, "x".repeat(MAX_BYTES))));
    }
}
