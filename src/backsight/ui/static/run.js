// The page of a run.

import {
  Problem, address, ask, coalesced, count, duration, el, fill, keyHere, listen, monotonic, note, number, param, root,
  severityChip, stateChip,
} from "./common.js";
import { FigureCard, downloads, drawOnce, onTheme, quiet } from "./figures.js";
import { strip, worst } from "./strip.js";

const main = document.getElementById("main");
const key = keyHere("run");
const STALE = 16;
const AT_ONCE = 500_000; // values that are judged without being asked: half a second of the server
const VALUES = 1_000_000; // that are judged in a second
let view = null, offset = 0, gone = false, loaded = 0;
const cards = new Map();
const clock = () => monotonic() - offset;

function whole(name) {
  const given = param(name);
  return given !== null && /^\d{1,15}$/.test(given) ? Number(given) : null;
}

const state = {
  key, marks: [], at: whole("at"),
  range: whole("from") !== null && whole("to") !== null && whole("from") < whole("to") ? [whole("from"), whole("to")] : null,
  zoom(range) {
    if (JSON.stringify(range) === JSON.stringify(state.range)) return;
    state.range = range;
    address({ from: range?.[0] ?? null, to: range?.[1] ?? null }, true);
    drawControls();
    for (const card of cards.values()) if (!card.panel.at) card.spoil();
  },
};

const head = el("div", { class: "heading" });
const when = el("span", { class: "quiet" });
const problems = el("div");
const stripBox = el("div");
const findings = el("section", { id: "findings", "aria-labelledby": "findings-title" });
const controls = el("div", { class: "controls", role: "group", "aria-label": "Which iterations are shown" });
const figures = el("div", { class: "figures" });
const missing = el("div");
const acts = el("section", { id: "acts" });
const samples = el("section", { id: "samples" });
const settings = el("section", { id: "settings" });

const seeing = new IntersectionObserver((entries) => {
  for (const entry of entries) cards.get(entry.target.id)?.see(entry.isIntersecting);
}, { rootMargin: "300px 0px" });

/** When it began, which goes on between two answers. */
function tickHead() {
  const ended = view.strip.state !== "running" && view.strip.state !== "stale";
  when.textContent = [view.kind, `began ${duration(clock() - view.created)} ago`, ended && `ran for ${duration(view.duration)}`].filter(Boolean).join(" · ");
}

function drawHead() {
  tickHead();
  const study = view.study;
  fill(head, 
    el("nav", { "aria-label": "Breadcrumb", class: "crumbs" }, el("a", { href: `${root}/` }, "Runs"),
      study ? [" / ", el("a", { href: `${root}/study/${study.split("/").map(encodeURIComponent).join("/")}` }, study)] : null),
    el("div", { class: "titleline" }, el("h1", {}, view.name), stateChip(view.strip.state),
      when),
    view.command ? el("p", { class: "command" }, el("code", {}, view.command)) : null);
}

// The slider and the zoom.

const slider = el("input", { type: "range", id: "moment", min: 0, max: 0, step: 1, value: 0 });
const momentWords = el("output", { for: "moment" });
const latest = el("button", { type: "button", class: "small", onclick: () => moveTo(null) }, "Latest");
const zoomWords = el("span", { class: "zoomed" });

function moveTo(at) {
  state.at = at;
  address({ at });
  drawControls();
  for (const card of cards.values()) {
    if (card.panel.at) card.spoil();
    else if (card.seen) card.draw();
    else card.stale = true;
  }
}

let waiting = 0;
slider.addEventListener("input", () => {
  const moments = view.moments, index = Number(slider.value);
  momentWords.textContent = `iteration ${count(moments[index])}`;
  clearTimeout(waiting);
  waiting = setTimeout(() => moveTo(index === moments.length - 1 ? null : moments[index]), 120);
});

