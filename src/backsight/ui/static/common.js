// What all pages share: asking the server, making elements, showing numbers.

export const root = document.documentElement.dataset.root;

window.early ??= new Map(); // of first.js, unless it comes too late

/** Seconds that only ever go forward, whatever is done to the clock of this machine. */
export function monotonic() {
  return performance.now() / 1000;
}

/** Until what the page holds by now is painted; a page that nobody sees is not waited for. */
export function painted() {
  return new Promise((done) => {
    requestAnimationFrame(() => setTimeout(done, 0));
    setTimeout(done, 100);
  });
}

/** An element. Texts are only ever set as text, so that no run can bring markup. */
export function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className = value;
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false));
  return made;
}

/** Put these in an element, in place of what it holds; what is null is left out. */
export function fill(place, ...children) {
  place.replaceChildren(...children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false));
  return place;
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, props = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

/** An error that the server tells in a sentence; status 0 where it does not answer. */
export class Problem extends Error {
  constructor(status, words) {
    super(words);
    this.status = status;
  }
}

export async function ask(path, params = {}) {
  const given = Object.entries(params).filter(([, value]) => value !== null && value !== undefined);
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  const wanted = `${root}/api/${path}${query.size ? `?${query}` : ""}`;
  let answer;
  try {
    const early = window.early.get(wanted);
    window.early.delete(wanted); // what is asked for again may have changed
    answer = await (early ?? fetch(wanted));
  } catch {
    throw new Problem(0, "Backsight does not answer: is backsight ui still running?");
  }
  if (answer.status === 401) {
    const here = location.pathname + location.search;
    location.assign(`${root}/signin?${new URLSearchParams({ next: here })}${location.hash}`);
  }
  let told;
  try {
    told = await answer.json();
  } catch {
    throw new Problem(answer.status, `the server answered with status ${answer.status}`);
  }
  if (!answer.ok) throw new Problem(answer.status, told.error ?? `status ${answer.status}`);
  return told;
}

/** A number as JSON has it: what is not finite is spelled out. */
export function plain(value) {
  return typeof value === "string" ? Number(value) : value;
}

/** Four significant digits; a number that is not finite by its name. */
export function number(value) {
  if (value === null || value === undefined) return "–";
  const given = plain(value);
  if (Number.isNaN(given)) return "NaN";
  if (!Number.isFinite(given)) return given > 0 ? "Infinity" : "−Infinity";
  if (given === 0) return "0";
  const size = Math.abs(given);
  const words = size >= 1e5 || size < 1e-3 ? given.toExponential(2) : String(Number(given.toPrecision(4)));
  return words.replace("-", "−").replace("e+", "e");
}

export function count(value) {
  return Number(value).toLocaleString("en-US");
}

export function several(number_, one, many = `${one}s`) {
  return `${count(number_)} ${number_ === 1 ? one : many}`;
}

/** ``58 s``, ``3 min 20 s``, ``2 h 5 min``, ``3 days``. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 48 * 3600) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} days`;
}

/** How a loss stands to what guessing gives: ``39 % below``, ``12 × the guess``. */
export function againstGuess(below) {
  if (!Number.isFinite(below)) return "not finite";
  const percent = Math.round(100 * Math.abs(below));
  if (percent === 0) return "no better";
  if (below < -9) return `${number(Number((1 - below).toPrecision(2)))} × the guess`;
  return `${percent} % ${below > 0 ? "below" : "above"}`;
}

export function runLink(key) {
  return `${root}/run/${key.split("/").map(encodeURIComponent).join("/")}`;
}

export function studyLink(key) {
  return `${root}/study/${key.split("/").map(encodeURIComponent).join("/")}`;
}

/** The key in the address of this page. */
export function keyHere(kind) {
  const path = location.pathname.slice(`${root}/${kind}/`.length);
  return path.split("/").map(decodeURIComponent).join("/");
}

const SYMBOLS = {
  running: "●", stale: "◐", finished: "✓", failed: "✕", killed: "✕", interrupted: "■",
  broken: "⚠", unreadable: "⚠", stopped: "■", reading: "…",
};

