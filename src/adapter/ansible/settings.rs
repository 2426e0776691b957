//! `[ansible.playbook.NAME]` of `gate.toml`: which playbooks there are, and what each may be given.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::super::SettingsError;
use super::schema::{Schema, SchemaAsWritten};
use crate::operation::ansible::PlaybookName;

/// Where playbooks lie, each in a folder of its own. The wrapper runs none from elsewhere.
const PLAYBOOKS: &str = "/etc/reeve/playbooks/";

const CHECK_LIMIT: &str = "2m";
const RUN_LIMIT: &str = "10m";
/// How long a dry run may take at most, and how long a run may.
const MOST: [u64; 2] = [60 * 60, 6 * 60 * 60];

/// The playbooks that may be asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnsibleSettings {
    playbooks: BTreeMap<PlaybookName, Playbook>,
}

/// One playbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playbook {
    /// Where it lies.
    pub path: String,
    /// The digest of its folder, in lower-case hexadecimal digits.
    pub sha256: String,
    /// What its variables may be.
    pub vars: Schema,
    /// How long a dry run may take.
    pub check_limit: Duration,
    /// How long a run may take.
    pub run_limit: Duration,
    /// Whether it may run although a dry run cannot foresee all of it.
    pub allow_unforeseen: bool,
}

/// The section `[ansible]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnsibleAsWritten {
    playbook: BTreeMap<String, PlaybookAsWritten>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaybookAsWritten {
    path: String,
    sha256: String,
    vars: Option<SchemaAsWritten>,
    check_limit: Option<String>,
    run_limit: Option<String>,
    #[serde(default)]
    allow_unforeseen: bool,
}

impl AnsibleSettings {
    /// The playbook of that name.
    pub fn playbook(&self, name: &PlaybookName) -> Option<&Playbook> {
        self.playbooks.get(name)
    }
}

