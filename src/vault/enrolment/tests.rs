//! Whatever form it is in, a host gets the same roles, and no others.

use super::*;
use crate::secret::Consumer;

const GROUP: &str = "/subscriptions/s-1/resourceGroups/g/providers/Microsoft.KeyVault/vaults";

fn enrolment(identity: Identity) -> Enrolment {
    let text = format!(
        "[vault.main]\nurl = \"https://v.vault.azure.net\"\nid = \"{GROUP}/v\"\ncanary = \"canary\"\n\
         [vault.other]\nurl = \"https://w.vault.azure.net\"\nid = \"{GROUP}/w\"\ncanary = \"canary\"\n"
    );
    let config = VaultsConfig::parse("secrets.toml", &text).unwrap();
    let mut wanted = Wanted::default();
    wanted
        .add(
            Consumer::Front,
            "t",
            "a = [\"@kv:main/tls\", \"@kv:main/tls/0123456789abcdef0123456789abcdef\"]",
        )
        .unwrap();
    wanted.add(Consumer::Gate, "t", "a = \"@kv:other/smtp\"").unwrap();
    Enrolment::new(identity, ("host01", "machines"), &config, &wanted).unwrap()
}

fn secrets() -> [String; 4] {
    ["v/secrets/canary", "v/secrets/tls", "w/secrets/canary", "w/secrets/smtp"]
        .map(|name| format!("{GROUP}/{name}"))
}

#[test]
fn the_commands_give_one_role_for_each_secret_and_the_sight_of_roles() {
    for identity in [Identity::System, Identity::User, Identity::Principal] {
        let script = commands::script(&enrolment(identity));
        let given: Vec<&str> =
            script.lines().filter(|line| line.contains("role assignment create")).collect();
        let scope =
            |line: &&str| line.split("--scope '").nth(1).unwrap().split('\'').next().unwrap().to_owned();
        let expected: Vec<String> =
            std::iter::once("/subscriptions/s-1".to_owned()).chain(secrets()).collect();
        assert_eq!(given.iter().map(scope).collect::<Vec<_>>(), expected);
        assert_eq!(script.matches(READS).count(), 4, "{script}");
        assert!(script.contains("principal=$("), "{script}");
    }
}

#[test]
fn what_azure_lets_a_group_be_called_is_one_word_to_a_shell() {
    let id = format!("{}/v", GROUP.replace("/g/", "/rg(prod)/"));
    let text =
        format!("[vault.main]\nurl = \"https://v.vault.azure.net\"\nid = \"{id}\"\ncanary = \"canary\"\n");
    let config = VaultsConfig::parse("secrets.toml", &text).unwrap();
    for identity in [Identity::System, Identity::User, Identity::Principal] {
        let enrolment =
            Enrolment::new(identity, ("host01", "machines"), &config, &Wanted::default()).unwrap();
        let script = commands::script(&enrolment);
        assert!(script.contains(&format!("--scope '{id}/secrets/canary' ")), "{script}");
        let bash = crate::sys::process::Command::new("/bin/bash").args(["-n"]).stdin(script.clone());
        let read = crate::sys::process::run(&bash).unwrap();
        assert!(read.status.success(), "{script}{}", String::from_utf8_lossy(&read.stderr));
    }
}

#[test]
fn the_steps_name_each_role_with_its_place() {
    for identity in [Identity::System, Identity::User, Identity::Principal] {
        let steps = steps::text(&enrolment(identity));
        for secret in secrets() {
            assert!(steps.contains(&format!("`{secret}` |")), "{secret}: {steps}");
        }
        assert_eq!(steps.matches("\n   | ").count(), 1 + 1 + 1 + 4, "{steps}");
    }
}

#[test]
fn both_templates_give_the_same() {
    let files = enrolment(Identity::System).files();
    let template: serde_json::Value = serde_json::from_str(&files["azuredeploy.json"]).unwrap();
    let mut scopes = Vec::new();
    for group in template["resources"].as_array().unwrap() {
        for one in group
            .pointer("/properties/template/resources")
            .and_then(|all| all.as_array())
            .into_iter()
            .flatten()
        {
            assert!(one["properties"]["roleDefinitionId"].as_str().unwrap().contains(READS), "{one}");
            scopes.push(one["scope"].as_str().unwrap().to_owned());
        }
    }
    let named = |vault: &str, name: &str| {
        format!("[resourceId('Microsoft.KeyVault/vaults/secrets', '{vault}', '{name}')]")
    };
    assert_eq!(scopes, [named("v", "canary"), named("v", "tls"), named("w", "canary"), named("w", "smtp")]);
    let bicep = &files["main.bicep"];
    for words in [
        "vaultName: 'v'\n    secretNames: [\n      'canary'\n      'tls'\n    ]",
        "vaultName: 'w'\n    secretNames: [\n      'canary'\n      'smtp'\n    ]",
    ] {
        assert!(bicep.contains(words), "{bicep}");
    }
    assert!(files["secrets.bicep"].contains(READS));
    for text in files.values() {
        assert!(!text.contains("Owner") && !text.contains("Contributor"), "{text}");
    }
}

#[test]
fn what_configuration_does_not_say_is_asked_for_and_names_mean_nothing_to_a_shell() {
    let new = |text: &str, machine: &str| {
        let config = VaultsConfig::parse("secrets.toml", text).unwrap();
        Enrolment::new(Identity::System, (machine, "g"), &config, &Wanted::default()).unwrap_err()
    };
    let vault = "[vault.main]\nurl = \"https://v.vault.azure.net\"\n";
    assert!(new(vault, "h").contains("vault.main.id"));
    assert!(new(&format!("{vault}id = \"{GROUP}/v\"\n"), "h").contains("vault.main.canary"));
    assert!(new("", "h").contains("no [vault.NAME]"));
    for name in ["", "a b", "$(id)", "a;b", "-a", "a'", "a\"", "a\nb"] {
        assert!(new(vault, name).starts_with("the machine"), "{name:?}");
    }
}
