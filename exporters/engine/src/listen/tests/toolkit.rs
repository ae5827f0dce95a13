//! The cases of exporter-toolkit's documentation and tests, in files of our own: accepted or refused as there.

use super::Folder;

/// Every suite that Go offers.
const SUITES: &str = "TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256, \
    TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, \
    TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, \
    TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, \
    TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, \
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256";
/// Hashes of bcrypt by several tools and costs.
const HASHES: [&str; 4] = ["$2a$04", "$2b$05", "$2y$10", "$2y$18"];
const HASH: &str = "$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG";

/// What becomes of the web configuration, with a certificate and its key beside it: the scheme, or the error.
async fn outcome(web_config: &str) -> Result<&'static str, String> {
    let folder = Folder::with(web_config);
    let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    folder.write("cert.pem", &issued.cert.pem());
    folder.write("key.pem", &issued.signing_key.serialize_pem());
    folder.write("none.pem", "no certificate\n");
    folder.bind().await.map(|listeners| listeners.scheme()).map_err(|error| error.to_string())
}

/// A section with certificate and key, and these lines.
fn tls(lines: &[&str]) -> String {
    let lines = ["cert_file: cert.pem", "key_file: key.pem"].iter().chain(lines);
    lines.fold("tls_server_config:\n".to_owned(), |text, line| format!("{text}  {line}\n"))
}

#[tokio::test]
async fn accepts_what_exporter_toolkit_accepts() {
    let mut accepted = vec![tls(&[]), tls(&["cert: ignored", "key: ignored"]), tls(&["client_auth_type: ''"])];
    for auth in ["NoClientCert", "RequestClientCert", "RequireAnyClientCert", "RequireClientCert"] {
        accepted.push(tls(&[&format!("client_auth_type: {auth}")]));
    }
    for auth in ["RequestClientCert", "RequireAnyClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"] {
        accepted.push(tls(&[&format!("client_auth_type: {auth}"), "client_ca_file: cert.pem"]));
    }
    for auth in ["RequireAnyClientCert", "RequireAndVerifyClientCert"] {
        let sans = "client_allowed_sans: [db.example, 10.0.0.1, '::1', a@b.example, 'spiffe://a/b']";
        accepted.push(tls(&[&format!("client_auth_type: {auth}"), "client_ca_file: cert.pem", sans]));
    }
    for version in ["TLS10", "TLS11", "TLS12", "TLS13"] {
        accepted.push(tls(&[&format!("min_version: {version}")]));
    }
    accepted.extend(["TLS12", "TLS13"].map(|version| tls(&[&format!("max_version: {version}")])));
    accepted.push(tls(&[&format!("cipher_suites: [{SUITES}]"), "prefer_server_cipher_suites: false"]));
    accepted.push(tls(&["cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]"]));
    accepted.push(tls(&["cipher_suites: []", "curve_preferences: []"]));
    accepted.push(tls(&["curve_preferences: [CurveP256, CurveP384, CurveP521, X25519]"]));
    accepted.push(tls(&["min_version: TLS12"]) + "http_server_config: { http2: false }\n");
    for web_config in accepted {
        assert_eq!(outcome(&web_config).await, Ok("https"), "{web_config}");
    }

    let mut accepted: Vec<String> = [
        "",
        "http_server_config: { http2: true }\n",
        "basic_auth_users: {}\n",
        "rate_limit: { interval: 0, burst: 0 }\n",
        "rate_limit: { interval: 0s }\n",
        "rate_limit: { interval: 1s, burst: 1 }\n",
        "rate_limit: { interval: 1h2m3s4ms, burst: 1000 }\n",
        "http_server_config:\n  headers:\n    Content-Security-Policy: default-src 'self'\n    \
         X-Frame-Options: deny\n    X-Content-Type-Options: nosniff\n    X-XSS-Protection: 1; mode=block\n    \
         Strict-Transport-Security: max-age=31536000; includeSubDomains\n",
        "http_server_config: { headers: { X-Frame-Options: sameorigin, X-XSS-Protection: '' } }\n",
    ]
    .map(str::to_owned)
    .into();
    accepted.extend(HASHES.map(|cost| format!("basic_auth_users:\n  alice: {cost}{HASH}\n  'b c': '{cost}{HASH}'\n")));
    for web_config in accepted {
        assert_eq!(outcome(&web_config).await, Ok("http"), "{web_config}");
    }
}

