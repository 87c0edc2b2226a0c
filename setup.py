"""Puts the recipes into the package that is built. All else stands in setup.cfg."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithRecipes(build_py):
    """Copies `recipes/` to `seqzoo/recipes/`; an editable install finds them where they are."""

    def run(self):
        super().run()
        for recipe in self._recipes():
            self.mkpath(str(self._target(recipe).parent))
            self.copy_file(str(recipe), str(self._target(recipe)))

    def get_outputs(self, include_bytecode=True):
        targets = [str(self._target(recipe)) for recipe in self._recipes()]
        return super().get_outputs(include_bytecode) + targets

    def _recipes(self) -> list[Path]:
        return [] if self.editable_mode else sorted(Path("recipes").rglob("*.py"))

    def _target(self, recipe: Path) -> Path:
        return Path(self.build_lib, "seqzoo") / recipe


setup(cmdclass={"build_py": BuildWithRecipes})
