"""Great Expectations' own Data Docs of a run's tables, for those who want them.

Their pages load styles from the network; `moored.report.checks_page` loads nothing.
"""

from __future__ import annotations

from pathlib import Path

from checks import frames
from checks.evidence import Evidence
from checks.suites import BEFORE
from checks.validator import build
from checks.view import View


def write_data_docs(evidence: Evidence, folder: Path) -> Path:
    """Validate the tables of units and generations once more and write their Data Docs; the index page."""
    import great_expectations as gx

    view = View(evidence)
    tables = {"units": frames.units(view), "generations": frames.generations(view)}
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    backend = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)}
    index = {"class_name": "DefaultSiteIndexBuilder"}
    site = {"class_name": "SiteBuilder", "site_index_builder": index, "store_backend": backend}
    context.add_data_docs_site(site_name="moored", site_config=site)
    source = context.data_sources.add_pandas("moored")
    thresholds = evidence.study.checks.model_dump()
    for name, table in tables.items():
        asked = [check for checks in BEFORE.values() for check in checks if check.frame == name]
        expectations = [build(check.expectation, check.filled(thresholds)) for check in asked]
        suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=expectations))
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe(name)
        definition = gx.ValidationDefinition(name=name, data=batch, suite=suite)
        action = gx.checkpoint.UpdateDataDocsAction(name=name, site_names=["moored"])
        checkpoint = gx.Checkpoint(
            name=name,
            validation_definitions=[context.validation_definitions.add(definition)],
            actions=[action],
            result_format={"result_format": "SUMMARY"},
        )
        context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": table})
    return folder / "index.html"
