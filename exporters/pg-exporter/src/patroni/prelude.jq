# What the collectors share. The document is {patroni, cluster, history, config}, the answers of Patroni's REST interface.

# A setting, a tag or a lag as a number; null if it is none.
def number: if isnumber then . elif isstring then (try tonumber catch null) else null end;

# A setting or a tag as a truth value.
def truth:
  if isboolean then .
  elif isnumber then . != 0
  elif isstring then ascii_downcase as $word | any(("true", "on", "yes", "1"); . == $word)
  else false end;

# A time as Unix seconds; null if it is none.
def unix: if isstring then (try fromdateiso8601 catch null) else null end;

# A text of a bounded length, for a label.
def short: if . == null then null else (if isstring then . else tojson end) | .[:200] end;

def scope: .patroni.patroni.scope;

# A setting of the cluster, with Patroni's default.
def setting($name; $default): .config[$name] | if . == null then $default else . end;
def most_lag: setting("maximum_lag_on_failover"; 1048576) | number;
def is_synchronous: setting("synchronous_mode"; false) | truth or . == "quorum";

# The members; more than 100 are a mistake.
def members: .cluster.members[:100][];

def tags: .tags // {};
def tag($name): tags[$name] | truth;

# The tags that no metric of its own has, as objects with key and value.
def own_tags: tags
  | to_entries[]
  | select(
      .key as $key
      | any(("nofailover", "failover_priority", "noloadbalance", "clonefrom", "nosync", "nostream"); . == $key)
      | not
    );

# What keeps Patroni from promoting the member: nofailover, else a failover_priority of 0.
def nofailover: tags | if .nofailover != null then .nofailover | truth else (.failover_priority | number) as $priority | $priority != null and $priority <= 0 end;
def failover_priority: if nofailover then 0 else (tags.failover_priority | number) as $priority | if $priority == null then 1 else $priority end end;

def is_leader: .role as $role | any(("leader", "standby_leader", "promoted", "master"); . == $role);
def is_running: .state as $state | any(("running", "streaming", "in archive recovery"); . == $state);
def is_synchronous_standby: .role as $role | any(("sync_standby", "quorum_standby"); . == $role);

# Why a failover would not promote the member; empty if it may.
def obstacle($document):
  if is_leader then "leader"
  elif is_running | not then "state"
  elif nofailover then "nofailover"
  elif ($document | is_synchronous) and (is_synchronous_standby | not) then "asynchronous"
  else (.lag | number) as $lag | ($document | most_lag) as $most
  | if $lag == null then "lag unknown" elif $most != null and $lag > $most then "lag" else "" end
  end;
