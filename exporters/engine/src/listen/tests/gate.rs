//! Basic authentication, rate limit and response headers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Folder, status};

fn login(name: &str, password: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{name}:{password}")))
}

fn users(password: &str) -> String {
    format!("basic_auth_users:\n  alice: {}\n", bcrypt::hash(password, 4).unwrap())
}

#[tokio::test]
async fn basic_authentication_admits_the_right_password_only() {
    let running = Folder::with(&users("secret")).run().await;
    let refused = running.get("").await;
    assert_eq!(status(&refused), 401);
    assert!(refused.contains("www-authenticate: Basic\r\n"), "{refused}");
    assert_eq!(status(&running.get(&login("alice", "wrong")).await), 401);
    assert_eq!(status(&running.get(&login("mallory", "secret")).await), 401);
    for _ in 0..2 {
        assert_eq!(status(&running.get(&login("alice", "secret")).await), 200);
    }
}

#[tokio::test]
async fn a_changed_password_counts_at_once() {
    let folder = Folder::with(&users("old"));
    let running = folder.run().await;
    assert_eq!(status(&running.get(&login("alice", "old")).await), 200);
    folder.write("web.yml", &users("new"));
    assert_eq!(status(&running.get(&login("alice", "old")).await), 401);
    assert_eq!(status(&running.get(&login("alice", "new")).await), 200);
}

#[tokio::test]
async fn a_bad_new_version_leaves_the_old_one_in_force() {
    let folder = Folder::with(&users("secret"));
    let running = folder.run().await;
    for bad in ["basic_auth_userz: {}\n", "tls_server_config:\n  cert_file: a\n  key_file: b\n"] {
        folder.write("web.yml", bad);
        assert_eq!(status(&running.get("").await), 401, "{bad}");
        assert_eq!(status(&running.get(&login("alice", "secret")).await), 200, "{bad}");
    }
    std::fs::remove_file(folder.path("web.yml")).unwrap();
    assert_eq!(status(&running.get("").await), 401);
    folder.write("web.yml", "");
    assert_eq!(status(&running.get("").await), 200);
}

#[tokio::test]
async fn requests_beyond_the_burst_get_429() {
    let folder = Folder::with("rate_limit:\n  interval: 1h\n  burst: 2\n");
    let running = folder.run().await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(status(&running.get("").await));
    }
    assert_eq!(statuses, [200, 200, 429]);
    folder.write("web.yml", "rate_limit:\n  interval: 0\n");
    assert_eq!(status(&running.get("").await), 200);
}

#[tokio::test]
async fn configured_headers_are_on_every_response() {
    let headers = "http_server_config:\n  headers:\n    X-Frame-Options: deny\n    X-Content-Type-Options: nosniff\n    \
                   X-XSS-Protection: 1; mode=block\n    Content-Security-Policy: default-src 'self'\n    \
                   Strict-Transport-Security: ''\n";
    let folder = Folder::with(headers);
    let running = folder.run().await;
    let open = running.get("").await;
    folder.write("web.yml", &format!("{headers}{}", users("secret")));
    let refused = running.get("").await;
    assert_eq!((status(&open), status(&refused)), (200, 401));
    for response in [open, refused] {
        for line in [
            "x-frame-options: deny\r\n",
            "x-content-type-options: nosniff\r\n",
            "x-xss-protection: 1; mode=block\r\n",
            "content-security-policy: default-src 'self'\r\n",
        ] {
            assert!(response.contains(line), "{line} is missing: {response}");
        }
        assert!(!response.contains("strict-transport-security"), "{response}");
    }
}
