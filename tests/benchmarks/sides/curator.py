"""bespokelabs-curator over the same prompts, run by its own Python: `python curator.py URL PROMPTS CONCURRENCY`."""

# ruff: noqa: E402  the environment comes first

import json
import os
import sys
import tempfile
from pathlib import Path

from clock import count_bytes, done, ready

FOLDER = tempfile.TemporaryDirectory(prefix="curator-")
os.environ |= {
    "OPENAI_API_KEY": "none",
    "CURATOR_DISABLE_RICH_DISPLAY": "1",
    "CURATOR_CACHE_DIR": FOLDER.name,
    "TELEMETRY_ENABLED": "false",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}

count_bytes()

from bespokelabs import curator

url, prompts, concurrency = sys.argv[1], json.loads(Path(sys.argv[2]).read_text()), int(sys.argv[3])
model = curator.LLM(
    model_name="gpt-4o-mini",
    backend="openai",
    backend_params={
        "base_url": url,
        "max_concurrent_requests": concurrency,
        "max_requests_per_minute": 10_000_000,
        "max_tokens_per_minute": 10_000_000_000,
        "require_all_responses": True,
    },
)
model(prompts[:8])  # whatever is done once
ready()
answered = model(prompts)
done(len(getattr(answered, "dataset", answered)), len(prompts))
