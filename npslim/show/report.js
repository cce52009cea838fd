(function () {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent), $ = (id) => document.getElementById(id);

  for (const svg of document.querySelectorAll(".curve")) {
    const points = JSON.parse(svg.dataset.points), here = svg.querySelector(".here"), read = svg.querySelector(".read");
    svg.addEventListener("mousemove", (event) => {
      const box = svg.getBoundingClientRect(), x = ((event.clientX - box.left) * svg.viewBox.baseVal.width) / box.width;
      const [px, py, step, value] = points.reduce((a, b) => (Math.abs(b[0] - x) < Math.abs(a[0] - x) ? b : a));
      here.setAttribute("cx", px); here.setAttribute("cy", py); here.setAttribute("visibility", "visible");
      read.textContent = `step ${step}: ${value}`;
    });
    svg.addEventListener("mouseleave", () => { here.setAttribute("visibility", "hidden"); read.textContent = ""; });
  }

  if (!data.examples) return;

  function figure(number) {
    const one = data.examples[number], element = document.createElement("figure");
    const image = Object.assign(document.createElement("img"), { src: one.src, alt: `example ${number}`, title: `example ${number}` });
    const said = Object.assign(document.createElement("div"), { textContent: `${one.said}, ${one.sure} sure` });
    said.className = one.right ? "right" : "wrong";
    const truth = Object.assign(document.createElement("div"), { textContent: `is ${one.is}` });
    const loss = Object.assign(document.createElement("div"), { className: "soft", textContent: `loss ${one.loss}` });
    element.append(image, said, truth, loss);
    return element;
  }

  function show(title, numbers) {
    $("which").textContent = title;
    $("gallery").replaceChildren(...numbers.map(figure));
    if (!numbers.length) $("gallery").textContent = "There is none.";
  }

  function worst() {
    for (const cell of document.querySelectorAll(".cell.chosen")) cell.classList.remove("chosen");
    $("worst").hidden = true;
    show("Worst examples", data.worst);
  }

  for (const cell of document.querySelectorAll(".cell")) {
    const choose = () => {
      worst();
      cell.classList.add("chosen");
      $("worst").hidden = false;
      const { true: is, said } = cell.dataset, numbers = data.cells[`${is},${said}`] || [];
      show(`${data.names[is]} taken for ${data.names[said]}`, numbers);
    };
    cell.addEventListener("click", choose);
    cell.addEventListener("keydown", (event) => { if (event.key === "Enter") choose(); });
  }
  $("worst").onclick = worst;
  worst();
})();
