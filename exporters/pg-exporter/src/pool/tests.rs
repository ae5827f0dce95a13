//! The pool on a real server.

use lab::{Major, Postgres, Proxy};
use pgclient::{Environment, Target};

use super::*;

#[tokio::test]
async fn closes_unused_connections() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let backends = server.backends("127.0.0.1(");
    let url = server.url("monitor", "postgres");
    let target = Target::parse(&url, &Environment::from_variables([("USER", "x")])).unwrap();
    let (timeout, idle_limit) = (Duration::from_secs(30), Duration::from_millis(500));
    let pool = Pool::new(Connector::new(target, timeout, timeout), idle_limit, Some(3));
    for _ in 0..2 {
        let main = pool.take(&Purpose::Main).await.unwrap();
        let mut other = pool.take(&Purpose::of(Some("template1"))).await.unwrap();
        other.put_back();
        tokio::time::timeout(timeout, async {
            while pool.connections().open > 1 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .unwrap();
        assert_eq!((pool.connections().open, backends.titles().len()), (1, 1), "the one in use stays");
        drop(main);
    }
    assert_eq!(pool.connections().opened, 4, "two of each");
    let log = std::fs::read_to_string(server.log_file()).unwrap();
    assert!(!log.contains("idle-session timeout") && !log.contains("unexpected EOF"), "{log}");
}

#[tokio::test]
async fn a_request_outlives_an_attempt_that_began_earlier() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let proxy = Proxy::start(server.port()).unwrap();
    let url = server.url("monitor", "postgres").replace(&server.port().to_string(), &proxy.port().to_string());
    let target = Target::parse(&url, &Environment::from_variables([("USER", "x")])).unwrap();
    let timeout = Duration::from_secs(2);
    let pool = Pool::new(Connector::new(target, timeout, timeout), IDLE_LIMIT, Some(3));
    proxy.freeze();
    let sample = tokio::spawn({
        let pool = pool.clone();
        async move { pool.take(&Purpose::Sample).await.map(drop) }
    });
    tokio::time::sleep(timeout / 2).await;
    let scrape = tokio::spawn(async move { pool.take(&Purpose::Main).await.map(drop) });
    let error = sample.await.unwrap().unwrap_err();
    assert_eq!(error.reason, Reason::Timeout);
    proxy.thaw();
    scrape.await.unwrap().unwrap();
}
