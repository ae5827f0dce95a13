//! A node of a plan, as EXPLAIN writes it in JSON; what else it has is skipped.

use serde::Deserialize;

/// A node and what it reads from.
#[derive(Debug, Deserialize)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub struct Node {
    #[serde(rename = "Node Type")]
    pub node_type: String,
    /// `Outer`, `Inner`, `Member`, `InitPlan`, `SubPlan`, `Subquery`.
    #[serde(rename = "Parent Relationship")]
    pub relationship: Option<String>,
    #[serde(rename = "Subplan Name")]
    pub subplan: Option<String>,
    #[serde(rename = "Parallel Aware", default)]
    pub is_parallel: bool,
    /// Of aggregates: `Plain`, `Sorted`, `Hashed`, `Mixed`.
    pub strategy: Option<String>,
    /// `Simple`, `Partial`, `Finalize`.
    #[serde(rename = "Partial Mode")]
    pub partial_mode: Option<String>,
    #[serde(rename = "Join Type")]
    pub join_type: Option<String>,
    /// `Insert`, `Update`, `Delete`, `Merge`; of foreign scans also `Select`.
    pub operation: Option<String>,
    /// Of set operations: `Except`, `Intersect All`, …
    pub command: Option<String>,
    #[serde(rename = "Scan Direction")]
    pub direction: Option<String>,
    #[serde(rename = "Relation Name")]
    pub relation: Option<String>,
    /// What the statement, or the planner, calls the relation.
    pub alias: Option<String>,
    /// Of a join on a foreign server.
    pub relations: Option<String>,
    #[serde(rename = "Index Name")]
    pub index: Option<String>,
    #[serde(rename = "Function Name")]
    pub function: Option<String>,
    #[serde(rename = "Table Function Name")]
    pub table_function: Option<String>,
    #[serde(rename = "CTE Name")]
    pub cte: Option<String>,
    #[serde(rename = "Custom Plan Provider")]
    pub provider: Option<String>,
    #[serde(default)]
    pub plans: Vec<Node>,
}
