// The head of a page: its name, its variables, the time range, and the links to other pages.

import { inLink } from "./interpolate.js";

const RANGES = ["now-5m", "now-15m", "now-1h", "now-3h", "now-24h", "now-7d"];
const ALL = "$__all";

/** The range in words: as written, or the times of an absolute one. */
function inWords(from, range) {
  const time = (moment) => moment.toISOString().slice(11, 19);
  return /^\d+$/.test(from) ? `${time(range.from)} – ${time(range.to)}` : from;
}

/** Loads the page with another value in the address bar. */
function go(address, name, values) {
  const next = new URLSearchParams(address);
  next.delete(name);
  for (const value of values) next.append(name, value);
  location.search = next.toString();
}

function Choice({ label, values, options, onChange, multi, theme }) {
  const style = {
    background: theme.components.input.background,
    color: theme.components.input.text,
    border: `1px solid ${theme.components.input.borderColor}`,
    borderRadius: theme.shape.radius.default,
    padding: "4px 8px",
    maxWidth: 220,
  };
  const chosen = (event) => onChange([...event.target.selectedOptions].map((option) => option.value));
  return (
    <label style={{ display: "flex", alignItems: "center", gap: 6, color: theme.colors.text.secondary, fontSize: 12 }}>
      {label}
      <select style={style} value={multi ? values : values[0]} multiple={multi} size={1} onChange={chosen}>
        {options.map(([value, text]) => (
          <option key={value} value={value}>{text}</option>
        ))}
      </select>
    </label>
  );
}

function Variable({ variable, address, theme }) {
  const all = variable.includeAll ? [[ALL, "All"]] : [];
  return (
    <Choice
      label={variable.label}
      values={[variable.value].flat()}
      options={[...all, ...variable.options.map((option) => [option, option.length > 40 ? `${option.slice(0, 40)}…` : option])]}
      onChange={(values) => go(address, `var-${variable.name}`, values)}
      theme={theme}
    />
  );
}

/** The bar at the top of a page. */
export function Toolbar({ document, address, variables, range, theme }) {
  const kept = Object.values(variables).map((one) => `\${${one.name}:queryparam}`).join("&");
  const links = document.links.filter(({ type }) => type === "link");
  const href = (link) => inLink(`${link.url}?${kept}&\${__url_time_range}`, variables, range);
  return (
    <header style={{ boxSizing: "border-box", padding: "12px 16px 4px 8px", display: "flex", flexWrap: "wrap", alignItems: "center", gap: 14 }}>
      <h4 style={{ margin: 0 }}>{document.title}</h4>
      {Object.values(variables).filter(({ type, hide }) => type !== "datasource" && hide !== 2).map((variable) => (
        <Variable key={variable.name} {...{ variable, address, theme }} />
      ))}
      <span style={{ flexGrow: 1 }} />
      {links.map((link) => (
        <a key={link.title} href={href(link)} style={{ color: theme.colors.text.link, fontSize: 13 }}>{link.title}</a>
      ))}
      <Choice
        label="Range"
        values={[range.raw.from]}
        options={[...new Set([range.raw.from, ...RANGES])].map((from) => [from, inWords(from, range)])}
        onChange={(values) => go(address, "from", values)}
        theme={theme}
      />
    </header>
  );
}
