//! The databases of the demo and their clients: a shop, a blog, readings of meters.

use std::time::Duration;

use lab::{LabError, Postgres, Process};

/// The databases and how each is made.
const DATABASES: [(&str, &str); 3] = [
    (
        "shop",
        "create table customer (id int generated always as identity primary key, name text not null, city text);
         create table product (id int primary key, name text not null, price numeric(8, 2) not null, stock int not null);
         create table orders (id bigint generated always as identity primary key,
             customer int not null references customer, ordered timestamptz not null default now());
         create table order_line (orders bigint not null references orders, product int not null references product,
             quantity int not null, primary key (orders, product));
         create index on orders (customer, ordered);
         create index on order_line (product);
         create index on customer (city);
         insert into customer (name, city) select 'customer ' || n, 'city ' || n % 40 from generate_series(1, 5000) n;
         insert into product select n, 'product ' || n, n % 90 + 1, 100000 from generate_series(1, 500) n;
         insert into orders (customer, ordered)
             select n % 5000 + 1, now() - n * interval '20 s' from generate_series(1, 40000) n;
         insert into order_line select n, n % 500 + 1, n % 4 + 1 from generate_series(1, 40000) n;
         analyze",
    ),
    (
        "blog",
        "create table author (id int generated always as identity primary key, name text not null unique);
         create table post (id bigint generated always as identity primary key, author int references author,
                            written timestamptz default now(), body text);
         create index on post (author, written);
         insert into author (name) select 'author ' || n from generate_series(1, 100) n;
         insert into post (author, body) select n % 100 + 1, repeat('word ', n % 200) from generate_series(1, 20000) n;
         create function posts_of(int) returns bigint language sql stable
             as 'select count(*) from post where author = $1';
         select sum(posts_of(id)) from author;
         analyze",
    ),
    (
        "metering",
        "create table reading (at timestamptz not null, meter int not null, value float8) partition by range (at);
         create table reading_2025 partition of reading for values from ('2025-01-01') to ('2026-01-01');
         create table reading_2026 partition of reading for values from ('2026-01-01') to ('2027-01-01');
         create index on reading using brin (at);
         insert into reading select timestamptz '2025-12-01' + n * interval '1 minute', n % 50, random()
             from generate_series(1, 90000) n;
         update reading set value = value + 1 where meter = 7;
         analyze",
    ),
];

/// Visitors read a product and what else its buyers bought; each fifth orders something.
const VISIT: &str = "\
\\set product random_zipfian(1, 500, 1.1)
\\set customer random(1, 5000)
\\set orders random(1, 5)
select name, price, stock from product where id = :product;
select other.product, count(*) from order_line own join order_line other using (orders)
 where own.product = :product group by other.product order by 2 desc limit 5;
select id, ordered from orders where customer = :customer order by ordered desc limit 10;
\\if :orders = 1
begin;
insert into orders (customer) values (:customer) returning id \\gset
insert into order_line values (:id, :product, 1);
update product set stock = stock - 1 where id = :product;
commit;
\\endif
";

/// Stocktaking keeps the products that sell best for two seconds: orders for them wait.
const STOCKTAKING: &str = "\
begin;
update product set stock = greatest(stock, 1000) where id <= 5;
select pg_sleep(2);
commit;
\\sleep 15 s
";

/// A report that takes seconds and does not fit into work_mem.
const REPORT: &str = "\
select city, date_trunc('day', ordered) as day, sum(quantity * price),
       percentile_cont(0.9) within group (order by quantity * price * copy)
  from orders join order_line on orders = orders.id join product on product.id = product
       join customer on customer.id = customer cross join generate_series(1, 12) copy
 group by city, day order by 3 desc limit 20;
\\sleep 20 s
";

/// Meters report what they read.
const READING: &str = "\
\\set meter random(1, 50)
insert into reading values (now(), :meter, random());
select avg(value) from reading where meter = :meter and at > now() - interval '1 hour';
";

/// Somebody writes while others read.
const POST: &str = "\
\\set author random(1, 100)
insert into post (author, body) values (:author, repeat('word ', 40));
select count(*), max(written) from post where author = :author;
select posts_of(:author);
";

/// A backup tool on the standby stops replay for some seconds of each minute.
const PAUSED_REPLAY: &str = "\
select pg_wal_replay_pause();
\\sleep 8 s
select pg_wal_replay_resume();
\\sleep 40 s
";

/// Clients that repeat a script in a database.
const CLIENTS: [(&str, &str, &str, &[&str]); 5] = [
    ("visits", "shop", VISIT, &["--client=6", "--rate=60"]),
    ("stocktaking", "shop", STOCKTAKING, &["--client=1"]),
    ("report", "shop", REPORT, &["--client=1"]),
    ("readings", "metering", READING, &["--client=2", "--rate=20"]),
    ("posts", "blog", POST, &["--client=1", "--rate=3"]),
];

/// Makes the databases. The exporters may read their sequences.
pub(super) fn create(primary: &Postgres) -> Result<(), LabError> {
    primary.psql("postgres", "grant pg_read_all_data to monitor")?;
    for (database, sql) in DATABASES {
        primary.psql("postgres", &format!("create database {database}"))?;
        primary.psql(database, sql)?;
    }
    Ok(())
}

/// Starts the clients of both servers, for no longer than that.
pub(super) fn open(primary: &Postgres, standby: &Postgres, longest: Duration) -> Result<Vec<Process>, LabError> {
    let clients = CLIENTS
        .iter()
        .map(|(name, database, script, arguments)| primary.pgbench_script(name, database, script, arguments, longest));
    let pause = standby.pgbench_script("paused_replay", "postgres", PAUSED_REPLAY, &["--client=1"], longest);
    clients.chain([pause]).collect()
}
