"use strict";
// The page is complete without this script, which sorts tables and shows tooltips, for the keyboard as well.
(() => {
  const root = document.documentElement;

  const valueOf = (cell) => cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);

  const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));

  const sort = (table, column, heading) => {
    const body = table.tBodies[0];
    const numbers = heading.classList.contains("number");
    // Numbers are sorted in descending order first.
    const before = heading.getAttribute("aria-sort");
    const down = before === null ? numbers : before === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = Array.from(body.rows);
    rows.sort((a, b) => compare(valueOf(a.cells[column]), valueOf(b.cells[column])) * (down ? -1 : 1));
    body.append(...rows);
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    if (table.tBodies[0].rows.length < 2) continue;
    Array.from(table.tHead.rows[0].cells).forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      button.addEventListener("click", () => sort(table, column, heading));
      heading.append(button);
    });
  }

  const tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("aria-hidden", "true");
  tip.hidden = true;
  document.body.append(tip);

  for (const element of document.querySelectorAll(".map a[title]")) {
    element.dataset.tip = element.title;
    element.removeAttribute("title");
  }
  for (const title of document.querySelectorAll("svg g > title")) {
    title.parentNode.dataset.tip = title.textContent;
    title.remove();
  }

  const hide = () => { tip.hidden = true; };
  const show = (event) => {
    const element = event.target.closest?.("[data-tip]");
    if (!element) return hide();
    tip.textContent = element.dataset.tip;
    tip.hidden = false;
    const at = element.getBoundingClientRect();
    const box = tip.getBoundingClientRect();
    const left = Math.min(Math.max(at.left + at.width / 2 - box.width / 2, 4), root.clientWidth - box.width - 4);
    const above = at.top - box.height - 6;
    tip.style.left = `${Math.max(left, 4)}px`;
    tip.style.top = `${above > 4 ? above : Math.min(at.bottom + 6, innerHeight - box.height - 4)}px`;
  };
  document.addEventListener("mouseover", show);
  document.addEventListener("focusin", show);
  document.addEventListener("focusout", hide);
  document.addEventListener("scroll", hide, { passive: true, capture: true });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });

  // For tests, which check that the page fits into its window.
  const measure = () => {
    root.dataset.width = String(innerWidth);
    root.dataset.scrollWidth = String(root.scrollWidth);
  };
  addEventListener("resize", measure);
  measure();
  root.dataset.ready = "true";
})();
