-- What the checks say of worlds with a known truth: the share of draws that they stop, and which did.
ALTER TABLE benchmark_worlds ADD COLUMN stopped DOUBLE;
ALTER TABLE benchmark_worlds ADD COLUMN stopped_by VARCHAR[];
