//! Files that are right, and each way in which one is not.

use super::*;

/// Where some files are, whose user is whoever runs this.
struct Stage(tempfile::TempDir);

impl Stage {
    fn new() -> Self {
        let stage = Self(tempfile::tempdir().unwrap());
        let authority = rcgen::generate_simple_self_signed(["ca.example".to_owned()]).unwrap();
        std::fs::write(stage.path("ca.crt"), authority.cert.pem()).unwrap();
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    fn me() -> String {
        nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name
    }

    /// A file that also says where the authorities are.
    fn put(&self, name: &str, head: &str, azure: &str) -> PathBuf {
        let ca = self.path("ca.crt").display().to_string();
        std::fs::write(self.path(name), format!("{head}\n[azure]\nca = \"{ca}\"\n{azure}\n")).unwrap();
        self.path(name)
    }

    fn gate(&self, more: &str) -> GateConfig {
        GateConfig::parse("gate.toml", &format!("[shields]\nuser = \"{}\"\n{more}", Self::me()), "host01")
            .unwrap()
    }
}

fn wanted(text: &str) -> Wanted {
    let mut wanted = Wanted::default();
    wanted.add(Consumer::Gate, "gate.toml", text).unwrap();
    wanted
}

#[test]
fn a_reference_without_its_vault_is_found_before_anything_starts() {
    let stage = Stage::new();
    let none = stage.path("secrets.toml");
    assert_eq!(vaults(&none, &Wanted::default()), None);
    let missing = vaults(&none, &wanted("a = \"@kv:main/smtp\"")).unwrap();
    assert_eq!(missing, Err("is not there, and configuration names @kv:main/smtp".to_owned()));
    let head = format!("user = \"{}\"\nvault.main.url = \"https://m.example\"", Stage::me());
    let path = stage.put("secrets.toml", &head, "credentials = [\"managed\", \"environment\"]");
    let right = vaults(&path, &wanted("a = \"@kv:main/smtp\"")).unwrap();
    assert_eq!(
        right,
        Ok("1 vaults for 1 secrets, by managed identity or service principal of the environment".to_owned())
    );
    let other = vaults(&path, &wanted("a = \"@kv:mian/smtp\"")).unwrap().unwrap_err();
    assert!(other.starts_with("@kv:mian/smtp: ") && other.contains("did you mean `main`?"), "{other}");
    stage.put("secrets.toml", "user = \"nobody-of-that-name\"", "");
    let nobody = vaults(&path, &Wanted::default()).unwrap();
    assert_eq!(nobody, Err("there is no Unix user nobody-of-that-name".to_owned()));
}

#[test]
fn what_asks_about_texts_is_held_to_what_the_gate_asks() {
    let stage = Stage::new();
    let path = stage.path("shields.toml");
    let (off, on) = (stage.gate(""), stage.gate("reasons = \"deny\"\nsocket = \"/s\"\n"));
    assert_eq!(asked(&path, Some(&off)), None);
    assert!(asked(&path, Some(&on)).unwrap().unwrap_err().contains("every text would be in doubt"));
    let head = format!("endpoint = \"https://n.example\"\nsocket = \"/s\"\ngate_user = \"{}\"", Stage::me());
    stage.put("shields.toml", &head, "credentials = [\"managed\"]");
    assert_eq!(asked(&path, Some(&on)), Some(Ok("https://n.example/, by managed identity".to_owned())));
    let unasked = asked(&path, Some(&off)).unwrap().unwrap();
    assert!(unasked.ends_with("asks about nothing"), "{unasked}");
    let elsewhere = stage.gate("reasons = \"deny\"\n");
    let problem = asked(&path, Some(&elsewhere)).unwrap().unwrap_err();
    assert_eq!(problem, "socket: is /s, and shields.socket in gate.toml /run/reeve-shields/socket");
    stage.put("shields.toml", &format!("{head}\nendpiont = \"x\""), "credentials = [\"managed\"]");
    let problem = asked(&path, Some(&on)).unwrap().unwrap_err();
    assert!(problem.contains("endpiont") && problem.contains("endpoint"), "{problem}");
    stage.put(
        "shields.toml",
        &head.replace(&Stage::me(), "nobody-of-that-name"),
        "credentials = [\"managed\"]",
    );
    let problem = asked(&path, Some(&on)).unwrap().unwrap_err();
    assert_eq!(problem, "gate_user: there is no Unix user nobody-of-that-name");
}

#[test]
fn a_subscription_that_a_contract_grants_and_nobody_named_is_found() {
    let stage = Stage::new();
    let path = stage.path("azure.toml");
    let contracts = stage.path("contracts");
    std::fs::create_dir(&contracts).unwrap();
    assert_eq!(granted(&contracts), BTreeSet::new());
    let contract = "principal = \"librarian\"\nroles = [\"agent\"]\n[[allow]]\noperations = [\"azure.app\"]\nazure = [\"production/web-rg\"]\n";
    std::fs::write(contracts.join("librarian.toml"), contract).unwrap();
    let grants = granted(&contracts);
    assert_eq!(grants, BTreeSet::from([("librarian".to_owned(), "production".to_owned())]));
    assert_eq!(acted(&path, &BTreeSet::new()), None);
    let missing = acted(&path, &grants).unwrap().unwrap_err();
    assert_eq!(missing, "is not there, and the contract of librarian grants production at Azure");
    let named = |name: &str| format!("subscriptions.{name} = \"11111111-2222-3333-4444-555555555555\"");
    stage.put("azure.toml", &named("prodution"), "credentials = [\"managed\"]");
    let other = acted(&path, &grants).unwrap().unwrap_err();
    assert!(
        other.starts_with("has no subscription production, which the contract of librarian grants"),
        "{other}"
    );
    assert!(other.contains("did you mean `prodution`?"), "{other}");
}

#[test]
fn an_identity_whose_secret_is_missing_open_to_all_or_not_its_users_is_found() {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::new();
    let secret = stage.path("client-secret");
    let text = format!("client_secret = \"{}\"", secret.display());
    let path = stage.put("secrets.toml", &format!("user = \"{}\"", Stage::me()), &text);
    let found = || vaults(&path, &Wanted::default()).unwrap();
    let problem = found().unwrap_err();
    assert!(problem.starts_with("azure.client_secret: ") && problem.contains("client-secret"), "{problem}");
    std::fs::write(&secret, "hunter2\n").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).unwrap();
    let problem = found().unwrap_err();
    assert!(problem.contains("everybody may read this secret") && !problem.contains("hunter2"), "{problem}");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(found().is_ok(), "{:?}", found());
    std::fs::write(&path, format!("user = \"{}\"\nazure.ca = \"/nonexistent\"\n", Stage::me())).unwrap();
    let problem = found().unwrap_err();
    assert!(problem.starts_with("azure.ca: /nonexistent: "), "{problem}");
}

#[test]
fn a_file_is_read_by_its_owner_or_by_a_group_of_its_users_alone() {
    let user = ids::User { name: "u".to_owned(), uid: 7, gid: 8, groups: vec![8, 9] };
    for (file, may) in [
        ((7, 0, 0o600), true),
        ((0, 8, 0o640), true),
        ((0, 9, 0o640), true),
        ((0, 8, 0o600), false),
        ((0, 10, 0o640), false),
        ((7, 0, 0o200), false),
    ] {
        assert_eq!(may_read(file, &user), may, "{file:?}");
    }
}
