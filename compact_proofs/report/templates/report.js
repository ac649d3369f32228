"use strict";
const specifications = JSON.parse(document.getElementById("specifications").textContent);
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const drawn = new Map();

// What is black on paper is white in the dark, and what is nearly black is paler.
const PALER = { black: "#ffffff", "#882255": "#d678a5", "#332288": "#9a8cf0", "#661100": "#d07a66" };

function appearance() {
  const [text, grid] = dark.matches ? ["#d0d5da", "#3a4149"] : ["#3d444d", "#d8dee4"];
  const axis = { labelColor: text, titleColor: text, gridColor: grid, domainColor: grid, tickColor: grid };
  const legend = { labelColor: text, titleColor: text, orient: "bottom", columns: 4, labelLimit: 240 };
  return { config: { background: null, font: "system-ui, sans-serif", axis, legend, view: { stroke: null } } };
}

async function draw(place) {
  const { config } = appearance();
  let text = JSON.stringify(specifications[place.id]);
  for (const [ink, paler] of Object.entries(dark.matches ? PALER : {})) text = text.replaceAll(`"${ink}"`, `"${paler}"`);
  const options = { config, renderer: "canvas", actions: false, tooltip: { theme: dark.matches ? "dark" : "light" } };
  drawn.get(place)?.finalize();
  drawn.set(place, await vegaEmbed(place, JSON.parse(text), options));
  place.dataset.drawn = "yes";
}

// Pictures are drawn when they are about to be seen, so that a page with many opens at once.
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((entry) => entry.isIntersecting)) {
    watcher.unobserve(entry.target);
    draw(entry.target);
  }
}, { rootMargin: "300px" });
function fill() {
  for (const swatch of document.querySelectorAll(".swatch[data-colour]")) {
    const { colour } = swatch.dataset;
    swatch.style.background = (dark.matches && PALER[colour]) || colour.replace("black", "currentColor");
  }
}
fill();
dark.addEventListener("change", fill);
for (const place of document.querySelectorAll(".picture")) watcher.observe(place);
dark.addEventListener("change", () => { for (const place of drawn.keys()) draw(place); });
