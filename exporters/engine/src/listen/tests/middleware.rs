//! Basic authentication, rate limit and response headers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Folder, WebConfigState, status};

fn login(name: &str, password: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{name}:{password}")))
}

fn users(password: &str) -> String {
    format!("basic_auth_users:\n  alice: {}\n", bcrypt::hash(password, 4).unwrap())
}

#[tokio::test]
async fn admits_only_the_correct_password() {
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
async fn applies_a_changed_password_immediately() {
    let folder = Folder::with(&users("old"));
    let running = folder.run().await;
    assert_eq!(status(&running.get(&login("alice", "old")).await), 200);
    folder.write("web.yml", &users("new"));
    assert_eq!(status(&running.get(&login("alice", "old")).await), 401);
    assert_eq!(status(&running.get(&login("alice", "new")).await), 200);
}

#[tokio::test]
async fn keeps_the_old_configuration_when_the_new_one_is_invalid() {
    let folder = Folder::with(&users("secret"));
    let running = folder.run().await;
    for bad in ["basic_auth_userz: {}\n", "tls_server_config:\n  cert_file: a\n  key_file: b\n"] {
        folder.write("web.yml", bad);
        assert_eq!(status(&running.get("").await), 401, "{bad}");
        assert_eq!(status(&running.get(&login("alice", "secret")).await), 200, "{bad}");
    }
    std::fs::remove_file(folder.path("web.yml")).unwrap();
    assert_eq!(status(&running.get("").await), 401);
}

#[tokio::test]
async fn keeps_authentication_when_the_web_configuration_is_emptied() {
    let folder = Folder::with(&users("secret"));
    let (running, counts) = folder.run_with_status().await;
    assert_eq!(counts.web_config(), WebConfigState::InForce);
    let headers = "http_server_config:\n  headers:\n    X-Frame-Options: deny\n";
    for cut in ["", "\n", "# comment\n", headers, "basic_auth_users:\n"] {
        folder.overwrite("web.yml", cut);
        assert_eq!(status(&running.get("").await), 401, "{cut}");
        let answer = running.get(&login("alice", "secret")).await;
        assert!(status(&answer) == 200 && !answer.contains("x-frame-options"), "{cut}: {answer}");
        let WebConfigState::Refused(problem) = counts.web_config() else { panic!("{cut}") };
        assert!(problem.ends_with("it would disable basic authentication: restore the file, or restart to disable it"));
    }
    folder.overwrite("web.yml", &users("new"));
    assert_eq!(status(&running.get(&login("alice", "new")).await), 200);
    assert_eq!(counts.web_config(), WebConfigState::InForce);
    // Nobody writes this by accident.
    folder.overwrite("web.yml", "basic_auth_users: {}\n");
    assert_eq!(status(&running.get("").await), 200);
}

#[tokio::test]
async fn hides_user_names_in_the_time_of_a_refusal() {
    // Two users of different costs, neither of which is to be told from a stranger.
    let hash = |cost| bcrypt::hash("secret", cost).unwrap();
    let folder = Folder::with(&format!("basic_auth_users:\n  alice: {}\n  bob: {}\n", hash(8), hash(6)));
    let running = folder.run().await;
    let names = ["alice", "bob", "mallory"];
    let mut shortest = [f64::MAX; 3];
    // In turn, and the shortest of each: whatever else the machine does makes a time longer, never shorter.
    for attempt in 0..9 {
        for (name, shortest) in names.iter().zip(&mut shortest) {
            let begin = std::time::Instant::now();
            assert_eq!(status(&running.get(&login(name, &format!("wrong{attempt}"))).await), 401);
            *shortest = shortest.min(begin.elapsed().as_secs_f64());
        }
    }
    for (name, time) in names.iter().zip(shortest) {
        // Unequal work made it a factor of 4 for the cheaper hash, and of 20 and more for a stranger.
        assert!((0.4..2.5).contains(&(time / shortest[0])), "{name}: {shortest:?}");
    }
}

#[tokio::test]
async fn answers_429_beyond_the_burst() {
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
async fn adds_configured_headers_to_every_response() {
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
