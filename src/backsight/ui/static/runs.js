// The table of all runs.

import {
  address, againstGuess, ask, coalesced, count, duration, el, fill, findingCell, listen, lossCell, monotonic, note, param, plain,
  progressWords, reachCell, root, runLink, several, severityChip, stateChip, studyLink,
} from "./common.js";

const SCREEN = 40, FIRST = 200;
const rows = new Map();
let version = 0, shown = SCREEN, told = null, offset = 0;
const open = new Set();
const chosen = new Set();

const SEVERITY = { error: 3, warning: 2, info: 1 };
const COLUMNS = [
  ["state", "Status", (row) => row.state],
  ["name", "Run", (row) => row.name],
  ["loss", "Loss", (row) => (row.loss === null || row.loss === undefined ? null : plain(row.loss))],
  ["below", "Against guessing", (row) => (row.below === null || row.below === undefined ? null : plain(row.below))],
  ["horizon", "Reach", (row) => row.horizon ?? null],
  ["iterations", "Iterations", (row) => row.iterations ?? null],
  ["finding", "Worst finding", (row) => SEVERITY[row.finding?.severity] ?? 0],
  ["created", "Began", (row) => row.created ?? null],
];
const NUMERIC = new Set(["below", "horizon", "iterations", "created"]);

const main = document.getElementById("main");
const summary = el("p", { class: "quiet", id: "summary", role: "status" });
const notes = el("div");
const studies = el("section", { "aria-label": "Studies", class: "studies" });
const search = el("input", {
  type: "search", id: "search", placeholder: "Name, script or finding", value: param("q") ?? "",
  autocomplete: "off", "aria-keyshortcuts": "/",
});
const states = el("select", { id: "states" },
  ["", "running", "stale", "finished", "failed", "killed", "interrupted", "broken"].map((one) =>
    el("option", { value: one, selected: (param("state") ?? "") === one }, one || "any status")));
const findings = el("input", { type: "checkbox", id: "findings", checked: param("findings") === "1" });
const compare = el("button", { type: "button", class: "primary", hidden: true, onclick: () => {
  const query = new URLSearchParams([...chosen].map((key) => ["run", key]));
  location.assign(`${root}/compare?${query}`);
} });
const head = el("thead");
const table = el("table", { class: "runs" }, head);
const box = el("div", { class: "tablebox" }, table);
const more = el("p");

function sorting() {
  const by = param("sort") ?? "created";
  return [COLUMNS.find(([name]) => name === by) ?? COLUMNS.at(-1), param("order") === "up" ? 1 : -1];
}

