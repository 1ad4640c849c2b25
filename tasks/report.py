"""What a run leaves with the Prefect server for people to see."""

from prefect import task
from prefect.artifacts import create_image_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from moored.figures import as_data_uri, forest_plot
from moored.run.estimates import Estimates
from moored.run.record import Report
from moored.run.run import Run


@task(cache_policy=NO_CACHE)
def show_estimates(run: Run, report: Report, estimates: Estimates) -> None:
    """Leave a version's estimates as the artifacts `estimates-<study>` and `forest-<study>`."""
    rows = estimates.rows()
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
