//! Addresses, time limits and the end.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::super::{ListenOptions, bind};
use super::{GRACE, exchange, hello, options, run, status};

const KEEP_ALIVE_REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n";

#[tokio::test]
async fn plain_http_is_served_on_every_address() {
    let addresses = vec!["127.0.0.1:0".to_owned(), "localhost:0".to_owned()];
    let listeners = bind(&ListenOptions { addresses, ..ListenOptions::default() }).await.unwrap();
    assert_eq!(listeners.scheme(), "http");
    let bound = listeners.addresses();
    let _running = run(listeners, hello(), GRACE);
    assert_eq!(bound.len(), 2);
    for address in bound {
        let response = exchange(TcpStream::connect(address).await.unwrap(), "").await.unwrap();
        assert_eq!(status(&response), 200);
        assert!(response.ends_with("\r\n\r\nhello"), "{response}");
    }
}

#[tokio::test]
async fn what_cannot_be_bound_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let message = |address: String| async move {
        let options = ListenOptions { addresses: vec![address], ..ListenOptions::default() };
        bind(&options).await.err().unwrap().to_string()
    };
    assert_eq!(message(address.clone()).await, format!("cannot listen on {address}: address in use"));
    assert_eq!(message("192.0.2.1:0".to_owned()).await, "cannot listen on 192.0.2.1:0: address not available");
    assert_eq!(message("9630".to_owned()).await, "cannot listen on 9630: expected HOST:PORT or :PORT");
    let nothing = bind(&ListenOptions::default()).await.err().unwrap();
    assert_eq!(nothing.to_string(), "no address to listen on was given");
}

#[tokio::test]
async fn shutdown_waits_for_a_running_request() {
    let (started, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = {
        let (started, release) = (Arc::clone(&started), Arc::clone(&release));
        get(move || async move {
            started.notify_one();
            release.notified().await;
            "done"
        })
    };
    let app = hello().route("/slow", slow);
    let running = run(bind(&options(None)).await.unwrap(), app, GRACE);

    let mut idle = running.connect().await;
    idle.write_all(KEEP_ALIVE_REQUEST).await.unwrap();
    let mut first_byte = [0];
    idle.read_exact(&mut first_byte).await.unwrap();
    let mut busy = running.connect().await;
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    started.notified().await;

    running.stop.send(()).unwrap();
    // The idle connection is closed after the listening socket is.
    idle.read_to_end(&mut Vec::new()).await.unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
    assert!(!running.ended.is_finished());

    release.notify_one();
    let mut response = String::new();
    busy.read_to_string(&mut response).await.unwrap();
    assert!(response.ends_with("done"), "{response}");
    running.ended.await.unwrap();
}

#[tokio::test]
async fn shutdown_cuts_what_outlives_the_grace_period() {
    let started = Arc::new(Notify::new());
    let endless = {
        let started = Arc::clone(&started);
        get(move || async move {
            started.notify_one();
            std::future::pending::<&str>().await
        })
    };
    let app = Router::new().route("/", endless);
    let running = run(bind(&options(None)).await.unwrap(), app, Duration::from_millis(10));
    let client = tokio::spawn(exchange(running.connect().await, ""));
    started.notified().await;
    running.stop.send(()).unwrap();
    running.ended.await.unwrap();
    assert_eq!(client.await.unwrap().unwrap(), "");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_finishes_its_first_request_is_dropped() {
    let running = run(bind(&options(None)).await.unwrap(), hello(), GRACE);
    for sent in ["", "GET / HTTP/1.1\r\nHost:"] {
        let begin = Instant::now();
        let mut stream = running.connect().await;
        stream.write_all(sent.as_bytes()).await.unwrap();
        assert_eq!(stream.read_to_end(&mut Vec::new()).await.unwrap(), 0);
        assert_eq!(begin.elapsed().as_secs(), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_kept_between_scrapes_and_closed_when_idle_for_long() {
    let running = run(bind(&options(None)).await.unwrap(), hello(), GRACE);
    let mut stream = running.connect().await;
    let begin = Instant::now();
    stream.write_all(KEEP_ALIVE_REQUEST).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    stream.write_all(KEEP_ALIVE_REQUEST).await.unwrap();
    let mut responses = String::new();
    stream.read_to_string(&mut responses).await.unwrap();
    assert_eq!(responses.matches("200 OK").count(), 2);
    assert_eq!(begin.elapsed().as_secs(), 180);
}
