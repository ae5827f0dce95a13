//! Flags that change what is planned.

use support::command_line::{Switch, Valued, out, run, shop};

/// A table with one space between its columns.
fn squeezed(table: &str) -> String {
    let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n";
    table.lines().map(line).collect()
}

#[test]
fn planning_flags_work_in_every_spelling() {
    let (server, _folder, file) = shop();
    let (url, file) = (server.url("postgres", "postgres"), file.display().to_string());
    let explain = |args: &[&str], env: &[(&str, &str)]| {
        let output =
            run(&[args, &["explain", "--all"]].concat(), &[&[("PG_EXPORTER_URL", url.as_str())], env].concat());
        assert!(output.status.success(), "{args:?} {env:?}: {output:?}");
        squeezed(&out(&output))
    };
    let flag = |long, short, variable, value, shows| Valued { long, short, variable, value, shows };
    let title = format!("collectors of {file}\n");
    flag("config", "-c", "PG_EXPORTER_CONFIG", &file, &title).check(explain);

    let quick = |args: &[&str], env: &[(&str, &str)]| explain(&[args, &["--config", &file]].concat(), env);
    flag("tag", "-t", "PG_EXPORTER_TAG", "other, wanted", "\ntagged ").check(|args: &[&str], env: &[(&str, &str)]| {
        quick(args, env)
            .lines()
            .filter(|line| !line.contains("requires --tag wanted"))
            .fold(String::new(), |all, line| all + "\n" + line)
    });
    flag("cache-ttls", "", "PG_EXPORTER_CACHE_TTLS", "1,77,78,79", "\nquick 77 ").check(quick);
    let ttl = "\nquick 0 ";
    let switch = |long, short, variable, default, shows| Switch { long, short, variable, default, shows };
    switch("disable-cache", "-C", "PG_EXPORTER_DISABLE_CACHE", false, ttl).check(quick);
    switch("auto-discovery", "-a", "PG_EXPORTER_AUTO_DISCOVERY", true, "## database shop").check(quick);

    let without_shop = |args: &[&str], env: &[(&str, &str)]| match quick(args, env) {
        text if text.contains("## database shop") => "shop is read".to_owned(),
        _ => "shop is not read".to_owned(),
    };
    flag("exclude-database", "-x", "PG_EXPORTER_EXCLUDE_DATABASE", "other,sh*", "shop is not read").check(without_shop);
    flag("include-database", "-i", "PG_EXPORTER_INCLUDE_DATABASE", "other", "shop is not read").check(without_shop);

    // Short ones together, and values with them.
    let text = quick(&["-Ca=false", "-twanted"], &[]);
    assert!(text.contains(ttl) && !text.contains("requires --tag") && !text.contains("## database shop"), "{text}");
    let text = quick(&["-aC"], &[("PG_EXPORTER_AUTO_DISCOVERY", "0")]);
    assert!(text.contains(ttl) && text.contains("## database shop"), "{text}");
    // A flag may stand after the task too, where it wins.
    let output = run(&["-c", "builtin:pg", "explain", "--all", "--url", &url, "-c", &file], &[]);
    assert!(out(&output).contains(&title), "{output:?}");
}
