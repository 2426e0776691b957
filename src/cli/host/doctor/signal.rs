//! How the daemon is by which people are asked, as the gate knows it: a second client of the daemon would take messages away.

use serde_json::Value;

use super::found::Found;
use crate::cli::exit::{Exit, Failure};
use crate::cli::host::block_on;
use crate::gate::client::Client;
use crate::gate::config::GateConfig;
use crate::gate::preflight::Status;
use crate::gate::protocol::{Answer, Call, SignalStep};
use crate::sys::ids;

/// Whether the daemon is one that Signal still speaks to.
pub(super) fn daemon(config: &GateConfig) -> Found {
    if config.signal.is_none() {
        return Found::new(Status::Warn, "no [signal]: there is no daemon");
    }
    let gate = match ids::user("reeve-gate") {
        Ok(Some(user)) => user.uid,
        Ok(None) | Err(_) => return Found::unseen("there is no user reeve-gate"),
    };
    let asked = block_on(async {
        let client = Client::new(&config.socket, Some(gate));
        let answer = client.call(None, Call::Signal(SignalStep::Status)).await;
        answer.map_err(|problem| Failure::new(Exit::Unreachable, problem.detail))
    });
    match asked {
        Ok(Answer::Document(document)) => judged(&document),
        Ok(_) => Found::unseen("the gate answers something else; is it of this version?"),
        Err(failure) => {
            let why = format!("only the gate knows, and it does not answer: {}", failure.message);
            Found::new(Status::Warn, why)
        }
    }
}

fn judged(document: &Value) -> Found {
    let text = |path: &str| document.pointer(path).and_then(Value::as_str);
    let mut problems = Vec::new();
    let age = text("/age").unwrap_or_default().to_owned();
    match text("/age_status").and_then(|word| Status::ALL.into_iter().find(|status| status.as_str() == word))
    {
        Some(Status::Pass) => {}
        Some(Status::CouldNotCheck) => problems.push((Status::Warn, age.clone())),
        Some(status) => problems.push((status, age.clone())),
        None => problems.push((Status::CouldNotCheck, "the gate does not say how old it is".to_owned())),
    }
    if document.get("captcha_wanted") == Some(&Value::Bool(true)) {
        problems.push((Status::Fail, "Signal wants a captcha solved: reeve help signal captcha".to_owned()));
    }
    if let Some(trouble) = text("/canary/trouble") {
        problems.push((Status::Fail, format!("Signal takes nothing from this host's account: {trouble}")));
    }
    Found::worst(problems, age)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_old_daemon_a_captcha_and_a_lost_canary_are_seen() {
        let of = |document: Value| judged(&document).status;
        let well = json!({"age": "signal-cli 0.14.6, 3 days old or older", "age_status": "pass"});
        assert_eq!(judged(&well), Found::new(Status::Pass, "signal-cli 0.14.6, 3 days old or older"));
        assert_eq!(of(json!({"age": "old", "age_status": "warn"})), Status::Warn);
        assert_eq!(of(json!({"age_status": "fail"})), Status::Fail);
        assert_eq!(of(json!({})), Status::CouldNotCheck);
        assert_eq!(of(json!({"age_status": "pass", "captcha_wanted": true})), Status::Fail);
        assert_eq!(of(json!({"age_status": "pass", "canary": {"trouble": "it is down"}})), Status::Fail);
    }
}
