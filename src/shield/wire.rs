//! What the gate and the process that asks Azure say to each other: one text, one answer, both bounded.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::vault::CredentialKind;

/// The longest text that is asked about, in bytes.
pub(super) const LONGEST_TEXT: usize = 8 << 20;
/// No answer is longer.
const LONGEST_ANSWER: usize = 1 << 10;

/// Why nobody can say what a text is. A closed set: it is a metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The process that asks is not there, or is somebody else's.
    Down,
    /// No answer came in time.
    Timeout,
    /// Nobody says who the host is.
    NoToken,
    /// Azure has had too many requests.
    Throttled,
    /// Azure answered with an error.
    Refused,
    /// Azure cannot be reached, or what is there is not Azure.
    Unreachable,
    /// The answer does not say it.
    Unreadable,
    /// The text is longer than anybody is asked about.
    TooLong,
}

impl Why {
    /// The word in records and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Timeout => "timeout",
            Self::NoToken => "no_token",
            Self::Throttled => "throttled",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Unreadable => "unreadable",
            Self::TooLong => "too_long",
        }
    }
}

/// What came of asking about one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// How many pieces it has.
    pub pieces: usize,
    /// Of how many the answer was known from before.
    pub kept: usize,
    /// Whether there is an attack in one of them.
    pub attack: bool,
    /// Why nobody can say of one of them.
    pub unsure: Option<Why>,
}

/// An answer, and as whom Azure was asked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// The answer.
    pub answer: Answer,
    /// Whose word it was by which Azure answered, once somebody's was.
    pub credential: Option<CredentialKind>,
}

impl Answer {
    /// Nobody can say anything.
    #[must_use]
    pub fn unsure(why: Why) -> Self {
        Self { pieces: 0, kept: 0, attack: false, unsure: Some(why) }
    }

    /// One word of a fixed set: the worst of it.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        match (self.attack, self.unsure) {
            (true, _) => "attack",
            (false, Some(_)) => "unsure",
            (false, None) => "clean",
        }
    }
}

/// Says a text, and how long whoever asks will wait.
pub(super) async fn ask(
    stream: &mut (impl AsyncWrite + Unpin),
    text: &str,
    patience: Duration,
) -> io::Result<()> {
    let number = |number: u128| u32::try_from(number).unwrap_or(u32::MAX);
    stream.write_u32_le(number(patience.as_millis())).await?;
    write(stream, text.as_bytes()).await
}

/// Reads it.
pub(super) async fn asked(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(String, Duration)> {
    let patience = Duration::from_millis(u64::from(stream.read_u32_le().await?));
    let text = String::from_utf8(read(stream, LONGEST_TEXT).await?).map_err(io::Error::other)?;
    Ok((text, patience))
}

/// Says an answer.
pub(super) async fn answer(stream: &mut (impl AsyncWrite + Unpin), said: &Said) -> io::Result<()> {
    write(stream, &serde_json::to_vec(said)?).await
}

/// Reads it. One that says that all is well and that nothing was looked at is none.
pub(super) async fn answered(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Said> {
    let said: Said = serde_json::from_slice(&read(stream, LONGEST_ANSWER).await?)?;
    if said.answer.pieces == 0 && said.answer.unsure.is_none() {
        return Err(io::Error::other("nothing was looked at"));
    }
    Ok(said)
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    stream.write_u32_le(u32::try_from(bytes.len()).map_err(io::Error::other)?).await?;
    stream.write_all(bytes).await?;
    stream.flush().await
}

async fn read(stream: &mut (impl AsyncRead + Unpin), longest: usize) -> io::Result<Vec<u8>> {
    let length = usize::try_from(stream.read_u32_le().await?).map_err(io::Error::other)?;
    if length > longest {
        return Err(io::Error::other("longer than it may be"));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_said_is_what_is_read() {
        let (mut ours, mut theirs) = tokio::io::duplex(64);
        let text = "ä".repeat(300);
        let saying = ask(&mut ours, &text, Duration::from_millis(2500));
        let (said, read) = tokio::join!(saying, asked(&mut theirs));
        said.unwrap();
        assert_eq!(read.unwrap(), (text, Duration::from_millis(2500)));
        let answered_with = Answer { pieces: 3, kept: 1, attack: true, unsure: Some(Why::Throttled) };
        let said = Said { answer: answered_with, credential: Some(CredentialKind::Managed) };
        let (sent, read) = tokio::join!(answer(&mut theirs, &said), answered(&mut ours));
        sent.unwrap();
        assert_eq!(read.unwrap(), said);
    }

    #[tokio::test]
    async fn what_is_no_answer_is_none() {
        let clean = r#"{"pieces":1,"kept":0,"attack":false,"unsure":null}"#;
        for said in [
            format!("{{\"answer\":{clean},\"credential\":null}}x"),
            format!("{{\"answer\":{clean},\"credential\":\"root\"}}"),
            format!("{{\"answer\":{clean},\"credential\":null,\"more\":1}}"),
            clean.to_owned(),
            r#"{"answer":{"pieces":1,"kept":0,"unsure":null},"credential":null}"#.to_owned(),
            r#"{"answer":{"pieces":1,"kept":0,"attack":false,"unsure":null,"more":1},"credential":null}"#
                .to_owned(),
            r#"{"answer":{"pieces":0,"kept":0,"attack":false,"unsure":null},"credential":null}"#.to_owned(),
            r#"{"answer":{"pieces":1,"kept":0,"attack":false,"unsure":"because"},"credential":null}"#
                .to_owned(),
            String::new(),
        ] {
            let (mut ours, mut theirs) = tokio::io::duplex(1024);
            write(&mut theirs, said.as_bytes()).await.unwrap();
            assert!(answered(&mut ours).await.is_err(), "{said}");
        }
        let (mut ours, mut theirs) = tokio::io::duplex(64);
        theirs.write_u32_le(u32::MAX).await.unwrap();
        assert!(answered(&mut ours).await.is_err());
    }
}
