//! The tools that root declared, all of them or none: a declaration that is not as it must be keeps the gate from starting.

use std::collections::BTreeMap;
use std::path::Path;

use super::declaration::Declaration;
use crate::config::ConfigError;
use crate::operation::tool::ToolName;

/// The declared tools.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToolSettings {
    tools: BTreeMap<ToolName, Declaration>,
}

impl ToolSettings {
    /// Reads every declaration of a directory; none where there is no such directory.
    ///
    /// # Errors
    /// The first declaration that is not as it must be.
    pub fn load(directory: &Path) -> Result<Self, ConfigError> {
        let cannot_list = |source| ConfigError::Directory { path: directory.to_owned(), source };
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(cannot_list(error)),
        };
        let mut tools = BTreeMap::new();
        for entry in entries {
            let path = entry.map_err(cannot_list)?.path();
            // Editors and package managers leave others, which declare nothing.
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let name = ToolName::try_from(stem).map_err(|invalid| {
                ConfigError::in_file(
                    &path.display().to_string(),
                    format!("the tool's name {}", invalid.problem),
                )
            })?;
            let declared = Declaration::read(&path, &name)?;
            tools.insert(name, declared);
        }
        Ok(Self { tools })
    }

    /// A tool's declaration.
    pub fn get(&self, name: &ToolName) -> Option<&Declaration> {
        self.tools.get(name)
    }

    /// Every tool, in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&ToolName, &Declaration)> {
        self.tools.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::super::declaration::tests::WHOLE;
    use super::*;

    #[test]
    fn one_declaration_that_is_wrong_keeps_all_out() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::write(at("rg.toml"), WHOLE).unwrap();
        std::fs::write(at("rg.toml~"), "junk").unwrap();
        let names =
            |settings: &ToolSettings| settings.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>();
        assert_eq!(names(&ToolSettings::load(directory.path()).unwrap()), ["rg"]);
        std::fs::write(at("other.toml"), WHOLE.replacen("tier = \"c\"", "tier = \"z\"", 1)).unwrap();
        assert!(ToolSettings::load(directory.path()).unwrap_err().to_string().contains("other.toml: tier"));
        std::fs::remove_file(at("other.toml")).unwrap();
        std::fs::write(at("declared.toml"), WHOLE).unwrap();
        assert!(ToolSettings::load(directory.path()).is_err());
    }

    #[test]
    fn a_declaration_that_others_may_write_is_not_read() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rg.toml");
        std::fs::write(&path, WHOLE).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(
            ToolSettings::load(directory.path()).unwrap_err().to_string().contains("others may write it")
        );
    }

    #[test]
    fn without_the_directory_there_are_no_tools() {
        let nowhere = ToolSettings::load(Path::new("/etc/reeve-not-there")).unwrap();
        assert_eq!(nowhere.iter().count(), 0);
    }
}