function drawControls() {
  const moments = view.moments;
  const several = moments.length > 1;
  controls.hidden = !several && !state.range;
  if (several) {
    slider.max = moments.length - 1;
    const index = state.at === null ? moments.length - 1 : Math.max(0, moments.findLastIndex((one) => one <= state.at));
    if (document.activeElement !== slider || state.at === null) slider.value = index;
    momentWords.textContent = state.at === null ? `iteration ${count(moments.at(-1))} (latest)` : `iteration ${count(state.at)}`;
    slider.setAttribute("aria-valuetext", momentWords.textContent);
    latest.hidden = state.at === null;
  }
  fill(zoomWords, ...(state.range
    ? [`Time axes show ${count(state.range[0])} to ${count(state.range[1])} `, el("button", { type: "button", class: "small", onclick: () => state.zoom(null) }, "Show all")]
    : []));
  if (!controls.children.length) {
    fill(controls, 
      el("label", { for: "moment", id: "moment-label" }, "Profiles at"), slider, momentWords, latest, zoomWords);
  }
  for (const one of [slider, momentWords, controls.firstChild]) one.hidden = !several;
}

// Figures.

function drawFigures() {
  const wanted = new Map(view.panels.map((panel) => [panel.key, panel]));
  for (const [name, card] of cards) {
    if (wanted.has(name)) continue;
    seeing.unobserve(card.element);
    card.element.remove();
    cards.delete(name);
  }
  let before = null;
  for (const [name, panel] of wanted) {
    let card = cards.get(name);
    if (!card) {
      card = new FigureCard(panel, state);
      cards.set(name, card);
      if (before) before.after(card.element);
      else figures.prepend(card.element);
      seeing.observe(card.element);
    }
    before = card.element;
  }
  const goesOn = view.strip.state === "running" || view.strip.state === "stale";
  fill(missing, goesOn && !view.panels.length ? note("empty", "The run has begun and has recorded nothing yet. Its figures appear here with the first iterations.") : null,
    ...(view.missing.length ? [el("details", { class: "missing quiet" },
    el("summary", {}, `Not recorded ${goesOn ? "so far" : "in this run"}: ${view.missing.map((one) => one.title.toLowerCase()).join(", ")}`),
    el("ul", {}, view.missing.map((one) => el("li", {}, el("strong", {}, one.title), `: ${one.how}`))))] : []));
}

/** Show the place in a picture that a finding is about. */
function show(name, iteration) {
  const card = cards.get(name);
  if (!card) return;
  const near = [...view.moments].reverse().find((one) => one <= iteration) ?? view.moments[0];
  if (view.moments.length > 1 && near !== undefined) moveTo(near);
  address({ at: state.at });
  history.replaceState(null, "", `#${name}`);
  card.element.scrollIntoView({ block: "center" });
  card.element.setAttribute("tabindex", "-1");
  card.element.focus({ preventScroll: true });
}

function evidence(card) {
  const names = Object.keys(card.evidence);
  if (!names.length) return null;
  return el("details", {}, el("summary", {}, "Evidence"), el("table", { class: "pairs" },
    el("thead", {}, el("tr", {}, ["measured", "value", "threshold"].map((one) => el("th", { scope: "col" }, one)))),
    el("tbody", {}, names.map((name) => el("tr", {}, el("td", {}, name.replaceAll("_", " ")),
      el("td", { class: "num" }, value(card.evidence[name])), el("td", { class: "num" }, value(card.threshold[name])))),
    Object.keys(card.threshold).filter((name) => !(name in card.evidence)).map((name) => el("tr", {}, el("td", {}, name.replaceAll("_", " ")), el("td"), el("td", { class: "num" }, value(card.threshold[name])))))));
}

function value(given) {
  if (given === undefined) return "";
  if (typeof given === "number" || given === "NaN" || given === "Infinity" || given === "-Infinity") return number(given);
  return String(given);
}

