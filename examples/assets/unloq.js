// Says what a form waits for. Without JavaScript the browser shows by itself that it does.
"use strict";

const said = document.getElementById("said");

for (const form of document.querySelectorAll("form[data-waits]")) {
  form.addEventListener("submit", () => {
    said.textContent = form.dataset.waits;
    for (const button of document.querySelectorAll("form[data-waits] button")) {
      // Not `disabled`: the page may come out of the browser's memory, by "back".
      button.setAttribute("aria-disabled", "true");
    }
  });
}

window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  said.textContent = "";
  for (const button of document.querySelectorAll("button[aria-disabled]")) {
    button.removeAttribute("aria-disabled");
  }
});
