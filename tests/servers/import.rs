//! What the command `import` makes of other exporters' files, on a server.

use std::collections::BTreeSet;
use std::process::Command;

use lab::{Major, Postgres};
use support::{binary, exporter, path, scrape};

const ORDERS: &str = "
    create schema shop;
    create table shop.orders (state text, price numeric);
    insert into shop.orders values ('new', 1.5), ('new', 2.5), ('failed', 3);
    grant usage on schema shop to public; grant select on shop.orders to public";

#[test]
fn imported_collectors_serve_the_names_of_their_exporters() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server.psql("postgres", "create extension if not exists pg_stat_statements").unwrap();
    server.psql("postgres", "create database app").unwrap();
    for database in ["postgres", "app"] {
        server.psql(database, ORDERS).unwrap();
    }
    for (format, prefix, expected) in [
        (
            "postgres_exporter",
            "shop_",
            &[
                "shop_delay_n",
                "shop_orders_mood",
                "shop_orders_price",
                "shop_orders_total",
                "shop_orders_took_milliseconds",
                "shop_statements_count",
                "shop_tables_count",
            ][..],
        ),
        ("sql_exporter", "shop_", &["shop_info", "shop_order_count", "shop_order_figures", "shop_order_price"][..]),
        (
            "pgwatch",
            "pgwatch_",
            &[
                "pgwatch_shop_databases_tables",
                "pgwatch_shop_databases_too_count",
                "pgwatch_shop_orders_price",
                "pgwatch_shop_orders_total",
            ][..],
        ),
        (
            "cloudnative-pg",
            "cnpg_",
            &["cnpg_shop_orders_count", "cnpg_shop_tables_count", "cnpg_shop_version_major"][..],
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let input = path("tests/unit/import").join(format!("{format}.yaml"));
        let mut import = Command::new(binary());
        import.args(["import", format]).arg(input).arg("--out").arg(folder.path());
        assert_eq!(import.output().unwrap().status.code(), Some(2), "{format}");
        let page = scrape(&exporter(&server, "postgres", &[&format!("--config={}", folder.path().display())]));
        page.assert_clean(format);
        let is_imported = |name: &&&str| name.starts_with(prefix);
        let families = page.families();
        let found: BTreeSet<&str> = families.iter().filter(is_imported).copied().collect();
        assert_eq!(found, expected.iter().copied().collect(), "{format}");
        let value = |name: &str, labels: &[(&str, &str)]| page.value(name, labels).unwrap();
        match format {
            "postgres_exporter" => {
                assert_eq!(value("shop_orders_total", &[("state", "new")]), 2.0);
                assert_eq!(value("shop_orders_mood", &[("state", "failed")]), 1.0);
                assert_eq!(value("shop_orders_took_milliseconds", &[("state", "new")]), 90_000.0);
                assert_eq!(page.label_values("shop_tables_count", "datname"), BTreeSet::from(["app", "postgres"]));
            }
            "sql_exporter" => {
                assert_eq!(value("shop_order_count", &[("state", "new"), ("shop", "it's mine")]), 2.0);
                assert_eq!(value("shop_order_price", &[("state", "failed")]), 3.0);
                assert_eq!(value("shop_order_figures", &[("state", "new"), ("figure", "price")]), 4.0);
                assert_eq!(value("shop_info", &[("version", "a")]), 1.0);
            }
            "pgwatch" => {
                assert_eq!(value("pgwatch_shop_orders_price", &[("state", "new"), ("dbname", "postgres")]), 4.0);
                let databases = page.label_values("pgwatch_shop_databases_tables", "dbname");
                assert_eq!(databases, BTreeSet::from(["app", "postgres"]));
            }
            _ => assert_eq!(value("cnpg_shop_version_major", &[]), 15.0),
        }
    }
}
