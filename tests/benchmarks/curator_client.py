"""bespokelabs-curator over the same prompts, run by its own Python: `python curator_client.py URL PROMPTS ROWS/S`.

It prints rows a second. tiktoken would fetch its vocabulary from the network: bytes are counted instead,
which is faster.
"""

# ruff: noqa: E402  the environment comes first

import json
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ |= {
    "OPENAI_API_KEY": "none",
    "CURATOR_DISABLE_RICH_DISPLAY": "1",
    "CURATOR_CACHE_DIR": tempfile.mkdtemp(prefix="curator-"),
    "TELEMETRY_ENABLED": "false",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}

import tiktoken


class Bytes:
    """Stands for the vocabulary."""

    def encode(self, text, **_):
        """Four bytes a token."""
        return range(len(text) // 4)


tiktoken.get_encoding = tiktoken.encoding_for_model = lambda *_: Bytes()

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
started = time.perf_counter()
answered = model(prompts)
seconds = time.perf_counter() - started
answers = getattr(answered, "dataset", answered)
assert len(answers) == len(prompts)
sys.stdout.write(f"rows/s {len(prompts) / seconds}\n")
