use super::*;

/// A plan that auto_explain logged, from the seeds of the fuzz target.
macro_rules! logged {
    ($name:literal) => {
        PlanShape::read(include_str!(concat!("../../../fuzz/seeds/plan/", $name, ".json"))).unwrap()
    };
}

fn shape(json: &str) -> PlanShape {
    PlanShape::read(json).unwrap()
}

fn scan(relation: &str, alias: &str, index: &str) -> String {
    format!(
        r#"{{"Node Type":"Index Scan","Relation Name":"{relation}","Alias":"{alias}","Index Name":"{index}","Scan Direction":"Forward"}}"#
    )
}

fn plan(node: &str) -> String {
    format!(r#"[{{"Plan":{node}}}]"#)
}

#[test]
fn names_nodes_tables_and_indexes_in_their_order() {
    assert_eq!(
        logged!("join_18").text,
        "Gather(Hash Join(Parallel Seq Scan customers, Index Scan orders using orders_pkey))"
    );
    assert_eq!(logged!("join_14").id, logged!("join_18").id);
    assert_eq!(
        logged!("bitmap_18").text,
        "Bitmap Heap Scan orders(BitmapOr(Bitmap Index Scan using orders_customer_idx, Bitmap Index Scan using orders_pkey))"
    );
    assert_eq!(logged!("parallel_18").text, "Finalize Aggregate(Gather(Partial Aggregate(Parallel Seq Scan orders)))");
    assert_eq!(logged!("upsert_18").text, "Insert customers(Result)");
}

#[test]
fn names_subplans_without_their_numbers() {
    assert_eq!(
        logged!("subplans_18").text,
        "Index Scan orders using orders_pkey(InitPlan: Result(InitPlan: Limit(Index Only Scan Backward orders using \
         orders_pkey)), SubPlan: Index Scan customers using customers_pkey)"
    );
    assert_eq!(logged!("subplans_14").id, logged!("subplans_18").id);
    assert_eq!(logged!("recursive_18").text, "CTE Scan t(CTE t: Recursive Union(Result, WorkTable Scan t))");
}

#[test]
fn counts_partitions_once_however_many_are_read() {
    let one = logged!("one_partition_18");
    assert_eq!(one.text, "Index Scan events_#_# using events_#_#_id_idx");
    assert_eq!(logged!("partitions_18"), one);
    assert_eq!(logged!("partitions_14"), one);
    assert_eq!(
        logged!("pruned_18").text,
        "Gather(Parallel Bitmap Heap Scan events_#_#(Bitmap Index Scan using events_#_#_at_idx))"
    );
}

#[test]
fn keeps_partitions_apart_that_are_read_in_another_way() {
    let member = |scan: &str| scan.replace('{', r#"{"Parent Relationship":"Member","#);
    let one = member(&scan("events_1", "events_1", "events_1_at_idx"));
    let other = member(r#"{"Node Type":"Seq Scan","Relation Name":"events_2","Alias":"events_2"}"#);
    let appended = |members: &str| shape(&plan(&format!(r#"{{"Node Type":"Append","Plans":[{members}]}}"#))).text;
    assert_eq!(
        appended(&format!("{one},{other}")),
        "Append(Index Scan events_1 using events_1_at_idx, Seq Scan events_2)"
    );
    assert_eq!(appended(""), "Append()");
}

#[test]
fn keeps_numbers_in_names_that_the_statement_has() {
    assert_eq!(shape(&plan(&scan("t1", "t1", "t1_i2"))).text, "Index Scan t1 using t1_i2");
    assert_eq!(shape(&plan(&scan("t1", "t1_1", "t1_i2"))).text, "Index Scan t1 using t1_i2");
    assert_eq!(shape(&plan(&scan("t1", "a", "other2"))).text, "Index Scan t# using other2");
}

#[test]
fn differs_by_index_join_order_and_parallelism() {
    let ids = [
        plan(&scan("t", "t", "a")),
        plan(&scan("t", "t", "b")),
        plan(r#"{"Node Type":"Seq Scan","Relation Name":"t","Alias":"t"}"#),
        plan(r#"{"Node Type":"Seq Scan","Relation Name":"t","Alias":"t","Parallel Aware":true}"#),
        plan(&format!(
            r#"{{"Node Type":"Hash Join","Join Type":"Left","Plans":[{},{}]}}"#,
            scan("t", "t", "a"),
            scan("u", "u", "b")
        )),
        plan(&format!(
            r#"{{"Node Type":"Hash Join","Join Type":"Left","Plans":[{},{}]}}"#,
            scan("u", "u", "b"),
            scan("t", "t", "a")
        )),
    ]
    .map(|plan| shape(&plan).id);
    let mut distinct = ids.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), ids.len());
}

#[test]
fn is_the_same_for_other_costs_rows_conditions_and_workers() {
    let one = r#"{"Query Text":"select 1","Plan":{"Node Type":"Seq Scan","Relation Name":"t","Alias":"t","Total Cost":1.5,"Filter":"(a = 1)","Workers Planned":2},"JIT":{"Functions":3},"Triggers":[]}"#;
    let other = one.replace("1.5", "99").replace("= 1", "= 'x'").replace(":2}", ":4,\"Actual Rows\":7.00}");
    assert_eq!(shape(one), shape(&other));
}

/// Its value may not change: it is kept over restarts, and in users' dashboards.
#[test]
fn has_the_same_id_in_every_release() {
    assert_eq!(shape(&plan(&scan("orders", "orders", "orders_pkey"))).id.to_string(), "4ed7c7f80e0e045e");
}

#[test]
fn has_no_literal() {
    for shape in [logged!("join_18"), logged!("join_14"), logged!("upsert_18")] {
        assert!(!shape.text.contains("Zq4Hidden8w"), "{}", shape.text);
    }
}

#[test]
fn names_joins_and_changes_as_explain_does() {
    let kinds = [
        (r#""Nested Loop","Join Type":"Anti""#, "Nested Loop Anti Join"),
        (r#""Merge Join","Join Type":"Right Semi""#, "Merge Right Semi Join"),
        (r#""Aggregate","Strategy":"Mixed","Partial Mode":"Simple""#, "MixedAggregate"),
        (r#""SetOp","Strategy":"Hashed","Command":"Except All""#, "HashSetOp Except All"),
        (r#""ModifyTable","Operation":"Update","Relation Name":"t","Alias":"t""#, "Update t"),
        (
            r#""Foreign Scan","Operation":"Select","Relations":"(public.ft) INNER JOIN (public.g)""#,
            "Foreign Scan (public.ft) INNER JOIN (public.g)",
        ),
        (r#""Foreign Scan","Operation":"Delete","Relation Name":"ft","Alias":"ft""#, "Foreign Scan Delete ft"),
        (
            r#""Custom Scan","Custom Plan Provider":"ChunkAppend","Relation Name":"h","Alias":"h""#,
            "Custom Scan ChunkAppend h",
        ),
        (r#""Function Scan","Function Name":"unnest","Alias":"u""#, "Function Scan unnest"),
    ];
    for (node, expected) in kinds {
        assert_eq!(shape(&plan(&format!(r#"{{"Node Type":{node}}}"#))).text, expected);
    }
}

#[test]
fn bounds_the_text_and_tells_long_plans_apart() {
    let long = |last: &str| {
        let scans: Vec<String> =
            (0..100).map(|_| scan("a_table", "a_table", "an_index")).chain([scan("t", "t", last)]).collect();
        shape(&plan(&format!(r#"{{"Node Type":"BitmapAnd","Plans":[{}]}}"#, scans.join(","))))
    };
    assert!(long("é").text.len() <= MAX_TEXT && long("é").text.ends_with('…'));
    assert_eq!(long("a").text, long("b").text);
    assert_ne!(long("a").id, long("b").id);
}

#[test]
fn refuses_what_is_cut_off_deep_or_no_plan() {
    let whole = plan(&scan("t", "t", "i"));
    for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
        assert_eq!(PlanShape::read(&whole[..end]), Err(PlanError::CutOff), "{}", &whole[..end]);
    }
    let deep = format!("{}{}", r#"{"Plan":"#, r#"{"Node Type":"Sort","Plans":["#.repeat(100_000));
    for text in [&*deep, "Seq Scan on t", "{}", "[]", "[1]", r#"{"Plan":[]}"#, "null"] {
        assert_eq!(PlanShape::read(text), Err(PlanError::NotAPlan));
    }
}
