"use strict";
const specifications = JSON.parse(document.getElementById("specifications").textContent);
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const drawn = new Map();

function appearance() {
  const [text, grid, ink] = dark.matches ? ["#d0d5da", "#3a4149", "#ffffff"] : ["#3d444d", "#d8dee4", "#000000"];
  const axis = { labelColor: text, titleColor: text, gridColor: grid, domainColor: grid, tickColor: grid };
  const legend = { labelColor: text, titleColor: text, orient: "bottom", columns: 4, labelLimit: 240 };
  return { ink, config: { background: null, font: "system-ui, sans-serif", axis, legend, view: { stroke: null } } };
}

async function draw(place) {
  const { ink, config } = appearance();
  // What is black on paper is white in the dark.
  const text = JSON.stringify(specifications[place.id]).replaceAll('"black"', JSON.stringify(ink));
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
for (const place of document.querySelectorAll(".picture")) watcher.observe(place);
dark.addEventListener("change", () => { for (const place of drawn.keys()) draw(place); });
