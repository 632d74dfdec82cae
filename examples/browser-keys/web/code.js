// The code as a picture: dark modules on white, with the quiet zone that readers need.

import { encode } from "/modules/uqr.mjs";

const SVG = "http://www.w3.org/2000/svg";
const QUIET = 4; // modules

export function draw(text) {
  const { data, size } = encode(text, { ecc: "M", border: 0 });
  let path = "";
  data.forEach((row, y) =>
    row.forEach((dark, x) => {
      if (dark) path += `M${x + QUIET} ${y + QUIET}h1v1h-1z`;
    }),
  );
  const side = size + 2 * QUIET;
  const picture = element("svg", { viewBox: `0 0 ${side} ${side}`, "shape-rendering": "crispEdges" });
  picture.append(
    element("rect", { width: side, height: side, fill: "#fff" }),
    element("path", { d: path, fill: "#000" }),
  );
  return picture;
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