#[tokio::test]
async fn refuses_what_exporter_toolkit_refuses() {
    let no_cert = "cert_file or cert is missing";
    let no_key = "key_file or key is missing";
    for (web_config, problem) in [
        ("junk\n".to_owned(), "web.yml:1:1: "),
        ("tls_config: {}\n".to_owned(), "unknown field `tls_config`"),
        (tls(&["cert_fil: x"]), "unknown field `cert_fil`"),
        ("http_server_config: { http3: true }\n".to_owned(), "unknown field `http3`"),
        ("rate_limit: { burts: 1 }\n".to_owned(), "unknown field `burts`"),
        ("tls_server_config: { cert_file: '', key_file: key.pem }\n".to_owned(), no_cert),
        ("tls_server_config: { cert: '', key_file: key.pem }\n".to_owned(), no_cert),
        ("tls_server_config: { cert_file: cert.pem, key_file: '' }\n".to_owned(), no_key),
        ("tls_server_config: { cert_file: cert.pem, key: '' }\n".to_owned(), no_key),
        ("tls_server_config: { client_auth_type: RequireAnyClientCert }\n".to_owned(), no_cert),
        ("tls_server_config: { cert_file: gone, key_file: key.pem }\n".to_owned(), "gone: No such file"),
        ("tls_server_config: { cert_file: cert.pem, key_file: gone }\n".to_owned(), "gone: No such file"),
        (tls(&["client_ca_file: cert.pem"]), "a client CA needs a client_auth_type"),
        (tls(&["client_ca_file: gone", "client_auth_type: RequireAndVerifyClientCert"]), "gone: No such file"),
        (tls(&["client_ca_file: none.pem", "client_auth_type: RequireAndVerifyClientCert"]), "contains no certificate"),
        (tls(&["client_ca: none", "client_auth_type: RequireAndVerifyClientCert"]), "contains no certificate"),
        (tls(&["client_auth_type: requireAnyClientCert"]), "unknown variant `requireAnyClientCert`"),
        (tls(&["client_allowed_sans: [a]"]), "client_allowed_sans needs client_auth_type"),
        (
            tls(&["client_allowed_sans: [a]", "client_auth_type: VerifyClientCertIfGiven", "client_ca_file: cert.pem"]),
            "client_allowed_sans needs client_auth_type",
        ),
        (tls(&["cipher_suites: [TLS_RSA_WITH_AES_128_INVENTED]"]), "unknown cipher suite"),
        (tls(&["cipher_suites: [TLS13_AES_128_GCM_SHA256]"]), "unknown cipher suite"),
        (tls(&["curve_preferences: [CurveP257]"]), "unknown variant `CurveP257`"),
        (tls(&["min_version: TLS111"]), "unknown variant `TLS111`"),
        (tls(&["max_version: SSL30"]), "unknown variant `SSL30`"),
        (tls(&["prefer_server_cipher_suites: maybe"]), "invalid boolean"),
        ("http_server_config: { headers: { X-Frame-Options: allow } }\n".to_owned(), "unknown variant `allow`"),
        ("http_server_config: { headers: { X-Content-Type-Options: sniff } }\n".to_owned(), "unknown variant `sniff`"),
        ("http_server_config: { headers: { X-Extra: a } }\n".to_owned(), "unknown field `X-Extra`"),
        ("basic_auth_users: { alice: secret }\n".to_owned(), "not a bcrypt hash"),
        ("basic_auth_users: { alice: '' }\n".to_owned(), "not a bcrypt hash"),
        (format!("basic_auth_users: {{ alice: '$2y$32{HASH}' }}\n"), "not a bcrypt hash"),
        ("basic_auth_users: [alice]\n".to_owned(), "web.yml:1:"),
        ("rate_limit: { interval: 1s, burst: -1 }\n".to_owned(), "web.yml:1:"),
        ("rate_limit: { interval: 1d, burst: 1 }\n".to_owned(), "`1d` is not a duration"),
    ] {
        let error = outcome(&web_config).await.expect_err(&web_config);
        assert!(error.contains(problem) && !error.contains(HASH) && !error.contains("secret"), "{web_config}: {error}");
    }
}

/// What rustls cannot do is refused with the way out, since a server without it would be open to nobody.
#[tokio::test]
async fn refuses_what_only_go_can_do() {
    for (line, problem) in [
        ("max_version: TLS11", "unknown variant `TLS11`, expected one of TLS12, TLS13"),
        ("cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]", "names no supported cipher suite"),
        ("curve_preferences: [CurveP521]", "names no supported curve"),
    ] {
        let error = outcome(&tls(&[line])).await.expect_err(line);
        assert!(error.contains(problem), "{line}: {error}");
    }
}
