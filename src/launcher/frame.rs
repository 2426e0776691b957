//! The bytes between gate and launcher. Every length is bounded before anything is read or allocated by it.
//!
//! Request: magic, wrapper (1 byte), deadline in ms (4), output bound (4), length of the grant (4), grant. By a second magic
//! the gate asks to be told times, too; by the first it gets no frame that it might not know.
//! Then frames from the launcher: kind (1), length (4), payload. Integers are big-endian. Meanwhile the gate may send one
//! byte more, [`CANCEL`].

use std::io::{self, Read, Write};
use std::time::Duration;

use crate::grant::{MAX_BYTES, WrapperName};
use crate::sys::process::{Ended, Exit, Stream};

const MAGIC: [u8; 4] = *b"RVL1";
const TIMED: [u8; 4] = *b"RVL2";
#[cfg(feature = "full")]
const MAX_PAYLOAD: usize = 64 * 1024;

/// Ends what was started before its time. That the gate goes away does not: it looks into it when it is back.
pub(super) const CANCEL: u8 = b'C';

const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const END: u8 = 3;
const REFUSED: u8 = 4;
const FAILED: u8 = 5;
const TIMES: u8 = 6;

/// What the gate asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) wants: Wants,
    pub(super) wrapper: WrapperName,
    pub(super) deadline: Duration,
    pub(super) max_output: usize,
    pub(super) grant: Vec<u8>,
}

/// Whether the gate asks to be told times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    NoTimes,
    Times,
}

/// When what happened, by the boot clock, which gate and launcher share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// The gate was let in.
    pub heard: Duration,
    /// Its request was read; sudo, or the wrapper itself, is started now.
    pub started: Duration,
    /// What was started has ended.
    pub ended: Duration,
}

/// What the launcher says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Output, as it came.
    Output(Stream, Vec<u8>),
    /// The wrapper, or what it became, has ended.
    End(Ended),
    /// How long that took: before the last frame, for those who ask.
    Times(Times),
    /// Nothing was started, and why.
    Refused(String),
    /// Something was started and its end was not seen, and why.
    Failed(String),
}

impl Ask {
    #[cfg(feature = "full")]
    pub(super) fn write(&self, mut to: impl Write) -> io::Result<()> {
        let mut bytes = match self.wants {
            Wants::NoTimes => MAGIC.to_vec(),
            Wants::Times => TIMED.to_vec(),
        };
        bytes.push(self.wrapper.code());
        let deadline = u32::try_from(self.deadline.as_millis()).unwrap_or(u32::MAX);
        let max_output = u32::try_from(self.max_output).unwrap_or(u32::MAX);
        let length = u32::try_from(self.grant.len()).unwrap_or(u32::MAX);
        for number in [deadline, max_output, length] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend(&self.grant);
        to.write_all(&bytes)
    }

    pub(super) fn read(mut from: impl Read) -> io::Result<Ask> {
        let wants = match array(&mut from)? {
            MAGIC => Wants::NoTimes,
            TIMED => Wants::Times,
            _other => return Err(malformed("does not begin as a request does")),
        };
        let [code] = array(&mut from)?;
        let wrapper = WrapperName::from_code(code).ok_or_else(|| malformed("unknown wrapper"))?;
        let deadline = Duration::from_millis(u32::from_be_bytes(array(&mut from)?).into());
        let max_output = length(&mut from, usize::MAX)?;
        let grant = payload(&mut from, MAX_BYTES)?;
        Ok(Ask { wants, wrapper, deadline, max_output, grant })
    }
}

impl Frame {
    pub(super) fn write(&self, mut to: impl Write) -> io::Result<()> {
        let (kind, payload) = match self {
            Frame::Output(Stream::Stdout, bytes) => (STDOUT, bytes.clone()),
            Frame::Output(Stream::Stderr, bytes) => (STDERR, bytes.clone()),
            Frame::End(ended) => (END, end_to_bytes(*ended)),
            Frame::Times(times) => (TIMES, times.to_bytes()),
            Frame::Refused(why) => (REFUSED, why.clone().into_bytes()),
            Frame::Failed(why) => (FAILED, why.clone().into_bytes()),
        };
        let length = u32::try_from(payload.len()).map_err(|_| malformed("too long"))?;
        let mut bytes = vec![kind];
        bytes.extend(length.to_be_bytes());
        bytes.extend(payload);
        to.write_all(&bytes)
    }

    #[cfg(feature = "full")]
    pub(super) fn read(mut from: impl Read) -> io::Result<Frame> {
        let [kind] = array(&mut from)?;
        let payload = payload(&mut from, MAX_PAYLOAD)?;
        let text = |payload| String::from_utf8(payload).map_err(|_| malformed("text that is not UTF-8"));
        match kind {
            STDOUT => Ok(Frame::Output(Stream::Stdout, payload)),
            STDERR => Ok(Frame::Output(Stream::Stderr, payload)),
            END => end_from_bytes(&payload).map(Frame::End).ok_or_else(|| malformed("no such end")),
            TIMES => Times::from_bytes(&payload).map(Frame::Times).ok_or_else(|| malformed("no such times")),
            REFUSED => text(payload).map(Frame::Refused),
            FAILED => text(payload).map(Frame::Failed),
            _ => Err(malformed("unknown frame")),
        }
    }
}

