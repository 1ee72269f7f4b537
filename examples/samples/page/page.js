// Asks without leaving the page: fetches the page that a plain form would load, and takes its answer over.
// Must not render an answer itself: the server has the one place that does.
"use strict";

const form = document.getElementById("form");
const tally = document.getElementById("tally");
const counts = new Map();

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const address = "/?" + new URLSearchParams(new FormData(form));
  const shown = document.getElementById("answer");
  shown.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(address, { headers: { accept: "text/html" } });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const answer = page.getElementById("answer");
    if (!answer) throw new Error("the answer has the status " + response.status);
    shown.replaceChildren(...answer.childNodes);
    history.replaceState(null, "", address);
    count();
  } catch (failure) {
    const message = document.createElement("p");
    message.className = "failure";
    message.textContent = "No result: this page's own service did not answer (" + failure.message + ").";
    shown.replaceChildren(message);
  } finally {
    shown.removeAttribute("aria-busy");
  }
});

function count() {
  const answeredBy = document.getElementById("answered-by");
  if (!answeredBy) return;
  counts.set(answeredBy.textContent, (counts.get(answeredBy.textContent) || 0) + 1);
  const rows = [...counts].sort().map(([name, times]) => {
    const row = document.createElement("li");
    row.textContent = name + ": " + times;
    return row;
  });
  tally.querySelector("ul").replaceChildren(...rows);
  tally.hidden = false;
}

count();
