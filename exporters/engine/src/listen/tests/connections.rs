//! Addresses, time limits and the end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use futures_util::stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::super::{ListenOptions, bind};
use super::{GRACE, Running, exchange, hello, listening_on, options, run, status};
use crate::status::ProcessStatus;

const KEEP_ALIVE_REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n";

#[tokio::test]
async fn serves_plain_http_on_every_address() {
    let listeners = bind(&listening_on(&["127.0.0.1:0", "localhost:0"], None)).await.unwrap();
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
async fn reports_addresses_that_cannot_be_bound() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let message =
        |address: String| async move { bind(&listening_on(&[&address], None)).await.err().unwrap().to_string() };
    assert_eq!(message(address.clone()).await, format!("cannot listen on {address}: address in use"));
    assert_eq!(message("192.0.2.1:0".to_owned()).await, "cannot listen on 192.0.2.1:0: address not available");
    assert_eq!(message("9630".to_owned()).await, "cannot listen on 9630: expected HOST:PORT or :PORT");
    let nothing = bind(&listening_on(&[], None)).await.err().unwrap();
    assert_eq!(nothing.to_string(), "no listen address: set --web.listen-address");
}

#[tokio::test]
async fn waits_for_open_requests_at_shutdown() {
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
async fn aborts_requests_after_the_grace_period() {
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
async fn drops_a_client_that_never_finishes_its_first_request() {
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
async fn keeps_a_connection_between_scrapes_and_closes_it_when_idle() {
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

/// A server with places for a few connections.
async fn with_places(places: usize, app: Router) -> (Running, ProcessStatus) {
    let options = ListenOptions { max_connections: places, ..options(None) };
    let status = options.status.clone();
    (run(bind(&options).await.unwrap(), app, GRACE), status)
}

#[tokio::test]
async fn closes_the_longest_idle_connection_at_the_limit() {
    let (running, counts) = with_places(3, hello()).await;
    let mut silent = running.connect().await;
    let mut trickling = running.connect().await;
    trickling.write_all(b"GET / HTTP/1.1\r\nHo").await.unwrap();
    let mut kept = running.connect().await;
    kept.write_all(KEEP_ALIVE_REQUEST).await.unwrap();
    kept.read_exact(&mut [0]).await.unwrap();
    for closed in [&mut silent, &mut trickling] {
        assert_eq!(status(&exchange(running.connect().await, "").await.unwrap()), 200);
        let _held = running.connect().await;
        // At the latest when the held one comes, this one goes.
        closed.read_to_end(&mut Vec::new()).await.unwrap();
    }
    assert!(counts.http_connections_closed.get() >= 2);
    assert!(counts.http_connections.get() <= 3);
}

#[tokio::test]
async fn serves_requests_beside_many_idle_connections() {
    let (running, counts) = with_places(16, hello()).await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(running.connect().await);
    }
    for _ in 0..5 {
        assert_eq!(status(&exchange(running.connect().await, "").await.unwrap()), 200);
    }
    assert!(counts.http_connections.get() <= 16);
    assert!(counts.http_connections_closed.get() >= 284);
}

#[tokio::test]
async fn keeps_a_busy_connection_and_queues_the_next() {
    let (started, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = {
        let (started, release) = (Arc::clone(&started), Arc::clone(&release));
        get(move || async move {
            started.notify_one();
            release.notified().await;
            "done"
        })
    };
    let (running, counts) = with_places(1, hello().route("/slow", slow)).await;
    let mut busy = running.connect().await;
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    started.notified().await;
    let next = tokio::spawn(exchange(running.connect().await, ""));
    // Not closed while it waits for the handler, but as soon as its response is through.
    tokio::task::yield_now().await;
    assert_eq!(counts.http_connections_closed.get(), 0);
    release.notify_one();
    let mut response = String::new();
    busy.read_to_string(&mut response).await.unwrap();
    assert!(response.ends_with("done"), "{response}");
    assert_eq!(status(&next.await.unwrap().unwrap()), 200);
}

/// A page that no buffer of the system takes whole.
fn long_page() -> Router {
    let chunk = Bytes::from(vec![b'x'; 64 << 10]);
    let page = move || {
        let chunk = chunk.clone();
        let chunks = stream::iter((0..1024).map(move |_| Ok::<_, Infallible>(chunk.clone())));
        async { Body::from_stream(chunks) }
    };
    Router::new().route("/", get(page))
}

#[tokio::test(start_paused = true)]
async fn closes_a_client_that_does_not_read_its_response() {
    let running = run(bind(&options(None)).await.unwrap(), long_page(), GRACE);
    let begin = Instant::now();
    let mut stream = running.connect().await;
    stream.write_all(KEEP_ALIVE_REQUEST).await.unwrap();
    tokio::time::sleep(Duration::from_secs(61)).await;
    let mut taken = Vec::new();
    // What the system had already taken, and then the end.
    stream.read_to_end(&mut taken).await.ok();
    assert!(taken.len() < 64 << 20, "{}", taken.len());
    assert!(begin.elapsed() < Duration::from_secs(70));
}

#[tokio::test(start_paused = true)]
async fn limits_a_slow_second_request_to_the_idle_timeout() {
    let running = run(bind(&options(None)).await.unwrap(), hello(), GRACE);
    let begin = Instant::now();
    let (mut reader, mut writer) = running.connect().await.into_split();
    writer.write_all(KEEP_ALIVE_REQUEST).await.unwrap();
    let trickle = tokio::spawn(async move {
        writer.write_all(b"GET / HTTP/1.1\r\nX: ").await.unwrap();
        loop {
            tokio::time::sleep(Duration::from_secs(10)).await;
            if writer.write_all(b"x").await.is_err() {
                break;
            }
        }
    });
    let mut response = String::new();
    // It may be cut with what it has sent and was not read.
    reader.read_to_string(&mut response).await.ok();
    assert_eq!(response.matches("200 OK").count(), 1);
    assert_eq!(begin.elapsed().as_secs(), 120);
    trickle.abort();
}

#[tokio::test]
async fn bounds_the_pages_held_by_slow_readers() {
    let (running, counts) = with_places(100, long_page()).await;
    let mut slow = Vec::new();
    for _ in 0..80 {
        let mut stream = running.connect().await;
        stream.write_all(KEEP_ALIVE_REQUEST).await.unwrap();
        stream.read_exact(&mut [0]).await.unwrap();
        slow.push(stream);
    }
    assert_eq!(counts.http_connections_closed.get(), 16);
}

#[tokio::test(start_paused = true)]
async fn replaces_requests_that_exceed_any_scrape() {
    let endless = get(std::future::pending::<&str>);
    let (running, counts) = with_places(2, hello().route("/endless", endless)).await;
    let mut busy = Vec::new();
    for _ in 0..2 {
        let mut stream = running.connect().await;
        stream.write_all(b"GET /endless HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
        busy.push(stream);
    }
    while counts.http_connections.get() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(status(&exchange(running.connect().await, "").await.unwrap()), 200);
    assert!(counts.http_connections_closed.get() >= 1);
}
