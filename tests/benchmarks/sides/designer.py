"""NeMo Data Designer over the same prompts, run by its own Python: `python designer.py URL PROMPTS CONCURRENCY`."""

# ruff: noqa: E402  the environment comes first

import json
import os
import sys
import tempfile
from pathlib import Path

from clock import count_bytes, done, ready

FOLDER = tempfile.TemporaryDirectory(prefix="designer-")
os.environ |= {
    "NEMO_TELEMETRY_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "DATA_DESIGNER_HOME": FOLDER.name,
    "HOME": FOLDER.name,
    "OPENAI_API_KEY": "none",
}

import data_designer.config as dd
import pandas as pd
from data_designer.interface import DataDesigner

count_bytes()

url, prompts, concurrency = sys.argv[1], json.loads(Path(sys.argv[2]).read_text()), int(sys.argv[3])
provider = dd.ModelProvider(name="here", endpoint=url, api_key="none")
settings = dd.ChatCompletionInferenceParams(
    temperature=0.0, max_tokens=40, max_parallel_requests=concurrency, timeout=60
)
model = dd.ModelConfig(
    alias="m", model="m", provider="here", inference_parameters=settings, skip_health_check=True
)
designer = DataDesigner(artifact_path=FOLDER.name, model_providers=[provider])


def answers(some):
    """How many rows have an answer."""
    build = dd.DataDesignerConfigBuilder(model_configs=[model])
    build.with_seed_dataset(dd.DataFrameSeedSource(df=pd.DataFrame({"prompt": some})))
    build.add_column(dd.LLMTextColumnConfig(name="answer", model_alias="m", prompt="{{ prompt }}"))
    return int(designer.create(build, num_records=len(some)).load_dataset()["answer"].notna().sum())


answers(prompts[:8])
ready()
done(answers(prompts), len(prompts))
