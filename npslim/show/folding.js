(function () {
  "use strict";
  const data = /*DATA*/, script = document.currentScript;
  const svg = script && script.parentNode && script.closest("svg.npslim-graph");
  if (!svg) return;
  // The same numbers, and the same steps, as npslim/show/layout.py.
  const GAP = 22, ROW = 40, PAD = 16, HEAD = 24, BESIDE = 12, LETTER = 6.7;
  const boxes = new Map();
  for (const [n, parent, companion, kind, scope, w, h, letters] of data.boxes)
    boxes.set(n, { n, parent, companion, kind, scope: !!scope, w, h, letters });
  const opened = new Set(data.open), isPlace = (p) => typeof p === "string";
  let sizes, found, passing;

  function measure(box) {
    if (box.parent >= 0 && !opened.has(box.n)) {
      sizes.set(box.n, { w: box.w, h: box.h, axis: box.w / 2, inside: null });
      return;
    }
    const [rows, ups] = data.bones[box.n], xs = new Map(), heights = [];
    for (const row of rows) {
      let height = 0;
      for (const p of row) if (!isPlace(p)) height = Math.max(height, extent(boxes.get(p)));
      heights.push(height);
    }
    for (const row of rows) spread(row, ups, xs);
    let left = Infinity, right = -Infinity;
    for (const [p, x] of xs) { left = Math.min(left, x - leftOf(p)); right = Math.max(right, x + rightOf(p)); }
    const space = box.kind === "gradient" ? BESIDE : ROW, tops = [];
    let y = box.parent < 0 ? PAD : HEAD + PAD / 2;
    for (const height of heights) { tops.push([y, height]); y += height + space; }
    const axis = PAD - left, inside = new Map();
    for (const [p, x] of xs) inside.set(p, x + axis);
    const title = box.parent >= 0 ? box.letters * LETTER + 40 : 0;
    sizes.set(box.n, { w: Math.max(right - left + 2 * PAD, title), h: y - space + PAD, axis, inside: [inside, tops] });
  }

  function extent(box) {
    measure(box);
    let h = sizes.get(box.n).h;
    if (box.companion >= 0) { measure(boxes.get(box.companion)); h = Math.max(h, sizes.get(box.companion).h); }
    return h;
  }

  const leftOf = (p) => (isPlace(p) ? 5 : sizes.get(p).axis);

  function rightOf(p) {
    if (isPlace(p)) return 5;
    const { w, axis } = sizes.get(p), beside = boxes.get(p).companion;
    return w - axis + (beside >= 0 ? BESIDE + sizes.get(beside).w : 0);
  }

  function spread(row, ups, xs) {
    let edge = null, off = 0, hanging = 0;
    for (const p of row) {
      const above = ups[p] || [], hangs = p in ups;
      const wish = above.length ? above.reduce((sum, u) => sum + xs.get(u), 0) / above.length : 0;
      let x = edge === null ? wish : Math.max(wish, edge + GAP + leftOf(p));
      if (edge !== null && !hangs) x = edge + GAP + leftOf(p);
      xs.set(p, x);
      edge = x + rightOf(p);
      if (hangs) { off += x - wish; hanging += 1; }
    }
    if (hanging) for (const p of row) xs.set(p, xs.get(p) - off / hanging);
  }

  function settle(box, x, y) {
    const { w, h, inside } = sizes.get(box.n);
    found.set(box.n, { x, y, w, h });
    if (!inside) return;
    const [xs, tops] = inside;
    data.bones[box.n][0].forEach((row, i) => {
      const middle = tops[i][0] + y + tops[i][1] / 2;
      for (const p of row) {
        if (isPlace(p)) { passing.set(box.n + " " + p, [x + xs.get(p), middle]); continue; }
        const child = boxes.get(p), size = sizes.get(p), cx = x + xs.get(p) - size.axis;
        settle(child, cx, middle - size.h / 2);
        if (child.companion >= 0)
          settle(boxes.get(child.companion), cx + size.w + BESIDE, middle - sizes.get(child.companion).h / 2);
      }
    });
  }

  function shownFor(n) {
    let shown = n;
    for (let up = boxes.get(n).parent; up >= 0; up = boxes.get(up).parent)
      if (boxes.get(up).parent >= 0 && !opened.has(up)) shown = up;
    return shown;
  }

  const f = (x) => (Math.floor(x * 100 + 0.5) / 100).toFixed(2);

  function curve(kind, a, b, via, fromScope, toScope) {
    if (kind === "saved") {
      const x1 = a.x + a.w, y1 = a.y + a.h / 2, x2 = b.x, y2 = b.y + b.h / 2;
      const bend = Math.min(60, Math.max(10, Math.abs(x2 - x1) / 2));
      return [`M${f(x1)} ${f(y1)}C${f(x1 + bend)} ${f(y1)} ${f(x2 - bend)} ${f(y2)} ${f(x2)} ${f(y2)}`, [0, 0]];
    }
    if (kind === "gradient") {
      const x1 = a.x + (fromScope ? a.w - 10 : a.w / 2), x2 = b.x + (toScope ? b.w - 10 : b.w / 2);
      const y1 = a.y, y2 = b.y + b.h, bend = Math.min(90, Math.max(12, Math.abs(y1 - y2) / 2));
      return [`M${f(x1)} ${f(y1)}C${f(x1)} ${f(y1 - bend)} ${f(x2)} ${f(y2 + bend)} ${f(x2)} ${f(y2)}`, [0, 0]];
    }
    const points = [[a.x + a.w / 2, a.y + a.h], ...via, [b.x + b.w / 2, b.y]];
    let line = `M${f(points[0][0])} ${f(points[0][1])}`;
    for (let i = 0; i + 1 < points.length; i++) {
      const [x1, y1] = points[i], [x2, y2] = points[i + 1];
      const bend = Math.min(80, Math.max(12, Math.abs(y2 - y1) / 2));
      line += `C${f(x1)} ${f(y1 + bend)} ${f(x2)} ${f(y2 - bend)} ${f(x2)} ${f(y2)}`;
    }
    const [x1, y1] = points[0];
    return [line, [x1 + (points[1][0] - x1) * 0.12, y1 + 16]];
  }

  const show = (element, yes) => { element.style.display = yes ? "" : "none"; };

  function draw() {
    sizes = new Map(); found = new Map(); passing = new Map();
    const root = boxes.get(data.boxes[0][0]);
    measure(root);
    settle(root, 0, 0);
    const page = found.get(root.n);
    svg.setAttribute("width", f(page.w)); svg.setAttribute("height", f(page.h));
    svg.setAttribute("viewBox", `0 0 ${f(page.w)} ${f(page.h)}`);
    for (const g of svg.querySelectorAll("[data-box]")) {
      const n = +g.dataset.box, at = found.get(n), frame = g.classList.contains("frame");
      show(g, at && opened.has(n) === frame);
      if (!at) continue;
      g.setAttribute("transform", `translate(${f(at.x)},${f(at.y)})`);
      if (frame) { g.firstChild.setAttribute("width", f(at.w)); g.firstChild.setAttribute("height", f(at.h)); }
    }
    const drawn = new Set(), named = new Set();
    for (const g of svg.querySelectorAll("[data-edge]")) {
      const [from, to, kind, route, label] = data.edges[+g.dataset.edge];
      const source = shownFor(from), target = shownFor(to), key = source + " " + target + " " + kind;
      const shows = source !== target && !drawn.has(key), text = g.querySelector("text");
      drawn.add(key);
      show(g, shows);
      if (!shows) continue;
      const via = route.map(([n, p]) => passing.get(n + " " + p)).filter((p) => p), a = boxes.get(source), b = boxes.get(target);
      const [line, middle] = curve(kind, found.get(source), found.get(target), via,
        a.scope && a.kind === "scope", b.scope && b.kind === "scope");
      g.firstChild.setAttribute("d", line);
      if (!text) continue;
      const says = label && !named.has(source + " " + label);
      if (says) named.add(source + " " + label);
      show(text, says);
      text.setAttribute("x", f(middle[0])); text.setAttribute("y", f(middle[1]));
    }
    svg.dispatchEvent(new CustomEvent("npslim-drawn"));
  }

  svg.addEventListener("click", (event) => {
    const g = event.target.closest("[data-box]");
    if (!g || !boxes.get(+g.dataset.box).scope) return;
    const n = +g.dataset.box;
    if (opened.has(n)) opened.delete(n); else opened.add(n);
    draw();
  });
  svg.npslim = { shownFor, opened, boxes, draw, at: (n) => found && found.get(n), data };
})();
