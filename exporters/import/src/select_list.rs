//! The names of the columns of a SELECT, as PostgreSQL gives them.

use crate::tokens::{SqlToken, SqlTokenKind, tokens};

/// A column of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OutputColumn {
    /// Its name; `None` if it has no name of its own.
    pub name: Option<String>,
    /// Whether it is cast to text.
    pub is_text: bool,
}

/// What ends a select list.
const ENDS: [&str; 12] =
    ["from", "where", "group", "having", "window", "order", "limit", "offset", "union", "intersect", "except", "into"];

/// The columns of the statement's result.
///
/// # Errors
/// Why they cannot be known without a server.
pub(crate) fn columns(sql: &str) -> Result<Vec<OutputColumn>, &'static str> {
    let tokens = tokens(sql);
    let select = tokens.iter().position(|token| token.depth == 0 && token.is("select"));
    let list = &tokens[select.ok_or("it has no SELECT outside parentheses")? + 1..];
    let list = &list[behind_distinct(list)..];
    let end = (0..list.len()).find(|&at| list[at].depth == 0 && ends_list(list, at)).unwrap_or(list.len());
    let items = list[..end].split(|token| token.depth == 0 && token.is_symbol(","));
    items.map(|item| if is_star(item) { Err("it selects *") } else { Ok(output(item)) }).collect()
}

/// The number of tokens of ALL, DISTINCT or DISTINCT ON (…) at the begin.
fn behind_distinct(list: &[SqlToken<'_>]) -> usize {
    match list {
        [distinct, on, ..] if distinct.is("distinct") && on.is("on") => {
            list.iter().position(|token| token.depth == 0 && token.is_symbol(")")).map_or(2, |end| end + 1)
        }
        [first, ..] if first.is("distinct") || first.is("all") => 1,
        _ => 0,
    }
}

fn ends_list(list: &[SqlToken<'_>], at: usize) -> bool {
    // IS DISTINCT FROM is an operator.
    let is_operator = || list[at].is("from") && at > 0 && list[at - 1].is("distinct");
    list[at].is_symbol(";") || ENDS.iter().any(|end| list[at].is(end)) && !is_operator()
}

fn is_star(item: &[SqlToken<'_>]) -> bool {
    matches!(item, [.., star] if star.depth == 0 && star.is_symbol("*"))
}

fn output(item: &[SqlToken<'_>]) -> OutputColumn {
    let is_text = |expression: &[SqlToken<'_>]| matches!(expression, [.., cast, kind] if cast.is_symbol("::") && (kind.is("text") || kind.is("name")));
    let alias = match item {
        [expression @ .., as_, alias] if as_.is("as") && as_.depth == 0 => Some((expression, alias)),
        [expression @ .., before, alias] if alias.depth == 0 && is_alias(before, alias) => {
            Some((&item[..=expression.len()], alias))
        }
        _ => None,
    };
    match alias {
        Some((expression, alias)) => OutputColumn { name: alias.name(), is_text: is_text(expression) },
        None => OutputColumn { name: own_name(item), is_text: is_text(item) },
    }
}

/// Whether a name directly after another token is an alias: after a value, and not as its type or field.
fn is_alias(before: &SqlToken<'_>, alias: &SqlToken<'_>) -> bool {
    let ends_value = match &before.kind {
        SqlTokenKind::Literal | SqlTokenKind::Quoted(_) => true,
        SqlTokenKind::Word(_) => {
            !["as", "and", "or", "not", "is", "case", "else", "then"].iter().any(|word| before.is(word))
        }
        SqlTokenKind::Symbol(symbol) => matches!(*symbol, ")" | "]"),
    };
    ends_value && alias.name().is_some() && !alias.is("end") && !alias.is("null") && !alias.is("precision")
}

/// The name that PostgreSQL gives an expression without an alias.
fn own_name(item: &[SqlToken<'_>]) -> Option<String> {
    let cast = item.iter().position(|token| token.depth == 0 && token.is_symbol("::"));
    let item = &item[..cast.unwrap_or(item.len())];
    if item.first()?.is("case") {
        return Some("case".to_owned());
    }
    let call = item.iter().position(|token| token.depth == 0 && token.is_symbol("("));
    let path = &item[..call.unwrap_or(item.len())];
    let is_path = path.iter().enumerate().all(
        |(at, token)| {
            if at % 2 == 0 { token.name().is_some() } else { token.is_symbol(".") }
        },
    );
    let is_whole = call.is_none_or(|_| matches!(item, [.., end] if end.is_symbol(")")));
    if is_path && is_whole { path.last()?.name() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(sql: &str) -> Result<Vec<String>, &'static str> {
        let shown = |output: OutputColumn| {
            format!("{}{}", output.name.as_deref().unwrap_or("?"), if output.is_text { "::text" } else { "" })
        };
        columns(sql).map(|columns| columns.into_iter().map(shown).collect())
    }

    #[test]
    fn names_columns_as_postgresql_does() {
        for (sql, expected) in [
            ("select 1 as a, b, t.c, t.\"D\", count(*) , count(*) n from t", "a b c D count n"),
            ("with x as (select q, r from s) select distinct on (a, b) a, (select 1 from u) as b from x", "a b"),
            (
                "SELECT a IS DISTINCT FROM b AS d, extract(epoch from now() - e)::int8 AS f, g::text, h::text tag_h",
                "d f g::text tag_h::text",
            ),
            (
                "select case when a then 1 else 2 end, case a when 1 then 2 end as c, sum(a) over (w) s from t",
                "case c s",
            ),
            (
                "select pg_catalog.now(), coalesce(a, b)::float8, a + b, x.y::float8 * 2 as z union select 1, 2, 3, 4",
                "now coalesce ? z",
            ),
            ("select 'a, from' as l, (a).b as m, array[1, 2] as o;", "l m o"),
            ("select all a from t", "a"),
        ] {
            assert_eq!(names(sql).map(|names| names.join(" ")).as_deref(), Ok(expected), "{sql}");
        }
    }

    #[test]
    fn says_what_only_a_server_knows() {
        assert_eq!(names("select t.* from t"), Err("it selects *"));
        assert_eq!(names("table t"), Err("it has no SELECT outside parentheses"));
    }
}
