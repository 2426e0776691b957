//! Many at once: they share syncs, and each still gets what is its own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reeve::audit::{AuditError, Event, EventKind};
use serde_json::json;

use crate::home::{Home, decision};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_writers_share_syncs() {
    let home = Home::new();
    let log = home.open().unwrap();
    let writers: Vec<_> = (0..64)
        .map(|writer| {
            let log = log.clone();
            tokio::spawn(async move {
                let mut receipts = Vec::new();
                for number in 0..20 {
                    receipts.push(log.append(decision(writer * 100 + number)).await.unwrap());
                }
                receipts
            })
        })
        .collect();
    let mut seen = BTreeSet::new();
    for writer in writers {
        let receipts = writer.await.unwrap();
        assert!(receipts.is_sorted_by_key(|receipt| receipt.seq), "one writer's records keep their order");
        seen.extend(receipts.into_iter().map(|receipt| (receipt.seq, receipt.hash)));
    }
    let counters = log.counters();
    assert_eq!((counters.records, counters.errors), (1280, 0));
    assert!(counters.batches < counters.records / 4, "{counters:?}");
    drop(log);
    let written: BTreeSet<_> = home.records().iter().map(|record| (record.seq, record.hash)).collect();
    assert_eq!(seen, written);
    assert!(home.verify().ok);
}

#[tokio::test]
async fn events_appended_together_stand_together() {
    let home = Home::new();
    let log = home.open().unwrap();
    let receipts = log.append_all((1..=5).map(decision).collect()).await.unwrap();
    assert_eq!(receipts.iter().map(|receipt| receipt.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(log.counters().batches, 1);
    assert_eq!(log.last(), receipts[4]);
}

#[tokio::test]
async fn an_event_that_cannot_be_recorded_keeps_its_companions_out_and_nothing_else() {
    let home = Home::new();
    let log = home.open().unwrap();
    let float = Event::new(EventKind::Outcome).with("seconds", 0.5);
    let refused = log.append_all(vec![decision(1), float]).await;
    assert!(matches!(refused, Err(AuditError::NotRecordable(_))), "{refused:?}");
    assert!(log.healthy());
    assert_eq!(log.append(decision(2)).await.unwrap().seq, 1);
}

#[tokio::test]
async fn each_append_is_timed_for_the_metrics() {
    let home = Home::new();
    let log = home.open().unwrap();
    let observed = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&observed);
    log.observe_appends(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    log.append(decision(1)).await.unwrap();
    log.append(decision(2)).await.unwrap();
    assert_eq!(observed.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_record_has_every_field_of_its_event() {
    let home = Home::new();
    let log = home.open().unwrap();
    let receipt =
        log.append(decision(7).with("\u{202e}odd\n", json!([null, -1, {"ü": true}]))).await.unwrap();
    let record = home.records().remove(0);
    assert_eq!(record.receipt(), receipt);
    assert_eq!((record.kind.as_str(), record.host.as_str()), ("decision", "host01"));
    assert_eq!(record.time, "2023-11-14T22:13:20.000Z");
    assert_eq!((record.principal.as_deref(), record.operation.as_deref()), (Some("librarian"), Some("op_7")));
    assert_eq!(
        serde_json::Value::Object(record.detail),
        json!({"verdict": "allow", "rule": "reads-are-free", "\u{202e}odd\n": [null, -1, {"ü": true}]})
    );
}

#[test]
fn a_log_that_is_open_is_refused_to_a_second_writer() {
    let home = Home::new();
    let first = home.open().unwrap();
    assert!(matches!(home.open(), Err(AuditError::Busy(_))));
    drop(first);
    assert!(home.open().is_ok());
}
