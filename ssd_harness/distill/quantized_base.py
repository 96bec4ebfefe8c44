"""Base models with quantised weights: adapt the recipe or refuse it before sampling."""

from dataclasses import replace

from ssd_harness.artifacts.base_model import BaseModel, settings_folder
from ssd_harness.engines import quantization
from ssd_harness.errors import UsageError
from ssd_harness.recipe.resolution import Resolved


def unpack_if_quantized(resolved: Resolved, base: BaseModel) -> tuple[Resolved, list[str]]:
    """Set ``dequantize`` in the recipe of a quantised base; return the recipe, and the lines about it for the plan.

    Raises :class:`UsageError` if the base cannot be unpacked, or its quantisation contradicts the recipe.
    """
    folder = base.local or settings_folder(base.name, base.revision)
    method = quantization.method_of(folder) if folder else None
    if folder is None or method is None:
        return resolved, []
    quantization.check_unpacks(folder)
    recipe = resolved.recipe
    on_packed = bool(recipe.lora_quantize)
    if on_packed and not quantization.has_four_bits(folder):
        raise UsageError(
            f"lora_quantize={recipe.lora_quantize} does not go with a base that is quantised already ({method})",
            next_step="leave it out: the base is unpacked, and adapters are trained on that",
        )
    origins = {**resolved.origins, "dequantize": f"the base is quantised ({method})"}
    if not recipe.dequantize:
        resolved = replace(resolved, recipe=replace(recipe, dequantize=True), origins=origins)
    if on_packed:
        words = "adapters are trained on it as it is, and merged into its unpacked weights, stored unquantised"
    else:
        words = "its unpacked weights are trained, and stored unquantised"
    return resolved, [f"  the base is quantised ({method}): {words}"]
