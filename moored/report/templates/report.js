(function () {
  "use strict";
  var root = document.documentElement;
  root.classList.add("live");

  // Tables sort by any column; the header cell says how.
  document.querySelectorAll("table.sortable").forEach(function (table) {
    table.querySelectorAll("thead th").forEach(function (head, column) {
      var button = document.createElement("button");
      button.type = "button";
      button.append.apply(button, Array.from(head.childNodes));
      head.append(button);
      button.addEventListener("click", function () { sort(table, head, column); });
    });
  });

  function keyOf(row, column) {
    var cell = row.cells[column];
    var key = cell.dataset.key !== undefined ? cell.dataset.key : cell.textContent.trim();
    var number = Number(key);
    return key !== "" && !Number.isNaN(number) ? number : key;
  }

  function sort(table, head, column) {
    var up = head.getAttribute("aria-sort") !== "ascending";
    table.querySelectorAll("thead th").forEach(function (one) { one.removeAttribute("aria-sort"); });
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    Array.from(table.tBodies).forEach(function (body) {
      var rows = Array.from(body.rows).filter(function (row) { return !row.classList.contains("group"); });
      rows.sort(function (a, b) {
        var x = keyOf(a, column), y = keyOf(b, column);
        if (x === "" || y === "") { return x === y ? 0 : x === "" ? 1 : -1; }
        var order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
        return up ? order : -order;
      });
      rows.forEach(function (row) { body.append(row); });
    });
  }

  // Units by kind and by words in them.
  var form = document.getElementById("unit-filter");
  if (form) {
    var units = Array.from(document.querySelectorAll(".unit"));
    var told = document.getElementById("unit-count");
    var apply = function () {
      var kind = form.elements.kind.value, wanted = form.elements.words.value.trim().toLowerCase(), count = 0;
      units.forEach(function (unit) {
        var fits = kind === "all" || unit.dataset.kinds.split(" ").indexOf(kind) >= 0;
        fits = fits && (wanted === "" || unit.textContent.toLowerCase().indexOf(wanted) >= 0);
        unit.hidden = !fits;
        count += fits ? 1 : 0;
      });
      told.textContent = count + (count === 1 ? " unit is shown." : " units are shown.");
    };
    form.addEventListener("input", apply);
    form.addEventListener("submit", function (event) { event.preventDefault(); });
    apply();
  }

  // On paper nothing is folded.
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details:not([open])").forEach(function (one) {
      one.open = true;
      one.dataset.folded = "1";
    });
  });
  window.addEventListener("afterprint", function () {
    document.querySelectorAll("details[data-folded]").forEach(function (one) {
      one.open = false;
      delete one.dataset.folded;
    });
  });
})();
