//! `POST /witness/add-checkpoint`: another host's checkpoint, handed on as it is, and the answer as C2SP tlog-witness has it. Here is
//! neither a log nor a key.

use bytes::Bytes;
use http::StatusCode;

use super::answer::{self, Answer as Reply};
use super::endpoint::{Asked, Failure, SOON, mismatch};
use crate::gate::protocol::{Answer, Call, Cosigned, Problem};
use crate::operation::Invalid;

/// Hands a checkpoint on.
pub(super) async fn hand_on(asked: &Asked<'_>, body: Bytes) -> Result<Reply, Failure> {
    let request = String::from_utf8(body.to_vec())
        .map_err(|_other| Failure::from(Problem::from(Invalid::here("the body is not UTF-8".to_owned()))))?;
    let Answer::Cosigned(said) = asked.gate(Call::AddCheckpoint(request), SOON).await? else {
        return Err(mismatch());
    };
    Ok(match said {
        Cosigned::Line(line) => answer::plain(StatusCode::OK, format!("{line}\n")),
        Cosigned::Malformed(problem) => answer::plain(StatusCode::BAD_REQUEST, format!("{problem}\n")),
        Cosigned::Unknown => answer::plain(StatusCode::NOT_FOUND, "no log of this name is watched\n"),
        Cosigned::Unsigned => answer::plain(StatusCode::FORBIDDEN, "not signed by the log's key\n"),
        Cosigned::Conflict(size) => answer::tree_size(StatusCode::CONFLICT, size),
        Cosigned::Inconsistent => answer::plain(
            StatusCode::UNPROCESSABLE_ENTITY,
            "the proof does not show that the log only grew\n",
        ),
    })
}
