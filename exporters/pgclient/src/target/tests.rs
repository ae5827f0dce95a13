use super::*;

fn target(conninfo: &str) -> Target {
    let env = Environment::from_variables([("USER", "me")]).with_socket_folders([]);
    Target::parse(conninfo, &env).unwrap()
}

#[test]
fn redacts_to_a_url_for_the_same_target() {
    for conninfo in ["host=a:b?c]d port=1", "host=fe80::1%eth0", "host='/tmp/a b@c'"] {
        let shown = target(conninfo).redacted();
        assert_eq!(target(&shown).redacted(), shown, "{conninfo}");
    }
}

#[test]
fn has_libpq_defaults() {
    let target = target("");
    assert_eq!(target.label(), "localhost:5432");
    assert_eq!(target.redacted(), "postgres://me@localhost:5432/");
    assert_eq!(target.database(), None);
    let nobody = Environment::from_variables::<&str, &str>([]);
    assert_eq!(Target::parse("", &nobody).unwrap_err(), TargetError::NoUser);
}

#[test]
fn redacts_password() {
    for conninfo in [
        "postgres://mon:s3cret@db1/app?sslmode=require",
        "postgres://db1/app?sslmode=require&password=s3cret&user=mon",
        "host=db1 user=mon dbname=app sslmode=require password=s3cret",
    ] {
        let target = target(conninfo);
        assert_eq!(target.redacted(), "postgres://mon:xxxxx@db1:5432/app?sslmode=require");
        assert_eq!(format!("{target:?}"), "Target(\"postgres://mon:xxxxx@db1:5432/app?sslmode=require\")");
        let server = &target.servers.list()[0];
        assert_eq!(target.driver_config(server).get_password(), Some(b"s3cret".as_slice()));
    }
}

#[test]
fn encodes_redacted_url() {
    let target = target("host=/run/pg,::1 port=5433 dbname='a b/c' user=x@y options='-c a=b'");
    assert_eq!(target.redacted(), "postgres://x%40y@%2Frun%2Fpg:5433,[::1]:5433/a%20b%2Fc?options=-c%20a%3Db");
    assert_eq!(target.label(), "/run/pg:5433,[::1]:5433");
}

#[test]
fn accepts_any_database_name() {
    let target = target("dbname=a").with_database("it's \"b\"\n c=d");
    assert_eq!(target.database(), Some("it's \"b\"\n c=d"));
    let server = &target.servers.list()[0];
    assert_eq!(target.driver_config(server).get_dbname(), target.database());
}

#[test]
fn prefers_application_name_of_conninfo() {
    let name = |conninfo| {
        let target = target(conninfo).with_application_name_default("exporter");
        target.template.get_application_name().map(str::to_owned).unwrap()
    };
    assert_eq!(name(""), "exporter");
    assert_eq!(name("application_name=mine"), "mine");
}

#[test]
fn reads_password_file_at_every_connect() {
    use std::os::unix::fs::PermissionsExt;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::set_permissions(file.path(), PermissionsExt::from_mode(0o600)).unwrap();
    let target = target(&format!("host=/run/pg user=mon passfile={}", file.path().display()));
    let password = || target.driver_config(&target.servers.list()[0]).get_password().map(<[u8]>::to_vec);
    assert_eq!(password(), None);
    std::fs::write(file.path(), "localhost:5432:mon:mon:old\n").unwrap();
    assert_eq!(password(), Some(b"old".to_vec()));
    std::fs::write(file.path(), "/run/pg:5432:mon:mon:new\n").unwrap();
    assert_eq!(password(), Some(b"new".to_vec()));
}

#[test]
fn errors_omit_password() {
    for rest in ["port=x", "sslmode=x", "keepalives=x", "target_session_attrs=x", "client_encoding=LATIN1", "x"] {
        let env = Environment::from_variables([("USER", "me")]);
        let error = Target::parse(&format!("password=s3cret {rest}"), &env).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
}
