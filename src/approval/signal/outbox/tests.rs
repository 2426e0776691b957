//! How turns go.

use super::*;

const PATIENCE: Duration = Duration::from_secs(60);

fn outbox() -> Outbox {
    Outbox::new(Duration::from_secs(30), Duration::from_secs(600))
}

/// How long what is worth so much waits.
fn until(worth: Worth) -> Option<Instant> {
    (worth == Worth::Question).then(|| Instant::now() + PATIENCE)
}

type Log = Arc<Mutex<Vec<usize>>>;

fn limited(seconds: u64) -> Result<(), SendError> {
    Err(SendError::RateLimited { retry_after: Some(seconds) })
}

/// Takes its turn, and tells when it had it.
fn waits(
    outbox: &Arc<Outbox>,
    worth: Worth,
    name: usize,
    log: &Log,
) -> tokio::task::JoinHandle<Result<(), SendError>> {
    let (outbox, log) = (Arc::clone(outbox), Arc::clone(log));
    tokio::spawn(async move {
        let until = until(worth);
        let _turn = outbox.turn(until).await?;
        outbox.until_free(until).await?;
        log.lock().unwrap().push(name);
        Ok(())
    })
}

async fn all_wait(outbox: &Outbox, count: usize) {
    while outbox.traffic().waiting < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_the_server_does_not_want_yet_is_held_and_sent_in_its_order_questions_first() {
    let (outbox, log) = (Arc::new(outbox()), Log::default());
    let first = outbox.turn(until(Worth::Question)).await.unwrap();
    assert!(outbox.came_out(&limited(1)));
    let mut all = Vec::new();
    for name in 0..5 {
        let worth = if name % 2 == 0 { Worth::News } else { Worth::Question };
        all.push(waits(&outbox, worth, name, &log));
        all_wait(&outbox, name + 1).await;
    }
    assert!(log.lock().unwrap().is_empty());
    let begun = Instant::now();
    outbox.until_free(None).await.unwrap();
    assert!(outbox.traffic().waiting == 5 && begun.elapsed() < Duration::from_secs(30));
    assert!(!outbox.came_out(&Ok(())));
    drop(first);
    for one in all {
        one.await.unwrap().unwrap();
    }
    assert_eq!(*log.lock().unwrap(), [1, 3, 0, 2, 4]);
    assert_eq!(outbox.traffic().results, [("rate_limited", 1), ("success", 1)].into());
}

#[tokio::test]
async fn a_question_is_not_kept_for_longer_than_somebody_would_wait_for_it() {
    let outbox = Arc::new(outbox());
    let turn = outbox.turn(until(Worth::News)).await.unwrap();
    outbox.came_out(&limited(86_400));
    let refused = outbox.turn(until(Worth::Question)).await.err();
    assert!(
        matches!(refused, Some(SendError::RateLimited { retry_after: Some(86_390..=86_400) })),
        "{refused:?}"
    );
    outbox.release();
    drop(turn);
    assert!(outbox.turn(until(Worth::Question)).await.is_ok());
}

#[tokio::test]
async fn when_too_much_waits_the_oldest_news_go_before_any_question() {
    let (outbox, log) = (Arc::new(outbox()), Log::default());
    let turn = outbox.turn(until(Worth::News)).await.unwrap();
    let mut all = Vec::new();
    for name in 0..MOST {
        let worth = if name % 2 == 0 { Worth::Question } else { Worth::News };
        all.push(waits(&outbox, worth, name, &log));
        all_wait(&outbox, name + 1).await;
    }
    let last = waits(&outbox, Worth::Question, MOST, &log);
    assert_eq!(all.remove(1).await.unwrap(), Err(SendError::Dropped), "the oldest of the news");
    assert_eq!(outbox.traffic().dropped, [(Worth::News, 1)].into());
    drop(turn);
    for one in all.into_iter().chain([last]) {
        one.await.unwrap().unwrap();
    }
    let log = log.lock().unwrap();
    let (questions, news): (Vec<usize>, Vec<usize>) = log.iter().partition(|name| *name % 2 == 0);
    assert!(questions.is_sorted() && news.is_sorted() && log.starts_with(&questions), "{log:?}");
    assert!(log.len() == MOST && !log.contains(&1), "{log:?}");
}

#[tokio::test]
async fn a_turn_that_nobody_takes_any_more_goes_to_the_next() {
    let (outbox, log) = (Arc::new(outbox()), Log::default());
    let turn = outbox.turn(until(Worth::News)).await.unwrap();
    let gone = waits(&outbox, Worth::News, 0, &log);
    all_wait(&outbox, 1).await;
    let next = waits(&outbox, Worth::News, 1, &log);
    all_wait(&outbox, 2).await;
    gone.abort();
    assert!(gone.await.is_err());
    drop(turn);
    next.await.unwrap().unwrap();
    assert_eq!(*log.lock().unwrap(), [1]);
    assert!(outbox.turn(until(Worth::News)).await.is_ok());
}

#[tokio::test]
async fn a_captcha_is_known_until_it_is_solved() {
    let outbox = outbox();
    assert!(outbox.came_out::<()>(&Err(SendError::NeedsCaptcha { challenge: "ch-1".into() })));
    assert_eq!(outbox.captcha().as_deref(), Some("ch-1"));
    assert!(outbox.traffic().held_for.is_some_and(|left| left > PATIENCE));
    outbox.release();
    assert_eq!((outbox.captcha(), outbox.traffic().held_for), (None, None));
}

#[tokio::test]
async fn a_question_that_waits_already_is_given_up_when_the_server_wants_nothing_for_long() {
    let (outbox, log) = (Arc::new(outbox()), Log::default());
    for held in [Worth::News, Worth::Question] {
        let turn = outbox.turn(until(held)).await.unwrap();
        let question = waits(&outbox, Worth::Question, 0, &log);
        all_wait(&outbox, 1).await;
        let news = waits(&outbox, Worth::News, 1, &log);
        all_wait(&outbox, 2).await;
        let begun = Instant::now();
        assert!(outbox.came_out(&limited(3_600)));
        let refused = question.await.unwrap();
        assert!(matches!(refused, Err(SendError::RateLimited { retry_after: Some(3_590..) })), "{refused:?}");
        // Who has the turn in hand hears the same, and news wait on.
        assert!(outbox.until_free(until(Worth::Question)).await.is_err());
        assert!(begun.elapsed() < Duration::from_secs(10) && !news.is_finished());
        outbox.release();
        drop(turn);
        news.await.unwrap().unwrap();
    }
    assert_eq!(*log.lock().unwrap(), [1, 1]);
}

#[tokio::test]
async fn a_question_waits_for_its_turn_until_its_time_is_over_and_not_for_ever() {
    let outbox = Arc::new(outbox());
    let turn = outbox.turn(None).await.unwrap();
    let until = Instant::now() + Duration::from_millis(50);
    // Limited again and again, each time for less than anybody would wait.
    assert!(outbox.came_out(&limited(30)));
    assert!(matches!(outbox.turn(Some(until)).await.err(), Some(SendError::RateLimited { .. })));
    outbox.release();
    let begun = Instant::now();
    assert_eq!(outbox.turn(Some(until)).await.err(), Some(SendError::Dropped));
    assert!(begun.elapsed() < Duration::from_secs(10));
    drop(turn);
    assert!(outbox.turn(None).await.is_ok(), "the turn is nobody's");
}

#[tokio::test]
async fn a_server_that_says_no_time_worth_waiting_is_not_asked_again_at_once() {
    let outbox = outbox();
    let mut left = Vec::new();
    for _ in 0..8 {
        assert!(outbox.came_out(&limited(0)));
        left.push(outbox.traffic().held_for.unwrap().as_secs_f64().ceil());
    }
    assert_eq!(left, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 32.0, 32.0]);
    assert!(!outbox.came_out(&Ok(())));
    assert!(outbox.came_out(&limited(3)));
    let left = outbox.traffic().held_for.unwrap();
    assert!((Duration::from_secs(2)..=Duration::from_secs(3)).contains(&left), "{left:?}");
}
