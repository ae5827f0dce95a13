//! TLS: what each sslmode asks of the server, and certificates of both sides.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use lab::{Major, Postgres};
use support::certificates::{Authority, Issued, written};
use support::outcome::scrape_until;
use support::{Page, scrape, until};

use super::{assert_fails, by_url, failure, is_up, start};

/// Puts the certificate in and switches TLS on.
pub fn switch_tls_on(server: &Postgres, issued: &Issued, client_authority: &Authority) {
    let data = server.data_dir();
    let owner = fs::metadata(&data).unwrap();
    for (name, text) in
        [("server.crt", &issued.certificate), ("server.key", &issued.key), ("clients.crt", &client_authority.pem)]
    {
        let path = written(&data, name, text);
        fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    for setting in ["ssl_ca_file = 'clients.crt'", "ssl = on"] {
        server.psql("postgres", &format!("alter system set {setting}")).unwrap();
    }
    server.psql("postgres", "select pg_reload_conf()").unwrap();
    server.wait_for("select current_setting('ssl') = 'on'", support::LIMIT).unwrap();
}

/// Whether the exporter's connection is encrypted, as the server sees it.
pub fn is_encrypted(server: &Postgres) -> bool {
    let sql = "select bool_and(ssl) from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'pg-exporter'";
    server.psql("postgres", sql).unwrap() == "t"
}

#[test]
fn tls_is_as_strict_as_sslmode_asks() {
    let server = Postgres::builder(Major::NEWEST)
        .hba_line("hostssl all certified 127.0.0.1/32 cert")
        .hba_line("hostssl all secured 127.0.0.1/32 trust")
        .hba_line("hostnossl all secured 127.0.0.1/32 reject")
        .hba_line("host all open 127.0.0.1/32 trust")
        .start()
        .unwrap();
    server.psql("postgres", "create role certified login; create role secured login; create role open login").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| written(folder.path(), name, text).display().to_string();
    let (authority, stranger) = (Authority::new("ours"), Authority::new("theirs"));
    let (root, other_root) = (path("root.crt", &authority.pem), path("other.crt", &stranger.pem));
    let target = |user: &str, more: &str| {
        by_url(&format!("host=localhost hostaddr=127.0.0.1 port={} user={user} dbname=postgres {more}", server.port()))
    };

    // A server without TLS.
    for mode in ["disable", "allow", "prefer"] {
        let exporter = target("open", &format!("sslmode={mode}"));
        assert!(is_up(&exporter) && !is_encrypted(&server), "{mode}: {}", exporter.log());
    }
    assert!(is_up(&target("open", "")), "prefer is the default");
    assert_fails(&target("open", "sslmode=require"), "tls", "TLS");
    assert_fails(&target("open", &format!("sslmode=verify-full sslrootcert={root}")), "tls", "TLS");

    switch_tls_on(&server, &authority.issue("localhost"), &authority);
    let encrypted = |user: &str, more: &str| {
        let exporter = target(user, more);
        assert!(is_up(&exporter), "{more}: {}", exporter.log());
        // The server process is known behind TLS, too.
        assert!(!exporter.log().contains("connection pooler"), "{more}: {}", exporter.log());
        is_encrypted(&server)
    };
    assert!(!encrypted("open", "sslmode=disable"));
    assert!(!encrypted("open", "sslmode=allow"));
    assert!(encrypted("secured", "sslmode=allow"), "allow turns to TLS where the server wants it");
    assert!(encrypted("open", ""));
    assert!(encrypted("open", "sslmode=prefer"));
    assert!(encrypted("open", &format!("sslmode=prefer sslrootcert={other_root}")), "prefer verifies nothing");
    assert!(encrypted("open", "sslmode=require"));
    assert!(encrypted("open", &format!("sslmode=require sslrootcert={root}")));
    assert!(encrypted("open", &format!("sslmode=verify-ca sslrootcert={root}")));
    assert!(encrypted("open", &format!("sslmode=verify-full sslrootcert={root}")));
    assert!(encrypted("open", &format!("sslmode=verify-full sslrootcert={root} ssl_min_protocol_version=TLSv1.3")));
    assert!(encrypted("open", &format!("sslmode=verify-full sslrootcert={root} sslnegotiation=direct")));
    assert_fails(&target("secured", "sslmode=disable"), "auth", "rejects connection");

    for mode in ["require", "verify-ca", "verify-full"] {
        let exporter = target("open", &format!("sslmode={mode} sslrootcert={other_root}"));
        assert_fails(&exporter, "tls", "not signed by any of the root certificates");
    }
    let missing = target("open", "sslmode=verify-full sslrootcert=/nonexistent/root.crt");
    assert_fails(&missing, "tls", "cannot read root certificate /nonexistent/root.crt");
    assert_fails(
        &target("open", "sslmode=verify-ca"),
        "tls",
        "no root certificates to verify the server (set sslrootcert=FILE",
    );
    // The certificate is for localhost, not for the address.
    let by_address = |mode| {
        let port = server.port();
        by_url(&format!("host=127.0.0.1 port={port} user=open dbname=postgres sslrootcert={root} sslmode={mode}"))
    };
    assert!(is_up(&by_address("verify-ca")));
    assert_fails(&by_address("verify-full"), "tls", "127.0.0.1");

    // A role that has to show a certificate of its own.
    let show = |who: &Issued| {
        let (certificate, key) = (path("client.crt", &who.certificate), path("client.key", &who.key));
        fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
        target("certified", &format!("sslmode=verify-full sslrootcert={root} sslcert={certificate} sslkey={key}"))
    };
    let exporter = show(&authority.issue("certified"));
    assert!(is_up(&exporter) && is_encrypted(&server), "{}", exporter.log());
    let dn = "select client_dn from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'certified'";
    assert!(server.psql("postgres", dn).unwrap().contains("CN=certified"));
    drop(exporter);
    assert_fails(&show(&authority.issue("another")), "auth", "certificate authentication failed");
    assert_fails(
        &target("certified", &format!("sslmode=require sslrootcert={root}")),
        "auth",
        "requires a valid client certificate",
    );
    let (reason, message) = failure(&show(&stranger.issue("certified")));
    assert!(["tls", "auth"].contains(&&*reason), "{reason} {message}");
    let halved = target("certified", &format!("sslmode=require sslcert={root} sslkey=/nonexistent/client.key"));
    assert_fails(&halved, "tls", "cannot read unencrypted client key /nonexistent/client.key");

    // A root certificate in its usual place is found.
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".postgresql")).unwrap();
    written(home.path(), ".postgresql/root.crt", &stranger.pem);
    let url =
        format!("host=localhost hostaddr=127.0.0.1 port={} user=open dbname=postgres sslmode=require", server.port());
    let env = [("PG_EXPORTER_URL", url.as_str()), ("HOME", home.path().to_str().unwrap())];
    assert_fails(&start(&env), "tls", "not signed by any of the root certificates");
    // It is read at each connect.
    let exporter = start(&env);
    assert!(!is_up(&exporter));
    written(home.path(), ".postgresql/root.crt", &authority.pem);
    until("the new root certificate is used", || is_up(&exporter));
}

