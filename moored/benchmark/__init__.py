"""Does the method do what its paper claims? Tasks, trials, metrics, figures; docs/benchmark.md is the result."""
