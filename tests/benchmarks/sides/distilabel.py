"""distilabel over the same prompts, run by its own Python: `python distilabel.py URL PROMPTS CONCURRENCY`."""

# ruff: noqa: E402  the environment comes first

import json
import os
import sys
import tempfile
from pathlib import Path

from clock import done, ready

sys.path.remove(str(Path(__file__).parent))  # or this file would be taken for the package
FOLDER = tempfile.TemporaryDirectory(prefix="distilabel-")
os.environ |= {"HF_HUB_OFFLINE": "1", "HOME": FOLDER.name, "OPENAI_API_KEY": "none"}

from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration


def answers(url, some, concurrency):
    """How many rows have an answer."""
    with Pipeline(cache_dir=FOLDER.name) as pipeline:
        load = LoadDataFromDicts(data=[{"instruction": prompt} for prompt in some], batch_size=concurrency)
        llm = OpenAILLM(
            model="m",
            base_url=url,
            api_key="none",
            generation_kwargs={"temperature": 0.0, "max_new_tokens": 40},
        )
        load >> TextGeneration(llm=llm, input_batch_size=concurrency)
    rows = pipeline.run(use_cache=False)["default"]["train"]
    return sum(answer is not None for answer in rows["generation"])


if __name__ == "__main__":
    prompts, concurrency = json.loads(Path(sys.argv[2]).read_text()), int(sys.argv[3])
    answers(sys.argv[1], prompts[:8], concurrency)
    ready()
    done(answers(sys.argv[1], prompts, concurrency), len(prompts))
