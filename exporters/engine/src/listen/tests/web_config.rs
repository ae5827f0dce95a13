//! What the web configuration accepts and what it says of the rest.

use super::Folder;

#[tokio::test]
async fn accepts_absent_null_and_empty_settings() {
    for web_config in [
        "",
        "# nothing but a comment\n",
        "---\n",
        "tls_server_config:\nhttp_server_config:\nbasic_auth_users:\nrate_limit:\n",
        "tls_server_config:\n  cert_file: ''\n  client_auth_type: ''\n  min_version: TLS13\n  client_allowed_sans:\n",
        "http_server_config:\n  http2: false\n  headers:\n",
        "http_server_config:\n  headers:\n    X-Frame-Options: ''\n    Content-Security-Policy:\n",
        "rate_limit:\n  interval: 0\n  burst: 0\n",
        "rate_limit:\n  interval: 1m30s\n  burst: 20\n",
    ] {
        let listeners = Folder::with(web_config).bind().await;
        let scheme = listeners.map(|listeners| listeners.scheme()).map_err(|error| error.to_string());
        assert_eq!(scheme.as_deref(), Ok("http"), "{web_config}");
    }
}

#[tokio::test]
async fn reports_invalid_values_with_their_position() {
    for (web_config, message) in [
        (
            "rate_limits:\n  burst: 1\n",
            "web.yml:1:1: unknown field `rate_limits`, expected one of tls_server_config, http_server_config, \
             basic_auth_users, rate_limit",
        ),
        (
            "http_server_config:\n  http2: true\n  headers:\n    Server: x\n",
            "web.yml:4:5: unknown field `Server`, expected one of Content-Security-Policy, X-Frame-Options, \
             X-Content-Type-Options, X-XSS-Protection, Strict-Transport-Security",
        ),
        (
            "http_server_config:\n  headers:\n    X-Frame-Options: allow\n",
            "web.yml:3:22: unknown variant `allow`, expected `deny` or `sameorigin`",
        ),
        (
            "http_server_config:\n  headers:\n    Content-Security-Policy: \"a\\nb\"\n",
            "web.yml:3:30: a character that is not allowed in an HTTP header",
        ),
        ("http_server_config:\n  http2: perhaps\n", "web.yml:2:10: invalid boolean"),
        ("basic_auth_users:\n  alice: secret\n", "web.yml:2:10: not a bcrypt hash (create one with htpasswd -nBC 10)"),
        ("rate_limit:\n  interval: soon\n", "web.yml:2:13: `soon` is not a duration such as 1s, 500ms or 1m30s"),
        ("rate_limit:\n  interval: 5\n", "web.yml:2:13: `5` is not a duration such as 1s, 500ms or 1m30s"),
        (
            "tls_server_config:\n  client_auth_type: Always\n",
            "web.yml:2:21: unknown variant `Always`, expected one of `NoClientCert`, `RequestClientCert`, \
             `RequireAnyClientCert`, `RequireClientCert`, `VerifyClientCertIfGiven`, `RequireAndVerifyClientCert`",
        ),
        (
            "tls_server_config:\n  max_version: TLS11\n",
            "web.yml:2:16: unknown variant `TLS11`, expected one of TLS12, TLS13",
        ),
        ("tls_server_config:\n  cipher_suites:\n    - TLS_NULL\n", "web.yml:3:7: unknown cipher suite `TLS_NULL`"),
        (
            "tls_server_config:\n  curve_preferences: [P256]\n",
            "web.yml:2:23: unknown variant `P256`, expected one of X25519, CurveP256, CurveP384, CurveP521",
        ),
    ] {
        assert_eq!(Folder::with(web_config).refusal().await, message);
    }
}

#[tokio::test]
async fn rejects_a_duplicate_user() {
    let hash = bcrypt::hash("secret", 4).unwrap();
    let folder = Folder::with(&format!("basic_auth_users:\n  alice: {hash}\n  alice: {hash}\n"));
    assert_eq!(folder.refusal().await, "web.yml:3:3: duplicate mapping key `alice` is not allowed here");
}

#[tokio::test]
async fn reports_settings_that_contradict_each_other() {
    let pair = "  cert_file: cert.pem\n  key_file: key.pem\n";
    for (web_config, message) in [
        (
            "rate_limit:\n  interval: 1s\n",
            "web.yml: rate_limit: burst must be 1 or more, otherwise every request is refused",
        ),
        (
            "tls_server_config:\n  client_auth_type: RequireAnyClientCert\n",
            "web.yml: tls_server_config: cert_file or cert is missing",
        ),
        ("tls_server_config:\n  cert_file: gone.pem\n", "cannot read gone.pem: No such file or directory (os error 2)"),
        (
            "tls_server_config:\n  cert_file: web.yml\n  key_file: web.yml\n",
            "web.yml: cert_file web.yml: contains no certificate",
        ),
        (
            &format!("tls_server_config:\n{pair}  client_ca_file: cert.pem\n"),
            "web.yml: tls_server_config: a client CA needs a client_auth_type",
        ),
        (
            &format!("tls_server_config:\n{pair}  client_auth_type: RequireAndVerifyClientCert\n"),
            "web.yml: tls_server_config: client_ca_file or client_ca is needed to verify client certificates",
        ),
        (
            &format!("tls_server_config:\n{pair}  client_allowed_sans: [a]\n"),
            "web.yml: tls_server_config: client_allowed_sans needs client_auth_type RequireAnyClientCert or \
             RequireAndVerifyClientCert",
        ),
        (
            &format!("tls_server_config:\n{pair}  min_version: TLS13\n  max_version: TLS12\n"),
            "web.yml: tls_server_config: min_version TLS13 is above max_version TLS12",
        ),
        (
            "tls_server_config:\n  cert_file: cert.pem\n  key_file: other.pem\n",
            "web.yml: cert_file cert.pem and key_file other.pem: keys may not be consistent: KeyMismatch",
        ),
        (
            "tls_server_config:\n  cert_file: cert.pem\n  key_file: cert.pem\n",
            "web.yml: key_file cert.pem: contains no valid private key",
        ),
    ] {
        let folder = Folder::with(web_config);
        let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        folder.write("cert.pem", &issued.cert.pem());
        folder.write("key.pem", &issued.signing_key.serialize_pem());
        folder.write("other.pem", &rcgen::KeyPair::generate().unwrap().serialize_pem());
        assert_eq!(folder.refusal().await, message);
    }
}
