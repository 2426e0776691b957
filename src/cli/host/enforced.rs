//! Declared tools that this host cannot shut in: what `reeve check` and `reeve doctor` say of them before an agent hears it.

use crate::gate::config::GateConfig;
use crate::sandbox::MemoryBy;
use crate::wrapper::enforceable::Layers;

/// The tools that would be refused, each by its file, with the layer that is missing and what to do.
pub(super) fn missing(config: &GateConfig, layers: &Layers) -> Vec<String> {
    let tools = config.adapters.tools.iter();
    tools
        .filter_map(|(name, declared)| {
            let missing = layers.enforce(&declared.confinement).err()?;
            let file = config.tools.join(format!("{name}.toml"));
            Some(format!("{}: {missing}", file.display()))
        })
        .collect()
}

/// What a tool needs that only root could have seen.
pub(super) fn unseen(config: &GateConfig, layers: &Layers) -> Option<&'static str> {
    let mut tools = config.adapters.tools.iter();
    let is_needed = tools.any(|(_, declared)| declared.confinement.limits.memory_by == MemoryBy::Cgroup);
    (is_needed && layers.cgroup.is_none())
        .then_some("whether there are control groups for them only root can see")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(directory: &std::path::Path) -> GateConfig {
        let tools = directory.join("tools");
        std::fs::create_dir(&tools).unwrap();
        for (name, tier) in [("one", "b"), ("two", "c")] {
            let text = format!(
                "about = \"x\"\nprogram = \"/usr/bin/true\"\nsha256 = \"{}\"\ntier = \"{tier}\"\n",
                "0".repeat(64)
            );
            std::fs::write(tools.join(format!("{name}.toml")), text).unwrap();
        }
        let gate = directory.join("gate.toml");
        std::fs::write(&gate, format!("tools = \"{}\"\n", tools.display())).unwrap();
        GateConfig::read(&gate, "host01").unwrap()
    }

    fn whole() -> Layers {
        Layers { landlock: 6, seccomp: true, cgroup: Some(true), bubblewrap: Ok(()), user_namespaces: Ok(()) }
    }

    #[test]
    fn a_tool_that_this_host_cannot_shut_in_is_named_by_its_file_with_the_layer_and_the_fix() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(&directory.path().canonicalize().unwrap());
        let file = |name: &str| config.tools.join(name).display().to_string();
        assert_eq!(missing(&config, &whole()), Vec::<String>::new());
        let layers = Layers { user_namespaces: Err("do this"), ..whole() };
        let of_c = "user namespaces: cannot be enforced here: do this";
        assert_eq!(missing(&config, &layers), [format!("{}: {of_c}", file("two.toml"))]);
        let layers = Layers { seccomp: false, ..whole() };
        let both = "seccomp: cannot be enforced here: a kernel with CONFIG_SECCOMP_FILTER";
        let said = ["one.toml", "two.toml"].map(|name| format!("{}: {both}", file(name)));
        assert_eq!(missing(&config, &layers), said);
    }

    #[test]
    fn what_only_root_can_see_is_said_and_nobody_is_blamed_for_it() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(&directory.path().canonicalize().unwrap());
        assert_eq!(unseen(&config, &whole()), None);
        let layers = Layers { cgroup: None, ..whole() };
        assert_eq!(missing(&config, &layers), Vec::<String>::new());
        assert!(unseen(&config, &layers).unwrap().contains("only root"));
    }
}
