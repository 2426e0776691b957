//! From a `receive` notification to a message of a person, or to a counted reason why it is none.

use serde_json::Value;
use uuid::Uuid;

use super::wire::{DataMessage, Envelope, ReceiptPart, ReceiveParams};
use crate::approval::inbound::{Author, Inbound, MessageRef, Reaction};

/// Why a notification was dropped. A bounded set: it labels a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dropped {
    /// It is not what signal-cli sends.
    Malformed,
    /// For another account of the same daemon.
    OtherAccount,
    /// The daemon could not authenticate or decrypt it.
    Exception,
    /// It does not say which account sent it.
    NoSender,
    /// Our own.
    FromUs,
    /// From another device of our own account.
    Sync,
    /// A receipt that is of nothing.
    Receipt,
    /// Somebody types.
    Typing,
    /// Calls, stories, stickers, settings: neither text nor reaction.
    NoContent,
    /// Seen before.
    Duplicate,
    /// Nobody took messages out of the queue.
    QueueFull,
}

impl Dropped {
    /// The metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::OtherAccount => "other_account",
            Self::Exception => "exception",
            Self::NoSender => "no_sender",
            Self::FromUs => "from_us",
            Self::Sync => "sync",
            Self::Receipt => "receipt",
            Self::Typing => "typing",
            Self::NoContent => "no_content",
            Self::Duplicate => "duplicate",
            Self::QueueFull => "queue_full",
        }
    }
}

/// What a notification brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// Somebody's message.
    Message(Box<Inbound>),
    /// That somebody's phone has messages of ours.
    Receipt(Receipt),
    /// What our own account has sent.
    Own(Dropped, Option<String>),
}

/// What a phone says of messages that it got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Whose phone.
    pub from: Uuid,
    /// Which messages, by their timestamps.
    pub of: Vec<u64>,
    /// Whether they were read, too. Whether phones tell is up to their owners.
    pub is_read: bool,
}

/// How many messages one receipt is believed to be of.
const MOST_IN_A_RECEIPT: usize = 64;

/// Who we are on Signal.
#[derive(Debug, Clone)]
pub(super) struct Ourselves {
    pub(super) account: String,
    pub(super) uuid: Uuid,
}

impl Ourselves {
    /// Whether the daemon's name for an account is ours: its number, or its ACI.
    pub(super) fn is(&self, account: &str) -> bool {
        account == self.account || self.has_uuid(account)
    }

    fn has_uuid(&self, text: &str) -> bool {
        Uuid::try_parse(text).is_ok_and(|uuid| uuid == self.uuid)
    }

    fn author(&self, uuid: Option<&str>) -> Author {
        if uuid.is_some_and(|uuid| self.has_uuid(uuid)) { Author::Us } else { Author::Other }
    }
}

/// Reads the parameters of one `receive`.
pub(super) fn read(params: Value, ourselves: &Ourselves) -> Result<Heard, Dropped> {
    let params: ReceiveParams = serde_json::from_value(params).map_err(|_| Dropped::Malformed)?;
    let params = match params.result {
        Some(subscribed) => *subscribed,
        None => params,
    };
    if params.account.is_some_and(|account| !ourselves.is(&account)) {
        return Err(Dropped::OtherAccount);
    }
    if params.exception.is_some() {
        return Err(Dropped::Exception);
    }
    from_envelope(params.envelope.ok_or(Dropped::Malformed)?, ourselves)
}

fn from_envelope(envelope: Envelope, ourselves: &Ourselves) -> Result<Heard, Dropped> {
    let sender = envelope.source_uuid.as_deref().and_then(|uuid| Uuid::try_parse(uuid).ok());
    let sender_uuid = sender.filter(|uuid| !uuid.is_nil()).ok_or(Dropped::NoSender)?;
    if let Some(sync) = envelope.sync_message {
        let text = sync.pointer("/sentMessage/message").and_then(Value::as_str).map(str::to_owned);
        return Ok(Heard::Own(Dropped::Sync, text.filter(|_| sender_uuid == ourselves.uuid)));
    }
    if sender_uuid == ourselves.uuid {
        return Ok(Heard::Own(Dropped::FromUs, envelope.data_message.and_then(|data| data.message)));
    }
    if let Some(receipt) = envelope.receipt_message {
        return read_receipt(sender_uuid, receipt);
    }
    if envelope.typing_message.is_some() {
        return Err(Dropped::Typing);
    }
    let edited = envelope.edit_message.is_some();
    let data = match envelope.edit_message {
        Some(edit) => edit.data_message,
        None => envelope.data_message,
    };
    let base = Inbound {
        sender_uuid,
        device: envelope.source_device.unwrap_or(0),
        timestamp: envelope.timestamp.filter(|t| *t > 0).ok_or(Dropped::Malformed)?,
        server_received: envelope.server_received_timestamp.filter(|t| *t > 0),
        quote_of: None,
        text: None,
        reaction: None,
        edited,
        group: None,
    };
    let message = with_content(base, data.ok_or(Dropped::NoContent)?, ourselves)?;
    Ok(Heard::Message(Box::new(message)))
}

