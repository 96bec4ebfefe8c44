"""Everything that knows lm-eval: model classes, tasks, the completion of its modules, and its result files."""
