//! The files of a mixin: rules, Alertmanager's configuration, dashboards, and all of them as Kubernetes objects.

pub mod alertmanager;
pub mod dashboards;
pub mod kubernetes;
pub mod list;
pub mod rules;
pub mod site;
