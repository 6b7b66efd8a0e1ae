// Asks for what a page shows first, before its modules are there: `ask` in common.js takes it.

if (!window.early) {
  const { page, root } = document.documentElement.dataset;
  const answers = new Map();
  const early = (path, params) => {
    const address = `${root}/api/${path}?${new URLSearchParams(params)}`;
    const answer = fetch(address);
    answer.catch(() => {}); // whoever takes it is told
    answers.set(address, answer);
    return answer;
  };
  if (page === "runs") early("runs", { since: 0 });
  if (page === "run") {
    const path = location.pathname.slice(`${root}/run/`.length);
    const run = path.split("/").map(decodeURIComponent).join("/");
    const zoomed = new URLSearchParams(location.search).has("from");
    const loss = (answer) => answer.ok && !zoomed && early("figure", { run, figure: "loss" });
    early("run", { run }).then(loss, () => {});
  }
  window.early = answers;
}