fn read_receipt(from: Uuid, receipt: Value) -> Result<Heard, Dropped> {
    let part: ReceiptPart = serde_json::from_value(receipt).map_err(|_| Dropped::Malformed)?;
    let is_read = part.is_read || part.is_viewed;
    if part.timestamps.is_empty() || !(is_read || part.is_delivery) {
        return Err(Dropped::Receipt);
    }
    let of = part.timestamps.into_iter().take(MOST_IN_A_RECEIPT).collect();
    Ok(Heard::Receipt(Receipt { from, of, is_read }))
}

fn with_content(base: Inbound, data: DataMessage, ourselves: &Ourselves) -> Result<Inbound, Dropped> {
    let quote_of = data.quote.map(|quote| MessageRef {
        author: ourselves.author(quote.author_uuid.as_deref()),
        timestamp: quote.id,
    });
    let reaction = data.reaction.map(|part| Reaction {
        target: MessageRef {
            author: ourselves.author(part.target_author_uuid.as_deref()),
            timestamp: part.target_sent_timestamp,
        },
        emoji: part.emoji,
        removed: part.is_remove,
    });
    if data.message.is_none() && reaction.is_none() {
        return Err(Dropped::NoContent);
    }
    Ok(Inbound {
        quote_of,
        reaction,
        text: data.message,
        group: data.group_info.map(|info| info.group_id),
        ..base
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const US: &str = "00000000-0000-4000-8000-000000000001";
    const ALICE: &str = "aaaaaaaa-1111-4111-8111-111111111111";

    fn read(params: Value) -> Result<Inbound, Dropped> {
        match heard(params)? {
            Heard::Message(inbound) => Ok(*inbound),
            Heard::Receipt(_) => Err(Dropped::Receipt),
            Heard::Own(why, _) => Err(why),
        }
    }

    fn heard(params: Value) -> Result<Heard, Dropped> {
        let ourselves = Ourselves { account: "+15550001".into(), uuid: Uuid::try_parse(US).unwrap() };
        super::read(params, &ourselves)
    }

    fn envelope(more: Value) -> Value {
        let mut envelope = json!({"source": ALICE, "sourceNumber": null, "sourceUuid": ALICE, "sourceName": "Alice",
            "sourceDevice": 2, "timestamp": 1000, "serverReceivedTimestamp": 1001});
        envelope.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"account": "+15550001", "envelope": envelope})
    }

    fn plain() -> Inbound {
        Inbound {
            sender_uuid: Uuid::try_parse(ALICE).unwrap(),
            device: 2,
            timestamp: 1000,
            server_received: Some(1001),
            quote_of: None,
            text: Some("hi".into()),
            reaction: None,
            edited: false,
            group: None,
        }
    }

    #[test]
    fn a_text_without_a_number_is_read_in_both_forms() {
        let bare = envelope(json!({"dataMessage": {"timestamp": 1000, "message": "hi"}}));
        assert_eq!(read(bare.clone()), Ok(plain()));
        assert_eq!(read(json!({"subscription": 0, "result": bare})), Ok(plain()));
    }

    #[test]
    fn a_quote_is_ours_by_its_author_whatever_its_text() {
        let quote = |author: Value| {
            let data = json!({"message": "hi", "quote": {"id": 77, "authorUuid": author, "text": "forged"}});
            read(envelope(json!({"dataMessage": data}))).unwrap().quote_of.unwrap()
        };
        assert_eq!(quote(json!(US.to_uppercase())), MessageRef { author: Author::Us, timestamp: 77 });
        assert_eq!(quote(json!(ALICE)), MessageRef { author: Author::Other, timestamp: 77 });
        assert_eq!(quote(json!(null)), MessageRef { author: Author::Other, timestamp: 77 });
    }

    #[test]
    fn a_reaction_names_its_target() {
        let reaction =
            json!({"emoji": "👎", "targetAuthorUuid": US, "targetSentTimestamp": 77, "isRemove": true});
        let data = json!({"dataMessage": {"message": null, "reaction": reaction}});
        let target = MessageRef { author: Author::Us, timestamp: 77 };
        let expected = Inbound {
            text: None,
            reaction: Some(Reaction { emoji: "👎".into(), target, removed: true }),
            ..plain()
        };
        assert_eq!(read(envelope(data)), Ok(expected));
    }

    #[test]
    fn edits_and_groups_are_marked() {
        let data = json!({"message": "hi", "groupInfo": {"groupId": "b3Bz", "type": "DELIVER"}});
        let edit = json!({"editMessage": {"targetSentTimestamp": 5, "dataMessage": data}});
        let expected = Inbound { edited: true, group: Some("b3Bz".into()), ..plain() };
        assert_eq!(read(envelope(edit)), Ok(expected));
    }

    #[test]
    fn an_absent_server_time_is_not_the_year_1970() {
        let zero = json!({"serverReceivedTimestamp": 0, "dataMessage": {"message": "hi"}});
        assert_eq!(read(envelope(zero)), Ok(Inbound { server_received: None, ..plain() }));
    }

    #[test]
    fn what_was_not_authenticated_is_dropped_even_with_a_text() {
        let mut params = envelope(json!({"dataMessage": {"message": "confirm"}}));
        params["exception"] = json!({"type": "UntrustedIdentityException", "message": "…"});
        assert_eq!(read(params), Err(Dropped::Exception));
    }

    #[test]
    fn what_is_no_message_of_a_person_is_dropped_by_reason() {
        let text = json!({"message": "hi"});
        let drop = |more: Value, reason| assert_eq!(read(envelope(more)), Err(reason));
        drop(json!({"sourceUuid": null, "dataMessage": text}), Dropped::NoSender);
        drop(
            json!({"sourceUuid": "PNI:aaaaaaaa-1111-4111-8111-111111111111", "dataMessage": text}),
            Dropped::NoSender,
        );
        drop(json!({"sourceUuid": US, "dataMessage": text}), Dropped::FromUs);
        drop(
            json!({"sourceUuid": US, "syncMessage": {"sentMessage": {"message": "confirm"}}}),
            Dropped::Sync,
        );
        drop(json!({"receiptMessage": {"isDelivery": true, "timestamps": [1]}}), Dropped::Receipt);
        drop(json!({"typingMessage": {"action": "STARTED"}}), Dropped::Typing);
        drop(json!({"callMessage": {}}), Dropped::NoContent);
        drop(json!({"dataMessage": {"message": null}}), Dropped::NoContent);
        drop(json!({"timestamp": -1, "dataMessage": text}), Dropped::Malformed);
        assert_eq!(read(json!({"account": "+19"})), Err(Dropped::OtherAccount));
        assert_eq!(read(json!([])), Err(Dropped::Malformed));
    }

    #[test]
    fn a_receipt_tells_which_messages_a_phone_has_and_whether_they_were_read() {
        let from = Uuid::try_parse(ALICE).unwrap();
        let receipt = |more: Value| {
            let mut receipt = json!({"when": 5, "isDelivery": false, "isRead": false, "isViewed": false});
            receipt.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            heard(envelope(json!({"receiptMessage": receipt})))
        };
        let told = |of: &[u64], is_read| Ok(Heard::Receipt(Receipt { from, of: of.to_vec(), is_read }));
        assert_eq!(receipt(json!({"isDelivery": true, "timestamps": [1, 2]})), told(&[1, 2], false));
        assert_eq!(receipt(json!({"isRead": true, "timestamps": [1]})), told(&[1], true));
        assert_eq!(receipt(json!({"isViewed": true, "timestamps": [1]})), told(&[1], true));
        assert_eq!(receipt(json!({"isDelivery": true, "timestamps": []})), Err(Dropped::Receipt));
        assert_eq!(receipt(json!({"timestamps": [1]})), Err(Dropped::Receipt));
        assert_eq!(receipt(json!({"isRead": "yes", "timestamps": [1]})), Err(Dropped::Malformed));
        let many: Vec<u64> = (0..1000).collect();
        let Ok(Heard::Receipt(bounded)) = receipt(json!({"isRead": true, "timestamps": many})) else {
            panic!()
        };
        assert_eq!(bounded.of.len(), MOST_IN_A_RECEIPT);
    }

    #[test]
    fn a_note_to_ourselves_is_known_when_it_comes_back_and_is_nobodys_message() {
        let synced = json!({"sourceUuid": US, "syncMessage": {"sentMessage": {"message": "canary 1"}}});
        assert_eq!(heard(envelope(synced)), Ok(Heard::Own(Dropped::Sync, Some("canary 1".into()))));
        let sent = json!({"sourceUuid": US, "dataMessage": {"message": "canary 2"}});
        assert_eq!(heard(envelope(sent)), Ok(Heard::Own(Dropped::FromUs, Some("canary 2".into()))));
        let others = json!({"syncMessage": {"sentMessage": {"message": "canary 3"}}});
        assert_eq!(heard(envelope(others)), Ok(Heard::Own(Dropped::Sync, None)));
    }
}