impl Playbook {
    /// The folder that belongs to it, without a `/` at its end.
    pub fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// Its own path within that folder.
    pub fn file(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

impl AnsibleAsWritten {
    /// The settings that a section stands for.
    ///
    /// # Errors
    /// The key, and what is wrong with it.
    pub fn meant(self) -> Result<AnsibleSettings, SettingsError> {
        let mut folders: BTreeMap<String, String> = BTreeMap::new();
        let mut playbooks = BTreeMap::new();
        for (name, written) in self.playbook {
            let key = format!("ansible.playbook.{name}");
            let parsed = PlaybookName::try_from(name)
                .map_err(|invalid| SettingsError { key: key.clone(), problem: invalid.problem })?;
            let playbook = written
                .meant()
                .map_err(|(field, problem)| SettingsError { key: format!("{key}.{field}"), problem })?;
            let first =
                folders.entry(playbook.folder().to_owned()).or_insert_with(|| playbook.sha256.clone());
            if *first != playbook.sha256 {
                let problem = "another playbook of the same folder has another sha256".to_owned();
                return Err(SettingsError { key: format!("{key}.sha256"), problem });
            }
            playbooks.insert(parsed, playbook);
        }
        Ok(AnsibleSettings { playbooks })
    }
}

impl PlaybookAsWritten {
    fn meant(self) -> Result<Playbook, (&'static str, String)> {
        if !is_playbook_path(&self.path) {
            let problem = format!(
                "{:?} is not {PLAYBOOKS}FOLDER/FILE.yml, of letters, digits, _ . and -, no part beginning with a sign",
                self.path
            );
            return Err(("path", problem));
        }
        let is_digest = self.sha256.len() == 64
            && self.sha256.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if !is_digest {
            return Err(("sha256", "is 64 hexadecimal digits in lower case".to_owned()));
        }
        let vars = self.vars.map(Schema::of_vars).transpose().map_err(|problem| ("vars", problem))?;
        let [check_most, run_most] = MOST;
        Ok(Playbook {
            path: self.path,
            sha256: self.sha256,
            vars: vars.unwrap_or_else(Schema::none),
            check_limit: limit(
                "check_limit",
                self.check_limit.as_deref().unwrap_or(CHECK_LIMIT),
                check_most,
            )?,
            run_limit: limit("run_limit", self.run_limit.as_deref().unwrap_or(RUN_LIMIT), run_most)?,
            allow_unforeseen: self.allow_unforeseen,
        })
    }
}

/// As the wrapper's table has it.
fn is_playbook_path(path: &str) -> bool {
    crate::wrapper::ansible::is_playbook(path)
}

fn limit(key: &'static str, text: &str, most: u64) -> Result<Duration, (&'static str, String)> {
    let limit = humantime::parse_duration(text)
        .map_err(|error| (key, format!("{text:?} is no duration such as 30s, 10m, 2h: {error}")))?;
    if (1..=most).contains(&limit.as_secs()) {
        return Ok(limit);
    }
    Err((key, format!("{text:?} is not from 1 s to {most} s")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DIGEST: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn settings(more: &str) -> Result<Playbook, SettingsError> {
        let text = format!("path = \"{PLAYBOOKS}motd/site.yml\"\nsha256 = \"{DIGEST}\"\n{more}");
        one(&text)
    }

    fn one(text: &str) -> Result<Playbook, SettingsError> {
        let whole = format!("[playbook.motd]\n{text}");
        let written: AnsibleAsWritten = toml::from_str(&whole)
            .map_err(|error| SettingsError { key: "toml".to_owned(), problem: error.to_string() })?;
        let name = PlaybookName::try_from("motd".to_owned()).unwrap();
        Ok(written.meant()?.playbook(&name).unwrap().clone())
    }

    #[test]
    fn a_playbook_has_the_limits_and_variables_that_are_written() {
        let plain = settings("").unwrap();
        assert_eq!((plain.check_limit.as_secs(), plain.run_limit.as_secs()), (120, 600));
        assert!(!plain.allow_unforeseen && plain.vars.check(&json!({"a": 1})).is_err());
        assert_eq!((plain.folder(), plain.file()), ("/etc/reeve/playbooks/motd", "site.yml"));
        let more = settings(
            "check_limit = \"5s\"\nrun_limit = \"1h\"\nallow_unforeseen = true\n\
             vars = {type = \"object\", additionalProperties = false, properties.a = {type = \"integer\"}}",
        )
        .unwrap();
        assert_eq!((more.check_limit.as_secs(), more.run_limit.as_secs()), (5, 3600));
        assert!(more.allow_unforeseen && more.vars.check(&json!({"a": 1})).is_ok());
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_key() {
        for (more, key) in [
            ("check_limit = \"0s\"", "ansible.playbook.motd.check_limit"),
            ("check_limit = \"2h\"", "ansible.playbook.motd.check_limit"),
            ("run_limit = \"1d\"", "ansible.playbook.motd.run_limit"),
            ("run_limit = \"soon\"", "ansible.playbook.motd.run_limit"),
            ("vars = {type = \"string\"}", "ansible.playbook.motd.vars"),
            ("vars = {typ = \"object\"}", "toml"),
            ("tags = [\"x\"]", "toml"),
        ] {
            assert_eq!(settings(more).unwrap_err().key, key, "{more}");
        }
        for path in [
            "site.yml",
            "/etc/site.yml",
            "/etc/reeve/playbooks/site.yml",
            "/etc/reeve/playbooks/../x/site.yml",
            "/etc/reeve/playbooks/a/b",
        ] {
            let refused = one(&format!("path = \"{path}\"\nsha256 = \"{DIGEST}\"")).unwrap_err();
            assert_eq!(refused.key, "ansible.playbook.motd.path", "{path}");
        }
        for digest in ["", "abc", &DIGEST.to_uppercase()] {
            let refused =
                one(&format!("path = \"{PLAYBOOKS}motd/site.yml\"\nsha256 = \"{digest}\"")).unwrap_err();
            assert_eq!(refused.key, "ansible.playbook.motd.sha256", "{digest}");
        }
    }

    #[test]
    fn two_playbooks_of_one_folder_have_one_digest() {
        let text = |other: &str| {
            format!(
                "[playbook.a]\npath = \"{PLAYBOOKS}m/a.yml\"\nsha256 = \"{DIGEST}\"\n\
                 [playbook.b]\npath = \"{PLAYBOOKS}m/b.yml\"\nsha256 = \"{other}\"\n"
            )
        };
        let read = |text: String| toml::from_str::<AnsibleAsWritten>(&text).unwrap().meant();
        assert!(read(text(DIGEST)).is_ok());
        assert_eq!(read(text(&"0".repeat(64))).unwrap_err().key, "ansible.playbook.b.sha256");
    }
}
