"""edsl over the same prompts, run by its own Python: `python edsl.py URL PROMPTS CONCURRENCY`."""

# ruff: noqa: E402  the environment comes first

import json
import os
import sys
import tempfile
from pathlib import Path

from clock import done, ready

sys.path.remove(str(Path(__file__).parent))  # or this file would be taken for the package
FOLDER = tempfile.TemporaryDirectory(prefix="edsl-")
url, prompts = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
os.chdir(FOLDER.name)
os.environ |= {
    "OPENAI_COMPATIBLE_BASE_URL": url,
    "OPENAI_COMPATIBLE_API_KEY": "none",
    "HOME": FOLDER.name,
    "EDSL_SERVICE_RPM_OPENAI_COMPATIBLE": "10000000",
    "EDSL_SERVICE_TPM_OPENAI_COMPATIBLE": "10000000000",
}

from edsl import Cache, Model, QuestionFreeText, ScenarioList


def answers(some):
    """How many rows have an answer."""
    question = QuestionFreeText(question_name="answer", question_text="{{ scenario.prompt }}")
    model = Model("m", service_name="openai_compatible", temperature=0.0, max_tokens=40, rpm=1e7, tpm=1e10)
    job = question.by(ScenarioList.from_list("prompt", some)).by(model)
    results = job.run(
        disable_remote_inference=True,
        disable_remote_cache=True,
        cache=Cache(),
        progress_bar=False,
        verbose=False,
    )
    return sum(answer is not None for answer in results.select("answer").to_list())


answers(prompts[:8])
ready()
done(answers(prompts), len(prompts))
