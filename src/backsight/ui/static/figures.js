// Draws figures of the server with plotly.js, in the colours of the page.

import { ask, el, note, painted } from "./common.js";

let library = null;

/** It takes most of a second of the browser to start. The file is under way since the page began,
    and starts when somebody wants a figure, behind what the page says in words. */
function plotly() {
  library ??= painted().then(() => new Promise((done, failed) => {
    const script = document.head.appendChild(el("script", { src: new URL("plotly.js", import.meta.url) }));
    script.onload = () => done(window.Plotly);
    script.onerror = () => failed(new Error("plotly.js could not be loaded from this server"));
  }));
  return library;
}

/** Have it started by the time that a figure is there. */
export function start() {
  plotly().catch(() => {}); // whoever wants a figure is told
}
setTimeout(start, 2000); // for the first figures of a run that has none yet

// The first figure has the server to itself, so that something is there soon; then a few share it.
const SHARING = 3;
const waiting = [];
let busy = 0, room = 1;

async function inTurn(work) {
  if (busy < room) busy += 1;
  else await new Promise((go) => waiting.push(go));
  try {
    return await work();
  } finally {
    busy -= 1;
    room = SHARING;
    while (waiting.length && busy < room) {
      busy += 1;
      waiting.shift()();
    }
  }
}

/** Wait until no figure is on its way, for so many milliseconds at most. */
export async function quiet(most = 5000) {
  const until = performance.now() + most;
  while (busy && performance.now() < until) await new Promise((go) => setTimeout(go, 50));
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const still = matchMedia("(max-width: 640px)");

// Lines that are drawn for white paper, and their counterparts on dark paper.
const LIGHTER = {
  "#2f6fde": "#7fb0ff", "#e07b39": "#f0a067", "#0f8b8d": "#4fc7c9", "#8250df": "#b794ff",
  "#bf3989": "#f07fbf", "#57606a": "#a3adb8", "#d1242f": "#ff8080", "#1b1f24": "#e6eaf0",
  "rgba(255,255,255,0.8)": "rgba(23,28,35,0.8)",
};

function palette() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return { ink: of("--ink"), quiet: of("--quiet"), line: of("--grid"), card: of("--plot"), void: of("--void"), alarm: of("--alarm") };
}

function recoloured(value) {
  if (!dark.matches) return value;
  if (typeof value === "string") return LIGHTER[value.toLowerCase()] ?? value;
  if (Array.isArray(value)) return value.map(recoloured);
  if (value && typeof value === "object" && value.constructor === Object) {
    if ("bdata" in value) return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, name === "colorscale" ? one : recoloured(one)]));
  }
  return value;
}

function themed(given, options) {
  const colours = palette();
  const layout = structuredClone(recoloured(given));
  layout.paper_bgcolor = "rgba(0,0,0,0)";
  layout.plot_bgcolor = layout.coloraxis ? colours.void : colours.card;
  layout.font = { ...layout.font, color: colours.ink, size: 12 };
  layout.margin = { l: 62, r: 14, t: 10, b: 44, ...(layout.annotations?.length && layout.yaxis2 && !layout.yaxis2.overlaying ? { t: 30 } : {}) };
  layout.legend = { ...layout.legend, orientation: "h", x: 0, y: 1.01, yref: "paper", yanchor: "bottom", font: { size: 11 }, bgcolor: "rgba(0,0,0,0)" };
  layout.hoverlabel = { bgcolor: colours.card, bordercolor: colours.line, font: { color: colours.ink } };
  layout.autosize = true;
  layout.height = Math.max(260, Math.min(layout.height ?? 320, 460));
  layout.dragmode = still.matches ? false : "zoom";
  for (const [name, axis] of Object.entries(layout)) {
    if (!/^[xy]axis\d*$/.test(name)) continue;
    Object.assign(axis, { gridcolor: colours.line, linecolor: colours.quiet, tickcolor: colours.quiet, zerolinecolor: colours.line });
    if (name.startsWith("y")) axis.fixedrange = true;
    if (name.startsWith("x") && !options.overIterations) axis.fixedrange = false;
  }
  if (layout.coloraxis?.colorbar) Object.assign(layout.coloraxis.colorbar, { tickfont: { color: colours.ink, size: 11 }, outlinewidth: 0, thickness: 10 });
  const shapes = layout.shapes ?? [];
  if (options.overIterations) {
    for (const [at] of options.marks.slice(0, 60)) {
      shapes.push({ type: "line", x0: at, x1: at, xref: "x", yref: "paper", y0: 0, y1: 1, line: { color: colours.quiet, width: 1, dash: "dot" }, name: "intervention" });
    }
    if (options.at !== null) {
      shapes.push({ type: "line", x0: options.at, x1: options.at, xref: "x", yref: "paper", y0: 0, y1: 1, line: { color: colours.ink, width: 1.5, dash: "dash" }, name: "moment" });
    }
    if (options.range) {
      for (const [name, axis] of Object.entries(layout)) {
        if (/^xaxis\d*$/.test(name)) Object.assign(axis, { range: [...options.range], autorange: false });
      }
    }
  }
  layout.shapes = shapes;
  return layout;
}

