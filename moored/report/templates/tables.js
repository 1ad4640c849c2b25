(function () {
  "use strict";
  document.documentElement.classList.add("live");

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
})();
