// The ten-second strip: alive, learning, gradients, learning rate, reach, and what is wrong.

import { againstGuess, count, duration, el, number, plain, several, severityChip, spark, stateChip } from "./common.js";

function tile(title, tone, ...children) {
  return el("div", { class: `tile ${tone}` }, el("h2", {}, title), ...children);
}

function curveOf(curve) {
  return curve && { x: curve.iterations, y: curve.values, broken: curve.not_finite_at };
}

function state(told, clock) {
  const words = el("p", { class: "quiet", "data-clock": "" });
  const tick = () => {
    const age = told.written === null ? null : Math.max(0, clock() - told.written);
    const ago = age === null ? "nothing written yet" : `last written ${age < 2 ? "just now" : `${duration(age)} ago`}`;
    words.textContent = `${ago} · ${several(told.iterations, "iteration")}`;
  };
  tick();
  const tone = told.state === "running" || told.state === "finished" ? "" : told.state === "stale" || told.state === "interrupted" ? "warning" : "alarm";
  const made = tile("Is it alive?", tone, el("p", { class: "big" }, stateChip(told.state)), words,
    told.reason ? el("p", { class: "reason" }, told.reason) : null);
  made.tick = tick;
  return made;
}

/** Why there is nothing to show. More may come while it trains; what is damaged may have been there. */
function nothing(told, what) {
  if (told.problems.length) return `${what} could not be read`;
  return `no ${what} was recorded${told.state === "running" || told.state === "stale" ? " yet" : ""}`;
}

function loss(told) {
  const [one, ...rest] = told.losses;
  if (!one) return tile("Does it learn?", "", el("p", { class: "quiet" }, nothing(told, "loss")));
  const guess = plain(one.guess), below = plain(one.below), recent = plain(one.recent);
  const broken = !Number.isFinite(plain(one.value)) || !Number.isFinite(recent);
  const tone = broken ? "alarm" : below === null ? "" : below > 0.03 ? "good" : "warning";
  const against = broken ? "the loss is not finite"
    : below === null ? "the loss of a guess is unknown"
      : `${againstGuess(below).replace(/better$/, "better than guessing").replace(/(below|above)$/, "$1 guessing")} (${number(guess)})`;
  return tile("Better than guessing?", tone,
    el("p", { class: "big num" }, number(broken ? one.value : one.recent)),
    spark([curveOf(one.curve)], { width: 220, height: 44, guess, label: `Loss; ${against}` }),
    el("p", { class: "verdict" }, against),
    one.curve.not_finite && !broken ? el("p", { class: "alarm" }, `${count(one.curve.not_finite)} not finite so far`) : null,
    rest.length ? el("p", { class: "quiet" }, `${one.label || "first model"}; ${rest.length} more`) : null);
}

function gradient(told) {
  const [one, ...rest] = told.gradients;
  if (!one) return tile("Are gradients sane?", "", el("p", { class: "quiet" }, nothing(told, "gradient norm")));
  const raw = plain(one.raw), applied = plain(one.applied);
  const clipped = applied !== null && number(raw) !== number(applied);
  const parts = one.applied_curve && JSON.stringify(one.applied_curve) !== JSON.stringify(one.curve);
  const tone = !Number.isFinite(raw) || one.curve.not_finite ? "alarm" : "";
  return tile("Are gradients sane?", tone,
    el("p", { class: "big num" }, number(raw), clipped ? el("span", { class: "quiet" }, ` → ${number(applied)}`) : null),
    spark([curveOf(one.curve), parts ? curveOf(one.applied_curve) : null],
      { width: 220, height: 44, log: true, label: "Gradient norm on a log axis, raw and as applied" }),
    el("p", {}, one.curve.not_finite ? `${count(one.curve.not_finite)} not finite so far`
      : clipped ? "norm now, and as applied" : applied === null ? "norm now" : "norm now, applied as it is",
      parts ? el("span", { class: "quiet" }, " (dashed: as applied)") : null),
    rest.length ? el("p", { class: "quiet" }, `${one.label || "first model"}; ${rest.length} more`) : null);
}

function rate(told) {
  if (!told.rates.length) return null;
  const [one, ...rest] = told.rates;
  return tile("Learning rate", Number.isFinite(plain(one.value)) ? "" : "alarm",
    el("p", { class: "big num" }, number(one.value)),
    rest.map((other) => el("p", { class: "quiet" }, `${other.label}: ${number(other.value)}`)));
}

function reach(told) {
  if (!told.reaches.length) return tile("How far back?", "", el("p", { class: "quiet" }, nothing(told, "reach")));
  const rows = told.reaches.map((one) => {
    const known = one.outcome === "ok" && one.horizon !== null;
    const words = one.outcome === "not finite" ? "not finite" : !known ? "no gradient arrives"
      : `${one.censored ? "≥ " : ""}${one.horizon} of ${several(one.earlier, "step")}`;
    return el("li", { class: one.outcome === "not finite" ? "alarm" : "", title: one.words },
      el("span", { class: "layer" }, one.label || "layer"),
      el("meter", { min: 0, max: 1, value: known && one.earlier ? one.horizon / one.earlier : 0, "aria-hidden": "true" }),
      el("span", { class: "num" }, words));
  });
  const bad = told.reaches.some((one) => one.outcome === "not finite");
  return tile("How far back does it learn?", bad ? "alarm" : "", el("ul", { class: "reaches" }, rows),
    el("p", { class: "quiet" }, "earlier steps of the window that the gradient reaches (the horizon)"));
}

/** What is wrong, in a sentence, and what to try: what the writer told, or what judging found. */
export function worst(one, words, healthy = false) {
  if (!one) return el("p", { class: `worst ${healthy ? "healthy" : ""}` }, el("strong", {}, "What is wrong? "), words);
  return el("div", { class: `worst sev-${one.severity}` },
    el("p", {}, severityChip(one.severity, `${one.severity} ${one.code}`), " ", el("strong", {}, one.title), `: ${one.message}.`,
      el("span", { class: "quiet" }, ` From iteration ${count(one.iteration)}.`)),
    one.remedy ? el("p", {}, el("strong", {}, "Try: "), one.remedy) : null,
    el("p", {}, el("a", { href: "#findings" }, one.others ? `All findings (${one.others + 1})` : "The evidence")));
}

/** The strip of a run. Its ``tick`` keeps "last written" right between two answers. */
export function strip(told, clock) {
  const first = state(told, clock);
  const made = el("section", { class: "strip", "aria-label": "The run at a glance" },
    el("div", { class: "tiles" }, first, loss(told), gradient(told), rate(told), reach(told)),
    worst(told.finding, told.problems.length ? "Not all of the run can be read." : told.state === "running" || told.state === "stale" ? "Nothing was found so far." : "Nothing was found while it trained."),
    told.left_out.map((words) => el("p", { class: "quiet" }, `${words}.`)));
  made.tick = first.tick;
  return made;
}