function intervening(marks) {
  if (!marks.length) return [];
  return [{
    x: marks.map(([at]) => at), y: marks.map(() => 1), yaxis: "y9", mode: "markers", type: "scatter",
    text: marks.map(([, words]) => words), hovertemplate: "%{text}<extra>guard</extra>", name: `interventions (${marks.length})`,
    marker: { symbol: "triangle-down-open", size: 9, color: palette().ink },
  }];
}

/** Buttons that save what a figure shows: the picture, and its points. */
export function downloads(title, plot, name) {
  const file = name.replace(/[^\w.-]+/g, "_");
  const button = (kind, onclick) => el("button", { type: "button", class: "small", "aria-label": `${title}: download as ${kind}`, onclick }, kind);
  return el("span", { class: "actions" }, button("PNG", () => png(plot, file)), button("CSV", () => csv(plot, file)));
}

async function png(plot, filename) {
  const Plotly = await plotly();
  await Plotly.downloadImage(plot, { format: "png", scale: 2, filename });
}

/** What is drawn, a row a point: not the whole signal. A mark stands for what no line can show. */
function csv(plot, filename) {
  const quoted = (text) => `"${String(text).replaceAll('"', '""').replace(/^([=+\-@])/, "'$1")}"`;
  const cell = (given) => (typeof given === "number" ? given : quoted(given ?? ""));
  const lines = ["trace,x,y,value"];
  (plot.data ?? []).forEach((trace, index) => {
    const full = plot._fullData?.find((one) => one.index === index) ?? trace;
    const name = quoted(trace.name ?? "");
    const x = Array.from(full.x ?? []), y = Array.from(full.y ?? []);
    if (full.type === "heatmap") {
      Array.from(full.customdata ?? full.z ?? [], (row) => Array.from(row)).forEach((row, j) =>
        row.forEach((value, i) => lines.push([name, cell(x[i] ?? i), cell(y[j] ?? j), cell(value ?? "")].join(","))));
      return;
    }
    const kind = trace.meta?.kind ?? /^(NaN|\+Inf|−Inf|≤ 0)<extra>/.exec(trace.hovertemplate ?? "")?.[1];
    x.forEach((at, i) => lines.push([name, cell(at), kind ? kind.replace("−", "-") : cell(y[i]), ""].join(",")));
  });
  const link = el("a", { href: URL.createObjectURL(new Blob([`${lines.join("\n")}\n`], { type: "text/csv" })), download: `${filename}.csv` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** One figure in a card: loads itself when seen, again when told so, and finer when zoomed. */
export class FigureCard {
  constructor(panel, state) {
    this.panel = panel;
    this.state = state;
    this.seen = false;
    this.stale = true;
    this.busy = false;
    this.answer = null;
    this.plot = el("div", { class: "plot", role: "img", "aria-label": `${panel.title}. ${panel.reading}` });
    this.words = el("div");
    this.element = el("section", { class: "card figure", id: panel.key, "aria-labelledby": `${panel.key}-title` },
      el("header", {},
        el("h3", { id: `${panel.key}-title` }, panel.title),
        downloads(panel.title, this.plot, `${state.key.split("/").at(-1)}-${panel.key}`)),
      this.plot, this.words,
      panel.reading ? el("details", { class: "reading" }, el("summary", {}, "How to read it"), el("p", { class: "quiet" }, panel.reading)) : "");
  }

  /** What it shows is no longer what the server would send. */
  spoil() {
    this.stale = true;
    if (this.seen) this.load();
  }

  see(seen) {
    this.seen = seen;
    if (seen && this.stale) this.load();
  }

  async load() {
    if (this.busy) {
      this.again = true;
      return;
    }
    this.busy = true;
    this.stale = false;
    const { key, at, range } = this.state;
    const asked = { run: key, figure: this.panel.key };
    if (this.panel.at) asked.until = at;
    else if (range) Object.assign(asked, { from: Math.max(0, Math.floor(range[0])), to: Math.ceil(range[1]) });
    start(); // while the server draws
    try {
      await inTurn(async () => {
        this.answer = await ask("figure", asked);
        await this.draw();
      });
      this.words.replaceChildren();
      this.element.classList.remove("outdated");
    } catch (problem) {
      this.element.classList.add("outdated");
      this.words.replaceChildren(note("alarm", problem.message));
    } finally {
      this.busy = false;
      if (this.again) {
        this.again = false;
        this.load();
      }
    }
  }

  async draw() {
    if (!this.answer) return;
    const Plotly = await plotly();
    const overIterations = this.answer.over_iterations && !this.panel.at;
    const { marks, at, range } = this.state;
    const layout = themed(this.answer.layout, { overIterations, marks, at, range });
    const simple = overIterations && !layout.coloraxis;
    const data = [...recoloured(this.answer.data), ...(simple ? intervening(marks) : [])];
    if (simple && marks.length) layout.yaxis9 = { overlaying: "y", range: [0, 1.02], visible: false, fixedrange: true };
    const legend = data.filter((one) => one.name && one.showlegend !== false && one.type !== "heatmap").length;
    const beside = Math.max(1, Math.min(3, Math.floor(this.plot.clientWidth / 190)));
    if (legend > beside) layout.height += 17 * Math.ceil(legend / beside);
    layout.showlegend = legend > 1;
    await Plotly.react(this.plot, data, layout, { displayModeBar: false, responsive: true, displaylogo: false, doubleClick: overIterations ? false : "reset" });
    if (!this.listening) {
      this.listening = true;
      performance.mark("figure"); // benchmarks read when the first one was there
      this.plot.on("plotly_relayout", (change) => this.zoomed(change));
      this.plot.on("plotly_doubleclick", () => this.answer.over_iterations && this.state.zoom(null));
    }
  }

  zoomed(change) {
    if (!this.answer.over_iterations || this.panel.at) return;
    const name = Object.keys(change).find((one) => /^xaxis\d*\.range\[0\]$/.test(one));
    if (!name) return;
    const range = [change[name], change[name.replace("[0]", "[1]")]].map(Number).sort((a, b) => a - b);
    if (range.every(Number.isFinite) && range[1] > 0) this.state.zoom([Math.max(0, Math.floor(range[0])), Math.max(1, Math.ceil(range[1]))]);
  }
}

/** Draw a figure that came with other data, such as the timeline of a failure. */
export async function drawOnce(place, figure) {
  const Plotly = await plotly();
  const layout = themed(figure.layout, { overIterations: false, marks: [], at: null, range: null });
  const legend = figure.data.filter((one) => one.showlegend !== false && one.name).length;
  layout.height = (figure.layout.height && figure.layout.height > 460 ? Math.min(figure.layout.height, 900) : 340) + 14 * Math.ceil(legend / 2);
  await Plotly.react(place, recoloured(figure.data), layout, { displayModeBar: false, responsive: true });
}

export function onTheme(work) {
  dark.addEventListener("change", work);
}

/** The colour of a run's lines on this page's paper. */
export function runColour(colour) {
  return recoloured(colour);
}
