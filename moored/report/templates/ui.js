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

  // A page of a study follows its run.
  var running = document.getElementById("running");
  function follow() {
    fetch(running.dataset.progress, { credentials: "omit" }).then(function (answer) {
      return answer.json();
    }).then(function (now) {
      if (now.error) { return; }
      if (running.dataset.was && !now.running) { window.location.reload(); return; }
      running.dataset.was = now.running;
      running.textContent = now.running || "No run is under way.";
      (now.sources || []).forEach(function (source) {
        document.querySelectorAll("#sources tr[data-source]").forEach(function (row) {
          if (row.dataset.source !== source.source) { return; }
          row.querySelectorAll("[data-count]").forEach(function (cell) {
            cell.textContent = source[cell.dataset.count];
          });
        });
      });
    }).catch(function () {
      running.textContent = "The server does not answer: start moored ui again.";
    });
  }
  if (running) { follow(); window.setInterval(follow, 2000); }
})();
