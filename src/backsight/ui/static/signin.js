// Asks for the token, and sends it in a header: it never stands in an address or a log.

import { el, note, param, root } from "./common.js";

const main = document.getElementById("main");
const field = el("input", { type: "password", id: "token", required: true, autocomplete: "current-password" });
const said = el("div");

// A link may bring the token behind the #, which a browser keeps to itself.
const brought = new URLSearchParams(location.hash.slice(1)).get("token");
const place = brought ? "" : location.hash;

/** The page that was asked for, if it is one of ours; else the table. */
function wanted() {
  try {
    const url = new URL(param("next") ?? "", location.origin);
    const ours = url.protocol === location.protocol && url.origin === location.origin && url.pathname.startsWith(`${root}/`);
    return ours ? url.href + place : `${root}/`;
  } catch {
    return `${root}/`;
  }
}

async function enter(token) {
  const answer = await fetch(`${root}/api/session`, { headers: { Authorization: `Bearer ${token}` } });
  if (answer.ok) location.replace(wanted());
  else said.replaceChildren(note("alarm", "Wrong token. The token is the first line of the file that was given with --token-file."));
}

main.replaceChildren(el("h1", {}, "Sign in"),
  el("form", { class: "tools", onsubmit: (event) => { event.preventDefault(); enter(field.value.trim()); } },
    el("input", { type: "text", autocomplete: "username", value: "backsight", hidden: true }),
    el("label", { for: "token" }, "Token"), field, el("button", { type: "submit", class: "primary" }, "Sign in")), said,
  el("p", { class: "quiet" }, "The token is the first line of the file that backsight ui was started with: ", el("code", {}, "--token-file"), ". This browser asks for it once."));
field.focus();
if (brought) {
  history.replaceState(null, "", location.pathname + location.search);
  enter(brought);
}
