(function () {
  "use strict";
  const { steps, fed } = JSON.parse(document.getElementById("steps").textContent);
  const $ = (id) => document.getElementById(id), svg = document.querySelector("#graph svg"), graph = svg.npslim;
  const COLOURS = { forward: "#3f7cb4", backward: "#cf6f45", update: "#4f9460" };
  let now = 0, timer = null;

  const made = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  function bytes(n) {
    for (const unit of ["B", "kB", "MB"]) {
      if (n < 1000) return `${+n.toPrecision(3)} ${unit}`;
      n /= 1000;
    }
    return `${+n.toPrecision(3)} GB`;
  }

  // Blue for negative, white for zero, orange for positive numbers.
  function picture({ w, h, limit, bits }) {
    const raw = atob(bits), canvas = made("canvas"), scale = Math.max(1, Math.min(16, Math.floor(260 / Math.max(w, h))));
    canvas.width = w; canvas.height = h;
    canvas.style.width = w * scale + "px"; canvas.style.height = h * scale + "px";
    canvas.title = `blue −${limit}, white 0, orange ${limit}`;
    const context = canvas.getContext("2d"), image = context.createImageData(w, h);
    for (let i = 0; i < raw.length; i++) {
      const t = (raw.charCodeAt(i) - 128) / 127, s = Math.min(1, Math.abs(t));
      const end = t < 0 ? [33, 102, 172] : [214, 96, 30];
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = 255 + (end[c] - 255) * s;
      image.data[4 * i + 3] = 255;
    }
    context.putImageData(image, 0, 0);
    return canvas;
  }

  function value(v) {
    const element = made("div", "value");
    element.append(made("div", "", v.name), made("div", "mono soft", v.text));
    for (const key of ["range", "odd"]) if (v[key]) element.append(made("div", "mono", v[key]));
    if (v.picture) element.append(picture(v.picture));
    if (v.first) element.append(made("div", "mono", v.first));
    return element;
  }

  function section(title, values) {
    const found = made("div");
    if (values.length) found.append(made("h3", "", title), ...values.map(value));
    return found;
  }

  function describe(step) {
    const card = $("now");
    card.replaceChildren(
      made("span", "phase " + step.phase, step.phase), made("div", "name", step.name),
      made("p", "", `${step.type}: ${step.says}`));
    if (step.attrs) card.append(made("p", "mono soft", step.attrs));
    if (step.of) card.append(made("p", "", `gradient of ${step.of}`));
    card.append(made("p", "mono soft", "made at " + step.at));
    card.append(section("gives", step.gives), section("takes", step.takes));
    if (step.drops.length || step.fades.length) {
      card.append(made("h3", "", "dropped after it; of the dashed only the shape is kept"));
      for (const name of step.drops) card.append(made("span", "chip gone", name));
      for (const name of step.fades) card.append(made("span", "chip faded", name));
    }
  }

  function memory(until) {
    const alive = new Map(fed.map((name) => [name, "fed"]));
    for (const step of steps.slice(0, until + 1)) {
      for (const v of step.gives) alive.set(v.name, step.phase);
      for (const name of step.fades) if (alive.has(name)) alive.set(name, alive.get(name) + " faded");
      for (const name of step.drops) alive.delete(name);
    }
    $("held").textContent = bytes(steps[until].held);
    $("alive").replaceChildren(...[...alive].map(([name, kind]) => made("span", "chip " + kind, name)));
  }

  function mark() {
    const shown = (n) => svg.querySelector(`.boxes [data-box="${graph.shownFor(n)}"]`);
    for (const g of svg.querySelectorAll(".now, .ran, .waiting")) g.classList.remove("now", "ran", "waiting");
    const ran = new Set();
    for (const step of steps.slice(0, now + 1)) if (step.box >= 0) ran.add(graph.shownFor(step.box));
    for (const g of svg.querySelectorAll(".boxes .box")) g.classList.add(ran.has(+g.dataset.box) ? "ran" : "waiting");
    const current = steps[now].box >= 0 && shown(steps[now].box);
    if (!current) return;
    current.classList.add("now");
    current.classList.remove("waiting");
    if ($("follow").checked) follow(current);
  }

  function follow(element) {
    const pane = $("graph"), box = element.getBoundingClientRect(), seen = pane.getBoundingClientRect();
    if (box.top < seen.top + 60 || box.bottom > seen.bottom - 60) pane.scrollTop += box.top - seen.top - seen.height / 2;
    if (box.left < seen.left + 30 || box.right > seen.right - 30) pane.scrollLeft += box.left - seen.left - seen.width / 2;
  }

  function timeline() {
    const canvas = $("timeline"), width = canvas.clientWidth, ratio = window.devicePixelRatio || 1;
    canvas.width = width * ratio; canvas.height = 54 * ratio;
    const context = canvas.getContext("2d"), most = Math.max(...steps.map((s) => s.held), 1);
    context.scale(ratio, ratio);
    steps.forEach((step, i) => {
      const x = (i * width) / steps.length, h = 4 + (46 * step.held) / most;
      context.fillStyle = COLOURS[step.phase];
      context.globalAlpha = 0.8;
      context.fillRect(x, 54 - h, Math.max(1, width / steps.length - 1), h);
    });
  }

  function go(n) {
    now = Math.max(0, Math.min(steps.length - 1, n));
    const step = steps[now];
    $("count").textContent = `${now + 1} / ${steps.length}`;
    $("mark").style.left = `${(100 * (now + 0.5)) / steps.length}%`;
    describe(step);
    memory(now);
    mark();
    if (now === steps.length - 1) play(false);
  }

  function play(on) {
    clearTimeout(timer);
    timer = null;
    $("play").textContent = on ? "❚❚ pause" : "▶ play";
    if (!on) return;
    const tick = () => { go(now + 1); if (timer !== null) timer = setTimeout(tick, 1000 / $("speed").value); };
    timer = setTimeout(tick, 0);
  }

  $("first").onclick = () => go(0);
  $("back").onclick = () => go(now - 1);
  $("next").onclick = () => go(now + 1);
  $("last").onclick = () => go(steps.length - 1);
  $("play").onclick = () => { if (timer === null && now === steps.length - 1) go(0); play(timer === null); };
  $("line").onclick = (event) => {
    const area = $("timeline").getBoundingClientRect();
    go(Math.floor((steps.length * (event.clientX - area.left)) / area.width));
  };
  document.addEventListener("keydown", (event) => {
    const keys = { ArrowRight: "next", ArrowLeft: "back", Home: "first", End: "last", " ": "play" };
    if (!(event.key in keys) || event.target.tagName === "INPUT") return;
    event.preventDefault();
    if (document.activeElement) document.activeElement.blur();
    $(keys[event.key]).click();
  });
  svg.addEventListener("npslim-drawn", mark);
  window.addEventListener("resize", timeline);
  timeline();
  go(0);
})();