function drawFindings(told) {
  const chain = el("div", { class: "plot" });
  const openOnes = new Set([...findings.querySelectorAll("details[open]")].map((one) => one.dataset.name));
  const details = (name, made) => {
    if (made) {
      made.dataset.name = name;
      made.open = openOnes.has(name);
    }
    return made;
  };
  fill(findings, 
    el("h2", { id: "findings-title" }, "Findings"),
    told.cards.length ? null : el("p", { class: "quiet" }, !told.thorough ? "Nothing was found so far." : told.healthy ? "The run has no lasting finding." : "There is not enough data for any rule to judge."),
    told.cards.map((card) => el("article", { class: `card finding sev-${card.severity}` },
      el("h3", {}, severityChip(card.severity), ` ${card.code} ${card.title} `, el("span", { class: "quiet when" }, card.when)),
      el("p", {}, card.sentences.join(" ")),
      card.pictures.length ? el("p", {}, "See ", card.pictures.map(([name, title], i) => [i ? ", " : "", el("a", { href: `#${name}`, onclick: (event) => { event.preventDefault(); show(name, card.iteration); } }, title)])) : null,
      card.remedies.length ? [el("p", { class: "try" }, el("strong", {}, "Try, in order")), el("ol", {}, card.remedies.map((one) => el("li", {}, one)))] : null,
      card.symptoms.length ? details(`${card.code} symptoms`, el("details", {}, el("summary", {}, `What follows from it (${card.symptoms.length})`), el("ul", {}, card.symptoms.map((one) =>
        el("li", {}, severityChip(one.severity), ` ${one.code} ${one.title}: ${one.sentences.join(" ")}`))))) : null,
      details(`${card.code} evidence`, evidence(card)),
      el("p", { class: "quiet" }, el("code", {}, `backsight explain ${card.code}`), " lists all causes."))),
    told.tried ? el("p", { class: "card" }, el("strong", {}, "Study of remedies: "), told.tried) : null,
    told.chain ? [el("h3", {}, "What changed first"), el("p", {}, told.chain), told.chain_figure ? el("div", { class: "card figure" },
      el("header", {}, el("span"), downloads("What changed first", chain, `${view.name}-what-changed-first`)), chain) : null] : null,
    told.thorough && (told.healthy || told.broken.length) ? el("p", { class: "quiet" }, `${told.healthy} rules found no fault.`,
      told.broken.length ? ` The signals of these rules were not finite at the end: ${told.broken.join(", ")}.` : "") : null,
    told.lacking.length ? details("lacking", el("details", { class: "quiet" }, el("summary", {}, `Not enough data for ${told.lacking.length} rules`),
      el("ul", {}, told.lacking.map(([rule, reason]) => el("li", {}, `${rule}: ${reason}.`))))) : null);
  findings.querySelectorAll("article").forEach((one) => one.querySelectorAll("details:not([data-name])").forEach((d) => d.open = false));
  if (told.chain_figure) drawOnce(chain, told.chain_figure);
}

let lastFindings = null, judged = false;

/** The strip says at once what the writer told; judging the whole run may find more. */
function drawWorst(told) {
  const place = stripBox.querySelector(".worst");
  if (!place || !told.thorough) return; // what the writer told last may be over, or be more by now
  const [card] = told.cards;
  place.replaceWith(worst(card && {
    ...card, message: card.sentences[0].replace(/\.$/, ""), remedy: card.remedies[0], others: told.cards.length - 1,
  }, told.healthy ? `The run has no lasting finding; ${told.healthy} rules found no fault.` : "There is not enough data for any rule to judge.", told.healthy > 0 && !told.broken.length));
}

async function loadFindings() {
  let told = await ask("findings", { run: key });
  const draw = () => {
    const words = JSON.stringify(told);
    if (words !== lastFindings) drawFindings(told);
    lastFindings = words;
    drawWorst(told);
  };
  draw();
  if (told.thorough || view.strip.state === "running") return;
  const judge = async () => {
    offer.replaceChildren("Judging the whole run …");
    await quiet(); // it takes the server's time, and figures are waited for
    try {
      told = await ask("findings", { run: key, thorough: 1 });
    } catch (problem) {
      offer.replaceChildren(problem.message);
      return;
    }
    judged = true;
    lastFindings = null;
    draw();
  };
  const offer = el("p", { class: "quiet", role: "status" },
    `The run holds no verdict of the rules that are installed: it was killed, or other rules judged it. To judge its ${count(told.unjudged)} values takes some ${duration(Math.max(1, told.unjudged / VALUES))}. `,
    el("button", { type: "button", class: "small", onclick: judge }, "Judge the whole run"));
  findings.append(offer);
  if (judged || told.unjudged <= AT_ONCE) await judge();
}

function table(title, rows) {
  if (!rows.length) return null;
  return el("div", { class: "card" }, el("h3", {}, title),
    el("dl", { class: "facts" }, rows.map(([name, text]) => el("div", {}, el("dt", {}, name), el("dd", {}, text)))));
}

