"""Every extension point, in one place.

A plugin is a Python module that implements one or more hooks: functions marked with ``hookimpl``. A hook returns a
list of components: a name, a factory, and how the harness must treat what the factory makes. This module,
``polite.py``, provides ``filter=polite`` and ``filter=polite:WORD``::

    from ssd_harness.extensions.components import Filter
    from ssd_harness.extensions.hookspecs import hookimpl

    def polite(argument, recipe):
        from ssd_harness.distill.filters import keep_if
        from ssd_harness.errors import UsageError

        word = argument or "please"
        if not word.isalpha():
            raise UsageError(f"filter=polite: expected a word, got {word!r}", next_step="write filter=polite:thanks")
        return keep_if(lambda candidate: word in candidate.sample.text, otherwise="impolite")

    @hookimpl
    def ssd_sample_filters():
        return [Filter("polite", polite)]

Its distribution names the module in ``pyproject.toml``::

    [project]
    name = "polite"
    version = "1.0"
    dependencies = ["ssd-harness"]

    [project.entry-points.ssd_harness]
    polite = "polite"

After ``pip install .``, ``ssd-harness doctor`` lists the plugin with its distribution and version. Every plugin is
checked when it is loaded: an unknown or missing field, a value of the wrong type, a factory that cannot be called or a
name that another plugin uses too ends the command with one line that names the plugin, the hook and the field.

To reject an argument, raise ``ssd_harness.errors.UsageError`` in the factory, as above. It is called before anything is
sampled, and the command prints the message without a traceback and exits with code 2. Raise ``InfrastructureError``
(exit code 3) for what is not the user's fault. Any other exception counts as a bug: its traceback goes to a log.

A checkpoint is reused as long as everything that made it is the same. Prompt sources, samplers, filters, trainers and
transforms therefore have a ``version``, which is part of the checkpoint's fingerprint. Change it whenever the same
recipe would give another result. Without one, the version of the distribution and a hash of the Python files of its
package are used, so that every edit makes a new checkpoint. What a factory reads from elsewhere, such as settings or
data, is not part of the hash: give a version, and raise it.
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
