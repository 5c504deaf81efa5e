"""What the wheel carries beside dwindle/: the five scripts, for its commands, and the models that are released."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SCRIPTS = ("model_student", "train_distill", "prune_and_quantize", "export_models", "infer")
DEFAULT_TASK = "spoken_digits"  # keeps artifacts/ itself
RELEASED = ("handwritten_digits", "sentiment", "language_model")  # what somebody trained for himself stays at home


class ReleasedFiles(BuildHookInterface):
    """In an editable install the clone's own files serve."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        root = Path(self.root)
        files = {root / f"{name}.py": f"dwindle/scripts/{name}.py" for name in SCRIPTS}
        files |= {path: f"dwindle/released/{task}.onnx" for task, path in released_models(root / "artifacts").items()}
        build_data["force_include"] |= {str(path): inside for path, inside in files.items()}


def released_models(artifacts: Path) -> dict[str, Path]:
    """By task, as far as they are there."""
    folders = {DEFAULT_TASK: artifacts} | {task: artifacts / task for task in RELEASED}
    models = {task: folder / "model_int8.onnx" for task, folder in folders.items()}
    return {task: path for task, path in models.items() if path.is_file()}
