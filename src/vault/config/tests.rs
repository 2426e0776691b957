//! What a file means, and what is refused in it.

use super::*;

fn read(text: &str) -> VaultsConfig {
    VaultsConfig::parse("secrets.toml", text).unwrap()
}

fn refusal(text: &str) -> String {
    VaultsConfig::parse("secrets.toml", text).unwrap_err().to_string()
}

#[test]
fn what_is_left_out_is_as_the_documentation_says() {
    let config = VaultsConfig {
        folder: FetchedFolder { path: "/run/reeve-secrets".into(), user: "reeve-secrets".to_owned() },
        azure: AzureSettings {
            credentials: vec![CredentialKind::Workload, CredentialKind::Managed, CredentialKind::Environment],
            client_id: None,
            client_secret: None,
            client_certificate: None,
            authority: Url::parse("https://login.microsoftonline.com").unwrap(),
            ca: "/etc/ssl/certs/ca-certificates.crt".into(),
            patience: Duration::from_secs(20),
        },
        vaults: BTreeMap::new(),
        examine: ExamineSettings {
            management: Url::parse("https://management.azure.com").unwrap(),
            scopes: Vec::new(),
            trials: BTreeMap::new(),
        },
    };
    assert_eq!(read(""), config);
}

#[test]
fn every_key_changes_what_it_names() {
    let text = "directory = \"/d\"\nuser = \"u\"\n[azure]\ncredentials = [\"cli\"]\nclient_id = \"c\"\n\
                client_secret = \"credential:azure\"\nauthority = \"https://login.example\"\nca = \"/ca\"\npatience = \"3s\"\n\
                [examine]\nmanagement = \"https://arm.example\"\nscopes = [\"/subscriptions/s\"]\n\
                [vault.main]\nurl = \"https://main.vault.azure.net\"\ncanary = \"canary\"\nforbidden = [\"theirs\"]\n\
                id = \"/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v\"\n";
    let trial = Trial {
        id: Some("/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v".parse().unwrap()),
        canary: Some("canary".to_owned()),
        forbidden: vec!["theirs".to_owned()],
    };
    let config = VaultsConfig {
        folder: FetchedFolder { path: "/d".into(), user: "u".to_owned() },
        azure: AzureSettings {
            credentials: vec![CredentialKind::Cli],
            client_id: Some("c".to_owned()),
            client_secret: Some("credential:azure".parse().unwrap()),
            client_certificate: None,
            authority: Url::parse("https://login.example").unwrap(),
            ca: "/ca".into(),
            patience: Duration::from_secs(3),
        },
        vaults: BTreeMap::from([(
            "main".parse().unwrap(),
            Url::parse("https://main.vault.azure.net").unwrap(),
        )]),
        examine: ExamineSettings {
            management: Url::parse("https://arm.example").unwrap(),
            scopes: vec!["/subscriptions/s".parse().unwrap()],
            trials: BTreeMap::from([("main".parse().unwrap(), trial)]),
        },
    };
    assert_eq!(read(text), config);
}

#[test]
fn a_service_principal_has_a_secret_or_a_certificate() {
    let config = read("[azure]\nclient_certificate = \"credential:azure.pem\"\n");
    assert_eq!(config.azure.client_certificate, Some("credential:azure.pem".parse().unwrap()));
}

#[test]
fn what_is_no_address_of_a_vault_or_no_time_is_refused() {
    for (text, problem) in [
        ("[vault.main]\nurl = \"http://main.example\"", "vault.main.url: is not `https://` and a name"),
        ("[vault.main]\nurl = \"https://10.0.0.1\"", "vault.main.url: is not `https://` and a name"),
        ("[vault.main]\nurl = \"https://m.example/secrets\"", "vault.main.url: has something besides"),
        ("[vault.main]\nurl = \"https://u:p@m.example\"", "vault.main.url: has something besides"),
        ("[vault.Main]\nurl = \"https://m.example\"", "vault.Main: a name is"),
        ("[azure]\ncredentials = []", "azure.credentials: without any"),
        ("[azure]\nclient_secret = \"@kv:a\"", "azure.client_secret: is in a vault"),
        ("[azure]\nclient_certificate = \"@kv:a\"", "azure.client_certificate: is in a vault"),
        (
            "[azure]\nclient_certificate = \"/c\"\nclient_secret = \"/s\"",
            "azure.client_secret and azure.client_certificate",
        ),
        ("[azure]\npatience = \"1h\"", "azure.patience: is not from"),
        ("[azure]\npatience = \"31s\"", "azure.patience: is not from 1s to 30s"),
        ("[azure]\npatience = \"900ms\"", "azure.patience: is not from 1s to 30s"),
        ("[azure]\nca = \"ca\"", "azure.ca: is not an absolute path"),
        ("directory = \"d\"", "directory: is not an absolute path"),
        ("[examine]\nmanagement = \"http://a\"", "examine.management: is not `https://`"),
        ("[examine]\nscopes = [\"s\"]", "examine.scopes: \"s\" is no resource id"),
        (
            "[vault.m]\nurl = \"https://m.example\"\nid = \"/subscriptions/s\"",
            "vault.m.id: \"/subscriptions/s\" is none",
        ),
        ("[vault.m]\nurl = \"https://m.example\"\ncanary = \"a_b\"", "vault.m: \"a_b\" is no name"),
        ("[vault.m]\nurl = \"https://m.example\"\nforbidden = [\"a/b\"]", "vault.m: \"a/b\" is no name"),
    ] {
        let refusal = refusal(text);
        assert!(refusal.starts_with(&format!("secrets.toml: {problem}")), "{refusal}");
    }
    assert!(refusal("[azure]\ncredentials = [\"manged\"]").contains("did you mean `managed`?"));
}

#[test]
fn a_reference_means_the_vault_that_it_names_or_the_only_one() {
    let reference = |text: &str| text.parse::<VaultReference>().unwrap();
    let one = read("[vault.main]\nurl = \"https://m.example\"\n");
    let two = read("[vault.main]\nurl = \"https://m.example\"\n[vault.other]\nurl = \"https://o.example\"\n");
    let host = |config: &VaultsConfig, text: &str| {
        config.address(&reference(text)).map(|url| url.host_str().unwrap().to_owned())
    };
    assert_eq!(host(&one, "@kv:a"), Ok("m.example".to_owned()));
    assert_eq!(host(&two, "@kv:other/a"), Ok("o.example".to_owned()));
    assert!(host(&two, "@kv:a").unwrap_err().contains("several vaults"));
    assert!(host(&two, "@kv:othr/a").unwrap_err().contains("did you mean `other`?"));
    assert!(host(&read(""), "@kv:a").is_err());
}