impl Times {
    fn to_bytes(self) -> Vec<u8> {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).to_be_bytes();
        [self.heard, self.started, self.ended].into_iter().flat_map(nanos).collect()
    }

    #[cfg(feature = "full")]
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let ([heard, started, ended], []) = bytes.as_chunks::<8>() else { return None };
        let [heard, started, ended] =
            [heard, started, ended].map(|nanos| Duration::from_nanos(u64::from_be_bytes(*nanos)));
        (heard <= started && started <= ended).then_some(Self { heard, started, ended })
    }
}

fn end_to_bytes(ended: Ended) -> Vec<u8> {
    let (kind, number) = match ended.status {
        Exit::Code(code) => (0, code),
        Exit::Signal(signal) => (1, signal),
    };
    let mut bytes = vec![kind, u8::from(ended.timed_out), u8::from(ended.truncated)];
    bytes.extend(number.to_be_bytes());
    bytes
}

#[cfg(feature = "full")]
fn end_from_bytes(bytes: &[u8]) -> Option<Ended> {
    let ([kind, timed_out, truncated], number) = bytes.split_first_chunk()?;
    let number = i32::from_be_bytes(number.try_into().ok()?);
    let status = match kind {
        0 => Exit::Code(number),
        1 => Exit::Signal(number),
        _ => return None,
    };
    Some(Ended { status, truncated: flag(*truncated)?, timed_out: flag(*timed_out)? })
}

#[cfg(feature = "full")]
fn flag(byte: u8) -> Option<bool> {
    match byte {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn payload(from: &mut impl Read, max: usize) -> io::Result<Vec<u8>> {
    let mut payload = vec![0; length(from, max)?];
    from.read_exact(&mut payload)?;
    Ok(payload)
}

fn length(from: &mut impl Read, max: usize) -> io::Result<usize> {
    let length = u32::from_be_bytes(array(from)?);
    usize::try_from(length).ok().filter(|length| *length <= max).ok_or_else(|| malformed("too long"))
}

fn array<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
#[cfg(feature = "full")]
mod tests {
    use super::*;

    fn times(heard: u64, started: u64, ended: u64) -> Times {
        let [heard, started, ended] = [heard, started, ended].map(Duration::from_nanos);
        Times { heard, started, ended }
    }

    #[test]
    fn times_that_run_backwards_are_none() {
        for wrong in [times(2, 1, 3), times(1, 3, 2)] {
            let mut bytes = Vec::new();
            Frame::Times(wrong).write(&mut bytes).unwrap();
            assert_eq!(Frame::read(bytes.as_slice()).unwrap_err().to_string(), "no such times");
        }
    }

    #[test]
    fn every_frame_survives_its_bytes() {
        let ended = Ended { status: Exit::Signal(9), truncated: true, timed_out: false };
        for frame in [
            Frame::Output(Stream::Stdout, b"x".to_vec()),
            Frame::Output(Stream::Stderr, vec![0; MAX_PAYLOAD]),
            Frame::End(ended),
            Frame::End(Ended { status: Exit::Code(-1), truncated: false, timed_out: true }),
            Frame::Times(times(1, 2, u64::MAX)),
            Frame::Refused("no".into()),
            Frame::Failed("lost".into()),
        ] {
            let mut bytes = Vec::new();
            frame.write(&mut bytes).unwrap();
            let mut rest = bytes.as_slice();
            assert_eq!(Frame::read(&mut rest).unwrap(), frame);
            assert!(rest.is_empty());
            assert!(Frame::read(&bytes[..bytes.len() - 1]).is_err());
        }
    }

    #[test]
    fn a_request_survives_its_bytes_and_no_shorter_one_is_taken() {
        for wants in [Wants::NoTimes, Wants::Times] {
            let ask = Ask {
                wants,
                wrapper: WrapperName::Zfs,
                deadline: Duration::from_millis(1500),
                max_output: 70_000,
                grant: vec![9; MAX_BYTES],
            };
            let mut bytes = Vec::new();
            ask.write(&mut bytes).unwrap();
            assert_eq!(Ask::read(bytes.as_slice()).unwrap(), ask);
            for length in 0..20 {
                assert!(Ask::read(&bytes[..length]).is_err(), "length {length}");
            }
        }
    }

    #[test]
    fn lengths_beyond_the_bounds_are_refused_unread() {
        let request = |length: u32| [b"RVL1\x01\0\0\0\0\0\0\0\0".as_slice(), &length.to_be_bytes()].concat();
        assert_eq!(Ask::read(request(65_537).as_slice()).unwrap_err().to_string(), "too long");
        assert_eq!(Ask::read(request(u32::MAX).as_slice()).unwrap_err().to_string(), "too long");
        let frame = [&[STDOUT], u32::MAX.to_be_bytes().as_slice()].concat();
        assert_eq!(Frame::read(frame.as_slice()).unwrap_err().to_string(), "too long");
        assert_eq!(Frame::read([9, 0, 0, 0, 0].as_slice()).unwrap_err().to_string(), "unknown frame");
        assert_eq!(Ask::read(b"RVL1\x63".as_slice()).unwrap_err().to_string(), "unknown wrapper");
    }
}
