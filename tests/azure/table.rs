//! What the wrapper will run at Azure: everything that the adapter asks for, as one user, and nothing else.

use reeve::adapter::{self, Argv, Program};
use reeve::grant::{Grant, RunAs, WrapperName};

use crate::argv::operations;
use crate::cloud::Cloud;
use crate::wrapper::TABLE;

fn grant(argv: Vec<String>) -> Grant {
    Grant {
        operation: "op_TEST".into(),
        step: 0,
        wrapper: WrapperName::Azure,
        program: Program::AzureManager.production_path().into(),
        argv,
        directory: None,
        run_as: RunAs::User("reeve-azure".into()),
        host: "h".into(),
        boot: "b".into(),
        not_after: 1,
        run_limit_secs: 1,
        nonce: [0; 16],
    }
}

fn has(line: &str) -> bool {
    TABLE.has(&grant(line.split(' ').map(str::to_owned).collect())).is_ok()
}

#[test]
fn every_command_at_azure_is_in_the_wrappers_table() {
    let check = |argv: &Argv| {
        TABLE.has(&grant(argv.args.clone())).unwrap_or_else(|refusal| panic!("{argv}: {refusal}"));
    };
    for op in operations() {
        let cloud = Cloud::new();
        if adapter::of(&op).is_plain_read() {
            adapter::of(&op).read(&cloud).unwrap();
        } else {
            cloud.plan(&op).unwrap().steps.iter().for_each(|step| check(&step.argv));
        }
        cloud.reads().iter().for_each(check);
    }
}

#[test]
fn nothing_else_of_reeve_and_no_other_place_is_in_the_wrappers_table() {
    for line in [
        "secret fetch",
        "azure",
        "azure delete main rg shop",
        "azure groups",
        "azure groups main rg",
        "azure groups --help",
        "azure groups main --json",
        "azure groups Main",
        "azure groups ../x",
        "azure resources main rg/providers",
        "azure resources main ..",
        "azure resources main rg?x=y",
        "azure resources main rg%2f..",
        "azure app main rg shop/revisions",
        "azure app main rg Shop",
        "azure app main rg -x",
        "azure restart main rg shop",
        "azure restart main rg shop shop--1/x",
        "azure restart main rg shop ..",
        "azure scale main rg shop 1",
        "azure scale main rg shop -1 2",
        "azure scale main rg shop 1 1001",
        "azure scale main rg shop 1 2 3",
        "azure scale main rg shop 01 2",
        "azure claim main/rg/microsoft.app/containerapps/shop",
        "azure unclaim main/rg/microsoft.app/containerapps/shop",
        "azure claims",
        "azure expire",
        "azure firewall main rg",
        "azure opening main rg vault x",
        "azure firewall main rg ..",
        "azure firewall main rg Vault",
        "azure claimed main",
        "azure there main rg shop",
        "azure there main rg microsoft.app/containerapps",
        "azure there main rg microsoft.app/containerapps/..",
        "azure there main rg microsoft.app/containerapps/shop/revisions",
        "azure there main rg microsoft.app/containerapps/Shop",
        "azure there main rg microsoft.app/containerapps/shop?api-version=1",
        "azure delete main rg microsoft.app/containerapps/shop",
        "azure delete main rg microsoft.app/containerapps/shop 01",
    ] {
        assert!(!has(line), "{line}");
    }
    assert!(has("azure scale main rg shop 0 1000"));
    let mark = "0123456789abcdef".repeat(4);
    assert!(has(&format!("azure delete main rg microsoft.app/containerapps/shop {mark}")));
    assert!(!has(&format!("azure delete main rg microsoft.app/containerapps/shop {}", mark.to_uppercase())));
    assert!(!has(&format!("azure delete main rg/providers microsoft.app/containerapps/shop {mark}")));
    for line in ["20.1.2.3/32 60", "20.1.2.0/24 1440"] {
        assert!(has(&format!("azure allow main rg vault {line} {mark}")), "{line}");
    }
    for line in [
        "0.0.0.0/0 60",
        "20.0.0.0/8 60",
        "20.1.2.3 60",
        "20.1.2.3/32 0",
        "20.1.2.3/32 1441",
        "2001:db8::1/128 60",
        "* 60",
    ] {
        assert!(!has(&format!("azure allow main rg vault {line} {mark}")), "{line}");
    }
    assert!(has(&format!("azure disallow main rg vault {mark}")));
    assert!(!has(&format!("azure delete main rg ../microsoft.app/containerapps {mark}")));
}

#[test]
fn nothing_runs_at_azure_but_as_its_own_user() {
    for run_as in [RunAs::Root, RunAs::User("reeve-gate".into()), RunAs::User("ann".into())] {
        let as_other = Grant { run_as, ..grant(vec!["azure".into(), "groups".into(), "main".into()]) };
        assert!(TABLE.has(&as_other).is_err());
    }
}
