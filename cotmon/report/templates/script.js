"use strict";
// Conveniences only: without this script the page shows and links the same things.
const root = document.documentElement;
window.addEventListener("error", () => { root.dataset.script = "error"; });

// A step inside a fold: open what holds it, then go there.
function reveal() {
  const target = document.getElementById(location.hash.slice(1));
  if (!target) return;
  for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) {
    fold.open = true;
  }
  if (target.classList.contains("step")) target.scrollIntoView({ block: "center" });
  root.dataset.at = target.id;
}
window.addEventListener("hashchange", reveal);

// n and p: the next and the previous finding or marked step.
let place = null;
function move(by) {
  const stops = [...document.querySelectorAll(".finding, .step.marked")];
  if (!stops.length) return;
  const now = stops.indexOf(place);
  const next = now < 0 ? (by > 0 ? 0 : stops.length - 1) : (now + by + stops.length) % stops.length;
  place = stops[next];
  place.tabIndex = -1;
  place.focus({ preventScroll: true });
  place.scrollIntoView({ block: "center" });
}

// Left and right: along the bars of a strip.
function along(link, by) {
  const bars = [...link.closest("svg").querySelectorAll("a")];
  const next = bars[bars.indexOf(link) + by];
  if (next) next.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const bar = event.target.closest(".strip a");
  if (event.key === "n") move(1);
  else if (event.key === "p") move(-1);
  else if (bar && event.key === "ArrowRight") along(bar, 1);
  else if (bar && event.key === "ArrowLeft") along(bar, -1);
  else return;
  event.preventDefault();
});

const heading = document.querySelector("#transcript h2");
if (heading) {
  const tools = document.createElement("p");
  tools.className = "tools";
  const button = document.createElement("button");
  const name = (open) => { button.textContent = open ? "Fold all" : "Open all"; };
  let open = false;
  button.type = "button";
  button.addEventListener("click", () => {
    open = !open;
    for (const fold of document.querySelectorAll("#transcript details")) fold.open = open;
    name(open);
  });
  name(open);
  tools.append(button, " Keys: n next, p previous finding; arrows move along a strip.");
  heading.after(tools);
}
reveal();
root.dataset.script ??= "ready";
