"""What ``pyproject.toml`` has no word for: packages from mapped folders, and the start-up hook beside them."""

from pathlib import Path
from typing import Any

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.editable_wheel import editable_wheel

NAME = "ssd_harness_hook.pth"
# Python runs this line at every start. A half-removed package must not make every start complain, hence the guard.
LINE = (
    "import os; exec(\"if not os.environ.get('SSD_HARNESS_NO_HOOK'):\\n"
    ' try:\\n  import ssd_harness.startup_hook\\n except ImportError:\\n  pass")\n'
)


class BuildWithHook(build_py):
    """Put the hook beside the packages, at the top of site-packages."""

    def run(self) -> None:
        """Build the packages, then write the hook."""
        super().run()
        if not self.editable_mode:
            Path(self.build_lib, NAME).write_text(LINE, encoding="ascii")

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Name the hook among the files built."""
        hook = [] if self.editable_mode else [str(Path(self.build_lib, NAME))]
        return [*super().get_outputs(include_bytecode), *hook]


class EditableWithHook(editable_wheel):
    """Put the hook into the editable wheel as well; setuptools has no public place for it."""

    def _run_build_commands(self, dist_name: str, unpacked_wheel: str, *folders: str) -> Any:
        outputs = super()._run_build_commands(dist_name, unpacked_wheel, *folders)
        Path(unpacked_wheel, NAME).write_text(LINE, encoding="ascii")
        return outputs


setup(
    packages=[
        *find_packages(include=["ssd_harness", "ssd_harness.*"]),
        *(f"ssd_harness.{name}" for name in find_packages(include=["plugins", "plugins.*"])),
        "ssd_harness.tasks",
    ],
    cmdclass={"build_py": BuildWithHook, "editable_wheel": EditableWithHook},
)