/// The beginning of a year, as a certificate's end.
fn beginning_of(server: &Postgres, year: i32) -> Option<f64> {
    let sql = format!("select extract(epoch from timestamptz '{year}-01-01 00:00:00+00')::float8");
    server.psql("postgres", &sql).unwrap().parse().ok()
}

#[test]
fn expiry_of_the_servers_certificate_follows_a_reload() {
    let expiry =
        |page: &Page| page.value("pg_exporter_certificate_expiry_timestamp_seconds", &[("certificate", "server")]);
    let opened = |page: &Page| page.value("pg_exporter_connections_opened_total", &[]).unwrap();
    for major in [Major::V14, Major::NEWEST] {
        let server = Postgres::start(major).unwrap();
        let plain = by_url(&server.url("monitor", "postgres"));
        let url = server.url("monitor", "postgres").replace("sslmode=disable", "sslmode=prefer");
        assert_eq!(expiry(&scrape(&by_url(&url))), None, "{major}: without TLS");
        let authority = Authority::new("ours");
        switch_tls_on(&server, &authority.issue_until("localhost", 2040), &authority);
        let encrypted = by_url(&url);
        assert_eq!(expiry(&scrape(&encrypted)), beginning_of(&server, 2040), "{major}");
        let before = [&plain, &encrypted].map(|exporter| opened(&scrape(exporter)));

        switch_tls_on(&server, &authority.issue_until("localhost", 2041), &authority);
        let renewed = beginning_of(&server, 2041);
        let page = scrape_until(&encrypted, "the new certificate is seen", |page| expiry(page) == renewed);
        assert!(page.is_up(), "{major}: {}", encrypted.log());
        // One connection took the place of the other, and one without TLS stays.
        let page = scrape(&plain);
        assert_eq!([opened(&page), opened(&scrape(&encrypted))], [before[0], before[1] + 1.0], "{major}");
        assert_eq!(expiry(&page), None, "{major}");
    }
}
