//! Certificates and keys as `openssl` makes them: those that psql takes work, or a sentence says what to do.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use lab::{Major, Postgres};

use super::{assert_fails, by_url, is_up};

/// An authority; certificates of version 1, as `openssl x509 -req` makes them without an extension file; keys of every kind
/// and form.
const RECIPE: &str = r"
set -e
openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -keyout ca.key -out ca.crt -subj /CN=ca -days 30
sign() {
    openssl req -new -key $1.key -subj /CN=$2 -out $1.csr
    openssl x509 -req -in $1.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out $1.crt -days 30
}
ec() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:$1 -out $2.key; }
ec P-256 p256; ec P-384 p384; ec P-521 p521; ec P-256 server; ec P-521 server521
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.key
openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out pss.key
openssl genpkey -algorithm ED25519 -out ed25519.key
openssl ecparam -name prime256v1 -genkey -out sec1.key
for name in p256 p384 p521 rsa pss ed25519 sec1; do sign $name certified; done
sign server localhost; sign server521 localhost
openssl rsa -in rsa.key -traditional -out pkcs1.key
openssl pkcs8 -topk8 -nocrypt -in rsa.key -outform DER -out der.key
openssl pkcs8 -topk8 -in p256.key -passout pass:s3cret -out encrypted.key
openssl rsa -in rsa.key -traditional -aes128 -passout pass:s3cret -out encrypted1.key
# What the operations page says.
printf 'subjectAltName=DNS:localhost\n' >server.ext
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile server.ext -days 365 -out version3.crt
cp server.key version3.key
openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -keyout cn.key -out cn.crt -subj /CN=localhost
cat p256.key p256.crt ca.crt >all.pem
cat ca.crt server.crt >trusted.crt
";

fn make_certificates(folder: &Path) {
    let mut sh = Command::new("sh");
    let output = sh.args(["-c", RECIPE]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "openssl of the package openssl: {output:?}");
    for file in fs::read_dir(folder).unwrap() {
        fs::set_permissions(file.unwrap().path(), PermissionsExt::from_mode(0o600)).unwrap();
    }
}

/// Has the server show this certificate to new sessions.
fn show_certificate(server: &Postgres, folder: &Path, name: &str) {
    let data = server.data_dir();
    let owner = fs::metadata(&data).unwrap();
    for (from, to) in
        [("ca.crt", "ca.crt"), (&format!("{name}.crt"), "server.crt"), (&format!("{name}.key"), "server.key")]
    {
        fs::copy(folder.join(from), data.join(to)).unwrap();
        chown(data.join(to), Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    let before = server.psql("postgres", "select pg_conf_load_time()").unwrap();
    server.psql("postgres", "alter system set ssl_ca_file = 'ca.crt'").unwrap();
    server.psql("postgres", "alter system set ssl = on").unwrap();
    server.psql("postgres", "select pg_reload_conf()").unwrap();
    server.wait_for(&format!("select pg_conf_load_time() > '{before}'"), support::LIMIT).unwrap();
}

#[test]
fn certificates_and_keys_work_as_with_psql() {
    let server = Postgres::builder(Major::NEWEST)
        .hba_line("hostssl all certified 127.0.0.1/32 cert")
        .hba_line("host all open 127.0.0.1/32 trust")
        .start()
        .unwrap();
    server.psql("postgres", "create role certified login; create role open login").unwrap();
    let folder = tempfile::tempdir().unwrap();
    make_certificates(folder.path());
    let at = |name: &str| folder.path().join(name).display().to_string();
    let target = |user: &str, more: &str| {
        by_url(&format!("host=localhost hostaddr=127.0.0.1 port={} user={user} dbname=postgres {more}", server.port()))
    };
    let certified = |certificate: &str, key: &str, more: &str| {
        target("certified", &format!("sslmode=require sslcert={} sslkey={} {more}", at(certificate), at(key)))
    };

    // A server's certificate of version 1.
    show_certificate(&server, folder.path(), "server");
    for more in ["", "ssl_max_protocol_version=TLSv1.2 sslsni=0"] {
        assert!(is_up(&target("open", &format!("sslmode=require {more}"))), "{more}");
    }
    assert!(is_up(&target("open", &format!("sslmode=verify-ca sslrootcert={}", at("trusted.crt")))));
    let unverified = target("open", &format!("sslmode=verify-full sslrootcert={}", at("ca.crt")));
    assert_fails(&unverified, "tls", "X.509 version 1, which cannot be verified (create a version 3 certificate");

    show_certificate(&server, folder.path(), "cn");
    let unnamed = target("open", &format!("sslmode=verify-full sslrootcert={}", at("cn.crt")));
    assert_fails(&unnamed, "tls", "has no subjectAltName, and its CN is not used");
    assert!(is_up(&target("open", &format!("sslmode=verify-ca sslrootcert={}", at("cn.crt")))));
    show_certificate(&server, folder.path(), "version3");
    assert!(is_up(&target("open", &format!("sslmode=verify-full sslrootcert={}", at("ca.crt")))));

    // A client's.
    for (certificate, key) in [
        ("p256.crt", "p256.key"),
        ("p384.crt", "p384.key"),
        ("rsa.crt", "rsa.key"),
        ("rsa.crt", "pkcs1.key"),
        ("rsa.crt", "der.key"),
        ("ed25519.crt", "ed25519.key"),
        ("sec1.crt", "sec1.key"),
        ("all.pem", "all.pem"),
    ] {
        let exporter = certified(certificate, key, "sslpassword=s3cret");
        assert!(is_up(&exporter), "{certificate} {key}: {}", exporter.log());
        assert!(
            exporter.log().contains("connection parameter sslpassword ignored") && !exporter.log().contains("s3cret")
        );
    }
    for (certificate, key, words) in [
        (
            "p256.crt",
            "encrypted.key",
            "is encrypted, and sslpassword is not supported: write it unencrypted with openssl",
        ),
        ("rsa.crt", "encrypted1.key", "is encrypted"),
        ("p521.crt", "p521.key", "the kind of key is not supported: expected RSA of 2048 to 8192 bits, ECDSA P-256"),
        ("pss.crt", "pss.key", "the kind of key is not supported"),
        ("p256.crt", "rsa.key", "does not belong to the client certificate"),
        ("p256.crt", "ca.crt", "contains no valid unencrypted private key"),
        ("p256.csr", "p256.key", "contains no usable certificate"),
    ] {
        assert_fails(&certified(certificate, key, ""), "tls", words);
    }
    let shows_none = certified("p256.crt", "p256.key", "sslcertmode=disable");
    assert_fails(&shows_none, "auth", "requires a valid client certificate");

    // A key that others can read.
    let own = fs::metadata(at("p256.key")).unwrap();
    for (mode, fails) in [(0o644, true), (0o640, own.uid() != 0), (0o400, false)] {
        fs::set_permissions(at("p256.key"), PermissionsExt::from_mode(mode)).unwrap();
        let exporter = certified("p256.crt", "p256.key", "");
        if fails {
            assert_fails(
                &exporter,
                "tls",
                &format!("has group or world access (mode 0{mode:o}): expected 0600 or less"),
            );
        } else {
            assert!(is_up(&exporter), "{mode:o}: {}", exporter.log());
        }
    }

    // Kinds of keys that are not supported.
    for name in ["server521", "pss"] {
        show_certificate(&server, folder.path(), name);
        assert_fails(&target("open", "sslmode=require"), "tls", "(not P-521, not RSA-PSS)");
        assert!(is_up(&target("open", "sslmode=prefer")));
    }
}
