// What makes the host table sort, search and filter. Without it the table is a plain, complete table.
"use strict";

(() => {
  const STEP = 500; // rows on the screen at first: ten thousand would make every keystroke slow
  const table = document.getElementById("fleet");
  const body = table.tBodies[0];
  const find = document.getElementById("find");
  const picks = [...document.querySelectorAll('input[name="outcome"]')];
  const shown = document.getElementById("shown");
  const more = document.getElementById("more");
  const order = picks.map((pick) => pick.value);
  const compare = new Intl.Collator("en", { numeric: true, sensitivity: "base" }).compare;
  const rows = [...body.rows].map((row) => ({
    row,
    outcome: row.dataset.o,
    text: row.textContent.toLowerCase(),
    keys: [...row.cells].map((cell) => cell.textContent.trim()),
  }));
  const number = new Intl.NumberFormat("en");
  let limit = STEP;

  // The gravest outcome first; numbers as numbers; what is not known last.
  const outcomeRank = (item) => order.indexOf(item.outcome);
  const difference = (column, kind) => (a, b) => {
    if (kind === "outcome") return outcomeRank(a) - outcomeRank(b);
    if (kind === "number") return Number(a.keys[column]) - Number(b.keys[column]);
    const missing = (a.keys[column] === "—") - (b.keys[column] === "—");
    return missing || compare(a.keys[column], b.keys[column]);
  };

  function show() {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const outcome = picks.find((pick) => pick.checked).value;
    let matching = 0;
    for (const item of rows) {
      const fits = (!outcome || item.outcome === outcome) && words.every((word) => item.text.includes(word));
      if (fits) matching += 1;
      item.row.classList.toggle("out", !fits || matching > limit);
      // A row that fits and only waits for "show all" is printed all the same.
      item.row.classList.toggle("late", fits && matching > limit);
    }
    const part = matching > limit ? `, the first ${number.format(limit)} shown` : "";
    shown.textContent =
      matching === rows.length
        ? `${number.format(matching)} hosts${part}`
        : `${number.format(matching)} of ${number.format(rows.length)} hosts${part}`;
    more.parentElement.hidden = matching <= limit;
    more.textContent = `Show all ${number.format(matching)}`;
  }

  function sort(header, column, kind) {
    const descending = header.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
    header.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const by = difference(column, kind);
    rows.sort((a, b) => (descending ? by(b, a) : by(a, b)) || compare(a.keys[0], b.keys[0]));
    body.append(...rows.map((item) => item.row));
    limit = STEP;
    show();
  }

  [...table.tHead.rows[0].cells].forEach((header, column) => {
    const kind = header.classList.contains("n") ? "number" : header.classList.contains("c-outcome") ? "outcome" : "text";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    header.replaceChildren(button);
    header.setAttribute("aria-sort", column === 0 ? "ascending" : "none");
    button.addEventListener("click", () => sort(header, column, kind));
  });

  find.addEventListener("input", show);
  for (const pick of picks) pick.addEventListener("change", show);
  more.addEventListener("click", () => {
    limit = Infinity;
    show();
    find.focus();
  });
  document.querySelector(".tools").hidden = false;
  // A browser may bring back what was typed before the page was left.
  show();
})();