/** What a run does: a symbol and a word, so that no colour is needed to read it. */
export function stateChip(state) {
  return el("span", { class: `chip ${state}` }, el("span", { "aria-hidden": "true" }, SYMBOLS[state] ?? "·"), ` ${state}`);
}

export function severityChip(severity, text = severity) {
  const symbol = { error: "✕", warning: "▲", info: "i" }[severity] ?? "·";
  return el("span", { class: `chip sev-${severity}` }, el("span", { "aria-hidden": "true" }, symbol), ` ${text}`);
}

/** A small picture of a signal, with a dashed line at what guessing gives. */
export function spark(curves, { width = 150, height = 36, guess = null, log = false, label = "" } = {}) {
  const known = curves.filter((one) => one && one.y.length);
  const scale = (value) => (log ? Math.log10(value) : value);
  const ys = known.flatMap((one) => one.y.filter((value) => !log || value > 0).map(scale));
  const broken = curves.flatMap((one) => one?.broken ?? []);
  const xs = [...known.flatMap((one) => [one.x[0], one.x.at(-1)]), ...broken];
  const picture = svg("svg", {
    viewBox: `0 0 ${width} ${height}`, width, height, class: "spark", role: "img", "aria-label": label,
    preserveAspectRatio: "none",
  });
  if (!xs.length) return picture;
  const low = Math.min(...xs), span = Math.max(...xs) - low || 1;
  const levels = guess !== null && Number.isFinite(guess) && (!log || guess > 0) ? [...ys, scale(guess)] : ys;
  let bottom = Math.min(...levels), top = Math.max(...levels);
  if (!levels.length || bottom === top) [bottom, top] = [(levels[0] ?? 0) - 1, (levels[0] ?? 0) + 1];
  const px = (x) => 2 + ((x - low) / span) * (width - 4);
  const py = (y) => height - 4 - ((y - bottom) / (top - bottom)) * (height - 8);
  if (guess !== null && Number.isFinite(guess) && (!log || guess > 0)) {
    const y = py(scale(guess));
    picture.append(svg("line", { x1: 0, x2: width, y1: y, y2: y, class: "guess" }));
  }
  known.forEach((one, index) => {
    const points = one.x.map((x, i) => [x, one.y[i]]).filter(([, y]) => !log || y > 0);
    if (points.length === 1) {
      picture.append(svg("circle", { cx: px(points[0][0]), cy: py(scale(points[0][1])), r: 2, class: `dot${index}` }));
      return;
    }
    const path = points.map(([x, y], i) => `${i ? "L" : "M"}${px(x).toFixed(1)} ${py(scale(y)).toFixed(1)}`).join("");
    picture.append(svg("path", { d: path, class: `line${index}` }));
  });
  const step = Math.ceil(broken.length / 60);
  for (const x of broken.filter((_, i) => i % step === 0 || i === broken.length - 1)) {
    const at = px(x);
    picture.append(svg("path", { d: `M${at - 3} 2l6 6m0 -6l-6 6`, class: "cross" }));
  }
  return picture;
}

/**
 * News of the server while the page is seen; a hidden page holds no connection. Where the server
 * refuses, the news is empty: what the page is about may have gone.
 */
