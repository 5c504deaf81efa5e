"""WHAT is shrunk: one module per task, holding its data, teacher, student and metric. A new task is one line here."""

from importlib import import_module

from dwindle.task import Task, TaskOptions

TASKS = {
    "spoken_digits": "dwindle.tasks.speech.digits",
    "own_words": "dwindle.tasks.speech.own_words",
}
DEFAULT_TASK = "spoken_digits"


def open_task(name: str, options: TaskOptions) -> Task:
    """The task of that name with its data loaded; only its own module is imported."""
    return import_module(TASKS[name]).open_task(options)


def artifacts_of(name: str) -> str:
    """The folder where a task's stages meet: the default task keeps artifacts/ itself."""
    return "artifacts" if name == DEFAULT_TASK else f"artifacts/{name}"
