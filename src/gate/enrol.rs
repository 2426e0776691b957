//! Enrolling an approver over Signal. Root compares the safety number with the person; then the account itself has to send
//! back what was sent to it. Only then is there a fingerprint to write into `gate.toml`, which root alone can.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::protocol::{Answer as GateAnswer, Enrol, Problem, ProblemKind};
use super::{Gate, from_millis};
use crate::approval::identity::{IdentityTrouble, Seen};
use crate::approval::inbound::Inbound;
use crate::approval::people::Approver;
use crate::approval::prompt::{Answer, EnrolmentFacts, enrolment};
use crate::approval::reply;
use crate::approval::token::{Token, TokenHash};
use crate::audit::{Event, EventKind};

/// How long the account has to answer.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// How often it may send something else.
const MOST_WRONG: u32 = 5;

/// The enrolment that is under way: one at a time. A restart of the gate ends it.
#[derive(Default)]
pub(super) struct Enrolling(Mutex<Option<Enrolment>>);

#[derive(Debug, Clone)]
struct Enrolment {
    approver: Approver,
    safety_number: String,
    token: TokenHash,
    asked_at: u64,
    wrong: u32,
    is_answered: bool,
}

impl Enrolling {
    fn now(&self) -> MutexGuard<'_, Option<Enrolment>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Enrolment {
    fn is_over(&self, now: u64) -> bool {
        now.saturating_sub(self.asked_at) > u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Gate {
    /// Takes one step, for root.
    pub(super) async fn enrol(self: &Arc<Self>, step: Enrol) -> Result<GateAnswer, Problem> {
        match step {
            Enrol::Look { name, account } => {
                let (_approver, seen) = self.to_enrol(&name, &account).await?;
                Ok(GateAnswer::Document(json!({
                    "fingerprint": seen.fingerprint.to_string(), "safety_number": seen.safety_number,
                })))
            }
            Enrol::Ask { name, account, safety_number } => {
                let (approver, seen) = self.to_enrol(&name, &account).await?;
                if digits(&seen.safety_number) != digits(&safety_number) {
                    let why = "the safety number is another: this is not the person whom you asked, or the account has a new key";
                    return Err(Problem::new(ProblemKind::Denied, why));
                }
                self.ask_to_enrol(approver, seen).await
            }
            Enrol::Answered => match self.answered().await? {
                Some(own) => Ok(GateAnswer::Document(json!({
                    "answered": true, "name": own.approver.name, "account": own.approver.uuid.to_string(),
                    "fingerprint": own.approver.fingerprint.to_string(), "safety_number": own.safety_number,
                }))),
                None => Ok(waits()),
            },
            Enrol::Recover => match self.answered().await? {
                Some(own) => self.begin_recovery(&own.approver).await,
                None => Ok(waits()),
            },
            Enrol::Recovered { name } => self.finish_recovery(&name).await,
            Enrol::Remove { name } => self.may_remove(&name).await,
            Enrol::Stop { name } => self.stop_here(&name, "root").await,
        }
    }

    /// Who would be enrolled, with the identity key that the account has now.
    async fn to_enrol(&self, name: &str, account: &str) -> Result<(Approver, Seen), Problem> {
        let invalid = |why: String| Problem::new(ProblemKind::Invalid, why);
        let uuid = Uuid::try_parse(account)
            .map_err(|_| invalid(format!("{account:?} is not the UUID of a Signal account")))?;
        self.is_awake().await?;
        let seen = self.channel.newest_identity(uuid).await.map_err(|trouble| match trouble {
            IdentityTrouble::Unknown => {
                let why = "the Signal daemon knows no identity key of this account: let its owner write to this host's account first";
                Problem::new(ProblemKind::NotFound, why)
            }
            IdentityTrouble::Changed => {
                let why = "the Signal daemon knows two newest identity keys of this account; look with `signal-cli listIdentities`";
                Problem::new(ProblemKind::TooLate, why)
            }
            IdentityTrouble::Unchecked => {
                Problem::new(ProblemKind::NoChannel, "the Signal daemon does not answer")
            }
        })?;
        let people = self.people.load();
        let approver = people
            .to_enrol(name, uuid, seen.fingerprint.clone())
            .map_err(|error| invalid(error.to_string()))?;
        Ok((approver, seen))
    }

    async fn ask_to_enrol(self: &Arc<Self>, approver: Approver, seen: Seen) -> Result<GateAnswer, Problem> {
        let unavailable = |why: &str| Problem::new(ProblemKind::Unavailable, why);
        let token = Token::generate().map_err(|_error| unavailable("the host gives no randomness"))?;
        if !seen.is_verified {
            let trusted = self.channel.trust(approver.uuid, &seen.safety_number).await;
            trusted.map_err(|error| unavailable(&format!("the key could not be trusted: {error}")))?;
        }
        let asked_at = self.now_ms();
        let expires_at = from_millis(asked_at) + PATIENCE;
        let facts = EnrolmentFacts {
            host: &self.identity.name,
            name: &approver.name,
            token: &token,
            asked_at: from_millis(asked_at),
            expires_at,
        };
        let text = enrolment(&facts);
        let event = Event::new(EventKind::Enrolment)
            .with("approver", approver.name.as_str())
            .with("account", approver.uuid.to_string())
            .with("fingerprint", approver.fingerprint.to_string())
            .with("token_sha256", json!(token.hash()))
            .with("answered", false);
        self.record(event).await?;
        *self.enrolling.now() = Some(Enrolment {
            approver: approver.clone(),
            safety_number: seen.safety_number,
            token: token.hash(),
            asked_at,
            wrong: 0,
            is_answered: false,
        });
        if let Err(error) = self.channel.asking().of(&approver, &text).await {
            *self.enrolling.now() = None;
            return Err(Problem::new(
                ProblemKind::NoChannel,
                format!("the account could not be asked: {error}"),
            ));
        }
        let expires_at = super::envelope::rfc3339(super::millis(expires_at));
        Ok(GateAnswer::Document(json!({"asked": approver.name, "expires_at": expires_at})))
    }

    /// Whether the account has answered, and still has the key that was compared.
    async fn answered(self: &Arc<Self>) -> Result<Option<Enrolment>, Problem> {
        let now = self.enrolling.now().clone();
        let Some(under_way) = now.filter(|under_way| !under_way.is_over(self.now_ms())) else {
            *self.enrolling.now() = None;
            return Err(Problem::new(
                ProblemKind::TooLate,
                "the account has not answered in time; nothing was changed",
            ));
        };
        let approver = &under_way.approver;
        if !under_way.is_answered {
            return Ok(None);
        }
        if let Err(trouble) = self.channel.identity_holds(approver).await {
            return Err(Problem::new(ProblemKind::Denied, format!("{trouble}; nothing was changed")));
        }
        *self.enrolling.now() = None;
        Ok(Some(under_way))
    }

    /// The approver who is this Unix user.
    pub(super) fn approver_of(&self, user: &str) -> Option<String> {
        self.people.load().with_unix_user(user).map(|person| person.name.clone())
    }

    /// Somebody on the host stops that somebody is enrolled anew.
    pub(super) async fn stop_here(self: &Arc<Self>, name: &str, by: &str) -> Result<GateAnswer, Problem> {
        let said = self.stop_recovery(name, by).await?;
        if said == Answer::NothingToStop {
            return Err(Problem::new(ProblemKind::NotFound, said.text()));
        }
        Ok(GateAnswer::Done(said.text()))
    }

    /// Hears whether a message is the answer of the account that is asked. Whose account it is, is the channel's word.
    pub(super) async fn hear_enrolment(self: &Arc<Self>, inbound: &Inbound) {
        let Some(text) = inbound.text.as_deref().and_then(reply::enrolment) else { return };
        let now = self.now_ms();
        let (approver, is_right) = {
            let mut under_way = self.enrolling.now();
            let Some(own) = under_way.as_mut() else { return };
            let is_meant = own.approver.uuid == inbound.sender_uuid && !own.is_answered && !own.is_over(now);
            // Late, edited and group messages are none of this.
            let is_direct = inbound.group.is_none() && !inbound.edited && inbound.sent_at() >= own.asked_at;
            if !is_meant || !is_direct || own.wrong >= MOST_WRONG {
                return;
            }
            let is_right = Token::parse(&text).is_ok_and(|token| own.token.matches(&token));
            own.wrong += u32::from(!is_right);
            (own.approver.clone(), is_right)
        };
        if !is_right {
            return self.reply(approver, Answer::NotEnrolled.text(), inbound);
        }
        let event = Event::new(EventKind::Enrolment)
            .with("approver", approver.name.as_str())
            .with("account", approver.uuid.to_string())
            .with("fingerprint", approver.fingerprint.to_string())
            .with("answered", true);
        if self.record(event).await.is_err() {
            return self.reply(approver, Answer::NotRecorded.text(), inbound);
        }
        if let Some(own) = self.enrolling.now().as_mut().filter(|own| own.approver == approver) {
            own.is_answered = true;
        }
        self.reply(approver, Answer::EnrolmentAnswered.text(), inbound);
    }
}

fn waits() -> GateAnswer {
    GateAnswer::Document(json!({"answered": false}))
}

/// People read safety numbers in groups, and programs write them in other ones.
fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}
