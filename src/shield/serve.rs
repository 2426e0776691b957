//! The process that asks: it listens for the gate, and for root who tries it, and for nobody else.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::sync::Semaphore;

use super::config::ShieldsConfig;
use super::look::{Judge, Looker};
use super::wire::{self, Said};
use crate::sys::{ids, listen, peer};

/// How many texts are in hand at once. The gate's own patience bounds how long others wait.
const AT_ONCE: usize = 16;
/// How long a text may take to come.
const TO_COME: Duration = Duration::from_secs(5);
/// How long to wait after the kernel had no descriptor left.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Answers on the socket until the process ends.
///
/// # Errors
/// When the socket cannot be had, or there is no such user.
pub async fn serve<J: Judge>(config: &ShieldsConfig, judge: J) -> Result<(), String> {
    let gate = match ids::user(&config.gate_user) {
        Ok(Some(user)) => user.uid,
        Ok(None) => return Err(format!("gate_user: there is no Unix user {}", config.gate_user)),
        Err(error) => return Err(format!("gate_user: {error}")),
    };
    // The folder is its user's, and whom its group lets in is the gate.
    let listener =
        listen::at(&config.socket, 0o660).map_err(|error| format!("{}: {error}", config.socket.display()))?;
    let looker = Arc::new(Looker::new(judge, config.at_once, (config.cache_entries, config.cache_for)));
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
        match listener.accept().await {
            Ok((stream, _address)) => {
                let looker = Arc::clone(&looker);
                tokio::spawn(async move {
                    converse(stream, gate, &looker).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "cannot accept; trying again");
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

async fn converse<J: Judge>(mut stream: UnixStream, gate: u32, looker: &Looker<J>) {
    let Ok(peer) = peer::credentials(&stream) else { return };
    if peer.uid != gate && peer.uid != 0 {
        tracing::warn!(uid = peer.uid, "a user who is not the gate was sent away");
        return;
    }
    let Ok(Ok((text, patience))) = tokio::time::timeout(TO_COME, wire::asked(&mut stream)).await else {
        return;
    };
    // A little less, so that the reason is still heard.
    let answer = looker.look_at(&text, patience.mul_f64(0.9)).await;
    // Whoever does not wait for it takes silence for no answer.
    drop(
        tokio::time::timeout(
            TO_COME,
            wire::answer(&mut stream, &Said { answer, credential: looker.credential() }),
        )
        .await,
    );
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;
    use tokio::time::Instant;

    use super::*;
    use crate::shield::{Answer, Meaning, Shield, ShieldSettings, Why};

    struct Reader;

    impl Judge for Reader {
        async fn judge(&self, piece: &str, _until: Instant) -> Result<bool, Why> {
            if piece == "slow" {
                std::future::pending::<()>().await;
            }
            if piece == "?" { Err(Why::Throttled) } else { Ok(piece == "attack") }
        }
    }

    /// A process that answers, and what the gate asks it with.
    async fn stage(gate_user: &str, uid: u32) -> (tempfile::TempDir, Shield) {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("socket");
        let text = format!(
            "endpoint = \"https://test.cognitiveservices.azure.com\"\nsocket = \"{}\"\ngate_user = \"{gate_user}\"\nazure.credentials = [\"managed\"]\n",
            socket.display()
        );
        let config = ShieldsConfig::parse("shields.toml", &text).unwrap();
        tokio::spawn(async move { serve(&config, Reader).await });
        while !socket.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let patience = Duration::from_secs(2);
        let settings =
            ShieldSettings { arguments: Meaning::Deny, socket, patience, ..ShieldSettings::default() };
        (dir, Shield::new(settings, uid))
    }

    #[tokio::test]
    async fn the_gate_is_answered_with_what_was_found_or_why_nothing_can_be_said() {
        let me = nix::unistd::geteuid();
        let name = nix::unistd::User::from_uid(me).unwrap().unwrap().name;
        let (_dir, shield) = stage(&name, me.as_raw()).await;
        let answer = |attack, unsure| Answer { pieces: 1, kept: 0, attack, unsure };
        for (text, wanted) in [
            ("clean", answer(false, None)),
            ("attack", answer(true, None)),
            ("?", answer(false, Some(Why::Throttled))),
            ("slow", answer(false, Some(Why::Timeout))),
        ] {
            assert_eq!(shield.answer(text).await, wanted, "{text}");
        }
        assert_eq!(shield.answer("attack").await, Answer { kept: 1, ..answer(true, None) });
    }

    #[tokio::test]
    async fn what_another_user_answers_is_no_answer_and_it_is_not_given_the_text() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        let heard = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            wire::asked(&mut stream).await.is_ok()
        });
        let settings = ShieldSettings { arguments: Meaning::Deny, socket, ..ShieldSettings::default() };
        let somebody_else = nix::unistd::geteuid().as_raw() + 1;
        let shield = Shield::new(settings, somebody_else);
        assert_eq!(shield.answer("clean").await, Answer::unsure(Why::Down));
        assert!(!heard.await.unwrap());
    }
}
