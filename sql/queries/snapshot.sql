SELECT written_at, runs, moves FROM snapshot;
