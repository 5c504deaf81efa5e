// The two switches, and which view follows which.
const VIEWS = {
  size: drawSize,
  noise: drawNoise,
  latency: drawLatency,
  sweep: drawSweep,
  training: (holder) => drawRuns(holder, data.curves),
  distillation: drawDistillation,
  rejection: drawRejection,
  confusion: drawConfusion,
  speakers: drawSpeakers,
  "held-out": drawHeldOut,
};

function drawAll() {
  drawTable();
  const version = data.versions.find((one) => one.id === state.version), score = version.scores[state.set];
  element("chosen").textContent =
    `${version.title}, ${inTitle[state.set]}: ${score ? inWords(score) : "not measured"}` + (version.note ? `. ${version.note}` : "");
  element("version").value = state.version;
  element("set").value = state.set;
  for (const [id, draw] of Object.entries(VIEWS)) {
    const section = element(id);
    section.hidden = false; // a hidden holder has no width
    section.hidden = !draw(section.querySelector(".chart"));
  }
}

const options = (pairs) => pairs.map(([value, text]) => `<option value="${escaped(value)}">${escaped(text)}</option>`).join("");
element("version").innerHTML = options(main.map((one) => [one.id, one.title]));
element("set").innerHTML = options(data.sets.map((one) => [one.id, one.title]));
element("version").onchange = (event) => choose({ version: event.target.value, threshold: null });
element("set").onchange = (event) => choose({ set: event.target.value });
element("switches").onsubmit = (event) => event.preventDefault();

function choose(change) {
  Object.assign(state, change);
  const focused = document.activeElement, section = focused?.closest("section")?.id, mark = focused?.getAttribute("aria-label") || focused?.dataset.sort;
  drawAll();
  if (section && mark) { // what was redrawn has lost the keyboard's place
    for (const one of element(section).querySelectorAll("[aria-label],[data-sort]")) {
      if ((one.getAttribute("aria-label") || one.dataset.sort) === mark) { one.focus(); break; }
    }
  }
}

function act(event) {
  const mark = event.target.closest("[data-version]"), head = event.target.closest("[data-sort]");
  if (mark) choose({ version: mark.dataset.version, threshold: null });
  else if (head) {
    sorting.down = sorting.key === head.dataset.sort ? !sorting.down : false;
    sorting.key = head.dataset.sort;
    choose({});
  }
}
document.addEventListener("click", act);
document.addEventListener("keydown", (event) => {
  if ((event.key === "Enter" || event.key === " ") && event.target.closest("g[data-version]")) {
    event.preventDefault();
    act(event);
  }
});

drawAll();
element("misheard").hidden = !drawMisheard(element("misheard").querySelector(".gallery"));
element("left-out").hidden = !Object.keys(data.left_out).length;
element("left-out").querySelector("ul").innerHTML = Object.entries(data.left_out)
  .map(([name, reason]) => `<li>${escaped(name.replaceAll("_", " "))}: ${escaped(reason)}</li>`).join("");
let resizing;
let drawnWidth = innerWidth;
addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => { if (innerWidth !== drawnWidth) { drawnWidth = innerWidth; drawAll(); } }, 150);
});