function matches(row) {
  if (states.value && row.state !== states.value) return false;
  if (findings.checked && !row.finding) return false;
  const words = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const text = [row.key, row.script, row.kind, row.finding?.code, row.finding?.title].join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

/** What shares a heading: the trials of a study, or the trainings of one process. */
function groupOf(row) {
  if (row.study) return `study ${row.study}`;
  return row.group ? `group ${row.group}` : "";
}

function compared(a, b, value, sign) {
  const [x, y] = [value(a), value(b)];
  const empty = (one) => one === null || one === undefined || Number.isNaN(one);
  if (empty(x) || empty(y)) return empty(x) - empty(y);
  return x < y ? -sign : x > y ? sign : a.name.localeCompare(b.name, "en", { numeric: true });
}

function against(row) {
  const below = plain(row.below);
  if (below === null || below === undefined) return el("span", { class: "quiet" }, "–");
  if (!Number.isFinite(below)) return el("span", { class: "alarm" }, "not finite");
  return el("span", { class: below > 0.03 ? "good" : "warning" }, againstGuess(below));
}

function began(row) {
  if (row.created === undefined) return "";
  const words = duration(monotonic() - offset - row.created);
  return el("time", { datetime: new Date(row.created * 1000).toISOString(), title: new Date(row.created * 1000).toLocaleString() }, `${words} ago`);
}

function line(row, inside) {
  const box = el("input", {
    type: "checkbox", "aria-label": `Compare ${row.name}`, checked: chosen.has(row.key),
    disabled: row.state === "broken",
    onchange: (event) => {
      if (event.target.checked) chosen.add(row.key);
      else chosen.delete(row.key);
      offer();
    },
  });
  const name = row.state === "broken"
    ? el("span", { class: "name" }, row.name)
    : el("a", { class: "name", href: runLink(row.key) }, row.name);
  const cells = [
    ["", box, "pick"],
    ["Status", stateChip(row.state), ""],
    ["Run", [name, row.script ? el("span", { class: "quiet script" }, row.script) : null,
      row.problem ? el("span", { class: "alarm script" }, row.problem) : null], "who"],
    ["Loss", lossCell(row), "loss"],
    ["Against guessing", against(row), "num"],
    ["Reach", reachCell(row), "num"],
    ["Iterations", row.iterations === undefined ? "" : count(row.iterations), "num"],
    ["Worst finding", findingCell(row), "find"],
    ["Began", began(row), "num"],
  ];
  return el("tr", { class: `${inside ? "inside " : ""}row-${row.state}`, "data-key": row.key },
    cells.map(([label, content, kind]) => el("td", { class: kind, "data-label": label }, content)));
}

function heading(group, members) {
  const isOpen = open.has(group);
  const tally = {};
  for (const row of members) tally[row.state] = (tally[row.state] ?? 0) + 1;
  const words = Object.entries(tally).map(([state, n]) => `${n} ${state}`).join(", ");
  const gravest = members.filter((row) => row.finding).sort((a, b) => SEVERITY[b.finding.severity] - SEVERITY[a.finding.severity]);
  const [kind, ...rest] = group.split(" ");
  const title = kind === "study" ? `Trials of ${rest.join(" ")}` : `Trainings of one process: ${members.at(-1).name} …`;
  return el("tr", { class: "group" }, el("td", { colspan: COLUMNS.length + 1 },
    el("button", { type: "button", class: "fold", "aria-expanded": isOpen, onclick: () => {
      if (isOpen) open.delete(group);
      else open.add(group);
      draw();
      main.querySelector(`[data-group="${CSS.escape(group)}"]`)?.focus();
    }, "data-group": group }, el("span", { "aria-hidden": "true" }, isOpen ? "▾ " : "▸ "), title,
    el("span", { class: "quiet" }, ` ${several(members.length, "run")}: ${words} `),
    gravest.length ? severityChip(gravest[0].finding.severity, gravest[0].finding.code) : null)));
}

function drawHead() {
  const [[by], sign] = sorting();
  fill(head, el("tr", {}, el("th", { class: "pick" }, el("span", { class: "sr" }, "Compare")),
    COLUMNS.map(([name, title]) => el("th", {
      class: NUMERIC.has(name) ? "num" : "", scope: "col",
      "aria-sort": name === by ? (sign > 0 ? "ascending" : "descending") : null,
    }, el("button", { type: "button", onclick: () => {
      const up = name === by ? sign < 0 : name === "name" || name === "state";
      address({ sort: name, order: up ? "up" : "down" }, true);
      draw();
    } }, title, el("span", { class: "arrow", "aria-hidden": "true" }, name === by ? (sign > 0 ? " ▲" : " ▼") : ""))))));
}

function drawStudies() {
  const found = [...rows.values()].filter((row) => row.is_study);
  studies.hidden = !found.length;
  fill(studies, el("h2", {}, "Studies"), el("ul", { class: "cards" }, found.map((row) =>
    el("li", { class: "card" },
      el("a", { class: "name", href: studyLink(row.key) }, row.name), " ", stateChip(row.state),
      el("p", { class: "quiet" }, row.problem || progressWords(row, monotonic() - offset)),
      row.total ? el("progress", { max: row.total, value: row.done, "aria-label": `How far ${row.name} is` }) : null))));
}

function offer() {
  compare.hidden = chosen.size < 1;
  compare.disabled = chosen.size < 2 || chosen.size > 20;
  compare.textContent = chosen.size < 2 ? "Choose another run to compare" : chosen.size > 20 ? "Choose at most 20 runs" : `Compare ${chosen.size} runs`;
}

function draw() {
  const focused = document.activeElement?.closest?.("tr[data-key] a.name, tr[data-key] input");
  const key = focused?.closest("tr").dataset.key, tag = focused?.tagName;
  drawHead();
  drawStudies();
  const runs = [...rows.values()].filter((row) => !row.is_study);
  const [[, , value], sign] = sorting();
  const found = runs.filter(matches).sort((a, b) => compared(a, b, value, sign));
  const groups = new Map();
  for (const row of found) {
    const group = groupOf(row) || `single ${row.key}`;
    groups.set(group, [...(groups.get(group) ?? []), row]);
  }
  const body = el("tbody");
  let drawn = 0;
  for (const [group, members] of groups) {
    if (drawn >= shown) break;
    if (group.startsWith("single") || (members.length === 1 && group.startsWith("group"))) {
      body.append(line(members[0], false));
      drawn += 1;
      continue;
    }
    body.append(heading(group, members));
    drawn += 1;
    if (open.has(group)) {
      for (const row of members) body.append(line(row, true));
      drawn += members.length;
    }
  }
  table.querySelector("tbody")?.remove();
  table.append(body);
  table.parentElement.hidden = !found.length;
  const left = [...groups.values()].flat().length - found.length + Math.max(0, groups.size - shown);
  fill(more, ...(left > 0 ? [el("button", { type: "button", onclick: () => { shown = Infinity; draw(); } }, `Show ${several(left, "more row")}`)] : []));
  const tally = {};
  for (const row of runs) tally[row.state] = (tally[row.state] ?? 0) + 1;
  const words = Object.entries(tally).sort().map(([state, n]) => `${count(n)} ${state}`).join(" · ");
  summary.textContent = `${several(runs.length, "run")}${words ? `: ${words}` : ""}${found.length < runs.length ? ` (${count(found.length)} shown)` : ""}`;
  const missing = told?.missing ?? [];
  const where = missing.length ? ` (${missing.join(", ")} ${missing.length > 1 ? "do" : "does"} not exist yet)` : "";
  const empty = !rows.size && told && !told.problems.length
    ? [note("empty", "There is no run yet in ", el("code", {}, told.folders.join(", ")), `${where}. Make one in another terminal, and it appears here: `, el("code", {}, "backsight train chars"), " or ", el("code", {}, "backsight run train.py"))]
    : where ? [note("", `Runs of more folders appear here as soon as there are any${where}.`)] : [];
  const none = runs.length && !found.length ? [note("empty", "No run matches. ", el("button", { type: "button", onclick: () => { search.value = ""; states.value = ""; findings.checked = false; changed(); } }, "Show all"))] : [];
  const problems = (told?.problems ?? []).map((words) => note("alarm", `${words}.`));
  const hidden = told?.hidden ? [note("", `${told.hidden}.`)] : [];
  fill(notes, ...problems, ...hidden, ...empty, ...none);
  offer();
  if (key) main.querySelector(`tr[data-key="${CSS.escape(key)}"] ${tag === "A" ? "a.name" : "input"}`)?.focus();
}

function changed() {
  address({ q: search.value.trim(), state: states.value, findings: findings.checked ? "1" : null });
  draw();
}

const load = coalesced(async () => {
  try {
    told = await ask("runs", { since: version });
  } catch (problem) {
    fill(notes, note("alarm", problem.message));
    return;
  }
  if (told.version < version) rows.clear(); // another server began anew
  offset = monotonic() - told.now;
  version = told.version;
  for (const key of told.gone) {
    rows.delete(key);
    chosen.delete(key);
  }
  for (const row of told.rows) rows.set(row.key, row);
  draw();
});

search.addEventListener("input", changed);
states.addEventListener("change", changed);
findings.addEventListener("change", changed);
addEventListener("popstate", () => {
  search.value = param("q") ?? "";
  states.value = param("state") ?? "";
  findings.checked = param("findings") === "1";
  draw();
});
addEventListener("keydown", (event) => {
  if (event.key === "/" && !/INPUT|SELECT|TEXTAREA/.test(document.activeElement.tagName)) {
    event.preventDefault();
    search.focus();
  }
});

await load();
fill(main, 
  el("div", { class: "titleline" }, el("h1", {}, "Runs"), summary),
  el("form", { class: "tools", role: "search", onsubmit: (event) => event.preventDefault() },
    el("label", { class: "sr", for: "search" }, "Search"), search,
    el("label", { class: "sr", for: "states" }, "Status"), states,
    el("label", { class: "check" }, findings, " with findings only"), compare),
  notes, studies, box, more);
listen({}, load);
setTimeout(() => { // a screen of rows is there at once, and more of them before anybody scrolls
  if (shown !== SCREEN) return;
  shown = FIRST;
  draw();
}, 200);
setInterval(() => {
  if (document.hidden) return;
  drawStudies();
  for (const time of main.querySelectorAll("td time")) {
    time.textContent = `${duration(monotonic() - offset - Date.parse(time.dateTime) / 1000)} ago`;
  }
}, 10000);
