"""The picture of docs/architecture.md: who imports whom, read from the sources."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("tasks", "train", "compress", "export", "data", "infer")
GROUND = "ground"  # the modules of dwindle beside its rooms
SCRIPT_ROOM = {
    "train_distill": "train",
    "prune_and_quantize": "compress",
    "export_models": "export",
    "infer": "infer",
    "model_student": "export",
}
SAYS = {
    "tasks": "tasks: what is learnt",
    "train": "train: loop, distillation",
    "compress": "compress: prune, quantise",
    "export": "export: files, checks, measuring",
    "data": "data: fetch, verify, check",
    "infer": "infer: answers, never torch",
    GROUND: "ground floor: contracts, metrics,<br>checkpoints, results, errors",
}


def picture() -> str:
    """A Mermaid flowchart: an arrow for each room that another one imports."""
    lines = ["```mermaid", "flowchart TD"]
    lines += [f'    script_{script}["{script}.py"]:::script --> {room}' for script, room in SCRIPT_ROOM.items()]
    lines += [f'    {room}["{text}"]' for room, text in SAYS.items()]
    lines += [f"    {user} --> {used}" for user, used in sorted(room_imports())]
    lines += ["    classDef script fill:#eef,stroke:#88a", "```"]
    return "\n".join(lines) + "\n"


def room_imports() -> set[tuple[str, str]]:
    """Which room imports which other one."""
    found = set()
    for path in (ROOT / "dwindle").rglob("*.py"):
        package, own = module_name(path.parent / "__init__.py"), room_of(module_name(path))
        names = imports_of(path.read_text(encoding="utf-8"), package)
        found |= {(own, room_of(name)) for name in names if name.split(".")[0] == "dwindle"}
    lazy = (GROUND, "infer")  # dwindle.load imports what it loads when it is called
    return {(user, used) for user, used in found if user != used} - {lazy}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(source: str, package: str = "") -> set[str]:
    """Full names of all that a source imports, at the top or inside a function, with `from` names joined on."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            outer = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*outer, *filter(None, [node.module])])
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


def room_of(name: str) -> str:
    """The room of a module of dwindle."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else GROUND