export function listen(params, onNews) {
  const place = document.getElementById("live");
  let source = null;
  let pause = 3000;
  const tell = (state, words) => {
    place.className = `live ${state}`;
    place.textContent = words;
  };
  const open = () => {
    if (source || document.hidden) return;
    source = new EventSource(`${root}/api/stream?${new URLSearchParams(params)}`);
    source.onopen = () => {
      pause = 3000;
      tell("on", "live");
    };
    source.onmessage = (event) => onNews(event.data);
    source.onerror = () => {
      tell("off", "not connected, trying again");
      if (source.readyState === EventSource.CLOSED) {
        source = null;
        onNews("");
        setTimeout(open, pause); // refused: what is not there may come, but seldom does
        pause = Math.min(2 * pause, 60000);
      }
    };
  };
  const close = () => {
    source?.close();
    source = null;
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
}

/**
 * Calls ``work`` now, or again when it has ended, never twice at a time and at most so often; what
 * takes long rests longer, so that the server is left in peace most of the time.
 */
export function coalesced(work, rest = 800) {
  let busy = false, again = false;
  return async function call() {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    const began = performance.now();
    try {
      await work();
    } finally {
      const took = Math.min(performance.now() - began, 2000);
      setTimeout(() => {
        busy = false;
        if (again) {
          again = false;
          call();
        }
      }, Math.max(rest, 2 * took));
    }
  };
}

export function note(kind, ...children) {
  return el("p", { class: `note ${kind}`, role: kind === "alarm" ? "alert" : "status" }, ...children);
}

/** Replace the parameters of the address; ``push`` makes the back button undo it. */
export function address(changes, push = false) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "" || value === undefined) url.searchParams.delete(name);
    else url.searchParams.set(name, String(value));
  }
  if (url.href !== location.href) history[push ? "pushState" : "replaceState"](null, "", url);
}

export function param(name) {
  return new URL(location.href).searchParams.get(name);
}

/** How far a study is. ``now`` is the time on the server's clock, in seconds. */
export function progressWords(row, now) {
  const parts = [row.kind === "map" ? "stability map" : "study", row.script].filter(Boolean);
  if (row.total) parts.push(`${count(row.done)} of ${several(row.total, row.unit)} done`);
  else if (row.done) parts.push(`${several(row.done, row.unit)} done`);
  if (row.more) parts.push("more trials may follow");
  const left = timeLeft(row, now);
  if (left) parts.push(left);
  if (row.page) parts.push("has a page");
  return parts.join(" · ");
}

/** ``about 5 min left``, of a study; empty where nothing can be said, or it takes longer. */
export function timeLeft(row, now) {
  if (row.left === null || row.left === undefined) return "";
  const left = row.left - Math.max(0, now - row.at), minutes = Math.ceil(left / 60);
  if (left <= 0) return "";
  if (minutes <= 1) return "about a minute left";
  return `about ${minutes < 60 ? `${minutes} min` : minutes < 600 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${Math.round(minutes / 60)} h`} left`;
}

/** The reach of a run in a table. */
export function reachCell(row) {
  if (row.horizon === null || row.horizon === undefined) return el("span", { class: "quiet" }, "–");
  if (typeof row.horizon === "string") return el("span", { class: "alarm" }, "not finite");
  const share = row.window ? Math.min(1, row.horizon / row.window) : 1;
  return el("span", { class: "reach" },
    el("meter", { min: 0, max: 1, value: share, "aria-hidden": "true" }),
    ` ${row.censored ? "≥ " : ""}${row.horizon} / ${row.window}`);
}

/** Its worst finding; nothing found is not the same as nothing looked at. */
export function findingCell(row) {
  if (row.finding) {
    return el("a", { href: `${runLink(row.key)}#findings`, title: row.finding.title, class: "plainlink" },
      severityChip(row.finding.severity, row.finding.code), el("span", { class: "quiet script" }, row.finding.title));
  }
  if (row.state === "reading" || row.state === "broken") return "";
  if (row.judged) return el("span", { class: "quiet" }, "none");
  if (row.state === "running" || row.state === "stale") return el("span", { class: "quiet" }, "none so far");
  return el("span", { class: "quiet", title: "No verdict was recorded. Open the run to judge it." }, "not judged");
}

/** Its last loss, with a small picture. */
export function lossCell(row) {
  const loss = plain(row.loss);
  const broken = loss !== null && loss !== undefined && !Number.isFinite(loss);
  return [el("span", { class: broken ? "alarm num" : "num" }, number(row.loss)),
    row.spark ? spark([row.spark], { width: 96, height: 26, guess: plain(row.guess), label: `loss of ${row.name}` }) : null];
}
