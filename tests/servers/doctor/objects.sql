-- In the database shop: what the rules about objects find. Autovacuum is off.
create table never (id int, line text);
insert into never select id, 'x' from generate_series(1, 12000) as id;
create index broken on never (id);
update pg_index set indisvalid = false where indexrelid = 'broken'::regclass;
create publication pub for table never;

create table worn (id int primary key, line text);
insert into worn select id, repeat('x', 40) || id from generate_series(1, 40000) as id;
create index unused on worn (line, id);
delete from worn where id <= 30000;

create table parent (id int primary key);
insert into parent values (1);
create table "child ""1""" (id int primary key, parent_id int references parent, n int);
insert into "child ""1""" select id, 1, 1 from generate_series(1, 12000) as id;
alter table "child ""1""" add constraint positive check (id > 0) not valid;
create index n_once on "child ""1""" (n);
create index n_twice on "child ""1""" (n);

create table parts (id int) partition by list (id);
create table parts_default partition of parts default;
insert into parts values (1), (2);

create table left_alone (id int primary key) with (autovacuum_enabled = off);
create table counted (id serial primary key);
select setval('counted_id_seq', 2000000000);

grant create on schema public to public;
create extension pg_stat_statements version '1.8';
