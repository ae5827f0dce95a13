//! Commands that hold a secret, of every kind that a server takes.

use lab::{Major, Postgres};
use postgres::{Client, NoTls};

/// What must not be seen anywhere.
pub const SECRET: &str = "s3cr3t";

/// One session runs them in this order. Those for which a server lacks something may fail.
const COMMANDS: &str = r#"
create role planted login password 's3cr3t'
alter role planted password 's3cr3t'
alter user planted encrypted password E's3cr3t\'s3cr3t'
alter role planted password $$s3cr3t$$
/* one */ alter role planted password 's3cr3t'
/* one /* select */ two */ alter role planted password 's3cr3t'
-- select!  alter role planted password 's3cr3t'
alter /* s3cr3t */ role planted password 's3cr3t'
alter role planted set planted.key = 's3cr3t'
alter database postgres set planted.key = 's3cr3t'
alter system set primary_conninfo = 'host=h password=s3cr3t'
create foreign data wrapper planted options (password 's3cr3t')
create server planted foreign data wrapper planted options (password 's3cr3t')
alter server planted options (set password 's3cr3t')
create user mapping for planted server planted options (user 'a', password 's3cr3t')
alter user mapping for planted server planted options (set password 's3cr3t')
create subscription planted connection 'host=127.0.0.1 port=1 password=s3cr3t' publication planted with (connect = false)
alter subscription planted connection 'postgres://a:s3cr3t@127.0.0.1:1/d'
comment on subscription planted is 's3cr3t'
security label on role planted is 's3cr3t'
do $$ begin perform 's3cr3t'; end $$
do 'begin perform length(''s3cr3t''); end'
set application_name = 's3cr3t'
set local planted.key = 's3cr3t'
select set_config('planted.key', 's3cr3t', false)
reset application_name
copy (select 's3cr3t') to program 'cat > /dev/null # s3cr3t'
copy (select 's3cr3t') to '/dev/null'
create table planted (text text default 's3cr3t')
copy planted from program 'echo s3cr3t'
create function planted(text) returns text language sql as $$ select 's3cr3t' || $1 || (select min(text) from planted where text <> 's3cr3t') $$
create function planted_too(text) returns text language plpgsql as 'begin return (select $1 || ''s3cr3t''); end'
create procedure planted_call(text) language plpgsql as $$ begin perform 's3cr3t' || $1; end $$
create function dblink_connect(text) returns text language sql as 'select $1'
create function crypt(text, text) returns text language sql as 'select $1'
select planted('s3cr3t'), planted_too('s3cr3t')
call planted_call('s3cr3t')
select dblink_connect('host=h password=s3cr3t')
select crypt('s3cr3t', 's3cr3t')
explain select 's3cr3t'
explain analyze select 's3cr3t' where 's3cr3t' like '%3%'
prepare planted as select 's3cr3t'
execute planted
prepare planted_too(text) as select $1 as too
execute planted_too('s3cr3t')
begin
declare planted cursor for select 's3cr3t' as planted
fetch planted
savepoint s3cr3t
rollback to s3cr3t
commit
create table planted_as as select 's3cr3t' as text
select 's3cr3t' as text into planted_into
create table planted_executed as execute planted
create view planted_view as select 's3cr3t' as text
create materialized view planted_kept as select 's3cr3t' as text
create rule planted_rule as on insert to planted_into do also select 's3cr3t'
create policy planted on planted using (text = 's3cr3t')
create index on planted (text) where text <> 's3cr3t'
create type planted_kind as enum ('s3cr3t')
alter type planted_kind add value 's3cr3t too'
create domain planted_domain text default 's3cr3t' check (value <> 's3cr3t')
alter table planted add column more text default 's3cr3t'
comment on table planted is 's3cr3t'
create event trigger planted on ddl_command_end when tag in ('COMMENT') execute function s3cr3t()
create collation planted (locale = 's3cr3t')
listen planted
notify planted, 's3cr3t'
insert into planted values ('s3cr3t'), ('s3cr3t too')
update planted set text = 's3cr3t' where text = 's3cr3t too'
merge into planted using planted_as on planted.text = 's3cr3t' when matched then update set text = 's3cr3t'
delete from planted where text = 's3cr3t too' returning 's3cr3t'
with s as (select 's3cr3t' as text) select * from s, planted where planted.text = s.text
values ('s3cr3t')
(select 's3cr3t' as a) union all (select 's3cr3t')
select 's3cr3t'::text, U&'s3cr3t', n's3cr3t', E's3cr3t\n', $$s3cr3t$$, $q$s3cr3t$q$, text 's3cr3t'
select 1 as commented /* password=s3cr3t */
select 1 as commented, 2 -- s3cr3t
/* s3cr3t */ select 1 as commented, 2, 3
select 's3cr3t'::int
select * from planted where text = 's3cr3t' and more = format('%s', 's3cr3t')
select * from json_each_text('{"password": "s3cr3t"}') where key = 'password' and value = 's3cr3t'
lock table planted, s3cr3t
load 's3cr3t'
begin
insert into planted values ('prepared')
prepare transaction 's3cr3t'
rollback prepared 's3cr3t'
alter role planted valid until 'infinity' password 's3cr3t'
"#;

/// Runs the commands; the server then shows what they left: settings, a subscription, entries of pg_stat_statements.
pub fn plant(server: &Postgres, major: Major) {
    let mut session = Client::connect(&server.url("postgres", "postgres"), NoTls).unwrap();
    session.simple_query("select pg_stat_statements_reset()").unwrap();
    let mut failed = Vec::new();
    for command in COMMANDS.lines().filter(|line| !line.is_empty()) {
        let command = command.replace("!  ", "\n");
        if let Err(error) = session.simple_query(&command) {
            failed.push(format!("{command}: {error:?}"));
        }
    }
    let expected = if major == Major::V14 { 7 } else { 6 };
    assert_eq!(failed.len(), expected, "{major}: {failed:#?}");
    server.psql("postgres", "select pg_reload_conf()").unwrap();
}
