//! The server with the tables and statements that the scrapes read.

use std::ops::Range;

use lab::{LabError, Major, Postgres};

/// Databases with tables; one for pgbench and `postgres` come on top.
pub const DATABASES: usize = 10;
/// Tables of each of them.
pub const TABLES: usize = 200;
/// Entries of pg_stat_statements.
const STATEMENTS: usize = 2000;
/// Every database with a connection of its own, and one more.
pub const ENOUGH_CONNECTIONS: usize = DATABASES + 3;

/// What the load is, for a reader of the tables.
pub fn description() -> String {
    format!("{DATABASES} databases x {TABLES} tables with two indexes, one of pgbench, {STATEMENTS} statements")
}

/// A server without load that does nothing by itself. A role `bare` may read what `monitor` may and needs no password.
pub fn server() -> Result<Postgres, LabError> {
    let server = Postgres::builder(Major::NEWEST)
        .setting("autovacuum", "off")
        .setting("shared_buffers", "256MB")
        .hba_line("host all bare 127.0.0.1/32 trust")
        .start()?;
    server.psql(
        "postgres",
        "create role bare login in role monitor; alter role bare set pg_stat_statements.track = 'none'",
    )?;
    Ok(server)
}

/// The server with the load.
pub fn loaded() -> Result<Postgres, LabError> {
    let server = server()?;
    for number in 1..=DATABASES {
        let name = format!("db{number:02}");
        server.psql("postgres", &format!("create database {name}"))?;
        server.psql(&name, &tables(1, TABLES))?;
    }
    server.psql("postgres", "create database bench")?;
    server.pgbench_init("bench", 10)?;
    // Constants do not tell statements apart, but how many there are does: of columns, and of terms in one.
    let statement = |n: usize| format!("select {}{};\n", "1, ".repeat(n / 400), vec!["1"; n % 400 + 1].join("+"));
    let statements: String = (0..STATEMENTS).map(statement).collect();
    for _ in 0..2 {
        server.psql("postgres", &statements)?;
    }
    Ok(server)
}

/// Changes something in each database of the load.
pub fn change_all(server: &Postgres) -> Result<(), LabError> {
    let change = |number| server.psql(&format!("db{number:02}"), "update t1 set v = v + 1 where id < 10");
    (1..=DATABASES).try_for_each(|number| change(number).map(drop))
}

/// Creates and fills tables with these numbers, two indexes each.
pub fn tables(first: usize, last: usize) -> String {
    format!(
        "do $$ begin for n in {first}..{last} loop
             execute format('create table t%s (id int primary key, v int, w text)', n);
             execute format('create index on t%s (v)', n);
             execute format('insert into t%s select g, g %% 7, g::text from generate_series(1, 50) g', n);
         end loop; end $$; analyze"
    )
}

/// Creates databases with these numbers as copies of another.
pub fn copies(server: &Postgres, numbers: Range<usize>, source: &str) -> Result<(), LabError> {
    for number in numbers {
        let name = copy_name(number);
        server.psql("postgres", &format!("create database {name} template {source}"))?;
        // Copies have no statistics.
        server.psql(&name, "analyze")?;
    }
    Ok(())
}

/// The name of such a copy.
pub fn copy_name(number: usize) -> String {
    format!("copy{number:04}")
}
