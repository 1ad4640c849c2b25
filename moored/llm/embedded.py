"""The process in which the embedded model runs: `python -m moored.llm.embedded '{"gguf": ...}'`.

It prints one JSON line with its address once the model is loaded, and ends when its standard input
closes: so it outlives no parent, not even one that was killed.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def serve(options: dict[str, Any]) -> None:
    """Load the model, say where it listens, stay until standard input closes."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = options["gguf"]
    params.model_alias = {options["name"]}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.offline = True
    params.ui = False
    params.endpoint_slots = False
    params.n_parallel = options["slots"]
    params.n_ctx = options["slots"] * options["context"]
    # Slots of their own: a unified cache would let one long text take the room of all.
    params.kv_unified = False
    # The examples before every text are the same. A request goes to a free slot that saw its examples, and
    # a slot that must change its examples finds them in memory instead of computing them again.
    params.cache_prompt = True
    params.slot_prompt_similarity = 0.5
    params.cache_ram_mib = 256
    params.cache_idle_slots = False
    params.fit_params = False
    params.verbosity = 0
    params.n_threads_http = 2 * options["slots"] + 2
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = options["threads"]
        # Waiting threads sleep: spinning would take the core from the workers.
        cpu.poll = 0
    server = xllamacpp.Server(params)
    print(json.dumps({"url": f"{server.listening_address}/v1"}), flush=True)  # noqa: T201
    while os.read(0, 4096):
        pass
    # llama.cpp's threads may be in the middle of a batch; nothing here needs an orderly end.
    os._exit(0)


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