function drawRest() {
  fill(acts, ...(view.acts.length ? [el("h2", {}, "What the guard did"), el("div", { class: "card scroll" }, el("table", { class: "pairs" }, el("tbody", {}, view.acts.map(([at, words]) => el("tr", {}, el("td", { class: "num" }, at), el("td", {}, words))))))] : []));
  fill(samples, ...(view.samples.length ? [el("h2", {}, "Text samples"), el("div", { class: "samples" }, view.samples.map(([at, text, warmth]) =>
    el("div", { class: "card" }, el("h3", { class: "quiet" }, `after ${count(at)} iterations${warmth === null ? "" : `, at temperature ${number(warmth)}`}`), el("pre", {}, text))))] : []));
  fill(settings, el("h2", {}, "Settings and environment"), el("div", { class: "tables" }, ...[table("Settings", view.settings), table("Environment", view.provenance)].filter(Boolean)));
}

let shape = null;
function draw() {
  drawHead();
  fill(problems, ...view.problems.map((words) => note("alarm", words)));
  const made = strip(view.strip, clock);
  fill(stripBox, made);
  stripBox.tick = made.tick;
  const marks = JSON.stringify(view.marks);
  const moved = JSON.stringify(state.marks) !== marks;
  state.marks = view.marks;
  drawControls();
  const panels = JSON.stringify([view.panels, view.missing, view.strip.state]);
  if (panels !== shape) drawFigures();
  shape = panels;
  drawRest();
  for (const card of cards.values()) {
    const fixed = card.panel.at && state.at !== null;
    if (!fixed || moved) card.spoil();
  }
}

const load = coalesced(async () => {
  try {
    view = await ask("run", { run: key });
  } catch (problem) {
    fail(problem);
    return;
  }
  loaded = monotonic();
  offset = loaded - view.now;
  if (gone || !main.contains(head)) fill(main, head, problems, stripBox, findings, controls, figures, missing, acts, samples, settings);
  gone = false;
  main.classList.remove("outdated");
  draw();
  try {
    await loadFindings();
  } catch (problem) {
    fill(findings, el("h2", {}, "Findings"), note("alarm", problem.message));
  }
}, 250);

function fail(problem) {
  const removed = problem instanceof Problem && problem.status === 404;
  const words = [problem.message, ". ", el("a", { href: `${root}/` }, "All runs")];
  if (!view) {
    fill(main, el("h1", {}, key), note("alarm", ...words));
    return;
  }
  gone = removed;
  main.classList.add("outdated");
  fill(problems, note("alarm", ...words, removed ? " What you see is what was last known." : ""));
}

addEventListener("popstate", () => {
  const range = whole("from") !== null && whole("to") !== null ? [whole("from"), whole("to")] : null;
  const ranged = JSON.stringify(range) !== JSON.stringify(state.range);
  state.range = range;
  if (whole("at") !== state.at) {
    state.at = whole("at");
    for (const card of cards.values()) if (card.panel.at) card.spoil();
  }
  if (view) drawControls();
  if (ranged) for (const card of cards.values()) if (!card.panel.at) card.spoil();
});
onTheme(() => {
  for (const card of cards.values()) card.draw();
  lastFindings = null;
  loadFindings();
});
setInterval(() => {
  if (document.hidden || !view) return;
  tickHead();
  stripBox.tick?.();
  if (view.strip.state !== "running") return;
  // A writer that hangs changes no file: nobody else tells of it.
  if (clock() - view.strip.written > STALE && monotonic() - loaded > STALE) load();
}, 1000);

/** Of a word of the server all but when the writer last gave a sign of life. */
function what(news) {
  return news.split(" ").slice(0, 2).join(" ");
}

await load();
if (location.hash.length > 1) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
let known = view ? what(view.news) : null;
listen({ run: key }, (news) => {
  const written = news.split(" ").at(-1);
  const forward = Number(written) >= (view?.strip.written ?? 0); // else a clock was put back
  if (what(news) === known && (news === view?.news || (view?.strip.state === "running" && forward))) {
    view.strip.written = Number(written); // alive, with nothing new to show
    return;
  }
  known = what(news);
  load();
});
