const ORDER = ["firing", "pending"];

/** Alerts of Prometheus, those that fire first. */
export function AlertList({ alerts, options, height, theme }) {
  const unwanted = /^\{(\w+)!="(.*)"\}$/.exec(options.alertInstanceLabelFilter);
  const shown = alerts
    .filter(({ state, labels }) => options.stateFilter[state] && !(unwanted && labels[unwanted[1]] === unwanted[2]))
    .sort((one, other) => ORDER.indexOf(one.state) - ORDER.indexOf(other.state) || one.activeAt.localeCompare(other.activeAt))
    .slice(0, options.maxItems);
  const color = { firing: theme.colors.error.text, pending: theme.colors.warning.text };
  const since = (time) => `${Math.round((Date.now() - Date.parse(time)) / 1000)} s`;
  return (
    <ul style={{ height, overflowY: "auto", listStyle: "none", margin: 0, padding: 0 }}>
      {shown.length === 0 && <li style={{ color: theme.colors.text.secondary }}>no alert fires</li>}
      {shown.map(({ labels, state, activeAt }) => (
        <li key={JSON.stringify(labels)} style={{ padding: 6, marginBottom: 2, background: theme.colors.background.secondary }}>
          <b>{labels.alertname}</b> {labels.cls} {labels.ins} <span style={{ color: color[state] }}>{state}</span> for {since(activeAt)}
        </li>
      ))}
    </ul>
  );
}
