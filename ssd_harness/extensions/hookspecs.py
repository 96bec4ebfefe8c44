"""Every hook that a plugin can implement.

A plugin is a Python module with one or more hooks: functions marked with ``hookimpl``. A hook returns a list of
components. A component has a name, a factory, and fields that tell the harness how to treat the object that the
factory makes. This module, ``polite.py``, provides ``filter=polite`` and ``filter=polite:WORD``::

    from ssd_harness import Filter, hookimpl

    def polite(argument, recipe):
        from ssd_harness import UsageError, keep_if

        word = argument or "please"
        if not word.isalpha():
            raise UsageError(f"filter=polite: expected a word, got {word!r}", next_step="write filter=polite:thanks")
        return keep_if(lambda candidate: word in candidate.sample.text, otherwise="impolite")

    @hookimpl
    def ssd_sample_filters():
        return [Filter("polite", polite)]

Its distribution names the module as an entry point in ``pyproject.toml``::

    [project]
    name = "polite"
    version = "1.0"
    dependencies = ["ssd-harness"]

    [project.entry-points.ssd_harness]
    polite = "polite"

After ``pip install .``, ``ssd-harness doctor`` lists the plugin with its distribution and version. Every plugin is
checked when it is loaded. An unknown or missing field, a value of the wrong type, a factory that cannot be called, or a
name that another plugin also uses ends the command with one line that names the plugin, the hook and the field.

To reject an argument, raise ``UsageError`` in the factory, as above. The command prints the message without a
traceback and exits with code 2. The factories of prompt sources, filters and samplers are called before the first
sample is drawn, that of a trainer after sampling. Raise ``InfrastructureError`` (exit code 3) if something fails that
the user did not cause. Any other exception counts as a bug: its traceback goes to a log.

A checkpoint is reused as long as everything that decides its content is the same. Prompt sources, samplers, filters,
trainers and transforms therefore have a ``version``, which is part of the checkpoint's fingerprint. Change it whenever
the same recipe would give a different result. Without a ``version``, the fingerprint uses the version of the
distribution and a hash of the Python files of the package, so that every edit makes a new checkpoint. The hash does not
cover anything else that a factory reads, such as settings or data files: give a ``version`` then, and raise it.
"""

from collections.abc import Sequence

import pluggy

from ssd_harness.extensions import components

NAMESPACE = "ssd_harness"
"""The entry point group."""
hookspec = pluggy.HookspecMarker(NAMESPACE)
hookimpl = pluggy.HookimplMarker(NAMESPACE)


@hookspec
def ssd_prompt_sources() -> Sequence[components.PromptSource]:  # type: ignore[empty-body]
    """Return sources of prompts."""


@hookspec
def ssd_samplers() -> Sequence[components.Sampler]:  # type: ignore[empty-body]
    """Return samplers, which draw samples from the base model."""


@hookspec
def ssd_sample_filters() -> Sequence[components.Filter]:  # type: ignore[empty-body]
    """Return filters, which decide which samples are trained on."""


@hookspec
def ssd_trainers() -> Sequence[components.Trainer]:  # type: ignore[empty-body]
    """Return trainers, which turn the kept samples into a checkpoint."""


@hookspec
def ssd_transforms() -> Sequence[components.Transform]:  # type: ignore[empty-body]
    """Return whole transforms, from base model to checkpoint."""


@hookspec
def ssd_sandboxes() -> Sequence[components.Sandbox]:  # type: ignore[empty-body]
    """Return sandboxes, which open slots that run hostile programs."""


@hookspec
def ssd_exporters() -> Sequence[components.Exporter]:  # type: ignore[empty-body]
    """Return exporters, which write samples in another tool's format."""


@hookspec
def ssd_engines() -> Sequence[components.Engine]:  # type: ignore[empty-body]
    """Return engines, which generate continuations with a loaded model."""
