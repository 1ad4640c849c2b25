(function () {
  "use strict";
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
