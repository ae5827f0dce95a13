//! etcd.

use serde_json::json;

use super::fault::{Fault, Place};
use super::patroni::edit;
use super::steps::{LIMIT, freeze};
use crate::{Architecture, EtcdCluster, LabError, Process};

pub const FAULTS: &[Fault] = &[
    Fault {
        alerts: &["PatroniFailsafeActive"],
        what: "freeze two of three members of etcd below Patroni’s failsafe mode",
        place: Place::Primary,
        cause: |lab, at| {
            edit(lab, at, "failsafe_mode=true")?;
            for node in &lab.nodes {
                node.member.wait_for("/failsafe", LIMIT)?;
            }
            freeze_majority(lab)
        },
        mend: |lab, at| {
            thaw(lab)?;
            edit(lab, at, "failsafe_mode=null")
        },
    },
    Fault {
        alerts: &["EtcdMemberDown"],
        what: "freeze one of three members of etcd",
        place: Place::Primary,
        cause: |lab, _| freeze(lab.etcd.members()[1].process()),
        mend: |lab, _| thaw(lab),
    },
    Fault {
        alerts: &["EtcdPeerLatencyHigh"],
        what: "freeze a member of etcd, and thaw it",
        place: Place::Primary,
        cause: |lab, _| {
            freeze(lab.etcd.members()[1].process())?;
            lab.prometheus.wait_for(r#"up{job="etcd"} == 0"#, LIMIT)?;
            // The others have asked it meanwhile, and get their answers.
            thaw(lab).map(|()| Vec::new())
        },
        mend: |lab, _| thaw(lab),
    },
    Fault {
        alerts: &["EtcdQuorumLost", "PatroniDcsStale", "PatroniNoLeader"],
        what: "freeze all members of etcd",
        place: Place::Primary,
        cause: |lab, _| {
            lab.etcd.members().iter().try_for_each(|member| freeze(member.process()).map(drop))?;
            Ok(Vec::new())
        },
        mend: |lab, _| thaw(lab),
    },
    Fault {
        alerts: &["EtcdNoLeader"],
        what: "cut the network between the members of etcd",
        place: Place::Primary,
        cause: |lab, _| {
            lab.etcd.part();
            Ok(Vec::new())
        },
        mend: |lab, _| {
            lab.etcd.join();
            Ok(())
        },
    },
    Fault {
        alerts: &["EtcdLeaderChanges"],
        what: "transfer the leadership of etcd five times",
        place: Place::Primary,
        cause: |lab, _| {
            (0..5).try_for_each(|_| lab.etcd.transfer_leadership())?;
            Ok(Vec::new())
        },
        mend: |_, _| Ok(()),
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
                if size.is_none_or(|size: f64| size > 0.84 * f64::from(EtcdCluster::QUOTA)) {
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
            let mut members = lab.etcd.members().iter();
            members.try_for_each(|member| member.call("/v3/maintenance/defragment", &json!({})).map(drop))
        },
    },
];

/// Two of three members.
fn freeze_majority(lab: &Architecture) -> Result<Vec<Process>, LabError> {
    lab.etcd.members().iter().skip(1).try_for_each(|member| freeze(member.process()).map(drop))?;
    Ok(Vec::new())
}

fn thaw(lab: &Architecture) -> Result<(), LabError> {
    lab.etcd.members().iter().try_for_each(|member| member.process().signal("CONT"))
}
