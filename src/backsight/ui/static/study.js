// The page of a study: how far it is, its own page, and its trials.

import {
  ask, coalesced, count, el, fill, findingCell, keyHere, listen, lossCell, monotonic, note, progressWords, reachCell,
  root, runLink, stateChip, timeLeft,
} from "./common.js";

const main = document.getElementById("main");
const key = keyHere("study");
const left = el("p", { id: "left" });
let frame = null, shown = null, offset = 0;

function trial(row) {
  return el("tr", {}, el("td", { "data-label": "Status" }, stateChip(row.state)),
    el("td", { "data-label": "Trial", class: "who" }, row.state === "broken" ? row.name : el("a", { class: "name", href: runLink(row.key) }, row.name), row.problem ? el("span", { class: "alarm script" }, row.problem) : null),
    el("td", { "data-label": "Loss", class: "loss" }, lossCell(row)),
    el("td", { "data-label": "Reach", class: "num" }, reachCell(row)),
    el("td", { "data-label": "Iterations", class: "num" }, row.iterations === undefined ? "" : count(row.iterations)),
    el("td", { "data-label": "Worst finding", class: "find" }, findingCell(row)));
}

/** How much time is left, which goes on between two answers. */
function tick() {
  const words = shown ? timeLeft(shown, monotonic() - offset) : "";
  left.hidden = !words;
  left.textContent = words && `${words[0].toUpperCase()}${words.slice(1)}, if the rest takes as long as what is done${shown.more ? "; more trials may follow" : ""}.`;
}

function draw(row, trials) {
  const address = `${root}/stored?${new URLSearchParams({ run: key })}`;
  shown = row;
  tick();
  fill(main, 
    el("nav", { "aria-label": "Breadcrumb", class: "crumbs" }, el("a", { href: `${root}/` }, "Runs")),
    el("div", { class: "titleline" }, el("h1", {}, row.name), stateChip(row.state), el("span", { class: "quiet" }, progressWords({ ...row, left: null, more: row.more && row.left === null }, 0))),
    row.problem ? note("alarm", row.problem) : null,
    row.total ? el("progress", { max: row.total, value: row.done, "aria-label": "How far it is" }) : null,
    left,
    row.page ? el("p", {}, el("a", { class: "primary", href: address, target: "_blank", rel: "noopener" }, "Open the page of the study")) : row.state === "broken" ? null : el("p", { class: "quiet" }, "The study writes its page when it ends."),
    trials.length ? [el("h2", {}, `Trials (${trials.length})`), el("div", { class: "tablebox" }, el("table", { class: "runs" },
      el("thead", {}, el("tr", {}, ["Status", "Trial", "Loss", "Reach", "Iterations", "Worst finding"].map((one) => el("th", { scope: "col", class: one === "Reach" || one === "Iterations" ? "num" : null }, one)))),
      el("tbody", {}, trials.map(trial))))] : null);
}

const load = coalesced(async () => {
  let told;
  try {
    told = await ask("runs");
  } catch (problem) {
    fill(main, note("alarm", problem.message));
    frame = null;
    return;
  }
  offset = monotonic() - told.now;
  const row = told.rows.find((one) => one.key === key && one.is_study);
  if (!row) {
    const reading = told.rows.find((one) => one.key === key);
    fill(main, el("h1", {}, key), reading ? note("", "Reading the study …") : note("alarm", "There is no such study in the folders that are shown: it was removed or renamed. ", el("a", { href: `${root}/` }, "All runs")));
    frame = null;
    if (reading) setTimeout(load, 500);
    return;
  }
  const trials = told.rows.filter((one) => one.study === key).sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  const words = JSON.stringify([row, trials]);
  if (words !== frame) draw(row, trials);
  frame = words;
});

await load();
listen({}, () => load());
setInterval(() => document.hidden || tick(), 1000);
