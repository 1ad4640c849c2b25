"""What a run leaves for people to see: artifacts with the Prefect server, a page beside the store."""

from prefect import task
from prefect.artifacts import create_image_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from moored.figures import as_data_uri, forest_plot
from moored.monitor.logs import log
from moored.report.files import write_report
from moored.run.estimates import Estimates
from moored.run.record import Report
from moored.run.run import Run


@task(cache_policy=NO_CACHE)
def show_estimates(run: Run, report: Report, estimates: Estimates) -> None:
    """Leave a version's estimates as the artifacts `estimates-<study>` and `forest-<study>`."""
    rows = [row for fit in estimates.every_fit for row in fit.rows()]
    title = f"{report.study}, version {report.version}"
    key = run.study.name.replace("_", "-")
    create_table_artifact(
        table=[
            {
                name: float(f"{value:.4g}") if isinstance(value, float) else value
                for name, value in row.items()
            }
            for row in rows
        ],
        key=f"estimates-{key}",
        description=f"{title}, run {run.run_id}. Headline: {estimates.headline}",
    )
    create_image_artifact(
        image_url=as_data_uri(forest_plot(rows, title, headline=estimates.headline)),
        key=f"forest-{key}",
        description=f"{title}, run {run.run_id}. Bold: the headline; dashed: naive, its bias is in no interval",
    )


@task(cache_policy=NO_CACHE)
def write_version_report(run: Run, report: Report) -> None:
    """Write the version's page, unless the settings want none. Errors: `PageNotWritten`."""
    settings = run.settings
    if settings.reports is None:
        return
    page = write_report(settings.store, report.study, report.version, settings.reports)
    log("report written", study=report.study, run_id=run.run_id, version=report.version, file=str(page))
