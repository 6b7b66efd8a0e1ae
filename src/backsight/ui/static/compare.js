// Several runs side by side.

import { ask, coalesced, el, fill, listen, note, root, runLink, svg } from "./common.js";
import { downloads, drawOnce, onTheme, runColour, start } from "./figures.js";

const main = document.getElementById("main");
const keys = new URL(location.href).searchParams.getAll("run");
let told = null, words = null;
const problems = el("div");
start();

/** The line of a run in all figures. */
function swatch(style) {
  return svg("svg", { width: 34, height: 10, class: "swatch", "aria-hidden": "true" },
    svg("line", { x1: 1, x2: 33, y1: 5, y2: 5, stroke: runColour(style.stroke), "stroke-dasharray": style.dashes, "stroke-width": 2.5 }));
}

function who(row) {
  return [swatch(row.style), " ", el("a", { class: "name", href: runLink(row.key) }, row.name), row.label === row.name ? null : el("span", { class: "quiet script" }, row.label)];
}

function grid(headings, rows) {
  return el("div", { class: "tablebox" }, el("table", { class: "runs wide" },
    el("thead", {}, el("tr", {}, headings.map((one) => el("th", { scope: "col" }, one)))),
    el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell, i) => el(i ? "td" : "th", { scope: i ? null : "row", "data-label": headings[i] }, cell)))))));
}

function differences() {
  const others = told.runs.slice(1).filter((row) => row.exact !== null);
  if (!others.length) return null;
  return [el("h2", {}, "The first difference"),
    el("p", { class: "quiet" }, `The first signal that differs from ${told.runs[0].name}: bit for bit, and by more than its own noise.`),
    grid(["Run", "Bit for bit", "Beyond noise"], others.map((row) => [who(row), row.exact,
      [row.beyond, row.lacks ? el("span", { class: "quiet script" }, row.lacks) : null]])),
    others.filter((row) => row.signals?.length).map((row) => el("details", {}, el("summary", {}, `All signals of ${row.name} that differ`),
      grid(["Signal", "Samples in common", "First differs at", "Beyond noise at"], row.signals)))];
}

function draw() {
  const names = told.runs.map((row) => row.name);
  const plots = told.figures.map((figure) => {
    const plot = el("div", { class: "plot", role: "img", "aria-label": `${figure.title} of ${names.join(", ")}` });
    drawOnce(plot, figure);
    return el("section", { class: "card figure", id: figure.key },
      el("header", {}, el("h3", {}, figure.title), downloads(figure.title, plot, `compared-${figure.key}`)), plot, el("p", { class: "quiet reading" }, figure.reading));
  });
  fill(main,
    el("nav", { class: "crumbs", "aria-label": "Breadcrumb" }, el("a", { href: `${root}/` }, "Runs")),
    el("h1", {}, `Compare ${told.title}`), problems,
    el("h2", {}, "Outcomes"), grid(told.outcome_headings, told.runs.map((row) => [who(row), ...row.outcome])),
    differences(),
    el("h2", {}, "Settings that differ"),
    told.settings.length ? grid(["Setting", ...names], told.settings.map(([name, cells]) => [name, ...cells])) : el("p", { class: "quiet" }, "The runs have the same settings."),
    told.environment.length ? el("details", {}, el("summary", {}, "Environments that differ"), grid(["", ...names], told.environment.map(([name, cells]) => [name, ...cells]))) : null,
    el("h2", {}, "Findings that differ"),
    told.findings.length ? grid(["Finding, from iteration", ...names], told.findings.map(([name, cells]) => [name, ...cells]))
      : el("p", { class: "quiet" }, told.shared.length ? `All runs have the same lasting findings: ${told.shared.join(", ")}.` : "No run has a lasting finding."),
    el("h2", {}, "Figures"),
    el("p", { class: "controls legend", "aria-label": "Lines of the figures" }, told.runs.map((row) => el("span", {}, swatch(row.style), row.name))),
    el("div", { class: "figures" }, plots));
}

const load = coalesced(async () => {
  const query = new URLSearchParams(keys.map((key) => ["run", key]));
  try {
    const found = await ask(`compare?${query}`);
    const now = JSON.stringify(found);
    told = found;
    fill(problems);
    if (now !== words) draw();
    words = now;
  } catch (problem) {
    const said = note("alarm", `${problem.message}. `, el("a", { href: `${root}/` }, "All runs"));
    if (told) fill(problems, said);
    else fill(main, el("h1", {}, "Compare"), said);
  }
}, 3000);

await load();
listen({}, () => load());
onTheme(() => told && draw());
