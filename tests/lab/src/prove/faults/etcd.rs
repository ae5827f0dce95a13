//! etcd.

use serde_json::json;

use super::fault::{Fault, Place};
use super::patroni::edit;
use super::steps::{LIMIT, freeze};
use crate::Etcd;

pub const FAULTS: &[Fault] = &[
    Fault {
        alerts: &["PatroniFailsafeActive"],
        what: "freeze etcd below Patroni’s failsafe mode",
        place: Place::Primary,
        cause: |lab, at| {
            edit(lab, at, "failsafe_mode=true")?;
            for node in &lab.nodes {
                node.member.wait_for("/failsafe", LIMIT)?;
            }
            freeze(lab.etcd.process())
        },
        mend: |lab, at| {
            lab.etcd.process().signal("CONT")?;
            edit(lab, at, "failsafe_mode=null")
        },
    },
    Fault {
        alerts: &["EtcdMemberDown", "EtcdQuorumLost", "PatroniDcsStale", "PatroniNoLeader"],
        what: "freeze etcd",
        place: Place::Primary,
        cause: |lab, _| freeze(lab.etcd.process()),
        mend: |lab, _| lab.etcd.process().signal("CONT"),
    },
    Fault {
        alerts: &["EtcdQuotaHigh", "EtcdFragmented"],
        what: "write a key until etcd’s quota is used by 84 %, and compact what was written",
        place: Place::Primary,
        cause: |lab, _| {
            // In base64. A larger value costs a multiple of its size.
            let put = json!({ "key": "ZmF1bHQ=", "value": "eHh4".repeat((1 << 18) / 3) });
            let revision = loop {
                let answer = lab.etcd.call("/v3/kv/put", &put)?;
                let status = lab.etcd.call("/v3/maintenance/status", &json!({}))?;
                let size = status["dbSize"].as_str().and_then(|size| size.parse().ok());
                if size.is_none_or(|size: f64| size > 0.84 * f64::from(Etcd::QUOTA)) {
                    break answer["header"]["revision"].clone();
                }
            };
            let compact = json!({ "revision": revision, "physical": true });
            lab.etcd.call("/v3/kv/compaction", &compact).map(|_| Vec::new())
        },
        mend: |lab, _| {
            let deleted = lab.etcd.call("/v3/kv/deleterange", &json!({ "key": "ZmF1bHQ=" }))?;
            let compact = json!({ "revision": deleted["header"]["revision"], "physical": true });
            lab.etcd.call("/v3/kv/compaction", &compact)?;
            lab.etcd.call("/v3/maintenance/defragment", &json!({})).map(drop)
        },
    },
];
