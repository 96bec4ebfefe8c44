"""Every extension point, in one place.

Each hook returns a mapping from a name, as users write it in a recipe or on the command line, to a factory. A plugin is
a module with one or more of these functions, marked with :data:`hookimpl` and named by an entry point of the group
``ssd_harness``::

    from ssd_harness.extensions.hookspecs import hookimpl

    @hookimpl
    def ssd_sample_filters():
        from ssd_harness.distill.filters import keep_if

        def polite(argument, recipe):
            return keep_if(lambda candidate: "please" in candidate.sample.text, otherwise="impolite")

        return {"polite": polite}

A checkpoint is reused only while what made it is the same. So a factory of a prompt source, sampler, filter, trainer or
transform has a version: its attribute ``semantic_version`` or ``version``, which goes up when the same recipe would
make something else; without one, its distribution's version and a hash of all Python files of its package (or of its
single file), so that any edit makes a new checkpoint. What a factory reads from elsewhere (settings, data) is not seen:
give a version and raise it.

Factories are called only when their name is asked for, so a plugin may import what it needs inside them.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pluggy

NAMESPACE = "ssd_harness"
hookspec = pluggy.HookspecMarker(NAMESPACE)
hookimpl = pluggy.HookimplMarker(NAMESPACE)

Factories = Mapping[str, Callable[..., Any]]


@hookspec
def ssd_prompt_sources() -> Factories:  # type: ignore[empty-body]
    """Name → factory of a prompt source: where the questions come from (``distill.contracts.PromptSource``)."""


@hookspec
def ssd_samplers() -> Factories:  # type: ignore[empty-body]
    """Name → factory of a sampler: draws completions from the frozen base model (``distill.contracts.Sampler``)."""


@hookspec
def ssd_sample_filters() -> Factories:  # type: ignore[empty-body]
    """Name → factory of a sample filter: decides which samples are trained on (``distill.contracts.SampleFilter``)."""


@hookspec
def ssd_trainers() -> Factories:  # type: ignore[empty-body]
    """Name → factory of a trainer: turns kept samples into a checkpoint (``distill.contracts.Trainer``)."""


@hookspec
def ssd_transforms() -> Factories:  # type: ignore[empty-body]
    """Name → factory of a whole transform: base model in, checkpoint out (``distill.contracts.Transform``)."""


@hookspec
def ssd_sandboxes() -> Factories:  # type: ignore[empty-body]
    """Name → factory of a sandbox: opens slots that run hostile programs (``sandbox.interface.Sandbox``)."""


@hookspec
def ssd_exporters() -> Factories:  # type: ignore[empty-body]
    """Name → factory of an exporter: writes samples in another tool's format (``distill.contracts.Exporter``)."""
